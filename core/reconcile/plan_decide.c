/* The plan's second step, answers and limits: see plan.h. */
#include "reconcile/plan_private.h"

#include "base/mem.h"
#include "reconcile/policy_use.h"

#include <stdlib.h>

static bool asks(const struct decision *d)
{
    return d->match == MATCH_FINISHED || d->match == MATCH_GONE;
}

size_t plan_questions(const struct plan *p, size_t *items_r)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (asks(&p->decisions[p->order[i]])) {
            if (items_r != NULL)
                items_r[n] = p->order[i];
            n++;
        }
    return n;
}

/* A Task that somebody deletes again and again comes back at most once in a poll interval. A creation that lies further
 * ahead than that is a clock that was set back: it must not silence the alert. */
static bool recreate_waits(const struct key_fact *key, const struct plan_limits *limits, moment_t now,
                           moment_t *until_r)
{
    moment_t since;
    if (key == NULL || key->created_at == MOMENT_NONE || __builtin_sub_overflow(now, key->created_at, &since))
        return false;
    if (__builtin_add_overflow(key->created_at, limits->poll_interval_us, until_r))
        *until_r = MOMENT_NONE;
    return since < limits->poll_interval_us && since > -limits->poll_interval_us;
}

/* What the item is to have, limits aside: create or retrigger, or why not. */
static void item_decide(struct decision *d, const struct item *item, const struct spawner_facts *facts,
                        const struct plan_answer *answer, const struct plan_limits *limits, moment_t now)
{
    if (d->match == MATCH_NONE) {
        decide(d, VERDICT_CREATE, REASON_CREATE_NEW);
        return;
    }
    switch (answer->kind) {
    case PLAN_ERROR:
        decide(d, VERDICT_ERROR, answer->reason);
        return;
    case PLAN_NEVER:
        decide(d, VERDICT_SKIP, answer->reason != REASON_NONE ? answer->reason : REASON_DEDUP_FINISHED);
        return;
    case PLAN_AT:
        if (answer->at > now) {
            decide(d, VERDICT_WAIT, REASON_WAIT_ELIGIBLE);
            d->eligible_at = answer->at;
            return;
        }
        break;
    case PLAN_NOW:
        break;
    }
    moment_t until = MOMENT_NONE;
    if (d->match == MATCH_FINISHED) {
        decide(d, VERDICT_RETRIGGER, answer->reason != REASON_NONE ? answer->reason : REASON_RETRIGGER_REFIRED);
    } else if (recreate_waits(spawner_facts_key(facts, item->identity), limits, now, &until)) {
        decide(d, VERDICT_WAIT, REASON_WAIT_RECREATE);
        d->eligible_at = until;
    } else {
        decide(d, VERDICT_CREATE, REASON_RECREATE_GONE);
    }
}

static bool to_be_created(const struct decision *d)
{
    return d->verdict == VERDICT_CREATE || d->verdict == VERDICT_RETRIGGER;
}

static bool held_back(const struct decision *d)
{
    return d->verdict == VERDICT_WAIT && (d->reason == REASON_LIMIT_TOTAL || d->reason == REASON_LIMIT_RATE ||
                                          d->reason == REASON_LIMIT_RAMP || d->reason == REASON_LIMIT_CONCURRENCY);
}

/* What waits for a limit keeps its Task name: nobody behind it overtakes it under the same one. */
static bool takes_name(const struct decision *d)
{
    return to_be_created(d) || held_back(d);
}

/* Slots that the item may see. A reserve larger than maxConcurrency leaves the others none. */
static size_t slots_for(const struct item *item, const struct policy_limits *own, size_t max_active)
{
    if (own == NULL || item->priority <= own->reserve_priority)
        return max_active;
    return max_active > own->reserve_slots ? max_active - own->reserve_slots : 0;
}

/* Rate and ramp of one who has limits: his own policy, or the spawner. */
struct holder {
    struct policy_use *use;
    const struct policy_limits *limits; /* NULL: it has none */
    enum reason refuses;
};

static struct holder holder_ask(struct policy_use *use, const struct policy_limits *limits, uint32_t cycles)
{
    return (struct holder){use, limits, limits != NULL ? policy_use_refuses(use, limits, cycles) : REASON_NONE};
}

/* When a rate lets the item go: both must. */
static moment_t rate_wait(const struct holder holders[2], moment_t now)
{
    moment_t at = now;
    for (int i = 0; i < 2; i++) {
        if (holders[i].refuses != REASON_LIMIT_RATE)
            continue;
        moment_t turn = policy_use_wait(holders[i].use, holders[i].limits, now);
        if (turn == MOMENT_NONE || at == MOMENT_NONE)
            at = MOMENT_NONE;
        else if (turn > at)
            at = turn;
    }
    return at;
}

/* The limits, for an item that is to have a Task: it may, or waits for the first of total, rate, ramp, concurrency. */
static void limits_ask(struct plan *p, struct decision *d, const struct item *item, const struct spawner_facts *facts,
                       const struct plan_limits *limits, moment_t now)
{
    const struct policy_limits *own = item->policy < p->n_policies ? &limits->policies[item->policy] : NULL;
    struct holder holders[] = {holder_ask(own != NULL ? &p->use[item->policy] : NULL, own, limits->cycles),
                               holder_ask(p->spawner_use, limits->spawner, limits->cycles)};
    size_t taken = p->n_work - p->n_failed;
    size_t max_total = (size_t)limits->max_total_tasks, max_active = (size_t)limits->max_concurrency;
    size_t slots = slots_for(item, own, max_active), spawner_slots = slots_for(item, limits->spawner, max_active);
    if (spawner_slots < slots)
        slots = spawner_slots;
    bool rate = holders[0].refuses == REASON_LIMIT_RATE || holders[1].refuses == REASON_LIMIT_RATE;
    bool ramp = holders[0].refuses == REASON_LIMIT_RAMP || holders[1].refuses == REASON_LIMIT_RAMP;
    if (own != NULL && own->shadow) {
        decide(d, VERDICT_SKIP, REASON_POLICY_SHADOW);
    } else if (max_total > 0 && facts->total_created + taken >= max_total) {
        decide(d, VERDICT_WAIT, REASON_LIMIT_TOTAL);
    } else if (rate) {
        decide(d, VERDICT_WAIT, REASON_LIMIT_RATE);
        d->eligible_at = rate_wait(holders, now);
    } else if (ramp) {
        decide(d, VERDICT_WAIT, REASON_LIMIT_RAMP);
        if (__builtin_add_overflow(now, limits->poll_interval_us, &d->eligible_at))
            d->eligible_at = MOMENT_NONE;
    } else if (max_active > 0 && p->active + taken >= slots) {
        decide(d, VERDICT_WAIT, REASON_LIMIT_CONCURRENCY);
    } else {
        for (int i = 0; i < 2; i++)
            if (holders[i].use != NULL)
                holders[i].use->given++;
    }
}

static void use_begin(struct plan *p, const struct plan_limits *limits, moment_t now)
{
    if (limits->spawner != NULL) {
        p->spawner_use = xcalloc(1, sizeof *p->spawner_use);
        policy_use_begin(p->spawner_use, limits->spawner, now);
    }
    if (limits->policies == NULL)
        return;
    p->n_policies = limits->n_policies;
    p->use = xcalloc(p->n_policies, sizeof *p->use);
    for (size_t i = 0; i < p->n_policies; i++)
        policy_use_begin(&p->use[i], &limits->policies[i], now);
}

static void use_end(struct plan *p)
{
    if (p->spawner_use != NULL)
        policy_use_end(p->spawner_use);
    for (size_t i = 0; i < p->n_policies; i++)
        policy_use_end(&p->use[i]);
}

void plan_decide(struct plan *p, const struct item *items, const struct spawner_facts *facts,
                 const struct plan_answer *answers, const struct plan_limits *limits, moment_t now)
{
    use_begin(p, limits, now);
    for (size_t i = 0; i < p->n; i++) {
        size_t item = p->order[i];
        struct decision *d = &p->decisions[item];
        const struct plan_answer *answer = asks(d) ? answers++ : NULL;
        if (d->match != MATCH_NONE && answer == NULL)
            continue;
        /* The first of a name is decided before the others; from then on its `leader` is who took the name. */
        struct decision *first = &p->decisions[d->leader];
        if (first != d && takes_name(&p->decisions[first->leader])) {
            decide(d, VERDICT_SKIP, REASON_DEDUP_NAME);
            d->match = MATCH_NAME;
            d->leader = first->leader;
            d->existing = 0;
            continue;
        }
        item_decide(d, &items[item], facts, answer, limits, now);
        if (to_be_created(d))
            limits_ask(p, d, &items[item], facts, limits, now);
        if (to_be_created(d)) {
            xgrow(&p->work, &p->work_cap, p->n_work + 1, sizeof *p->work);
            p->work[p->n_work++] = item;
        }
        if (takes_name(d))
            first->leader = item;
    }
    use_end(p);
    for (size_t i = 0; i < p->n_work; i++)
        p->decisions[p->work[i]].leader = (uint32_t)i;
    free(p->order);
    p->order = NULL;
}

/* What waits for a limit, in its order. */
static uint32_t *held_list(const struct plan *p, const struct item *items, size_t *n_r)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += held_back(&p->decisions[i]);
    uint32_t *held = xcalloc(n, sizeof *held);
    *n_r = n;
    for (size_t i = p->n; i-- > 0;)
        if (held_back(&p->decisions[i]))
            held[--n] = (uint32_t)i;
    if (*n_r > 1)
        qsort_r(held, *n_r, sizeof *held, plan_by_place, (void *)items);
    return held;
}

/* What failed has taken nothing of its policy's limits; who waits is counted anew. */
static void use_again(struct plan *p, const struct item *items, const struct plan_limits *limits, moment_t now,
                      const size_t *failed, size_t n_failed)
{
    if (p->spawner_use != NULL) {
        size_t given = p->spawner_use->given;
        policy_use_begin(p->spawner_use, limits->spawner, now);
        p->spawner_use->given = given - n_failed;
    }
    for (size_t i = 0; i < p->n_policies; i++) {
        size_t given = p->use[i].given;
        policy_use_begin(&p->use[i], &limits->policies[i], now);
        p->use[i].given = given;
    }
    for (size_t i = 0; i < n_failed; i++) {
        size_t policy = items[p->work[failed[i]]].policy;
        if (policy < p->n_policies)
            p->use[policy].given--;
    }
    p->n_failed += n_failed;
}

size_t plan_promote(struct plan *p, const struct item *items, const struct spawner_facts *facts,
                    const struct plan_answer *answers, const uint32_t *answer_of, const struct plan_limits *limits,
                    moment_t now, const size_t *failed, size_t n_failed)
{
    size_t before = p->n_work, n_held;
    uint32_t *held = held_list(p, items, &n_held);
    use_again(p, items, limits, now, failed, n_failed);
    for (size_t i = 0; i < n_held; i++) {
        size_t item = held[i];
        struct decision *d = &p->decisions[item];
        d->eligible_at = MOMENT_NONE;
        item_decide(d, &items[item], facts, asks(d) ? &answers[answer_of[item] - 1] : NULL, limits, now);
        if (to_be_created(d))
            limits_ask(p, d, &items[item], facts, limits, now);
        if (to_be_created(d)) {
            d->leader = (uint32_t)p->n_work;
            xgrow(&p->work, &p->work_cap, p->n_work + 1, sizeof *p->work);
            p->work[p->n_work++] = item;
        }
    }
    use_end(p);
    free(held);
    return p->n_work - before;
}

int32_t plan_work(const struct plan *p, size_t item)
{
    const struct decision *d = &p->decisions[item];
    return to_be_created(d) ? (int32_t)d->leader : PLAN_NO_WORK;
}

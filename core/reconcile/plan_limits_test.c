/* plan: rate, ramp, reserve and shadow. Each rule as a row of a table, then random worlds against a model that finds
 * every time by trying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "reconcile/plan.h"
#include "reconcile/policy_use.h"

#include <stdio.h>
#include <stdlib.h>

#define S    MOMENT_SECOND
#define HOUR (3600 * S)
#define DAY  (24 * HOUR)
#define NONE MOMENT_NONE
#define NOW  (1000000 * S)
#define POLL (120 * S)
enum { ROOM = 8 };

struct want {
    enum verdict verdict;
    enum reason reason;
    moment_t eligible_at; /* 0: MOMENT_NONE */
};
#define GO            {VERDICT_CREATE, REASON_CREATE_NEW, 0}
#define AGAIN         {VERDICT_RETRIGGER, REASON_RETRIGGER_REFIRED, 0}
#define SHADOW        {VERDICT_SKIP, REASON_POLICY_SHADOW, 0}
#define NAME          {VERDICT_SKIP, REASON_DEDUP_NAME, 0}
#define WAITS(r, ...) {VERDICT_WAIT, REASON_LIMIT_##r, __VA_ARGS__ + 0}

/* An item is one letter, its name, in the order of arrival: "a b2 c" with the number of its policy behind it and '!' for
 * priority 10 instead of 100. A small x before the name: an alert whose Task is finished and that fires again; it is
 * given the name after x. */
static const struct row {
    const char *what, *items;
    struct policy_limits policies[3];
    moment_t created[3][ROOM]; /* of each policy, relative to NOW; 0 ends */
    int32_t max_concurrency, max_total;
    uint64_t total_created;
    uint32_t cycles;
    struct policy_limits spawner; /* over all policies */
    moment_t spawner_created[ROOM];
    size_t running; /* other Tasks of the spawner that are unfinished */
    struct want want[ROOM];
} rows[] = {
    {.what = "no limits", .items = "a b", .want = {GO, GO}},

    {.what = "per_hour in one cycle", .items = "a b c", .policies = {{.per_hour = 2}},
     .want = {GO, GO, WAITS(RATE, NOW + HOUR)}},
    {.what = "per_hour with a past", .items = "a b", .policies = {{.per_hour = 2}}, .created = {{-600 * S}},
     .want = {GO, WAITS(RATE, NOW + HOUR - 600 * S)}},
    {.what = "an hour ago is no longer in the hour", .items = "a", .policies = {{.per_hour = 1}}, .created = {{-HOUR}},
     .want = {GO}},
    {.what = "just short of an hour ago is", .items = "a", .policies = {{.per_hour = 1}}, .created = {{-HOUR + 1}},
     .want = {WAITS(RATE, NOW + 1)}},
    {.what = "each who waits has its own turn", .items = "a b c d e", .policies = {{.per_hour = 2}},
     .created = {{-3000 * S, -1000 * S}},
     .want = {WAITS(RATE, NOW + 600 * S), WAITS(RATE, NOW + 2600 * S), WAITS(RATE, NOW + HOUR + 600 * S),
              WAITS(RATE, NOW + HOUR + 2600 * S), WAITS(RATE, NOW + 2 * HOUR + 600 * S)}},
    {.what = "a limit that was lowered: all but limit - 1 must leave", .items = "a", .policies = {{.per_hour = 1}},
     .created = {{-3000 * S, -2000 * S, -1000 * S}}, .want = {WAITS(RATE, NOW + 2600 * S)}},
    {.what = "per_day", .items = "a", .policies = {{.per_day = 1}}, .created = {{-2 * HOUR}},
     .want = {WAITS(RATE, NOW + 22 * HOUR)}},
    {.what = "a day ago is no longer in the day", .items = "a b", .policies = {{.per_day = 1}}, .created = {{-DAY}},
     .want = {GO, WAITS(RATE, NOW + DAY)}},
    {.what = "both: the later counts", .items = "a b", .policies = {{.per_hour = 1, .per_day = 2}},
     .created = {{-20 * HOUR, -1800 * S}}, .want = {WAITS(RATE, NOW + 4 * HOUR), WAITS(RATE, NOW + DAY - 1800 * S)}},
    {.what = "both: the hour is the later", .items = "a b", .policies = {{.per_hour = 1, .per_day = 3}},
     .created = {{-24 * HOUR + S, -600 * S}}, .want = {WAITS(RATE, NOW + 3000 * S), WAITS(RATE, NOW + 3000 * S + HOUR)}},
    {.what = "a creation a little ahead of us counts", .items = "a", .policies = {{.per_hour = 1}}, .created = {{5 * S}},
     .want = {WAITS(RATE, NOW + HOUR + 5 * S)}},
    {.what = "a clock that was set back does not silence a policy", .items = "a",
     .policies = {{.per_hour = 1, .per_day = 1}}, .created = {{2 * DAY}}, .want = {GO}},
    {.what = "retriggers count", .items = "xa xb", .policies = {{.per_hour = 1}},
     .want = {AGAIN, WAITS(RATE, NOW + HOUR)}},
    {.what = "policies do not count each other's", .items = "a0 b1 c1 d0", .policies = {{.per_hour = 1}, {.per_hour = 2}},
     .want = {GO, GO, GO, WAITS(RATE, NOW + HOUR)}},
    {.what = "a policy beyond the list has no limits", .items = "a b7", .policies = {{.per_hour = 1}}, .want = {GO, GO}},
    {.what = "what waits for the rate takes no slot", .items = "a b1", .policies = {{.per_hour = 1}, {0}},
     .created = {{-60 * S}}, .max_concurrency = 1, .max_total = 1, .want = {WAITS(RATE, NOW + HOUR - 60 * S), GO}},
    {.what = "what waits for the rate keeps its name", .items = "a a1", .policies = {{.per_hour = 1}, {0}},
     .created = {{-60 * S}}, .want = {WAITS(RATE, NOW + HOUR - 60 * S), NAME}},
    {.what = "what waits for a slot uses up no rate", .items = "a b! c", .max_concurrency = 1,
     .policies = {{.per_hour = 2}}, .want = {WAITS(CONCURRENCY), GO, WAITS(CONCURRENCY)}},

    {.what = "ramp: the first cycle", .items = "a b c", .policies = {{.ramp = 2}},
     .want = {GO, GO, WAITS(RAMP, NOW + POLL)}},
    {.what = "ramp: doubles", .items = "a b c", .policies = {{.ramp = 1}}, .cycles = 1,
     .want = {GO, GO, WAITS(RAMP, NOW + POLL)}},
    {.what = "ramp: is over", .items = "a b c", .policies = {{.ramp = 1}}, .cycles = RAMP_CYCLES_MAX, .want = {GO, GO, GO}},
    {.what = "ramp: the past does not count", .items = "a b", .policies = {{.ramp = 1}}, .created = {{-S, -S}},
     .want = {GO, WAITS(RAMP, NOW + POLL)}},
    {.what = "ramp: its name stays", .items = "a b b1", .policies = {{.ramp = 1}, {0}},
     .want = {GO, WAITS(RAMP, NOW + POLL), NAME}},

    {.what = "reserve: the last slot is for the important", .items = "a b!", .max_concurrency = 2, .running = 1,
     .policies = {{.reserve_slots = 1, .reserve_priority = 10}}, .want = {WAITS(CONCURRENCY), GO}},
    {.what = "reserve: others fill the rest", .items = "a b c!", .max_concurrency = 3,
     .policies = {{.reserve_slots = 1, .reserve_priority = 10}}, .want = {GO, WAITS(CONCURRENCY), GO}},
    {.what = "reserve: every unfinished Task counts", .items = "a", .max_concurrency = 3, .running = 2,
     .policies = {{.reserve_slots = 1, .reserve_priority = 10}}, .want = {WAITS(CONCURRENCY)}},
    {.what = "reserve: larger than all there is", .items = "a b!", .max_concurrency = 1,
     .policies = {{.reserve_slots = 5, .reserve_priority = 10}}, .want = {WAITS(CONCURRENCY), GO}},
    {.what = "reserve: of no limit is nothing", .items = "a",
     .policies = {{.reserve_slots = 5, .reserve_priority = 10}}, .want = {GO}},

    {.what = "shadow", .items = "a xb", .policies = {{.shadow = true}}, .want = {SHADOW, SHADOW}},
    {.what = "shadow: no limit holds it", .items = "a", .policies = {{.shadow = true, .per_hour = 1}}, .max_total = 1,
     .total_created = 1, .created = {{-S}}, .max_concurrency = 1, .running = 1, .want = {SHADOW}},
    {.what = "shadow: takes no slot, no total", .items = "a b1", .policies = {{.shadow = true}, {0}}, .max_total = 1,
     .max_concurrency = 1, .want = {SHADOW, GO}},
    {.what = "shadow: takes no name", .items = "a a1", .policies = {{.shadow = true}, {0}}, .want = {SHADOW, GO}},

    {.what = "spawner: per_hour over all policies", .items = "a b1 c2", .spawner = {.per_hour = 2},
     .want = {GO, GO, WAITS(RATE, NOW + HOUR)}},
    {.what = "spawner: with a past", .items = "a b1", .spawner = {.per_day = 2}, .spawner_created = {-2 * HOUR},
     .want = {GO, WAITS(RATE, NOW + 22 * HOUR)}},
    {.what = "spawner: the policy's own is the stricter", .items = "a b c1", .policies = {{.per_hour = 1}},
     .spawner = {.per_hour = 2}, .want = {GO, WAITS(RATE, NOW + HOUR), GO}},
    {.what = "spawner: both refuse, the later counts", .items = "a", .policies = {{.per_hour = 1}},
     .created = {{-600 * S}}, .spawner = {.per_day = 1}, .spawner_created = {-600 * S},
     .want = {WAITS(RATE, NOW + DAY - 600 * S)}},
    {.what = "spawner: both refuse, the policy's is later", .items = "a", .policies = {{.per_day = 1}},
     .created = {{-600 * S}}, .spawner = {.per_hour = 1}, .spawner_created = {-600 * S},
     .want = {WAITS(RATE, NOW + DAY - 600 * S)}},
    {.what = "spawner: what a policy holds back uses up nothing", .items = "a b1", .policies = {{.per_hour = 1}},
     .created = {{-S}}, .spawner = {.per_hour = 2}, .spawner_created = {-S},
     .want = {WAITS(RATE, NOW + HOUR - S), GO}},
    {.what = "spawner: ramp", .items = "a b1 c", .policies = {{.ramp = 5}}, .spawner = {.ramp = 2},
     .want = {GO, GO, WAITS(RAMP, NOW + POLL)}},
    {.what = "spawner: rate before ramp, whose ever", .items = "a b", .policies = {{.ramp = 1}},
     .spawner = {.per_hour = 1}, .want = {GO, WAITS(RATE, NOW + HOUR)}},
    {.what = "spawner: reserve", .items = "a b! c1", .spawner = {.reserve_slots = 1, .reserve_priority = 10},
     .max_concurrency = 2, .running = 1, .want = {WAITS(CONCURRENCY), GO, WAITS(CONCURRENCY)}},
    {.what = "spawner: the larger reserve counts", .items = "a b1", .policies = {{.reserve_slots = 3, .reserve_priority = 10}},
     .spawner = {.reserve_slots = 1, .reserve_priority = 10}, .max_concurrency = 3, .want = {WAITS(CONCURRENCY), GO}},
    {.what = "spawner: shadow uses nothing up", .items = "a b1", .policies = {{.shadow = true}, {0}},
     .spawner = {.per_hour = 1}, .want = {SHADOW, GO}},

    {.what = "order: total before rate", .items = "a", .policies = {{.per_hour = 1, .ramp = 1}}, .created = {{-S}},
     .max_total = 1, .total_created = 1, .want = {WAITS(TOTAL)}},
    {.what = "order: rate before ramp", .items = "a b", .policies = {{.per_hour = 1, .ramp = 1}}, .max_concurrency = 1,
     .want = {GO, WAITS(RATE, NOW + HOUR)}},
    {.what = "order: ramp before concurrency", .items = "a b", .policies = {{.per_hour = 5, .ramp = 1}},
     .max_concurrency = 1, .want = {GO, WAITS(RAMP, NOW + POLL)}},
    {.what = "a full rate does not stop the loop", .items = "a b1 c", .policies = {{.per_hour = 1}, {0}},
     .created = {{-S}}, .want = {WAITS(RATE, NOW + HOUR - S), GO, WAITS(RATE, NOW + 2 * HOUR - S)}},
};

static void row_check(const struct row *r)
{
    struct item items[ROOM];
    struct task_fact tasks[2 * ROOM];
    static char names[26][2], others[ROOM][4];
    size_t n = 0, n_tasks = 0, questions[ROOM];
    memset(items, 0, sizeof items);
    memset(tasks, 0, sizeof tasks);
    for (const char *s = r->items; *s; n++) {
        bool finished = *s == 'x';
        s += finished;
        char *name = names[*s - 'a'];
        name[0] = *s++;
        items[n] = (struct item){.fingerprint = n + 1, .identity = n + 1, .name = name, .alert = (uint32_t)n,
                                 .priority = 100};
        if (finished)
            tasks[n_tasks++] =
                (struct task_fact){.name = name, .identity = n + 1, .phase = TASK_FAILED, .owned = true, .completed_at = S};
        if (*s >= '0' && *s <= '9')
            items[n].policy = (uint8_t)(*s++ - '0');
        if (*s == '!') {
            items[n].priority = 10;
            s++;
        }
        while (*s == ' ')
            s++;
    }
    for (size_t i = 0; i < r->running; i++) {
        snprintf(others[i], sizeof others[i], "z%zu", i);
        tasks[n_tasks++] = (struct task_fact){.name = others[i], .phase = TASK_RUNNING, .owned = true};
    }
    struct spawner_facts facts = {.tasks = tasks, .n_tasks = n_tasks, .total_created = r->total_created};
    struct policy_limits policies[3];
    moment_t created[3][ROOM];
    memcpy(policies, r->policies, sizeof policies);
    for (size_t i = 0; i < 3; i++) {
        policies[i].created = created[i];
        while (r->created[i][policies[i].n_created] != 0) {
            created[i][policies[i].n_created] = NOW + r->created[i][policies[i].n_created];
            policies[i].n_created++;
        }
    }
    struct policy_limits spawner = r->spawner;
    moment_t spawner_created[ROOM];
    spawner.created = spawner_created;
    for (; r->spawner_created[spawner.n_created] != 0; spawner.n_created++)
        spawner_created[spawner.n_created] = NOW + r->spawner_created[spawner.n_created];
    struct plan_limits limits = {.max_concurrency = r->max_concurrency, .max_total_tasks = r->max_total,
                                 .poll_interval_us = POLL, .spawner = &spawner, .policies = policies, .n_policies = 3, .cycles = r->cycles};
    struct plan *p = plan_create(items, n, &facts);
    struct plan_answer answers[ROOM];
    size_t asked = plan_questions(p, questions);
    for (size_t i = 0; i < asked; i++)
        answers[i] = (struct plan_answer){.kind = PLAN_NOW};
    plan_decide(p, items, &facts, answers, &limits, NOW);
    for (size_t i = 0; i < n; i++) {
        const struct want *w = &r->want[i];
        const struct decision *d = &p->decisions[i];
        if (d->verdict != w->verdict || d->reason != w->reason)
            fail_msg("%s: item %zu is %s %s, not %s %s", r->what, i, verdict_name(d->verdict), reason_code(d->reason),
                     verdict_name(w->verdict), reason_code(w->reason));
        if (d->eligible_at != (w->eligible_at != 0 ? w->eligible_at : NONE))
            fail_msg("%s: item %zu is eligible at now%+lld us, not now%+lld us", r->what, i,
                     (long long)(d->eligible_at - NOW), (long long)(w->eligible_at - NOW));
    }
    plan_free(&p);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        row_check(&rows[i]);
}

/* The far ends of time, as no sane clock has them. */
static void test_ends_of_time(void **state)
{
    (void)state;
    static const moment_t ends[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 6; j++) {
            struct policy_limits limits = {.per_hour = 1, .per_day = 1, .created = &ends[j], .n_created = 1};
            struct policy_use use;
            policy_use_begin(&use, &limits, ends[i]);
            policy_use_wait(&use, &limits, ends[i]);
            policy_use_wait(&use, &limits, ends[i]);
            policy_use_end(&use);
        }
    struct policy_limits limits = {.ramp = 10000};
    struct policy_use use = {.given = SIZE_MAX};
    assert_int_equal(policy_use_refuses(&use, &limits, RAMP_CYCLES_MAX - 1), REASON_LIMIT_RAMP);
    assert_int_equal(policy_use_refuses(&use, &limits, RAMP_CYCLES_MAX), REASON_NONE);
    assert_int_equal(policy_use_refuses(&use, &limits, UINT32_MAX), REASON_NONE);
}

/* ---- the model ---- */

enum { WORLD = 20, POLICIES = 3, PAST = 12 };
struct world {
    struct item items[WORLD];
    size_t n;
    struct task_fact tasks[4];
    struct spawner_facts facts;
    struct policy_limits policies[POLICIES];
    moment_t created[POLICIES][PAST + WORLD];
    struct plan_limits limits;
};

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}
#define PICK(n) (random_next(seed) % (n))

static int by_time(const void *a, const void *b)
{
    moment_t x = *(const moment_t *)a, y = *(const moment_t *)b;
    return (x > y) - (x < y);
}

static void world_make(struct world *w, uint64_t *seed)
{
    static char names[WORLD + 4][4];
    memset(w, 0, sizeof *w);
    w->n = PICK(WORLD);
    for (size_t i = 0; i < WORLD + 4; i++)
        snprintf(names[i], sizeof names[i], "%02zu", i);
    for (size_t i = 0; i < w->n; i++)
        w->items[i] = (struct item){.fingerprint = i + 1, .identity = i + 1, .name = names[i], .alert = (uint32_t)i,
                                    .priority = (int16_t)PICK(3), .policy = (uint8_t)PICK(POLICIES)};
    w->facts.tasks = w->tasks;
    w->facts.n_tasks = PICK(4);
    for (size_t i = 0; i < w->facts.n_tasks; i++)
        w->tasks[i] = (struct task_fact){.name = names[WORLD + i], .phase = TASK_RUNNING, .owned = true};
    w->facts.total_created = PICK(4);
    for (size_t k = 0; k < POLICIES; k++) {
        struct policy_limits *l = &w->policies[k];
        l->per_hour = PICK(2) ? (uint32_t)PICK(6) : 0;
        l->per_day = PICK(2) ? (uint32_t)PICK(9) : 0;
        l->ramp = PICK(3) == 0 ? (uint32_t)PICK(4) : 0;
        l->reserve_slots = PICK(2) ? (uint32_t)PICK(4) : 0;
        l->reserve_priority = (int16_t)PICK(3);
        l->shadow = PICK(8) == 0;
        l->created = w->created[k];
        l->n_created = PICK(PAST);
        for (size_t i = 0; i < l->n_created; i++) /* many at the same time, some at the edges of the windows */
            w->created[k][i] = NOW - (moment_t)(PICK(2) ? PICK(8) * (HOUR / 4) : PICK(26) * HOUR);
        qsort(w->created[k], l->n_created, sizeof w->created[k][0], by_time);
    }
    w->limits = (struct plan_limits){.max_concurrency = (int32_t)PICK(2) ? (int32_t)PICK(12) : 0,
                                     .max_total_tasks = PICK(3) == 0 ? (int32_t)PICK(12) : 0,
                                     .poll_interval_us = POLL,
                                     .policies = w->policies,
                                     .n_policies = POLICIES,
                                     .cycles = (uint32_t)PICK(3)};
}

static size_t count_in(const moment_t *v, size_t n, moment_t after, moment_t until)
{
    size_t in = 0;
    for (size_t i = 0; i < n; i++)
        in += v[i] > after && v[i] <= until;
    return in;
}

/* May one more be created at `t`, when those of `v` are? */
static bool rate_allows(const struct policy_limits *l, const moment_t *v, size_t n, moment_t t)
{
    return (l->per_hour == 0 || count_in(v, n, t - HOUR, t) < l->per_hour) &&
           (l->per_day == 0 || count_in(v, n, t - DAY, t) < l->per_day);
}

/* The first time, not before `from`, at which it may: windows only empty when something leaves them. */
static moment_t rate_time(const struct policy_limits *l, const moment_t *v, size_t n, moment_t from)
{
    moment_t best = rate_allows(l, v, n, from) ? from : INT64_MAX;
    for (size_t i = 0; i < n; i++)
        for (int day = 0; day < 2; day++) {
            moment_t t = v[i] + (day ? DAY : HOUR);
            if (t >= from && t < best && rate_allows(l, v, n, t))
                best = t;
        }
    return best;
}

struct model {
    enum reason reason;
    moment_t eligible_at;
};

static void model_run(const struct world *w, struct model *m)
{
    moment_t times[POLICIES][PAST + WORLD]; /* of creations: past, of this cycle, expected */
    size_t n[POLICIES], given[POLICIES] = {0}, active = w->facts.n_tasks, total = w->facts.total_created;
    moment_t last[POLICIES];
    for (size_t k = 0; k < POLICIES; k++) {
        n[k] = w->policies[k].n_created;
        memcpy(times[k], w->created[k], sizeof times[k]);
        last[k] = NOW;
    }
    for (int priority = 0; priority < 3; priority++)
        for (size_t i = 0; i < w->n; i++) {
            if (w->items[i].priority != priority)
                continue;
            size_t k = w->items[i].policy;
            const struct policy_limits *l = &w->policies[k];
            size_t slots = (size_t)w->limits.max_concurrency;
            if (priority > l->reserve_priority)
                slots -= l->reserve_slots < slots ? l->reserve_slots : slots;
            m[i] = (struct model){REASON_CREATE_NEW, NONE};
            if (l->shadow) {
                m[i].reason = REASON_POLICY_SHADOW;
            } else if (w->limits.max_total_tasks != 0 && total >= (size_t)w->limits.max_total_tasks) {
                m[i].reason = REASON_LIMIT_TOTAL;
            } else if (last[k] > NOW || !rate_allows(l, times[k], n[k], NOW)) {
                m[i].reason = REASON_LIMIT_RATE;
                m[i].eligible_at = last[k] = times[k][n[k]] = rate_time(l, times[k], n[k], last[k]);
                n[k]++;
            } else if (l->ramp != 0 && given[k] >= l->ramp * (1u << w->limits.cycles)) {
                m[i].reason = REASON_LIMIT_RAMP;
                m[i].eligible_at = NOW + POLL;
            } else if (w->limits.max_concurrency != 0 && active >= slots) {
                m[i].reason = REASON_LIMIT_CONCURRENCY;
            } else {
                total++;
                active++;
                given[k]++;
                times[k][n[k]++] = NOW;
            }
        }
}

static void test_random(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252;
    unsigned seen[REASON_COUNT] = {0};
    for (int round = 0; round < 20000; round++) {
        static struct world w;
        uint64_t at = seed;
        struct model m[WORLD];
        world_make(&w, &seed);
        struct plan *p = plan_create(w.items, w.n, &w.facts);
        plan_decide(p, w.items, &w.facts, NULL, &w.limits, NOW);
        model_run(&w, m);
        for (size_t i = 0; i < w.n; i++) {
            const struct decision *d = &p->decisions[i];
            if (d->reason != m[i].reason)
                fail_msg("seed %llu: item %zu is %s, the model says %s", (unsigned long long)at, i,
                         reason_code(d->reason), reason_code(m[i].reason));
            if (d->eligible_at != m[i].eligible_at)
                fail_msg("seed %llu: item %zu is eligible at now%+lld us, the model says now%+lld us",
                         (unsigned long long)at, i, (long long)(d->eligible_at - NOW),
                         (long long)(m[i].eligible_at - NOW));
            seen[d->reason]++;
        }
        plan_free(&p);
    }
    static const enum reason each[] = {REASON_CREATE_NEW, REASON_POLICY_SHADOW, REASON_LIMIT_TOTAL, REASON_LIMIT_RATE,
                                       REASON_LIMIT_RAMP, REASON_LIMIT_CONCURRENCY};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
        if (seen[each[i]] < 1000)
            fail_msg("%s was seen %u times", reason_code(each[i]), seen[each[i]]);
}

/* What fails makes room: of one policy, the others fare as if the failed ones had not been there. */
static void test_promotion(void **state)
{
    (void)state;
    uint64_t random = 1181783497276652981, *seed = &random;
    unsigned promoted = 0;
    for (int round = 0; round < 20000; round++) {
        static struct world w;
        struct item rest[WORLD];
        size_t at[WORLD], failed[WORLD], n_rest = 0, n_failed = 0;
        bool fails[WORLD] = {false};
        world_make(&w, seed);
        for (size_t i = 0; i < w.n; i++)
            w.items[i].policy = 0;
        struct plan *p = plan_create(w.items, w.n, &w.facts);
        plan_decide(p, w.items, &w.facts, NULL, &w.limits, NOW);
        for (size_t i = 0; i < p->n_work; i++)
            if (PICK(3) == 0) {
                failed[n_failed++] = i;
                fails[p->work[i]] = true;
            }
        size_t before = p->n_work;
        size_t added = plan_promote(p, w.items, &w.facts, NULL, NULL, &w.limits, NOW, failed, n_failed);
        assert_int_equal(p->n_work, before + added);
        promoted += (unsigned)added;
        for (size_t i = 0; i < w.n; i++)
            if (!fails[i]) {
                at[n_rest] = i;
                rest[n_rest++] = w.items[i];
            }
        struct plan *want = plan_create(rest, n_rest, &w.facts);
        plan_decide(want, rest, &w.facts, NULL, &w.limits, NOW);
        assert_int_equal(p->n_work - n_failed, want->n_work);
        for (size_t i = 0; i < n_rest; i++) {
            const struct decision *d = &p->decisions[at[i]], *x = &want->decisions[i];
            if (d->reason != x->reason || d->verdict != x->verdict || d->eligible_at != x->eligible_at)
                fail_msg("round %d: item %zu is %s, without the failed ones %s", round, at[i], reason_code(d->reason),
                         reason_code(x->reason));
            if (d->verdict == VERDICT_CREATE)
                assert_int_equal(p->work[plan_work(p, at[i])], at[i]);
        }
        plan_free(&want);
        plan_free(&p);
    }
    assert_true(promoted > 1000);
}

/* An alert whose Task is finished and that waited, retriggers when there is room: the answer is found again. */
static void test_promotion_asks_nobody_twice(void **state)
{
    (void)state;
    struct task_fact tasks[] = {{.name = "b", .phase = TASK_SUCCEEDED, .owned = true, .completed_at = NOW - HOUR}};
    struct spawner_facts facts = {.tasks = tasks, .n_tasks = 1};
    struct item items[] = {{.fingerprint = 1, .identity = 1, .name = "a", .alert = 0},
                           {.fingerprint = 2, .identity = 2, .name = "b", .alert = 1}};
    struct plan_answer answers[] = {{.kind = PLAN_NOW, .reason = REASON_POLICY_RETRIGGER}};
    const uint32_t answer_of[] = {0, 1};
    struct plan_limits limits = {.max_concurrency = 1, .poll_interval_us = POLL};
    struct plan *p = plan_create(items, 2, &facts);
    plan_decide(p, items, &facts, answers, &limits, NOW);
    assert_int_equal(p->decisions[1].reason, REASON_LIMIT_CONCURRENCY);
    const size_t first = 0;
    assert_int_equal(plan_promote(p, items, &facts, answers, answer_of, &limits, NOW, &first, 1), 1);
    assert_int_equal(p->decisions[1].verdict, VERDICT_RETRIGGER);
    assert_int_equal(p->decisions[1].reason, REASON_POLICY_RETRIGGER);
    plan_free(&p);
}

/* 100,000 that wait for one rate: each has its turn, a window after the one so many places before it. */
static void test_many(void **state)
{
    (void)state;
    enum { N = 100000, AN_HOUR = 10 };
    struct item *items = xcalloc(N, sizeof *items);
    for (size_t i = 0; i < N; i++)
        items[i] = (struct item){.fingerprint = i + 1, .identity = i + 1, .name = "a", .digits = true,
                                 .alert = (uint32_t)i};
    struct spawner_facts facts = {0};
    struct policy_limits policy = {.per_hour = AN_HOUR, .per_day = 100};
    struct plan_limits limits = {.policies = &policy, .n_policies = 1};
    struct plan *p = plan_create(items, N, &facts);
    plan_decide(p, items, &facts, NULL, &limits, NOW);
    assert_int_equal(p->n_work, AN_HOUR);
    for (size_t i = AN_HOUR; i < N; i++)
        assert_int_equal(p->decisions[i].eligible_at, NOW + (moment_t)(i / 100) * DAY + (moment_t)(i % 100 / AN_HOUR) * HOUR);
    plan_free(&p);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_ends_of_time),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_promotion),
        cmocka_unit_test(test_promotion_asks_nobody_twice),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

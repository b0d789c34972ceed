/* From judgements to a plan, from the plan to Tasks: the middle of a cycle. See cycle_private.h. */
#include "spawner/cycle_private.h"

#include "alerts/identity.h"
#include "base/log.h"
#include "base/mem.h"
#include "tasks/task_doc.h"
#include "tasks/task_name.h"

#include <stdlib.h>
#include <string.h>

/* Up to here a Task's default name depends on an alertname: what is longer, or was not kept for display, is read back
 * from the spool. */
enum { ALERTNAME_TRUSTED = 200 };

/* Appends the ID of a kept alert. */
static int make_id(struct cycle *c, size_t alert, const struct judgement *j, struct buf *space, struct buf *id,
                   struct err *e)
{
    const struct alert_record *r = alert_set_at(c->set, alert);
    const char *name = j->key != NULL ? j->key : alert_set_alertname(c->set, r);
    size_t len = strlen(name);
    if (j->key != NULL || (r->alertname != UINT32_MAX && len <= ALERTNAME_TRUSTED)) {
        identity_id(name, len, j->identity, id);
        return 0;
    }
    struct alert a;
    if (alert_set_read(c->set, alert, space, &a, e) != 0)
        return -1;
    struct buf text = {0};
    alert_text(&a, alert_label(&a, "alertname"), &text);
    identity_id(text.data != NULL ? text.data : "", text.len, j->identity, id);
    buf_free(&text);
    return 0;
}

/* The Task's name, or NULL with a sentence why there is none. */
static int make_name(struct cycle *c, size_t alert, const struct judgement *j, struct buf *space, struct buf *id,
                     const char **name_r, bool *digits_r, char **error_r, struct err *e)
{
    char name[TASK_NAME_MAX + 1];
    *name_r = NULL;
    *error_r = NULL;
    const char *rendered = judge_name(c->judge, j);
    if (rendered != NULL) {
        struct err why;
        if (task_name_sanitise(rendered, strlen(rendered), name, &why) != 0) {
            *error_r = arena_strdup(c->strings, why.msg);
            return 0;
        }
    } else {
        buf_clear(id);
        if (make_id(c, alert, j, space, id, e) != 0)
            return -1;
        task_name_default(c->spawner->name, id->data, j->identity, name);
        char tail[1 + IDENTITY_TEXT] = "-";
        identity_format(j->identity, tail + 1);
        size_t len = strlen(name), n = strlen(tail);
        if (len > n && strcmp(name + len - n, tail) == 0) {
            name[len - n] = '\0';
            *digits_r = true;
            *name_r = texts_add(&c->beginnings, name, len - n);
            return 0;
        }
    }
    *name_r = arena_strdup(c->strings, name);
    return 0;
}

_Static_assert(POLICY_FILES_MAX + 1 < UINT8_MAX, "item.policy numbers every policy, and the default one");

/* The number of an answer's policy among those of the items. Neighbours mostly have the same. */
static uint8_t policy_number(struct cycle *c, uint32_t number, uint8_t hint)
{
    if (hint < c->n_policies && c->policy_numbers[hint] == number)
        return hint;
    for (size_t i = 0; i < c->n_policies; i++)
        if (c->policy_numbers[i] == number)
            return (uint8_t)i;
    if (c->n_policies == UINT8_MAX)
        return UINT8_MAX; /* cannot be: it would have no limits */
    c->policy_numbers = xrealloc(c->policy_numbers, (c->n_policies + 1) * sizeof *c->policy_numbers);
    c->policy_numbers[c->n_policies] = number;
    return (uint8_t)c->n_policies++;
}

int cycle_make_items(struct cycle *c, struct err *e)
{
    size_t n = alert_set_len(c->set), kept = 0;
    for (size_t i = 0; i < n; i++)
        kept += alert_set_at(c->set, i)->reason == REASON_NONE && judge_at(c->judge, i)->answer == JUDGED_KEEP;
    c->items = xcalloc(kept, sizeof *c->items);
    if (c->spawner->name_template != NULL)
        c->name_errors = xcalloc(kept, sizeof *c->name_errors);
    struct buf space = {0}, id = {0};
    uint8_t policy = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct alert_record *r = alert_set_at(c->set, i);
        const struct judgement *j = judge_at(c->judge, i);
        if (r->reason != REASON_NONE || j->answer != JUDGED_KEEP)
            continue;
        char *error = NULL;
        struct item *item = &c->items[c->n_items];
        policy = policy_number(c, j->policy, policy);
        *item = (struct item){.fingerprint = r->fingerprint,
                              .identity = j->identity,
                              .priority = j->priority,
                              .starts_at = r->starts_at,
                              .policy = policy,
                              .alert = (uint32_t)i};
        rc = make_name(c, i, j, &space, &id, &item->name, &item->digits, &error, e);
        if (c->name_errors != NULL)
            c->name_errors[c->n_items] = error;
        c->n_items++;
    }
    buf_free(&space);
    buf_free(&id);
    return rc;
}

const struct item *cycle_item(const struct cycle *c, size_t alert, size_t *i_r)
{
    size_t lo = 0, hi = c->n_items;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->items[mid].alert < alert)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo >= c->n_items || c->items[lo].alert != alert)
        return NULL;
    *i_r = lo;
    return &c->items[lo];
}

void cycle_make_questions(struct cycle *c)
{
    c->n_asked = plan_questions(c->plan, NULL);
    if (c->n_asked == 0)
        return;
    c->asked = xcalloc(c->n_asked, sizeof *c->asked);
    c->questions = xcalloc(c->n_asked, sizeof *c->questions);
    c->answers = xcalloc(c->n_asked, sizeof *c->answers);
    c->asked_of = xcalloc(c->n_items, sizeof *c->asked_of);
    plan_questions(c->plan, c->asked);
    for (size_t i = 0; i < c->n_asked; i++) {
        c->asked_of[c->asked[i]] = (uint32_t)i + 1;
        const struct item *item = &c->items[c->asked[i]];
        const struct decision *d = &c->plan->decisions[c->asked[i]];
        const struct key_fact *k = spawner_facts_key(c->facts, item->identity);
        struct retrigger_question *q = &c->questions[i];
        *q = (struct retrigger_question){.alert = item->alert,
                                         .task = "",
                                         .gone = d->match == MATCH_GONE,
                                         .created_at = MOMENT_NONE,
                                         .completed_at = MOMENT_NONE,
                                         .starts_at = MOMENT_NONE,
                                         .trigger_at = plan_trigger_time(c->plan, c->items, c->asked[i])};
        if (k != NULL) {
            q->task = k->task;
            q->phase = k->phase;
            q->created_at = k->created_at;
            q->completed_at = k->completed_at;
            q->starts_at = k->starts_at;
            q->attempts = k->attempts;
        }
        const struct task_fact *existing = plan_existing(c->plan, c->asked[i]);
        if (existing != NULL) { /* what the Task itself says is newer than what we remember */
            q->task = existing->name;
            q->phase = existing->phase;
            q->created_at = existing->created_at;
            q->completed_at = existing->completed_at;
            q->starts_at = existing->starts_at;
        }
    }
}

/* As plan_create chooses who leads. */
static int compare_members(const struct item *x, const struct item *y)
{
#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))
    int r = COMPARE(x->priority, y->priority);
    if (r == 0)
        r = COMPARE(x->starts_at, y->starts_at);
    if (r == 0)
        r = COMPARE(x->fingerprint, y->fingerprint);
    return r != 0 ? r : COMPARE(x->alert, y->alert);
}

/* Puts an item in its place among the first of its group; `have` of them are there. */
static void member_insert(const struct cycle *c, size_t *members, size_t have, size_t item)
{
    size_t at = have < WIRE_MEMBERS_MAX ? have : WIRE_MEMBERS_MAX;
    if (at == WIRE_MEMBERS_MAX && compare_members(&c->items[item], &c->items[members[--at]]) > 0)
        return;
    for (; at > 0 && compare_members(&c->items[item], &c->items[members[at - 1]]) < 0; at--)
        members[at] = members[at - 1];
    members[at] = item;
}

/* The groups that the winners lead: the first WIRE_MEMBERS_MAX of each, in order, the leader first. */
static void groups_make(struct cycle *c)
{
    size_t n = c->plan->n_work, room = 0;
    for (size_t w = 0; w < n; w++) {
        c->winners[w].members = NULL;
        c->winners[w].n_members = c->winners[w].n_group = 0;
    }
    free(c->members);
    c->members = NULL;
    for (size_t i = 0; i < c->n_items; i++) {
        const struct decision *d = &c->plan->decisions[i];
        int32_t w = d->match == MATCH_MEMBER ? plan_work(c->plan, d->leader) : PLAN_NO_WORK;
        if (w != PLAN_NO_WORK)
            c->winners[w].n_group++;
    }
    for (size_t w = 0; w < n; w++) {
        struct compose_question *q = &c->winners[w];
        if (q->n_group++ > 0) { /* the leader is one of them */
            q->n_members = q->n_group < WIRE_MEMBERS_MAX ? q->n_group : WIRE_MEMBERS_MAX;
            room += q->n_members;
        }
    }
    if (room == 0)
        return;
    c->members = xcalloc(room, sizeof *c->members);
    size_t *have = xcalloc(n, sizeof *have), *next = c->members;
    for (size_t w = 0; w < n; w++)
        if (c->winners[w].n_members > 0) {
            c->winners[w].members = next;
            next[have[w]++] = c->plan->work[w];
            next += c->winners[w].n_members;
        }
    for (size_t i = 0; i < c->n_items; i++) {
        const struct decision *d = &c->plan->decisions[i];
        int32_t w = d->match == MATCH_MEMBER ? plan_work(c->plan, d->leader) : PLAN_NO_WORK;
        if (w != PLAN_NO_WORK)
            member_insert(c, (size_t *)c->winners[w].members, have[w]++, i);
    }
    for (size_t i = 0; i < room; i++)
        c->members[i] = c->items[c->members[i]].alert;
    free(have);
}

/* What the policy said of alerts that had a Task, parallel to `asked`. */
static struct plan_answer *answers_make(const struct cycle *c)
{
    struct plan_answer *answers = xcalloc(c->n_asked, sizeof *answers);
    for (size_t i = 0; i < c->n_asked; i++) {
        const struct retrigger_answer *a = &c->answers[i];
        answers[i].kind = a->answer == ANSWER_NOW  ? PLAN_NOW
                          : a->answer == ANSWER_AT ? PLAN_AT
                          : a->answer == ANSWER_ERROR ? PLAN_ERROR
                                                      : PLAN_NEVER;
        answers[i].at = a->at;
        answers[i].reason = a->reason;
    }
    return answers;
}

static struct plan_limits limits_make(const struct cycle *c)
{
    return (struct plan_limits){.max_concurrency = c->spawner->max_concurrency,
                                .max_total_tasks = c->spawner->max_total_tasks,
                                .poll_interval_us = c->spawner->poll_interval_us,
                                .spawner = &c->own_limits,
                                .policies = c->policies,
                                .n_policies = c->n_policies,
                                .cycles = c->run != NULL ? c->run->cycles : 0};
}

/* The questions to ask about the works from `from` on, and places for what becomes of them. */
static void works_open(struct cycle *c, size_t from)
{
    size_t n = c->plan->n_work;
    if (n == from)
        return;
    c->winners = xrealloc(c->winners, n * sizeof *c->winners);
    c->compositions = xrealloc(c->compositions, n * sizeof *c->compositions);
    c->outcomes = xrealloc(c->outcomes, n * sizeof *c->outcomes);
    for (size_t w = from; w < n; w++) {
        size_t i = c->plan->work[w];
        c->winners[w] = (struct compose_question){0};
        c->compositions[w] = (struct composition){0};
        c->outcomes[w] = (struct outcome){0};
        c->winners[w].alert = c->items[i].alert;
        if (c->asked_of != NULL && c->asked_of[i] > 0)
            c->winners[w].last = &c->questions[c->asked_of[i] - 1];
        c->outcomes[w].verdict = c->plan->decisions[i].verdict;
        c->outcomes[w].reason = c->plan->decisions[i].reason;
    }
    groups_make(c);
}

void cycle_decide(struct cycle *c)
{
    struct plan_answer *answers = answers_make(c);
    struct plan_limits limits = limits_make(c);
    plan_decide(c->plan, c->items, c->facts, answers, &limits, c->now);
    free(answers);
    works_open(c, 0);
}

/* A text that cannot be rendered, a Task that would not be valid: what is wrong with this one alert. Not what is over for
 * all of them, such as the cycle's time. */
static bool failed_alone(const struct cycle *c, size_t w)
{
    return c->outcomes[w].verdict == VERDICT_ERROR &&
           (c->compositions[w].ok || c->compositions[w].reason == REASON_ERROR_TEMPLATE);
}

size_t cycle_promote(struct cycle *c, size_t from)
{
    size_t n = c->plan->n_work, n_failed = 0, added = 0;
    size_t *failed = xcalloc(n - from, sizeof *failed);
    for (size_t w = from; w < n; w++)
        if (failed_alone(c, w))
            failed[n_failed++] = w;
    if (n_failed > 0 && c->promotions++ < PROMOTIONS_MAX) {
        struct plan_answer *answers = answers_make(c);
        struct plan_limits limits = limits_make(c);
        added = plan_promote(c->plan, c->items, c->facts, answers, c->asked_of, &limits, c->now, failed, n_failed);
        free(answers);
        works_open(c, n);
    }
    free(failed);
    return added;
}

const struct retrigger_answer *cycle_answer(const struct cycle *c, size_t item)
{
    return c->asked_of != NULL && c->asked_of[item] > 0 ? &c->answers[c->asked_of[item] - 1] : NULL;
}

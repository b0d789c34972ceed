/* From the plan to Tasks and what came of them: see cycle_private.h. */
#include "spawner/cycle_private.h"

#include "base/mem.h"
#include "tasks/task_doc.h"

#include <stdlib.h>

static void work_failed(struct outcome *o, enum reason reason, const char *detail)
{
    o->verdict = VERDICT_ERROR;
    o->reason = reason;
    free(o->detail);
    o->detail = xstrdup(detail);
}

/* The policy's own word on re-firing, if it gave one; else NULL. Into the cycle's arena. */
static const char *own_reason(struct cycle *c, size_t item)
{
    const struct retrigger_answer *a = cycle_answer(c, item);
    if (a == NULL || a->code == NULL)
        return NULL;
    char *s = xasprintf("policy.%s", a->code);
    const char *kept = arena_strdup(c->strings, s);
    free(s);
    return kept;
}

static int make_task(struct cycle *c, size_t w, const char *name, struct buf *space, struct buf *alertname,
                     struct err *e)
{
    struct outcome *o = &c->outcomes[w];
    const struct composition *comp = &c->compositions[w];
    const struct item *item = &c->items[c->plan->work[w]];
    if (!comp->ok) {
        work_failed(o, comp->reason, comp->detail != NULL ? comp->detail : "");
        return 0;
    }
    struct alert a;
    if (alert_set_read(c->set, item->alert, space, &a, e) != 0)
        return -1;
    buf_clear(alertname);
    buf_adds(alertname, "");
    alert_text(&a, alert_label(&a, "alertname"), alertname);
    const struct judgement *j = judge_at(c->judge, item->alert);
    struct task_doc_input in = {
        .spawner = c->spawner,
        .composition = comp,
        .name = name,
        .identity = item->identity,
        .alertname = alertname->data,
        .starts_at = plan_trigger_time(c->plan, c->items, c->plan->work[w]),
        .policy = judge_policy_name(c->judge, j->policy),
        .policy_hash = judge_policy_info(c->judge, j->policy)->hash,
        .reason = o->reason,
        .reason_text = own_reason(c, c->plan->work[w]),
        .credential_pick = item->identity,
    };
    char *warning = NULL;
    struct err why;
    if (task_doc_build(&in, &o->task, &warning, &why) != 0)
        work_failed(o, REASON_ERROR_TASK, why.msg);
    if (warning != NULL) {
        cycle_add_note(c, xasprintf("Task %s: %s", name, warning));
        free(warning);
    }
    return 0;
}

int cycle_make_tasks(struct cycle *c, size_t from, struct err *e)
{
    size_t n = c->plan->n_work;
    c->creates = xrealloc(c->creates, n * sizeof *c->creates);
    c->create_work = xrealloc(c->create_work, n * sizeof *c->create_work);
    struct buf space = {0}, alertname = {0};
    int rc = 0;
    for (size_t w = from; w < n && rc == 0; w++) {
        const struct item *item = &c->items[c->plan->work[w]];
        char made[ITEM_NAME];
        const char *name = arena_strdup(c->strings, item_name(item, made));
        rc = make_task(c, w, name, &space, &alertname, e);
        if (rc != 0 || c->outcomes[w].task == NULL)
            continue;
        const struct task_fact *old = plan_replaces(item, c->facts);
        c->create_work[c->n_creates] = w;
        c->creates[c->n_creates++] = (struct store_create){
            .identity = item->identity,
            .starts_at = plan_trigger_time(c->plan, c->items, c->plan->work[w]),
            .policy = judge_policy_name(c->judge, judge_at(c->judge, item->alert)->policy),
            .name = name,
            .task = c->outcomes[w].task,
            .replace = old != NULL,
            .replace_uid = old != NULL ? old->uid : NULL,
            .replace_resource_version = old != NULL ? old->resource_version : NULL,
        };
    }
    buf_free(&space);
    buf_free(&alertname);
    return rc;
}

void cycle_take_results(struct cycle *c, const struct store_result *results, size_t n)
{
    if (n == c->n_creates + c->n_cancels)
        cycle_take_cancelled(c, results + c->n_creates);
    for (size_t i = 0; i < n && i < c->n_creates; i++) {
        struct outcome *o = &c->outcomes[c->create_work[i]];
        switch (results[i].outcome) {
        case STORE_CREATED:
            break;
        case STORE_EXISTS_OURS:
        case STORE_CHANGED: /* somebody else was faster: the next cycle sees what they did */
            o->verdict = VERDICT_SKIP;
            o->reason = REASON_DEDUP_ACTIVE;
            free(o->detail);
            o->detail = xstrdup(results[i].err.msg);
            break;
        case STORE_DELETING:
            o->verdict = VERDICT_WAIT;
            o->reason = REASON_WAIT_DELETION;
            break;
        case STORE_EXISTS_FOREIGN:
            work_failed(o, REASON_ERROR_COLLISION, results[i].err.msg);
            break;
        case STORE_FAILED:
            work_failed(o, REASON_ERROR_STORE, results[i].err.msg);
            break;
        }
    }
}

/* How many wait for a limit, and when the first of them may come. */
static uint64_t count_limited(const struct cycle *c, moment_t *next_r)
{
    uint64_t n = 0;
    *next_r = MOMENT_NONE;
    for (size_t i = 0; c->plan != NULL && i < c->n_items; i++) {
        const struct decision *d = &c->plan->decisions[i];
        if (d->verdict != VERDICT_WAIT || d->reason < REASON_LIMIT_TOTAL || d->reason > REASON_LIMIT_CONCURRENCY)
            continue;
        n++;
        if (d->eligible_at != MOMENT_NONE && (*next_r == MOMENT_NONE || d->eligible_at < *next_r))
            *next_r = d->eligible_at;
    }
    return n;
}

/* Counts errors and finds the first one's words. */
static uint64_t count_errors(struct cycle *c, char **first_r)
{
    size_t counts[VERDICT_COUNT];
    struct cycle_row row;
    *first_r = NULL;
    cycle_count(c, counts);
    if (counts[VERDICT_ERROR] > 0 && cycle_first_error(c, &row))
        *first_r = xasprintf("%s (%s): %s: %s", row.alertname, row.fingerprint, row.reason, row.detail);
    return counts[VERDICT_ERROR];
}

void cycle_make_status(struct cycle *c)
{
    char *first = NULL;
    uint64_t created = 0;
    for (size_t i = 0; i < c->n_creates; i++)
        created += c->outcomes[c->create_work[i]].verdict <= VERDICT_RETRIGGER;
    struct status_input in = {
        .suspended = c->spawner->suspend,
        .failure = c->failed ? &c->err : NULL,
        .source_failed = c->source_failed,
        .discovered = (int64_t)c->n_items,
        .total_created = (c->facts != NULL ? c->facts->total_created : 0) + created,
        .max_total_tasks = c->spawner->max_total_tasks,
        .now = c->now,
    };
    char *frozen = NULL;
    if (!c->failed && !in.suspended) {
        in.n_errors = count_errors(c, &first);
        in.n_limited = count_limited(c, &in.next_eligible);
        frozen = cycle_frozen(c);
    }
    in.first_error = first;
    in.frozen = frozen;
    in.policy_problem = cycle_policy_problem(c);
    status_make(&in, &c->status);
    free(first);
    free(frozen);
}

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
    if (j->name != NULL) {
        struct err why;
        if (task_name_sanitise(j->name, strlen(j->name), name, &why) != 0) {
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

int cycle_make_items(struct cycle *c, struct err *e)
{
    size_t n = alert_set_len(c->set), kept = 0;
    for (size_t i = 0; i < n; i++)
        kept += alert_set_at(c->set, i)->reason == REASON_NONE && judge_at(c->judge, i)->answer == JUDGED_KEEP;
    c->items = xcalloc(kept, sizeof *c->items);
    if (c->spawner->name_template != NULL)
        c->name_errors = xcalloc(kept, sizeof *c->name_errors);
    struct buf space = {0}, id = {0};
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct alert_record *r = alert_set_at(c->set, i);
        const struct judgement *j = judge_at(c->judge, i);
        if (r->reason != REASON_NONE || j->answer != JUDGED_KEEP)
            continue;
        char *error = NULL;
        struct item *item = &c->items[c->n_items];
        *item = (struct item){.fingerprint = r->fingerprint,
                              .identity = j->identity,
                              .priority = j->priority,
                              .starts_at = r->starts_at,
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
                                         .trigger_at = d->trigger_time};
        if (k != NULL) {
            q->task = k->task;
            q->phase = k->phase;
            q->created_at = k->created_at;
            q->completed_at = k->completed_at;
            q->starts_at = k->starts_at;
            q->attempts = k->attempts;
        }
        if (d->existing != NULL) { /* what the Task itself says is newer than what we remember */
            q->task = d->existing->name;
            q->phase = d->existing->phase;
            q->created_at = d->existing->created_at;
            q->completed_at = d->existing->completed_at;
            q->starts_at = d->existing->starts_at;
        }
    }
}

void cycle_decide(struct cycle *c)
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
    struct plan_limits limits = {.max_concurrency = c->spawner->max_concurrency,
                                 .max_total_tasks = c->spawner->max_total_tasks,
                                 .poll_interval_us = c->spawner->poll_interval_us};
    plan_decide(c->plan, c->items, c->facts, answers, &limits, c->now);
    free(answers);
    size_t n = c->plan->n_work;
    if (n == 0)
        return;
    c->winners = xcalloc(n, sizeof *c->winners);
    c->compositions = xcalloc(n, sizeof *c->compositions);
    c->outcomes = xcalloc(n, sizeof *c->outcomes);
    c->work_of = xcalloc(c->n_items, sizeof *c->work_of);
    for (size_t w = 0; w < n; w++) {
        size_t i = c->plan->work[w];
        c->winners[w].alert = c->items[i].alert;
        c->work_of[i] = (uint32_t)w + 1;
        c->outcomes[w].verdict = c->plan->decisions[i].verdict;
        c->outcomes[w].reason = c->plan->decisions[i].reason;
    }
}

static void work_failed(struct outcome *o, enum reason reason, const char *detail)
{
    o->verdict = VERDICT_ERROR;
    o->reason = reason;
    free(o->detail);
    o->detail = xstrdup(detail);
}

const struct retrigger_answer *cycle_answer(const struct cycle *c, size_t item)
{
    return c->asked_of != NULL && c->asked_of[item] > 0 ? &c->answers[c->asked_of[item] - 1] : NULL;
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
        .starts_at = c->plan->decisions[c->plan->work[w]].trigger_time,
        .policy = judge_policy_name(c->judge, j->policy),
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

int cycle_make_tasks(struct cycle *c, struct err *e)
{
    size_t n = c->plan->n_work;
    c->creates = xcalloc(n, sizeof *c->creates);
    c->create_work = xcalloc(n, sizeof *c->create_work);
    struct buf space = {0}, alertname = {0};
    int rc = 0;
    for (size_t w = 0; w < n && rc == 0; w++) {
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
            .starts_at = c->plan->decisions[c->plan->work[w]].trigger_time,
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
    if (!c->failed && !in.suspended)
        in.n_errors = count_errors(c, &first);
    in.first_error = first;
    in.policy_problem = cycle_policy_problem(c);
    status_make(&in, &c->status);
    free(first);
}

/* Tasks that have not started and whose alerts have resolved: their policy may cancel them. See cycle_private.h. */
#include "spawner/cycle_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static bool waits(const struct task_fact *t)
{
    return t->owned && !t->deleting && t->identity != 0 &&
           (t->phase == TASK_NEW || t->phase == TASK_PENDING || t->phase == TASK_WAITING);
}

static int by_identity(const void *a, const void *b)
{
    const struct task_fact *x = *(const struct task_fact *const *)a, *y = *(const struct task_fact *const *)b;
    return x->identity != y->identity ? (x->identity > y->identity) - (x->identity < y->identity)
                                      : strcmp(x->name, y->name);
}

/* The Tasks whose identity no alert of this cycle has: those with an item drop out, in the order of identities. */
static size_t without_items(const struct cycle *c, const struct task_fact **tasks, size_t n)
{
    bool *wanted = xcalloc(n + 1, sizeof *wanted);
    for (size_t i = 0; i < c->n_items; i++) {
        size_t low = 0, high = n;
        while (low < high) {
            size_t mid = low + (high - low) / 2;
            if (tasks[mid]->identity < c->items[i].identity)
                low = mid + 1;
            else
                high = mid;
        }
        for (; low < n && tasks[low]->identity == c->items[i].identity; low++)
            wanted[low] = true;
    }
    size_t left = 0;
    for (size_t i = 0; i < n; i++)
        if (!wanted[i])
            tasks[left++] = tasks[i];
    free(wanted);
    return left;
}

static bool asks(const struct cycle *c, const struct task_fact *t)
{
    const struct policy_info *policy = judge_policy_named(c->judge, t->policy);
    return policy != NULL && policy->on_resolve && episodes_identity_resolved(c->memory->episodes, t->identity);
}

void cycle_make_resolve_questions(struct cycle *c)
{
    const struct task_fact **tasks = xcalloc(c->facts->n_tasks, sizeof *tasks);
    size_t n = 0;
    for (size_t i = 0; i < c->facts->n_tasks; i++)
        if (waits(&c->facts->tasks[i]))
            tasks[n++] = &c->facts->tasks[i];
    if (n > 0)
        qsort(tasks, n, sizeof *tasks, by_identity);
    n = without_items(c, tasks, n);
    for (size_t i = 0; i < n; i++)
        if (asks(c, tasks[i]))
            tasks[c->n_resolve++] = tasks[i];
    c->resolve_tasks = tasks;
    c->resolve_questions = xcalloc(c->n_resolve, sizeof *c->resolve_questions);
    c->resolve_answers = xcalloc(c->n_resolve, sizeof *c->resolve_answers);
    for (size_t i = 0; i < c->n_resolve; i++) {
        const struct task_fact *t = tasks[i];
        const struct key_fact *k = spawner_facts_key(c->facts, t->identity);
        c->resolve_questions[i] = (struct resolve_question){
            .policy = t->policy,
            .alertname = t->alertname != NULL ? t->alertname : "",
            .identity = t->identity,
            .starts_at = t->starts_at,
            .task = t->name,
            .phase = t->phase,
            .created_at = t->created_at,
            .attempts = k != NULL ? k->attempts : 0,
        };
    }
}

void cycle_take_resolve_answers(struct cycle *c)
{
    c->endings = xcalloc(c->n_resolve, sizeof *c->endings);
    c->cancels = xcalloc(c->n_resolve, sizeof *c->cancels);
    c->cancel_ending = xcalloc(c->n_resolve, sizeof *c->cancel_ending);
    for (size_t i = 0; i < c->n_resolve; i++) {
        const struct resolve_answer *a = &c->resolve_answers[i];
        const struct task_fact *t = c->resolve_tasks[i];
        if (a->answer == RESOLVE_KEEP)
            continue;
        struct ending *end = &c->endings[c->n_endings++];
        *end = (struct ending){.task = t,
                               .verdict = a->answer == RESOLVE_CANCEL_PENDING ? VERDICT_CANCEL : VERDICT_ERROR,
                               .reason = a->reason,
                               .detail = a->detail,
                               .answer = a};
        if (end->verdict == VERDICT_ERROR)
            continue;
        if (a->reason == REASON_NONE)
            end->reason = REASON_RESOLVE_CANCELLED;
        c->cancel_ending[c->n_cancels] = c->n_endings - 1;
        c->cancels[c->n_cancels++] =
            (struct store_cancel){.name = t->name, .uid = t->uid, .resource_version = t->resource_version};
    }
}

void cycle_take_cancelled(struct cycle *c, const struct store_result *results)
{
    for (size_t i = 0; i < c->n_cancels; i++) {
        struct ending *end = &c->endings[c->cancel_ending[i]];
        switch (results[i].outcome) {
        case STORE_CREATED: /* it is gone */
            break;
        case STORE_FAILED:
            end->verdict = VERDICT_ERROR;
            end->reason = REASON_ERROR_STORE;
            end->detail = arena_strdup(c->strings, results[i].err.msg);
            break;
        default: /* it was faster: that is no error */
            end->verdict = VERDICT_SKIP;
            end->reason = REASON_DEDUP_ACTIVE;
            end->detail = "it has started, or is another one now";
            cycle_add_note(c, xasprintf("Task %s is not cancelled: it has started, or is another one now", end->task->name));
            break;
        }
    }
}

/* The plan's first step, groups and the join with the store: see plan.h.
 *
 * `order` is sorted three times, by identity (groups), by name (shared Task names), and at last by (priority, arrival):
 * joins without another table, n log n, and nothing a hostile alert could make quadratic. */
#include "reconcile/plan_private.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_place(const struct item *items, size_t x, size_t y)
{
    int c = COMPARE(items[x].priority, items[y].priority);
    if (c == 0)
        c = COMPARE(items[x].alert, items[y].alert);
    return c != 0 ? c : COMPARE(x, y);
}

int plan_by_place(const void *a, const void *b, void *items)
{
    return compare_place(items, *(const uint32_t *)a, *(const uint32_t *)b);
}

/* The first of an identity leads its group. */
static int by_identity(const void *a, const void *b, void *arg)
{
    const struct item *items = arg, *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
    int c = COMPARE(x->identity, y->identity);
    if (c == 0)
        c = COMPARE(x->priority, y->priority);
    if (c == 0)
        c = COMPARE(x->starts_at, y->starts_at);
    if (c == 0)
        c = COMPARE(x->fingerprint, y->fingerprint);
    return c != 0 ? c : compare_place(items, *(const uint32_t *)a, *(const uint32_t *)b);
}

const char *item_name(const struct item *item, char space[ITEM_NAME])
{
    if (item->name == NULL || !item->digits)
        return item->name;
    snprintf(space, ITEM_NAME, "%s-%016" PRIx64, item->name, item->identity);
    return space;
}

/* Items whose names end in their digits have no namesake among leaders, so they are never compared. */
static int by_name(const void *a, const void *b, void *arg)
{
    const struct item *items = arg;
    size_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int c = strcmp(items[x].name, items[y].name);
    return c != 0 ? c : compare_place(items, x, y);
}

static void groups_find(struct plan *p, const struct item *items)
{
    qsort_r(p->order, p->n, sizeof *p->order, by_identity, (void *)items);
    for (size_t i = 0, end; i < p->n; i = end) {
        size_t lead = p->order[i];
        struct decision *leader = &p->decisions[lead];
        leader->earliest = (uint32_t)lead;
        for (end = i + 1; end < p->n && items[p->order[end]].identity == items[lead].identity; end++) {
            struct decision *d = &p->decisions[p->order[end]];
            decide(d, VERDICT_SKIP, REASON_GROUP_MEMBER);
            d->match = MATCH_MEMBER;
            d->leader = (uint32_t)lead;
            if (items[p->order[end]].starts_at < items[leader->earliest].starts_at)
                leader->earliest = p->order[end];
        }
    }
}

/* Until plan_decide, a leader's `leader` is the first item of its Task name (often itself). */
static void names_find(struct plan *p, const struct item *items)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        struct decision *d = &p->decisions[i];
        if (d->match == MATCH_MEMBER)
            continue;
        d->leader = (uint32_t)i;
        if (items[i].name != NULL) {
            if (!items[i].digits)
                p->order[n++] = (uint32_t)i;
            continue;
        }
        decide(d, VERDICT_ERROR, REASON_ERROR_NAME);
        d->match = MATCH_BAD_NAME;
    }
    qsort_r(p->order, n, sizeof *p->order, by_name, (void *)items);
    for (size_t i = 1; i < n; i++) {
        size_t before = p->order[i - 1], here = p->order[i];
        if (strcmp(items[before].name, items[here].name) == 0)
            p->decisions[here].leader = p->decisions[before].leader;
    }
}

/* Owned Tasks that say their identity, sorted by it. */
struct task_index {
    const struct task_fact **tasks;
    size_t n;
};

static int by_task_identity(const void *a, const void *b)
{
    const struct task_fact *x = *(const struct task_fact *const *)a, *y = *(const struct task_fact *const *)b;
    int c = COMPARE(x->identity, y->identity);
    return c != 0 ? c : strcmp(x->name, y->name);
}

static size_t task_index_first(const struct task_index *index, uint64_t identity)
{
    size_t low = 0, high = index->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (index->tasks[mid]->identity < identity)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Which of two Tasks of an item says more: a running one, then one being deleted, then the one that finished last. One
 * that finished without saying when counts as the last, because whether the alert fired after it cannot be known. */
static bool says_more(const struct task_fact *x, const struct task_fact *than)
{
    if (than == NULL)
        return true;
    bool x_done = task_phase_terminal(x->phase), than_done = task_phase_terminal(than->phase);
    int c = COMPARE(!x_done && !x->deleting, !than_done && !than->deleting);
    if (c == 0)
        c = COMPARE(x->deleting, than->deleting);
    if (c == 0)
        c = COMPARE(x->completed_at == MOMENT_NONE, than->completed_at == MOMENT_NONE);
    if (c == 0)
        c = COMPARE(x->completed_at, than->completed_at);
    return c > 0;
}

static uint32_t number_of(const struct spawner_facts *facts, const struct task_fact *task)
{
    return task != NULL ? (uint32_t)(task - facts->tasks) + 1 : 0;
}

static void store_join(struct decision *d, const struct item *item, const struct spawner_facts *facts,
                       const struct task_index *index)
{
    char space[ITEM_NAME];
    const struct task_fact *task = spawner_facts_task(facts, item_name(item, space));
    d->existing = number_of(facts, task);
    if (task != NULL && !task->owned) {
        decide(d, VERDICT_ERROR, REASON_ERROR_COLLISION);
        d->match = MATCH_FOREIGN;
        return;
    }
    for (size_t i = task_index_first(index, item->identity);
         i < index->n && index->tasks[i]->identity == item->identity; i++)
        if (says_more(index->tasks[i], task))
            task = index->tasks[i];
    d->existing = number_of(facts, task);
    if (task == NULL) {
        d->match = spawner_facts_key(facts, item->identity) != NULL ? MATCH_GONE : MATCH_NONE;
    } else if (task->deleting) {
        decide(d, VERDICT_WAIT, REASON_WAIT_DELETION);
        d->match = MATCH_DELETING;
    } else if (!task_phase_terminal(task->phase)) {
        decide(d, VERDICT_SKIP, REASON_DEDUP_ACTIVE);
        d->match = MATCH_ACTIVE;
    } else {
        d->match = MATCH_FINISHED;
    }
}

struct plan *plan_create(const struct item *items, size_t n, const struct spawner_facts *facts)
{
    struct plan *p = xcalloc(1, sizeof *p);
    p->n = n;
    p->facts = facts;
    p->decisions = xcalloc(n, sizeof *p->decisions);
    p->order = xcalloc(n, sizeof *p->order);
    for (size_t i = 0; i < n; i++) {
        p->order[i] = (uint32_t)i;
        p->decisions[i] =
            (struct decision){.verdict = VERDICT_SKIP, .earliest = (uint32_t)i, .eligible_at = MOMENT_NONE};
    }
    groups_find(p, items);
    names_find(p, items);

    struct task_index index = {.tasks = xcalloc(facts->n_tasks, sizeof *index.tasks)};
    for (size_t i = 0; i < facts->n_tasks; i++) {
        const struct task_fact *task = &facts->tasks[i];
        if (!task->owned)
            continue;
        if (task->deleting || !task_phase_terminal(task->phase))
            p->active++;
        if (task->identity != 0)
            index.tasks[index.n++] = task;
    }
    if (index.n > 0)
        qsort(index.tasks, index.n, sizeof *index.tasks, by_task_identity);
    for (size_t i = 0; i < n; i++)
        if (p->decisions[i].match == MATCH_NONE)
            store_join(&p->decisions[i], &items[i], facts, &index);
    free(index.tasks);

    for (size_t i = 0; i < n; i++)
        p->order[i] = (uint32_t)i;
    qsort_r(p->order, n, sizeof *p->order, plan_by_place, (void *)items);
    return p;
}

moment_t plan_trigger_time(const struct plan *p, const struct item *items, size_t item)
{
    return items[p->decisions[item].earliest].starts_at;
}

const struct task_fact *plan_existing(const struct plan *p, size_t item)
{
    uint32_t number = p->decisions[item].existing;
    return number > 0 ? &p->facts->tasks[number - 1] : NULL;
}

const struct task_fact *plan_replaces(const struct item *item, const struct spawner_facts *facts)
{
    char space[ITEM_NAME];
    const struct task_fact *task = spawner_facts_task(facts, item_name(item, space));
    return task != NULL && task->owned ? task : NULL;
}

void plan_free(struct plan **p)
{
    if (*p == NULL)
        return;
    free((*p)->decisions);
    free((*p)->order);
    free((*p)->work);
    free((*p)->use);
    free((*p)->spawner_use);
    free(*p);
    *p = NULL;
}

/* What one side does otherwise: see difference.h. */
#include "replay/difference.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

const char *change_name(enum change c)
{
    static const char *const names[] = {"added", "removed", "retimed"};
    return names[c];
}

/* A Task, and what it is known by on both sides. */
struct known {
    const struct history *side;
    const struct task_history *task;
    const char *who;
    uint64_t fingerprint;
    bool paired;
};

static int by_identity(const void *a, const void *b)
{
#define COMPARE(x, y) (((x) > (y)) - ((x) < (y)))
    const struct known *x = a, *y = b;
    int r = strcmp(x->who, y->who);
    if (r == 0)
        r = COMPARE(x->fingerprint, y->fingerprint);
    if (r == 0)
        r = COMPARE(x->task->starts_at, y->task->starts_at);
    return r;
}

static int by_identity_and_time(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    int r = by_identity(a, b);
    if (r == 0)
        r = COMPARE(x->task->at, y->task->at);
    return r != 0 ? r : COMPARE(x->task, y->task); /* of one history */
}

static struct known *known_make(const struct history *h, size_t *n_r)
{
    struct known *v = xcalloc(h->n_tasks + 1, sizeof *v);
    *n_r = 0;
    for (size_t i = 0; i < h->n_tasks; i++)
        if (h->tasks[i].verdict != VERDICT_SKIP)
            v[(*n_r)++] = (struct known){.side = h,
                                         .task = &h->tasks[i],
                                         .who = h->spawners[h->tasks[i].spawner].who,
                                         .fingerprint = h->alerts[h->tasks[i].alert].fingerprint};
    if (*n_r > 0)
        qsort(v, *n_r, sizeof *v, by_identity_and_time);
    return v;
}

static struct side_reason reason_of_task(const struct task_history *t)
{
    return (struct side_reason){.task = t, .verdict = t->verdict, .reason = t->reason, .detail = t->detail,
                                .policy = t->policy, .where = t->where};
}

/* What the other side decided of that alert at that time. */
static struct side_reason reason_without(const struct history *h, const struct known *k)
{
    for (uint32_t s = 0; s < h->n_spawners; s++) {
        if (strcmp(h->spawners[s].who, k->who) != 0)
            continue;
        const struct alert_history *a = history_alert(h, s, k->fingerprint);
        const struct stretch *x = a != NULL ? history_at(a, k->task->at) : NULL;
        if (x != NULL)
            return (struct side_reason){.verdict = x->verdict, .reason = x->reason, .detail = x->detail, .policy = x->policy,
                                        .where = x->where};
    }
    return (struct side_reason){.verdict = VERDICT_SKIP, .reason = "", .detail = "", .policy = "", .where = "", .unseen = true};
}

static void add(struct differences *d, size_t *cap, enum change change, const struct known *of, struct side_reason ours,
                struct side_reason theirs)
{
    xgrow(&d->v, cap, d->n + 1, sizeof *d->v);
    d->v[d->n++] = (struct difference){
        .change = change,
        .who = of->who,
        .fingerprint = of->fingerprint,
        .alertname = of->side->alerts[of->task->alert].alertname,
        .at = of->task->at,
        .ours = ours,
        .theirs = theirs,
    };
    d->by_change[change]++;
}

static bool same_time(const struct known *x, const struct known *y)
{
    return llabs(x->task->at - y->task->at) < MOMENT_SECOND;
}

/* Tasks of one alert and one startsAt: those of one moment are the same; what is left pairs in order. */
static void compare(struct differences *d, size_t *cap, struct known *x, size_t n, struct known *y, size_t m,
                    const struct history *ours, const struct history *theirs)
{
    for (size_t i = 0, k = 0; i < n && k < m;) {
        if (same_time(&x[i], &y[k]))
            x[i++].paired = y[k++].paired = true;
        else if (x[i].task->at < y[k].task->at)
            i++;
        else
            k++;
    }
    for (size_t i = 0, k = 0; i < n || k < m;) {
        if (i < n && x[i].paired)
            i++;
        else if (k < m && y[k].paired)
            k++;
        else if (i < n && k < m) {
            add(d, cap, CHANGE_RETIMED, &x[i], reason_of_task(x[i].task), reason_of_task(y[k].task));
            i++, k++;
        } else if (i < n) {
            add(d, cap, CHANGE_ADDED, &x[i], reason_of_task(x[i].task), reason_without(theirs, &x[i]));
            i++;
        } else {
            add(d, cap, CHANGE_REMOVED, &y[k], reason_without(ours, &y[k]), reason_of_task(y[k].task));
            k++;
        }
    }
}

static size_t run_length(const struct known *v, size_t n)
{
    size_t len = n > 0;
    while (len < n && by_identity(v, v + len) == 0)
        len++;
    return len;
}

static int by_time(const void *a, const void *b)
{
    const struct difference *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    int r = strcmp(x->who, y->who);
    if (r == 0)
        r = COMPARE(x->fingerprint, y->fingerprint);
    return r != 0 ? r : COMPARE(x->change, y->change);
}

void differences_make(const struct history *ours, const struct history *theirs, struct differences *d)
{
    size_t n, m, cap = 0;
    struct known *x = known_make(ours, &n), *y = known_make(theirs, &m);
    *d = (struct differences){0};
    for (size_t i = 0, k = 0; i < n || k < m;) {
        int r = i == n ? 1 : k == m ? -1 : by_identity(&x[i], &y[k]);
        size_t len = r <= 0 ? run_length(x + i, n - i) : 0, len_theirs = r >= 0 ? run_length(y + k, m - k) : 0;
        compare(d, &cap, x + i, len, y + k, len_theirs, ours, theirs);
        i += len;
        k += len_theirs;
    }
    if (d->n > 0)
        qsort(d->v, d->n, sizeof *d->v, by_time);
    free(x);
    free(y);
}

void differences_deinit(struct differences *d)
{
    free(d->v);
    *d = (struct differences){0};
}

/* What a replay was like: see history.h. */
#include "replay/history.h"

#include "base/buf.h"
#include "base/mem.h"
#include "alerts/intern.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 1024 };

/* By hash: alerts by (spawner, fingerprint), the newest Task by (namespace, name). */
struct history_index {
    struct intern *strings;
    uint32_t *buckets; /* number of the alert + 1 */
    size_t n_buckets;
    uint32_t *tasks;   /* open ones: few */
    size_t n_tasks, cap_tasks;
    uint64_t *seen;    /* by alert: the cycle that saw it last */
    size_t cap_seen;
    uint64_t cycle;
};

static const char *keep(struct history *h, const char *s)
{
    uint32_t number;
    if (s == NULL || *s == '\0' || intern_add(h->index->strings, s, strlen(s), &number) != 0)
        return "";
    return intern_text(h->index->strings, number);
}

struct history *history_create(const char *const *whos, size_t n)
{
    struct history *h = xcalloc(1, sizeof *h);
    h->from = h->to = MOMENT_NONE;
    h->spawners = xcalloc(n, sizeof *h->spawners);
    h->n_spawners = n;
    for (size_t i = 0; i < n; i++)
        h->spawners[i].who = xstrdup(whos[i]);
    h->index = xcalloc(1, sizeof *h->index);
    h->index->strings = intern_create(SIZE_MAX);
    h->index->n_buckets = BUCKETS_FIRST;
    h->index->buckets = xcalloc(BUCKETS_FIRST, sizeof *h->index->buckets);
    return h;
}

void history_free(struct history **history)
{
    struct history *h = *history;
    if (h == NULL)
        return;
    *history = NULL;
    for (size_t i = 0; i < h->n_spawners; i++)
        free(h->spawners[i].who);
    for (size_t i = 0; i < h->n_alerts; i++)
        free(h->alerts[i].stretches);
    intern_free(&h->index->strings);
    free(h->index->buckets);
    free(h->index->tasks);
    free(h->index->seen);
    free(h->index);
    free(h->spawners);
    free(h->alerts);
    free(h->tasks);
    free(h->waits);
    free(h->counts);
    free(h->notes);
    free(h);
}

/* ---- alerts ---- */

static size_t bucket_of(const struct history_index *x, uint32_t spawner, uint64_t fingerprint)
{
    uint64_t mixed = (fingerprint ^ spawner) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 20) & (x->n_buckets - 1);
}

/* The bucket that holds the alert, or the free one where it would be. */
static size_t find(const struct history *h, uint32_t spawner, uint64_t fingerprint)
{
    const struct history_index *x = h->index;
    size_t b = bucket_of(x, spawner, fingerprint);
    for (; x->buckets[b] != 0; b = (b + 1) & (x->n_buckets - 1)) {
        const struct alert_history *a = &h->alerts[x->buckets[b] - 1];
        if (a->fingerprint == fingerprint && a->spawner == spawner)
            break;
    }
    return b;
}

static void buckets_grow(struct history *h)
{
    struct history_index *x = h->index;
    free(x->buckets);
    x->n_buckets *= 2;
    x->buckets = xcalloc(x->n_buckets, sizeof *x->buckets);
    for (size_t i = 0; i < h->n_alerts; i++)
        x->buckets[find(h, h->alerts[i].spawner, h->alerts[i].fingerprint)] = (uint32_t)i + 1;
}

static uint32_t alert_number(struct history *h, const struct history_row *row)
{
    struct history_index *x = h->index;
    size_t b = find(h, row->spawner, row->fingerprint);
    if (x->buckets[b] != 0)
        return x->buckets[b] - 1;
    xgrow(&h->alerts, &h->cap_alerts, h->n_alerts + 1, sizeof *h->alerts);
    h->alerts[h->n_alerts] = (struct alert_history){
        .spawner = row->spawner,
        .fingerprint = row->fingerprint,
        .alertname = keep(h, row->alertname),
        .waits_since = MOMENT_NONE,
    };
    x->buckets[b] = (uint32_t)++h->n_alerts;
    xgrow(&x->seen, &x->cap_seen, h->n_alerts, sizeof *x->seen);
    x->seen[h->n_alerts - 1] = 0;
    if (h->n_alerts * 2 > x->n_buckets)
        buckets_grow(h);
    return (uint32_t)h->n_alerts - 1;
}

const struct alert_history *history_alert(const struct history *h, uint32_t spawner, uint64_t fingerprint)
{
    uint32_t number = h->index->buckets[find(h, spawner, fingerprint)];
    return number != 0 ? &h->alerts[number - 1] : NULL;
}

const struct stretch *history_at(const struct alert_history *a, moment_t at)
{
    size_t low = 0, high = a->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (a->stretches[mid].from <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 ? &a->stretches[low - 1] : NULL;
}

/* ---- decisions ---- */

static struct decision_count *count_of(struct history *h, enum verdict verdict, const char *reason, const char *policy)
{
    for (size_t i = 0; i < h->n_counts; i++) {
        struct decision_count *c = &h->counts[i];
        if (c->verdict == verdict && c->reason == reason && c->policy == policy)
            return c;
    }
    xgrow(&h->counts, &h->cap_counts, h->n_counts + 1, sizeof *h->counts);
    h->counts[h->n_counts] = (struct decision_count){.verdict = verdict, .reason = reason, .policy = policy};
    return &h->counts[h->n_counts++];
}

static bool same_decision(const struct stretch *s, const struct history_row *row)
{
    return s->verdict == row->verdict && s->starts_at == row->starts_at && strcmp(s->reason, row->reason) == 0 &&
           strcmp(s->policy, row->policy) == 0;
}

static bool had_before(const struct alert_history *a, const struct stretch *s)
{
    for (const struct stretch *p = a->stretches; p < s; p++)
        if (p->verdict == s->verdict && p->reason == s->reason && p->policy == s->policy)
            return true;
    return false;
}

/* The stretch that the row belongs to; *new_r: it begins with it. */
static const struct stretch *stretch_take(struct history *h, uint32_t alert, const struct history_row *row, moment_t now,
                                          bool *new_r)
{
    struct alert_history *a = &h->alerts[alert];
    struct stretch *s = a->n > 0 ? &a->stretches[a->n - 1] : NULL;
    *new_r = s == NULL || !same_decision(s, row) || row->verdict == VERDICT_CREATE || row->verdict == VERDICT_RETRIGGER;
    if (*new_r) {
        xgrow(&a->stretches, &a->cap, a->n + 1, sizeof *a->stretches);
        s = &a->stretches[a->n++];
        *s = (struct stretch){
            .from = now,
            .verdict = row->verdict,
            .reason = keep(h, row->reason),
            .detail = keep(h, row->detail),
            .policy = keep(h, row->policy),
            .where = keep(h, row->where),
            .task = keep(h, row->task),
            .starts_at = row->starts_at,
        };
        if (!had_before(a, s))
            count_of(h, s->verdict, s->reason, s->policy)->alerts++;
    }
    s->to = now;
    s->polls++;
    count_of(h, s->verdict, s->reason, s->policy)->decisions++;
    return s;
}

/* ---- waits ---- */

static int64_t wait_end(struct history *h, uint32_t alert, moment_t now, int how)
{
    struct alert_history *a = &h->alerts[alert];
    if (a->waits_since == MOMENT_NONE)
        return 0;
    int64_t waited = now - a->waits_since;
    xgrow(&h->waits, &h->cap_waits, h->n_waits + 1, sizeof *h->waits);
    h->waits[h->n_waits++] = (struct wait_history){
        .alert = alert, .from = a->waits_since, .to = now, .reason = a->waits_for, .how = how};
    a->waits_since = MOMENT_NONE;
    return waited;
}

/* ---- Tasks ---- */

/* A wait of a shadow's is none: it holds nobody back. */
static void task_add(struct history *h, uint32_t alert, const struct stretch *s, int64_t waited, moment_t now)
{
    xgrow(&h->tasks, &h->cap_tasks, h->n_tasks + 1, sizeof *h->tasks);
    h->tasks[h->n_tasks] = (struct task_history){
        .spawner = h->alerts[alert].spawner,
        .alert = alert,
        .name = s->task,
        .policy = s->policy,
        .where = s->where,
        .reason = s->reason,
        .detail = s->detail,
        .verdict = s->verdict,
        .at = now,
        .starts_at = s->starts_at,
        .waited_us = waited,
        .started = MOMENT_NONE,
        .ended = MOMENT_NONE,
    };
    if (s->verdict != VERDICT_SKIP) {
        struct history_index *x = h->index;
        xgrow(&x->tasks, &x->cap_tasks, x->n_tasks + 1, sizeof *x->tasks);
        x->tasks[x->n_tasks++] = (uint32_t)h->n_tasks;
    }
    h->n_tasks++;
}

/* Number in index->tasks of an unfinished Task, the newest of its name; SIZE_MAX: none. */
static size_t open_task(const struct history *h, const char *ns, const char *name)
{
    const struct history_index *x = h->index;
    size_t n = strlen(ns);
    for (size_t i = x->n_tasks; i > 0; i--) {
        const struct task_history *t = &h->tasks[x->tasks[i - 1]];
        const char *who = h->spawners[t->spawner].who;
        if (strcmp(t->name, name) == 0 && strncmp(who, ns, n) == 0 && who[n] == '/')
            return i - 1;
    }
    return SIZE_MAX;
}

void history_task_started(struct history *h, const char *ns, const char *name, moment_t at)
{
    size_t i = open_task(h, ns, name);
    if (i != SIZE_MAX)
        h->tasks[h->index->tasks[i]].started = at;
}

void history_task_ended(struct history *h, const char *ns, const char *name, enum task_end end, moment_t at)
{
    struct history_index *x = h->index;
    size_t i = open_task(h, ns, name);
    if (i == SIZE_MAX)
        return;
    h->tasks[x->tasks[i]].ended = at;
    h->tasks[x->tasks[i]].end = end;
    memmove(x->tasks + i, x->tasks + i + 1, (--x->n_tasks - i) * sizeof *x->tasks);
}

/* ---- cycles ---- */

void history_cycle(struct history *h, uint32_t spawner, moment_t now)
{
    (void)now;
    h->spawners[spawner].cycles++;
    h->index->cycle++;
}

void history_row(struct history *h, const struct history_row *row, moment_t now)
{
    uint32_t alert = alert_number(h, row);
    bool begins;
    int64_t waited = 0;
    h->index->seen[alert] = h->index->cycle;
    const struct stretch *s = stretch_take(h, alert, row, now, &begins);
    bool made = s->verdict == VERDICT_CREATE || s->verdict == VERDICT_RETRIGGER;
    struct alert_history *a = &h->alerts[alert];
    if (s->verdict == VERDICT_WAIT) {
        if (a->waits_since == MOMENT_NONE) {
            a->waits_since = now;
            a->waits_for = s->reason;
        }
    } else {
        waited = wait_end(h, alert, now, made ? WAIT_TASK : WAIT_OTHER);
    }
    if (made || (begins && s->verdict == VERDICT_SKIP && strcmp(s->reason, reason_code(REASON_POLICY_SHADOW)) == 0))
        task_add(h, alert, s, waited, now);
}

void history_cycle_end(struct history *h, uint32_t spawner, moment_t now)
{
    for (uint32_t i = 0; i < h->n_alerts; i++)
        if (h->alerts[i].spawner == spawner && h->alerts[i].waits_since != MOMENT_NONE && h->index->seen[i] != h->index->cycle)
            wait_end(h, i, now, WAIT_GONE);
}

void history_failed(struct history *h, uint32_t spawner, const char *sentence)
{
    struct spawner_history *s = &h->spawners[spawner];
    if (s->failed++ == 0)
        s->first_failure = keep(h, sentence);
}

void history_note(struct history *h, const char *sentence)
{
    const char *kept = keep(h, sentence);
    for (size_t i = 0; i < h->n_notes; i++)
        if (h->notes[i] == kept)
            return;
    xgrow(&h->notes, &h->cap_notes, h->n_notes + 1, sizeof *h->notes);
    h->notes[h->n_notes++] = kept;
}

static int by_verdict(const void *a, const void *b)
{
    const struct decision_count *x = a, *y = b;
    if (x->verdict != y->verdict)
        return x->verdict < y->verdict ? -1 : 1;
    if (x->alerts != y->alerts)
        return x->alerts > y->alerts ? -1 : 1;
    int r = strcmp(x->reason, y->reason);
    return r != 0 ? r : strcmp(x->policy, y->policy);
}

/* Cycles of different spawners may have ended in any order. */
static int by_time(const void *a, const void *b)
{
    const struct task_history *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->spawner != y->spawner)
        return x->spawner < y->spawner ? -1 : 1;
    int r = strcmp(x->name, y->name);
    return r != 0 ? r : (x->alert > y->alert) - (x->alert < y->alert);
}

static int by_wait(const void *a, const void *b)
{
    const struct wait_history *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->alert > y->alert) - (x->alert < y->alert);
}

void history_end(struct history *h, moment_t from, moment_t to)
{
    h->from = from;
    h->to = to;
    for (uint32_t i = 0; i < h->n_alerts; i++)
        wait_end(h, i, to, WAIT_OPEN);
    if (h->n_counts > 0)
        qsort(h->counts, h->n_counts, sizeof *h->counts, by_verdict);
    if (h->n_tasks > 0)
        qsort(h->tasks, h->n_tasks, sizeof *h->tasks, by_time);
    if (h->n_waits > 0)
        qsort(h->waits, h->n_waits, sizeof *h->waits, by_wait);
    h->index->n_tasks = 0; /* their numbers are others now */
}

struct edge {
    moment_t at;
    int step;
};

static int by_edge(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->step - y->step; /* what ends makes room first */
}

uint32_t history_peak(const struct history *h, uint32_t spawner, moment_t *at_r)
{
    struct edge *edges = xcalloc(2 * h->n_tasks + 1, sizeof *edges);
    size_t n = 0;
    for (size_t i = 0; i < h->n_tasks; i++) {
        const struct task_history *t = &h->tasks[i];
        if (t->verdict == VERDICT_SKIP || (spawner != UINT32_MAX && t->spawner != spawner))
            continue;
        edges[n++] = (struct edge){t->at, 1};
        if (t->ended != MOMENT_NONE)
            edges[n++] = (struct edge){t->ended, -1};
    }
    if (n > 0)
        qsort(edges, n, sizeof *edges, by_edge);
    int now = 0, most = 0;
    *at_r = MOMENT_NONE;
    for (size_t i = 0; i < n; i++) {
        now += edges[i].step;
        if (now > most) {
            most = now;
            *at_r = edges[i].at;
        }
    }
    free(edges);
    return (uint32_t)most;
}

/* A history in figures: see summary.h. */
#include "replay/summary.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct policy_summary *policy_of(struct summary *s, const struct task_history *t)
{
    size_t i = 0;
    while (i < s->n_policies && strcmp(s->policies[i].policy, t->policy) < 0)
        i++;
    if (i < s->n_policies && strcmp(s->policies[i].policy, t->policy) == 0)
        return &s->policies[i];
    s->policies = xrealloc(s->policies, (s->n_policies + 1) * sizeof *s->policies);
    memmove(s->policies + i + 1, s->policies + i, (s->n_policies++ - i) * sizeof *s->policies);
    s->policies[i] = (struct policy_summary){.policy = t->policy, .where = t->where, .most_hour_at = MOMENT_NONE};
    return &s->policies[i];
}

static void count_task(struct summary *s, const struct task_history *t)
{
    struct policy_summary *p = policy_of(s, t);
    if (t->verdict == VERDICT_SKIP) {
        p->shadow++;
        s->shadow++;
        return;
    }
    s->tasks++;
    p->tasks++;
    p->retriggers += t->verdict == VERDICT_RETRIGGER;
    p->failed += t->end == TASK_END_FAILED;
    p->cancelled += t->end == TASK_END_CANCELLED;
}

/* The busiest sliding hour: Tasks are in the order of time. */
static void busiest(const struct history *h, struct policy_summary *p)
{
    size_t first = 0;
    uint32_t n = 0;
    for (size_t i = 0; i < h->n_tasks; i++) {
        if (h->tasks[i].verdict == VERDICT_SKIP || strcmp(h->tasks[i].policy, p->policy) != 0)
            continue;
        n++;
        while (h->tasks[first].at <= h->tasks[i].at - HOUR_US || h->tasks[first].verdict == VERDICT_SKIP ||
               strcmp(h->tasks[first].policy, p->policy) != 0) {
            n -= h->tasks[first].verdict != VERDICT_SKIP && strcmp(h->tasks[first].policy, p->policy) == 0;
            first++;
        }
        if (n > p->most_hour) {
            p->most_hour = n;
            p->most_hour_at = h->tasks[first].at;
        }
    }
}

static moment_t floor_hour(moment_t t)
{
    moment_t rest = t % HOUR_US;
    return t - (rest < 0 ? rest + HOUR_US : rest);
}

static void hours_make(const struct history *h, struct summary *s)
{
    if (h->from == MOMENT_NONE)
        return;
    s->first_hour = floor_hour(h->from);
    if ((floor_hour(h->to) - s->first_hour) / HOUR_US >= HOURS_MAX)
        return;
    s->n_hours = (size_t)((floor_hour(h->to) - s->first_hour) / HOUR_US) + 1;
    s->hours = xcalloc(s->n_hours * (s->n_policies + 1), sizeof *s->hours);
    for (size_t i = 0; i < h->n_tasks; i++) {
        const struct task_history *t = &h->tasks[i];
        size_t hour = (size_t)((t->at - s->first_hour) / HOUR_US), p = 0;
        while (strcmp(s->policies[p].policy, t->policy) != 0)
            p++;
        if (t->verdict != VERDICT_SKIP && hour < s->n_hours)
            s->hours[hour * s->n_policies + p]++;
    }
}

static int by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void waits_make(const struct history *h, struct summary *s)
{
    int64_t *us = xcalloc(h->n_waits + 1, sizeof *us);
    for (size_t i = 0; i < h->n_waits; i++) {
        const struct wait_history *w = &h->waits[i];
        us[s->waits++] = w->to - w->from;
        s->waits_task += w->how == WAIT_TASK;
        s->waits_gone += w->how == WAIT_GONE;
    }
    if (s->waits > 0) {
        qsort(us, s->waits, sizeof *us, by_number);
        s->wait_median_us = us[s->waits / 2];
        s->wait_max_us = us[s->waits - 1];
    }
    free(us);
}

/* An alert begins with the first stretch of a startsAt. The first poll's are none: nobody knows when they began. */
static int64_t *onsets_make(const struct history *h, size_t *n_r)
{
    size_t n = 0, cap = 0;
    int64_t *onsets = NULL;
    for (size_t i = 0; i < h->n_alerts; i++) {
        const struct alert_history *a = &h->alerts[i];
        for (size_t k = 0; k < a->n; k++) {
            const struct stretch *x = &a->stretches[k];
            if (x->from <= h->from || (k > 0 && a->stretches[k - 1].starts_at == x->starts_at))
                continue;
            xgrow(&onsets, &cap, n + 1, sizeof *onsets);
            onsets[n++] = x->from;
        }
    }
    if (n > 0)
        qsort(onsets, n, sizeof *onsets, by_number);
    *n_r = n;
    return onsets;
}

static void storms_make(const struct history *h, struct summary *s)
{
    size_t n;
    int64_t *at = onsets_make(h, &n);
    for (size_t i = 0, end = 0; i < n; i++) {
        while (end < n && at[end] < at[i] + STORM_US)
            end++;
        if (end - i < STORM_ALERTS)
            continue;
        struct storm *last = s->n_storms > 0 ? &s->storms[s->n_storms - 1] : NULL;
        if (last == NULL || at[i] > last->to) {
            s->storms = xrealloc(s->storms, (s->n_storms + 1) * sizeof *s->storms);
            last = &s->storms[s->n_storms++];
            *last = (struct storm){.from = at[i], .to = at[end - 1]};
        } else {
            last->to = at[end - 1];
        }
    }
    for (size_t k = 0; k < s->n_storms; k++) {
        struct storm *x = &s->storms[k];
        for (size_t i = 0; i < n; i++)
            x->alerts += at[i] >= x->from && at[i] <= x->to;
        for (size_t i = 0; i < h->n_tasks; i++)
            x->tasks += h->tasks[i].verdict != VERDICT_SKIP && h->tasks[i].at >= x->from && h->tasks[i].at <= x->to;
    }
    free(at);
}

void summary_make(const struct history *h, struct summary *s)
{
    *s = (struct summary){.first_hour = MOMENT_NONE, .alerts = (uint32_t)h->n_alerts};
    for (size_t i = 0; i < h->n_tasks; i++)
        count_task(s, &h->tasks[i]);
    for (size_t i = 0; i < s->n_policies; i++)
        busiest(h, &s->policies[i]);
    hours_make(h, s);
    waits_make(h, s);
    storms_make(h, s);
    s->peak = history_peak(h, UINT32_MAX, &s->peak_at);
}

void summary_deinit(struct summary *s)
{
    free(s->policies);
    free(s->hours);
    free(s->storms);
    *s = (struct summary){0};
}

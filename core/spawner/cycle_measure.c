/* What is counted of a cycle: see cycle.h and metrics/names.def. Rows are summed up first: 100,000 of them have a few dozen
 * different reasons. */
#include "spawner/cycle_private.h"

#include "base/mem.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

/* The hook that a sentence of the policies' format names: "10-payments.lua:31: filter: ...". Only words of ours. */
static const char *hook_of(const char *sentence)
{
    const char *at = strstr(sentence, ": ");
    if (at == NULL)
        return "";
    at += 2;
    size_t n = strcspn(at, ": ");
    for (uint32_t hook = 0; hook < HOOK_COUNT; hook++) {
        const char *name = black_box_hook_name(hook);
        if (strlen(name) == n && strncmp(at, name, n) == 0)
            return name;
    }
    return "";
}

/* The policy's name; of one that has none (it does not load), its file's. */
static const char *policy_of(struct metrics *m, const char *policy, const char *sentence)
{
    if (policy[0] != '\0')
        return metrics_policy(m, policy);
    const char *end = strstr(sentence, ".lua:");
    if (end == NULL || end == sentence || strcspn(sentence, ": ") != (size_t)(end - sentence) + 4)
        return "";
    char *file = xstrndup(sentence, (size_t)(end - sentence));
    const char *kept = metrics_policy(m, file);
    free(file);
    return kept;
}

static void measure_policy_error(struct metrics *m, const struct cycle_row *row)
{
    static const char prefix[] = "policy.";
    if (strncmp(row->reason, prefix, sizeof prefix - 1) == 0)
        metrics_add(m, METRIC_POLICY_ERRORS, 1,
                    LABELS(policy_of(m, row->policy, row->detail), hook_of(row->detail), row->reason + sizeof prefix - 1));
}

/* Hooks that failed and for which the base answered. */
static void measure_fallbacks(const struct cycle *c, struct metrics *m)
{
    for (size_t i = 0; c->judge != NULL && i < judge_notes(c->judge); i++) {
        const char *sentence = judge_note(c->judge, i), *hook = hook_of(sentence);
        if (strcmp(hook, "priority") == 0 || strcmp(hook, "title") == 0 || strcmp(hook, "body") == 0)
            metrics_add(m, METRIC_POLICY_ERRORS, (double)judge_note_times(c->judge, i),
                        LABELS(policy_of(m, "", sentence), hook, "fallback"));
    }
}

/* Decisions of one verdict and reason. */
struct sum {
    enum verdict verdict;
    char *reason;
    uint64_t n;
};

static void sum_up(struct sum **sums, size_t *n, size_t *cap, const struct cycle_row *row)
{
    size_t i = 0;
    while (i < *n && ((*sums)[i].verdict != row->verdict || strcmp((*sums)[i].reason, row->reason) != 0))
        i++;
    if (i == *n) {
        xgrow(sums, cap, *n + 1, sizeof **sums);
        (*sums)[(*n)++] = (struct sum){row->verdict, xstrdup(row->reason), 0};
    }
    (*sums)[i].n++;
}

static void measure_decisions(struct cycle *c, struct metrics *m, struct spawner_labels l)
{
    struct sum *sums = NULL;
    size_t n = 0, cap = 0;
    struct cycle_row row;
    for (size_t i = 0; i < cycle_rows(c); i++) {
        cycle_row(c, i, &row);
        sum_up(&sums, &n, &cap, &row);
        if (row.verdict == VERDICT_ERROR)
            measure_policy_error(m, &row);
    }
    for (size_t i = 0; i < n; i++) {
        metrics_add(m, METRIC_DECISIONS, (double)sums[i].n,
                    LABELS(l.ns, l.name, verdict_name(sums[i].verdict), metrics_reason(m, sums[i].reason)));
        free(sums[i].reason);
    }
    free(sums);
}

static void measure_tasks(struct cycle *c, struct metrics *m, struct spawner_labels l)
{
    size_t counts[VERDICT_COUNT];
    cycle_count(c, counts);
    metrics_add(m, METRIC_TASKS_CREATED, (double)(counts[VERDICT_CREATE] + counts[VERDICT_RETRIGGER]), LABELS(l.ns, l.name));
    metrics_add(m, METRIC_TASKS_RETRIGGERED, (double)counts[VERDICT_RETRIGGER], LABELS(l.ns, l.name));
    metrics_add(m, METRIC_TASKS_CANCELLED, (double)counts[VERDICT_CANCEL], LABELS(l.ns, l.name));
    metrics_add(m, METRIC_ITEMS, (double)c->n_items, LABELS(l.ns, l.name));
    metrics_add(m, METRIC_DISCOVERY, counts[VERDICT_ERROR] == 0, LABELS(l.ns, l.name));
    metrics_add(m, METRIC_DISCOVERY_ERRORS, counts[VERDICT_ERROR] > 0, LABELS(l.ns, l.name));
}

void cycle_measure(struct cycle *c)
{
    struct metrics *m = c->env.metrics;
    if (m == NULL || c->cancelled || c->mode != CYCLE_ACT)
        return;
    struct spawner_labels l = metrics_spawner(m, c->spawner->ns, c->spawner->name);
    static const enum metric from_the_start[] = {METRIC_DISCOVERY, METRIC_DISCOVERY_ERRORS, METRIC_TASKS_CREATED, METRIC_ITEMS};
    for (size_t i = 0; i < sizeof from_the_start / sizeof *from_the_start; i++)
        metrics_add(m, from_the_start[i], 0, LABELS(l.ns, l.name)); /* a rate needs a zero to begin with */
    metrics_observe(m, METRIC_DISCOVERY_SECONDS, seconds(cycle_course(c).took_us), LABELS(l.ns, l.name));
    if (c->poll_us >= 0)
        metrics_observe(m, METRIC_POLL_SECONDS, seconds(c->poll_us), LABELS(l.ns, l.name));
    if (c->failed && c->source_failed)
        metrics_add(m, METRIC_POLL_FAILURES, 1, LABELS(l.ns, l.name, err_kind_name(c->err.kind)));
    if (c->failed)
        metrics_add(m, METRIC_DISCOVERY_ERRORS, 1, LABELS(l.ns, l.name));
    if (c->failed || c->spawner->suspend)
        return;
    measure_tasks(c, m, l);
    measure_decisions(c, m, l);
    measure_fallbacks(c, m);
}

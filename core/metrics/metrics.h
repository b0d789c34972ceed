/* The engine's metrics: one registry with the closed list of names.def, written as Prometheus' text format 0.0.4. Debian
 * has no C client library for Prometheus, and what is needed is small: label sets, sums and buckets.
 *
 *     metrics_add(m, METRIC_TASKS_CREATED, 1, LABELS(ns, name));
 *
 * The values stand in the order of the metric's labels in names.def. A NULL registry is fine and counts nothing. Not for
 * hot paths: a look-up by hash for each call (about 0.1 us); what comes 100,000 times is summed up first. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum metric {
#define METRIC(id, type, labels, name, help) METRIC_##id,
#include "metrics/names.def"
#undef METRIC
    METRIC_COUNT
};

enum {
    METRICS_SERIES_MAX = 50000, /* label sets of one metric; what comes later is dropped and counted */
    METRICS_SPAWNERS_MAX = 500, /* spawners with labels of their own; the others are "other" */
    METRICS_POLICIES_MAX = 300,
    METRICS_REASONS_MAX = 500,
    METRICS_LABELS_MAX = 4,
};

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_LABELS   ((const char *const[]){NULL})

struct metrics;
struct metrics *metrics_create(void);
void metrics_free(struct metrics **m);

void metrics_add(struct metrics *m, enum metric id, double n, const char *const values[]);     /* counters */
void metrics_set(struct metrics *m, enum metric id, double value, const char *const values[]); /* gauges, counters kept elsewhere */
void metrics_observe(struct metrics *m, enum metric id, double value, const char *const values[]); /* histograms */
/* Every label set of the metric goes: before a gauge is set anew. */
void metrics_clear(struct metrics *m, enum metric id);

/* The labels that a spawner has: its own, or "other" and "other" when METRICS_SPAWNERS_MAX others have theirs. The
 * strings stay until metrics_forget_spawner. */
struct spawner_labels {
    const char *ns, *name;
};
struct spawner_labels metrics_spawner(struct metrics *m, const char *ns, const char *name);
/* The spawner is gone: so is everything that bears its labels, and its place is another's. */
void metrics_forget_spawner(struct metrics *m, const char *ns, const char *name);
/* The name, or "other" when there are too many; a policy's own reason, or "policy.*". */
const char *metrics_policy(struct metrics *m, const char *policy);
const char *metrics_reason(struct metrics *m, const char *reason);

/* Called before each metrics_write: whoever keeps numbers of its own sets them. */
typedef void metrics_collect_cb(void *arg, struct metrics *m);
void metrics_on_collect(struct metrics *m, metrics_collect_cb *collect, void *arg);
/* Everything, in the order of names.def; metrics without a value are left out, but for unlabelled ones, which are 0. */
void metrics_write(struct metrics *m, struct buf *out);
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* process.c: the process_* ones and the processor time of children. */
void metrics_process(struct metrics *m);

const char *metric_name(enum metric id);

/* Inside of the registry: metrics.c (keeping), exposition.c (writing). */
#pragma once

#include "metrics/bounded.h"
#include "metrics/metrics.h"

enum metric_type { COUNTER, GAUGE, HISTOGRAM };

struct buckets {
    const double *le; /* ascending; +Inf is added */
    size_t n;
};

struct description {
    enum metric_type type;
    const struct buckets *buckets; /* of histograms */
    const char *labels;            /* names with blanks between them */
    const char *name, *help;
};
extern const struct description metric_descriptions[METRIC_COUNT];

struct series {
    struct series *next;     /* of the same hash */
    struct series *younger;  /* in the order of their coming */
    char *values;            /* one after another, each with its NUL */
    size_t values_len;
    double value;            /* counters, gauges; of a histogram the sum */
    uint64_t *counts;        /* histograms: by bucket, not added up; the last is +Inf */
};

struct family {
    struct series **table;
    size_t size; /* of the table: a power of two */
    size_t n;
    struct series *oldest, **end;
};

struct collector {
    metrics_collect_cb *collect;
    void *arg;
};

struct metrics {
    struct family families[METRIC_COUNT];
    struct bounded spawners, policies, reasons; /* spawners: "namespace\nname" */
    struct collector *collectors;
    size_t n_collectors, cap_collectors;
};

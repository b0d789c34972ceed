/* A history in figures: per policy, per hour, its waits and storms. Pure. */
#pragma once

#include "replay/history.h"

enum {
    HOURS_MAX = 100000,  /* a recording that spans more (a wrong time in it) has no list of hours */
    STORM_ALERTS = 20, /* so many alerts that begin within STORM_US are a storm */
};
#define STORM_US (5 * 60 * MOMENT_SECOND)
#define HOUR_US  (3600 * MOMENT_SECOND)

struct policy_summary {
    const char *policy, *where;
    uint32_t tasks;      /* created and retriggered */
    uint32_t retriggers; /* of them */
    uint32_t failed, cancelled;
    uint32_t shadow;     /* would have been made */
    uint32_t most_hour;  /* Tasks in its busiest sliding hour, and when that began */
    moment_t most_hour_at;
};

struct storm {
    moment_t from, to;
    uint32_t alerts, tasks; /* that began, and Tasks that were made, in it */
};

struct summary {
    struct policy_summary *policies; /* by name */
    size_t n_policies;
    moment_t first_hour;   /* a whole hour, UTC */
    uint32_t *hours;       /* Tasks by hour and policy: hours[h * n_policies + p] */
    size_t n_hours;
    uint32_t tasks, shadow, alerts; /* alerts: different ones that the source let through or not */
    uint32_t peak;
    moment_t peak_at;
    uint32_t waits, waits_task, waits_gone; /* all; that got a Task; whose alert went first */
    int64_t wait_median_us, wait_max_us;    /* of all */
    struct storm *storms;
    size_t n_storms;
};

void summary_make(const struct history *h, struct summary *s_r);
void summary_deinit(struct summary *s);

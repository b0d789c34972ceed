/* What a replay was like: Tasks, decisions, waits, storms. One side of a comparison has one history. It is told row by row,
 * in the order of virtual time, and keeps only what changed. Plain data; no I/O, no clock. */
#pragma once

#include "base/moment.h"
#include "reconcile/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why an alert is treated as it is: a stretch of cycles with the same verdict, reason and policy. Strings are the
 * history's, "" when there is nothing to say. */
struct stretch {
    moment_t from, to;     /* the first and the last cycle */
    enum verdict verdict;
    const char *reason, *detail, *policy, *where; /* where: "20-payments.lua", with the line where it is known */
    const char *task;
    moment_t starts_at;    /* of the alert */
    uint32_t polls;        /* cycles in it */
};

/* One alert under one spawner. */
struct alert_history {
    uint32_t spawner;
    uint64_t fingerprint;
    const char *alertname;
    struct stretch *stretches;
    size_t n, cap;
    moment_t waits_since;  /* MOMENT_NONE: it does not wait */
    const char *waits_for; /* the reason of the wait's beginning */
};

enum task_end { TASK_END_NONE, TASK_END_SUCCEEDED, TASK_END_FAILED, TASK_END_CANCELLED };

struct task_history {
    uint32_t spawner;
    uint32_t alert;        /* number in alerts: who led */
    const char *name, *policy, *where, *reason, *detail;
    enum verdict verdict;  /* create or retrigger; skip: it would have been, without mode shadow */
    moment_t at, starts_at;
    int64_t waited_us;     /* behind limits and the like, before it came */
    moment_t started, ended; /* MOMENT_NONE: not before the recording's end */
    enum task_end end;
};

/* A wait that has ended, with or without a Task. */
struct wait_history {
    uint32_t alert;
    moment_t from, to;
    const char *reason;
    enum { WAIT_TASK, WAIT_GONE, WAIT_OTHER, WAIT_OPEN } how; /* a Task came; the alert went; decided otherwise; the end came */
};

struct decision_count {
    enum verdict verdict;
    const char *reason, *policy;
    uint32_t alerts;       /* different ones */
    uint64_t decisions;    /* one each cycle */
};

struct spawner_history {
    char *who;
    uint32_t cycles, failed;   /* failed: nothing was decided */
    const char *first_failure; /* sentence, or NULL */
    uint32_t suspended;
};

struct history {
    moment_t from, to;     /* of the polls */
    struct spawner_history *spawners;
    size_t n_spawners;
    struct alert_history *alerts;
    size_t n_alerts, cap_alerts;
    struct task_history *tasks; /* in the order of creation */
    size_t n_tasks, cap_tasks;
    struct wait_history *waits;
    size_t n_waits, cap_waits;
    struct decision_count *counts; /* sorted by history_end */
    size_t n_counts, cap_counts;
    const char **notes;    /* different sentences of the cycles */
    size_t n_notes, cap_notes;
    struct history_index *index; /* private */
};

/* One row of a cycle, as cycle_row tells it. Nothing of it is kept but copies. */
struct history_row {
    uint32_t spawner;
    uint64_t fingerprint;  /* 0: none */
    moment_t starts_at;    /* MOMENT_NONE: unknown */
    enum verdict verdict;
    const char *alertname, *reason, *detail, *policy, *where, *task;
};

struct history *history_create(const char *const *whos, size_t n);
void history_free(struct history **h);
void history_cycle(struct history *h, uint32_t spawner, moment_t now); /* a complete one begins; its rows follow */
void history_row(struct history *h, const struct history_row *row, moment_t now);
void history_cycle_end(struct history *h, uint32_t spawner, moment_t now); /* who waited and was not in it has gone */
void history_failed(struct history *h, uint32_t spawner, const char *sentence);
void history_note(struct history *h, const char *sentence);
/* The Task of that name under that spawner's namespace, the newest of them. */
void history_task_started(struct history *h, const char *ns, const char *name, moment_t at);
void history_task_ended(struct history *h, const char *ns, const char *name, enum task_end end, moment_t at);
void history_end(struct history *h, moment_t from, moment_t to);

/* NULL: it was never there. */
const struct alert_history *history_alert(const struct history *h, uint32_t spawner, uint64_t fingerprint);
/* What was decided of the alert in the last cycle at or before `at`; NULL: it was not there yet. */
const struct stretch *history_at(const struct alert_history *a, moment_t at);
/* Tasks that were unfinished at once: the most, and when that was first so. `spawner` UINT32_MAX: of all. */
uint32_t history_peak(const struct history *h, uint32_t spawner, moment_t *at_r);

/* Why has an alert a Task, or none? Asks every Alertmanager of the spawners for the alert (in whatever state it is: silenced
 * ones, too), says of each spawner whose selectors exclude it which one and by what, and makes a plan with each of the others,
 * of which the wanted decisions are explained. Of an alert that does not fire any more: what the store remembers. Nothing
 * is written, and of the other alerts nothing is kept.
 *
 * Asynchronous: callbacks record, why_step() decides. */
#pragma once

#include "spawner/cycle.h"

#include <cjson/cJSON.h>

enum {
    WHY_ALERTS_MAX = 20,  /* of one answer; the rest is counted */
    WHY_NEAR_MAX = 5,     /* names that it may have meant */
    WHY_NAME_MAX = 1024,  /* bytes of what is asked for */
};

struct why_target {
    const struct spawner_set *set;
    const struct spawner *spawner;
};

struct why_question {
    const char *name;          /* a fingerprint, its beginning (6 digits or more), or an alertname; NULL: whatever there is */
    const char *ns, *spawner;  /* only these; NULL: all */
    bool trace;                /* with every executed line of the policies */
};

struct why_host {
    const struct cycle_env *env;      /* env.store may be NULL */
    const struct why_target *targets; /* stay until the end */
    size_t n_targets;
    /* Makes a plan of that spawner (CYCLE_PLAN, explained) as soon as it may: `done` once, later, with the cycle, which is
     * freed when it returns; NULL: it will not come. -1: nothing calls back. NULL: cycles are started here. */
    int (*plan)(void *arg, const struct why_target *target, const struct judge_explain *explain, cycle_done_cb *done,
                void *done_arg, struct err *e);
    void *arg;
};

struct why;
/* Copies the question and the host. `done` once, never from inside. */
struct why *why_start(const struct why_host *host, const struct why_question *question, void (*done)(void *arg, struct why *w),
                      void *arg);
/* After done: the answer (docs/why.md), the caller's; or NULL with why: ERR_NOT_FOUND with what it may have meant,
 * ERR_UNREACHABLE when no Alertmanager answered. */
cJSON *why_answer(struct why *w, struct err *e);
/* After done; or before: then done is not called, and it goes when what it waits for has come. */
void why_free(struct why **w);

/* An answer for a person. */
void why_text(const cJSON *answer, struct buf *out);

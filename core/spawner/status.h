/* A spawner's status after a cycle: phase, message and conditions, as Kelos writes them for its own spawners, plus
 * SourceReachable and PolicyReady. Pure. */
#pragma once

#include "base/err.h"
#include "base/moment.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct status_input {
    bool suspended;
    const struct err *failure;     /* the cycle failed as a whole, or NULL */
    bool source_failed;            /* ... because of the source */
    int64_t discovered;            /* items the policy kept */
    uint64_t total_created;        /* after this cycle */
    int32_t max_total_tasks;
    uint64_t n_errors;             /* decisions with verdict error */
    const char *first_error;       /* one of them, or NULL */
    uint64_t n_limited;            /* decisions that wait for a limit */
    moment_t next_eligible;        /* when the first of them may come; MOMENT_NONE: unknown */
    const char *frozen;            /* why nothing is taken as resolved now, or NULL */
    const char *policy_problem;    /* first problem with a policy, or NULL */
    moment_t now;
};

struct status {
    const char *phase;
    uint64_t limited; /* decisions that wait for a limit */
    char *message;
    cJSON *conditions;
};

void status_make(const struct status_input *in, struct status *status_r);
void status_deinit(struct status *s);

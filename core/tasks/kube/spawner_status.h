/* The status of a spawner object: what a cycle says, joined with what the object says already. Pure.
 *
 * Counters never go back, conditions that a cycle does not mention stay, lastTransitionTime moves only when a condition
 * flips. Only our own members are in it: it is written as a merge patch, and what others keep there stays. */
#pragma once

#include "tasks/store.h"

enum { STATUS_MESSAGE_MAX = 32768 }; /* bytes of a message, as in Kubernetes */

struct spawner_status_input {
    const struct cycle_status *cycle; /* NULL: there was none (then `problem` speaks) */
    const char *problem;              /* why the object's spec is not taken, or NULL */
    uint64_t total, active, polls;
    int64_t generation;               /* of the spec that was acted upon; 0: it has none */
    moment_t now;
};

/* cJSON_Delete. `old` may be NULL. */
cJSON *spawner_status_make(const cJSON *old, const struct spawner_status_input *in);
/* Is everything that `status` says in `old` already? `times_may_differ`: whenever lastDiscoveryTime and completedPolls are
 * all that differs, it is. */
bool spawner_status_holds(const cJSON *old, const cJSON *status, bool times_may_differ);

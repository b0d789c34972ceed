/* What the index keeps of a Task object, and the fact that a cycle gets from it. Pure. */
#pragma once

#include "tasks/store.h"

struct task_extract {
    char *spawner;        /* label kelos.dev/taskspawner; "" when absent */
    char *controllers;    /* uids of controller references, see tasks/owner.h */
    char *policy, *alertname;
    uint64_t identity, ordinal;
    moment_t created_at, completed_at, starts_at;
    enum task_phase phase;
    bool deleting;
};

struct task_extract *task_extract(const cJSON *object);
void task_extract_free(struct task_extract **t);
/* Is it that spawner's by label, which is how Tasks are found (contract: a Task without the label is met when its name is
 * taken)? */
bool task_extract_labelled(const struct task_extract *t, const char *spawner);
/* Copies: task_fact_deinit. */
struct task_fact task_extract_fact(const struct task_extract *t, const char *name, const char *uid,
                                   const char *resource_version, const char *spawner, const char *spawner_uid);

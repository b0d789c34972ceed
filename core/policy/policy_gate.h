/* The gate of a reading of policies: the specs that lie beside them run before a version serves. NAME_spec.lua and
 * NAME_cases.json are the gate of NAME.lua; those of a library that of every policy that includes it.
 *
 * Each file runs in a worker of its own, GATE_PARALLEL at a time. What a spec asks for is given from the reading and from
 * nowhere else, so that all of it is one generation. A spec that fails, breaks, hangs, or tests nothing fails its policies. */
#pragma once

#include "policy/judge.h"
#include "policy/policy_units.h"
#include "policy/worker_pool.h"

enum {
    GATE_PARALLEL = 2,
    GATE_TEST_US = 2 * 1000 * 1000,  /* of one test */
    GATE_FILE_US = 10 * 1000 * 1000, /* of one file; both are processor time */
    GATE_ALL_US = 60 * 1000 * 1000,  /* of all of them; what has not run then has failed */
};

/* What has passed before, so that a change of one policy does not run the specs of all. */
struct gate_memory;
struct gate_memory *gate_memory_create(void);
void gate_memory_free(struct gate_memory **memory);

struct policy_gate;
/* For each policy of the reading that loads but whose specs fail, `verdicts` gets a problem. `done` is called once, never
 * from inside. `memory` may be NULL. What is handed over must outlive the gate. */
struct policy_gate *policy_gate_start(struct worker_pool *pool, const struct judge_limits *limits,
                                      const struct policy_files *files, struct policy_verdict *verdicts,
                                      struct gate_memory *memory, void (*done)(void *arg), void *arg);
/* Kills what runs; `done` is not called any more. */
void policy_gate_free(struct policy_gate **gate);
/* Specs that gate nothing, as there is no policy or library of that name: in `beside`'s order, until NULL is returned. */
const char *policy_gate_idle(const struct policy_files *files, size_t *at);

/* Trying policy files in workers before they serve, with no alert and no spawner at hand: each is loaded, then the specs
 * beside them run (policy_gate.h). `run` when they change, `once` and `plan` before they judge, and `check`. Loading a
 * policy does not depend on who uses it. */
#pragma once

#include "policy/judge.h"
#include "policy/policy_gate.h"
#include "policy/policy_units.h"

struct policy_examination;

/* `done` is called once, never from inside; `e` != NULL: the files could not be tried at all. -1: it is not called.
 * `files` and `memory` (may be NULL) must outlive the examination. */
int policy_examination_start(struct worker_pool *pool, const struct judge_limits *limits, const struct policy_files *files,
                             struct gate_memory *memory, void (*done)(void *arg, const struct err *e), void *arg,
                             struct policy_examination **x_r, struct err *e);
/* After done, until it is freed: files->n verdicts for policy_units_take, and the judge with its lints and policies. */
const struct policy_verdict *policy_examination_verdicts(const struct policy_examination *x);
const struct judge *policy_examination_judge(const struct policy_examination *x);
void policy_examination_free(struct policy_examination **x); /* ends it, too */

/* Its parts: */

/* For judge_start. `files` must outlive the judge. */
struct judge_setup policy_examine_setup(const struct policy_files *files, const struct judge_limits *limits);
/* What a judge that has loaded them found: files->n, for policy_units_take. */
struct policy_verdict *policy_examine_verdicts(const struct judge *j, const struct policy_files *files);
void policy_verdicts_free(struct policy_verdict **verdicts, size_t n);

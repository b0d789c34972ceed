/* Trying policy files in a worker before they serve, with no alert and no spawner at hand: `run` when they change, and
 * `check`. Loading a policy does not depend on who uses it. */
#pragma once

#include "policy/judge.h"
#include "policy/policy_units.h"

/* For judge_start. `files` must outlive the judge. */
struct judge_setup policy_examine_setup(const struct policy_files *files, const struct judge_limits *limits);
/* What a judge that has loaded them found: files->n, for policy_units_take. */
struct policy_verdict *policy_examine_verdicts(const struct judge *j, const struct policy_files *files);
void policy_verdicts_free(struct policy_verdict **verdicts, size_t n);

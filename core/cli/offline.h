/* Asking a worker outside a cycle: `render` and `check`. The judge works asynchronously; these wait for it. */
#pragma once

#include "cli/engine.h"
#include "policy/judge.h"
#include "policy/policy_examine.h"

/* Loads policies and templates, and judges the alerts of `set` (may be NULL). */
int offline_judge(struct engine *g, const struct judge_setup *setup, struct judge **judge_r, struct err *e);
int offline_compose(struct engine *g, struct judge *j, size_t alert, struct composition *c, struct err *e);
/* Loads policies and runs the specs beside them. */
int offline_examine(struct engine *g, const struct policy_files *files, struct policy_examination **x_r, struct err *e);

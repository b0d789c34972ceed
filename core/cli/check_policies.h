/* The policies' half of `check`: what `run` would say of the files when it takes them up. */
#pragma once

#include "cli/engine.h"
#include "policy/policy_files.h"

/* Tries every file once in a worker, prints a line for each, warnings and errors. *served_r: what would serve, in which
 * a broken file has length 0 (free it). *bad_r grows by the errors. -1: nothing could be tried. */
int check_policies(struct engine *g, const struct policy_files *files, struct policy_files **served_r, size_t *bad_r,
                   struct err *e);

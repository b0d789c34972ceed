/* The verbs: one file each, this is their index. Each returns the exit code: 0 done, 1 something failed, 2 wrong usage. */
#pragma once

#include "cli/options.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int verb_once(const struct options *o);
int verb_plan(const struct options *o);
int verb_run(const struct options *o);
int verb_get(const struct options *o);
int verb_finish(const struct options *o);
int verb_delete(const struct options *o);
int verb_render(const struct options *o);
int verb_bench(const struct options *o);
int verb_decide(const struct options *o);
int verb_record(const struct options *o);
int verb_replay(const struct options *o);
int verb_check(const struct options *o);
int verb_why(const struct options *o);
int verb_version(const struct options *o);
int verb_spec(int argc, char **argv); /* also 3: less covered than asked for */
int spec_new(int argc, char **argv);  /* its "new" */

extern const struct verb verbs[]; /* ended by a NULL name */

/* "Error: <sentence>" on standard error; returns the exit code that fits the kind. */
int verb_fail(const struct err *e);
/* Is the noun "task", "tasks"? "taskspawner", "spawners", "ts"? */
enum noun { NOUN_TASK, NOUN_SPAWNER };
int noun_parse(const char *s, enum noun *noun_r, struct err *e);

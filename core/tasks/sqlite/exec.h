/* `run --exec CMD`: the local store also runs each Task: CMD in /bin/sh with the prompt on standard input, KELOS_*
 * variables, its output in a file. A Task is committed as Running before its command starts. Commands run in a process
 * group of their own under a guard process that dies with the engine, however the engine dies, and takes the group
 * along. Bounded by the spawner's maxConcurrency and podOverrides.activeDeadlineSeconds. */
#pragma once

#include "tasks/sqlite/local.h"

#include <uv.h>

struct exec;
struct exec_options {
    const char *command;     /* for /bin/sh -c */
    const char *output_dir;  /* NULL: "<path of the store>.output/": <namespace>/<task>.log */
    int max_parallel;        /* of all spawners together; 0: no limit of its own */
};
int exec_create(uv_loop_t *loop, struct local_store *store, const struct exec_options *options, struct exec **exec_r,
                struct err *e);
/* Looks for Pending Tasks and starts what may run. Called after every apply and whenever a Task ended. */
void exec_poke(struct exec *x);
/* Ends every running command (TERM, then KILL after `grace_us`), marks their Tasks Failed ("the engine was stopped"),
 * then calls done. */
void exec_stop(struct exec *x, int64_t grace_us, void (*done)(void *arg), void *arg);
void exec_free(struct exec **x);

/* The guard: `alertspawner exec-guard ...` (hidden verb). Returns the exit code of the process. */
int exec_guard_main(int argc, char **argv);

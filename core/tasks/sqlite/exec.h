/* `run --exec CMD`: the local store also runs each Task: CMD in /bin/sh with the prompt on standard input, KELOS_*
 * variables, its output in a file. A Task is committed as Running before its command starts. Commands run in a process
 * group of their own under a guard process that dies with the engine, however the engine dies, and takes the group
 * along. Bounded by the spawner's maxConcurrency and podOverrides.activeDeadlineSeconds. A Task is over when its command
 * is: what the command left running in the background is killed. Oldest first; a Task with dependsOn waits (phase
 * Waiting) until those have succeeded, and fails when one of them failed. A Task that somebody else finishes or deletes
 * while it runs: its command is ended, TERM and five seconds later KILL, and what they wrote stays.
 *
 * The command sees the engine's environment without ALERTMANAGER_*, and of these what the Task has (the names are
 * Kelos' own where Kelos has one): KELOS_TASK_NAME, KELOS_TASK_NAMESPACE, KELOS_TASKSPAWNER, KELOS_AGENT_TYPE,
 * KELOS_MODEL, KELOS_EFFORT, KELOS_BRANCH, KELOS_UPSTREAM_REPO, KELOS_ALERT_FINGERPRINT, KELOS_ALERTNAME. */
#pragma once

#include "tasks/sqlite/local.h"

#include <uv.h>

#define EXEC_SHELL       "/bin/sh"
#define EXEC_OUTPUT_MAX  (INT64_C(64) << 20)            /* then "[output cut at 64 MiB]", and the command goes on */
#define EXEC_OUTPUT_KEEP (7 * 24 * 3600 * MOMENT_SECOND) /* output of a Task that is gone, since its last line */
#define EXEC_ENV_MAX     (64 << 10)                      /* bytes of one variable's value; longer ones are cut */

struct exec;
struct exec_options {
    const char *command;     /* for /bin/sh -c */
    const char *output_dir;  /* NULL: "<path of the store>.output/": <namespace>/<task>.log */
    int max_parallel;        /* of all spawners together; 0: the number of processors, at least 2 */
    int64_t output_max;      /* bytes a command may add to its output file; 0: EXEC_OUTPUT_MAX */
    const char *guard_path;  /* NULL: /proc/self/exe */
};
int exec_create(uv_loop_t *loop, struct local_store *store, const struct exec_options *options, struct exec **exec_r,
                struct err *e);
/* Looks for Pending Tasks and starts what may run. Called after every apply and whenever a Task ended. */
void exec_poke(struct exec *x);
/* Ends every running command (TERM, then KILL after `grace_us`), marks their Tasks Failed ("the engine was stopped"),
 * then calls done. */
void exec_stop(struct exec *x, int64_t grace_us, void (*done)(void *arg), void *arg);
/* Before local_close. Commands that still run are killed, their Tasks stay Running until local_fail_running. The loop
 * must run on until its handles are closed. */
void exec_free(struct exec **x);

/* The guard: `alertspawner exec-guard ...` (hidden verb). Returns the exit code of the process. */
int exec_guard_main(int argc, char **argv);

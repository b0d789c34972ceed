/* One running command: its guard process, and what came of it. Used by exec.c alone. */
#pragma once

#include "tasks/sqlite/exec.h"
#include "tasks/sqlite/local_db.h"

struct run {
    struct run *next; /* exec's list */
    struct exec *x;
    char *ns, *name, *uid, *spawner;
    int64_t deadline_s;
    uv_process_t process;
    uv_pipe_t control;
    int open_handles;
    bool exited, silent;     /* the guard has ended; its socket has */
    int guard_signal;
    long shell;              /* pid and process group of /bin/sh, once the guard has said it */
    char heard[512];         /* what the guard said and is no whole line yet */
    size_t n_heard;
    bool asked_to_end;
    bool over;               /* phase and message are set */
    bool stored;             /* and in the store, or of no use to it any more */
    enum task_phase phase;
    char message[300];
    void (*on_over)(struct run *r);   /* once, from the loop */
    void (*on_closed)(struct run *r); /* once, after it: no handle is left */
};

/* Starts the command of a Task. -1: nothing runs and nobody will be called, except on_closed when *closing_r. */
int run_start(struct run *r, uv_loop_t *loop, const struct exec_options *options, const struct task_row *task,
              int output, bool *closing_r, struct err *e);
void run_term(struct run *r);
void run_kill(struct run *r);
void run_close(struct run *r); /* closes the handles: the guard kills what still runs; then on_closed */
void run_free(struct run *r);

/* environment.c: the command's environment, NULL-terminated; environment_free. */
char **environment_make(const struct task_row *task);
void environment_free(char **env);
/* Of the Task's spec: member of `worker` first, as the controllers prefer it, then the flat one. "" when absent. */
const char *spec_text(const cJSON *object, const char *name);
int64_t spec_deadline_s(const cJSON *object); /* podOverrides.activeDeadlineSeconds; 0: none */

/* output.c: opens <dir>/<ns>/<task>.log for appending and writes a header line. *fd_r is close-on-exec. */
int output_open(const char *dir, const struct task_row *task, moment_t now, int *fd_r, struct err *e);
/* Removes files of Tasks that are gone, when untouched for EXEC_OUTPUT_KEEP. */
void output_prune(const char *dir, struct local_db *l, moment_t now);
int output_directory(const char *dir, struct err *e);

/* The local store: Tasks in one SQLite file, for people without a cluster. WAL, full durability, one transaction a
 * cycle, migrations by user_version. The engine that acts on it (run, once) holds an flock on "<path>.lock"; everybody
 * else (get, plan, finish, delete) works beside it. */
#pragma once

#include "tasks/store.h"

#include <uv.h>

enum local_mode {
    LOCAL_ENGINE, /* create if missing, migrate, take the lock: ERR_CONFLICT names the pid that holds it */
    LOCAL_WRITE,  /* finish, delete: the file must exist */
    LOCAL_READ,   /* get, plan: never writes, never creates; a missing file reads as empty. (Beside the file SQLite notes
                     readers in -shm, which holds no data. A file without -wal, a copy, is read as immutable.) */
    LOCAL_MEMORY, /* a store of its own in memory, for tasks/virtual: no file, no lock, and gone when it is closed; `spec`
                     is not looked at */
};

struct local_store {
    struct store store; /* first: &local->store is the interface */
    struct local_db *db;
};

/* `spec` is "sqlite:PATH"; NULL: $XDG_STATE_HOME/alertspawner/tasks.db, else ~/.local/state/alertspawner/tasks.db (the
 * directory is made, mode 0700). `loop` may be NULL unless facts, apply or watch are used. */
int local_open(const char *spec, enum local_mode mode, uv_loop_t *loop, struct local_store **store_r, struct err *e);
/* File and lock are let go at once. The loop must run on until the handles are closed: operations that were waiting
 * then complete with ERR_UNREACHABLE. exec_free comes first. */
void local_close(struct local_store **store);
const char *local_path(const struct local_store *s);

/* For the CLI: complete objects as kubectl prints them. ns NULL: all. *out is a cJSON array; cJSON_Delete. A name that is
 * not there is ERR_NOT_FOUND; without a name an empty array is fine. */
int local_list_tasks(struct local_store *s, const char *ns, const char *name, cJSON **out_r, struct err *e);
int local_list_spawners(struct local_store *s, const char *ns, const char *name, cJSON **out_r, struct err *e);

/* Sets the terminal phase, completionTime and message of a Task. ERR_NOT_FOUND; ERR_CONFLICT when it is already
 * terminal. completionTime has whole seconds, cut, in the object as in facts: as the Kelos controller writes it. */
int local_finish_task(struct local_store *s, const char *ns, const char *name, enum task_phase phase,
                      const char *message, moment_t now, struct err *e);
/* Sets Running and startTime, committed before it returns. ERR_CONFLICT when the Task is Running or
 * terminal. */
int local_start_task(struct local_store *s, const char *ns, const char *name, moment_t now, struct err *e);
int local_delete_task(struct local_store *s, const char *ns, const char *name, struct err *e);
/* At the start of an engine: every Running Task becomes Failed, "the engine stopped while it ran". */
int local_fail_running(struct local_store *s, moment_t now, size_t *n_r, struct err *e);
/* Deletes finished Tasks whose ttlSecondsAfterFinished has passed, as the Kelos controller does; *next_r is when to
 * ask again (MOMENT_NONE: nothing waits). */
int local_expire(struct local_store *s, moment_t now, size_t *n_r, moment_t *next_r, struct err *e);

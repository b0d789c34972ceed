/* Inside the local store: what its files share. Nobody outside tasks/sqlite includes this. */
#pragma once

#include "tasks/object.h"
#include "tasks/owner.h"
#include "tasks/sqlite/db.h"
#include "tasks/sqlite/local.h"

enum {
    LOCAL_TASK_MAX = 4 << 20,       /* bytes of one Task as JSON */
    LOCAL_NAME_MAX = 253,           /* of a Task or namespace, as in Kubernetes */
    LOCAL_KEYS_MAX = 100000,        /* keys of one spawner; the oldest whose Tasks are gone go first */
    LOCAL_MESSAGE_MAX = 32768,      /* bytes of a status message, as in Kubernetes */
    LOCAL_EXPIRE_MAX = 1000,        /* Tasks deleted by one local_expire */
    LOCAL_WATCH_MS = 250,           /* how often changes of other processes are looked for */
};
#define LOCAL_KEY_KEEP (90 * 24 * 3600 * MOMENT_SECOND) /* an untouched key whose Task is gone */

struct watched;
struct operation;

struct local_db {
    struct db db; /* db.sql NULL: LOCAL_READ of a file that is not there, or is empty */
    enum local_mode mode;
    char *path;
    int lock_fd; /* -1: none */
    /* facts and apply that wait for their turn in the loop, in order */
    uv_loop_t *loop;
    uv_timer_t turn;
    struct operation *first, *last;
    /* what has been seen of the spawners' `ended` counters */
    uv_timer_t watch;
    bool watching, own_change;
    int64_t data_version;
    struct watched *seen;
    size_t n_seen;
    void (*changed)(void *arg, const char *ns, const char *spawner);
    void *changed_arg;
    void (*ended)(void *arg); /* exec's: after `changed` was told everything */
    void *ended_arg;
    struct local_store *owner;
    int open_handles;
};

/* turn.c: the operations of the loop */
int local_facts(struct store *s, const struct spawner *sp, store_facts_cb *done, void *arg, struct err *e);
int local_memory(struct store *s, const struct spawner *sp, moment_t now, store_memory_cb *done, void *arg,
                 struct err *e);
int local_apply(struct store *s, const struct spawner *sp, const struct store_changes *changes, moment_t now,
                store_apply_cb *done, void *arg, struct err *e);
void turn_run(uv_timer_t *timer);
void turn_drop(struct local_db *l); /* completes what waits with an error */

/* What facts and apply need of a spawner, copied. */
struct spawner_ref {
    char *ns, *name, *uid, *kind;
    int64_t max_concurrency;
};

/* memory.c, facts.c, apply.c */
int memory_read(struct local_db *l, const struct spawner_ref *sp, moment_t now, struct spawner_memory **memory_r,
                struct err *e);
int facts_read(struct local_db *l, const struct spawner_ref *sp, struct spawner_facts **facts_r, struct err *e);
/* `results`: as many as creations and cancellations. */
int apply_run(struct local_db *l, const struct spawner_ref *sp, const struct store_changes *changes, moment_t now,
              struct store_result *results, struct err *e);

/* What follows for memory.c: `memory` is the number of the spawner's row there, inside a transaction of the caller's. */
int memory_note(struct local_db *l, const struct spawner_ref *sp, int64_t *memory_r, struct err *e); /* makes the row */
/* episode_row.c */
int episodes_read(struct local_db *l, int64_t memory, struct episodes *eps, struct err *e);
int episodes_write(struct local_db *l, int64_t memory, const struct episodes *eps, struct err *e);
/* creation.c */
int creations_read(struct local_db *l, int64_t memory, moment_t now, struct spawner_memory *m, struct err *e);
int creation_add(struct local_db *l, int64_t memory, const char *policy, moment_t now, struct err *e);
int creations_prune(struct local_db *l, int64_t memory, moment_t now, struct err *e);
/* state.c */
int states_read(struct local_db *l, int64_t memory, struct spawner_memory *m, struct err *e);
/* `results`: of the creations that the states may depend on. */
int states_write(struct local_db *l, int64_t memory, const struct store_changes *changes,
                 const struct store_result *results, moment_t now, struct err *e);
/* Touches the states whose keys are seen, and lets go what nobody has seen for long. */
int states_prune(struct local_db *l, int64_t memory, const struct episodes *eps, moment_t now, struct err *e);
/* memory.c: the number of a policy's name in m->policies, which grows. */
uint32_t memory_policy(struct spawner_memory *m, const char *name);

/* watch.c */
void local_watch(struct store *s, void (*changed)(void *arg, const char *ns, const char *spawner), void *arg);
void local_watch_ended(struct local_db *l, void (*ended)(void *arg), void *arg); /* NULL: no more */
void watch_own_change(struct local_db *l); /* this process ended a Task: tell in the next turn of the loop */
void watch_free(struct local_db *l);

/* task.c: rows of `tasks`. Inside a transaction of the caller's. */
struct task_row {
    int64_t id, version, expires_at;
    char *ns, *name, *uid, *spawner, *identity;
    enum task_phase phase;
    cJSON *object;
};
int task_load(struct local_db *l, const char *ns, const char *name, struct task_row *row_r, struct err *e);
void task_row_free(struct task_row *row);
/* Writes object and phase with the next resourceVersion, and tells the key. */
int task_store(struct local_db *l, struct task_row *row, moment_t completed_at, moment_t now, struct err *e);
int task_remove(struct local_db *l, const char *ns, const char *name, struct err *e);
int task_next_version(struct local_db *l, int64_t *version_r, struct err *e);
/* `uid` NULL: whatever has the name. ERR_CONFLICT when it is another one now. */
int task_finish(struct local_db *l, const char *ns, const char *name, const char *uid, enum task_phase phase,
                const char *message, moment_t now, struct err *e);
/* Phase Waiting with a reason; nothing is written when it says so already. */
int task_wait(struct local_db *l, const char *ns, const char *name, const char *message, moment_t now,
              struct err *e);

/* key.c */
int key_created(struct local_db *l, const char *ns, const char *spawner, const char *identity, const char *task,
                moment_t starts_at, moment_t now, struct err *e);
int key_phase(struct local_db *l, const struct task_row *row, moment_t completed_at, moment_t now, struct err *e);
int key_prune(struct local_db *l, const char *ns, const char *spawner, moment_t now, struct err *e);

/* spawner_row.c */
int spawner_ended(struct local_db *l, const char *ns, const char *spawner, struct err *e);
int spawner_note(struct local_db *l, const struct spawner_ref *sp, moment_t now, int64_t *total_r, struct err *e);
int spawner_status(struct local_db *l, const struct spawner_ref *sp, int64_t total, const struct cycle_status *status,
                   moment_t now, struct err *e);

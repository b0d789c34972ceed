/* Starts workers and keeps a few started ahead (HELLO has come), because starting costs more than judging a
 * small batch. A worker is taken once and never comes back. A worker that cannot be started is tried again
 * with a doubling delay; who asks meanwhile learns why. One pool per engine. */
#pragma once

#include "base/err.h"
#include "policy/worker_process.h"

#include <stddef.h>
#include <uv.h>

enum {
    WORKER_RETRY_FIRST_MS = 100,
    WORKER_RETRY_MAX_MS = 30 * 1000,
    WORKER_TRIES = 3, /* failed starts in a row, after which the one who asks is told */
};

struct worker_pool;
/* -1: there is no such executable. For the whole process: ignores SIGPIPE (a worker may die while it is
 * written to), and makes every descriptor above stderr close-on-exec. */
int worker_pool_create(uv_loop_t *loop, const char *worker_path, size_t ahead, struct worker_pool **pool_r,
                       struct err *e);
/* Kills what is left; the loop must run on. Every judge is freed before. */
void worker_pool_free(struct worker_pool **pool);

/* One wish for a worker, embedded in whoever wishes. */
struct worker_ticket {
    void (*got)(void *arg, struct worker *w, const struct err *e); /* w NULL: e says why */
    void *arg;
    struct worker_ticket *next; /* private */
};
/* `got` is called once: perhaps at once with a worker, never at once with an error. The receiver is the
 * worker's owner after worker_own(). */
void worker_pool_take(struct worker_pool *pool, struct worker_ticket *ticket);
void worker_pool_cancel(struct worker_pool *pool, struct worker_ticket *ticket); /* fine when not waiting */
/* Since the engine started. */
struct worker_pool_counts {
    uint64_t starts;         /* processes */
    uint64_t start_failures; /* that came to nothing before they were handed out */
    uint64_t deaths[4];      /* by enum worker_end, of those that were at work */
};
struct worker_pool_counts worker_pool_counts(const struct worker_pool *pool);
/* A worker that was handed out has died. */
void worker_pool_note_death(struct worker_pool *pool, enum worker_end end);
uv_loop_t *worker_pool_loop(const struct worker_pool *pool);

/* alertspawner-worker beside this executable. free(). -1: it is not there. */
int worker_path_default(char **path_r, struct err *e);

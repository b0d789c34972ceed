/* What a verb that judges alerts needs, wired together: loop, documents, network, workers, store. */
#pragma once

#include "base/err.h"
#include "cli/cluster.h"
#include "cli/options.h"
#include "spawner/cycle.h"
#include "tasks/sqlite/local.h"

#include <uv.h>

struct engine {
    uv_loop_t loop;
    struct http_client *http;
    struct worker_pool *pool;
    struct local_store *local;   /* one of the two */
    struct cluster *cluster;
    struct metrics *metrics;     /* of `run`; of others nobody asks */
    struct policy_set *policies; /* of --policies, read once; `run` follows it */
    struct cycle_env env;
    char *worker;
};

enum engine_use {
    ENGINE_ACT,     /* once, run: owns the store */
    ENGINE_PLAN,    /* plan: reads the store */
    ENGINE_OFFLINE, /* render, check: neither network nor store */
    ENGINE_REPLAY,  /* as offline, with workers for many cycles */
};

int engine_open(const struct options *o, enum engine_use use, struct engine *g, struct err *e);
/* Closes everything and runs the loop until it is empty. Also after a failed open. */
void engine_close(struct engine *g);

const char *engine_place(const struct engine *g); /* where its Tasks are, for sentences */

/* Reads the documents of -f and (cluster not NULL) the spawners that are objects there, applies --alertmanager, and
 * prints what is wrong with them. *bad_r: how many problems. */
int engine_documents(const struct options *o, struct cluster *cluster, struct spawner_set **set_r, size_t *bad_r,
                     struct err *e);

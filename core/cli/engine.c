/* Wiring: see engine.h. */
#include "cli/engine.h"
#include "cli/say.h"

#include "base/mem.h"
#include "metrics/metrics.h"
#include "net/http.h"
#include "policy/worker_pool.h"
#include "spawner/spawner.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WORKERS_AHEAD = 2,
    WORKERS_REPLAY = 4,
    /* Alertmanager answers 503 to more questions at once than --web.get-concurrency, 8 on a small machine; others ask, too */
    POLLS_PER_SERVER = 4,
};

static bool is_offline(enum engine_use use)
{
    return use == ENGINE_OFFLINE || use == ENGINE_REPLAY;
}

static size_t workers_ahead(enum engine_use use)
{
    return use == ENGINE_OFFLINE ? 1 : use == ENGINE_REPLAY ? WORKERS_REPLAY : WORKERS_AHEAD;
}

static int open_store(const struct options *o, enum engine_use use, struct engine *g, struct err *e)
{
    if (is_offline(use))
        return 0;
    if (cluster_wanted(o)) {
        if (cluster_open(&g->loop, o, use == ENGINE_PLAN, &g->cluster, e) != 0)
            return -1;
        g->env.store = cluster_store(g->cluster);
        g->env.secrets = cluster_secrets(g->cluster);
        return 0;
    }
    if (local_open(o->store, use == ENGINE_ACT ? LOCAL_ENGINE : LOCAL_READ, &g->loop, &g->local, e) != 0)
        return -1;
    g->env.store = &g->local->store;
    if (use == ENGINE_PLAN)
        return 0;
    size_t n;
    moment_t next;
    return local_fail_running(g->local, moment_now(), &n, e) != 0 ||
                   local_expire(g->local, moment_now(), &n, &next, e) != 0
               ? -1
               : 0;
}

int engine_open(const struct options *o, enum engine_use use, struct engine *g, struct err *e)
{
    *g = (struct engine){0};
    if (uv_loop_init(&g->loop) != 0)
        return err_set(e, ERR_IO, "no event loop: too many open files?");
    if (o->worker != NULL)
        g->worker = xstrdup(o->worker);
    else if (worker_path_default(&g->worker, e) != 0)
        return -1;
    g->env.limits = judge_limits_default();
    if (worker_pool_create(&g->loop, g->worker, workers_ahead(use), &g->pool, e) != 0 ||
        policy_set_create(o->policies, &g->policies, e) != 0)
        return -1;
    /* before anything else turns on the loop: the specs beside the policies run in it */
    if (!is_offline(use) && policy_set_examine(g->policies, g->pool, &g->env.limits, e) != 0)
        return -1;
    if (open_store(o, use, g, e) != 0)
        return -1;
    struct http_client_options http = {.ca_file = o->ca_file, .user_agent = "alertspawner/" AS_VERSION, .http1 = true,
                                       .per_server = POLLS_PER_SERVER};
    if (!is_offline(use) && http_client_create(&g->loop, &http, &g->http, e) != 0)
        return -1;
    g->metrics = g->env.metrics = metrics_create();
    if (g->cluster != NULL)
        cluster_measure(g->cluster, g->metrics);
    g->env.loop = &g->loop;
    g->env.http = g->http;
    g->env.pool = g->pool;
    g->env.policies = g->policies;
    g->env.secrets_dir = o->secrets;
    g->env.max_bytes = o->max_response_bytes;
    g->env.poll_timeout_us = o->timeout_us;
    return 0;
}

void engine_close(struct engine *g)
{
    policy_set_free(&g->policies);
    if (g->cluster != NULL && g->env.store != NULL)
        cluster_flush(g->cluster);
    cluster_close(&g->cluster);
    http_client_free(&g->http);
    worker_pool_free(&g->pool);
    local_close(&g->local);
    uv_run(&g->loop, UV_RUN_DEFAULT);
    uv_loop_close(&g->loop);
    metrics_free(&g->metrics);
    free(g->worker);
}

const char *engine_place(const struct engine *g)
{
    return g->cluster != NULL ? cluster_name(g->cluster) : local_path(g->local);
}

int engine_documents(const struct options *o, struct cluster *cluster, struct spawner_set **set_r, size_t *bad_r,
                     struct err *e)
{
    struct spawner_source source = {.paths = o->documents, .n_paths = o->n_documents, .ns = o->ns};
    if (cluster != NULL) {
        source.ns = cluster_ns(cluster);
        source.n_objects = cluster_objects(cluster, &source.objects);
    }
    if (spawner_set_load(&source, set_r, e) != 0)
        return -1;
    struct spawner_set *set = *set_r;
    *bad_r = set->n_problems;
    for (size_t i = 0; i < set->n_problems; i++)
        say("Error: %s", set->problems[i]);
    if (set->n == 0 && set->n_problems == 0) {
        spawner_set_free(set_r);
        return cluster != NULL ? err_set(e, ERR_NOT_FOUND, "there is no AlertSpawner in %s%s", cluster_watched(cluster)[0]
                                             ? "namespace " : "any namespace", cluster_watched(cluster))
                               : err_set(e, ERR_INVALID, "the documents hold no TaskSpawner");
    }
    if (o->alertmanager != NULL && spawner_set_override_url(set, o->alertmanager, e) != 0) {
        spawner_set_free(set_r);
        e->kind = ERR_USAGE;
        return -1;
    }
    return 0;
}

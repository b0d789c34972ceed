/* Wiring of a cluster: see cluster.h. */
#include "cli/cluster_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "kube/config.h"
#include "metrics/metrics.h"
#include "spawner/secret.h"
#include "spawner/spawner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_FILE "/var/run/secrets/kubernetes.io/serviceaccount/token"
enum {
    SECRET_MS = 10000,
    QPS = 100, /* a storm of 1,000 Tasks is over in some ten seconds; the server has its own fairness beyond that */
    BURST = 200,
};

bool cluster_wanted(const struct options *o)
{
    if (o->store != NULL)
        return strcmp(o->store, "kube") == 0 || strncmp(o->store, "kube:", 5) == 0;
    return getenv("KUBERNETES_SERVICE_HOST") != NULL && access(TOKEN_FILE, R_OK) == 0;
}

/* -n, else what stands behind --store kube:, else what the context or the pod says. */
static const char *namespace_of(const struct options *o, const struct kube_config *config)
{
    if (o->ns != NULL)
        return o->ns;
    return o->store != NULL && strncmp(o->store, "kube:", 5) == 0 && o->store[5] != '\0' ? o->store + 5 : config->ns;
}

int cluster_connect(uv_loop_t *loop, const struct options *o, struct cluster **cluster_r, struct err *e)
{
    struct cluster *c = xcalloc(1, sizeof *c);
    struct kube_config_source source = {.kubeconfig = o->kubeconfig, .context = o->context};
    struct kube_client_options options = {.user_agent = "alertspawner/" AS_VERSION, .qps = QPS, .burst = BURST};
    struct kube_config *config = NULL;
    c->loop = loop;
    *cluster_r = c;
    if (kube_config_load(&source, &config, e) != 0)
        return -1;
    c->ns = xstrdup(namespace_of(o, config));
    c->watched = xstrdup(o->all_namespaces ? "" : c->ns);
    c->name = xasprintf("%s (%s)", config->origin, config->server);
    return kube_client_create(loop, config, &options, &c->client, e);
}

static int on_secret_wanted(void *arg, const char *ns, const char *name, secret_cb *done, void *done_arg, struct err *e);

int cluster_open(uv_loop_t *loop, const struct options *o, bool read_only, struct cluster **cluster_r, struct err *e)
{
    *cluster_r = NULL;
    if (cluster_connect(loop, o, cluster_r, e) != 0)
        return -1;
    struct cluster *c = *cluster_r;
    c->take_task_spawners = o->take_task_spawners;
    c->secrets = (struct secret_source){on_secret_wanted, c};
    if (!read_only) {
        char *identity = lease_identity();
        c->events = kube_events_create(loop, c->client, "alertspawner", identity);
        free(identity);
    }
    struct kube_store_options options = {
        .client = c->client, .ns = c->watched, .read_only = read_only, .events = c->events};
    return kube_store_create(loop, &options, &c->store, e);
}

static void on_flushed(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void on_flush_closed(uv_handle_t *h)
{
    free(h);
}

void cluster_flush(struct cluster *c)
{
    bool over = false;
    struct store *store = cluster_store(c);
    spawners_close(c); /* whoever followed is gone when the loop turns here */
    store->ops->watch(store, NULL, NULL);
    uv_timer_t *timer = xmalloc(sizeof *timer);
    uv_timer_init(c->loop, timer);
    timer->data = &over;
    uv_timer_start(timer, on_flushed, CLUSTER_FLUSH_MS, 0);
    while (c->events != NULL && kube_events_status(c->events).waiting > 0 && !over)
        uv_run(c->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)timer, on_flush_closed);
}

void cluster_close(struct cluster **cluster)
{
    struct cluster *c = *cluster;
    *cluster = NULL;
    if (c == NULL)
        return;
    if (c->client != NULL)
        kube_client_observe(c->client, NULL, NULL);
    spawners_close(c);
    kube_store_free(&c->store);
    kube_events_free(&c->events);
    kube_client_free(&c->client);
    free(c->ns);
    free(c->watched);
    free(c->name);
    free(c);
}

struct store *cluster_store(struct cluster *c)
{
    return kube_store_interface(c->store);
}

struct kube_store *cluster_kube_store(struct cluster *c)
{
    return c->store;
}

struct kube_client *cluster_client(struct cluster *c)
{
    return c->client;
}

const struct secret_source *cluster_secrets(struct cluster *c)
{
    return &c->secrets;
}

const char *cluster_ns(const struct cluster *c)
{
    return c->ns;
}

const char *cluster_watched(const struct cluster *c)
{
    return c->watched;
}

const char *cluster_name(const struct cluster *c)
{
    return c->name;
}

static void on_answer(void *arg, const struct kube_observation *o)
{
    char status[24];
    snprintf(status, sizeof status, "%ld", o->status);
    metrics_observe(arg, METRIC_API_SECONDS, (double)o->took_us / 1e6, LABELS(o->verb, o->resource));
    metrics_add(arg, METRIC_API_REQUESTS, 1, LABELS(o->verb, o->resource, o->status > 0 ? status : err_kind_name(o->kind)));
}

void cluster_measure(struct cluster *c, struct metrics *metrics)
{
    kube_client_observe(c->client, on_answer, metrics);
}

void cluster_fence(struct cluster *c, bool (*may_act)(void *arg), void *arg)
{
    kube_store_fence(c->store, may_act, arg);
}

void cluster_refresh(struct cluster *c)
{
    kube_store_refresh(c->store);
}

void cluster_hurry(struct cluster *c)
{
    kube_store_hurry(c->store);
}

bool cluster_ready(const struct cluster *c, const char **why_r)
{
    return kube_store_ready(c->store, why_r) && spawners_ready(c, why_r);
}

/* ---- Secrets: read by name when a cycle needs one, and wiped with it ---- */

struct secret_question {
    secret_cb *done;
    void *arg;
    char *who;
};

static void on_secret(void *arg, cJSON *object, const struct err *e)
{
    struct secret_question *q = arg;
    struct secret *secret = NULL;
    struct err why;
    if (e != NULL) {
        why = *e;
        if (e->kind == ERR_NOT_FOUND)
            err_set(&why, ERR_NOT_FOUND, "no Secret %s in the cluster", q->who);
        else
            err_wrap(&why, "reading the Secret %s", q->who);
    }
    bool failed = e != NULL || secret_from_object(object, &secret, &why) != 0;
    cJSON_Delete(object);
    q->done(q->arg, failed ? NULL : secret, failed ? &why : NULL);
    free(q->who);
    free(q);
}

static int on_secret_wanted(void *arg, const char *ns, const char *name, secret_cb *done, void *done_arg, struct err *e)
{
    struct cluster *c = arg;
    struct kube_ref ref = {.resource = &kube_secrets, .ns = ns, .name = name};
    struct kube_options options = {.timeout_us = SECRET_MS * INT64_C(1000)};
    struct secret_question *q = xcalloc(1, sizeof *q);
    *q = (struct secret_question){.done = done, .arg = done_arg, .who = xasprintf("%s/%s", ns, name)};
    if (kube_get(c->client, &ref, &options, on_secret, q, NULL, e) == 0)
        return 0;
    free(q->who);
    free(q);
    return -1;
}

/* Inside of the cluster's wiring: cluster.c (client, store, Secrets), cluster_spawners.c (spawners that are objects),
 * cluster_list.c (get and delete). */
#pragma once

#include "cli/cluster.h"

#include "kube/client.h"
#include "kube/event.h"
#include "kube/informer.h"
#include "kube/lease.h"
#include "tasks/kube/kube_store.h"

enum { SPAWNER_KINDS = 2 };

/* One kind of spawner objects. */
struct spawner_kind {
    struct cluster *cluster;
    const struct kube_resource *resource;
    struct informer *informer; /* NULL: not watched */
    char *trouble;             /* or NULL */
};

struct cluster {
    uv_loop_t *loop;
    char *ns, *watched, *name;
    struct kube_client *client;
    struct kube_events *events;
    struct kube_store *store;
    struct secret_source secrets;
    bool take_task_spawners;
    /* cluster_spawners.c */
    struct spawner_kind kinds[SPAWNER_KINDS];
    uv_timer_t *soon; /* many changes at once are told once; NULL: not followed */
    void (*changed)(void *arg);
    void *changed_arg;
    struct spawner_object *objects; /* as last handed out */
    size_t n_objects, cap_objects;
    bool timed_out;
};

int cluster_connect(uv_loop_t *loop, const struct options *o, struct cluster **cluster_r, struct err *e);
void spawners_close(struct cluster *c);
bool spawners_ready(const struct cluster *c, const char **why_r);

/* The store of a cluster: Tasks are Kelos' objects, what is kept of a spawner is in its status and one ConfigMap.
 *
 * Every Task of a namespace is known by one watch. A cycle's answers come from that index, in which our own writes stand
 * at once; no cycle begins before the first complete list. Whose a Task is, is Kelos' own rule (tasks/owner.h).
 *
 * There are no transactions. What makes it safe to die anywhere, in the order of writes of a cycle:
 *   1. finished Tasks that are to be replaced are deleted (uid and resourceVersion given): if that is all that happens,
 *      their alerts are alerts whose Task is gone, and the next cycle creates them anew (recreate.gone);
 *   2. Tasks are created, one after the other: names are a function of spawner and alert, so a second creation finds the
 *      name taken. Each Task carries its ordinal, fingerprint, policy: what the next two writes would say;
 *   3. the ConfigMap: episodes, keys, creations, ctx.state; with its resourceVersion, only when it changed;
 *   4. the status: counters; with its resourceVersion, only when it changed.
 * After a death between any of them the next cycle derives from the Tasks what 3 and 4 lack (kept_adopt); a counter is the
 * larger of the stored one and the highest ordinal seen. What can be lost: a change of ctx.state, one poll's episodes.
 *
 * docs/decisions/0003-kubernetes.md has the argument at length. */
#pragma once

#include "kube/client.h"
#include "tasks/store.h"

#include <uv.h>

struct kube_events;
struct kube_store;

extern const struct kube_resource kube_alert_spawners; /* alerts.kelos.dev/v1alpha1 AlertSpawner */
extern const struct kube_resource kube_task_spawners;  /* kelos.dev/v1alpha2 TaskSpawner */

enum {
    KUBE_WRITE_MS = 5000,   /* time limit of one write, see kube/lease.h */
    KUBE_SYNC_MS = 20000,   /* a cycle waits so long for the first complete list */
    KUBE_GOING_MS = 2000,   /* and so long for finalizers of a Task that it replaces; then the next cycle creates it */
};

struct kube_store_options {
    struct kube_client *client;
    const char *ns;     /* "": one watch for all namespaces; else one for each that a spawner is in, this one first */
    bool read_only;     /* plan: any write is ERR_BUG */
    struct kube_events *events; /* or NULL */
};
int kube_store_create(uv_loop_t *loop, const struct kube_store_options *options, struct kube_store **store_r,
                      struct err *e);
/* The interface; its close() does what kube_store_free does. */
struct store *kube_store_interface(struct kube_store *s);
/* Operations that wait complete with ERR_UNREACHABLE; the loop must run on until it is empty. Before the client. */
void kube_store_free(struct kube_store **store);

/* Asked before every write from now on; NULL: always. */
void kube_store_fence(struct kube_store *s, bool (*may_act)(void *arg), void *arg);
/* Leadership came: what others have written meanwhile must be seen before the next cycle. */
void kube_store_refresh(struct kube_store *s);
/* The engine ends and has no time: what a cycle still wants to create or delete is not tried; what it has done is noted. */
void kube_store_hurry(struct kube_store *s);
/* The first complete lists are in. *why_r, else: what is in the way, a sentence; lives until the next turn of the loop. */
bool kube_store_ready(const struct kube_store *s, const char **why_r);

/* An object whose spec is not taken (problem: one sentence), or is again (NULL). Its status says so, until a cycle of a
 * spec that is taken writes another. */
struct kube_spawner_ref {
    const char *api_version, *kind, *ns, *name, *uid;
    int64_t generation;
};
void kube_store_problem(struct kube_store *s, const struct kube_spawner_ref *spawner, const char *problem);
/* A spawner is gone: what is known of it is let go (its ConfigMap goes with its owner). */
void kube_store_drop(struct kube_store *s, const char *ns, const char *name);

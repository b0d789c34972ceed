/* The cluster that --store kube means, wired together: client, store, events, and the spawners that are objects there. */
#pragma once

#include "base/err.h"
#include "cli/options.h"
#include "spawner/cycle.h"

#include <uv.h>

struct cluster;
struct kube_client;
struct metrics;
struct kube_store;
struct spawner_object;

/* --store kube[:NAMESPACE]; or nothing said, in a pod. */
bool cluster_wanted(const struct options *o);
/* `read_only`: plan. */
int cluster_open(uv_loop_t *loop, const struct options *o, bool read_only, struct cluster **cluster_r, struct err *e);
/* Before the end: nobody is told of changes any more, and the loop is run until the events of what was done are written,
 * for at most CLUSTER_FLUSH_MS. */
enum { CLUSTER_FLUSH_MS = 1000 };
void cluster_flush(struct cluster *c);
void cluster_close(struct cluster **c); /* the loop must run on until it is empty */

struct store *cluster_store(struct cluster *c);
struct kube_store *cluster_kube_store(struct cluster *c);
struct kube_client *cluster_client(struct cluster *c);
const struct secret_source *cluster_secrets(struct cluster *c);
/* Of documents that name none; also what is watched, "" for all (-A). */
const char *cluster_ns(const struct cluster *c);
const char *cluster_watched(const struct cluster *c);
const char *cluster_name(const struct cluster *c); /* for sentences */
/* Questions to the API server are counted and timed there. */
void cluster_measure(struct cluster *c, struct metrics *metrics);
/* Asked before every write (NULL: always). */
void cluster_fence(struct cluster *c, bool (*may_act)(void *arg), void *arg);
/* This replica leads now: what others have written is read again. */
void cluster_refresh(struct cluster *c);
/* See kube_store_hurry. */
void cluster_hurry(struct cluster *c);
bool cluster_ready(const struct cluster *c, const char **why_r);

/* ---- spawners that are objects ---- */

/* Watches AlertSpawners (and, with --take-taskspawners, TaskSpawners that carry the annotation
 * alerts.kelos.dev/engine: alertspawner). `changed` is called when their first list is in, and whenever one of them
 * has come, changed in what its cycles go by, or gone. */
int cluster_follow(struct cluster *c, void (*changed)(void *arg), void *arg, struct err *e);
/* All that are there, as documents; valid until the next turn of the loop. */
size_t cluster_objects(struct cluster *c, const struct spawner_object **objects_r);
/* What a set that was made of them says of each: the status of those that are not taken says why. */
void cluster_tell(struct cluster *c, const struct spawner_set *set);
/* Waits, running the loop, until their first lists are in. */
int cluster_wait(struct cluster *c, struct err *e);

/* ---- for get and delete: one question, the loop is run until it is answered ---- */

int cluster_list_tasks(const struct options *o, const char *name, cJSON **list_r, struct err *e);
int cluster_list_spawners(const struct options *o, const char *name, cJSON **list_r, struct err *e);
int cluster_delete_task(const struct options *o, const char *name, struct err *e);

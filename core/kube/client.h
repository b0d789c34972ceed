/* A client of the Kubernetes API server: REST and JSON, no generated models. An object is a cJSON tree.
 *
 * Every question has a time limit for all of its attempts together, and exactly one completion, never from inside the
 * start; a start that returns -1 never calls back. While there is time left the client itself waits and asks again when
 * the server says 429 or 503 with Retry-After (it has done nothing then). Everything else is told at once:
 *
 *   ERR_NOT_FOUND   404: no such object, or no such resource (a CRD is missing: kube_discover says which)
 *   ERR_EXISTS      409 AlreadyExists: a create found the name taken
 *   ERR_CONFLICT    409 Conflict: resourceVersion or uid are not what was given
 *   ERR_INVALID     400, 422: the server refuses the object, causes in the sentence
 *   ERR_FORBIDDEN   401, 403
 *   ERR_GONE        410: a continue token or resourceVersion is too old
 *   ERR_THROTTLED   429, for longer than the time limit
 *   ERR_TIMEOUT, ERR_UNREACHABLE   no complete answer, or 5xx
 *
 * After ERR_TIMEOUT or ERR_UNREACHABLE of a write it is NOT KNOWN whether the server has carried it out, nor whether it
 * still will: who needs to know reads the object, and repeats only what a name, uid or resourceVersion makes harmless.
 * (libcurl itself sends a request once more when a kept connection was closed before a byte of the answer came: so
 * ERR_EXISTS and ERR_CONFLICT, too, may be about our own write.)
 * Sentences hold the server's Status message (cut, control characters escaped), the method and the path; never a
 * credential, never any other body. */
#pragma once

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct kube_config;
struct kube_client;
struct kube_call; /* one question in flight */

struct kube_client_options {
    const char *user_agent; /* "alertspawner/0.1.0" */
    double qps;             /* of all questions but watches and urgent ones; 0: 50, burst 100; negative: no limit */
    int burst;
    int max_parallel;       /* the same; 0: 16 */
    int64_t timeout_us;     /* of a question that names none; 0: 30 s */
};
/* Takes the config (freed with the client, also on -1). */
int kube_client_create(uv_loop_t *loop, struct kube_config *config, const struct kube_client_options *options,
                       struct kube_client **client_r, struct err *e);
/* What is in flight completes with ERR_CONFLICT "cancelled" first; then the loop must run until it is empty. Informers,
 * leases and events are freed before. */
void kube_client_free(struct kube_client **client);
/* Told of every question about a resource that has ended, watches excepted: for metrics. The words are literals ("get",
 * "list", "create", "update", "patch", "delete") and the resource's plural. */
struct kube_observation {
    const char *verb, *resource;
    long status;        /* 0: no answer; then `kind` says why */
    enum err_kind kind;
    int64_t took_us;    /* waiting for its turn and for a throttled server included */
};
typedef void kube_observe_cb(void *arg, const struct kube_observation *o);
void kube_client_observe(struct kube_client *c, kube_observe_cb *observe, void *arg); /* NULL: nobody */
const struct kube_config *kube_client_config(const struct kube_client *c);

/* ---- what there is ---- */

struct kube_resource {
    const char *group;   /* "" for core */
    const char *version; /* "v1" */
    const char *plural;  /* "tasks" */
    const char *kind;    /* "Task" */
    bool cluster_scoped;
    const char *install; /* what to do when the server does not know it, for kube_discover's sentence; NULL: nothing */
};
extern const struct kube_resource kube_tasks;       /* kelos.dev/v1alpha2 Task */
extern const struct kube_resource kube_secrets, kube_config_maps, kube_events, kube_leases;

struct kube_ref {
    const struct kube_resource *resource;
    const char *ns;          /* NULL: the client's namespace; of lists and watches "" is all namespaces */
    const char *name;        /* NULL where there is none (create, list) */
    const char *subresource; /* "status", or NULL */
};

/* ---- one object ---- */

/* `object` is the receiver's (cJSON_Delete); NULL with an error. A delete hands out what the server answered: the
 * object when it still stands (finalizers), else a Status. */
typedef void kube_object_cb(void *arg, cJSON *object, const struct err *e);

enum kube_patch_type { KUBE_PATCH_MERGE, KUBE_PATCH_JSON, KUBE_PATCH_APPLY };

struct kube_options {
    int64_t timeout_us;  /* 0: the client's */
    bool urgent;         /* not held back by the rate limit or by others in flight (a lease) */
    bool once;           /* no second attempt, whatever the server says (a lease) */
    bool dry_run;        /* ?dryRun=All */
    bool strict;         /* ?fieldValidation=Strict: an unknown field is an error */
    const char *field_manager; /* NULL: "alertspawner" */
    bool force;          /* KUBE_PATCH_APPLY: take over fields of others */
    /* kube_delete: only while uid and resourceVersion are these; NULL: whatever they are */
    const char *uid, *resource_version;
    const char *propagation; /* "Background", "Foreground", "Orphan", or NULL */
};

/* Options may be NULL. What is pointed to is copied. *call_r may be NULL. */
int kube_get(struct kube_client *c, const struct kube_ref *ref, const struct kube_options *o, kube_object_cb *done,
             void *arg, struct kube_call **call_r, struct err *e);
int kube_create(struct kube_client *c, const struct kube_ref *ref, const cJSON *object, const struct kube_options *o,
                kube_object_cb *done, void *arg, struct kube_call **call_r, struct err *e);
/* PUT: with metadata.resourceVersion in the object it is optimistic (ERR_CONFLICT). */
int kube_update(struct kube_client *c, const struct kube_ref *ref, const cJSON *object, const struct kube_options *o,
                kube_object_cb *done, void *arg, struct kube_call **call_r, struct err *e);
int kube_patch(struct kube_client *c, const struct kube_ref *ref, enum kube_patch_type type, const cJSON *patch,
               const struct kube_options *o, kube_object_cb *done, void *arg, struct kube_call **call_r, struct err *e);
int kube_delete(struct kube_client *c, const struct kube_ref *ref, const struct kube_options *o, kube_object_cb *done,
                void *arg, struct kube_call **call_r, struct err *e);
void kube_cancel(struct kube_call *call); /* its completion comes, with ERR_CONFLICT, not from inside */

/* ---- many ---- */

struct kube_selection {
    const char *labels;  /* "kelos.dev/taskspawner", "a=b,c in (d,e)"; NULL: all */
    const char *fields;  /* "metadata.name=x"; NULL: all */
};

struct kube_page {
    char *resource_version; /* of the list, as all its pages have it */
    char *continue_token;   /* "" on the last page */
    uint64_t remaining;     /* as the server estimates */
};

/* One page of a list. Items are handed out while they arrive; `item` is the receiver's. Return -1 with `e` set to give
 * up. `page` is valid inside `done` only; NULL with an error (ERR_GONE: the token is too old). */
typedef int kube_item_cb(void *arg, cJSON *item, struct err *e);
typedef void kube_page_cb(void *arg, const struct kube_page *page, const struct err *e);
struct kube_list {
    struct kube_selection selection;
    uint32_t limit;             /* items a page; 0: everything at once */
    const char *continue_token; /* "" or NULL: the first page */
    const char *resource_version; /* NULL: the newest there is; "0": whatever the server has at hand */
    int64_t timeout_us;         /* of this page; 0: 60 s */
    kube_item_cb *on_item;
    kube_page_cb *done;
    void *arg;
};
int kube_list(struct kube_client *c, const struct kube_ref *ref, const struct kube_list *list,
              struct kube_call **call_r, struct err *e);

/* A watch: what happens after resource_version. It ends by itself (the server closes it after timeout_us, e == NULL),
 * or with an error (ERR_GONE: list anew; the others: watch on from the last resourceVersion seen, bookmarks included).
 * idle_us without a byte is ERR_TIMEOUT. */
enum kube_event_type { KUBE_ADDED, KUBE_MODIFIED, KUBE_DELETED, KUBE_BOOKMARK };
typedef int kube_watch_cb(void *arg, enum kube_event_type type, cJSON *object, struct err *e); /* object: receiver's */
typedef void kube_end_cb(void *arg, const struct err *e);
struct kube_watch {
    struct kube_selection selection;
    const char *resource_version;
    int64_t timeout_us, idle_us;   /* 0: 5 min, 2 min */
    kube_watch_cb *on_event;
    void (*on_open)(void *arg);    /* the server has accepted it; may be NULL */
    kube_end_cb *done;
    void *arg;
};
int kube_watch(struct kube_client *c, const struct kube_ref *ref, const struct kube_watch *watch,
               struct kube_call **call_r, struct err *e);

/* ---- is it there ---- */

/* Asks whether the server serves a resource. ERR_NOT_FOUND: no; the sentence says that the CustomResourceDefinition
 * PLURAL.GROUP is missing, or which versions are served instead. done's object is the APIResource. */
int kube_discover(struct kube_client *c, const struct kube_resource *resource, kube_object_cb *done, void *arg,
                  struct kube_call **call_r, struct err *e);

/* ---- objects ---- */

/* Strings of an object's metadata; "" when absent, never NULL. They live as long as the object. */
const char *kube_name(const cJSON *object);
const char *kube_namespace(const cJSON *object);
const char *kube_uid(const cJSON *object);
const char *kube_version(const cJSON *object); /* resourceVersion */
const char *kube_label(const cJSON *object, const char *key);
const char *kube_annotation(const cJSON *object, const char *key);
bool kube_deleting(const cJSON *object);       /* has a deletionTimestamp */
/* A string by path: kube_text(o, "status", "phase", NULL). "" when absent or no string. */
const char *kube_text(const cJSON *object, ...) __attribute__((sentinel));

/* Resource versions of one resource, as numbers (Kubernetes promises that they can be compared so): <0, 0, >0. Equal
 * text is 0; what is no decimal number cannot be compared, and then the first, the newcomer, counts as newer (>0). */
int kube_version_compare(const char *newcomer, const char *other);

/* Inside the store of a cluster: what its files share. An operation is a memory, facts or apply of a cycle; callbacks
 * note what came and call operation_step(), which alone decides. Operations of one spawner run one after the other. */
#pragma once

#include "tasks/kube/kube_store.h"

#include "kube/event.h"
#include "kube/informer.h"
#include "tasks/kube/kept.h"

struct namespace_watch {
    struct namespace_watch *next;
    struct kube_store *store;
    char *ns; /* "": all */
    struct informer *tasks;
    char *trouble; /* or NULL */
};

/* What is known of one spawner. */
struct slot {
    struct slot *next;
    char *ns, *name;
    struct kept *kept;    /* NULL: not read yet */
    char *map_version;    /* resourceVersion of its ConfigMap; NULL: there is none */
    cJSON *status;        /* of its object, as last seen; or NULL */
    char *object_version; /* resourceVersion of its object; or NULL */
    char *problem;        /* why its present spec is not taken, or NULL */
    char *said[3];        /* what its events last said of limits, source and policy */
    bool stale;           /* to be read again before the next operation */
    bool gone;            /* to be freed once nothing runs */
    struct operation *first, *last;
};

struct kube_store {
    struct store store; /* first */
    uv_loop_t *loop;
    struct kube_client *client;
    struct kube_events *events;
    char *ns;
    bool read_only, closed, stopping;
    bool quiet; /* a change of the index is our own, and no reason for a cycle */
    bool (*may_act)(void *arg);
    void *may_act_arg;
    struct namespace_watch *watches;
    struct slot *slots;
    void (*changed)(void *arg, const char *ns, const char *spawner);
    void *changed_arg;
};

enum operation_state {
    O_SYNCING, /* the index is not complete */
    O_LOADING, /* ConfigMap and status are read */
    O_ACTING,  /* Tasks are deleted and created */
    O_KEEPING, /* the ConfigMap is written */
    O_TELLING, /* the status is written */
    O_DONE,
};

struct operation {
    struct kube_store *store;
    struct slot *slot;
    struct operation *next;
    enum operation_kind { OP_MEMORY, OP_FACTS, OP_APPLY, OP_PROBLEM } kind;
    /* the spawner, copied */
    char *uid, *spawner_kind, *api_version;
    int64_t generation;
    bool in_cluster;
    /* who asked */
    store_memory_cb *on_memory;
    store_facts_cb *on_facts;
    store_apply_cb *on_apply;
    void *arg;
    moment_t now;
    struct store_changes changes; /* what it points to is the caller's, but for: */
    struct cycle_status status;   /* owns its texts and conditions */
    /* how far it is */
    enum operation_state state;
    int sub;                   /* of that state */
    size_t i;                  /* item of the state */
    int tries;
    uint64_t total;            /* ordinal of the last Task created */
    struct err create_error;   /* why its name is looked up */
    bool given_up;             /* the server does not answer: the rest is not tried */
    uint64_t deadline;         /* of the state; 0: none, see operation_wait */
    bool orphan;               /* the store is closed; what is left of it goes with the completion of its call */
    struct store_result *results;
    struct kube_call *call;
    bool answered;             /* since it was asked: */
    cJSON *answer;
    struct err why;            /* kind ERR_NONE: `answer` */
    struct err err;            /* of the whole operation */
    bool failed;
    cJSON *wanted;             /* the status to be written */
    uv_timer_t timer;
};

/* Steps of a state: 0 something is awaited, 1 done, -1 failed with `err` set. */
int load_step(struct operation *op);
int apply_step(struct operation *op);
int keep_step(struct operation *op);
int status_step(struct operation *op);

/* The callback of every question: notes the answer and steps. */
void operation_answered(void *arg, cJSON *object, const struct err *e);
/* The answer that came, the receiver's; NULL with an error in op->why. */
cJSON *operation_take(struct operation *op);
/* Step again when a Task of its namespace goes or ends, and at the latest `ms` after the first wait of this state. */
void operation_wait(struct operation *op, uint64_t ms);
bool operation_timed_out(const struct operation *op);
bool operation_may_write(struct operation *op, struct err *e);

void slot_forget(struct slot *slot); /* what was read */

/* kube_load.c */
struct kube_ref map_ref(const struct slot *slot, char name[300]);
/* A ConfigMap becomes kept; NULL with an error. */
struct kept *map_read(const struct slot *slot, const cJSON *map, struct err *e);
struct kube_ref object_ref(const struct operation *op);
/* Takes status and version of the spawner's object. -1: it is another one now. */
int object_take(struct operation *op, const cJSON *object, struct err *e);
/* The end of a write beside the Tasks. When creations or deletions are done, their results must be told, whatever becomes
 * of it: it is logged, and written with the next cycle. An operation that has nothing else to tell fails with it. */
int write_end(struct operation *op, int rc, const char *what);
/* kube_status.c */
void status_prepare(struct operation *op); /* -> op->wanted */
/* kube_tell.c: events of what an apply did */
void events_tell(struct operation *op);

/* kube_store.c */
struct informer *store_tasks(const struct kube_store *s, const char *ns); /* NULL: not watched */
/* The spawner's Tasks by name, as facts; free with spawner_facts_free. */
struct spawner_facts *store_facts(const struct operation *op);

/* Where Tasks live. One interface; tasks/sqlite is the embedded default, tasks/kube is Kubernetes.
 *
 * Asynchronous on purpose: a start that returns -1 never calls back; otherwise exactly one completion, never from
 * inside the start. All of a store's work for one cycle of one spawner is three questions: what is there (facts), carry
 * this plan out (apply), and note how the cycle went (apply carries it too). */
#pragma once

#include "alerts/episode.h"
#include "base/err.h"
#include "base/moment.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum task_phase { TASK_NEW, TASK_PENDING, TASK_WAITING, TASK_RUNNING, TASK_SUCCEEDED, TASK_FAILED };
const char *task_phase_name(enum task_phase p); /* "", "Pending", ... as Kubernetes writes them */
int task_phase_parse(const char *s, enum task_phase *p_r);
bool task_phase_terminal(enum task_phase p);

/* The fields of an existing Task that reconcile needs. */
struct task_fact {
    char *name;
    char *uid, *resource_version;
    uint64_t identity;        /* annotation alerts.kelos.dev/fingerprint; 0 when absent or unreadable */
    enum task_phase phase;
    bool owned;               /* by this spawner (label, or controller reference) */
    bool deleting;
    moment_t created_at, completed_at; /* MOMENT_NONE when not set */
    moment_t starts_at;       /* annotation alerts.kelos.dev/starts-at */
    uint64_t ordinal;         /* annotation alerts.kelos.dev/ordinal; 0 when absent */
    char *policy;             /* annotation alerts.kelos.dev/policy; "" when absent */
    char *alertname;          /* annotation alerts.kelos.dev/alertname; "" when absent */
};

/* What is remembered of a key, Task or no Task. */
struct key_fact {
    uint64_t identity;
    char *task;               /* name of the last Task */
    moment_t created_at;      /* when it was created */
    moment_t completed_at;    /* when it finished, if that was seen; else MOMENT_NONE */
    enum task_phase phase;    /* last phase seen */
    moment_t starts_at;       /* startsAt it was created for */
    uint32_t attempts;        /* Tasks created for this key so far */
};

struct spawner_facts {
    struct task_fact *tasks;  /* every Task of the namespace with this spawner's label or a name that collides; by name */
    size_t n_tasks;
    struct key_fact *keys;    /* sorted by identity */
    size_t n_keys;
    uint64_t total_created;   /* Tasks ever created by this spawner, retriggers included */
};
void task_fact_deinit(struct task_fact *fact);
void spawner_facts_free(struct spawner_facts **facts);
/* By bisection; NULL if none. */
const struct task_fact *spawner_facts_task(const struct spawner_facts *f, const char *name);
const struct key_fact *spawner_facts_key(const struct spawner_facts *f, uint64_t identity);

/* What else is remembered of a spawner: not of its Tasks, but of its alerts and policies. */
struct creation_fact {
    moment_t at;
    uint32_t policy;          /* number in spawner_memory.policies */
};
struct state_fact {           /* ctx.state of one key of one policy */
    uint32_t policy;
    uint64_t identity;
    uint32_t version;         /* the policy's state_version that wrote it */
    moment_t touched_at;      /* its key was last seen (to an hour); STORE_STATE_KEEP after that it goes */
    char *item;               /* a wire tree 'm' of scalars, see policy/wire.h; the store does not look inside */
    size_t len;
};
struct spawner_memory {
    struct episodes *episodes; /* never NULL; the receiver may take it: then NULL is put here */
    char **policies;          /* names */
    size_t n_policies;
    struct creation_fact *creations; /* of the last 24 hours, oldest first; the STORE_CREATIONS_MAX newest are kept.
                                        None is later than the `now` of the question */
    size_t n_creations;
    struct state_fact *states; /* by (policy name, identity) */
    size_t n_states;
};
enum { STORE_CREATIONS_MAX = 10000, STORE_STATE_POLICY_MAX = 1 << 20 /* bytes of one policy; the least recently touched go */ };
#define STORE_STATE_KEEP (24 * 3600 * MOMENT_SECOND)
void spawner_memory_free(struct spawner_memory **memory);

/* One key's new ctx.state. Written or removed only when `create` is -1 or that creation succeeds. A key is seen when its
 * state is written, and when an alert is there that was kept last under its identity (episodes_identity_known): so a
 * state lives as long as its key fires, and goes within an hour after STORE_STATE_KEEP since. */
struct store_state {
    const char *policy;
    uint64_t identity;
    uint32_t version;
    const char *item;         /* len 0: the state goes */
    size_t len;
    int32_t create;           /* number in creates, or -1 */
};

/* A Task that shall go because its alerts have resolved: deleted only while it has not started (phase "", Pending or
 * Waiting) and uid and resource version are still these. */
struct store_cancel {
    const char *name, *uid, *resource_version;
};

/* One creation of the plan. With `replace`, the named Task is deleted first, but only while uid and resource version
 * are still these. */
struct store_create {
    uint64_t identity;
    moment_t starts_at;
    const char *policy;       /* which policy wanted it */
    const char *name;
    cJSON *task;              /* the complete Task object; the store adds uid, creationTimestamp, resourceVersion and
                                 annotation alerts.kelos.dev/ordinal; stays the caller's */
    bool replace;
    const char *replace_uid, *replace_resource_version;
};
enum store_outcome { STORE_CREATED, STORE_EXISTS_OURS, STORE_EXISTS_FOREIGN, STORE_DELETING, STORE_CHANGED, STORE_FAILED };
struct store_result {
    enum store_outcome outcome;
    struct err err;           /* set unless created */
};

/* How a cycle went: `get spawners` shows it. */
struct cycle_status {
    const char *phase;        /* "Running", "Suspended", "Failed" */
    const char *message;
    moment_t last_cycle, last_success; /* MOMENT_NONE: leave as it is */
    int64_t discovered;       /* items in the last complete cycle; -1: leave */
    uint64_t limited;         /* alerts that wait for a limit */
    cJSON *conditions;        /* Kubernetes conditions, or NULL: leave */
};

/* All that one cycle changes. What it points to stays the caller's until done. */
struct store_changes {
    const struct store_create *creates;
    size_t n_creates;
    const struct store_cancel *cancels;
    size_t n_cancels;
    const struct store_state *states;
    size_t n_states;
    const struct episodes *episodes;   /* its changed and forgotten rows and its counters; NULL: leave, and no state
                                          expires */
    const struct cycle_status *status; /* NULL: leave */
};

typedef void store_memory_cb(void *arg, struct spawner_memory *memory, const struct err *e); /* receiver owns memory */
typedef void store_facts_cb(void *arg, struct spawner_facts *facts, const struct err *e); /* receiver owns facts */
/* Results of the creations, then of the cancellations (STORE_CREATED: it is gone; STORE_CHANGED: it has started or is
 * another one now). A Task to cancel that is gone already is STORE_CREATED too. A cancelled Task's key keeps its facts,
 * as those of any Task that is gone. */
typedef void store_apply_cb(void *arg, const struct store_result *results, size_t n, const struct err *e);

struct spawner;
struct store;
struct store_ops {
    /* What is remembered of alerts and policies. Asked for before alerts are judged, facts after. */
    int (*memory)(struct store *s, const struct spawner *sp, moment_t now, store_memory_cb *done, void *arg,
                  struct err *e);
    int (*facts)(struct store *s, const struct spawner *sp, store_facts_cb *done, void *arg, struct err *e);
    /* Everything in one transaction where the store has such a thing. e != NULL: nothing at all was done. */
    int (*apply)(struct store *s, const struct spawner *sp, const struct store_changes *changes, moment_t now,
                 store_apply_cb *done, void *arg, struct err *e);
    /* Calls `changed` (from the loop) whenever a Task of that spawner finished or went: a reason for a cycle. */
    void (*watch)(struct store *s, void (*changed)(void *arg, const char *ns, const char *spawner), void *arg);
    void (*close)(struct store *s);
};
struct store {
    const struct store_ops *ops;
};

#define STORE_LABEL_SPAWNER    "kelos.dev/taskspawner"
#define STORE_ANN_FINGERPRINT  "alerts.kelos.dev/fingerprint"
#define STORE_ANN_STARTS_AT    "alerts.kelos.dev/starts-at"
#define STORE_ANN_POLICY       "alerts.kelos.dev/policy"
#define STORE_ANN_REASON       "alerts.kelos.dev/reason"
#define STORE_ANN_ORDINAL      "alerts.kelos.dev/ordinal"
#define STORE_ANN_POLICY_HASH  "alerts.kelos.dev/policy-hash"
#define STORE_ANN_ALERTNAME    "alerts.kelos.dev/alertname"

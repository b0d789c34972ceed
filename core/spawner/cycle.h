/* One cycle of one spawner: alerts in, evaluate, reconcile, Tasks out. Callbacks record what happened and call
 * cycle_step(), the only place that decides what comes next. A failed thing fails alone: whatever goes wrong ends up in
 * this cycle's report, and the next cycle starts afresh. */
#pragma once

#include "alerts/alert_set.h"
#include "alerts/poll.h"
#include "base/err.h"
#include "policy/judge.h"
#include "policy/policy_set.h"
#include "reconcile/plan.h"
#include "tasks/store.h"

#include <uv.h>

struct http_client;
struct secret;
struct spawner;
struct spawner_set;

/* Where a Secret is read by name, when neither the documents nor --secrets hold it: the API server. Exactly one completion,
 * never from inside the start; the Secret is the receiver's (secret_free wipes it), NULL with an error. */
typedef void secret_cb(void *arg, struct secret *secret, const struct err *e);
struct secret_source {
    int (*get)(void *arg, const char *ns, const char *name, secret_cb *done, void *done_arg, struct err *e);
    void *arg;
};

/* What every cycle of an engine shares. */
struct cycle_env {
    uv_loop_t *loop;
    moment_t (*now)(void *arg);  /* the time of a cycle that starts; NULL: moment_now */
    void *now_arg;
    struct http_client *http;
    struct poll_source *source;  /* answers of a recording; NULL: Alertmanager is asked, by http */
    struct worker_pool *pool;
    struct store *store;
    struct policy_set *policies; /* a cycle holds one generation from its start to its end */
    const char *secrets_dir;   /* --secrets, or NULL */
    const struct secret_source *secrets; /* or NULL; asked for every Secret of an object of the cluster */
    uint64_t max_bytes;        /* --max-response-bytes */
    int64_t poll_timeout_us;   /* --timeout */
    struct judge_limits limits;
    struct judge_explain explain; /* whose decisions come with a chain (decision.h); what it points to outlives the cycles */
    struct metrics *metrics; /* of watched spawners; NULL: nobody counts */
    bool logs; /* cycles say in the log how they went; otherwise it is up to who started them */
};

/* What one run of the engine knows of a spawner from its earlier cycles. */
struct spawner_run {
    uint32_t cycles;              /* that were complete and acted: the ramp's */
    struct policy_health *health;
};

enum cycle_mode {
    CYCLE_ACT,  /* carry the plan out */
    CYCLE_PLAN, /* the same decisions, no writes */
};

/* One decision as people and programs see it. Strings live until the next cycle_row of the same cycle. */
struct cycle_row {
    char fingerprint[17];  /* "" for an alert that had none */
    const char *alertname; /* "" when absent */
    enum verdict verdict;
    const char *reason;    /* "source.labels", "policy.noise", ... */
    const char *detail;    /* "" or a sentence */
    const char *task;      /* name, or "" */
    const char *policy;    /* which policy judged, or "" */
    const char *policy_hash; /* of its reload unit, or "" */
    const char *policy_file; /* "payments.lua", or "" */
    moment_t starts_at;    /* of the alert; MOMENT_NONE when it cannot be read */
    moment_t eligible_at;  /* verdict wait: when it may come; MOMENT_NONE: unknown */
    size_t notes;          /* that its policy made, see cycle_row_note */
};

struct cycle;
typedef void cycle_done_cb(void *arg, struct cycle *c);

/* Starts a cycle; `done` is called exactly once, never from inside. The spawner (and the set that holds its secrets)
 * must live until then, and so must `run` (NULL: there was no cycle before, as for `once` and `plan`). */
struct cycle *cycle_start(const struct cycle_env *env, const struct spawner_set *spawners, const struct spawner *spawner,
                          enum cycle_mode mode, struct spawner_run *run, cycle_done_cb *done, void *arg);
/* Gives up what can be given up (a poll, judging); a transaction that has begun is finished. */
void cycle_cancel(struct cycle *c);
/* After done only. */
void cycle_free(struct cycle **c);

/* How it went, for metrics and health. */
struct cycle_course {
    int64_t took_us;    /* from its start until now, or its end */
    int64_t poll_us;    /* -1: Alertmanager was not asked, or has not answered */
    moment_t polled_at; /* when its answer was complete; MOMENT_NONE: it was not */
    bool cancelled;
    size_t kept;        /* alerts that a policy kept */
};
struct cycle_course cycle_course(const struct cycle *c);
/* Counts a cycle that is done in env.metrics. */
void cycle_measure(struct cycle *c);

/* Why the cycle failed as a whole, or NULL. */
const struct err *cycle_error(const struct cycle *c);
const struct spawner *cycle_spawner(const struct cycle *c);
/* A row for every alert that Alertmanager returned, then one for every Task whose alerts have resolved and that its policy
 * had cancelled. 0 when it failed or the spawner is suspended. */
size_t cycle_rows(const struct cycle *c);
size_t cycle_alerts(const struct cycle *c); /* how many of the rows are alerts */
void cycle_row(struct cycle *c, size_t i, struct cycle_row *row_r);
void cycle_row_note(const struct cycle *c, size_t i, size_t note, const char **name_r, const char **value_r);
void cycle_count(const struct cycle *c, size_t counts_r[VERDICT_COUNT]);
/* Sentences that belong to the cycle, not to one alert: policies that did not load, fallbacks, branch names that were
 * made legal. Already logged when the environment says so. */
size_t cycle_notes(const struct cycle *c);
const char *cycle_note(const struct cycle *c, size_t i);
struct poll_progress cycle_progress(const struct cycle *c); /* zeroes unless it polls */
int64_t cycle_polling_us(const struct cycle *c);            /* for how long it has been polling; 0 if it is not */

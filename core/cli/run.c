/* `run`: cycles for ever. The watching of single spawners is in spawner/watch.c, the taking up of changed documents in
 * cli/reload.c; here is the life of the process: start, signals, the end. */
#include "api/health.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/election.h"
#include "cli/engine.h"
#include "cli/reload.h"
#include "cli/serve.h"
#include "cli/verbs.h"
#include "cli/why_route.h"
#include "spawner/decision_log.h"
#include "spawner/spawner.h"
#include "spawner/watch.h"
#include "tasks/sqlite/exec.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    STOP_GRACE_MS = 3000,  /* what is in flight may finish */
    EXEC_GRACE_MS = 1500,  /* commands get TERM, then KILL: inside the same time */
    HOUSEKEEP_MS = 1000,   /* TTL of finished Tasks */
};

struct run {
    struct engine engine;
    struct watches *watches;
    struct reload *reload;
    struct exec *exec;
    struct serve *serve;
    struct election *election; /* of --store kube; else NULL */
    struct decision_log *decisions; /* or NULL */
    struct why_route *why;
    uv_signal_t term, intr, hup;
    uv_timer_t housekeeping, deadline;
    bool stopping, cycles_ended, exec_ended;
};

static void on_handed_over(void *arg)
{
    struct run *r = arg;
    uv_stop(&r->engine.loop);
}

/* Nothing of ours is in flight any more: another replica may act. */
static void end_if_idle(struct run *r)
{
    if (!r->cycles_ended || !r->exec_ended)
        return;
    if (r->election != NULL)
        election_stop(r->election, on_handed_over, r);
    else
        uv_stop(&r->engine.loop);
}

static void on_cycles_ended(void *arg)
{
    struct run *r = arg;
    r->cycles_ended = true;
    end_if_idle(r);
}

static void on_exec_ended(void *arg)
{
    struct run *r = arg;
    r->exec_ended = true;
    end_if_idle(r);
}

static void on_deadline(uv_timer_t *t)
{
    struct run *r = t->data;
    log_warn(NULL, "cycles that have not finished are given up");
    if (r->engine.cluster != NULL)
        cluster_hurry(r->engine.cluster);
    watches_cancel(r->watches);
}

static void on_signal(uv_signal_t *s, int signum)
{
    struct run *r = s->data;
    if (r->stopping) {
        watches_cancel(r->watches);
        return;
    }
    r->stopping = true;
    log_info(NULL, "%s: finishing what is in flight", signum == SIGTERM ? "SIGTERM" : "SIGINT");
    uv_timer_stop(&r->housekeeping);
    reload_stop(r->reload);
    policy_set_stop(r->engine.policies);
    uv_timer_start(&r->deadline, on_deadline, STOP_GRACE_MS, 0);
    watches_stop(r->watches, on_cycles_ended, r);
    if (r->exec != NULL)
        exec_stop(r->exec, EXEC_GRACE_MS * (MOMENT_SECOND / 1000), on_exec_ended, r);
    else
        on_exec_ended(r);
}

static void on_hup(uv_signal_t *s, int signum)
{
    struct run *r = s->data;
    (void)signum;
    log_info(NULL, "SIGHUP: the decision log is opened anew");
    decision_log_reopen(r->decisions);
}

static int start_decision_log(struct run *r, const struct options *o, struct err *e)
{
    struct decision_log_options d = {.path = o->decision_log, .max_bytes = o->decision_log_bytes,
                                     .keep = o->decision_log_keep, .all = o->decision_log_all};
    if (o->decision_log == NULL)
        return 0;
    if (decision_log_open(&r->engine.loop, &d, r->engine.metrics, &r->decisions, e) != 0)
        return -1;
    uv_signal_start(&r->hup, on_hup, SIGHUP); /* without a decision log it ends the engine, as ever */
    return 0;
}

static void on_housekeeping(uv_timer_t *t)
{
    struct run *r = t->data;
    struct err e;
    size_t n = 0;
    moment_t next;
    if (r->engine.local == NULL)
        return; /* in a cluster the Kelos controller does it */
    if (local_expire(r->engine.local, moment_now(), &n, &next, &e) != 0)
        log_error(NULL, "deleting Tasks whose time is up: %s", e.msg);
    else if (n > 0)
        log_info(NULL, "deleted %zu finished Task%s whose ttlSecondsAfterFinished has passed", n, n == 1 ? "" : "s");
}

static void on_cycle_done(void *arg, struct cycle *c)
{
    struct run *r = arg;
    if (r->decisions != NULL)
        decision_log_cycle(r->decisions, c);
    if (r->exec != NULL && !r->stopping)
        exec_poke(r->exec);
}

static void on_task_changed(void *arg, const char *ns, const char *spawner)
{
    struct run *r = arg;
    if (r->stopping)
        return;
    watches_poke(r->watches, ns, spawner);
    if (r->exec != NULL)
        exec_poke(r->exec);
}

static void on_policies_changed(void *arg)
{
    struct run *r = arg;
    if (!r->stopping)
        watches_poke_all(r->watches);
}

/* A new leader first reads what the old one wrote: no cycle begins before the store has listed anew. */
static void on_leader(void *arg, bool leads)
{
    struct run *r = arg;
    if (r->stopping)
        return;
    if (leads) {
        cluster_refresh(r->engine.cluster);
        reload_now(r->reload);
    }
    watches_hold(r->watches, !leads);
    if (!leads)
        watches_cancel(r->watches); /* what they still want to write is refused anyway */
}

/* A replica that stands by watches, too. */
static void look_at_cluster(void *arg, struct health_condition *c)
{
    struct run *r = arg;
    const char *why;
    bool ready = cluster_ready(r->engine.cluster, &why);
    health_say(c, ready, "%s", ready ? "Tasks and spawners are watched" : why);
}

static int start(struct run *r, const struct options *o, struct err *e)
{
    if (o->exec != NULL) {
        struct exec_options x = {.command = o->exec, .output_dir = o->exec_output, .max_parallel = o->exec_parallel};
        if (exec_create(&r->engine.loop, r->engine.local, &x, &r->exec, e) != 0)
            return -1;
    }
    if (start_decision_log(r, o, e) != 0)
        return -1;
    r->watches = watches_create(&r->engine.env, on_cycle_done, r);
    if (r->engine.cluster != NULL) {
        watches_hold(r->watches, true); /* until we lead */
        if (election_start(&r->engine.loop, r->engine.cluster, o, on_leader, r, &r->election, e) != 0)
            return -1;
        election_tell(r->election, serve_health(r->serve), r->engine.metrics);
        health_on_asked(health_ready(serve_health(r->serve), "cluster", "not asked yet"), look_at_cluster, r);
    }
    if (reload_start(&r->engine.loop, o, r->watches, r->engine.cluster, &r->reload, e) != 0)
        return -1;
    if (policy_set_follow(r->engine.policies, &r->engine.loop, r->engine.pool, &r->engine.env.limits,
                          on_policies_changed, r, e) != 0)
        return -1;
    struct store *store = r->engine.env.store;
    store->ops->watch(store, on_task_changed, r);
    serve_watches(r->serve, r->watches);
    r->why = why_route_create(serve_server(r->serve), &r->engine.env, r->watches);
    if (serve_start(r->serve, o, r->engine.local != NULL ? local_path(r->engine.local) : NULL, e) != 0)
        return -1;
    if (r->exec != NULL)
        exec_poke(r->exec); /* Tasks that were Pending when the last engine stopped */
    return 0;
}

static void add_handles(struct run *r)
{
    uv_loop_t *loop = &r->engine.loop;
    uv_signal_init(loop, &r->term);
    uv_signal_init(loop, &r->intr);
    uv_signal_init(loop, &r->hup);
    uv_timer_init(loop, &r->housekeeping);
    uv_timer_init(loop, &r->deadline);
    r->term.data = r->intr.data = r->hup.data = r->housekeeping.data = r->deadline.data = r;
    uv_signal_start(&r->term, on_signal, SIGTERM);
    uv_signal_start(&r->intr, on_signal, SIGINT);
    uv_timer_start(&r->housekeeping, on_housekeeping, HOUSEKEEP_MS, HOUSEKEEP_MS);
}

static void close_handles(struct run *r)
{
    uv_close((uv_handle_t *)&r->term, NULL);
    uv_close((uv_handle_t *)&r->intr, NULL);
    uv_close((uv_handle_t *)&r->hup, NULL);
    uv_close((uv_handle_t *)&r->housekeeping, NULL);
    uv_close((uv_handle_t *)&r->deadline, NULL);
}

int verb_run(const struct options *o)
{
    struct run r = {0};
    struct err e = {0};
    int rc = EXIT_DONE;
    if (engine_open(o, ENGINE_ACT, &r.engine, &e) != 0) {
        rc = verb_fail(&e);
        engine_close(&r.engine);
        return rc;
    }
    r.engine.env.logs = true;
    add_handles(&r);
    r.serve = serve_create(&r.engine);
    if (start(&r, o, &e) != 0) {
        rc = verb_fail(&e);
    } else {
        log_info(NULL, "alertspawner " AS_VERSION " runs; Tasks are kept in %s", engine_place(&r.engine));
        uv_run(&r.engine.loop, UV_RUN_DEFAULT);
        log_info(NULL, "stopped");
    }
    serve_free(&r.serve);
    why_route_free(&r.why);
    reload_free(&r.reload);
    watches_free(&r.watches);
    exec_free(&r.exec);
    election_free(&r.election);
    decision_log_close(&r.decisions);
    close_handles(&r);
    engine_close(&r.engine);
    return rc;
}

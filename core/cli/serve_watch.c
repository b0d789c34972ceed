/* Health and gauges of a running engine: see serve_watch.h. Everything is looked up when somebody asks. */
#include "cli/serve_watch.h"

#include "api/health.h"
#include "base/buf.h"
#include "cli/cluster.h"
#include "metrics/metrics.h"
#include "policy/worker_pool.h"
#include "spawner/spawner.h"
#include "spawner/watch.h"

/* A cycle that has been running for so long has been forgotten by somebody: every part of it has a shorter time limit. */
#define CYCLE_STUCK (60 * 60 * MOMENT_SECOND)
/* A spawner is polled when its last complete answer is no older than so many intervals, and this. */
enum { INTERVALS = 3 };
#define POLLED_LATELY (60 * MOMENT_SECOND)
enum { NAMED_MAX = 3 }; /* spawners that a sentence names */

/* ---- polls: does the engine hear of alerts at all? ---- */

struct polls {
    moment_t now;
    size_t n, fresh, suspended, failing;
    struct buf why; /* of those that are not fresh, the first few */
};

static bool is_fresh(const struct watch_view *v, moment_t now)
{
    int64_t span = INTERVALS * v->spawner->poll_interval_us + POLLED_LATELY;
    return v->polled_at != MOMENT_NONE && now - v->polled_at <= span;
}

static void look_at_poll(void *arg, const struct watch_view *v)
{
    struct polls *p = arg;
    char when[MOMENT_TEXT];
    p->n++;
    if (v->spawner->suspend) {
        p->suspended++;
        return;
    }
    if (is_fresh(v, p->now)) {
        p->fresh++;
        return;
    }
    if (p->failing++ >= NAMED_MAX)
        return;
    moment_format_s(v->polled_at, when);
    buf_addf(&p->why, "%s%s: %s (last complete answer: %s)", p->why.len > 0 ? "; " : "", spawner_who(v->spawner),
             v->failure != NULL ? v->failure : "its first poll has not ended yet", when[0] != '\0' ? when : "none yet");
}

static void look_at_polls(void *arg, struct health_condition *c)
{
    struct serve_watch *w = arg;
    struct polls p = {.now = moment_now()};
    buf_adds(&p.why, "");
    if (w->watches != NULL)
        watches_look(w->watches, look_at_poll, &p);
    if (p.failing > NAMED_MAX)
        buf_addf(&p.why, "; and %zu more", p.failing - NAMED_MAX);
    if (p.n == p.suspended)
        health_say(c, true, p.n == 0 ? "no spawner is watched" : "every spawner is suspended");
    else if (p.failing == 0)
        health_say(c, true, "Alertmanager answers for all of %zu spawners", p.fresh);
    else
        health_say(c, p.fresh > 0, "Alertmanager answers for %zu of %zu spawners: %s", p.fresh, p.n - p.suspended, p.why.data);
    buf_free(&p.why);
}

/* ---- cycles: does every one of them end? ---- */

struct cycles {
    size_t running, stuck;
    struct buf why;
};

static void look_at_cycle(void *arg, const struct watch_view *v)
{
    struct cycles *s = arg;
    char took[MOMENT_TEXT];
    s->running += v->cycle_us > 0;
    if (v->cycle_us < CYCLE_STUCK || s->stuck++ >= NAMED_MAX)
        return;
    duration_format(v->cycle_us, took);
    buf_addf(&s->why, "%s%s: its cycle has been running for %s", s->why.len > 0 ? "; " : "", spawner_who(v->spawner), took);
}

static void look_at_cycles(void *arg, struct health_condition *c)
{
    struct serve_watch *w = arg;
    struct cycles s = {0};
    buf_adds(&s.why, "");
    if (w->watches != NULL)
        watches_look(w->watches, look_at_cycle, &s);
    if (s.stuck > 0)
        health_say(c, false, "%s", s.why.data);
    else
        health_say(c, true, "%zu running, none for longer than it may", s.running);
    buf_free(&s.why);
}

/* ---- gauges ---- */

struct gauges {
    struct metrics *m;
    size_t n, quarantined;
};

static double seconds_of(moment_t t)
{
    return t == MOMENT_NONE ? 0 : (double)t / 1e6;
}

/* Spawners without labels of their own share one set: the sum, and the worst time, would need all of them. They are
 * counted in alertspawner_spawners and in the counters; their gauges are left out. */
static void gauge(void *arg, const struct watch_view *v)
{
    struct gauges *g = arg;
    struct spawner_labels l = metrics_spawner(g->m, v->spawner->ns, v->spawner->name);
    g->n++;
    g->quarantined += v->quarantined;
    if (l.ns != v->spawner->ns)
        return;
    metrics_set(g->m, METRIC_LAST_POLL, seconds_of(v->polled_at), LABELS(l.ns, l.name));
    metrics_set(g->m, METRIC_SUSPENDED, v->spawner->suspend, LABELS(l.ns, l.name));
    metrics_set(g->m, METRIC_ALERTS, (double)v->alerts, LABELS(l.ns, l.name));
    metrics_set(g->m, METRIC_WAITING, (double)v->waiting, LABELS(l.ns, l.name));
}

static void collect_workers(struct metrics *m, const struct worker_pool *pool)
{
    static const char *const causes[] = {
        [WORKER_DIED] = "died", [WORKER_TIMEOUT] = "timeout", [WORKER_NONSENSE] = "nonsense", [WORKER_WRONG] = "version"};
    struct worker_pool_counts n = worker_pool_counts(pool);
    metrics_set(m, METRIC_WORKER_STARTS, (double)n.starts, NO_LABELS);
    metrics_set(m, METRIC_WORKER_START_FAILURES, (double)n.start_failures, NO_LABELS);
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        metrics_set(m, METRIC_WORKER_DEATHS, (double)n.deaths[i], LABELS(causes[i]));
}

static void collect(void *arg, struct metrics *m)
{
    struct serve_watch *w = arg;
    struct gauges g = {.m = m};
    struct health_lag lag = health_lag(w->health);
    const struct policy_set *policies = w->engine->policies;
    if (w->watches != NULL)
        watches_look(w->watches, gauge, &g);
    metrics_set(m, METRIC_SPAWNERS, (double)g.n, NO_LABELS);
    metrics_set(m, METRIC_QUARANTINED, (double)g.quarantined, NO_LABELS);
    metrics_set(m, METRIC_POLICY_PROBLEMS, (double)policy_set_problems(policies), NO_LABELS);
    metrics_set(m, METRIC_POLICY_RELOAD_OK, policy_set_problems(policies) == 0, NO_LABELS);
    metrics_set(m, METRIC_POLICY_RELOAD_TIME, seconds_of(policy_set_good_at(policies)), NO_LABELS);
    metrics_set(m, METRIC_LOOP_LAG, (double)lag.worst_us / 1e6, NO_LABELS);
    metrics_set(m, METRIC_LOOP_STALLS, (double)lag.stalls, NO_LABELS);
    metrics_set(m, METRIC_BUILD, 1, LABELS(AS_VERSION));
    collect_workers(m, w->engine->pool);
    metrics_process(m);
}

/* ---- the cluster ---- */

static void look_at_lists(void *arg, struct health_condition *c)
{
    const struct cluster *cluster = arg;
    const char *why = "";
    bool ready = cluster_ready(cluster, &why);
    health_say(c, ready, "%s", ready ? "what is in the cluster has been listed" : why);
}

void serve_watch_start(struct serve_watch *w)
{
    if (w->engine->cluster != NULL)
        health_on_asked(health_ready(w->health, "lists", ""), look_at_lists, w->engine->cluster);
    struct health_condition *polls = health_ready(w->health, "polls", "no spawner is watched yet");
    health_of_leader(polls);
    health_on_asked(polls, look_at_polls, w);
    health_on_asked(health_live(w->health, "cycles", ""), look_at_cycles, w);
    metrics_on_collect(w->engine->metrics, collect, w);
    metrics_set(w->engine->metrics, METRIC_LEADER, 1, NO_LABELS); /* until an election says otherwise */
}

/* Pacing the spawners of a running engine: see watch.h. */
#include "spawner/watch.h"

#include "base/log.h"
#include "base/mem.h"
#include "metrics/metrics.h"
#include "policy/policy_health.h"
#include "spawner/spawner.h"

#include <stdlib.h>
#include <string.h>

/* A set lives as long as one of its spawners is watched. */
struct shared_set {
    struct spawner_set *set;
    size_t refs;
};

struct watch {
    struct watches *all;
    struct watch *next;
    struct shared_set *from;
    const struct spawner *spawner; /* of `from` */
    uv_timer_t timer;
    struct cycle *cycle;
    struct spawner_run run;
    struct watch_view view;         /* what does not change between cycles */
    char *failure;                  /* view.failure */
    uint64_t began;                 /* uv_now when the last cycle started; 0: none yet */
    bool dirty;                     /* something changed: run again */
    uint64_t wanted;                /* uv_now at which it shall run at the latest; 0: at its own pace */
    bool gone;                      /* no longer wanted */
    struct shared_set *next_from;   /* a changed document waits until the cycle has ended */
    const struct spawner *next_spawner;
    struct plan_wish *wish;         /* somebody wants a plan; while it is made, `cycle` is it */
};

struct plan_wish {
    struct judge_explain explain;
    uint64_t *fingerprints; /* explain.fingerprints */
    cycle_done_cb *done;
    void *arg;
};

struct watches {
    struct cycle_env env;
    void (*done)(void *arg, struct cycle *c);
    void *arg;
    struct watch *list;
    size_t n;
    bool stopping, held;
    void (*ended)(void *arg);
    void *ended_arg;
};

static void set_unref(struct shared_set *s)
{
    if (s == NULL || --s->refs > 0)
        return;
    spawner_set_free(&s->set);
    free(s);
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

static void wish_grant(struct watch *w, struct cycle *c);

static void watch_remove(struct watch *w)
{
    struct watch **p = &w->all->list;
    while (*p != w)
        p = &(*p)->next;
    *p = w->next;
    w->all->n--;
    wish_grant(w, NULL);
    metrics_forget_spawner(w->all->env.metrics, w->spawner->ns, w->spawner->name);
    free(w->failure);
    set_unref(w->from);
    set_unref(w->next_from);
    policy_health_free(&w->run.health);
    uv_close((uv_handle_t *)&w->timer, on_closed);
}

static void end_if_idle(struct watches *all)
{
    for (struct watch *w = all->list; w != NULL; w = w->next)
        if (w->cycle != NULL)
            return;
    if (all->stopping && all->ended != NULL) {
        void (*ended)(void *) = all->ended;
        all->ended = NULL;
        ended(all->ended_arg);
    }
}

static void watch_step(struct watch *w, bool due);
static struct watch *find(struct watches *all, const char *ns, const char *name);

static void on_timer(uv_timer_t *t)
{
    watch_step(t->data, true);
}

/* What the cycle says of its spawner. */
static void watch_note(struct watch *w, struct cycle *c)
{
    struct cycle_course course = cycle_course(c);
    const struct err *e = cycle_error(c);
    size_t counts[VERDICT_COUNT];
    if (course.cancelled)
        return;
    if (course.polled_at != MOMENT_NONE)
        w->view.polled_at = course.polled_at;
    free(w->failure);
    w->failure = e != NULL ? xstrdup(e->msg) : NULL;
    if (e != NULL)
        return;
    cycle_count(c, counts);
    w->view.alerts = cycle_alerts(c);
    w->view.waiting = counts[VERDICT_WAIT];
}

static void on_cycle(void *arg, struct cycle *c)
{
    struct watch *w = arg;
    struct watches *all = w->all;
    watch_note(w, c);
    cycle_measure(c);
    all->done(all->arg, c);
    cycle_free(&c);
    w->cycle = NULL;
    watch_step(w, false);
    end_if_idle(all);
}

/* --- a plan that somebody wants --- */

/* The wish is over before it is told so: whoever hears of it may have the next one. */
static void wish_grant(struct watch *w, struct cycle *c)
{
    struct plan_wish *wish = w->wish;
    if (wish == NULL)
        return;
    w->wish = NULL;
    wish->done(wish->arg, c);
    free(wish->fingerprints);
    free(wish);
}

static void on_plan(void *arg, struct cycle *c)
{
    struct watch *w = arg;
    struct watches *all = w->all;
    wish_grant(w, c);
    cycle_free(&c);
    w->cycle = NULL;
    watch_step(w, false);
    end_if_idle(all);
}

static void start_plan(struct watch *w)
{
    struct cycle_env env = w->all->env;
    env.explain = w->wish->explain;
    env.metrics = NULL;
    env.logs = false;
    w->cycle = cycle_start(&env, w->from->set, w->spawner, CYCLE_PLAN, &w->run, on_plan, w);
}

int watches_plan(struct watches *all, const char *ns, const char *name, const struct judge_explain *explain,
                 cycle_done_cb *done, void *arg, struct err *e)
{
    struct watch *w = find(all, ns, name);
    if (w == NULL || w->gone || all->stopping)
        return err_set(e, ERR_NOT_FOUND, "it is not watched any more");
    if (w->wish != NULL)
        return err_set(e, ERR_CONFLICT, "somebody else is asking the same of it just now: ask again in a moment");
    w->wish = xcalloc(1, sizeof *w->wish);
    w->wish->explain = *explain;
    w->wish->fingerprints = xcalloc(explain->n, sizeof *explain->fingerprints);
    if (explain->n > 0)
        memcpy(w->wish->fingerprints, explain->fingerprints, explain->n * sizeof *explain->fingerprints);
    w->wish->explain.fingerprints = w->wish->fingerprints;
    w->wish->done = done;
    w->wish->arg = arg;
    watch_step(w, false);
    return 0;
}

struct watches_members watches_members(const struct watches *all)
{
    struct watches_members h = {.sets = xcalloc(all->n, sizeof *h.sets),
                             .spawners = xcalloc(all->n, sizeof *h.spawners),
                             .held = xcalloc(all->n, sizeof *h.held)};
    for (struct watch *w = all->list; w != NULL; w = w->next) {
        if (w->gone)
            continue;
        struct shared_set *from = w->next_from != NULL ? w->next_from : w->from;
        from->refs++;
        h.sets[h.n] = from->set;
        h.spawners[h.n] = w->next_spawner != NULL ? w->next_spawner : w->spawner;
        h.held[h.n++] = from;
    }
    return h;
}

void watches_release(struct watches_members *h)
{
    for (size_t i = 0; i < h->n; i++)
        set_unref(h->held[i]);
    free(h->sets);
    free(h->spawners);
    free(h->held);
    *h = (struct watches_members){0};
}

/* The only place that decides: remove, take up a changed document, start a cycle, or set the timer. */
static void watch_step(struct watch *w, bool due)
{
    if (w->cycle != NULL)
        return; /* on_cycle comes back here */
    if (w->next_spawner != NULL) {
        set_unref(w->from);
        w->from = w->next_from;
        w->spawner = w->next_spawner;
        w->next_from = NULL;
        w->next_spawner = NULL;
    }
    if (w->gone) {
        watch_remove(w);
        return;
    }
    if (w->all->stopping) {
        wish_grant(w, NULL);
        return;
    }
    if (w->wish != NULL) {
        start_plan(w);
        return;
    }
    if (w->all->held)
        return;
    uint64_t now = uv_now(w->all->env.loop);
    uint64_t interval = (uint64_t)(w->spawner->poll_interval_us / 1000);
    uint64_t at = w->began + (w->dirty ? WATCH_POKE_MS : interval);
    if (w->wanted != 0 && w->wanted < at)
        at = w->wanted;
    if (due || w->began == 0 || now >= at) {
        w->dirty = false;
        w->wanted = 0;
        w->began = now;
        w->cycle = cycle_start(&w->all->env, w->from->set, w->spawner, CYCLE_ACT, &w->run, on_cycle, w);
        return;
    }
    uv_timer_start(&w->timer, on_timer, at - now, 0);
}

/* A moment within which many spawners that all want to run shall be spread. */
static uint64_t spread_ms(const struct spawner *s)
{
    uint64_t spread = (uint64_t)(s->poll_interval_us / 1000 / 4);
    return (uint64_t)random() % ((spread < WATCH_SPREAD_MS ? spread : WATCH_SPREAD_MS) + 1);
}

struct watches *watches_create(const struct cycle_env *env, void (*done)(void *arg, struct cycle *c), void *arg)
{
    struct watches *all = xcalloc(1, sizeof *all);
    all->env = *env;
    all->done = done;
    all->arg = arg;
    return all;
}

static struct watch *find(struct watches *all, const char *ns, const char *name)
{
    for (struct watch *w = all->list; w != NULL; w = w->next)
        if (strcmp(w->spawner->name, name) == 0 && strcmp(w->spawner->ns, ns) == 0)
            return w;
    return NULL;
}

static void watch_add(struct watches *all, struct shared_set *from, const struct spawner *s)
{
    struct watch *w = xcalloc(1, sizeof *w);
    w->all = all;
    w->from = from;
    from->refs++;
    w->spawner = s;
    w->run.health = policy_health_create();
    w->view.since = moment_now();
    w->view.polled_at = MOMENT_NONE;
    w->next = all->list;
    all->list = w;
    uv_timer_init(all->env.loop, &w->timer);
    w->timer.data = w;
    /* The first spawner runs at once: somebody is looking at the terminal. */
    uv_timer_start(&w->timer, on_timer, all->n++ == 0 ? 0 : spread_ms(s), 0);
    log_info(spawner_who(s), "watching %s every %llds", s->url, (long long)(s->poll_interval_us / MOMENT_SECOND));
    for (size_t i = 0; i < s->n_warnings; i++)
        log_warn(spawner_who(s), "%s", s->warnings[i]);
}

static void watch_change(struct watch *w, struct shared_set *from, const struct spawner *s)
{
    bool changed = w->spawner->hash != s->hash || strcmp(w->spawner->url, s->url) != 0;
    set_unref(w->next_from);
    w->next_from = from;
    from->refs++;
    w->next_spawner = s;
    w->gone = false;
    if (changed) {
        w->dirty = true;
        log_info(spawner_who(s), "document changed");
    }
    watch_step(w, false);
}

/* Does a problem of the set stand in that file? Problems start with "<file>:". */
static bool file_has_problem(const struct spawner_set *set, const char *file)
{
    size_t n = strlen(file);
    for (size_t i = 0; i < set->n_problems; i++)
        if (strncmp(set->problems[i], file, n) == 0 && set->problems[i][n] == ':')
            return true;
    return false;
}

void watches_update(struct watches *all, struct spawner_set *set)
{
    struct shared_set *from = xcalloc(1, sizeof *from);
    from->set = set;
    from->refs = 1;
    for (struct watch *w = all->list, *next; w != NULL; w = next) {
        next = w->next;
        const struct spawner *latest = w->next_spawner != NULL ? w->next_spawner : w->spawner;
        struct spawner *s = spawner_set_find(set, latest->ns, latest->name);
        if (s != NULL) {
            watch_change(w, from, s);
        } else if (!w->gone && !file_has_problem(set, latest->file)) {
            log_info(spawner_who(latest), "its document is gone: no longer watched");
            w->gone = true;
            watch_step(w, false);
        }
    }
    for (size_t i = 0; i < set->n; i++)
        if (find(all, set->spawners[i]->ns, set->spawners[i]->name) == NULL)
            watch_add(all, from, set->spawners[i]);
    set_unref(from);
}

void watches_poke(struct watches *all, const char *ns, const char *name)
{
    struct watch *w = find(all, ns, name);
    if (w == NULL)
        return;
    w->dirty = true;
    watch_step(w, false);
}

void watches_poke_all(struct watches *all)
{
    uint64_t now = uv_now(all->env.loop);
    for (struct watch *w = all->list, *next; w != NULL; w = next) {
        next = w->next; /* a step may remove one */
        if (w->began == 0)
            continue; /* its first cycle is still to come */
        uint64_t at = now + spread_ms(w->spawner), soonest = w->began + WATCH_POKE_MS;
        w->wanted = at > soonest ? at : soonest;
        watch_step(w, false);
    }
}

void watches_hold(struct watches *all, bool hold)
{
    if (all->held == hold)
        return;
    all->held = hold;
    for (struct watch *w = all->list; w != NULL && !hold; w = w->next) {
        w->began = 0; /* as if it were new: no answer of ours stands any more */
        w->run.cycles = 0;
        if (w->cycle == NULL)
            uv_timer_start(&w->timer, on_timer, spread_ms(w->spawner), 0);
    }
}

void watches_stop(struct watches *all, void (*ended)(void *arg), void *arg)
{
    all->stopping = true;
    all->ended = ended;
    all->ended_arg = arg;
    for (struct watch *w = all->list; w != NULL; w = w->next)
        uv_timer_stop(&w->timer);
    end_if_idle(all);
}

void watches_look(const struct watches *all, void (*look)(void *arg, const struct watch_view *v), void *arg)
{
    moment_t now = moment_now();
    for (const struct watch *w = all->list; w != NULL; w = w->next) {
        struct watch_view v = w->view;
        v.spawner = w->spawner;
        v.failure = w->failure;
        v.cycle_us = w->cycle != NULL ? cycle_course(w->cycle).took_us : 0;
        v.quarantined = policy_health_quarantined(w->run.health, now);
        look(arg, &v);
    }
}

void watches_cancel(struct watches *all)
{
    for (struct watch *w = all->list; w != NULL; w = w->next)
        if (w->cycle != NULL)
            cycle_cancel(w->cycle);
}

void watches_free(struct watches **all)
{
    if (*all == NULL)
        return;
    while ((*all)->list != NULL)
        watch_remove((*all)->list);
    free(*all);
    *all = NULL;
}

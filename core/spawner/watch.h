/* The spawners of a running engine: each has a timer, at most one cycle at a time, and a mark that something changed
 * meanwhile, after which it runs again. First cycles are spread a little, so that many spawners do not ask one
 * Alertmanager at once. */
#pragma once

#include "spawner/cycle.h"

struct watches;
struct spawner_set;

enum {
    WATCH_SPREAD_MS = 3000, /* first cycles are spread over so much (less when the interval is short) */
    WATCH_POKE_MS = 1000,   /* a poke never starts a cycle sooner after the last one began */
};

/* `done` is called after every cycle, which is freed then. */
struct watches *watches_create(const struct cycle_env *env, void (*done)(void *arg, struct cycle *c), void *arg);
/* Takes the set (owns it, until no cycle needs it). New and changed spawners run soon, unchanged ones keep their pace,
 * those that are gone stop, except that one whose file has a problem now keeps its last good version. */
void watches_update(struct watches *w, struct spawner_set *set);
/* A reason for a cycle: a Task of that spawner finished or went. Unknown names are ignored. */
void watches_poke(struct watches *w, const char *ns, const char *name);
/* The same for all of them (their policies have changed), spread as first cycles are. */
void watches_poke_all(struct watches *w);
/* A plan of that spawner (CYCLE_PLAN: nothing is written, nothing logged), explained, as soon as none of its cycles runs; its
 * next cycle waits for it, so that there is never the memory of two. `done` once, later, with the cycle, which is freed when
 * it returns; NULL: the spawner is not watched any more. -1: there is no such spawner, or a plan of it is asked for
 * already (ERR_CONFLICT). */
int watches_plan(struct watches *w, const char *ns, const char *name, const struct judge_explain *explain,
                 cycle_done_cb *done, void *arg, struct err *e);
/* The spawners as they are now; they stay until watches_release. */
struct watches_members {
    const struct spawner_set **sets;
    const struct spawner **spawners;
    size_t n;
    void **held;
};
struct watches_members watches_members(const struct watches *w);
void watches_release(struct watches_members *m);
/* While it holds no cycle begins: another replica acts. Let go again, every spawner runs soon, spread as first cycles
 * are. */
void watches_hold(struct watches *w, bool hold);
/* No new cycles; `ended` is called once none runs, perhaps at once. */
void watches_stop(struct watches *w, void (*ended)(void *arg), void *arg);
/* A spawner as those see it who watch over the engine. */
struct watch_view {
    const struct spawner *spawner;
    moment_t since;         /* it is watched */
    moment_t polled_at;     /* the last complete answer of Alertmanager; MOMENT_NONE: none since the start */
    const char *failure;    /* why the last cycle failed; NULL: it did not */
    int64_t cycle_us;       /* for how long its cycle has been running; 0: none runs */
    size_t alerts, waiting; /* in the last cycle that got so far */
    size_t quarantined;     /* policies */
};
void watches_look(const struct watches *w, void (*look)(void *arg, const struct watch_view *v), void *arg);
void watches_cancel(struct watches *w); /* cancels running cycles */
void watches_free(struct watches **w);  /* no cycle may run; the loop must run on */

/* `once` and `plan`: one cycle for every spawner of the documents, a few at a time, printed in the documents' order. */
#include "base/mem.h"
#include "cli/engine.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "spawner/spawner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CYCLES_AT_ONCE = 4,
    PROGRESS_AFTER_S = 1,
    PROGRESS_EVERY_MS = 200,
};

struct once {
    struct engine engine;
    struct spawner_set *set;
    enum cycle_mode mode;
    struct report report;
    struct cycle **cycles; /* by spawner; NULL: not started, or printed */
    bool *done;
    size_t started, printed, running;
    uv_timer_t progress;
    bool shown; /* a progress line stands on the terminal */
};

static void clear_progress(struct once *x)
{
    if (x->shown)
        fputs("\r\033[K", stderr);
    x->shown = false;
}

/* A poll that takes longer than a second says how far it is. */
static void on_progress(uv_timer_t *t)
{
    struct once *x = t->data;
    for (size_t i = x->printed; i < x->started; i++) {
        struct cycle *c = x->cycles[i];
        if (c == NULL || x->done[i] || cycle_polling_us(c) < PROGRESS_AFTER_S * MOMENT_SECOND)
            continue;
        struct poll_progress p = cycle_progress(c);
        clear_progress(x);
        fprintf(stderr, "polling %s: %.1f MB, %" PRIu64 " alerts, %" PRIu64 " kept", spawner_who(cycle_spawner(c)),
                (double)p.bytes / 1e6, p.alerts, p.kept);
        fflush(stderr);
        x->shown = true;
        return;
    }
    clear_progress(x);
}

static void start_more(struct once *x);

static void on_cycle(void *arg, struct cycle *c)
{
    struct once *x = arg;
    for (size_t i = x->printed; i < x->started; i++)
        if (x->cycles[i] == c)
            x->done[i] = true;
    x->running--;
    clear_progress(x);
    for (; x->printed < x->started && x->done[x->printed]; x->printed++) {
        struct cycle *next = x->cycles[x->printed];
        for (size_t i = 0; i < cycle_notes(next); i++)
            say("Warning: %s: %s", spawner_who(cycle_spawner(next)), cycle_note(next, i));
        report_cycle(&x->report, next);
        cycle_free(&x->cycles[x->printed]);
    }
    start_more(x);
    if (x->running == 0)
        uv_stop(&x->engine.loop);
}

static void start_more(struct once *x)
{
    /* Finished ones that wait for their turn hold memory, too. */
    while (x->started < x->set->n && x->started - x->printed < CYCLES_AT_ONCE) {
        size_t i = x->started++;
        x->running++;
        x->cycles[i] = cycle_start(&x->engine.env, x->set, x->set->spawners[i], x->mode, NULL, on_cycle, x);
    }
}

static int run_cycles(struct once *x, const struct options *o)
{
    x->cycles = xcalloc(x->set->n, sizeof *x->cycles);
    x->done = xcalloc(x->set->n, sizeof *x->done);
    uv_timer_init(&x->engine.loop, &x->progress);
    x->progress.data = x;
    if (isatty(STDERR_FILENO))
        uv_timer_start(&x->progress, on_progress, PROGRESS_EVERY_MS, PROGRESS_EVERY_MS);
    report_begin(&x->report, o->output);
    start_more(x);
    if (x->running > 0)
        uv_run(&x->engine.loop, UV_RUN_DEFAULT);
    report_end(&x->report);
    uv_close((uv_handle_t *)&x->progress, NULL);
    free(x->cycles);
    free(x->done);
    return x->report.failed + x->report.errors > 0 ? EXIT_FAILED : EXIT_DONE;
}

/* The objects of a cluster: their first list must be in. */
static int open_cluster(struct once *x, const struct options *o, size_t *bad_r, struct err *e)
{
    struct cluster *c = x->engine.cluster;
    if (cluster_follow(c, NULL, NULL, e) != 0)
        return -1;
    if (cluster_wait(c, e) != 0) {
        if (o->n_documents == 0)
            return -1;
        say("Warning: the spawners of the cluster are not known: %s", e->msg);
    }
    return engine_documents(o, c, &x->set, bad_r, e);
}

static int run(const struct options *o, enum cycle_mode mode)
{
    struct once x = {.mode = mode};
    struct err e = {0};
    size_t bad = 0;
    bool kube = cluster_wanted(o);
    if (!kube && engine_documents(o, NULL, &x.set, &bad, &e) != 0)
        return verb_fail(&e);
    int rc;
    if (engine_open(o, mode == CYCLE_ACT ? ENGINE_ACT : ENGINE_PLAN, &x.engine, &e) != 0 ||
        (kube && open_cluster(&x, o, &bad, &e) != 0)) {
        rc = verb_fail(&e);
    } else {
        x.engine.env.explain.which = o->explain ? EXPLAIN_ALL : EXPLAIN_NOTHING;
        rc = run_cycles(&x, o);
    }
    engine_close(&x.engine);
    spawner_set_free(&x.set);
    return rc == EXIT_DONE && bad > 0 ? EXIT_FAILED : rc;
}

int verb_once(const struct options *o)
{
    return run(o, CYCLE_ACT);
}

int verb_plan(const struct options *o)
{
    return run(o, CYCLE_PLAN);
}

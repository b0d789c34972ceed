/* `replay`: what the policies would have done with what an Alertmanager answered over time. */
#include "replay/replay.h"

#include "base/mem.h"
#include "cli/engine.h"
#include "cli/replay_report.h"
#include "cli/say.h"
#include "cli/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXPLAINED_MAX = 10000 };

struct replaying {
    struct engine engine;
    bool opened;
    struct spawner_set *sets[2];
    struct policy_set *against;
    struct recording *recording;
    struct replay_result result;
    size_t bad;        /* problems of documents */
    uint64_t shown_at; /* uv_hrtime of the last progress line; 0: none stands there */
};

static void clear_progress(struct replaying *x)
{
    if (x->shown_at != 0)
        fputs("\r\033[K", stderr);
    x->shown_at = 0;
}

static void on_progress(void *arg, moment_t now, uint32_t polls, uint64_t tasks)
{
    struct replaying *x = arg;
    uint64_t clock = uv_hrtime(), done, total;
    if (!isatty(STDERR_FILENO) || clock - x->shown_at < 200 * 1000 * 1000)
        return;
    char text[MOMENT_TEXT];
    moment_format_s(now, text);
    recording_progress(x->recording, &done, &total);
    fprintf(stderr, "\r\033[Kreplaying: %3d%%, %s, %" PRIu32 " polls, %" PRIu64 " Tasks",
            total > 0 ? (int)(100 * done / total) : 0, text, polls, tasks);
    fflush(stderr);
    x->shown_at = clock;
}

static int documents(struct replaying *x, const struct options *o, struct err *e)
{
    size_t bad;
    if (engine_documents(o, NULL, &x->sets[0], &x->bad, e) != 0)
        return -1;
    if (o->n_against_documents == 0)
        return 0;
    struct options other = *o;
    other.documents = o->against_documents;
    other.n_documents = o->n_against_documents;
    if (engine_documents(&other, NULL, &x->sets[1], &bad, e) != 0)
        return -1;
    x->bad += bad;
    return 0;
}

static bool compares(const struct options *o)
{
    return o->against != NULL || o->n_against_documents > 0;
}

static int open_all(struct replaying *x, const struct options *o, struct err *e)
{
    if (documents(x, o, e) != 0)
        return -1;
    x->opened = true;
    if (engine_open(o, ENGINE_REPLAY, &x->engine, e) != 0)
        return -1;
    const char *against = o->against != NULL ? o->against : o->policies;
    if (compares(o) && policy_set_create(against, &x->against, e) != 0)
        return -1;
    return recording_open((const char *const *)o->args, o->n_args, o->from, o->to, &x->recording, e);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* What is decided otherwise is replayed once more, explained: which line of which policy decided. The decisions are the
 * same; explaining all of them the first time would take ten times as long. */
static int explain(struct replaying *x, const struct options *o, struct replay_options *options, struct err *e)
{
    struct differences d;
    differences_make(x->result.sides[0], x->result.sides[1], &d);
    uint64_t *fps = xcalloc(d.n + 1, sizeof *fps);
    size_t n = 0;
    for (size_t i = 0; i < d.n; i++)
        fps[i] = d.v[i].fingerprint;
    if (d.n > 0)
        qsort(fps, d.n, sizeof *fps, by_number);
    for (size_t i = 0; i < d.n; i++)
        if ((n == 0 || fps[n - 1] != fps[i]) && n < EXPLAINED_MAX)
            fps[n++] = fps[i];
    int rc = 0;
    if (n > 0) {
        options->explain = (struct judge_explain){.which = EXPLAIN_LISTED, .fingerprints = fps, .n = n};
        recording_close(&x->recording);
        replay_result_deinit(&x->result);
        rc = recording_open((const char *const *)o->args, o->n_args, o->from, o->to, &x->recording, e);
        if (rc == 0)
            rc = replay_run(&x->engine.loop, x->recording, options, &x->result, e);
    }
    differences_deinit(&d);
    free(fps);
    return rc;
}

static int run(struct replaying *x, const struct options *o, struct err *e)
{
    if (open_all(x, o, e) != 0)
        return -1;
    struct replay_options options = {
        .sides = {{x->sets[0], x->engine.policies}, {x->sets[1] != NULL ? x->sets[1] : x->sets[0], x->against}},
        .n_sides = compares(o) ? 2 : 1,
        .pool = x->engine.pool,
        .tasks = {.start_us = o->task_start_us, .duration_us = o->task_duration_us, .failures_ppm = o->task_failures_ppm},
        .limits = x->engine.env.limits,
        .progress = on_progress,
        .arg = x,
    };
    int rc = replay_run(&x->engine.loop, x->recording, &options, &x->result, e);
    if (rc == 0 && compares(o))
        rc = explain(x, o, &options, e);
    clear_progress(x);
    for (size_t i = 0; i < recording_notes(x->recording); i++)
        say("Warning: %s", recording_note(x->recording, i));
    if (rc == 0 && x->result.polls == 0)
        return err_set(e, ERR_NOT_FOUND, "the recording holds no poll%s", o->from != MOMENT_NONE || o->to != MOMENT_NONE
                                                                          ? " between --from and --to" : "");
    return rc;
}

/* "policies.d", and what else is different when two sets of documents are compared. */
static char *side_name(const struct options *o, size_t side)
{
    const char *policies = side == 1 && o->against != NULL ? o->against : o->policies;
    const char *documents = side == 1 && o->n_against_documents > 0 ? o->against_documents[0] : o->documents[0];
    if (policies == NULL)
        policies = "the default policy";
    if (o->n_against_documents == 0)
        return xstrdup(policies);
    return o->against != NULL ? xasprintf("%s with %s", policies, documents) : xstrdup(documents);
}

static int write_page(const struct replay_report *r, const char *path, struct err *e)
{
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    replay_page(r, f);
    int failed = ferror(f);
    if (fclose(f) != 0 || failed)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    return 0;
}

static int report(const struct replaying *x, const struct options *o, struct err *e)
{
    struct replay_report r;
    replay_report_make(&x->result, compares(o) ? 2 : 1, &r);
    char *names[2] = {side_name(o, 0), side_name(o, 1)};
    r.names[0] = names[0];
    r.names[1] = names[1];
    if (o->output == OUTPUT_TABLE)
        replay_text(&r);
    else
        replay_json(&r, o->output == OUTPUT_YAML);
    int rc = o->html != NULL ? write_page(&r, o->html, e) : 0;
    replay_report_deinit(&r);
    free(names[0]);
    free(names[1]);
    return rc;
}

int verb_replay(const struct options *o)
{
    /* Thousands of polls in a row: what one needed, the next needs again. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    struct replaying x = {0};
    struct err e = {0};
    int rc = run(&x, o, &e) == 0 && report(&x, o, &e) == 0 ? EXIT_DONE : verb_fail(&e);
    policy_set_free(&x.against);
    recording_close(&x.recording);
    if (x.opened)
        engine_close(&x.engine);
    spawner_set_free(&x.sets[0]);
    spawner_set_free(&x.sets[1]);
    replay_result_deinit(&x.result);
    return rc == EXIT_DONE && x.bad > 0 ? EXIT_FAILED : rc;
}

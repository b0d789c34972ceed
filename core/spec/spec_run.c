/* See spec_run.h.
 *
 *   file waiting ---- a place is free ----> running ---- DONE, or its worker's death ----> done
 *
 * The first file that is not yet reported to its end is reported live; what the others tell is kept meanwhile. */
#include "spec/spec_run.h"

#include "base/mem.h"
#include "policy/spec_job.h"
#include "spec/spec_coverage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct event {
    char *kind;
    cJSON *members;
};

struct run;

enum file_state { FILE_WAITING, FILE_RUNNING, FILE_DONE };

struct file {
    struct run *run;
    const char *path;
    enum file_state state;
    struct spec_job *job;
    struct event *events; /* not yet reported */
    size_t n_events, cap_events;
    /* the test in hand, should its worker die */
    cJSON *in_hand;
    size_t tests;
    bool failed; /* a test, or more */
};

struct run {
    const struct spec_run_setup *setup;
    struct spec_run_end *end;
    struct file *files;
    size_t n, next, reported, running;
    size_t last; /* with totals.stopped: the last file that is reported */
    struct spec_totals totals;
    bool stopping;
    bool together; /* all files are in the first one's worker */
    int64_t test_us;
};

/* ---- options ---- */

static const cJSON *option(const struct run *r, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(r->setup->options, name);
}

/* The options that the runner knows under other names, or that it must have. */
static cJSON *runner_options(const struct run *r, const char *path, const char *source)
{
    static const struct {
        const char *runner, *ours;
    } names[] = {
        {"tags", "tags"},           {"exclude_tags", "exclude-tags"}, {"filter", "filter"},
        {"filter_out", "filter-out"}, {"name", "name"},               {"exclude_names", "exclude-names"},
        {"exact_tags", "exact-tags"}, {"helpers", "helpers"},         {"helper_args", "Xhelper"},
        {"statements", "e"},        {"lpath", "lpath"},               {"suppress_pending", "suppress-pending"},
        {"verbose", "verbose"},     {"lazy", "lazy"},                 {"update_golden", "update-golden"},
        {"coverage", "coverage"},   {"shuffle", "shuffle-tests"},     {"sort", "sort-tests"},
        {"policies", "policies"},   {"insulate", "auto-insulate"},    {"keep_going", "keep-going"},
    };
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "mode", r->setup->list ? "list" : "run");
    cJSON_AddStringToObject(o, "file", path);
    cJSON_AddStringToObject(o, "source", source);
    cJSON_AddNumberToObject(o, "seed", (double)r->setup->seed);
    cJSON_AddNumberToObject(o, "timeout", (double)r->test_us / MOMENT_SECOND);
    cJSON_AddNumberToObject(o, "round", r->totals.run);
    cJSON_AddNumberToObject(o, "rounds", r->totals.runs);
    char *cwd = getcwd(NULL, 0);
    cJSON_AddStringToObject(o, "cwd", cwd != NULL ? cwd : ".");
    free(cwd);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const cJSON *v = option(r, names[i].ours);
        if (v != NULL)
            cJSON_AddItemToObject(o, names[i].runner, cJSON_Duplicate(v, true));
    }
    return o;
}

/* With --no-auto-insulate all files run in one worker, the others behind the first. */
static int add_more_files(const struct run *r, cJSON *options, struct err *e)
{
    cJSON *more = cJSON_AddArrayToObject(options, "more_files");
    for (size_t i = 1; i < r->setup->n_files; i++) {
        struct buf source = {0};
        if (spec_file_read(r->setup->files[i], &source, e) != 0) {
            buf_free(&source);
            return -1;
        }
        cJSON *file = cJSON_CreateObject();
        cJSON_AddStringToObject(file, "file", r->setup->files[i]);
        cJSON_AddStringToObject(file, "source", source.data != NULL ? source.data : "");
        cJSON_AddItemToArray(more, file);
        buf_free(&source);
    }
    return 0;
}

/* ---- reporting ---- */

static bool counts_as_failure(enum spec_status s)
{
    return s == SPEC_FAILURE || s == SPEC_ERROR;
}

static void report(struct run *r, const char *kind, const cJSON *members)
{
    enum spec_status status;
    if (strcmp(kind, "bug") == 0) {
        r->end->bug = true;
        err_set(&r->end->e, ERR_BUG, "the spec runner has failed: %s", member_text(members, "message"));
        return;
    }
    if (strcmp(kind, "helper_error") == 0) { /* in busted's words; every file would say the same */
        if (r->end->e.kind == ERR_NONE)
            err_set(&r->end->e, ERR_INVALID, "failed running the specified helper (%s), error: %s",
                    member_text(members, "file"), member_text(members, "message"));
        r->end->helper = r->stopping = true;
        return;
    }
    if (spec_coverage_take(r->setup->coverage, kind, members))
        return;
    if (spec_event_status(kind, members, &status) == 0) {
        r->totals.n[status]++;
        r->totals.tests += strcmp(kind, "test_end") == 0;
        if (counts_as_failure(status) && cJSON_IsFalse(option(r, "keep-going")) && !r->totals.stopped) {
            r->stopping = r->totals.stopped = true;
            r->last = r->reported; /* its file is told to the end, and no other */
        }
    }
    for (size_t i = 0; i < r->setup->n_outs; i++)
        r->setup->outs[i].format->event(&r->setup->outs[i], kind, members);
}

/* What can be reported now, in order. */
static void report_ready(struct run *r)
{
    while (r->reported < r->n) {
        struct file *f = &r->files[r->reported];
        for (size_t i = 0; i < f->n_events; i++) {
            if (!r->totals.stopped || r->reported == r->last || strcmp(f->events[i].kind, "bug") == 0)
                report(r, f->events[i].kind, f->events[i].members);
            free(f->events[i].kind);
            cJSON_Delete(f->events[i].members);
        }
        f->n_events = 0;
        if (f->state != FILE_DONE)
            return;
        free(f->events);
        f->events = NULL;
        r->reported++;
    }
}

/* Takes the members. */
static void add_event(struct file *f, const char *kind, cJSON *members)
{
    xgrow(&f->events, &f->cap_events, f->n_events + 1, sizeof *f->events);
    f->events[f->n_events++] = (struct event){xstrdup(kind), members};
    report_ready(f->run);
}

/* An error of the whole file, in the engine's words. */
static void add_problem(struct file *f, const char *message)
{
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "name", f->path);
    cJSON_AddStringToObject(m, "file", f->path);
    cJSON_AddNumberToObject(m, "line", 0);
    cJSON_AddStringToObject(m, "element", "file");
    cJSON_AddStringToObject(m, "status", "error");
    cJSON_AddStringToObject(m, "message", message);
    add_event(f, "problem", m);
}

/* ---- one file ---- */

static void start_more(struct run *r);

static void on_told(void *arg, const char *kind, cJSON *members)
{
    struct file *f = arg;
    enum spec_status status;
    if (strcmp(kind, "test_start") == 0) {
        cJSON_Delete(f->in_hand);
        f->in_hand = cJSON_Duplicate(members, true);
    } else if (strcmp(kind, "test_end") == 0) {
        cJSON_Delete(f->in_hand);
        f->in_hand = NULL;
        f->tests++;
    }
    if (spec_event_status(kind, members, &status) == 0)
        f->failed = f->failed || counts_as_failure(status);
    add_event(f, kind, members);
}

static int on_need(void *arg, enum wire_need need, const char *how, const char *name, struct wire_text bytes,
                   struct buf *bytes_r, struct buf *found_r, struct err *e)
{
    struct file *f = arg;
    const struct spec_reach *reach = f->run->setup->reach;
    if (need == NEED_GOLDEN)
        return spec_reach_write(reach, f->path, name, bytes, e);
    return spec_reach_read(reach, f->path, how, name, bytes_r, found_r, e);
}

/* The test that its worker died in, or the file, has an error; what would have come after it never ran. */
static void tell_death(struct file *f, const struct err *e)
{
    if (f->in_hand == NULL) {
        char *text = xasprintf("the worker that ran it %s", e->msg);
        add_problem(f, text);
        free(text);
        return;
    }
    char *text = xasprintf("%s:%d: the test %s; what follows it in this file has not run",
                           member_text(f->in_hand, "file"), (int)member_number(f->in_hand, "line"),
                           e->kind == ERR_TIMEOUT && strncmp(e->msg, "ran longer", 10) == 0 ? e->msg : "cost its worker");
    if (strstr(text, "cost its worker") != NULL) {
        char *more = xasprintf("%s: it %s", text, e->msg);
        free(text);
        text = more;
    }
    cJSON_AddStringToObject(f->in_hand, "status", "error");
    cJSON_AddStringToObject(f->in_hand, "message", text);
    cJSON_AddNumberToObject(f->in_hand, "seconds", 0);
    cJSON *m = f->in_hand;
    f->in_hand = NULL;
    f->failed = true;
    free(text);
    add_event(f, "test_end", m);
}

static void on_ended(void *arg, const struct err *e)
{
    struct file *f = arg;
    struct run *r = f->run;
    f->state = FILE_DONE;
    r->running--;
    if (e != NULL && e->kind == ERR_UNREACHABLE) {
        r->end->bug = true;
        r->end->e = *e;
        r->stopping = true;
    } else if (e != NULL) {
        tell_death(f, e);
    }
    spec_job_free(&f->job);
    cJSON_Delete(f->in_hand);
    f->in_hand = NULL;
    report_ready(r);
    start_more(r);
}

static const struct spec_job_owner owner = {on_told, on_need, on_ended};

static void start(struct run *r, struct file *f)
{
    struct buf source = {0};
    struct err e = {0};
    f->state = FILE_RUNNING;
    r->running++;
    const char *problem = NULL;
    if (spec_file_read(f->path, &source, &e) != 0)
        problem = e.msg;
    else if (source.len > 0 && memchr(source.data, '\0', source.len) != NULL)
        problem = "a NUL byte stands in it: it is no text";
    if (problem != NULL) {
        f->state = FILE_DONE;
        r->running--;
        add_problem(f, problem);
    } else {
        cJSON *options = runner_options(r, f->path, source.data != NULL ? source.data : "");
        if (r->together && add_more_files(r, options, &e) != 0)
            add_problem(f, e.msg);
        const struct spec_job_setup setup = {
            .pool = r->setup->pool, .limits = r->setup->limits, .options = options, .test_us = r->test_us};
        f->job = spec_job_start(&setup, &owner, f);
        cJSON_Delete(options);
    }
    buf_free(&source);
}

static void start_more(struct run *r)
{
    if (r->setup->stop != NULL && *r->setup->stop)
        r->stopping = true;
    while (!r->stopping && r->running < r->setup->parallel && r->next < r->n)
        start(r, &r->files[r->next++]);
    if (r->running == 0)
        uv_stop(r->setup->loop);
}

static void on_nothing(uv_timer_t *t)
{
    (void)t;
}

static void on_idle_closed(uv_handle_t *h)
{
    free(h);
}

void spec_run(const struct spec_run_setup *setup, struct spec_run_end *end_r)
{
    struct run r = {.setup = setup, .end = end_r, .n = setup->n_files};
    const cJSON *timeout = cJSON_GetObjectItemCaseSensitive(setup->options, "timeout");
    uint64_t began = uv_hrtime();
    uv_timer_t *idle = xcalloc(1, sizeof *idle); /* keeps the loop */
    r.test_us = cJSON_IsNumber(timeout) ? (int64_t)(timeout->valuedouble * 1e6) : 2 * MOMENT_SECOND;
    r.together = r.n > 1 && cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(setup->options, "auto-insulate"));
    if (r.together)
        r.n = 1;
    r.totals = (struct spec_totals){.seed = setup->seed, .shuffled = end_r->totals.shuffled, .run = end_r->totals.run,
                                    .runs = end_r->totals.runs};
    r.files = xcalloc(r.n + 1, sizeof *r.files);
    for (size_t i = 0; i < r.n; i++)
        r.files[i] = (struct file){.run = &r, .path = setup->files[i]};
    for (size_t i = 0; i < setup->n_outs; i++)
        setup->outs[i].format->begin(&setup->outs[i]);
    uv_timer_init(setup->loop, idle);
    uv_timer_start(idle, on_nothing, 1000, 1000);
    start_more(&r);
    while (r.running > 0)
        uv_run(setup->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)idle, on_idle_closed); /* by whoever runs the loop next */
    for (; r.next < r.n; r.next++)
        r.files[r.next].state = FILE_DONE; /* never began */
    report_ready(&r);
    uv_run(setup->loop, UV_RUN_NOWAIT);
    r.totals.files = setup->n_files;
    r.totals.seconds = (double)(uv_hrtime() - began) / 1e9;
    end_r->totals = r.totals;
    for (size_t i = 0; i < SPEC_STATUSES; i++)
        end_r->n[i] += r.totals.n[i];
    end_r->tests += r.totals.tests;
    free(r.files);
}

/* ---- questions ---- */

struct asking {
    uv_loop_t *loop;
    const char *wanted;
    cJSON *answer;
    bool ended;
    struct err e;
};

static void on_answer(void *arg, const char *kind, cJSON *members)
{
    struct asking *a = arg;
    if (strcmp(kind, a->wanted) == 0 && a->answer == NULL) {
        a->answer = members;
        return;
    }
    if (member_has_text(members, "message"))
        err_set(&a->e, ERR_INVALID, "%s", member_text(members, "message"));
    cJSON_Delete(members);
}

static int on_nothing_needed(void *arg, enum wire_need need, const char *how, const char *name, struct wire_text bytes,
                             struct buf *bytes_r, struct buf *found_r, struct err *e)
{
    (void)arg, (void)need, (void)how, (void)bytes, (void)bytes_r, (void)found_r;
    return err_set(e, ERR_INVALID, "%s: no files are read here", name);
}

static void on_asked(void *arg, const struct err *e)
{
    struct asking *a = arg;
    if (e != NULL)
        err_set(&a->e, e->kind, "its worker %s", e->msg);
    a->ended = true;
    uv_stop(a->loop);
}

cJSON *spec_ask(const struct spec_run_setup *setup, cJSON *options, struct err *e)
{
    static const struct spec_job_owner asker = {on_answer, on_nothing_needed, on_asked};
    struct asking a = {.loop = setup->loop, .wanted = member_text(options, "mode")};
    const struct spec_job_setup job_setup = {
        .pool = setup->pool, .limits = setup->limits, .options = options, .whole_us = 10 * MOMENT_SECOND};
    struct spec_job *job = spec_job_start(&job_setup, &asker, &a);
    while (!a.ended)
        uv_run(setup->loop, UV_RUN_DEFAULT);
    spec_job_free(&job);
    uv_run(setup->loop, UV_RUN_NOWAIT);
    cJSON_Delete(options);
    if (a.answer == NULL) {
        *e = a.e;
        if (e->kind == ERR_NONE)
            err_set(e, ERR_BUG, "the spec runner gave no answer");
    }
    return a.answer;
}

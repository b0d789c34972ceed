/* `spec`: which files run, how they are reported, what the exit code is. The runs themselves are spec/spec_run.c's. */
#include "cli/say.h"
#include "cli/spec_options.h"
#include "cli/spec_suite.h"
#include "cli/verbs.h"
#include "spec/spec_coverage.h"
#include "spec/spec_watch.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_COVERAGE = 3 };

/* ---- reports ---- */

static int open_outs(struct suite *s, struct err *e)
{
    const cJSON *list = suite_option(s, "output"), *o;
    cJSON *standard = cJSON_CreateArray();
    cJSON_AddItemToArray(standard, cJSON_CreateString(isatty(STDOUT_FILENO) ? "terminal" : "plain"));
    int rc = 0;
    const cJSON *wanted = cJSON_IsArray(list) && cJSON_GetArraySize(list) > 0 ? list : standard;
    if (cJSON_IsString(list)) { /* of .busted */
        cJSON_DeleteItemFromArray(standard, 0);
        cJSON_AddItemToArray(standard, cJSON_CreateString(list->valuestring));
    }
    size_t to_stdout = 0;
    cJSON_ArrayForEach(o, wanted)
    {
        if (rc != 0 || !cJSON_IsString(o))
            continue;
        if (s->n_outs == OUTS_MAX) {
            rc = err_set(e, ERR_USAGE, "more than %d outputs", OUTS_MAX);
            continue;
        }
        rc = spec_out_open(o->valuestring, &s->outs[s->n_outs], e);
        if (rc != 0)
            continue;
        s->outs[s->n_outs].verbose = suite_flag(s, "verbose", false);
        to_stdout += s->outs[s->n_outs].path == NULL;
        s->n_outs++;
    }
    if (rc == 0 && to_stdout > 1)
        rc = err_set(e, ERR_USAGE, "several outputs on standard output: give all but one a file, as in -o junit:report.xml");
    cJSON_Delete(standard);
    return rc;
}

static int close_outs(struct suite *s, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < s->n_outs; i++) {
        struct err why;
        if (spec_out_close(&s->outs[i], &why) != 0 && rc == 0) {
            *e = why;
            rc = -1;
        }
    }
    s->n_outs = 0;
    return rc;
}

static void list_begin(struct spec_out *o)
{
    (void)o;
}

static void list_event(struct spec_out *o, const char *kind, const cJSON *m)
{
    struct buf b = {0};
    if (strcmp(kind, "test_listed") == 0)
        buf_addf(&b, "%s:%d: %s", member_text(m, "file"), (int)member_number(m, "line"), member_text(m, "name"));
    else if (strcmp(kind, "problem") == 0)
        say("Error: %s: %s", member_text(m, "file"), member_text(m, "message"));
    if (b.len > 0)
        spec_print_text(o->f, b.data, "");
    buf_free(&b);
}

static void list_end(struct spec_out *o, const struct spec_totals *t, const struct spec_coverage_sum *c)
{
    (void)o, (void)t, (void)c;
}

/* -l */
static const struct spec_format format_list = {"list", "", list_begin, list_event, list_end};

/* ---- a run ---- */

static int exit_code(struct suite *s, const struct spec_run_end *end)
{
    const struct spec_totals *t = &end->totals;
    double least = suite_number(s, "coverage-min", -1);
    if (end->bug)
        return verb_fail(&end->e), EXIT_USAGE;
    if (end->helper)
        return verb_fail(&end->e), EXIT_FAILED;
    if (end->n[SPEC_FAILURE] + end->n[SPEC_ERROR] > 0)
        return EXIT_FAILED;
    if (s->setup.list)
        return EXIT_DONE;
    if (end->tests == 0 && !suite_flag(s, "allow-empty", false)) {
        say("Error: no test ran%s", t->files == 0 ? ": no file fits the pattern (see --pattern)" : "");
        return EXIT_FAILED;
    }
    if (least >= 0 && spec_coverage_percent(s->coverage) < least) {
        say("Error: %.1f %% of the lines were run, less than --coverage-min %g", spec_coverage_percent(s->coverage), least);
        return EXIT_COVERAGE;
    }
    return EXIT_DONE;
}

static int run_once(struct suite *s, struct spec_run_end *end, struct err *e)
{
    int runs = (int)suite_number(s, "repeat", 1);
    bool shuffled = suite_flag(s, "shuffle-files", false) || suite_flag(s, "shuffle-tests", false);
    if (s->setup.list)
        s->outs[0] = (struct spec_out){.format = &format_list, .f = stdout}, s->n_outs = 1;
    else if (open_outs(s, e) != 0)
        return -1;
    s->coverage = suite_flag(s, "coverage", false) ? spec_coverage_sum_create() : NULL;
    for (size_t i = 0; s->coverage != NULL && i < s->n_files; i++)
        spec_coverage_ignore(s->coverage, s->files[i]);
    s->setup.reach = &s->reach;
    s->setup.outs = s->outs;
    s->setup.n_outs = s->n_outs;
    s->setup.coverage = s->coverage;
    for (int i = 1; i <= runs && !end->bug && !end->totals.stopped; i++) {
        s->setup.files = s->files;
        s->setup.n_files = s->n_files;
        end->totals.run = i;
        end->totals.runs = runs;
        end->totals.seed = s->setup.seed;
        end->totals.shuffled = shuffled;
        spec_run(&s->setup, end);
        for (size_t k = 0; k < s->n_outs; k++)
            s->outs[k].format->end(&s->outs[k], &end->totals, s->coverage);
    }
    return close_outs(s, e);
}

static void suite_close(struct suite *s)
{
    struct err e;
    close_outs(s, &e);
    spec_coverage_sum_free(&s->coverage);
    suite_forget_files(s);
    spec_selection_deinit(&s->found);
    spec_reach_deinit(&s->reach);
    cJSON_Delete(s->options);
    worker_pool_free(&s->pool);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
}

static int suite_open(struct suite *s, struct err *e)
{
    const char *named = suite_text(s, "worker");
    char *worker = NULL;
    if (uv_loop_init(&s->loop) != 0)
        return err_set(e, ERR_IO, "no event loop: too many open files?");
    if (named != NULL)
        worker = xstrdup(named);
    else if (worker_path_default(&worker, e) != 0)
        return -1;
    int rc = worker_pool_create(&s->loop, worker, 1, &s->pool, e);
    free(worker);
    s->setup.loop = &s->loop;
    s->setup.pool = s->pool;
    s->setup.limits = judge_limits_default();
    return rc;
}

/* What --watch looks at: all that specs may read. */
static void watch_files(const struct suite *s, struct spec_watch *w)
{
    spec_watch_clear(w);
    for (size_t i = 0; i < s->reach.n_roots; i++)
        spec_watch_add(w, s->reach.roots[i]);
    for (size_t i = 0; i < s->reach.n_lpath; i++)
        spec_watch_add(w, s->reach.lpath[i]);
    static const char *const options[] = {"policies", "helper", "config-file", "exclude-names-file"};
    static const char *const standard[] = {"policies", "src", ".busted"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (suite_text(s, options[i]) != NULL)
            spec_watch_add(w, suite_text(s, options[i]));
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        spec_watch_add(w, standard[i]);
    spec_watch_look(w); /* what changes from now on counts, also while it runs */
}

static int run_suite(struct suite *s, struct spec_watch *w, struct err *e)
{
    struct spec_run_end end = {0};
    int rc = suite_find_files(s, e);
    watch_files(s, w);
    if (rc != 0 || suite_match_files(s, e) != 0 || suite_order_files(s, e) != 0 || run_once(s, &end, e) != 0)
        return -1;
    return exit_code(s, &end);
}

/* Takes the options. */
static int run_with(cJSON *options, struct spec_watch *w)
{
    struct suite s = {.options = options};
    struct err e = {0};
    int rc = suite_open(&s, &e);
    if (rc == 0)
        rc = suite_take_options(&s, &e);
    if (rc == 0)
        rc = run_suite(&s, w, &e);
    if (rc < 0)
        rc = verb_fail(&e);
    suite_close(&s);
    return rc;
}

int verb_spec(int argc, char **argv)
{
    cJSON *options = NULL;
    struct err e = {0};
    struct spec_watch w = {0};
    if (argc > 1 && strcmp(argv[1], "new") == 0)
        return spec_new(argc - 1, argv + 1);
    if (spec_options_parse(argc, argv, &options, &e) != 0)
        return verb_fail(&e);
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(options, "help"))) {
        spec_options_help();
        cJSON_Delete(options);
        return EXIT_DONE;
    }
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(options, "version"))) {
        puts(AS_VERSION);
        cJSON_Delete(options);
        return EXIT_DONE;
    }
    const char *directory = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(options, "directory"));
    if (directory != NULL && chdir(directory) != 0) {
        err_set(&e, ERR_USAGE, "--directory %s: %s", directory, strerror(errno));
        cJSON_Delete(options);
        return verb_fail(&e);
    }
    bool watch = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(options, "watch"));
    int rc = run_with(cJSON_Duplicate(options, true), &w);
    while (watch && rc != EXIT_USAGE) {
        printf("\nwaiting for a change; Ctrl-C ends it\n");
        fflush(stdout);
        spec_watch_wait(&w);
        rc = run_with(cJSON_Duplicate(options, true), &w);
    }
    spec_watch_clear(&w);
    cJSON_Delete(options);
    return rc;
}

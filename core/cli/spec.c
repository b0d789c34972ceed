/* `spec`: which files run, how they are reported, what the exit code is. The runs themselves are spec/spec_run.c's. */
#include "cli/say.h"
#include "cli/spec_options.h"
#include "cli/verbs.h"
#include "policy/worker_pool.h"
#include "spec/spec_coverage.h"
#include "spec/spec_run.h"
#include "spec/spec_select.h"
#include "spec/spec_watch.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_COVERAGE = 3, OUTS_MAX = 16 };

/* One `alertspawner spec`. */
struct suite {
    uv_loop_t loop;
    struct worker_pool *pool;
    cJSON *options; /* merged */
    struct spec_reach reach;
    struct spec_selection found;
    char **files;
    size_t n_files;
    struct spec_out outs[OUTS_MAX];
    size_t n_outs;
    struct spec_coverage_sum *coverage;
    struct spec_run_setup setup;
};

static const cJSON *option(const struct suite *s, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(s->options, name);
}

static bool flag(const struct suite *s, const char *name, bool missing)
{
    const cJSON *v = option(s, name);
    return cJSON_IsBool(v) ? cJSON_IsTrue(v) : missing;
}

static double number(const struct suite *s, const char *name, double missing)
{
    const cJSON *v = option(s, name);
    return cJSON_IsNumber(v) ? v->valuedouble : missing;
}

static const char *text(const struct suite *s, const char *name)
{
    return cJSON_GetStringValue(option(s, name));
}

static void set(struct suite *s, const char *name, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(s->options, name);
    cJSON_AddItemToObject(s->options, name, value);
}

/* ---- options ---- */

/* .busted, or the file that is named, is a program: the runner reads it. */
static int merge_config(struct suite *s, struct err *e)
{
    const char *named = text(s, "config-file"), *path = named != NULL ? named : ".busted", *task = text(s, "run");
    struct buf source = {0};
    if (spec_file_read(path, &source, e) != 0) {
        buf_free(&source);
        if (named != NULL || e->kind != ERR_NOT_FOUND) {
            e->kind = ERR_USAGE;
            return -1;
        }
        if (task != NULL)
            return err_set(e, ERR_USAGE, "--run %s: there is no file .busted that could hold this task", task);
        e->kind = ERR_NONE;
        return 0;
    }
    cJSON *ask = cJSON_CreateObject();
    cJSON_AddStringToObject(ask, "mode", "config");
    cJSON_AddStringToObject(ask, "file", path);
    cJSON_AddStringToObject(ask, "source", source.data != NULL ? source.data : "");
    if (task != NULL)
        cJSON_AddStringToObject(ask, "task", task);
    cJSON_AddItemToObject(ask, "cli", cJSON_Duplicate(s->options, true));
    buf_free(&source);
    cJSON *answer = spec_ask(&s->setup, ask, e);
    cJSON *merged = cJSON_DetachItemFromObjectCaseSensitive(answer, "options");
    cJSON_Delete(answer);
    if (!cJSON_IsObject(merged)) {
        cJSON_Delete(merged);
        if (e->kind == ERR_NONE || e->kind == ERR_INVALID)
            e->kind = ERR_USAGE;
        return -1;
    }
    cJSON_Delete(s->options);
    s->options = merged;
    return 0;
}

/* A tag that is wanted and excluded at the same time is a slip. */
static int check_tags(const struct suite *s, struct err *e)
{
    const cJSON *tag, *no;
    cJSON_ArrayForEach(tag, option(s, "tags"))
    {
        cJSON_ArrayForEach(no, option(s, "exclude-tags"))
        {
            if (cJSON_IsString(tag) && cJSON_IsString(no) && strcmp(tag->valuestring, no->valuestring) == 0)
                return err_set(e, ERR_USAGE, "the tag %s is both in --tags and in --exclude-tags", tag->valuestring);
        }
    }
    return 0;
}

/* Files named in options become what stands in them. */
static int read_named(struct suite *s, struct err *e)
{
    struct buf b = {0};
    const char *helper = text(s, "helper"), *names = text(s, "exclude-names-file");
    if (helper != NULL) {
        if (spec_file_read(helper, &b, e) != 0) {
            buf_free(&b);
            e->kind = ERR_USAGE;
            return err_wrap(e, "--helper");
        }
        cJSON *list = cJSON_CreateArray(), *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "name", helper);
        cJSON_AddStringToObject(one, "source", b.data != NULL ? b.data : "");
        cJSON_AddItemToArray(list, one);
        set(s, "helpers", list);
        buf_clear(&b);
    }
    if (names != NULL) {
        if (spec_file_read(names, &b, e) != 0) {
            buf_free(&b);
            e->kind = ERR_USAGE;
            return err_wrap(e, "--exclude-names-file");
        }
        cJSON *list = cJSON_CreateArray();
        char *save = NULL;
        for (char *line = b.data != NULL ? strtok_r(b.data, "\n", &save) : NULL; line != NULL; line = strtok_r(NULL, "\n", &save))
            cJSON_AddItemToArray(list, cJSON_CreateString(line));
        set(s, "exclude-names", list);
    }
    buf_free(&b);
    return 0;
}

/* "./src/?.lua;./src/?/init.lua", as a string or a list of such: becomes a list of single ones. */
static void take_lpath(struct suite *s)
{
    const cJSON *given = option(s, "lpath"), *one;
    cJSON *copy = cJSON_IsString(given) ? cJSON_CreateArray() : cJSON_Duplicate(given, true), *list = cJSON_CreateArray();
    if (cJSON_IsString(given))
        cJSON_AddItemToArray(copy, cJSON_CreateString(given->valuestring));
    cJSON_ArrayForEach(one, copy)
    {
        const char *p = cJSON_IsString(one) ? one->valuestring : "";
        while (*p != '\0') {
            size_t n = strcspn(p, ";");
            char *part = xstrndup(p, n);
            if (n > 0) {
                spec_reach_add_lpath(&s->reach, part);
                cJSON_AddItemToArray(list, cJSON_CreateString(part));
            }
            free(part);
            p += n + (p[n] == ';');
        }
    }
    cJSON_Delete(copy);
    if (given != NULL)
        set(s, "lpath", list);
    else
        cJSON_Delete(list);
}

static int take_options(struct suite *s, struct err *e)
{
    if (merge_config(s, e) != 0 || check_tags(s, e) != 0 || read_named(s, e) != 0)
        return -1;
    static const char *const both[][3] = {{"shuffle", "shuffle-files", "shuffle-tests"}, {"sort", "sort-files", "sort-tests"}};
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 1; k < 3; k++)
            if (flag(s, both[i][0], false) && option(s, both[i][k]) == NULL)
                set(s, both[i][k], cJSON_CreateBool(true));
    if (option(s, "coverage-min") != NULL)
        set(s, "coverage", cJSON_CreateBool(true));
    if (option(s, "seed") == NULL)
        set(s, "seed", cJSON_CreateNumber((double)(moment_now() / 1000 % 1000000000)));
    s->setup.seed = (int64_t)number(s, "seed", 0);
    s->setup.list = flag(s, "list", false);
    s->setup.options = s->options;
    s->reach.policies = text(s, "policies");
    s->reach.update_golden = flag(s, "update-golden", false);
    take_lpath(s);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    s->setup.parallel = (size_t)number(s, "jobs", processors > 1 ? (double)processors : 1);
    return 0;
}

/* ---- files ---- */

static int find_files(struct suite *s, struct err *e)
{
    cJSON *standard = cJSON_Parse("[\"spec\"]");
    const cJSON *roots = option(s, "ROOT"), *root;
    int rc = 0;
    if (cJSON_GetArraySize(roots) == 0)
        roots = standard;
    spec_selection_deinit(&s->found);
    cJSON_ArrayForEach(root, roots)
    {
        if (rc != 0 || !cJSON_IsString(root))
            continue;
        size_t before = s->found.n;
        rc = spec_select(root->valuestring, flag(s, "recursive", true), &s->found, e);
        if (rc != 0)
            break;
        bool named = s->found.n == before + 1 && s->found.files[before].named;
        char *dir = named ? spec_dir_of(root->valuestring) : xstrdup(root->valuestring);
        spec_reach_add_root(&s->reach, dir);
        free(dir);
    }
    cJSON_Delete(standard);
    return rc;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool is_plain_pattern(const char *p)
{
    return strpbrk(p, "^$*+?.([%-") == NULL;
}

static bool only_plain(const cJSON *patterns)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, patterns)
    {
        if (!cJSON_IsString(p) || !is_plain_pattern(p->valuestring))
            return false;
    }
    return true;
}

static bool finds_any(const cJSON *patterns, const char *name)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, patterns)
    {
        if (strstr(name, p->valuestring) != NULL)
            return true;
    }
    return false;
}

static void add_file(struct suite *s, const char *path)
{
    s->files = xrealloc(s->files, (s->n_files + 1) * sizeof *s->files);
    s->files[s->n_files++] = xstrdup(path);
}

static cJSON *list_of_files(const struct suite *s, bool named)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < s->found.n; i++)
        if (s->found.files[i].named == named)
            cJSON_AddItemToArray(list, cJSON_CreateString(s->found.files[i].path));
    return list;
}

static bool is_in(const cJSON *list, const char *path)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, list)
    {
        if (cJSON_IsString(p) && strcmp(p->valuestring, path) == 0)
            return true;
    }
    return false;
}

/* Cases without code belong to the specs, whatever the pattern of Lua files is. */
static bool is_cases(const char *name)
{
    static const char end[] = "_cases.json";
    size_t n = strlen(name);
    return n > strlen(end) && strcmp(name + n - strlen(end), end) == 0;
}

/* Patterns are Lua's: the runner finds, unless they are plain text. */
static int match_files(struct suite *s, struct err *e)
{
    cJSON *standard = cJSON_Parse("[\"_spec\"]"), *none = cJSON_CreateArray();
    const cJSON *patterns = option(s, "pattern"), *exclude = option(s, "exclude-pattern");
    bool cases = cJSON_GetArraySize(patterns) == 0 || cJSON_Compare(patterns, standard, true); /* .busted's default, too */
    if (cJSON_GetArraySize(patterns) == 0)
        patterns = standard;
    if (!cJSON_IsArray(exclude))
        exclude = none;
    cJSON *answer = NULL;
    int rc = 0;
    if (!only_plain(patterns) || !only_plain(exclude)) {
        cJSON *ask = cJSON_CreateObject();
        cJSON_AddStringToObject(ask, "mode", "match");
        cJSON_AddItemToObject(ask, "files", list_of_files(s, false));
        cJSON_AddItemToObject(ask, "patterns", cJSON_Duplicate(patterns, true));
        cJSON_AddItemToObject(ask, "exclude", cJSON_Duplicate(exclude, true));
        answer = spec_ask(&s->setup, ask, e);
        if (answer == NULL) {
            rc = -1;
            e->kind = ERR_USAGE;
        }
    }
    const cJSON *matched = cJSON_GetObjectItemCaseSensitive(answer, "files");
    for (size_t i = 0; i < s->found.n && rc == 0; i++) {
        const char *path = s->found.files[i].path, *name = base_name(path);
        bool fits = answer != NULL ? is_in(matched, path) : finds_any(patterns, name) && !finds_any(exclude, name);
        fits = fits || (cases && is_cases(name) && (!only_plain(exclude) || !finds_any(exclude, name)));
        if (s->found.files[i].named || fits)
            add_file(s, path);
    }
    cJSON_Delete(answer);
    cJSON_Delete(standard);
    cJSON_Delete(none);
    return rc;
}

static void forget_files(struct suite *s)
{
    for (size_t i = 0; i < s->n_files; i++)
        free(s->files[i]);
    free(s->files);
    s->files = NULL;
    s->n_files = 0;
}

static int order_files(struct suite *s, struct err *e)
{
    bool shuffle = flag(s, "shuffle-files", false), sort = flag(s, "sort-files", false);
    if ((!shuffle && !sort) || s->n_files < 2)
        return 0;
    cJSON *ask = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(ask, "files");
    cJSON_AddStringToObject(ask, "mode", "order");
    cJSON_AddBoolToObject(ask, "shuffle", shuffle);
    cJSON_AddBoolToObject(ask, "sort", sort);
    cJSON_AddNumberToObject(ask, "seed", (double)s->setup.seed);
    for (size_t i = 0; i < s->n_files; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(s->files[i]));
    cJSON *answer = spec_ask(&s->setup, ask, e);
    const cJSON *ordered = cJSON_GetObjectItemCaseSensitive(answer, "files"), *path;
    int rc = answer != NULL ? 0 : -1;
    if (rc == 0 && (size_t)cJSON_GetArraySize(ordered) == s->n_files) {
        forget_files(s);
        cJSON_ArrayForEach(path, ordered) add_file(s, cJSON_IsString(path) ? path->valuestring : "");
    } else if (rc == 0) {
        rc = err_set(e, ERR_BUG, "the spec runner gave another list of files back");
    }
    cJSON_Delete(answer);
    return rc;
}

/* ---- reports ---- */

static int open_outs(struct suite *s, struct err *e)
{
    const cJSON *list = option(s, "output"), *o;
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
        s->outs[s->n_outs].verbose = flag(s, "verbose", false);
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
    double least = number(s, "coverage-min", -1);
    if (end->bug)
        return verb_fail(&end->e), EXIT_USAGE;
    if (end->helper)
        return verb_fail(&end->e), EXIT_FAILED;
    if (end->n[SPEC_FAILURE] + end->n[SPEC_ERROR] > 0)
        return EXIT_FAILED;
    if (s->setup.list)
        return EXIT_DONE;
    if (end->tests == 0 && !flag(s, "allow-empty", false)) {
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
    int runs = (int)number(s, "repeat", 1);
    bool shuffled = flag(s, "shuffle-files", false) || flag(s, "shuffle-tests", false);
    if (s->setup.list)
        s->outs[0] = (struct spec_out){.format = &format_list, .f = stdout}, s->n_outs = 1;
    else if (open_outs(s, e) != 0)
        return -1;
    s->coverage = flag(s, "coverage", false) ? spec_coverage_sum_create() : NULL;
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
    forget_files(s);
    spec_selection_deinit(&s->found);
    spec_reach_deinit(&s->reach);
    cJSON_Delete(s->options);
    worker_pool_free(&s->pool);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
}

static int suite_open(struct suite *s, struct err *e)
{
    const char *named = text(s, "worker");
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
        if (text(s, options[i]) != NULL)
            spec_watch_add(w, text(s, options[i]));
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        spec_watch_add(w, standard[i]);
    spec_watch_look(w); /* what changes from now on counts, also while it runs */
}

static int run_suite(struct suite *s, struct spec_watch *w, struct err *e)
{
    struct spec_run_end end = {0};
    int rc = find_files(s, e);
    watch_files(s, w);
    if (rc != 0 || match_files(s, e) != 0 || order_files(s, e) != 0 || run_once(s, &end, e) != 0)
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
        rc = take_options(&s, &e);
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

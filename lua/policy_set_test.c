/* Policies that change while cycles run: a real directory, a real loop, real workers. Waiting is for things to happen,
 * never for time to pass; what must never be seen is looked for at every turn of the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "policy/policy_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_S = 120, TURN_MS = 2, HELD = 5 };

static struct {
    char dir[64];
    uv_loop_t loop;
    uv_timer_t turn;
    struct worker_pool *pool;
    struct policy_set *set;
    int changed, generation; /* how often `changed` was called; the newest ConfigMap */
    const struct policy_files *held[HELD]; /* as cycles hold them */
    char *held_text[HELD];
    size_t turns;
} w;

/* ---- files ---- */

static const char *path_of(const char *name)
{
    static char paths[2][512];
    static int which;
    char *path = paths[which ^= 1];
    snprintf(path, sizeof paths[0], "%s/%s", w.dir, name);
    return path;
}

/* As an editor that is careful: the file is there whole or not at all. */
static void put(const char *name, const char *text)
{
    FILE *f = fopen(path_of(".new"), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(rename(path_of(".new"), path_of(name)), 0);
}

static void put_policy(const char *file, const char *name, const char *describe)
{
    char *text = xasprintf("return { api = 1, name = '%s', match = 'a=b', describe = '%s' }", name, describe);
    put(file, text);
    free(text);
}

static void take_away(const char *name)
{
    assert_int_equal(unlink(path_of(name)), 0);
}

/* As kubelet does it: a new directory, a new link, renamed over the old; the old directory goes. */
static void swap_config_map(const char *const *files, const char *const *texts)
{
    char name[64], old[64], path[160];
    snprintf(old, sizeof old, "..%d", w.generation);
    snprintf(name, sizeof name, "..%d", ++w.generation);
    assert_int_equal(mkdir(path_of(name), 0755), 0);
    for (size_t i = 0; files[i] != NULL; i++) {
        snprintf(path, sizeof path, "%s/%s", name, files[i]);
        put(path, texts[i]);
        snprintf(path, sizeof path, "..data/%s", files[i]);
        assert_true(symlink(path, path_of(files[i])) == 0 || errno == EEXIST);
    }
    assert_int_equal(symlink(name, path_of("..data_tmp")), 0);
    assert_int_equal(rename(path_of("..data_tmp"), path_of("..data")), 0);
    if (w.generation > 1) {
        snprintf(path, sizeof path, "rm -r '%s/%s'", w.dir, old);
        assert_int_equal(system(path), 0);
    }
}

/* ---- what serves ---- */

static const struct policy_file *find(const struct policy_files *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->files[i].name, name) == 0)
            return &f->files[i];
    return NULL;
}

static char *text_of(const struct policy_files *f)
{
    struct buf b = {0};
    for (size_t i = 0; i < f->n; i++) {
        buf_addf(&b, "%s:%s\n", f->files[i].name, f->files[i].source);
        for (size_t k = 0; k < f->files[i].n_libs; k++)
            buf_addf(&b, "+%s:%s\n", f->libs[f->files[i].libs[k]].name, f->libs[f->files[i].libs[k]].source);
    }
    buf_adds(&b, "");
    return buf_take(&b);
}

static bool serves(const char *file, const char *part)
{
    const struct policy_files *f = policy_set_get(w.set);
    const struct policy_file *file_r = find(f, file);
    bool is = part == NULL ? file_r == NULL : file_r != NULL && strstr(file_r->source, part) != NULL;
    policy_set_put(w.set, f);
    return is;
}

static bool has_problem(const char *part)
{
    for (size_t i = 0; i < policy_set_problems(w.set); i++)
        if (strstr(policy_set_problem(w.set, i), part) != NULL)
            return true;
    return false;
}

/* ---- turns ---- */

static void (*look)(const struct policy_files *serving); /* at every turn */

/* "Cycles" begin and end all the time; what each holds may not change. */
static void on_turn(uv_timer_t *t)
{
    (void)t;
    size_t i = w.turns++ % HELD;
    if (w.set == NULL)
        return;
    if (w.held[i] != NULL) {
        char *now = text_of(w.held[i]);
        assert_string_equal(now, w.held_text[i]);
        free(now);
        free(w.held_text[i]);
        policy_set_put(w.set, w.held[i]);
    }
    w.held[i] = policy_set_get(w.set);
    w.held_text[i] = text_of(w.held[i]);
    if (look != NULL)
        look(w.held[i]);
}

static uint64_t deadline(void)
{
    return uv_hrtime() + (uint64_t)PATIENCE_S * 1000 * 1000 * 1000;
}

static void turn_until(uint64_t end, const char *what)
{
    if (uv_hrtime() > end) {
        for (size_t i = 0; i < policy_set_problems(w.set); i++)
            print_error("problem: %s\n", policy_set_problem(w.set, i));
        fail_msg("not within %d s: %s", PATIENCE_S, what);
    }
    uv_run(&w.loop, UV_RUN_ONCE);
}

#define WAIT(condition)                            \
    do {                                           \
        uint64_t end_ = deadline();                \
        while (!(condition))                       \
            turn_until(end_, #condition);          \
    } while (0)

static void on_changed(void *arg)
{
    (void)arg;
    w.changed++;
}

static void open_set(void)
{
    struct err e;
    struct judge_limits limits = judge_limits_default();
    limits.hook_us = 60 * MOMENT_SECOND; /* a slow machine is no broken policy */
    if (policy_set_create(w.dir, &w.set, &e) != 0 ||
        policy_set_follow(w.set, &w.loop, w.pool, &limits, on_changed, NULL, &e) != 0)
        fail_msg("%s", e.msg);
}

static int begin_with(const char *worker)
{
    struct err e;
    memset(&w, 0, sizeof w);
    log_set_level(LOG_ERROR + 1);
    strcpy(w.dir, "/tmp/policy_set.XXXXXX");
    uv_loop_init(&w.loop);
    if (mkdtemp(w.dir) == NULL || worker_pool_create(&w.loop, worker, 1, &w.pool, &e) != 0)
        return -1;
    uv_timer_init(&w.loop, &w.turn);
    uv_timer_start(&w.turn, on_turn, TURN_MS, TURN_MS);
    look = NULL;
    return 0;
}

static int begin(void **state)
{
    (void)state;
    return begin_with(WORKER_PATH);
}

static int begin_without_worker(void **state)
{
    (void)state;
    return begin_with("/bin/false");
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < HELD; i++) {
        if (w.held[i] != NULL)
            policy_set_put(w.set, w.held[i]);
        free(w.held_text[i]);
    }
    policy_set_free(&w.set);
    worker_pool_free(&w.pool);
    uv_close((uv_handle_t *)&w.turn, NULL);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w.loop), 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", w.dir);
    return system(command);
}

/* ---- the tests ---- */

/* The mark in a source: "mark 17". -1: none. */
static int mark_of(const struct policy_file *f)
{
    const char *at = strstr(f->source, "mark ");
    return at != NULL ? atoi(at + strlen("mark ")) : -1;
}

static void one_update(const struct policy_files *serving)
{
    assert_int_equal(serving->n, 2);
    int mark = mark_of(&serving->files[0]);
    assert_true(mark > 0);
    assert_int_equal(mark_of(&serving->files[1]), mark);
    for (size_t i = 0; i < serving->files[1].n_libs; i++)
        assert_int_equal(mark_of(&serving->libs[serving->files[1].libs[i]]), mark);
}

static void put_update(int mark)
{
    static const char *const files[] = {"a.lua", "b.lua", "lib_x.lua", NULL};
    char *a = xasprintf("return { api = 1, name = 'a', match = 'a=b', describe = 'mark %d' }", mark);
    char *b = xasprintf("local x = include 'lib_x' return { api = 1, name = 'b', describe = x .. ' mark %d' }", mark);
    char *x = xasprintf("return 'x'  -- mark %d", mark);
    swap_config_map(files, (const char *const[]){a, b, x});
    free(a);
    free(b);
    free(x);
}

/* Policies and their library always come from one update, whenever a cycle begins. */
static void updates_of_a_config_map_are_whole(void **state)
{
    (void)state;
    char mark[32];
    put_update(1);
    open_set();
    look = one_update;
    for (int i = 2; i <= 6; i++) {
        put_update(i);
        snprintf(mark, sizeof mark, "mark %d'", i);
        WAIT(serves("a.lua", mark));
    }
    WAIT(policy_set_problems(w.set) == 0);
    const struct policy_files *f = policy_set_get(w.set);
    assert_int_equal(find(f, "b.lua")->n_libs, 1);
    policy_set_put(w.set, f);
    /* many at once: the last one serves in the end */
    for (int i = 7; i <= 20; i++)
        put_update(i);
    WAIT(serves("a.lua", "mark 20'"));
    assert_int_equal(policy_set_problems(w.set), 0);
}

static void a_broken_edit_keeps_the_last_good_version(void **state)
{
    (void)state;
    put_policy("a.lua", "a", "first");
    put_policy("b.lua", "b", "first");
    open_set();
    put("a.lua", "return {\n\napi = 1 name = 'a' }");
    put_policy("b.lua", "b", "second");
    WAIT(serves("b.lua", "second"));
    assert_true(serves("a.lua", "first"));
    assert_int_equal(policy_set_problems(w.set), 1);
    assert_true(has_problem("a.lua:3: "));
    assert_true(has_problem("; its last good version "));
    assert_true(policy_set_logged(w.set, policy_set_problem(w.set, 0)));
    assert_true(w.changed > 0);

    /* broken otherwise: another sentence, the same version */
    put("a.lua", "return 5");
    WAIT(!has_problem("a.lua:3: "));
    assert_int_equal(policy_set_problems(w.set), 1);
    assert_true(serves("a.lua", "first"));
    int before = w.changed;
    put_policy("a.lua", "a", "third");
    WAIT(serves("a.lua", "third"));
    assert_int_equal(policy_set_problems(w.set), 0);
    assert_true(w.changed > before);
}

static void one_that_was_never_good_is_broken(void **state)
{
    (void)state;
    put("a.lua", "return {");
    put_policy("b.lua", "b", "first");
    open_set();
    WAIT(has_problem("a.lua:1: "));
    assert_true(serves("b.lua", "first"));
    const struct policy_files *f = policy_set_get(w.set);
    assert_int_equal(find(f, "a.lua")->len, 0);
    assert_int_equal(f->n_problems, 1);
    policy_set_put(w.set, f);
    put_policy("a.lua", "a", "mended");
    WAIT(serves("a.lua", "mended"));
    assert_int_equal(policy_set_problems(w.set), 0);
}

static void files_go_and_are_renamed(void **state)
{
    (void)state;
    put_policy("a.lua", "a", "first");
    put_policy("b.lua", "b", "first");
    open_set();
    take_away("a.lua");
    WAIT(serves("a.lua", NULL));
    assert_true(serves("b.lua", "first"));
    assert_int_equal(rename(path_of("b.lua"), path_of("c.lua")), 0);
    WAIT(serves("c.lua", "first"));
    assert_true(serves("b.lua", NULL));
    assert_int_equal(policy_set_problems(w.set), 0);
    take_away("c.lua");
    WAIT(serves("c.lua", NULL));
}

/* What stands in a file's place is no reason to forget the policy, and nothing waits for it. */
static void things_that_are_no_files(void **state)
{
    (void)state;
    static const char *const names[] = {"dir.lua", "fifo.lua", "out.lua", "empty.lua", "large.lua"};
    static const char *const says[] = {"dir.lua is no regular file;", "empty.lua is empty;",
                                       "fifo.lua is no regular file;", "large.lua is larger than 64 KiB;",
                                       "out.lua is a link that leads out of the directory;"};
    for (size_t i = 0; i < 5; i++)
        put_policy(names[i], names[i], "first");
    open_set();
    for (size_t i = 0; i < 5; i++)
        take_away(names[i]);
    char *large = xcalloc(1, WIRE_SOURCE_MAX + 2);
    memset(large, '-', WIRE_SOURCE_MAX + 1);
    assert_int_equal(mkdir(path_of("dir.lua"), 0755), 0);
    assert_int_equal(mkfifo(path_of("fifo.lua"), 0644), 0);
    assert_int_equal(symlink("/etc/hostname", path_of("out.lua")), 0);
    put("empty.lua", "");
    put("large.lua", large);
    free(large);
    WAIT(policy_set_problems(w.set) == 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(serves(names[i], "first"));
        assert_true(strncmp(policy_set_problem(w.set, i), says[i], strlen(says[i])) == 0);
        assert_non_null(strstr(policy_set_problem(w.set, i), "; its last good version "));
    }
}

static void too_many_change_nothing(void **state)
{
    (void)state;
    char name[32];
    put_policy("a.lua", "a", "first");
    open_set();
    WAIT(w.turns > 1);
    put_policy("a.lua", "a", "second");
    for (int i = 0; i < 500; i++) { /* half a MiB of them */
        snprintf(name, sizeof name, "p%03d.lua", i);
        char *text = xasprintf("--%1000s\nreturn { api = 1, name = 'p%d' }", "", i);
        put(name, text);
        free(text);
    }
    WAIT(has_problem("holds more than 200 policies; what served before goes on serving"));
    assert_true(serves("p000.lua", NULL) || serves("p000.lua", "p0")); /* it may have been seen while there were few */
    for (int i = 199; i < 500; i++) {
        snprintf(name, sizeof name, "p%03d.lua", i);
        take_away(name);
    }
    WAIT(policy_set_problems(w.set) == 0); /* 200 are fine */
    const struct policy_files *f = policy_set_get(w.set);
    assert_int_equal(f->n, 200);
    policy_set_put(w.set, f);
    assert_true(serves("a.lua", "second"));
}

static FILE *half_written;

static void on_second_half(uv_timer_t *t)
{
    fputs("describe = 'whole' }", half_written);
    fclose(half_written);
    half_written = NULL;
    uv_close((uv_handle_t *)t, NULL);
}

static void not_the_half(const struct policy_files *serving)
{
    const struct policy_file *f = find(serving, "a.lua");
    assert_true(f != NULL && (strstr(f->source, "first") != NULL || strstr(f->source, "whole") != NULL));
    assert_int_equal(policy_set_problems(w.set), 0);
}

/* The second half comes by a timer of the same loop, before that of the second reading: no haste is needed. */
static void a_file_that_is_being_written_is_not_taken_half(void **state)
{
    (void)state;
    put_policy("a.lua", "a", "first");
    open_set();
    WAIT(w.turns > 1);
    look = not_the_half;
    half_written = fopen(path_of("a.lua"), "w");
    fputs("return { api = 1, name = 'a', match = 'a=b',\n-- half\n", half_written);
    fflush(half_written);
    uv_timer_t later;
    uv_timer_init(&w.loop, &later);
    uv_update_time(&w.loop);
    uv_timer_start(&later, on_second_half, 50, 0);
    WAIT(serves("a.lua", "whole"));
}

static void an_unused_library_is_nobodys_change(void **state)
{
    (void)state;
    put("lib_x.lua", "return 1");
    put("lib_unused.lua", "return 1");
    put("a.lua", "include 'lib_x' return { api = 1, name = 'a' }");
    put_policy("b.lua", "b", "first");
    open_set();
    put("lib_unused.lua", "return 2");
    put_policy("b.lua", "b", "second");
    WAIT(serves("b.lua", "second"));
    const struct policy_files *f = policy_set_get(w.set);
    assert_int_equal(f->n_libs, 1);
    uint64_t hash = f->hash;
    policy_set_put(w.set, f);
    int before = w.changed;
    /* to know that it was looked at: a problem comes and goes */
    put("lib_unused.lua", "");
    WAIT(has_problem("lib_unused.lua is empty"));
    put("lib_unused.lua", "return 3");
    WAIT(policy_set_problems(w.set) == 0);
    assert_int_equal(w.changed, before + 2);
    f = policy_set_get(w.set);
    assert_int_equal(f->hash, hash);
    policy_set_put(w.set, f);
}

/* a keeps working with the library that it was tried with, b takes the new one. */
static void a_library_breaks_one_of_two(void **state)
{
    (void)state;
    put("lib_x.lua", "return { f = function() return 'one' end, g = 1 }");
    put("a.lua", "local x = include 'lib_x' local d = x.f() return { api = 1, name = 'a', describe = d }");
    put("b.lua", "local x = include 'lib_x' return { api = 1, name = 'b', describe = tostring(x.g) }");
    open_set();
    put("lib_x.lua", "return { g = 2 }");
    WAIT(has_problem("a.lua:1: "));
    const struct policy_files *f = policy_set_get(w.set);
    assert_int_equal(f->n_libs, 2);
    assert_non_null(strstr(f->libs[find(f, "a.lua")->libs[0]].source, "'one'"));
    assert_non_null(strstr(f->libs[find(f, "b.lua")->libs[0]].source, "g = 2"));
    policy_set_put(w.set, f);
    assert_int_equal(policy_set_problems(w.set), 1);
    /* a syntax error in the library is everybody's who includes it */
    put("lib_x.lua", "return {");
    WAIT(has_problem("b.lua"));
    assert_int_equal(policy_set_problems(w.set), 2);
    assert_true(has_problem("lib_x.lua:1: "));
    put("lib_x.lua", "return { f = function() return 'three' end, g = 3 }");
    WAIT(policy_set_problems(w.set) == 0);
}

/* The watch on a removed directory hears nothing of the one that comes in its place. */
static void the_directory_goes_and_comes_back(void **state)
{
    (void)state;
    char elsewhere[80];
    snprintf(elsewhere, sizeof elsewhere, "%s.away", w.dir);
    put_policy("a.lua", "a", "first");
    open_set();
    WAIT(w.turns > 1);
    assert_int_equal(rename(w.dir, elsewhere), 0);
    WAIT(has_problem("No such file or directory; what served before goes on serving"));
    assert_true(serves("a.lua", "first"));
    assert_int_equal(mkdir(w.dir, 0755), 0);
    put_policy("a.lua", "a", "second");
    WAIT(serves("a.lua", "second"));
    assert_int_equal(policy_set_problems(w.set), 0);
    put_policy("a.lua", "a", "third");
    WAIT(serves("a.lua", "third"));
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", elsewhere);
    assert_int_equal(system(command), 0);
}

/* Loading that never ends costs a worker, not the policy that served. */
static void a_policy_that_burns_while_it_is_tried(void **state)
{
    (void)state;
    put_policy("a.lua", "a", "first");
    put_policy("b.lua", "b", "first");
    open_set();
    put("a.lua", "while true do end");
    put_policy("b.lua", "b", "second");
    WAIT(serves("b.lua", "second"));
    assert_true(serves("a.lua", "first"));
    assert_true(has_problem("a.lua"));
}

/* The newcomer sorts first, so a worker alone would let it have the name. */
static void a_name_that_is_taken(void **state)
{
    (void)state;
    put_policy("b.lua", "pay", "first");
    open_set();
    put_policy("a.lua", "pay", "newcomer");
    WAIT(has_problem("a.lua has the name \"pay\""));
    assert_true(serves("b.lua", "first"));
    assert_int_equal(policy_set_problems(w.set), 1);
}

static void without_a_worker_nothing_changes(void **state)
{
    (void)state;
    put_policy("a.lua", "a", "first");
    open_set();
    put_policy("a.lua", "a", "second");
    WAIT(has_problem("what served before goes on serving"));
    assert_true(serves("a.lua", "first"));
}

static void may_be_stopped_at_any_time(void **state)
{
    (void)state;
    put_policy("a.lua", "a", "first");
    open_set();
    policy_set_stop(w.set); /* examining */
    policy_set_stop(w.set);
    WAIT(w.turns > 2);
    assert_true(serves("a.lua", "first"));
}

static void a_directory_that_is_not_there(void **state)
{
    (void)state;
    struct err e;
    struct policy_set *set = NULL;
    assert_int_equal(policy_set_create("/no/such/dir", &set, &e), -1);
    assert_non_null(strstr(e.msg, "/no/such/dir"));
    assert_int_equal(policy_set_create(NULL, &w.set, &e), 0);
    struct judge_limits limits = judge_limits_default();
    assert_int_equal(policy_set_follow(w.set, &w.loop, w.pool, &limits, on_changed, NULL, &e), 0);
    const struct policy_files *f = policy_set_get(w.set);
    assert_int_equal(f->n, 0);
    policy_set_put(w.set, f);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(updates_of_a_config_map_are_whole),
        T(a_broken_edit_keeps_the_last_good_version),
        T(one_that_was_never_good_is_broken),
        T(files_go_and_are_renamed),
        T(things_that_are_no_files),
        T(too_many_change_nothing),
        T(a_file_that_is_being_written_is_not_taken_half),
        T(an_unused_library_is_nobodys_change),
        T(a_library_breaks_one_of_two),
        T(the_directory_goes_and_comes_back),
        T(a_policy_that_burns_while_it_is_tried),
        T(a_name_that_is_taken),
        cmocka_unit_test_setup_teardown(without_a_worker_nothing_changes, begin_without_worker, end),
        T(may_be_stopped_at_any_time),
        T(a_directory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which version of a policy serves after a change: every case of the table in policy_units.h, step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/policy_units.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX = 8 };

/* A file as it lies there, and what a worker would say of it. */
struct lying {
    const char *file, *source;
    const char *problem;  /* NULL: it loads */
    const char *name;     /* the policy's; NULL: as the file */
    const char *includes; /* one library, or NULL */
};

#define FILE(f, s) .file = (f), .source = (s)

struct step {
    struct lying files[MAX], libs[MAX];
};

static struct policy_units *units;
static struct policy_files *served;
static struct policy_change change;
static moment_t now;

static int begin(void **state)
{
    (void)state;
    units = policy_units_create();
    now = 0;
    moment_parse("2026-11-24T14:05:00Z", 20, &now);
    return 0;
}

static int end(void **state)
{
    (void)state;
    policy_units_free(&units);
    policy_files_free(&served);
    policy_change_deinit(&change);
    return 0;
}

static size_t add_files(struct policy_files *f, struct policy_file **list, const struct lying *lying)
{
    size_t n = 0;
    *list = xcalloc(MAX, sizeof **list);
    for (; n < MAX && lying[n].file != NULL; n++) {
        (*list)[n] = (struct policy_file){
            .name = xstrdup(lying[n].file), .source = xstrdup(lying[n].source), .len = strlen(lying[n].source)};
        if (lying[n].source[0] == '\0')
            policy_files_add_problem(f, lying[n].file, "is empty");
    }
    return n;
}

static int try_take(const struct step *step, struct err *e)
{
    struct policy_files *read = xcalloc(1, sizeof *read);
    struct policy_verdict verdicts[MAX] = {0};
    uint32_t libs[MAX];
    read->n = add_files(read, &read->files, step->files);
    read->n_libs = add_files(read, &read->libs, step->libs);
    for (size_t i = 0; i < read->n; i++) {
        const struct lying *l = &step->files[i];
        verdicts[i].problem = (char *)l->problem;
        verdicts[i].name = (char *)(l->name != NULL ? l->name : l->file);
        for (size_t k = 0; k < read->n_libs && l->includes != NULL; k++)
            if (strcmp(read->libs[k].name, l->includes) == 0) {
                libs[i] = (uint32_t)k;
                verdicts[i].libs = &libs[i];
                verdicts[i].n_libs = 1;
            }
    }
    struct policy_files *next = NULL;
    struct policy_change c = {0};
    int rc = policy_units_take(units, read, verdicts, now, &next, &c, e);
    if (rc == 0) {
        policy_files_free(&served);
        policy_change_deinit(&change);
        served = next;
        change = c;
    }
    policy_files_free(&read);
    return rc;
}

static void take(struct step step)
{
    struct err e;
    if (try_take(&step, &e) != 0)
        fail_msg("%s", e.msg);
}

static void expect_counts(size_t changed, size_t kept, size_t broken, size_t gone)
{
    assert_int_equal(change.changed, changed);
    assert_int_equal(change.kept, kept);
    assert_int_equal(change.broken, broken);
    assert_int_equal(change.gone, gone);
    assert_int_equal(change.n, served->n);
}

/* The source that serves for a file, with its library's: "source+library". NULL: it is not there. */
static const char *serving(const char *file)
{
    static char text[256];
    for (size_t i = 0; i < served->n; i++) {
        const struct policy_file *f = &served->files[i];
        if (strcmp(f->name, file) != 0)
            continue;
        assert_int_equal(strlen(f->source), f->len);
        snprintf(text, sizeof text, "%s", f->source);
        for (size_t k = 0; k < f->n_libs; k++) {
            assert_true(f->libs[k] < served->n_libs);
            strcat(text, "+");
            strcat(text, served->libs[f->libs[k]].source);
        }
        return text;
    }
    return NULL;
}

static void what_loads_serves(void **state)
{
    (void)state;
    take((struct step){{{FILE("a.lua", "a1")}, {FILE("b.lua", "b1")}}, {{0}}});
    expect_counts(2, 0, 0, 0);
    uint64_t hash = served->hash;
    now += MOMENT_SECOND;
    take((struct step){{{FILE("a.lua", "a1")}, {FILE("b.lua", "b1")}}, {{0}}});
    expect_counts(0, 0, 0, 0);
    assert_int_equal(served->hash, hash);
    take((struct step){{{FILE("a.lua", "a1")}, {FILE("b.lua", "b2")}}, {{0}}});
    expect_counts(1, 0, 0, 0);
    assert_string_equal(serving("b.lua"), "b2");
    assert_int_not_equal(served->hash, hash);
    assert_int_equal(change.n_problems, 0);
}

static void a_broken_one_keeps_its_last_good_version(void **state)
{
    (void)state;
    struct step good = {{{FILE("a.lua", "a1")}, {FILE("b.lua", "b1")}}, {{0}}};
    take(good);
    now += 60 * MOMENT_SECOND;
    take((struct step){{{FILE("a.lua", "a2")}, {FILE("b.lua", "b("), .problem = "b.lua:31: unexpected symbol"}},
                       {{0}}});
    expect_counts(1, 1, 0, 0);
    assert_string_equal(serving("a.lua"), "a2");
    assert_string_equal(serving("b.lua"), "b1");
    char hash[POLICY_HASH], expected[256];
    policy_unit_hash(served, 1, NULL, 0, hash);
    snprintf(expected, sizeof expected,
             "b.lua:31: unexpected symbol; its last good version %.12s of 2026-11-24T14:05:00Z serves", hash);
    assert_int_equal(change.n_problems, 1);
    assert_string_equal(change.problems[0], expected);
    assert_int_equal(served->n_problems, 0);

    /* still broken, otherwise: still the same version, still since then; mended: gone is the problem */
    take((struct step){{{FILE("a.lua", "a2")}, {FILE("b.lua", "")}}, {{0}}});
    expect_counts(0, 1, 0, 0);
    assert_string_equal(serving("b.lua"), "b1");
    assert_non_null(strstr(change.problems[0], "b.lua is empty; its last good version"));
    assert_non_null(strstr(change.problems[0], "of 2026-11-24T14:05:00Z serves"));
    take((struct step){{{FILE("a.lua", "a2")}, {FILE("b.lua", "b3")}}, {{0}}});
    expect_counts(1, 0, 0, 0);
    assert_string_equal(serving("b.lua"), "b3");
    assert_int_equal(change.n_problems, 0);
}

static void one_that_never_loaded_stands_broken(void **state)
{
    (void)state;
    take((struct step){{{FILE("a.lua", "a("), .problem = "a.lua:1: unexpected symbol"}, {FILE("b.lua", "")},
                        {FILE("c.lua", "c1")}},
                       {{0}}});
    expect_counts(1, 0, 2, 0);
    assert_string_equal(serving("a.lua"), "");
    assert_string_equal(serving("b.lua"), "");
    assert_int_equal(change.n_problems, 2);
    assert_string_equal(change.problems[0], "a.lua:1: unexpected symbol");
    assert_string_equal(change.problems[1], "b.lua is empty");
    /* the same is in the generation, for the cycles */
    assert_int_equal(served->n_problems, 2);
    for (size_t i = 0; i < 2; i++) {
        char *text = policy_problem_text(&served->problems[i]);
        assert_string_equal(text, change.problems[i]);
        free(text);
    }
    take((struct step){{{FILE("a.lua", "a2")}, {FILE("b.lua", "b2")}, {FILE("c.lua", "c1")}}, {{0}}});
    expect_counts(2, 0, 0, 0);
    assert_int_equal(served->n_problems, 0);
}

static void gone_is_gone(void **state)
{
    (void)state;
    take((struct step){{{FILE("a.lua", "a1")}, {FILE("b.lua", "b1")}}, {{0}}});
    take((struct step){{{FILE("b.lua", "b1")}}, {{0}}});
    expect_counts(0, 0, 0, 1);
    assert_null(serving("a.lua"));
    take((struct step){{{FILE("a.lua", "a("), .problem = "a.lua:1: no"}, {FILE("b.lua", "b1")}}, {{0}}});
    expect_counts(0, 0, 1, 0); /* it comes back broken: there is no last good version any more */
    assert_string_equal(serving("a.lua"), "");
    take((struct step){{{0}}, {{0}}});
    assert_int_equal(served->n, 0);
    expect_counts(0, 0, 0, 1);
}

static void a_rename_is_a_new_one(void **state)
{
    (void)state;
    take((struct step){{{FILE("a.lua", "same"), .name = "p"}}, {{0}}});
    take((struct step){{{FILE("b.lua", "same"), .name = "p"}}, {{0}}});
    expect_counts(1, 0, 0, 1);
    assert_string_equal(serving("b.lua"), "same");
    assert_int_equal(change.n_problems, 0);
}

static void libraries_belong_to_versions(void **state)
{
    (void)state;
    struct lying a = {FILE("a.lua", "a1"), .includes = "lib_x.lua"}, b = {FILE("b.lua", "b1"), .includes = "lib_x.lua"},
                 c = {FILE("c.lua", "c1")};
    take((struct step){{a, b, c}, {{FILE("lib_x.lua", "x1")}, {FILE("lib_y.lua", "y1")}}});
    assert_string_equal(serving("a.lua"), "a1+x1");
    assert_string_equal(serving("c.lua"), "c1");
    assert_int_equal(served->n_libs, 1); /* the one that both share */
    uint64_t hash = served->hash;

    /* a library that nobody includes changes nobody */
    take((struct step){{a, b, c}, {{FILE("lib_x.lua", "x1")}, {FILE("lib_y.lua", "y2")}, {FILE("lib_z.lua", "z1")}}});
    expect_counts(0, 0, 0, 0);
    assert_int_equal(served->hash, hash);

    /* one that is included changes those that do, and not c */
    take((struct step){{a, b, c}, {{FILE("lib_x.lua", "x2")}}});
    expect_counts(2, 0, 0, 0);
    assert_string_equal(serving("b.lua"), "b1+x2");

    /* a breaks with a new library: it keeps the library of then, b takes the new one */
    struct lying a_fails = {FILE("a.lua", "a1"), .problem = "a.lua:2: lib_x has no f"};
    take((struct step){{a_fails, b, c}, {{FILE("lib_x.lua", "x3")}}});
    expect_counts(1, 1, 0, 0);
    assert_string_equal(serving("a.lua"), "a1+x2");
    assert_string_equal(serving("b.lua"), "b1+x3");
    assert_int_equal(served->n_libs, 2);
    assert_string_equal(served->libs[0].name, "lib_x.lua");
    assert_string_equal(served->libs[1].name, "lib_x.lua");

    /* ... and once it is mended, nobody knows the old one */
    take((struct step){{a, b, c}, {{FILE("lib_x.lua", "x4")}}});
    assert_int_equal(served->n_libs, 1);
    assert_string_equal(serving("a.lua"), "a1+x4");
}

/* The newcomer sorts first, so a worker would refuse the one that has served. */
static void a_taken_name_does_not_lose_a_policy(void **state)
{
    (void)state;
    take((struct step){{{FILE("b.lua", "b1"), .name = "pay"}}, {{0}}});
    take((struct step){{{FILE("a.lua", "a1"), .name = "pay"},
                        {FILE("b.lua", "b1"), .problem = "b.lua:1: the name \"pay\" is taken"}},
                       {{0}}});
    expect_counts(0, 0, 1, 0);
    assert_string_equal(serving("a.lua"), "");
    assert_string_equal(serving("b.lua"), "b1");
    assert_int_equal(change.n_problems, 1); /* b serves as it lies there */
    assert_string_equal(change.problems[0],
                        "a.lua has the name \"pay\", which the version of b.lua that serves has, too");
}

/* Two change names, and one of them breaks: neither old name may be had twice. */
static void names_that_move(void **state)
{
    (void)state;
    take((struct step){{{FILE("a.lua", "a1"), .name = "x"}, {FILE("b.lua", "b1"), .name = "y"},
                        {FILE("c.lua", "c1"), .name = "z"}},
                       {{0}}});
    take((struct step){{{FILE("a.lua", "a2"), .name = "y"}, {FILE("b.lua", "b("), .problem = "b.lua:1: no"},
                        {FILE("c.lua", "c2"), .name = "x"}},
                       {{0}}});
    /* b keeps y, so a keeps x, so c keeps z */
    expect_counts(0, 3, 0, 0);
    assert_string_equal(serving("a.lua"), "a1");
    assert_string_equal(serving("b.lua"), "b1");
    assert_string_equal(serving("c.lua"), "c1");
    assert_int_equal(change.n_problems, 3);
    take((struct step){{{FILE("a.lua", "a2"), .name = "y"}, {FILE("b.lua", "b2"), .name = "w"},
                        {FILE("c.lua", "c2"), .name = "x"}},
                       {{0}}});
    expect_counts(3, 0, 0, 0);
}

/* A worker that died of something else: what lies there serves anyway, and there is nothing to say. */
static void an_unchanged_one_cannot_fail(void **state)
{
    (void)state;
    struct lying lib = {FILE("lib_x.lua", "x1")};
    take((struct step){{{FILE("a.lua", "a1"), .includes = "lib_x.lua"}}, {lib}});
    take((struct step){{{FILE("a.lua", "a1"), .problem = "a.lua: loading it used more than 2s"}}, {lib}});
    expect_counts(0, 0, 0, 0);
    assert_int_equal(change.n_problems, 0);
    assert_string_equal(serving("a.lua"), "a1+x1");
    take((struct step){{{FILE("a.lua", "a1"), .problem = "a.lua:1: lib_x.lua is not there"}}, {{0}}});
    expect_counts(0, 1, 0, 0); /* its library is gone */
    assert_string_equal(serving("a.lua"), "a1+x1");
}

static void problems_stand_in_order_of_files(void **state)
{
    (void)state;
    take((struct step){{{FILE("b.lua", "b("), .problem = "b.lua:2: no"}, {FILE("z.lua", "")}},
                       {{FILE("lib_x.lua", "")}}});
    assert_int_equal(change.n_problems, 3);
    assert_string_equal(change.problems[0], "b.lua:2: no");
    assert_string_equal(change.problems[1], "lib_x.lua is empty");
    assert_string_equal(change.problems[2], "z.lua is empty");
}

/* Old libraries pile up behind policies that are never mended: at some size the change is refused as a whole. */
static void too_large_is_refused(void **state)
{
    (void)state;
    enum { BIG = POLICY_UNITS_BYTES_MAX / 2 };
    char *one = xcalloc(1, BIG + 1), *two = xcalloc(1, BIG + 1);
    struct err e = {0};
    memset(one, '1', BIG);
    memset(two, '2', BIG);
    struct lying a = {FILE("a.lua", "a1"), .includes = "lib_x.lua"}, b = {FILE("b.lua", "b1"), .includes = "lib_x.lua"};
    take((struct step){{a, b}, {{FILE("lib_x.lua", one)}}});
    uint64_t hash = served->hash;
    a.problem = "a.lua:1: no";
    struct step step = {{a, b}, {{FILE("lib_x.lua", two)}}};
    assert_int_equal(try_take(&step, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    a.problem = NULL;
    take((struct step){{a, b}, {{FILE("lib_x.lua", one)}}});
    assert_int_equal(served->hash, hash);
    expect_counts(0, 0, 0, 0);
    free(one);
    free(two);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_loads_serves),
        T(a_broken_one_keeps_its_last_good_version),
        T(one_that_never_loaded_stands_broken),
        T(gone_is_gone),
        T(a_rename_is_a_new_one),
        T(libraries_belong_to_versions),
        T(a_taken_name_does_not_lose_a_policy),
        T(names_that_move),
        T(an_unchanged_one_cannot_fail),
        T(problems_stand_in_order_of_files),
        T(too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

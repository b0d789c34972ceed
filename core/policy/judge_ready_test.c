/* What a worker says of its policies and wants to know before it judges: READY, WANT, SURVEY; and what SETUP tells it of
 * the past. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/judge_kit.h"
#include "policy/policy_health.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static struct kit k;

static int open_kit(void **state)
{
    (void)state;
    kit_open(&k, FAKE_WORKER, 1);
    k.setup.limits.hook_us = 60 * MOMENT_SECOND; /* only the tests of time want to wait */
    return 0;
}

static int close_kit(void **state)
{
    (void)state;
    kit_close(&k);
    return 0;
}

static const char *lint_of(size_t i)
{
    assert_true(i < judge_lints(k.j));
    return judge_lint(k.j, i).sentence;
}

/* --- policies --- */

static void what_a_policy_is(void **state)
{
    (void)state;
    kit_lib(&k, "lib_b.lua", "return 2");
    kit_lib(&k, "lib_a.lua", "return 1");
    kit_policy(&k, "a.lua", "match A\nload * include 0 1");
    kit_policy(&k, "b.lua", "match B");
    kit_policy(&k, "c.lua", "load * error");
    kit_policy(&k, "d.lua", "match D\nload * limits 1 10000 10000 1000 1000 4294967295 3");
    kit_alert(&k, "A");
    kit_alert(&k, "B");
    kit_judge(&k);
    const struct policy_info *p = judge_policy_info(k.j, judge_at(k.j, 0)->policy);
    assert_string_equal(p->name, "a");
    assert_string_equal(p->file, "a.lua");
    assert_string_equal(p->match, "alertname=x");
    /* printf 'a.lua\0match A\nload * include 0 1\0lib_a.lua\0return 1\0lib_b.lua\0return 2\0' | xxhsum -H2 */
    assert_string_equal(p->hash, "53b6d8caf1d23c9642d91bb47cacaec6");
    assert_int_equal(p->per_hour, 0);
    assert_int_equal(p->state_version, 1);
    assert_false(p->shadow);
    assert_false(p->on_resolve);
    p = judge_policy_info(k.j, judge_at(k.j, 1)->policy);
    assert_string_equal(p->hash, "14afd6e4cd3cd9af03c0e673d45396ae"); /* printf 'b.lua\0match B\0' | xxhsum -H2 */
    p = judge_policy_info(k.j, 0);
    assert_string_equal(p->name, "default");
    assert_string_equal(p->file, "default.lua");
    assert_string_equal(p->hash, "0123456789abcdef0123456789abcdef");
    p = NULL;
    for (uint32_t i = 0; i < 10; i++)
        if (strcmp(judge_policy_name(k.j, i), "d") == 0)
            p = judge_policy_info(k.j, i);
    assert_non_null(p);
    assert_int_equal(p->per_hour, 1);
    assert_int_equal(p->per_day, 10000);
    assert_int_equal(p->ramp, 10000);
    assert_int_equal(p->reserve_slots, 1000);
    assert_int_equal(p->reserve_priority, 1000);
    assert_int_equal(p->state_version, UINT32_MAX);
    assert_true(p->shadow);
    assert_true(p->on_resolve);
    assert_string_equal(judge_policy_info(k.j, 12345)->file, "");

    size_t n = 99;
    assert_null(judge_file_problem(k.j, 0));
    const uint32_t *libs = judge_file_libs(k.j, 0, &n);
    assert_int_equal(n, 2);
    assert_int_equal(libs[0], 1); /* by name */
    assert_int_equal(libs[1], 0);
    judge_file_libs(k.j, 1, &n);
    assert_int_equal(n, 0);
    assert_string_equal(judge_file_problem(k.j, 2), "c.lua: 1: syntax error near  [1m");
    assert_null(judge_file_libs(k.j, 2, &n));
    assert_int_equal(n, 0);
}

/* Files of which only the engine, or only a death, knows what is wrong. */
static void problems_of_files(void **state)
{
    (void)state;
    struct policy_problem p = {(char *)"a.lua", (char *)"is larger than 64 KiB"};
    kit_policy(&k, "a.lua", "");
    kit_policy(&k, "b.lua", "load * die 11");
    kit_policy(&k, "c.lua", "match C");
    k.policies.problems = &p;
    k.policies.n_problems = 1;
    kit_judge(&k);
    assert_string_equal(judge_file_problem(k.j, 0), "a.lua is larger than 64 KiB");
    assert_contains(judge_file_problem(k.j, 1), "b.lua: loading it killed the worker, which was killed by signal 11");
    assert_null(judge_file_problem(k.j, 2));
}

static void lints(void **state)
{
    (void)state;
    kit_lib(&k, "lib_a.lua", "return 1");
    kit_policy(&k, "a.lua", "match A\nload * lint `annotation.summary` may be nil here\nload * lint twice");
    kit_judge(&k);
    assert_int_equal(judge_lints(k.j), 0); /* nobody asked */
    judge_free(&k.j);
    k.setup.lint = true;
    kit_judge(&k);
    assert_int_equal(judge_lints(k.j), 3);
    assert_string_equal(judge_lint(k.j, 0).file, "a.lua");
    assert_int_equal(judge_lint(k.j, 0).line, 1);
    assert_string_equal(lint_of(0), "`annotation.summary` may be nil here");
    assert_string_equal(judge_lint(k.j, 2).file, "lib_a.lua");
    assert_int_equal(judge_lint(k.j, 2).line, 7);
}

/* A worker that says nonsense of its policies is killed; nobody else can load them either. */
static void nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *load, *said;
    } cases[] = {
        {"limits 10001 0 0 0 0 1 0", "limits.per_hour of 10001, at most 10000"},
        {"limits 0 10001 0 0 0 1 0", "limits.per_day of 10001, at most 10000"},
        {"limits 0 0 10001 0 0 1 0", "limits.ramp of 10001"},
        {"limits 0 0 0 1001 0 1 0", "limits.reserve.slots of 1001"},
        {"limits 0 0 0 1 1001 1 0", "limits.reserve.priority of 1001"},
        {"limits 0 0 0 0 0 1 4", "a kind of policy that there is not"},
        {"include 2", "a library that it was not given"},
        {"include 0 0", "a library twice"},
        {"include 0 1 0", "more libraries than it was given"},
        {"bad libs-many", "more libraries than it was given"},
        {"bad policy-name", "policy name with control bytes"},
        {"bad no-policy-name", "an empty policy name"},
        {"bad policy-file", "a policy that it was not given"},
        {"bad many", "3 policies of 1"},
        {"bad lint-file", "a warning of a file that it was not given"},
        {"bad templates", "1000 broken templates"},
        {"bad named", "a READY that says neither yes nor no"},
        {"bad survey", "a READY that says neither yes nor no"},
        {"bad hash-short", "a hash that is none"},
        {"bad hash-upper", "a hash that is none"},
        {"bad long", "a READY of a wrong length"},
        {"bad short", "a message that ends inside its hash"},
        {"want Europe/Rome\nload * bad want-many", "65 time zones, at most 64"},
        {"want Europe/Rome\nload * bad want-utf8", "time zone that is not UTF-8"},
        {"want Europe/Rome\nload * bad want-long", "a WANT of a wrong length"},
        {"want Europe/Rome\nload * wantagain UTC", "a message out of turn"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct buf source = {0};
        if (c > 0) {
            kit_close(&k);
            open_kit(NULL);
        }
        print_message("%s\n", cases[c].load);
        buf_addf(&source, "match A\nload * %s\n", cases[c].load);
        kit_lib(&k, "lib_a.lua", "return 1");
        kit_lib(&k, "lib_b.lua", "return 1");
        kit_policy(&k, "a.lua", source.data);
        kit_alert(&k, "A");
        kit_judge(&k);
        assert_int_equal(k.err.kind, ERR_UNREACHABLE);
        assert_contains(k.err.msg, "no worker becomes ready: the last one talked nonsense: ");
        assert_contains(k.err.msg, cases[c].said);
        assert_int_equal(judge_at(k.j, 0)->answer, JUDGED_ERROR);
        assert_int_equal(judge_policies(k.j), 0);
        buf_free(&source);
    }
}

/* --- time zones --- */

static void zones_are_sent(void **state)
{
    (void)state;
    k.setup.lint = true;
    kit_policy(&k, "a.lua", "match A\nload * want Europe/Rome Nowhere/Here ../../etc/passwd UTC\nload * tell zones");
    kit_alert(&k, "A");
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    assert_string_equal(kit_reason(&k, 0), "keep");
    assert_string_equal(lint_of(0), "Europe/Rome 1 TZif; Nowhere/Here 0 ; ../../etc/passwd 0 ; UTC 1 TZif; ");
}

/* --- surveys --- */

static void survey_wanted(const char *more)
{
    struct buf source = {0};
    buf_addf(&source, "match *\nload * survey\nfilter * surveyed\n%s", more);
    kit_policy(&k, "a.lua", source.data);
    for (int i = 0; i < 700; i++)
        kit_alert(&k, "A");
    kit_judge(&k);
    buf_free(&source);
}

static void every_alert_is_shown_first(void **state)
{
    (void)state;
    survey_wanted("");
    assert_int_equal(k.err.kind, ERR_NONE);
    for (size_t i = 0; i < 700; i++)
        assert_string_equal(judge_at(k.j, i)->detail, "700");
}

static void nobody_wants_a_survey(void **state)
{
    (void)state;
    kit_policy(&k, "a.lua", "match *\nfilter * surveyed");
    kit_alert(&k, "A");
    kit_judge(&k);
    assert_string_equal(judge_at(k.j, 0)->detail, "0");
}

static void each_new_worker_is_shown_them(void **state)
{
    (void)state;
    kit_policy(&k, "0.lua", "match Boom\nfilter Boom die 11");
    kit_alert(&k, "Boom");
    survey_wanted("retrigger * never");
    assert_string_equal(kit_reason(&k, 0), "policy.killed");
    for (size_t i = 1; i < 701; i++)
        assert_string_equal(judge_at(k.j, i)->detail, "701");
    struct retrigger_question q = {.alert = 1, .task = "t"};
    struct retrigger_answer a = {0};
    kit_retrigger(&k, &q, 1, &a);
    assert_int_equal(a.answer, ANSWER_NEVER);
    retrigger_answer_deinit(&a);
}

/* Nothing is asked of policies then: no policy and no alert is to blame, and an end is in sight. */
static void deaths_during_a_survey(void **state)
{
    (void)state;
    struct policy_health *h = policy_health_create();
    k.setup.health = h;
    survey_wanted("survey * die 11");
    assert_int_equal(k.err.kind, ERR_NONE);
    for (size_t i = 0; i < 700; i++)
        assert_string_equal(kit_reason(&k, i), "policy.killed");
    assert_true(kit_noted(&k, "a worker was killed by signal 11 (Segmentation fault); it last said: last words [31m of a "
                              "worker while it was shown the alerts (16 times)"));
    assert_contains(judge_at(k.j, 0)->detail, "16 workers have died and nobody knows of what");
    moment_t until;
    assert_false(policy_health_poisoned(h, 0xa0, 0, k.setup.now, &until));
    judge_free(&k.j);
    policy_health_free(&h);
}

static void survey_nonsense(void **state)
{
    (void)state;
    survey_wanted("survey * done");
    assert_true(kit_noted(&k, "talked nonsense: done with 257 of 256, after 0 answers"));
}

static void a_hang_during_a_survey(void **state)
{
    (void)state;
    k.setup.limits.cycle_us = 400 * 1000;
    survey_wanted("survey * hang");
    for (size_t i = 0; i < 700; i++)
        assert_string_equal(kit_reason(&k, i), "policy.timeout");
}

/* --- the past --- */

static struct spawner_memory *remember(void)
{
    struct spawner_memory *m = xcalloc(1, sizeof *m);
    m->policies = xcalloc(2, sizeof *m->policies);
    m->policies[m->n_policies++] = xstrdup("a");
    m->policies[m->n_policies++] = xstrdup("b");
    k.setup.memory = m;
    k.setup.lint = true;
    kit_policy(&k, "a.lua", "match *\nload * tell memory\nfilter * seen");
    kit_alert(&k, "A");
    kit_alert(&k, "B");
    return m;
}

static void forget(struct spawner_memory *m)
{
    judge_free(&k.j);
    free(m->states);
    free(m->creations);
    episodes_free(&m->episodes);
    free(m->policies[0]);
    free(m->policies[1]);
    free(m->policies);
    free(m);
}

static void seen(void **state)
{
    (void)state;
    struct spawner_memory *m = remember();
    kit_judge(&k);
    assert_string_equal(judge_at(k.j, 0)->detail, "1700000000000000 1 0 0 1"); /* nobody remembers it */
    judge_free(&k.j);
    m->episodes = episodes_create();
    struct episode row = {.fingerprint = 0xa0, .first_seen = 1699990000, .starts_at = 1699990000, .first_poll = 3,
                          .absent_s = 60, .number = 2};
    struct episode_counters counters = {9, 1, 0, k.setup.now - 60 * MOMENT_SECOND, MOMENT_NONE};
    episodes_load(m->episodes, &row, 1, &counters);
    struct sighting now = {0xa0, 1699990000 * MOMENT_SECOND};
    episodes_observe(m->episodes, &now, 1, k.setup.now);
    struct alert_seen expected;
    episodes_seen(m->episodes, 0xa0, k.setup.now, &expected);
    assert_int_equal(expected.episode, 2);
    kit_judge(&k);
    char *text = xasprintf("%lld %u %u %lld %u", (long long)expected.first, expected.polls, expected.flaps,
                           (long long)expected.absent_us, expected.episode);
    assert_string_equal(judge_at(k.j, 0)->detail, text);
    assert_string_equal(judge_at(k.j, 1)->detail, "1700000000000000 1 0 0 1");
    free(text);
    forget(m);
}

static void creations(void **state)
{
    (void)state;
    struct spawner_memory *m = remember();
    static const struct creation_fact facts[] = {{10, 1}, {20, 0}, {30, 1}, {40, 1}, {50, 77}};
    m->creations = xcalloc(5, sizeof *m->creations);
    memcpy(m->creations, facts, sizeof facts);
    m->n_creations = 5;
    kit_judge(&k);
    assert_string_equal(lint_of(0), "a: 1 created 20 to 20; b: 3 created 10 to 40; ");
    forget(m);
}

static void states(void **state)
{
    (void)state;
    static char good[] = "m\1\0\0\0\1\0\0\0xt", no_map[] = "s\0\0\0\0", cut[] = "m\2\0\0\0\1\0\0\0xt",
                null[] = "m\1\0\0\0\1\0\0\0xz", deep[] = "m\1\0\0\0\1\0\0\0xl\0\0\0\0";
    struct spawner_memory *m = remember();
    struct state_fact facts[] = {
        {0, 0xa0, 3, 1, good, sizeof good - 1}, {0, 1, 1, 1, no_map, sizeof no_map - 1},
        {0, 2, 1, 1, cut, sizeof cut - 1},      {0, 3, 1, 1, null, sizeof null - 1},
        {0, 4, 1, 1, deep, sizeof deep - 1},    {0, 5, 1, 1, good, 0},
        {77, 6, 1, 1, good, sizeof good - 1},   {1, 0xa1, 1, 1, good, sizeof good - 1},
    };
    m->states = xcalloc(8, sizeof *m->states);
    memcpy(m->states, facts, sizeof facts);
    m->n_states = 8;
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    assert_string_equal(lint_of(0), "a: state 00000000000000a0 v3 of 11; b: state 00000000000000a1 v1 of 11; ");
    forget(m);
}

static void states_have_a_ceiling(void **state)
{
    (void)state;
    enum { N = 3000, STRINGS = 3, SIZE = 5 + STRINGS * (4 + 1 + 5 + 1000) };
    struct buf item = {0};
    wire_u8(&item, 'm');
    wire_u32(&item, STRINGS);
    for (int i = 0; i < STRINGS; i++) {
        char name[2] = {(char)('a' + i), 0}, text[1001] = "";
        memset(text, 'x', 1000);
        wire_str(&item, name);
        wire_u8(&item, 's');
        wire_str(&item, text);
    }
    assert_int_equal(item.len, SIZE);
    struct spawner_memory *m = remember();
    m->states = xcalloc(N, sizeof *m->states);
    m->n_states = N;
    for (uint32_t i = 0; i < N; i++) /* the first was touched last */
        m->states[i] = (struct state_fact){0, i, 1, N - i, item.data, item.len};
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    assert_contains(lint_of(0), "a: state 0000000000000000 v1 of 3035; a: state 0000000000000001");
    char *said = xasprintf("ctx.state: the policies keep more than 8 MiB: %d keys", N - JUDGE_STATES_BYTES_MAX / SIZE);
    assert_true(kit_noted(&k, said));
    free(said);
    forget(m);
    buf_free(&item);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
    const struct CMUnitTest tests[] = {
        T(what_a_policy_is),
        T(problems_of_files),
        T(lints),
        T(nonsense),
        T(zones_are_sent),
        T(every_alert_is_shown_first),
        T(nobody_wants_a_survey),
        T(each_new_worker_is_shown_them),
        T(deaths_during_a_survey),
        T(survey_nonsense),
        T(a_hang_during_a_survey),
        T(seen),
        T(creations),
        T(states),
        T(states_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

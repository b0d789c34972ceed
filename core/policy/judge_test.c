/* Judging against a worker that misbehaves as it is told: what each misdeed costs, and that the rest is
 * judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/judge_kit.h"

#include "alerts/identity.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static void judges_and_keeps(void **state)
{
    (void)state;
    kit_policy(&k, "10-a.lua", "match Noise\nfilter Noise drop too_quiet");
    kit_policy(&k, "20-b.lua", "match Keyed\nfilter Keyed key db-1");
    kit_policy(&k, "30-c.lua", "match Named\nfilter Named nameis task-x");
    kit_policy(&k, "40-d.lua", "match Bare\nfilter Bare noname");
    kit_policy(&k, "50-e.lua", "match Odd\nfilter Odd fallback");
    const char *names[] = {"Plain", "Noise", "Keyed", "Named", "Bare", "Odd", "Odd"};
    for (size_t i = 0; i < 7; i++)
        kit_alert(&k, names[i]);
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    const struct judgement *v = judge_at(k.j, 0);
    assert_int_equal(v->answer, JUDGED_KEEP);
    assert_int_equal(v->reason, REASON_NONE);
    assert_int_equal(v->identity, 0xa0);
    assert_int_equal(v->priority, 500);
    assert_string_equal(judge_policy_name(k.j, v->policy), "default");
    assert_null(v->key);
    assert_null(judge_name(k.j, v));
    v = judge_at(k.j, 1);
    assert_int_equal(v->answer, JUDGED_DROP);
    assert_int_equal(v->reason, REASON_POLICY_CODE);
    assert_string_equal(judge_code(k.j, v), "too_quiet");
    assert_string_equal(v->detail, "dropped");
    assert_string_equal(judge_policy_name(k.j, v->policy), "10-a");
    v = judge_at(k.j, 2);
    assert_string_equal(v->key, "db-1");
    assert_int_equal(v->identity, identity_of_key("db-1", 4));
    assert_string_equal(judge_name(k.j, judge_at(k.j, 3)), "task-x");
    assert_string_equal(kit_reason(&k, 4), "error.name");
    assert_string_equal(judge_at(k.j, 4)->detail, "no such label");
    assert_true(kit_noted(&k, "priority failed: base used (2 times)"));
    assert_int_equal(judge_problems(k.j), 0);
    assert_int_equal(judge_policies(k.j), 5);
}

static void no_alerts_and_no_set(void **state)
{
    (void)state;
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    judge_free(&k.j);
    k.setup.set = NULL;
    kit_policy(&k, "a.lua", "load * error");
    kit_policy(&k, "b.lua", "match *");
    kit_judge(&k);
    assert_int_equal(judge_policies(k.j), 1);
    assert_int_equal(judge_problems(k.j), 1);
    assert_string_equal(judge_problem(k.j, 0), "a.lua: 1: syntax error near  [1m"); /* one line, no escapes */
}

static void many_batches(void **state)
{
    (void)state;
    char name[32];
    kit_policy(&k, "a.lua", "match A7\nfilter A7 drop seven");
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "A%d", i % 10);
        kit_alert(&k, name);
    }
    kit_judge(&k);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(judge_at(k.j, i)->answer, i % 10 == 7 ? JUDGED_DROP : JUDGED_KEEP);
    assert_ptr_equal(judge_at(k.j, 7)->detail, judge_at(k.j, 2997)->detail); /* said often, kept once */
}

/* An alert larger than a batch goes alone; one that the source excludes does not go at all. */
static void large_alerts_cross(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_adds(&b, "\"summary\":\"");
    for (int i = 0; i < 900 * 1000; i++)
        buf_addc(&b, 's');
    buf_adds(&b, "\"");
    for (int i = 0; i < 4; i++)
        kit_alert_with(&k, "Large", "", b.data);
    buf_free(&b);
    kit_alert(&k, "Small");
    kit_judge(&k);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(kit_reason(&k, i), "keep");
}

/* --- deaths --- */

static void boom_at(const char *action, const char *reason, const char *said)
{
    struct buf source = {0};
    buf_addf(&source, "match Boom\nfilter Boom %s", action);
    kit_policy(&k, "boom.lua", source.data);
    for (int i = 0; i < 12; i++)
        kit_alert(&k, i == 5 ? "Boom" : "Fine");
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    for (size_t i = 0; i < 12; i++)
        assert_string_equal(kit_reason(&k, i), i == 5 ? reason : "keep");
    assert_contains(judge_at(k.j, 5)->detail, said);
    assert_contains(judge_at(k.j, 5)->detail, "Boom (fingerprint 00000000000000a5)");
    assert_true(kit_noted(&k, said));
    buf_free(&source);
}

static void a_signal_costs_one_alert(void **state)
{
    (void)state;
    boom_at(
        "die 11", "policy.killed",
        "boom.lua: filter on alert Boom (fingerprint 00000000000000a5): the worker was killed by signal 11 "
        "(Segmentation fault); it last said: last words [31m of a worker");
    assert_string_equal(judge_policy_name(k.j, judge_at(k.j, 5)->policy), "boom");
}

static void an_exit_costs_one_alert(void **state)
{
    (void)state;
    boom_at("exit 0", "policy.killed", "the worker exited with status 0");
}

static void garbage(void **state)
{
    (void)state;
    boom_at("garbage", "policy.killed", "talked nonsense: no message starts like that");
}

static void a_flood(void **state)
{
    (void)state;
    boom_at("flood", "policy.killed", "talked nonsense: done with 0 of");
}

static void a_huge_frame(void **state)
{
    (void)state;
    boom_at("huge", "policy.killed", "talked nonsense: no message starts like that");
}

static void a_closed_pipe(void **state)
{
    (void)state;
    boom_at("close", "policy.killed", "closed its pipe and lived on");
}

static void noise_on_stderr(void **state)
{
    (void)state;
    boom_at("stderr", "policy.killed", "was killed by signal 6 (Aborted); it last said: last words");
    assert_true(strlen(judge_at(k.j, 5)->detail) < 600);
}

static void half_a_frame(void **state)
{
    (void)state;
    k.setup.limits.hook_us = 300 * 1000;
    boom_at("half", "policy.timeout", "boom.lua: filter used more than 300ms on alert Boom");
}

static void a_hang(void **state)
{
    (void)state;
    k.setup.limits.hook_us = 300 * 1000;
    boom_at("hang", "policy.timeout",
            "boom.lua: filter used more than 300ms on alert Boom (fingerprint 00000000000000a5)");
}

/* The box is empty, or lies: then the alerts are asked one at a time. */
static void a_death_without_a_box(void **state)
{
    (void)state;
    boom_at("blind-die 9", "policy.killed", "was killed by signal 9");
    assert_true(kit_noted(&k, "nobody knows on which alert"));
}

static void a_lying_box(void **state)
{
    (void)state;
    boom_at("lie-die 9", "policy.killed", "was killed by signal 9");
    assert_true(kit_noted(&k, "nobody knows on which alert"));
}

static void a_blind_hang(void **state)
{
    (void)state;
    k.setup.limits.hook_us = 300 * 1000;
    boom_at("blind-hang", "policy.timeout", "used more than 300ms");
}

/* What a message may not say. All of these come after the alert was judged, so the box is of no help. */
static void nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *action, *said;
    } cases[] = {
        {"wrongid", "an answer to what was not asked"},
        {"twice", "an answer to what was not asked"},
        {"silent", "an answer to what was not asked"},
        {"done", "done with"},
        {"turn", "a message out of turn"},
        {"toolong", "a JUDGED of a wrong length"},
        {"utf8", "detail that is not UTF-8"},
        {"nul", "detail with a NUL byte"},
        {"longdetail", "detail of 1025 bytes, at most 1024"},
        {"priority 1001", "a priority outside of 0 to 1000"},
        {"priority -1", "a priority outside of 0 to 1000"},
        {"code policy.filter", "a reason that does not fit the answer"},
        {"code dedup.active", "a reason that there is not"},
        {"code nonsense", "a reason that there is not"},
        {"answer 3", "an answer that there is not"},
        {"answer 2", "an error without a reason"},
        {"answer 1", "a reason that does not fit the answer"},
        {"drop Not-A-Code", "a reason that there is not"},
        {"policy nobody", "a policy that is not there"},
        {"key", "an empty key"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct buf source = {0};
        if (c > 0) {
            kit_close(&k);
            open_kit(NULL);
        }
        buf_addf(&source, "match Boom\nfilter Boom %s\n", cases[c].action);
        kit_policy(&k, "boom.lua", source.data);
        for (int i = 0; i < 6; i++)
            kit_alert(&k, i == 3 ? "Boom" : "Fine");
        kit_judge(&k);
        print_message("%s\n", cases[c].action);
        assert_true(kit_noted(&k, cases[c].said));
        assert_int_equal(k.err.kind, ERR_NONE);
        for (size_t i = 0; i < 6; i++) /* an answer given twice is right the first time */
            if (i != 3 || (strcmp(cases[c].action, "twice") != 0 && strcmp(cases[c].action, "done") != 0 &&
                           strcmp(cases[c].action, "turn") != 0))
                assert_string_equal(kit_reason(&k, i), i == 3 ? "policy.killed" : "keep");
        buf_free(&source);
    }
}

static void a_killer_is_quarantined(void **state)
{
    (void)state;
    kit_policy(&k, "boom.lua", "match Boom\nfilter Boom die 11");
    kit_policy(&k, "calm.lua", "match Calm");
    for (int i = 0; i < 30; i++)
        kit_alert(&k, i % 3 == 0 ? "Boom" : i % 3 == 1 ? "Calm" : "Other");
    kit_judge(&k);
    for (size_t i = 0; i < 30; i++) {
        const char *boom = i < 3 * JUDGE_DEATHS_MAX ? "policy.killed" : "policy.quarantined";
        assert_string_equal(kit_reason(&k, i), i % 3 == 0 ? boom : "keep");
    }
    assert_true(kit_noted(&k, "boom.lua has killed 3 workers: it is quarantined for this cycle"));
}

/* A worker that dies of nothing in particular, again and again: an end is in sight. */
static void endless_blind_deaths_end(void **state)
{
    (void)state;
    kit_policy(&k, "boom.lua", "match *\nfilter * blind-die 9");
    for (int i = 0; i < 100; i++)
        kit_alert(&k, "Boom");
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    for (size_t i = 0; i < 100; i++)
        assert_string_equal(kit_reason(&k, i), "policy.killed");
    assert_contains(judge_at(k.j, 99)->detail, "16 workers have died and nobody knows of what");
}

static void templates_that_kill(void **state)
{
    (void)state;
    kit_policy(&k, "boom.lua", "match none\nname Boom die 9");
    for (int i = 0; i < 10; i++)
        kit_alert(&k, i < 2 ? "Boom" : "Fine");
    kit_judge(&k);
    for (size_t i = 0; i < 10; i++)
        assert_string_equal(kit_reason(&k, i), i < 2 ? "error.template" : "keep");
    assert_contains(judge_at(k.j, 0)->detail, "nameTemplate: name on alert Boom");
}

/* --- loading --- */

static void a_death_at_load_leaves_the_file_out(void **state)
{
    (void)state;
    kit_policy(&k, "10-early.lua", "match Early");
    kit_policy(&k, "20-boom.lua", "load * die 11");
    kit_policy(&k, "30-late.lua", "match Late");
    kit_alert(&k, "Early");
    kit_alert(&k, "Late");
    kit_alert(&k, "Other");
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    assert_string_equal(kit_reason(&k, 0), "keep");
    assert_string_equal(kit_reason(&k, 1), "policy.load");
    assert_string_equal(kit_reason(&k, 2), "policy.load");
    assert_int_equal(judge_problems(k.j), 1);
    assert_true(
        kit_has_problem(&k, "20-boom.lua: loading it killed the worker, which was killed by signal 11"));
}

static void a_hang_at_load(void **state)
{
    (void)state;
    k.setup.limits.hook_us = 300 * 1000;
    kit_policy(&k, "boom.lua", "load * hang");
    kit_alert(&k, "A");
    kit_judge(&k);
    assert_string_equal(kit_reason(&k, 0), "policy.load");
    assert_true(kit_has_problem(&k, "boom.lua: loading it used more than 300ms"));
}

static void a_blind_death_at_load_is_the_end(void **state)
{
    (void)state;
    kit_policy(&k, "boom.lua", "load * blind-die 9");
    kit_alert(&k, "A");
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_UNREACHABLE);
    assert_contains(k.err.msg, "no worker becomes ready: the last one was killed by signal 9");
    assert_int_equal(judge_at(k.j, 0)->answer, JUDGED_ERROR);
}

static void broken_files_of_the_engine(void **state)
{
    (void)state;
    struct policy_problem p = {(char *)"a.lua", (char *)"is larger than 64 KiB"};
    kit_policy(&k, "a.lua", "");
    k.policies.problems = &p;
    k.policies.n_problems = 1;
    kit_alert(&k, "A");
    kit_judge(&k);
    assert_string_equal(kit_reason(&k, 0), "policy.load");
    assert_int_equal(judge_problems(k.j), 1);
    assert_string_equal(judge_problem(k.j, 0), "a.lua is larger than 64 KiB");
}

/* --- time --- */

static void the_cycle_has_an_end(void **state)
{
    (void)state;
    k.setup.limits.cycle_us = 400 * 1000;
    kit_policy(&k, "busy.lua", "match Busy\nfilter Busy busy");
    kit_alert(&k, "Fine");
    kit_alert(&k, "Busy");
    kit_alert(&k, "Fine");
    kit_judge(&k);
    assert_string_equal(kit_reason(&k, 0), "keep");
    assert_string_equal(kit_reason(&k, 1), "policy.timeout");
    assert_string_equal(kit_reason(&k, 2), "policy.timeout");
    assert_string_equal(judge_at(k.j, 2)->detail, "not judged: the cycle's 400ms of evaluation are used up");
    /* and it stays over */
    size_t alert = 0;
    struct composition c = {0};
    kit_compose(&k, &alert, 1, &c);
    assert_false(c.ok);
    assert_int_equal(c.reason, REASON_POLICY_TIMEOUT);
    composition_deinit(&c);
}

/* More bytes than a pipe holds, and nobody reads them. */
static void a_worker_that_never_reads(void **state)
{
    (void)state;
    struct buf b = {0};
    k.setup.limits.hook_us = 300 * 1000;
    buf_adds(&b, "\"summary\":\"");
    for (int i = 0; i < 900 * 1000; i++)
        buf_addc(&b, 's');
    buf_adds(&b, "\"");
    kit_policy(&k, "boom.lua", "match *\nload * error");
    kit_policy(&k, "deaf.lua", "load * hang");
    for (int i = 0; i < 3; i++)
        kit_alert_with(&k, "Large", "", b.data);
    buf_free(&b);
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    assert_true(kit_has_problem(&k, "deaf.lua: loading it used more than 300ms"));
}

/* --- what a worker sees --- */

static void a_worker_sees_nothing_of_the_engine(void **state)
{
    (void)state;
    setenv("SECRET_OF_THE_ENGINE", "x", 1);
    kit_policy(&k, "a.lua", "match *\nfilter * report");
    kit_alert(&k, "A");
    kit_judge(&k);
    const char *seen = judge_at(k.j, 0)->detail;
#ifdef AS_SANITIZED
    const char *env = "ASAN_OPTIONS=detect_leaks=0 ";
#else
    const char *env = "";
#endif
    char *all = xasprintf("fd0 fd1 fd2 fd3 %scwd=/ SigBlk:0 SigIgn:0 ", env);
    assert_string_equal(seen, all);
    free(all);
}

static bool file_holds(const char *path, const char *word)
{
    static char bytes[256 * 1024];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return memmem(bytes, n, word, strlen(word)) != NULL;
}

/* Everything of the document that a worker has no use for stays here. */
static void setup_carries_no_secrets(void **state)
{
    (void)state;
    char source[128];
    char path[] = "/tmp/judge_test.XXXXXX";
    close(mkstemp(path));
    snprintf(source, sizeof source, "load * dump %s", path);
    kit_policy(&k, "dump.lua", source);
    k.spawner.url = (char *)"http://user:WORD1@alertmanager";
    k.spawner.secret_name = (char *)"WORD2";
    k.spawner.credentials = cJSON_Parse("[{\"name\":\"WORD3\"}]");
    k.spawner.task_spec = cJSON_Parse("{\"podOverrides\":{\"env\":[{\"value\":\"WORD4\"}]}}");
    k.spawner.policy_config =
        cJSON_Parse("{\"team\":\"SEEN\",\"n\":[1,2.5,-3,true,null,{\"deep\":\"SEEN2\"}]}");
    kit_alert(&k, "A");
    kit_judge(&k);
    assert_int_equal(judge_problems(k.j), 0); /* the fake reads the tree to its end */
    static const char *const hidden[] = {"WORD1", "WORD2", "WORD3", "WORD4", "alertmanager"};
    for (size_t i = 0; i < 5; i++)
        assert_false(file_holds(path, hidden[i]));
    assert_true(file_holds(path, "SEEN"));
    assert_true(file_holds(path, "SEEN2"));
    unlink(path);
    cJSON_Delete(k.spawner.credentials);
    cJSON_Delete(k.spawner.task_spec);
    cJSON_Delete(k.spawner.policy_config);
}

/* --- ends --- */

static void never(void *arg, const struct err *e)
{
    (void)arg, (void)e;
    fail_msg("done after judge_free");
}

static void free_at_any_moment(void **state)
{
    (void)state;
    struct err e = {0};
    kit_policy(&k, "a.lua", "match Boom\nfilter Boom die 11");
    for (int i = 0; i < 600; i++)
        kit_alert(&k, i % 100 == 0 ? "Boom" : "A");
    for (int turns = 0; turns < 24; turns++) {
        assert_int_equal(judge_start(k.pool, &k.setup, never, NULL, &k.j, &e), 0);
        for (int i = 0; i < turns; i++) {
            uv_run(&k.loop, UV_RUN_NOWAIT);
            if (i == 0)
                usleep(2000);
        }
        judge_free(&k.j);
        assert_null(k.j);
    }
}

static void free_from(void *arg, const struct err *e)
{
    struct kit *kit = arg;
    assert_null(e);
    judge_free(&kit->j);
    kit->done = true;
    uv_stop(&kit->loop);
}

static void free_inside_done(void **state)
{
    (void)state;
    struct err e = {0};
    kit_alert(&k, "A");
    assert_int_equal(judge_start(k.pool, &k.setup, free_from, &k, &k.j, &e), 0);
    while (!k.done)
        uv_run(&k.loop, UV_RUN_DEFAULT);
    assert_null(k.j);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
    const struct CMUnitTest tests[] = {
        T(judges_and_keeps),
        T(no_alerts_and_no_set),
        T(many_batches),
        T(large_alerts_cross),
        T(a_signal_costs_one_alert),
        T(an_exit_costs_one_alert),
        T(garbage),
        T(a_flood),
        T(a_huge_frame),
        T(a_closed_pipe),
        T(noise_on_stderr),
        T(half_a_frame),
        T(a_hang),
        T(a_death_without_a_box),
        T(a_lying_box),
        T(a_blind_hang),
        T(nonsense),
        T(a_killer_is_quarantined),
        T(endless_blind_deaths_end),
        T(templates_that_kill),
        T(a_death_at_load_leaves_the_file_out),
        T(a_hang_at_load),
        T(a_blind_death_at_load_is_the_end),
        T(broken_files_of_the_engine),
        T(the_cycle_has_an_end),
        T(a_worker_that_never_reads),
        T(a_worker_sees_nothing_of_the_engine),
        T(setup_carries_no_secrets),
        T(free_at_any_moment),
        T(free_inside_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

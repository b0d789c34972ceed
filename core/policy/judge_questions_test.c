/* The questions that follow judging: retrigger, on_resolve, and what a Task is made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/judge_kit.h"

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

static void retriggers(void **state)
{
    (void)state;
    kit_policy(&k, "a.lua", "match Enough\nretrigger Enough never");
    kit_policy(&k, "b.lua", "match Later\nretrigger Later at 1700000001000000");
    kit_policy(&k, "c.lua", "match Boom\nretrigger Boom die 11");
    const char *names[] = {"Plain", "Enough", "Later", "Boom", "Plain"};
    for (size_t i = 0; i < 5; i++)
        kit_alert(&k, names[i]);
    kit_judge(&k);
    struct retrigger_question q[4];
    struct retrigger_answer a[4] = {0};
    for (size_t i = 0; i < 4; i++)
        q[i] = (struct retrigger_question){4 - i, "task-1", TASK_SUCCEEDED, i == 0, 1, 2, 3, MOMENT_NONE, 7};
    kit_retrigger(&k, q, 4, a);
    assert_int_equal(k.err.kind, ERR_NONE);
    assert_int_equal(a[0].answer, ANSWER_NOW);
    assert_string_equal(a[0].detail, "task-1 4 1 3 7||1700000000000000 1 0 0 1");
    assert_int_equal(a[0].at, MOMENT_NONE);
    assert_int_equal(a[1].answer, ANSWER_ERROR);
    assert_int_equal(a[1].reason, REASON_POLICY_KILLED);
    assert_contains(a[1].detail,
                    "c.lua: retrigger on alert Boom (fingerprint 00000000000000a3): the worker was killed");
    assert_int_equal(a[2].answer, ANSWER_AT);
    assert_int_equal(a[2].at, 1700000001000000);
    assert_int_equal(a[3].answer, ANSWER_NEVER);
    assert_int_equal(a[3].reason, REASON_POLICY_CODE);
    assert_string_equal(a[3].code, "enough");
    for (size_t i = 0; i < 4; i++)
        retrigger_answer_deinit(&a[i]);
    kit_retrigger(&k, NULL, 0, NULL); /* nothing to ask is fine too */
}

static void composes(void **state)
{
    (void)state;
    struct template_pair labels[] = {{(char *)"a", (char *)"{{.ID}}"}, {(char *)"b", (char *)"x"}};
    k.spawner.labels = labels;
    k.spawner.n_labels = 2;
    k.spawner.branch_template = (char *)"fix-{{.ID}}";
    kit_policy(&k, "a.lua", "match Keyed\nfilter Keyed key db-1");
    kit_policy(&k, "b.lua", "match Boom\ntitle Boom die 11");
    kit_policy(&k, "c.lua", "match none\ntemplate Bad fail failed to render prompt template\n");
    kit_policy(&k, "d.lua", "match none\ntemplate Worse die 9\n");
    kit_policy(&k, "e.lua", "match none\ntemplate Large large 1048576\n");
    kit_policy(&k, "f.lua", "match none\ntemplate Larger large 1048577\n");
    kit_policy(&k, "g.lua", "match none\ntemplate More label\n");
    const char *names[] = {"Plain", "Keyed", "Boom", "Bad", "Worse", "Large", "Larger", "Plain", "More"};
    size_t alerts[9];
    struct composition c[9] = {0};
    for (size_t i = 0; i < 9; i++) {
        kit_alert(&k, names[i]);
        alerts[i] = i;
    }
    kit_judge(&k);
    kit_compose(&k, alerts, 9, c);
    assert_int_equal(k.err.kind, ERR_NONE);
    if (!c[0].ok)
        fail_msg("%s", c[0].detail);
    assert_string_equal(c[0].title, "Plain");
    assert_string_equal(c[0].prompt, "prompt");
    assert_string_equal(c[0].branch, "branch");
    assert_int_equal(c[0].n_labels, 2);
    assert_string_equal(c[0].labels[1], "label");
    assert_int_equal(c[0].n_annotations, 0);
    assert_string_equal(c[1].body, "db-1"); /* the key went back to the worker */
    assert_false(c[2].ok);
    assert_int_equal(c[2].reason, REASON_POLICY_KILLED);
    assert_contains(c[2].detail, "b.lua: title on alert Boom");
    assert_false(c[3].ok);
    assert_int_equal(c[3].reason, REASON_ERROR_TEMPLATE);
    assert_string_equal(c[3].detail, "failed to render prompt template");
    assert_int_equal(c[4].reason, REASON_ERROR_TEMPLATE);
    assert_contains(c[4].detail, "taskTemplate: template on alert Worse");
    assert_true(c[5].ok);
    assert_int_equal(c[5].prompt_len, 1048576);
    assert_false(c[6].ok);
    assert_contains(c[6].detail, "prompt of 1048577 bytes, at most 1048576");
    assert_true(c[7].ok);
    assert_false(c[8].ok);
    assert_contains(c[8].detail, "another number of labels than asked");
    for (size_t i = 0; i < 9; i++)
        composition_deinit(&c[i]);
}

static void the_past_of_a_key(void **state)
{
    (void)state;
    kit_policy(&k, "a.lua", "match *\nfilter * key db-1");
    kit_alert(&k, "A");
    kit_judge(&k);
    struct retrigger_question q = {0, "task-1", TASK_FAILED, false, 1, 2, 3, 4, 1};
    struct retrigger_answer a = {0};
    kit_retrigger(&k, &q, 1, &a);
    assert_string_equal(a.detail, "task-1 5 0 3 1|db-1|1700000000000000 1 0 0 1");
    retrigger_answer_deinit(&a);
}

/* --- groups --- */

static void groups_are_brought_along(void **state)
{
    (void)state;
    kit_policy(&k, "a.lua", "match *\ntitle * about");
    for (int i = 0; i < 60; i++) {
        char name[8];
        snprintf(name, sizeof name, "A%d", i);
        kit_alert(&k, name);
    }
    kit_judge(&k);
    size_t members[60];
    for (size_t i = 0; i < 60; i++)
        members[i] = i;
    struct retrigger_question last = {1, "task-1", TASK_SUCCEEDED, false, 1, 2, 3, 4, 7};
    struct compose_question q[] = {
        {.alert = 0},
        {.alert = 1, .members = members + 1, .n_members = 2, .n_group = 2, .last = &last},
        {.alert = 0, .members = members, .n_members = 60, .n_group = 60},
    };
    struct composition c[3] = {0};
    kit_compose_questions(&k, q, 3, c);
    assert_string_equal(c[0].body, "|1700000000000000 1 0 0 1| 0 0 -9223372036854775808 0|1:");
    assert_string_equal(c[1].body, "|1700000000000000 1 0 0 1|task-1 4 0 3 7|2: A1 A2");
    assert_contains(c[2].body, "|60: A0 A1 ");
    assert_contains(c[2].body, " A49");
    assert_null(strstr(c[2].body, "A50"));
    for (size_t i = 0; i < 3; i++)
        composition_deinit(&c[i]);
}

/* Fifty alerts of a megabyte are more than a message holds. */
static void large_groups_are_cut(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_adds(&b, "\"summary\":\"");
    for (int i = 0; i < 900 * 1000; i++)
        buf_addc(&b, 's');
    buf_adds(&b, "\"");
    kit_policy(&k, "a.lua", "match *\ntitle * about");
    size_t members[40];
    for (size_t i = 0; i < 40; i++) {
        kit_alert_with(&k, "Large", "", b.data);
        members[i] = i;
    }
    buf_free(&b);
    kit_judge(&k);
    struct compose_question q = {.alert = 0, .members = members, .n_members = 40, .n_group = 40};
    struct composition c = {0};
    kit_compose_questions(&k, &q, 1, &c);
    assert_true(c.ok);
    assert_contains(c.body, "|40: Large Large Large Large");
    assert_null(strstr(c.body, "Large Large Large Large Large"));
    composition_deinit(&c);
}

/* --- on_resolve --- */

static struct resolve_question gone(const char *policy, const char *alertname, uint64_t identity)
{
    return (struct resolve_question){.policy = policy,
                                     .alertname = alertname,
                                     .identity = identity,
                                     .starts_at = 1700000000 * MOMENT_SECOND,
                                     .task = "task-1",
                                     .phase = TASK_PENDING,
                                     .created_at = 1700000300 * MOMENT_SECOND,
                                     .attempts = 2};
}

static void resolves(void **state)
{
    (void)state;
    kit_policy(&k, "a.lua", "match A\non_resolve Cancel cancel\non_resolve Reason code policy.drained\n"
                            "on_resolve Broken fail policy.error\non_resolve Boom die 11");
    kit_alert(&k, "A");
    kit_judge(&k);
    struct resolve_question q[] = {gone("a", "Keep", 0xabc),   gone("a", "Cancel", 1), gone("a", "Reason", 2),
                                   gone("a", "Broken", 3),     gone("a", "Boom", 4),   gone("gone", "Cancel", 5),
                                   gone(NULL, "\xff\xfe", 6), gone("a", NULL, 7),     gone("a", "A \"b\"\n", 8)};
    struct resolve_answer a[9] = {0};
    q[7].starts_at = MOMENT_NONE;
    kit_resolve(&k, q, 9, a);
    assert_int_equal(k.err.kind, ERR_NONE);
    assert_int_equal(a[0].answer, RESOLVE_KEEP);
    assert_int_equal(a[0].reason, REASON_NONE);
    assert_string_equal(a[0].detail, "0000000000000abc 1700000000000000 active 1 labels 0 annotations||"
                                     "task-1 1 0 1700000000000000 2");
    assert_null(a[0].state);
    assert_int_equal(a[0].n_notes, 0);
    assert_int_equal(a[1].answer, RESOLVE_CANCEL_PENDING);
    assert_int_equal(a[2].answer, RESOLVE_KEEP);
    assert_int_equal(a[2].reason, REASON_POLICY_CODE);
    assert_string_equal(a[2].code, "drained");
    assert_int_equal(a[3].answer, RESOLVE_ERROR);
    assert_int_equal(a[3].reason, REASON_POLICY_ERROR);
    assert_int_equal(a[4].answer, RESOLVE_ERROR);
    assert_int_equal(a[4].reason, REASON_POLICY_KILLED);
    assert_contains(a[4].detail, "a.lua: on_resolve on alert Boom (fingerprint 0000000000000004): the worker was killed");
    assert_int_equal(a[5].answer, RESOLVE_KEEP); /* nobody is there to be asked */
    assert_contains(a[6].detail, "0000000000000006 1700000000000000 active 0 labels");
    assert_contains(a[7].detail, "0000000000000007 1700000300000000 active 0 labels");
    assert_contains(a[8].detail, "active 1 labels");
    for (size_t i = 0; i < 9; i++)
        resolve_answer_deinit(&a[i]);
    kit_resolve(&k, NULL, 0, NULL);
}

static void resolve_nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *action, *said;
    } cases[] = {
        {"answer 3", "an answer that there is not"},
        {"answer 2", "an error without a reason"},
        {"wrongid", "an answer to what was not asked"},
        {"code policy.Loud", "a reason that there is not"},
        {"code policy.filter", "-"}, /* a code of the policy's own may be called so */
        {"code dedup.active", "a reason that there is not"},
        {"toolong", "a RESOLVED of a wrong length"},
        {"badextras bits", "extras that there are not"},
        {"badextras notes-17", "17 notes of 1 hooks"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct buf source = {0};
        buf_addf(&source, "match A\non_resolve Boom %s", cases[c].action);
        print_message("%s\n", cases[c].action);
        if (c > 0) {
            kit_close(&k);
            open_kit(NULL);
        }
        kit_policy(&k, "a.lua", source.data);
        kit_alert(&k, "A");
        kit_judge(&k);
        struct resolve_question q[] = {gone("a", "Boom", 1), gone("a", "Calm", 2)};
        struct resolve_answer a[2] = {0};
        kit_resolve(&k, q, 2, a);
        if (cases[c].said[0] == '-') {
            assert_int_equal(a[0].answer, RESOLVE_KEEP);
        } else {
            assert_true(kit_noted(&k, cases[c].said));
            assert_int_equal(a[0].answer, RESOLVE_ERROR);
            assert_int_equal(a[0].reason, REASON_POLICY_KILLED);
        }
        assert_int_equal(a[1].answer, RESOLVE_KEEP);
        assert_int_equal(a[1].reason, REASON_NONE);
        resolve_answer_deinit(&a[0]);
        resolve_answer_deinit(&a[1]);
        buf_free(&source);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
    const struct CMUnitTest tests[] = {
        T(retriggers),
        T(composes),
        T(the_past_of_a_key),
        T(groups_are_brought_along),
        T(large_groups_are_cut),
        T(resolves),
        T(resolve_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

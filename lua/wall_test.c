/* Both sides of the wall together: the engine's judge and the real worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/judge.h"
#include "spawner/spawner.h"

#include "alerts/identity.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct rounds {
    uv_loop_t loop;
    struct worker_pool *pool;
    int done;
};

static void on_done(void *arg, const struct err *e)
{
    struct rounds *r = arg;
    if (e)
        fail_msg("%s", e->msg);
    r->done++;
    uv_stop(&r->loop);
}

static struct alert_set *make_set(const char *const *labels, size_t n)
{
    struct alert_set *set = alert_set_create();
    for (size_t i = 0; i < n; i++) {
        struct err e;
        char *json = xasprintf("{\"labels\":{\"alertname\":\"A%zu\",%s},\"annotations\":{\"summary\":\"s\"},"
                               "\"fingerprint\":\"%016zx\",\"startsAt\":\"2026-11-18T10:00:00Z\","
                               "\"status\":{\"state\":\"active\",\"silencedBy\":[],\"inhibitedBy\":[]}}",
                               i, labels[i], i + 1);
        assert_int_equal(alert_set_add(set, NULL, json, strlen(json), &e), 0);
        free(json);
    }
    return set;
}

static void run_until(struct rounds *r, int done)
{
    while (r->done < done)
        uv_run(&r->loop, UV_RUN_DEFAULT);
}

static void one_cycle(void **state)
{
    (void)state;
    static const char *const labels[] = {"\"team\":\"web\"", "\"team\":\"hang\"", "\"team\":\"db\"",
                                         "\"team\":\"key\"", "\"team\":\"bad\""};
    struct policy_file files[] = {
        {.name = (char *)"a.lua",
         .source = (char *)"return { api = 1, name = 'web', match = 'team=web', reasons = { noise = 'N' }, "
         "filter = function() return false, 'noise' end }"},
        {.name = (char *)"b.lua",
         .source = (char *)"return { api = 1, match = 'team=hang', filter = function() return "
         "('a'):rep(2000):find(('.-'):rep(8) .. 'b') end }"},
        {.name = (char *)"c.lua",
         .source = (char *)"return { api = 1, match = 'team=key', key = function() return 'k/1' end, priority = function() "
         "return 7 end, "
         "title = function() return 'T' end, retrigger = function(a, ctx) return ctx.now + 60, 'later' end }"},
        {.name = (char *)"d.lua",
         .source = (char *)"return { api = 1, match = 'team=bad', filter = function(a) return a.labels.x .. 'y' end }"},
    };
    for (size_t i = 0; i < 4; i++)
        files[i].len = strlen(files[i].source);
    struct policy_files set_of_files = {.files = files, .n = 4};
    struct template_pair label = {"owner", "{{.Alert.labels.team}}"};
    struct spawner spawner = {.name = "s",
                              .ns = "default",
                              .prompt_template = "{{.Title}}|{{.Body}}",
                              .poll_interval_us = 1000000,
                              .labels = &label,
                              .n_labels = 1,
                              .branch_template = "b-{{.Number}}",
                              .name_template = "n-{{.ID}}"};
    struct rounds r = {0};
    struct err e;
    struct judge *judge = NULL;
    uv_loop_init(&r.loop);
    assert_int_equal(worker_pool_create(&r.loop, WORKER_PATH, 1, &r.pool, &e), 0);
    struct judge_setup setup = {.spawner = &spawner,
                                .files = &set_of_files,
                                .set = make_set(labels, 5),
                                .now = 1795000000 * (int64_t)1000000,
                                .limits = judge_limits_default()};
    setup.limits.hook_us = 700000;
    assert_int_equal(judge_start(r.pool, &setup, on_done, &r, &judge, &e), 0);
    run_until(&r, 1);

    assert_int_equal(judge_problems(judge), 0);
    assert_int_equal(judge_policies(judge), 4);
    const struct judgement *v = judge_at(judge, 0);
    assert_int_equal(v->answer, JUDGED_DROP);
    assert_int_equal(v->reason, REASON_POLICY_CODE);
    assert_string_equal(judge_code(judge, v), "noise");
    assert_string_equal(v->detail, "N");
    assert_string_equal(judge_policy_name(judge, v->policy), "web");
    v = judge_at(judge, 1);
    assert_int_equal(v->answer, JUDGED_ERROR);
    assert_true(v->reason == REASON_POLICY_TIMEOUT || v->reason == REASON_POLICY_KILLED);
    v = judge_at(judge, 2);
    assert_int_equal(v->answer, JUDGED_KEEP);
    assert_int_equal(v->priority, 1000);
    assert_string_equal(judge_policy_name(judge, v->policy), "default");
    assert_string_equal(judge_name(judge, v), "n-A2-0000000000000003");
    v = judge_at(judge, 3);
    assert_int_equal(v->answer, JUDGED_KEEP);
    assert_string_equal(v->key, "k/1");
    assert_int_equal(v->priority, 7);
    v = judge_at(judge, 4);
    assert_int_equal(v->reason, REASON_POLICY_ERROR);
    assert_string_equal(v->detail, "d.lua:1: filter: attempt to concatenate a nil value (field 'x')");

    struct retrigger_question questions[2] = {{.alert = 2,
                                               .task = "t",
                                               .phase = TASK_SUCCEEDED,
                                               .created_at = 1,
                                               .completed_at = 2,
                                               .starts_at = 1,
                                               .trigger_at = 3,
                                               .attempts = 1},
                                              {.alert = 3,
                                               .task = "t",
                                               .phase = TASK_SUCCEEDED,
                                               .created_at = 1,
                                               .completed_at = 2,
                                               .starts_at = 1,
                                               .trigger_at = 3,
                                               .attempts = 1}};
    struct retrigger_answer answers[2] = {0};
    assert_int_equal(judge_retrigger(judge, questions, 2, answers, on_done, &r, &e), 0);
    run_until(&r, 2);
    assert_int_equal(answers[0].answer, ANSWER_NOW);
    assert_int_equal(answers[0].reason, REASON_NONE);
    assert_int_equal(answers[1].answer, ANSWER_AT);
    assert_true(answers[1].at == setup.now + 60 * 1000000);
    assert_int_equal(answers[1].reason, REASON_POLICY_RETRIGGER);

    struct compose_question winners[2] = {{.alert = 3}, {.alert = 2}};
    struct composition compositions[2] = {0};
    assert_int_equal(judge_compose(judge, winners, 2, compositions, on_done, &r, &e), 0);
    run_until(&r, 3);
    assert_true(compositions[0].ok && compositions[1].ok);
    assert_string_equal(compositions[0].prompt, "T|summary: s\n\nalertname: A3\nteam: key");
    assert_string_equal(compositions[1].prompt, "A2|summary: s\n\nalertname: A2\nteam: db");
    assert_string_equal(compositions[1].labels[0], "db");
    char *branch = xasprintf("b-%u", identity_number(identity_of_key("k/1", 3)));
    assert_string_equal(compositions[0].branch, branch);
    free(branch);

    for (size_t i = 0; i < 2; i++) {
        retrigger_answer_deinit(&answers[i]);
        composition_deinit(&compositions[i]);
    }
    alert_set_free(&setup.set);
    judge_free(&judge);
    worker_pool_free(&r.pool);
    uv_run(&r.loop, UV_RUN_DEFAULT);
    uv_loop_close(&r.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_cycle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is read from a Task object, whoever wrote it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tasks/kube/task_extract.h"

#include <stdlib.h>

static struct task_fact fact(const char *json, const char *spawner, const char *uid)
{
    cJSON *o = cJSON_Parse(json);
    assert_non_null(o);
    struct task_extract *t = task_extract(o);
    struct task_fact f = task_extract_fact(t, "n", "u", "5", spawner, uid);
    task_extract_free(&t);
    cJSON_Delete(o);
    return f;
}

static void test_all_of_it(void **state)
{
    (void)state;
    struct task_fact f = fact(
        "{\"metadata\":{\"creationTimestamp\":\"2026-11-22T08:15:30Z\",\"labels\":{\"kelos.dev/taskspawner\":\"s\"},"
        "\"annotations\":{\"alerts.kelos.dev/fingerprint\":\"ff00000000000001\",\"alerts.kelos.dev/starts-at\":"
        "\"2026-11-22T08:15:00.5Z\",\"alerts.kelos.dev/ordinal\":\"12\",\"alerts.kelos.dev/policy\":\"p\","
        "\"alerts.kelos.dev/alertname\":\"A\"}},"
        "\"status\":{\"phase\":\"Failed\",\"completionTime\":\"2026-11-22T08:16:30Z\"}}",
        "s", "");
    assert_true(f.identity == 0xff00000000000001);
    assert_int_equal(f.ordinal, 12);
    assert_int_equal(f.phase, TASK_FAILED);
    assert_true(f.completed_at - f.created_at == 60 * MOMENT_SECOND);
    assert_true(f.created_at - f.starts_at == 29500000);
    assert_true(f.owned);
    assert_false(f.deleting);
    assert_string_equal(f.policy, "p");
    assert_string_equal(f.alertname, "A");
    task_fact_deinit(&f);
}

static void test_strange_ones(void **state)
{
    (void)state;
    static const char *const docs[] = {
        "{}",
        "{\"metadata\":null,\"status\":[]}",
        "{\"metadata\":{\"labels\":7,\"annotations\":{\"alerts.kelos.dev/fingerprint\":\"xyz\","
        "\"alerts.kelos.dev/ordinal\":\"-3\",\"alerts.kelos.dev/starts-at\":\"soon\"}}}",
        "{\"metadata\":{\"annotations\":{\"alerts.kelos.dev/fingerprint\":\"1\",\"alerts.kelos.dev/ordinal\":"
        "\"99999999999999999999999\"}}}",
    };
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
        struct task_fact f = fact(docs[i], "s", "uid");
        assert_true(f.identity == 0);
        assert_true(f.ordinal == 0);
        assert_true(f.starts_at == MOMENT_NONE);
        assert_int_equal(f.phase, TASK_NEW);
        assert_false(f.owned);
        task_fact_deinit(&f);
    }
    struct task_fact f = fact("{\"status\":{\"phase\":\"Paused\"}}", "s", ""); /* of a later Kelos: active */
    assert_false(task_phase_terminal(f.phase));
    task_fact_deinit(&f);
}

/* The four cases of ownership, and an object that is going. */
static void test_ownership(void **state)
{
    (void)state;
#define TASK(label, refs)                                                                                       \
    "{\"metadata\":{\"deletionTimestamp\":\"2026-11-22T08:15:30Z\",\"labels\":{\"kelos.dev/taskspawner\":\"" label \
    "\"},\"ownerReferences\":[" refs "]}}"
#define REF(uid, controller) "{\"uid\":\"" uid "\",\"controller\":" controller "}"
    static const struct {
        const char *json;
        bool owned;
    } cases[] = {
        {TASK("s", REF("mine", "true")), true},
        {TASK("other", REF("mine", "true")), true},  /* the reference decides */
        {TASK("s", REF("older", "true")), false},    /* another object of that name: not ours */
        {TASK("s", REF("older", "false")), true},    /* no controller: the label */
        {TASK("s", ""), true},
        {TASK("other", ""), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct task_fact f = fact(cases[i].json, "s", "mine");
        assert_int_equal(f.owned, cases[i].owned);
        assert_true(f.deleting);
        task_fact_deinit(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it),
        cmocka_unit_test(test_strange_ones),
        cmocka_unit_test(test_ownership),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

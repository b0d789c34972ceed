/* A spawner's status: counters, conditions, what is worth a write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tasks/kube/spawner_status.h"
#include "tasks/object.h"

#include <stdlib.h>

#define T(s) (INT64_C(1764000000) * MOMENT_SECOND + (s) * MOMENT_SECOND)

static cJSON *condition(const char *type, const char *status, const char *reason)
{
    cJSON *c = cJSON_CreateObject();
    cJSON_AddStringToObject(c, "type", type);
    cJSON_AddStringToObject(c, "status", status);
    cJSON_AddStringToObject(c, "reason", reason);
    cJSON_AddStringToObject(c, "message", "m");
    return c;
}

static cJSON *run(const cJSON *old, bool error, const char *problem, moment_t now, uint64_t total)
{
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, condition("DiscoveryError", error ? "True" : "False", error ? "CycleFailed" : "NoErrors"));
    struct cycle_status cycle = {.phase = "Running", .message = "said", .last_success = error ? MOMENT_NONE : now,
                                 .discovered = error ? -1 : 4, .conditions = list};
    struct spawner_status_input in = {.cycle = &cycle, .problem = problem, .total = total, .active = 2, .polls = 9,
                                      .generation = 3, .now = now};
    cJSON *s = spawner_status_make(old, &in);
    cJSON_Delete(list);
    return s;
}

static const cJSON *find(const cJSON *status, const char *type)
{
    const cJSON *c;
    cJSON_ArrayForEach(c, cJSON_GetObjectItemCaseSensitive(status, "conditions"))
    {
        if (strcmp(object_text(c, "type"), type) == 0)
            return c;
    }
    return NULL;
}

static void test_first(void **state)
{
    (void)state;
    cJSON *s = run(NULL, false, NULL, T(0), 7);
    assert_string_equal(object_text(s, "phase"), "Running");
    assert_int_equal(object_int(s, "totalTasksCreated", -1), 7);
    assert_int_equal(object_int(s, "activeTasks", -1), 2);
    assert_int_equal(object_int(s, "totalDiscovered", -1), 4);
    assert_int_equal(object_int(s, "observedGeneration", -1), 3);
    assert_true(object_time(s, "lastDiscoveryTime") == T(0));
    const cJSON *c = find(s, "DiscoveryError");
    assert_int_equal(object_int(c, "observedGeneration", -1), 3);
    assert_true(object_time(c, "lastTransitionTime") == T(0));
    assert_false(spawner_status_holds(NULL, s, true));
    assert_true(spawner_status_holds(s, s, false));
    cJSON_Delete(s);
}

static void test_counters_and_transitions(void **state)
{
    (void)state;
    cJSON *old = cJSON_Parse("{\"totalTasksCreated\":50,\"completedPolls\":100,\"deploymentName\":\"theirs\",\"conditions\":["
                             "{\"type\":\"DiscoveryError\",\"status\":\"False\",\"lastTransitionTime\":\"2020-01-01T00:00:00Z\"},"
                             "{\"type\":\"Theirs\",\"status\":\"True\",\"lastTransitionTime\":\"2020-01-01T00:00:00Z\"}]}");
    cJSON *s = run(old, false, NULL, T(0), 7);
    assert_int_equal(object_int(s, "totalTasksCreated", -1), 50); /* never back */
    assert_int_equal(object_int(s, "completedPolls", -1), 100);
    assert_string_equal(object_text(find(s, "DiscoveryError"), "lastTransitionTime"), "2020-01-01T00:00:00Z");
    assert_non_null(find(s, "Theirs"));
    assert_null(cJSON_GetObjectItemCaseSensitive(s, "deploymentName")); /* not ours to write */
    cJSON *next = run(s, true, NULL, T(60), 51);
    assert_true(object_time(find(next, "DiscoveryError"), "lastTransitionTime") == T(60));
    assert_null(cJSON_GetObjectItemCaseSensitive(next, "lastDiscoveryTime")); /* left as it is */
    assert_null(cJSON_GetObjectItemCaseSensitive(next, "totalDiscovered"));
    cJSON_Delete(next);
    cJSON_Delete(s);
    cJSON_Delete(old);
}

static void test_what_is_worth_a_write(void **state)
{
    (void)state;
    cJSON *first = run(NULL, false, NULL, T(0), 7), *later = run(first, false, NULL, T(60), 7),
          *more = run(first, false, NULL, T(60), 8);
    assert_false(spawner_status_holds(first, later, false)); /* the time of the last poll */
    assert_true(spawner_status_holds(first, later, true));
    assert_false(spawner_status_holds(first, more, true));
    cJSON_Delete(first);
    cJSON_Delete(later);
    cJSON_Delete(more);
    cJSON *failed = run(NULL, true, NULL, T(0), 7), *again = run(failed, true, NULL, T(60), 7);
    assert_true(spawner_status_holds(failed, again, false)); /* a source that stays away: one write */
    cJSON_Delete(failed);
    cJSON_Delete(again);
}

static void test_problems_of_the_spec(void **state)
{
    (void)state;
    cJSON *good = run(NULL, false, NULL, T(0), 7);
    struct spawner_status_input in = {.problem = "spec.when: required", .total = 7, .active = 1, .generation = 4, .now = T(1)};
    cJSON *s = spawner_status_make(good, &in);
    assert_string_equal(object_text(s, "phase"), "Failed");
    assert_string_equal(object_text(s, "message"), "spec.when: required");
    assert_string_equal(object_text(find(s, "DiscoveryError"), "reason"), "InvalidSpec");
    assert_string_equal(object_text(find(s, "DiscoveryError"), "status"), "True");
    cJSON_Delete(s);
    s = run(good, false, "spec.when: required", T(2), 7); /* the last good version goes on and says so */
    assert_string_equal(object_text(s, "phase"), "Running");
    assert_string_equal(object_text(s, "message"), "spec.when: required; the last good version goes on: said");
    assert_string_equal(object_text(find(s, "DiscoveryError"), "reason"), "InvalidSpec");
    cJSON_Delete(s);
    s = run(good, false, NULL, T(3), 7);
    assert_string_equal(object_text(find(s, "DiscoveryError"), "status"), "False");
    cJSON_Delete(s);
    cJSON_Delete(good);
}

static void test_long_messages(void **state)
{
    (void)state;
    char *text = xmalloc(STATUS_MESSAGE_MAX + 10);
    memset(text, 'x', STATUS_MESSAGE_MAX + 9);
    memcpy(text + STATUS_MESSAGE_MAX - 1, "\xc3\xa4", 2); /* the cut would go through it */
    text[STATUS_MESSAGE_MAX + 9] = '\0';
    struct spawner_status_input in = {.problem = text, .now = T(1)};
    cJSON *s = spawner_status_make(NULL, &in);
    assert_int_equal(strlen(object_text(s, "message")), STATUS_MESSAGE_MAX - 1);
    assert_int_equal(strlen(object_text(find(s, "DiscoveryError"), "message")), STATUS_MESSAGE_MAX - 1);
    cJSON_Delete(s);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_counters_and_transitions),
        cmocka_unit_test(test_what_is_worth_a_write),
        cmocka_unit_test(test_problems_of_the_spec),
        cmocka_unit_test(test_long_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A spawner's status after a cycle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spawner/status.h"

static const char *condition(const struct status *s, const char *type, const char *member)
{
    const cJSON *c;
    cJSON_ArrayForEach(c, s->conditions)
    {
        if (strcmp(cJSON_GetObjectItem(c, "type")->valuestring, type) == 0)
            return cJSON_GetObjectItem(c, member)->valuestring;
    }
    return "absent";
}

static void test_running(void **state)
{
    (void)state;
    struct status_input in = {.discovered = 3, .total_created = 2, .max_total_tasks = 20, .now = 0};
    struct status s;
    status_make(&in, &s);
    assert_string_equal(s.phase, "Running");
    assert_string_equal(s.message, "Discovered 3 items, created 2 tasks total");
    assert_string_equal(condition(&s, "DiscoveryError", "status"), "False");
    assert_string_equal(condition(&s, "MaxTotalTasksReached", "status"), "False");
    assert_string_equal(condition(&s, "SourceReachable", "status"), "True");
    assert_string_equal(condition(&s, "PolicyReady", "status"), "True");
    assert_string_equal(condition(&s, "Suspended", "lastTransitionTime"), "1970-01-01T00:00:00Z");
    status_deinit(&s);
}

static void test_errors_and_limits(void **state)
{
    (void)state;
    struct status_input in = {.discovered = 3,
                              .total_created = 20,
                              .max_total_tasks = 20,
                              .n_errors = 2,
                              .first_error = "DiskFull: error.template: no such field",
                              .policy_problem = "a.lua:3: unexpected symbol"};
    struct status s;
    status_make(&in, &s);
    assert_string_equal(condition(&s, "DiscoveryError", "status"), "True");
    assert_string_equal(condition(&s, "DiscoveryError", "reason"), "TaskCreationFailed");
    assert_non_null(strstr(s.message, "2 error(s): DiskFull"));
    assert_string_equal(condition(&s, "MaxTotalTasksReached", "message"),
                        "Total tasks created (20) has reached maxTotalTasks (20)");
    assert_string_equal(condition(&s, "PolicyReady", "message"), "a.lua:3: unexpected symbol");
    assert_non_null(strstr(s.message, "; a.lua:3: unexpected symbol"));
    status_deinit(&s);
}

/* What waits for a limit, and a collapse of the count, are told; the error's own condition stays free of them. */
static void test_waiting_and_frozen(void **state)
{
    (void)state;
    struct status_input in = {.discovered = 3, .total_created = 1, .n_limited = 1, .next_eligible = MOMENT_NONE};
    struct status s;
    status_make(&in, &s);
    assert_string_equal(s.message, "Discovered 3 items, created 1 tasks total; 1 waits for a limit");
    status_deinit(&s);
    in.n_limited = 2;
    in.next_eligible = 90 * MOMENT_SECOND + 1; /* never shown too early */
    in.frozen = "the number of alerts fell";
    in.n_errors = 1;
    in.first_error = "A: policy.error: no";
    status_make(&in, &s);
    assert_string_equal(s.message, "Discovered 3 items, created 1 tasks total; 1 error(s): A: policy.error: no; 2 wait for a "
                                   "limit, the next may go at 1970-01-01T00:01:31Z; the number of alerts fell");
    assert_string_equal(condition(&s, "DiscoveryError", "message"),
                        "Discovered 3 items, created 1 tasks total; 1 error(s): A: policy.error: no");
    status_deinit(&s);
}

static void test_failed_and_suspended(void **state)
{
    (void)state;
    struct err e = {.kind = ERR_TIMEOUT, .msg = "no answer within 30s"};
    struct status_input in = {.failure = &e, .source_failed = true};
    struct status s;
    status_make(&in, &s);
    assert_string_equal(s.phase, "Failed");
    assert_string_equal(s.message, "no answer within 30s");
    assert_string_equal(condition(&s, "SourceReachable", "status"), "False");
    assert_string_equal(condition(&s, "PolicyReady", "status"), "absent"); /* nothing is known of it */
    status_deinit(&s);
    in.source_failed = false; /* the store, say: nothing is concluded about the source */
    status_make(&in, &s);
    assert_string_equal(condition(&s, "SourceReachable", "status"), "absent");
    assert_string_equal(condition(&s, "DiscoveryError", "reason"), "CycleFailed");
    status_deinit(&s);
    in = (struct status_input){.suspended = true};
    status_make(&in, &s);
    assert_string_equal(s.phase, "Suspended");
    assert_string_equal(condition(&s, "Suspended", "reason"), "UserSuspended");
    status_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running),
        cmocka_unit_test(test_errors_and_limits),
        cmocka_unit_test(test_waiting_and_frozen),
        cmocka_unit_test(test_failed_and_suspended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The bundled default policy, in the real worker: every row of its table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "base/moment.h"
#include "tasks/store.h"

#include <stdlib.h>

static void default_keeps_every_alert(void **state)
{
    (void)state;
    struct rig_setup s = {0};
    char *got = kit_run(&s, kit_plain, NULL, false);
    assert_string_equal(got, "judge: keep priority=1000 by=default\n");
    free(got);
}

static void default_priority(void **state)
{
    (void)state;
    static const struct {
        const char *entries[RIG_TEXTS_MAX];
        const char *want;
    } table[] = {
        {{"team"}, "priority=0 "},
        {{"nothing", "team"}, "priority=1 "},
        {{"severity=warning", "severity=critical"}, "priority=1 "},
        {{"severity=critical=x", "severity="}, "priority=1000 "},
        {{"Team", "tea", "=", ""}, "priority=1000 "},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig_setup s = {0};
        memcpy(s.priority_labels, table[i].entries, sizeof s.priority_labels);
        kit_expect_run(&s, kit_plain, NULL, table[i].want);
    }
}

static void default_body(void **state)
{
    (void)state;
    static const struct {
        const char *alert, *want;
    } table[] = {
        {kit_plain, "body=[summary: errors are up\ndescription: 5 % of requests\n\nalertname: HighErrorRate\n"
                "severity: critical\nteam: payments]"},
        {ALERT("\"b\":\"2\",\"alertname\":\"A\",\"B\":\"1\"",
               "\"z\":\"1\",\"description\":\"d\",\"a\":\"2\""),
         "title=[A] body=[description: d\na: 2\nz: 1\n\nB: 1\nalertname: A\nb: 2]"},
        {ALERT("\"alertname\":\"A\"", ""), "body=[alertname: A]"},
        {ALERT("\"alertname\":\"A\"", "\"summary\":\"\",\"x\":\"\\n\\n\""), "body=[alertname: A]"},
        {ALERT("", "\"summary\":\"s\""), "title=[] body=[summary: s]"},
        {ALERT("", ""), "title=[] body=[] prompt=[]"},
        {ALERT("\"l\":\"1\\n2\"", "\"summary\":\"one\\ntwo\\n\\nthree\\n\\n\""),
         "body=[summary: one\n  two\n  \n  three\n\nl: 1\n  2]"},
        {ALERT("\"l\":\"a\\u0000b\\ud83d\\ude00\"", ""), "body=[l: a\xef\xbf\xbd"
                                                         "b\xf0\x9f\x98\x80]"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig_setup s = {0};
        char *got = kit_run(&s, table[i].alert, NULL, true);
        kit_expect(got, table[i].want);
        free(got);
    }
}

/* 65,536 bytes at most, cut between characters, the marker inside. */
static void default_body_is_capped(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        size_t times, want_len; /* of the body */
        bool cut;
    } table[] = {
        {"x", 65536 - 9, 65536, false}, /* "summary: " is 9 */
        {"x", 65536 - 8, 65536, true},
        {"x", 200000, 65536, true},
        {"\xc3\xa9", 32763, 9 + 2 * 32763, false},
        {"\xc3\xa9", 60000, 65535, true}, /* 65524 - 9 is odd: a byte is left over */
        {"\\n.", 40000, 65536, true},
        {"\\n", 300000, 0, false}, /* nothing but newlines: no line */
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct buf json = {0};
        buf_adds(&json, "{\"annotations\":{\"summary\":\"");
        for (size_t n = 0; n < table[i].times; n++)
            buf_adds(&json, table[i].unit);
        buf_adds(&json, "\"},\"fingerprint\":\"a1b2c3d4e5f60718\",\"labels\":{},"
                        "\"startsAt\":\"2026-11-18T10:00:00Z\",\"status\":{\"state\":\"active\"}}");
        struct rig_setup s = {.prompt = "p"};
        char *got = kit_run(&s, json.data, NULL, true);
        char *body = strstr(got, "body=["), *end = strstr(got, "] prompt=[");
        assert_non_null(body);
        assert_non_null(end);
        assert_int_equal(end - body - 6, table[i].want_len);
        assert_int_equal(strncmp(end - 12, "\n[truncated]", 12) == 0, table[i].cut);
        free(got);
        buf_free(&json);
    }
}

static void default_retrigger(void **state)
{
    (void)state;
    moment_t starts;
    assert_int_equal(moment_parse("2026-11-18T10:00:00.123456Z", 27, &starts), 0);
    const struct {
        struct rig_last last;
        const char *want;
    } table[] = {
        {{.phase = TASK_SUCCEEDED, .completed = starts - 1}, "retrigger: now by=default\n"},
        {{.phase = TASK_FAILED, .completed = starts - 1}, "retrigger: now"},
        {{.phase = TASK_SUCCEEDED, .completed = starts}, "retrigger: never by=default\n"},
        {{.phase = TASK_SUCCEEDED, .completed = starts + 1}, "retrigger: never"},
        {{.phase = TASK_SUCCEEDED, .completed = MOMENT_NONE}, "retrigger: never"},
        {{.phase = TASK_RUNNING, .completed = starts - 1}, "retrigger: never"},
        {{.phase = TASK_NEW, .completed = MOMENT_NONE}, "retrigger: never"},
        {{.phase = 200, .completed = starts - 1}, "retrigger: never"},
        /* dated in the future: it fired once, for the Task that it has */
        {{.phase = TASK_SUCCEEDED, .completed = starts - 1, .starts_at = starts}, "retrigger: never"},
        {{.phase = TASK_SUCCEEDED, .completed = starts - 1, .starts_at = starts - 1}, "retrigger: now"},
        {{.phase = TASK_RUNNING, .gone = true, .completed = MOMENT_NONE}, "retrigger: now"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig_setup s = {0};
        kit_expect_run(&s, kit_plain, &table[i].last, table[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_keeps_every_alert),
        cmocka_unit_test(default_priority),
        cmocka_unit_test(default_body),
        cmocka_unit_test(default_body_is_capped),
        cmocka_unit_test(default_retrigger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

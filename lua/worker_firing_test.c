/* ctx.firing in the real worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const poll_alerts[] = {
    ALERT("\"alertname\":\"HighErrorRate\",\"severity\":\"critical\",\"team\":\"payments\"", ""),
    ALERT("\"alertname\":\"NodeDown\",\"node\":\"n1\"", ""),
    ALERT("\"alertname\":\"NodeDown\",\"node\":\"n2\"", ""),
    ALERT("\"alertname\":\"Quote\",\"node\":\"a\\\"b\\\\c\\nd\\u00e9\"", ""),
    ALERT("\"node\":\"n1\"", ""),
};

static char *run_firing(const char *source, size_t n_alerts)
{
    struct rig_setup s = {.policies = {{"a.lua", source, 0}}};
    struct rig r = {0};
    struct buf text = {0};
    const char *const one[] = {kit_plain};
    rig_start(&r);
    rig_ready(&r, &s, &text);
    if (n_alerts)
        rig_survey(&r, poll_alerts, n_alerts, &text);
    rig_judge(&r, one, 1, &text);
    rig_stop(&r);
    return buf_take(&text);
}

static void alerts_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *argument, *want;
    } table[] = {
        {"'alertname=NodeDown'", "[is 2]"},
        {"'{alertname=\"NodeDown\"}'", "[is 2]"},
        {"'alertname=NodeDown,node=n1'", "[is 1]"},
        {"'alertname=NodeDown,node=~\"n.*\"'", "[is 2]"},
        {"'alertname=NodeDown,node!~\"n1|n3\"'", "[is 1]"},
        {"'alertname!=NodeDown'", "[is 3]"},
        {"'alertname=\"\"'", "[is 1]"},
        {"'alertname!=\"\"'", "[is 4]"},
        {"'node=n1'", "[is 2]"},
        {"'node=\"\"'", "[is 1]"},
        {"'node=~\"\"'", "[is 1]"},
        {"'nothing=\"\"'", "[is 5]"},
        {"'nothing=~\".*\"'", "[is 5]"},
        {"'nothing!=\"\"'", "[is 0]"},
        {"'alertname=Nobody'", "[is 0]"},
        {"'alertname=NodeDown,alertname=HighErrorRate'", "[is 0]"},
        {"{alertname = 'NodeDown'}", "[is 2]"},
        {"{alertname = 'NodeDown', node = 'n2'}", "[is 1]"},
        {"{node = 'a\"b\\\\c\\nd\\u{e9}'}", "[is 1]"},
        {"{node = ''}", "[is 1]"},
        {"{team = alert.labels.team}", "[is 1]"},
        {"'x'", "a.lua:2: filter: ctx.firing: =, !=, =~ or !~ is expected at character 2]"},
        {"''", "ctx.firing: it holds no matcher"},
        {"{}", "ctx.firing: it holds no matcher"},
        {"'x=~\"((a{100}){100}){100}\"'", "ctx.firing: the expression of x is no regular expression (RE2)"},
        {"('x=y,'):rep(2000)", "ctx.firing: 8000 bytes are more than the 4096"},
        {"", "ctx.firing: one text of matchers or one table of labels is expected, got no value"},
        {"5", "is expected, got number"},
        {"nil", "is expected, got nil"},
        {"'a=b', 'c=d'", "is expected, got more"},
        {"{alertname = 5}", "ctx.firing: the value of 'alertname' must be a string, got number"},
        {"{5}", "ctx.firing: a label's name must be a string, got number"},
        {"{alertname = {}}", "must be a string, got table"},
        {"{['a\\0'] = 'x'}", "ctx.firing: a label's name holds a NUL"},
        {"{a = ('x'):rep(5000)}", "ctx.firing: at most 64 labels of together 4096 bytes"},
        {"alert", "is expected, got userdata"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf("return { api = 1, match = 'alertname!=\"\"', filter = function(alert, ctx)\n"
                                 "local n = ctx.firing(%s) return false, 'is ' .. n .. (n == ctx.firing(%s) and '' or '?') end }",
                                 table[i].argument, table[i].argument);
        char *got = run_firing(source, 5);
        kit_expect(got, "survey: wanted\n");
        if (!strstr(got, table[i].want))
            fail_msg("\n  of:       %s\n  expected: %s\n  in:       %s", table[i].argument, table[i].want, got);
        free(got);
        free(source);
    }
}

#define POLICY_OF(filter) "return { api = 1, match = 'alertname!=\"\"', filter = function(alert, ctx) " filter " end }"

static void who_counts_says_so(void **state)
{
    (void)state;
    char *got = run_firing(POLICY_OF("return true"), 0);
    assert_null(strstr(got, "survey"));
    free(got);
    got = run_firing(POLICY_OF("return false, 'x' .. ctx['fir' .. 'ing']('a=b')"), 0);
    assert_null(strstr(got, "survey"));
    kit_expect(got, "[a.lua:1: filter: ctx.firing: the word `firing` must stand in the policy's source, so that it is known before");
    free(got);
    got = run_firing(POLICY_OF("local misfiring, firings, firing_x = 1 return true"), 0); /* no such word */
    assert_null(strstr(got, "survey"));
    free(got);
    got = run_firing(POLICY_OF("return false, 'is ' .. ctx.firing('a=b')"), 0); /* nothing is firing */
    kit_expect(got, "survey: wanted\njudge: drop policy.filter [is 0]");
    free(got);
    got = run_firing(POLICY_OF("return false, 'is ' .. ctx:firing('a=b')"), 0);
    kit_expect(got, "ctx.firing is called with a dot");
    free(got);
    /* in a library, but only when it is included */
    struct rig_setup s = {.policies = {{"a.lua", "local l = include 'lib_a' " POLICY_OF("return false, 'is ' .. l(ctx)"), 0}},
                          .libraries = {{"lib_a.lua", "return function(ctx) return ctx.firing('a=b') end"}}};
    kit_expect_run(&s, kit_plain, NULL, "survey: wanted\njudge: drop policy.filter [is 0]");
    s.policies[0].source = POLICY_OF("return true");
    got = kit_run(&s, kit_plain, NULL, false);
    assert_null(strstr(got, "survey"));
    free(got);
}

/* It is work, and charged as such. */
static void counting_is_charged(void **state)
{
    (void)state;
    struct rig_setup s = {.hook_instructions = 20000,
                          .policies = {{"a.lua",
                                        POLICY_OF("local n = 0 while true do n = n + 1 ctx.firing('node=~\"n' .. n .. '.*\"') end"), 0}}};
    struct rig r = {0};
    struct buf text = {0};
    const char *const one[] = {kit_plain};
    rig_start(&r);
    rig_ready(&r, &s, &text);
    rig_survey(&r, poll_alerts, 5, &text);
    rig_judge(&r, one, 1, &text);
    kit_expect(text.data, "survey: wanted\njudge: error policy.timeout [a.lua:1: filter: used more than 20000 instructions]");
    rig_stop(&r);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_are_counted),
        cmocka_unit_test(who_counts_says_so),
        cmocka_unit_test(counting_is_charged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

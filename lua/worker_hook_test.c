/* Hooks in the real worker: what they may return, what becomes of their errors, extend and super. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "base/mem.h"
#include "tasks/store.h"

#include <stdlib.h>

static void policies_override_and_extend(void **state)
{
    (void)state;
    static const struct {
        const char *source, *want;
    } table[] = {
        {POLICY(""),
         "policy: 10-payments 10-payments.lua alertname!=\"\"\njudge: keep priority=1000 by=10-payments\n"},
        {POLICY("name = 'payments'"), "by=payments"},
        {POLICY("filter = function() return false end"),
         "judge: drop policy.filter [] by=10-payments at=10-payments.lua:1\n"},
        {POLICY("filter = function() return false, 'too cold' end"), "judge: drop policy.filter [too cold]"},
        {POLICY("filter = function() return false, 'too', 'cold' end"),
         "judge: drop policy.filter [too: cold]"},
        {POLICY("reasons = { noise = 'below threshold' }, filter = function() return false, 'noise' end"),
         "judge: drop policy.noise [below threshold]"},
        {POLICY("reasons = { noise = 'below threshold' }, filter = function() return false, 'noise', '3 < 5' "
                "end"),
         "judge: drop policy.noise [3 < 5]"},
        {POLICY("filter = function(a, c, super) local v, r = super() return v, r end"), "judge: keep"},
        {POLICY("filter = function() end"), "judge: keep"},
        {POLICY("filter = function() return nil, 'not asked' end"), "judge: keep"},
        {POLICY("filter = function(alert) return alert.labels.team ~= 'payments', 'theirs' end"), "[theirs]"},
        {POLICY("key = function(alert) return alert.labels.team end"), "key=payments"},
        {POLICY("key = function(alert) return alert.fingerprint end"), "priority=1000 by=10-payments\n"},
        {POLICY("priority = function() return 3 end"), "priority=3 by"},
        {POLICY("priority = function() return 3.0 end"), "priority=3 by"},
        {POLICY("priority = function() return 0 end"), "priority=0 by"},
        {POLICY("priority = function() return 1000 end"), "priority=1000 by"},
        {POLICY("priority = function(a, c, super) return super() // 2 end"), "priority=500 by"},
        {POLICY("title = function(a, c, super) return 'Fix ' .. super() end"), "title=[Fix HighErrorRate]"},
        {POLICY("title = function(a, c, super) return super() end"), "title=[HighErrorRate]"},
        {POLICY("title = function() return 'a\\nb\\27[1mc\\0d\\xff' end"), "title=[a b [1mc\xef\xbf\xbd"
                                                                           "d\xef\xbf\xbd]"},
        {POLICY("body = function() return 'a\\0b\\xff\\xed\\xa0\\x80' end"),
         "body=[a\xef\xbf\xbd"
         "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd]"},
        {POLICY("body = function(a, c, super) return '{{.ID}} ' .. #super() end"), "body=[{{.ID}} "},
        {POLICY("retrigger = function() return false, 'a human is needed' end"),
         "retrigger: never policy.retrigger [a human is needed]"},
        {POLICY("retrigger = function() return false end"), "retrigger: never policy.retrigger [] by"},
        {POLICY("retrigger = function(a, c, super) return super() end"), "retrigger: now by=10-payments\n"},
        {POLICY("retrigger = function() end"), "retrigger: now by=10-payments\n"},
        {POLICY("retrigger = function(a, ctx) return ctx.now + 60 end"),
         "retrigger: at 1795000060 policy.retrigger"},
        {POLICY("retrigger = function(a, ctx) return ctx.now end"), "retrigger: now"},

        {POLICY("retrigger = function(a, ctx) return 5 end"), "retrigger: now"},
        {POLICY("retrigger = function(a, ctx) return math.mininteger end"), "retrigger: now"},
        {POLICY("retrigger = function(a, ctx) return ctx.now + 30 * 86400 end"), "retrigger: at 1797592000"},
        {POLICY("retrigger = function(a, ctx) local l = ctx.last return false, l.task .. l.phase .. "
                "l.attempts .. "
                "tostring(l.gone) .. l.completed_at .. l.created_at end"),
         "[tSucceeded3false1e-061e-06]"},
        {POLICY(
             "filter = function(a, ctx) local l = ctx.last return false, l.task .. l.phase .. l.attempts .. "
             "tostring(l.gone) .. l.completed_at end"),
         "[0false0.0]"},
        {POLICY("filter = function(a, ctx) return false, ctx.policy.name .. ' ' .. ctx.spawner.namespace .. "
                "'/' .. "
                "ctx.spawner.name .. ' ' .. ctx.now .. ' ' .. ctx.poll_interval end"),
         "[10-payments monitoring/oom-remediator 1795000000 120.0]"},
        {"return { api = 1, match = 'team=payments', filter = function(a, c, super) return not super(), "
         "'plain' end }",
         "judge: drop policy.filter [plain]"},
        {"local mid = policy.extend(policy.base, { reasons = { a = 'A' }, filter = function() return false, "
         "'a' end, "
         "priority = function() return 10 end })\n"
         "return policy.extend(mid, { api = 1, match = 'team=payments', filter = function(a, c, s) return "
         "s() end })",
         "judge: drop policy.a [A]"},
        {"local mid = policy.extend(policy.base, { priority = function() return 10 end, match = 'team=x' })\n"
         "return policy.extend(mid, { api = 1, match = 'team=payments', priority = function(a, c, s) return "
         "s() + 1 end})",
         "priority=11"},
        {"local p = { priority = function(a, c, super) return super() - 1 end }\n"
         "return policy.extend(p, { api = 1, match = 'team=payments', priority = function(a, c, s) return "
         "s() - 1 end})",
         "priority=998"},
        {"local p = policy.extend(policy.base, { api = 1, match = 'team=payments' })\n"
         "p.priority = function(a, c, super) return super() - 1 end return p",
         "priority=999"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        kit_expect_policy(table[i].source, kit_plain, table[i].want);
}

static void bad_returns_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *hook, *value, *want;
    } table[] = {
        {"filter", "0",
         "judge: error policy.bad_return [a.lua:2: filter: returned the number 0; true or false is "
         "expected]"},
        {"filter", "''", "policy.bad_return"},
        {"filter", "'false'", "policy.bad_return"},
        {"filter", "{}", "returned a table;"},
        {"filter", "print", "returned a function;"},
        {"filter", "alert", "returned a userdata;"},
        {"filter", "false, 5", "returned the number 5 as its reason"},
        {"filter", "false, 'x', {}", "returned a table as its detail"},
        {"filter", "true, setmetatable({}, {__tostring = error})", "as its reason"},
        {"key", "''", "judge: error policy.bad_return [a.lua:2: key: returned a string of 0 bytes"},
        {"key", "('x'):rep(201)", "returned a string of 201 bytes"},
        {"key", "5", "judge: error policy.bad_return"},
        {"key", "'a\\0b'", "judge: error policy.bad_return"},
        {"key", "'\\xff'", "judge: error policy.bad_return"},
        {"key", "true", "judge: error policy.bad_return"},
        {"priority", "0/0", "judge: keep priority=1000 fallback=a.lua:2: priority: returned the number "},
        {"priority", "1/0", "priority=1000 fallback="},
        {"priority", "1e308", "priority=1000 fallback="},
        {"priority", "2^53+1", "priority=1000 fallback="},
        {"priority", "'10'", "priority=1000 fallback="},
        {"priority", "3.5", "priority=1000 fallback="},
        {"priority", "-1", "priority=1000 fallback="},
        {"priority", "1001", "priority=1000 fallback="},
        {"priority", "math.mininteger", "priority=1000 fallback="},
        {"priority", "false", "priority=1000 fallback="},
        {"title", "5", "compose: ok title=[HighErrorRate] body=[summary: errors are up"},
        {"title", "{}", "fallback=a.lua:2: title: returned a table; a string is expected"},
        {"body", "5", "fallback=a.lua:2: body: returned the number 5"},
        {"body", "setmetatable({}, {__index = error, __len = error, __tostring = error})",
         "body: returned a table"},
        {"retrigger", "'now'",
         "retrigger: error policy.bad_return [a.lua:2: retrigger: returned a string of 3 bytes"},
        {"retrigger", "1.5", "retrigger: error policy.bad_return"},
        {"retrigger", "0/0", "retrigger: error policy.bad_return"},
        {"retrigger", "2^63", "retrigger: error policy.bad_return"},
        {"retrigger", "math.maxinteger", "retrigger: error policy.bad_return"},
        {"retrigger", "253402300800", "retrigger: error policy.bad_return"},
        {"retrigger", "ctx.now + 30 * 86400 + 1", "more than 30 days ahead"},
        {"retrigger", "{}", "retrigger: error policy.bad_return"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source =
            xasprintf("return { api = 1, match = 'team=payments',\n%s = function(alert, ctx) return %s end }",
                      table[i].hook, table[i].value);
        struct rig_setup s = {.policies = {{"a.lua", source, 0}}};
        char *got = kit_run(&s, kit_plain, &kit_finished, true);
        kit_expect(got, table[i].want);
        free(got);
        free(source);
    }
}

static void errors_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *statement, *want;
    } table[] = {
        {"return 'x' .. alert.annotations.runbook", "policy.error [a.lua:2: filter: attempt to concatenate a "
                                                    "nil value (field 'runbook')] by=a at=a.lua:2"},
        {"error('no\\nway\\27[2J')", "[a.lua:2: filter: no way [2J]"},
        {"error('x', 0)", "[a.lua:2: filter: x]"},
        {"error()", "[a.lua:2: filter: error object is no string but a nil value]"},
        {"error({})", "error object is no string but a table value"},
        {"error(false)", "no string but a boolean value"},
        {"error(print)", "no string but a function value"},
        {"error(setmetatable({}, {__tostring = function() error('again') end, __name = 1}))",
         "but a table value"},
        {"error(('x'):rep(1000000))", "[a.lua:2: filter: xxxxxxx"},
        {"error('\\0\\xff\\r')", "[a.lua:2: filter: \xef\xbf\xbd\xef\xbf\xbd ]"},
        {"local x = alert.severity", "alert has no field 'severity'; did you mean alert.labels.severity?"},
        {"local x = alert.summary", "did you mean alert.annotations.summary?"},
        {"alert.x = 1", "[a.lua:2: filter: alert is read-only; return a value instead]"},
        {"alert.labels.x = 1", "alert.labels is read-only; return a value instead"},
        {"local x = #alert.labels", "alert.labels has names, no numbers"},
        {"local x = ('x'):rep(9000):match('y')",
         "[a.lua:2: filter: string.match: patterns work on at most 8192 bytes"},
        {"return super(alert)", "super() takes no arguments"},
        {"return alert:matches('x')", "alert:matches: =, !=, =~ or !~ is expected at character 2"},
        {"return alert.labels.x.y", "attempt to index a nil value (field 'x')"},
        {"string.rep()", "bad argument #1 to 'rep'"},
        {"setmetatable({}, {__gc = print})", "__gc is not allowed"},
        {"undefined()", "attempt to call a nil value (global 'undefined')"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf(
            "return { api = 1, match = 'team=payments', filter = function(alert, ctx, super)\n%s end }",
            table[i].statement);
        struct rig_setup s = {.policies = {{"a.lua", source, 0}}};
        char *got = kit_run(&s, kit_plain, NULL, false);
        kit_expect(got, "judge: error policy.error");
        kit_expect(got, table[i].want);
        assert_null(memchr(got, 27, strlen(got)));
        free(got);
        free(source);
    }
}

static void resolved_alerts_are_asked_about(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *fields, *want;
    } table[] = {
        {"a", "", "resolve: keep\n"},
        {"default", "", "resolve: keep\n"},
        {"gone", "", "resolve: keep\n"},
        {"", "", "resolve: keep\n"},
        {"a", "on_resolve = function() return 'keep' end", "resolve: keep at=a.lua:2\n"},
        {"a", "on_resolve = function() return 'cancel_pending' end", "resolve: cancel_pending at=a.lua:2\n"},
        {"a", "on_resolve = function() return 'cancel_pending', 'over' end", "resolve: cancel_pending  [over] at=a.lua:2\n"},
        {"a", "reasons = { over = 'it is over' }, on_resolve = function() return 'cancel_pending', 'over' end",
         "resolve: cancel_pending policy.over [it is over] at=a.lua:2\n"},
        {"a", "on_resolve = function() end", "resolve: keep\n"},
        {"a", "on_resolve = function(a, c, super) return super() end", "resolve: keep\n"},
        {"a", "on_resolve = function(a) return 'cancel_pending', a.name .. a.fingerprint .. #a.receivers end",
         "[HighErrorRatea1b2c3d4e5f607182]"},
        {"a", "on_resolve = function(a, c) return 'keep', c.last.task .. c.seen.polls .. #c.group end", "[t10]"},
        {"a", "on_resolve = function() return 'cancel' end",
         "resolve: error policy.bad_return [a.lua:2: on_resolve: returned a string of 6 bytes; \"keep\" or \"cancel_pending\" is "
         "expected] at=a.lua:2\n"},
        {"a", "on_resolve = function() return true end", "resolve: error policy.bad_return [a.lua:2: on_resolve: returned true;"},
        {"a", "on_resolve = function() return 'keep\\0' end", "policy.bad_return"},
        {"a", "on_resolve = function(a) return a.labels.x .. 'y' end", "resolve: error policy.error [a.lua:2: on_resolve: attempt to"},
        {"a", "on_resolve = function() while true do end end", "resolve: error policy.timeout"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf("return { api = 1, match = 'alertname!=\"\"',\n%s }", table[i].fields);
        struct rig_setup s = {.policies = {{"a.lua", source, 0}}};
        struct rig r = {0};
        struct buf text = {0};
        rig_start(&r);
        rig_ready(&r, &s, &text);
        rig_resolve(&r, table[i].policy, kit_plain, &kit_finished, &text);
        rig_stop(&r);
        kit_expect(text.data, table[i].want);
        buf_free(&text);
        free(source);
    }
    struct rig_setup q = {.quarantined = {1}, .policies = {{"a.lua", KEEPS("a", "team=x"), 0}}};
    struct rig r = {0};
    struct buf text = {0};
    rig_start(&r);
    rig_ready(&r, &q, &text);
    rig_resolve(&r, "a", kit_plain, &kit_finished, &text);
    rig_stop(&r);
    kit_expect(text.data, "resolve: error policy.quarantined ['a' has killed");
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_override_and_extend),
        cmocka_unit_test(bad_returns_are_errors),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(resolved_alerts_are_asked_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The worker as the engine meets it: the real executable, through its pipes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_rig.h"

#include "alerts/identity.h"
#include "base/mem.h"
#include "base/moment.h"
#include "tasks/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALERT(labels, annotations)                                                                           \
    "{\"annotations\":{" annotations                                                                         \
    "},\"endsAt\":\"2026-11-18T10:05:00.000Z\",\"fingerprint\":\"a1b2c3d4e5f60718\","                        \
    "\"receivers\":[{\"name\":\"oncall\"},{\"name\":\"web\"}],\"startsAt\":\"2026-11-18T10:00:00.123456Z\"," \
    "\"status\":{\"inhibitedBy\":[],\"silencedBy\":[],\"state\":\"active\"},"                                \
    "\"updatedAt\":\"2026-11-18T10:01:00.000Z\",\"generatorURL\":\"http://p/g?x=1\",\"labels\":{" labels     \
    "}}"

static const char plain[] =
    ALERT("\"alertname\":\"HighErrorRate\",\"severity\":\"critical\",\"team\":\"payments\"",
          "\"summary\":\"errors are up\",\"description\":\"5 % of requests\"");

/* One policy file, one alert: everything the worker says. */
static char *run_policy(const struct rig_setup *setup, const char *alert, const struct rig_last *last,
                        bool compose)
{
    struct rig r = {0};
    struct buf text = {0};
    rig_start(&r);
    rig_ready(&r, setup, &text);
    rig_judge(&r, &alert, 1, &text);
    if (last)
        rig_retrigger(&r, alert, last, &text);
    if (compose)
        rig_compose(&r, alert, NULL, &text);
    rig_stop(&r);
    return buf_take(&text);
}

static void expect(const char *got, const char *want)
{
    if (!strstr(got, want))
        fail_msg("\n  expected: %s\n  in:       %s", want, got);
}

static void expect_run(const struct rig_setup *setup, const char *alert, const struct rig_last *last,
                       const char *want)
{
    char *got = run_policy(setup, alert, last, strstr(want, "compose:") != NULL);
    expect(got, want);
    free(got);
}

/* The default policy: every row of its table. */

static void default_keeps_every_alert(void **state)
{
    (void)state;
    struct rig_setup s = {0};
    char *got = run_policy(&s, plain, NULL, false);
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
        expect_run(&s, plain, NULL, table[i].want);
    }
}

static void default_body(void **state)
{
    (void)state;
    static const struct {
        const char *alert, *want;
    } table[] = {
        {plain, "body=[summary: errors are up\ndescription: 5 % of requests\n\nalertname: HighErrorRate\n"
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
        char *got = run_policy(&s, table[i].alert, NULL, true);
        expect(got, table[i].want);
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
        char *got = run_policy(&s, json.data, NULL, true);
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
        expect_run(&s, plain, &table[i].last, table[i].want);
    }
}

/* Policies */

static const struct rig_last finished = {
    .task = "t", .phase = TASK_SUCCEEDED, .completed = 1, .created = 1, .starts_at = 1, .attempts = 3};

#define POLICY(fields) "return policy.extend(policy.base, { api = 1, match = 'alertname!=\"\"'," fields "})"

static void one_policy(const char *source, const char *alert, const char *want)
{
    struct rig_setup s = {.policies = {{"10-payments.lua", source, 0}}};
    char *got = run_policy(&s, alert, &finished, true);
    expect(got, want);
    free(got);
}

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
        one_policy(table[i].source, plain, table[i].want);
}

static void alerts_are_readable(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *want;
    } table[] = {
        {"alert.name", "[HighErrorRate]"},
        {"alert.labels.team", "[payments]"},
        {"alert.labels.nothing", "[nil]"},
        {"alert.labels['te\\0am']", "[nil]"},
        {"alert.labels[1]", "[nil]"},
        {"alert.annotations.summary", "[errors are up]"},
        {"alert:label('team')", "[payments]"},
        {"alert:label('nothing', 'x')", "[x]"},
        {"alert:annotation('nothing', 'x')", "[x]"},
        {"alert:annotation('nothing')", "[nil]"},
        {"alert:annotation('summary', 'x')", "[errors are up]"},
        {"alert.fingerprint", "[a1b2c3d4e5f60718]"},
        {"alert.state", "[active]"},
        {"alert.starts_at", "[1794996000.1235]"},
        {"math.type(alert.starts_at)", "[float]"},
        {"alert.ends_at - alert.starts_at > 299", "[true]"},
        {"alert.updated_at", "[1794996060.0]"},
        {"alert.url", "[http://p/g?x=1]"},
        {"#alert.receivers", "[2]"},
        {"alert.receivers[2]", "[web]"},
        {"alert.receivers[3]", "[nil]"},
        {"alert.receivers[0]", "[nil]"},
        {"alert.receivers[1.5]", "[nil]"},
        {"table.concat(alert.receivers, '+')", "[oncall+web]"},
        {"#alert.silenced_by + #alert.inhibited_by", "[0]"},
        {"(function() local t = {} for k, v in pairs(alert.labels) do t[#t + 1] = k .. '=' .. v end "
         "return table.concat(t, ' ') end)()",
         "[alertname=HighErrorRate severity=critical team=payments]"},
        {"(function() local t = {} for i, v in ipairs(alert.receivers) do t[i] = v end return #t end)()",
         "[2]"},
        {"(function() local t = {} for i, v in pairs(alert.receivers) do t[i] = v end return #t end)()",
         "[2]"},
        {"alert:matches('team=\"payments\",severity=~\"crit.*\"')", "[true]"},
        {"alert:matches('team!=\"payments\"')", "[false]"},
        {"alert:matches('nothing=\"\"')", "[true]"},
        {"tostring(alert)", "[alert a1b2c3d4e5f60718]"},
        {"tostring(alert.labels)", "[alert.labels]"},
        {"string.format('%s %5.1f %q %d', alert.labels, 1.25, 'x', 3)", "[alert.labels   1.2 \"x\" 3]"},
        {"alert.labels == alert.labels", "[true]"},
        {"ctx.last.gone", "[false]"},
        {"text.trim('  a b\\n')", "[a b]"},
        {"text.trim_end('a\\n\\n', '\\n')", "[a]"},
        {"table.concat(text.split('a,b,,c', ','), '|')", "[a|b||c]"},
        {"#text.split('', ',')", "[1]"},
        {"table.concat(text.lines('a\\nb\\n'), '|')", "[a|b]"},
        {"text.truncate('h\\u{e9}llo', 2)", "[h]"},
        {"text.truncate('hello world', 8, '...')", "[hello...]"},
        {"table.concat(text.sorted({'b', 'a', 'C'}), '')", "[Cab]"},
        {"('x'):rep(3, '-')", "[x-x-x]"},
        {"(('a.b'):find('.', 1, true))", "[2]"},
        {"(('a.b'):find('b'))", "[3]"},
        {"(('abc'):find('', 10))", "[nil]"},
        {"(('abc'):find('c', -1))", "[3]"},
        {"('k=v'):match('(%w+)=')", "[k]"},
        {"('abc'):gsub('%w', '%0.')", "[a.b.c.]"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf("return { api = 1, match = 'team=payments', filter = function(alert, ctx) "
                                 "local value = %s return false, tostring(value) end }",
                                 table[i].expression);
        one_policy(source, plain, table[i].want);
        free(source);
    }
}

static void config_is_readable(void **state)
{
    (void)state;
    struct buf config = {0};
    wire_u8(&config, 'm');
    wire_u32(&config, 5);
    wire_str(&config, "teams");
    wire_u8(&config, 'l');
    wire_u32(&config, 2);
    wire_u8(&config, 's');
    wire_str(&config, "web");
    wire_u8(&config, 's');
    wire_str(&config, "db");
    wire_str(&config, "max");
    wire_u8(&config, 'i');
    wire_i64(&config, 7);
    wire_str(&config, "share");
    wire_u8(&config, 'd');
    double half = 0.5;
    uint64_t bits;
    memcpy(&bits, &half, 8);
    wire_u64(&config, bits);
    wire_str(&config, "on");
    wire_u8(&config, 't');
    wire_str(&config, "nothing");
    wire_u8(&config, 'z');
    static const struct {
        const char *expression, *want;
    } table[] = {
        {"ctx.config.teams[2] .. #ctx.config.teams .. ctx.config.max + 1 .. ctx.config.share", "[db280.5]"},
        {"tostring(ctx.config.on) .. tostring(ctx.config.nothing)", "[truenil]"},
        {"(function() local t = {} for k in pairs(ctx.config) do t[#t + 1] = k end return table.concat(t, ' "
         "') end)()",
         "[max on share teams]"},
        {"table.concat(ctx.config.teams, '+')", "[web+db]"},
        {"(function() ctx.config.max = 8 end)()", "ctx.config is read-only"},
        {"(function() ctx.config.teams[1] = 8 end)()", "ctx.config.teams is read-only"},
        {"(function() ctx.now = 8 end)()", "ctx is read-only"},
        {"tostring(getmetatable(ctx))", "[false]"},
        {"tostring(next(ctx))", "[nil]"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf("return { api = 1, match = 'team=payments', filter = function(alert, ctx) "
                                 "return false, %s end }",
                                 table[i].expression);
        struct rig_setup s = {.config = &config, .policies = {{"a.lua", source, 0}}};
        char *got = run_policy(&s, plain, NULL, false);
        expect(got, table[i].want);
        free(got);
        free(source);
    }
    buf_free(&config);
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
        char *got = run_policy(&s, plain, &finished, true);
        expect(got, table[i].want);
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
        char *got = run_policy(&s, plain, NULL, false);
        expect(got, "judge: error policy.error");
        expect(got, table[i].want);
        assert_null(memchr(got, 27, strlen(got)));
        free(got);
        free(source);
    }
}

static void load_problems(void **state)
{
    (void)state;
    static const struct {
        const char *source, *want;
    } table[] = {
        {"return {", "load: a.lua:1: unexpected symbol near <eof>"},
        {"return",
         "load: a.lua: must return one table, such as policy.extend(policy.base, { api = 1 }), got nil"},
        {"return 5", "got number"},
        {"return {}", "load: a.lua: api is missing; add api = 1"},
        {"return { api = 2 }", "api = 2 is not known here"},
        {"return { api = '1' }", "api = 1 is not known here"},
        {"return { api = 1, fliter = print }", "load: a.lua: unknown field 'fliter'; did you mean 'filter'?"},
        {"return { api = 1, on_resolve = print }", "unknown field 'on_resolve'\n"},
        {"return { api = 1, 5 }", "unknown field '[1]'"},
        {"return { api = 1, filter = true }", "filter must be a function, got boolean"},
        {"return { api = 1, filter = setmetatable({}, {__call = print}) }",
         "filter must be a function, got table"},
        {"return { api = 1, name = 5 }", "name must be a string, got number"},
        {"return { api = 1, name = 'default' }", "the name 'default' belongs to the bundled policy"},
        {"return { api = 1, name = 'a b' }", "the name 'a b' must be letters"},
        {"return { api = 1, name = '' }", "the name '' must be letters"},
        {"return { api = 1, match = '' }", "match is empty"},
        {"return { api = 1, match = 'x' }", "load: a.lua: match: =, !=, =~ or !~ is expected"},
        {"return { api = 1, match = 'x=~\"(\"' }", "is no regular expression (RE2): missing )"},
        {"return { api = 1, match = print }", "match must be a string"},
        {"return { api = 1, reasons = 5 }", "reasons must be a table"},
        {"return { api = 1, reasons = { error = 'x' } }", "the code 'error' belongs to alertspawner"},
        {"return { api = 1, reasons = { filter = 'x' } }", "belongs to alertspawner"},
        {"return { api = 1, reasons = { ['A b'] = 'x' } }", "the code 'A b' must be lower-case"},
        {"return { api = 1, reasons = { x = 5 } }", "the text of 'x' must be a string, got number"},
        {"return { api = 1, reasons = { 'x' } }", "the code '1' must be"},
        {"local p = policy.extend(policy.base) return p",
         "load: a.lua:1: policy.extend: the second argument"},
        {"return policy.extend(nil, {})", "load: a.lua: policy.extend: the first argument"},
        {"local p = policy.base for i = 1, 5 do p = policy.extend(p, {}) end return p", "at most 4 layers"},
        {"return policy.extend(policy.base, { filter = 5, api = 1 })",
         "filter must be a function, got number"},
        {"local t = {} for i = 1, 65 do t['a' .. i] = 'x' end return { api = 1, reasons = t }",
         "at most 64 codes"},
        {"while true do end", "load: a.lua:1: used more than 2000000 instructions"},
        {"local t = {} while true do t = {t, {}, {}, {}} end", "load: a.lua: used more than 16384 KiB"},
        {"\x1bLua", "load: a.lua: attempt to load a binary chunk"},
        {"#!x\nreturn 5", "load: a.lua:1: "},
        {"\xff", "load: a.lua: is not valid UTF-8"},
        {"os.exit(0)", "load: a.lua:1: attempt to index a nil value (global 'os')"},
        {"error('\\27[31m')", "load: a.lua:1:  [31m"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig_setup s = {.policies = {{"a.lua", table[i].source, 0}}};
        char *got = run_policy(&s, plain, NULL, false);
        expect(got, table[i].want);
        /* whose alert it is nobody knows: it must not get past a filter that a typo has taken away */
        expect(got, "judge: error policy.load [a.lua");
        free(got);
    }
    char *large = xmalloc(65538);
    memset(large, ' ', 65537);
    large[65537] = 0;
    struct rig_setup s = {.policies = {{"a.lua", large, 0}}};
    expect_run(&s, plain, NULL, "load: a.lua: is larger than 64 KiB");
    free(large);
}

#define KEEPS(name, match) "return { api = 1, name = '" name "', match = '" match "' }"

static void choice_of_policy(void **state)
{
    (void)state;
    static const struct {
        struct rig_setup setup;
        const char *want;
    } table[] = {
        {{.policies = {{"a.lua", KEEPS("one", "team=web"), 0}, {"b.lua", KEEPS("two", "team=payments"), 0}}},
         "by=two"},
        {{.policies = {{"a.lua", KEEPS("one", "team=payments"), 0},
                       {"b.lua", KEEPS("two", "team=payments"), 0}}},
         "by=one"},
        {{.policies = {{"a.lua", KEEPS("one", "team=web"), 0}}}, "by=default"},
        {{.policies = {{"a.lua", "return { api = 1 }", 0}}},
         "policy: a a.lua \njudge: keep priority=1000 by=default"},
        {{.named = "a", .policies = {{"a.lua", "return { api = 1 }", 0}}}, "by=a\n"},
        {{.named = "two",
          .policies = {{"a.lua", KEEPS("one", "team=payments"), 0}, {"b.lua", KEEPS("two", "team=web"), 0}}},
         "by=two"},
        {{.named = "default", .policies = {{"a.lua", KEEPS("one", "team=payments"), 0}}}, "by=default"},
        {{.named = "three", .policies = {{"a.lua", KEEPS("one", "team=payments"), 0}}},
         "named: missing\njudge: error policy.missing [no policy is named 'three']"},
        {{.named = "a", .policies = {{"a.lua", "return {", 0}}},
         "judge: error policy.missing [the policy 'a' cannot be used: a.lua:1: "},
        {{.named = "b", .policies = {{"a.lua", "return {", 0}, {"b.lua", KEEPS("b", "team=web"), 0}}},
         "by=b"},
        {{.policies = {{"a.lua", KEEPS("one", "team=payments"), 0}, {"b.lua", "return {", 0}}},
         "judge: keep priority=1000 by=one"},
        {{.policies = {{"a.lua", "return {", 0}, {"b.lua", KEEPS("one", "team=payments"), 0}}},
         "judge: error policy.load [a.lua:1: unexpected symbol near <eof>]\n"},
        {{.policies = {{"a.lua", KEEPS("one", "team=web"), 0}, {"b.lua", KEEPS("one", "team=payments"), 0}}},
         "load: b.lua: the name 'one' is taken by a.lua"},
        {{.quarantined = {1}, .policies = {{"a.lua", KEEPS("one", "team=payments"), 0}}},
         "judge: error policy.quarantined ['one' has killed too many workers in this cycle] by=one"},
        {{.quarantined = {1}, .policies = {{"a.lua", KEEPS("one", "team=web"), 0}}},
         "judge: keep priority=1000 by=default"},
        {{.quarantined = {1}, .policies = {{"a.lua", KEEPS("one", "team=payments"), 0}}},
         "retrigger: error policy.quarantined"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *got = run_policy(&table[i].setup, plain, &finished, false);
        expect(got, table[i].want);
        free(got);
    }
    struct rig_setup s = {.policies = {{"a.lua", "", 0}}}; /* length 0: loading it has killed a worker */
    expect_run(&s, plain, NULL,
               "judge: error policy.load [a.lua: is empty, or loading it has killed a worker]");
    struct rig_setup q = {
        .quarantined = {1},
        .policies = {{"a.lua",
                      "return { api = 1, match = 'team=payments', title = function() return 'mine' end }",
                      0}}};
    expect_run(&q, plain, NULL, "compose: ok title=[HighErrorRate]");
}

/* The first poisons everything it can reach; the second answers as if it were alone. */
static void policies_cannot_poison_each_other(void **state)
{
    (void)state;
    static const char poison[] =
        "local seen = {}\n"
        "local function ruin(t) if type(t) ~= 'table' or seen[t] then return end seen[t] = true\n"
        "  for k, v in next, t do ruin(v) end for k in next, t do t[k] = function() return 'ruined' end end "
        "end\n"
        "local base, extend = policy.base, policy.extend\n"
        "local mine = extend(base, { api = 1, match = 'team=web', filter = function(a, c, super) return "
        "super() end,\n"
        "   body = function(a, c, super) return super() end})\n"
        "local n, t, p = next, type, pcall\n"
        "p(ruin, _ENV)\n"
        "return mine";
    static const char second[] =
        POLICY("filter = function(a, c, super) return super() end, "
               "title = function(a) return ('%s/%s'):format(a.name, text.trim(' x ')) end");
    struct rig_setup both = {.policies = {{"a.lua", poison, 0}, {"b.lua", second, 0}}};
    struct rig_setup alone = {.policies = {{"b.lua", second, 0}}};
    char *x = run_policy(&both, plain, &finished, true), *y = run_policy(&alone, plain, &finished, true);
    expect(x, "policy: a a.lua team=web\n");
    assert_string_equal(x + strlen("policy: a a.lua team=web\n"), y);
    expect(y, "title=[HighErrorRate/x]");
    free(x);
    free(y);
    /* and its own base still answers */
    static const char web[] = ALERT("\"alertname\":\"A\",\"team\":\"web\"", "\"summary\":\"s\"");
    expect_run(&both, web, &finished, "judge: keep priority=1000 by=a\n");
    expect_run(&both, web, &finished, "compose: ok title=[A] body=[summary: s\n\nalertname: A\nteam: web]");
}

/* An alert that a policy keeps is gone with the next question; so is what hangs on it. */
static void kept_alerts_are_gone(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "local kept return { api = 1, match = 'team=payments', filter = function(alert) if kept then local x "
        "= kept.name end "
        "kept = alert return true end }",
        "local kept return { api = 1, match = 'team=payments', filter = function(alert) if kept then local x "
        "= kept.team end "
        "kept = alert.labels return true end }",
        "local kept return { api = 1, match = 'team=payments', filter = function(alert) if kept then local x "
        "= kept() end "
        "kept = pairs(alert.labels) return true end }",
        "local kept return { api = 1, match = 'team=payments', filter = function(alert, c, super) if kept "
        "then kept() end "
        "kept = function() return alert:matches('x=y') end return true end }",
    };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const char *const two[] = {plain, plain};
        struct rig_setup s = {.policies = {{"a.lua", sources[i], 0}}};
        struct rig r = {0};
        struct buf text = {0};
        rig_start(&r);
        rig_ready(&r, &s, &text);
        rig_judge(&r, two, 2, &text);
        rig_stop(&r);
        expect(
            text.data,
            "judge: keep priority=1000 by=a\njudge: error policy.error [a.lua:1: filter: this alert is gone");
        buf_free(&text);
    }
}

static void templates_render(void **state)
{
    (void)state;
    static const struct {
        struct rig_setup setup;
        const char *want;
    } table[] = {
        {{0}, "prompt=[HighErrorRate] branch=[]\n"},
        {{.prompt = "look"}, "prompt=[look] branch=[]"},
        {{.prompt = "{{.ID}} {{.Number}} {{.Kind}} {{.Labels}}|{{.Comments}}|{{.URL}}"},
         "prompt=[HighErrorRate-a1b2c3d4e5f60718 1145357516 Alert alertname, severity, "
         "team||http://p/g?x=1]"},
        {{.prompt = "{{.Fingerprint}} {{.StartsAt}} {{.Severity}} {{.Alert.labels.team}} {{.Alert.endsAt}} "
                    "{{.Alert.state}}"},
         "prompt=[a1b2c3d4e5f60718 2026-11-18T10:00:00.123456Z critical payments 2026-11-18T10:05:00.000Z "
         "active]"},
        {{.branch = "fix/{{.ID}}",
          .labels = {{"owner", "{{.Severity}}"}, {"x", "y"}},
          .annotations = {{"a", "{{.Title}}"}}},
         "branch=[fix/HighErrorRate-a1b2c3d4e5f60718] label=[critical] label=[y] annotation=[HighErrorRate]"},
        {{.prompt = "{{.Missing}}"},
         "compose: error error.template [failed to render prompt template: failed to execute template: "
         "template: prompt:1:2: "
         "executing \"prompt\" at <.Missing>: map has no entry for key \"Missing\"]"},
        {{.prompt = "{{"},
         "template: prompt: failed to render prompt template: failed to parse template: template: "
         "prompt:1: "},
        {{.prompt = "{{"},
         "compose: error error.template [failed to render prompt template: failed to parse template: "},
        {{.branch = "{{printf \"%0100000d\" 1}}"}, "failed to render branch template: "},
        {{.branch = "{{slice .URL 0 1}}{{\"\\xff\\x00\"}}"}, "branch=[h\xef\xbf\xbd\xef\xbf\xbd]"},
        {{.labels = {{"owner", "{{.No}}"}}},
         "[failed to render label owner template: failed to execute template: template: "
         "label[owner]:1:2: "},
        {{.name = "n-{{.ID}}"}, "name=n-HighErrorRate-a1b2c3d4e5f60718"},
        {{.name = "{{.}}"}, " Title:HighErrorRate "},
        {{.name = "{{.}}"}, "map[Alert:map[annotations:map["},
        {{.name = "{{$.Alert.labels.team}}"}, "name=payments"},
        {{.name = "{{with .Alert}}{{.labels.team}}{{end}}"}, "name=payments"},
        {{.name = "{{index . \"Alert\" \"state\"}}"}, "name=active"},
        {{.name = "{{$x := .}}{{$x.Body | len}}"}, "name=111"},
        {{.name = "{{.Title}}-x"}, "name=HighErrorRate-x"},
        {{.name = "{{.Context.x}}"},
         "name error=failed to render name template: failed to parse template: a name cannot refer "
         "to Context"},
        {{.name = "{{.Nope}}"},
         "judge: keep priority=1000 name error=failed to render name template: failed to execute template: "},
        {{.name = "{{.ID}}",
          .policies = {{"a.lua",
                        "return { api = 1, match = 'team=payments', key = function() return 'a/b' end }",
                        0}}},
         "key=a/b name=a-b-"},
        {{.name = "{{.Title}}",
          .policies = {{"a.lua",
                        "return { api = 1, match = 'team=payments', title = function() return 'mine' end }",
                        0}}},
         "name=mine"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *got = run_policy(&table[i].setup, plain, NULL, true);
        expect(got, table[i].want);
        free(got);
    }
}

/* A policy that uses up its budget fails alone; the next alert and the next policy are judged. */
static void ceilings_are_per_question(void **state)
{
    (void)state;
    static const char source[] =
        "local n = 0 return { api = 1, match = 'alertname!=\"\"', filter = function() n = n + 1\n"
        "if n == 1 then while true do end elseif n == 2 then local t = {} while true do t = {t, {}, {}, {}} "
        "end "
        "else return false, 'n ' .. n end end }";
    const char *const three[] = {plain, plain, plain};
    struct rig_setup s = {.policies = {{"a.lua", source, 0}}};
    struct rig r = {0};
    struct buf text = {0};
    rig_start(&r);
    rig_ready(&r, &s, &text);
    rig_judge(&r, three, 3, &text);
    rig_judge(&r, three, 1, &text);
    /* memory throws the VM away: what the policy remembered is gone, and the first question comes again */
    expect(
        text.data,
        "judge: error policy.timeout [a.lua:2: filter: used more than 2000000 instructions] by=a at=a.lua:2\n"
        "judge: error policy.memory [a.lua:1: filter: used more than 16384 KiB of memory] by=a at=a.lua:1\n"
        "judge: error policy.timeout");
    buf_free(&text);
    rig_stop(&r);

    struct rig_setup total = {.cycle_instructions = 3000000,
                              .policies = {{"a.lua",
                                            "return { api = 1, match = 'team=payments', filter = function() "
                                            "for i = 1, 400000 do end return true end }",
                                            0}}};
    struct rig q = {0};
    const char *many[12];
    for (size_t i = 0; i < 12; i++)
        many[i] = plain;
    rig_start(&q);
    rig_ready(&q, &total, &text);
    rig_judge(&q, many, 12, &text);
    expect(text.data, "judge: keep");
    expect(text.data, "judge: error policy.timeout [a.lua:1: filter: all hooks together used more than "
                      "3000000 instructions]");
    buf_free(&text);
    rig_stop(&q);
}

/* The engine's side of a death: the black box says what it was doing. */
static void the_black_box_tells(void **state)
{
    (void)state;
    static const char source[] = "return { api = 1, match = 'alertname!=\"\"', key = function() return "
                                 "('a'):rep(2000):find(('.-'):rep(9) .. 'b') end }";
    struct rig_setup s = {.policies = {{"a.lua", KEEPS("one", "team=web"), 0}, {"b.lua", source, 0}}};
    struct rig r = {.patience_ms = 1500};
    struct buf text = {0};
    const char *const two[] = {ALERT("\"alertname\":\"A\",\"team\":\"web\"", ""), plain};
    rig_start(&r);
    rig_ready(&r, &s, &text);
    rig_judge(&r, two, 2, &text);
    expect(text.data, "worker: hung");
    assert_int_equal(r.box->hook, HOOK_KEY);
    assert_int_equal(r.box->policy, 1);
    assert_int_equal(r.box->id, 1);
    assert_true(r.box->calls > 5);
    buf_free(&text);
    rig_stop(&r);
}

static void nonsense_ends_the_worker(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } table[] = {
        {"\0\0\0\0", 4},
        {"\xff\xff\xff\xff", 4},
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"\x01\0\0\0J", 5},         /* before SETUP */
        {"\x01\0\0\0H", 5},         /* not for a worker */
        {"\x05\0\0\0S\0\0\0\0", 9}, /* SETUP that ends early */
        {"\x09\0\0\0J\xff\xff\xff\xffxxxx", 13},
        {"\x00\x00\x00\x01J", 5}, /* half a frame, then the end */
        {"\x05", 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig r = {0};
        rig_start(&r);
        assert_int_equal(write(r.in, table[i].bytes, table[i].len), table[i].len);
        close(r.in);
        r.in = -1;
        struct buf nothing = {0};
        assert_false(rig_exchange(&r, &nothing, WIRE_READY));
        assert_true(WIFEXITED(r.status));
        assert_int_equal(WEXITSTATUS(r.status), 3);
        assert_int_equal(strncmp(r.stderr_text.data, "alertspawner-worker: ", 21), 0);
        rig_stop(&r);
    }
    struct rig r = {0}; /* the ordinary end */
    rig_start(&r);
    close(r.in);
    r.in = -1;
    struct buf nothing = {0};
    assert_false(rig_exchange(&r, &nothing, WIRE_READY));
    assert_int_equal(r.status, 0);
    rig_stop(&r);
}

/* After SETUP: every truncation of a JUDGE frame and a lying index. */
static void half_questions_end_the_worker(void **state)
{
    (void)state;
    struct buf whole = {0};
    wire_u32(&whole, 1);
    rig_add_alert(&whole, 1, plain);
    for (size_t cut = 0; cut < whole.len; cut += 37) {
        struct rig r = {0};
        struct buf text = {0}, b = {0};
        struct rig_setup s = {0};
        rig_start(&r);
        rig_ready(&r, &s, &text);
        size_t mark = wire_begin(&b, WIRE_JUDGE);
        buf_add(&b, whole.data, cut);
        wire_end(&b, mark);
        assert_false(rig_exchange(&r, &b, WIRE_READY));
        assert_int_equal(WIFEXITED(r.status) ? WEXITSTATUS(r.status) : 99, 3);
        rig_stop(&r);
        buf_free(&b);
        buf_free(&text);
    }
    buf_free(&whole);
}

static int run_command(const char *command, struct buf *out)
{
    FILE *f = popen(command, "r");
    assert_non_null(f);
    char text[4096];
    size_t n;
    while ((n = fread(text, 1, sizeof text, f)) > 0)
        buf_add(out, text, n);
    buf_addc(out, 0);
    return pclose(f);
}

static void the_wall_stands(void **state)
{
    (void)state;
    struct buf out = {0};
    assert_int_equal(run_command(WORKER_PATH " --self-test", &out), 0);
    static const char *const names[] = {"openat", "socket", "clone",          "execve",
                                        "kill",   "ptrace", "mmap PROT_EXEC", "read from descriptor 3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *line = xasprintf("%s: refused (Operation not permitted)\n", names[i]);
        expect(out.data, line);
        free(line);
    }
    assert_null(strstr(out.data, "ALLOWED"));
    buf_free(&out);
    assert_int_equal(run_command("ldd " WORKER_PATH, &out), 0);
    static const char *const banned[] = {"curl",   "libssl", "libcrypto", "libuv",
                                         "sqlite", "cjson",  "libyaml"};
    for (size_t i = 0; i < sizeof banned / sizeof *banned; i++)
        assert_null(strcasestr(out.data, banned[i]));
    expect(out.data, "liblua5.4");
    buf_free(&out);
    assert_int_equal(run_command(WORKER_PATH " --version", &out), 0);
    expect(out.data, "alertspawner-worker " AS_VERSION "\n");
    buf_free(&out);
    assert_int_equal(WEXITSTATUS(run_command(WORKER_PATH " --nonsense 2>&1", &out)), 2);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_keeps_every_alert),
        cmocka_unit_test(default_priority),
        cmocka_unit_test(default_body),
        cmocka_unit_test(default_body_is_capped),
        cmocka_unit_test(default_retrigger),
        cmocka_unit_test(policies_override_and_extend),
        cmocka_unit_test(alerts_are_readable),
        cmocka_unit_test(config_is_readable),
        cmocka_unit_test(bad_returns_are_errors),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(load_problems),
        cmocka_unit_test(choice_of_policy),
        cmocka_unit_test(policies_cannot_poison_each_other),
        cmocka_unit_test(kept_alerts_are_gone),
        cmocka_unit_test(templates_render),
        cmocka_unit_test(ceilings_are_per_question),
        cmocka_unit_test(the_black_box_tells),
        cmocka_unit_test(nonsense_ends_the_worker),
        cmocka_unit_test(half_questions_end_the_worker),
        cmocka_unit_test(the_wall_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a hook is given: alert and ctx, in the real worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "base/mem.h"

#include <stdlib.h>

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
        kit_expect_policy(source, kit_plain, table[i].want);
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
        char *got = kit_run(&s, kit_plain, NULL, false);
        kit_expect(got, table[i].want);
        free(got);
        free(source);
    }
    buf_free(&config);
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
        const char *const two[] = {kit_plain, kit_plain};
        struct rig_setup s = {.policies = {{"a.lua", sources[i], 0}}};
        struct rig r = {0};
        struct buf text = {0};
        rig_start(&r);
        rig_ready(&r, &s, &text);
        rig_judge(&r, two, 2, &text);
        rig_stop(&r);
        kit_expect(
            text.data,
            "judge: keep priority=1000 by=a\njudge: error policy.error [a.lua:1: filter: this alert is gone");
        buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_are_readable),
        cmocka_unit_test(config_is_readable),
        cmocka_unit_test(kept_alerts_are_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static void seen_is_readable(void **state)
{
    (void)state;
    static const struct rig_seen known = {.first = 1794990000500000, .polls = 7, .flaps = 2, .absent = 90000000, .episode = 3};
    static const struct {
        const struct rig_seen *seen;
        const char *expression, *want;
    } table[] = {
        {&known, "ctx.seen.first .. ' ' .. ctx.seen.polls .. ' ' .. ctx.seen.flaps_1h .. ' ' .. ctx.seen.absent_for .. ' ' .. "
                 "ctx.seen.episode",
         "[1794990000.5 7 2 90.0 3]"},
        {NULL, "ctx.seen.first .. ' ' .. ctx.seen.polls .. ' ' .. ctx.seen.flaps_1h .. ' ' .. ctx.seen.absent_for .. ' ' .. "
               "ctx.seen.episode",
         "[1795000000.0 1 0 0.0 1]"},
        {&known, "(function() local t = {} for k, v in pairs(ctx.seen) do t[#t + 1] = k .. '=' .. v end return table.concat(t, ' "
                 "') end)()",
         "[absent_for=90.0 episode=3 first=1794990000.5 flaps_1h=2 polls=7]"},
        {&known, "tostring(ctx.seen == ctx.seen) .. tostring(ctx.seen)", "[truectx.seen]"},
        {&known, "ctx.seen.flaps", "ctx.seen has no field 'flaps'; it has absent_for, episode, first, flaps_1h, polls]"},
        {&known, "ctx.seen[1]", "ctx.seen has no field '1'"},
        {&known, "ctx.seen[{}]", "bad argument"},
        {&known, "(function() ctx.seen.polls = 1 end)()", "ctx.seen is read-only; return a value instead"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf("return { api = 1, match = 'alertname!=\"\"', filter = function(alert, ctx) return false, %s end }",
                                 table[i].expression);
        struct rig_setup s = {.policies = {{"a.lua", source, 0}}};
        struct rig r = {.seen = table[i].seen};
        struct buf text = {0};
        const char *const one[] = {kit_plain};
        rig_start(&r);
        rig_ready(&r, &s, &text);
        rig_judge(&r, one, 1, &text);
        rig_stop(&r);
        kit_expect(text.data, table[i].want);
        buf_free(&text);
        free(source);
    }
}

/* last: in retrigger, title, body, on_resolve; elsewhere the empty one. */
static void last_is_readable(void **state)
{
    (void)state;
    static const char source[] =
        "local function say(ctx) local t = {} for k, v in pairs(ctx.last) do t[#t + 1] = k .. '=' .. tostring(v) end "
        "return table.concat(t, ' ') end\n"
        "return { api = 1, match = 'alertname!=\"\"', filter = function(a, c) return true, c.note('f', say(c)) end,\n"
        "title = function(a, c) return say(c) end, body = function(a, c) return c.last.task end,\n"
        "retrigger = function(a, c) return false, say(c) end, on_resolve = function(a, c) return 'keep', say(c) end }";
    static const struct rig_last last = {.task = "t-1", .phase = 3, .gone = true, .created = 2000000, .completed = 3500000,
                                         .starts_at = 1000000, .trigger_at = 4000000, .attempts = 2};
    static const char want[] = "attempts=2 completed_at=3.5 created_at=2.0 gone=true phase=Running starts_at=1.0 task=t-1 trigger_at=4.0";
    static const char empty[] = "attempts=0 completed_at=0.0 created_at=0.0 gone=false phase= starts_at=0.0 task= trigger_at=0.0";
    struct rig_setup s = {.policies = {{"a.lua", source, 0}}, .name = "{{.Title}}"};
    struct rig r = {.last = &last};
    struct buf text = {0};
    char *line;
    const char *const one[] = {kit_plain};
    rig_start(&r);
    rig_ready(&r, &s, &text);
    rig_judge(&r, one, 1, &text);
    line = xasprintf("name=%s by=a notes={f=%s}\n", empty, empty);
    kit_expect(text.data, line);
    free(line);
    rig_retrigger(&r, kit_plain, &last, &text);
    line = xasprintf("retrigger: never policy.retrigger [%s]", want);
    kit_expect(text.data, line);
    free(line);
    rig_resolve(&r, "a", kit_plain, &last, &text);
    line = xasprintf("resolve: keep  [%s] at=a.lua:4\n", want);
    kit_expect(text.data, line);
    free(line);
    rig_compose(&r, kit_plain, NULL, &text);
    line = xasprintf("title=[%s] body=[t-1]", want);
    kit_expect(text.data, line);
    free(line);
    r.last = NULL;
    rig_compose(&r, kit_plain, NULL, &text);
    line = xasprintf("title=[%s] body=[]", empty);
    kit_expect(text.data, line);
    free(line);
    rig_stop(&r);
    buf_free(&text);
}

static const char *const three_pods[] = {
    ALERT("\"alertname\":\"HighErrorRate\",\"severity\":\"critical\",\"team\":\"payments\"",
          "\"summary\":\"errors are up\",\"description\":\"5 % of requests\""),
    ALERT("\"alertname\":\"B\",\"pod\":\"b\"", ""), ALERT("\"alertname\":\"C\",\"pod\":\"c\"", "\"x\":\"y\"")};

static void groups_are_readable(void **state)
{
    (void)state;
    static const struct {
        size_t members, group;
        const char *expression, *want;
    } table[] = {
        {0, 1, "#ctx.group .. ' ' .. ctx.group.count .. ctx.group[1].name .. tostring(ctx.group[1] == alert)", "[1 1HighErrorRatetrue]"},
        {3, 3, "#ctx.group .. ' ' .. ctx.group.count .. tostring(ctx.group[1] == alert)", "[3 3true]"},
        {3, 700, "#ctx.group .. ' ' .. ctx.group.count", "[3 700]"},
        {3, 3, "ctx.group[2].name .. ctx.group[3].labels.pod .. ctx.group[3].annotations.x", "[Bcy]"},
        {3, 3, "tostring(ctx.group[2] == ctx.group[2]) .. tostring(ctx.group == ctx.group)", "[truetrue]"},
        {3, 3, "tostring(ctx.group[4]) .. tostring(ctx.group[0]) .. tostring(ctx.group[1.5]) .. tostring(ctx.group[-1])",
         "[nilnilnilnil]"},
        {3, 3, "(function() local t = {} for i, a in ipairs(ctx.group) do t[i] = a.name end return table.concat(t, '+') end)()",
         "[HighErrorRate+B+C]"},
        {3, 3, "(function() local t = {} for i, a in pairs(ctx.group) do t[i] = a.name end return table.concat(t, '+') end)()",
         "[HighErrorRate+B+C]"},
        {3, 3, "tostring(ctx.group)", "[ctx.group]"},
        {3, 3, "ctx.group.counts", "ctx.group has no field 'counts'; it is a list of alerts, with ctx.group.count"},
        {3, 3, "(function() ctx.group[1] = 5 end)()", "ctx.group is read-only; return a value instead"},
        {3, 3, "(function() ctx.group[2].name = 5 end)()", "alert is read-only"},
        {3, 3, "ctx.group[2].pod", "alert has no field 'pod'; did you mean alert.labels.pod?"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf("return { api = 1, match = 'alertname!=\"\"', title = function(alert, ctx) return '[' .. %s .. ']' "
                                 "end }",
                                 table[i].expression);
        struct rig_setup s = {.policies = {{"a.lua", source, 0}}};
        struct rig r = {.members = three_pods, .n_members = table[i].members, .n_group = table[i].group};
        struct buf text = {0};
        rig_start(&r);
        rig_ready(&r, &s, &text);
        rig_compose(&r, kit_plain, NULL, &text);
        rig_stop(&r);
        kit_expect(text.data, table[i].want);
        buf_free(&text);
        free(source);
    }
    /* elsewhere there is none */
    struct rig_setup none = {0};
    kit_expect_filter(&none, "return false, #ctx.group .. ' ' .. ctx.group.count .. tostring(ctx.group[1])", "[0 0nil]");
}

/* What ctx showed of an alert is gone with it. */
static void kept_parts_are_gone(void **state)
{
    (void)state;
    static const struct {
        const char *keep, *poke, *want;
    } table[] = {
        {"ctx.seen", "kept.polls", "this alert is gone: a policy must not keep ctx.seen between calls"},
        {"pairs(ctx.seen)", "kept()", "this alert is gone: a policy must not keep ctx.seen"},
        {"ctx.last", "kept.task", "must not keep ctx.last"},
        {"ctx.group", "#kept", "must not keep ctx.group"},
        {"ctx.group", "kept[1]", "must not keep ctx.group"},
        {"ctx.group", "kept.count", "must not keep ctx.group"},
        {"ctx.group", "pairs(kept)", "must not keep ctx.group"},
        {"ctx.group[2]", "kept.name", "this alert is gone: a policy must not keep alerts between calls"},
        {"ctx.group[1]", "kept.name", "this alert is gone"},
        {"ctx.state", "kept.x", "must not keep ctx.state"},
        {"ctx.state", "pairs(kept)", "must not keep ctx.state"},
        {"(function() local s = ctx.state return function() s.x = 1 end end)()", "kept()", "must not keep ctx.state"},
        {"(function() ctx.state.y = 1 return (pairs(ctx.state)) end)()", "kept()", "must not keep ctx.state"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf("local kept return { api = 1, match = 'alertname!=\"\"', title = function(alert, ctx)\n"
                                 "if kept then local x = %s end kept = %s return 'first' end }",
                                 table[i].poke, table[i].keep);
        struct rig_setup s = {.policies = {{"a.lua", source, 0}}};
        struct rig r = {.members = three_pods, .n_members = 3, .n_group = 3};
        struct buf text = {0};
        rig_start(&r);
        rig_ready(&r, &s, &text);
        rig_compose(&r, kit_plain, NULL, &text);
        kit_expect(text.data, "title=[first]");
        rig_compose(&r, kit_plain, NULL, &text);
        rig_stop(&r);
        kit_expect(text.data, "title=[HighErrorRate]");
        kit_expect(text.data, table[i].want);
        buf_free(&text);
        free(source);
    }
}

static void notes_are_made(void **state)
{
    (void)state;
    static const struct {
        const char *statement, *want;
    } table[] = {
        {"ctx.note('rate', 0.5) ctx.note('n', 3) ctx.note('s', 'x') ctx.note('b', true) return true",
         "priority=1000 by=a notes={rate=0.5,n=3,s=x,b=true}\n"},
        {"ctx.note('n', 1) ctx.note('m', 1) ctx.note('n', 2) return false", "notes={n=2,m=1}\n"},
        {"ctx.note('n', 'a\\nb\\27[1m\\0\\xff') return true", "notes={n=a b [1m\xef\xbf\xbd\xef\xbf\xbd}\n"},
        {"ctx.note('n', ('x'):rep(300)) return true", "xx}\n"},
        {"for i = 1, 16 do ctx.note('n' .. i, i) end return true", ",n16=16}\n"},
        {"for i = 1, 100 do ctx.note('n', i) end return true", "notes={n=100}\n"},
        {"ctx.note('n', 1) error('x')", "[a.lua:2: filter: x] by=a at=a.lua:2 notes={n=1}\n"}, /* it may tell why */
        {"for i = 1, 17 do ctx.note('n' .. i, i) end", "a.lua:2: filter: ctx.note: at most 16 notes in one hook]"},
        {"ctx.note('', 1)", "ctx.note: the name must have 1 to 64 bytes"},
        {"ctx.note(('x'):rep(65), 1)", "ctx.note: the name must have 1 to 64 bytes"},
        {"ctx.note(5, 1)", "ctx.note: the name must be a string, got number"},
        {"ctx.note()", "ctx.note: the name must be a string, got no value"},
        {"ctx.note('a\\nb', 1)", "ctx.note: the name must hold no control bytes"},
        {"ctx.note('\\xff', 1)", "ctx.note: the name must be valid UTF-8"},
        {"ctx.note('n')", "ctx.note: the value of 'n' must be a string, a number or a boolean, got no value"},
        {"ctx.note('n', {})", "must be a string, a number or a boolean, got table"},
        {"ctx:note('n', 1)", "ctx.note is called with a dot: ctx.note(...)"},
        {"ctx.notes('n', 1)", "ctx has no field 'notes'; it has config, firing, group, last, note, now, policy, poll_interval, "
                              "priority_labels, rate, seen, spawner, state]"},
        {"local x = ctx[1]", "ctx has no field '1'"},
        {"local x = ctx[{}]", "ctx has no field 'table'"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig_setup s = {0};
        kit_expect_filter(&s, table[i].statement, table[i].want);
    }
    /* each hook of an answer may make as many */
    kit_expect_policy("local function all(p) return function(a, ctx, super) for i = 1, 16 do ctx.note(p .. i, i) end return super() end "
                      "end return { api = 1, match = 'alertname!=\"\"', filter = all 'f', key = all 'k', priority = all 'p' }",
                      kit_plain, ",k16=16,p1=1,");
}

static void rates_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *statement, *want;
    } table[] = {
        {"return false, 'is ' .. ctx.rate('policy', '1h')", "[is 2]"},
        {"return false, 'is ' .. ctx.rate('policy', 3600)", "[is 2]"},
        {"return false, 'is ' .. ctx.rate('policy', 3600.5)", "[is 3]"},
        {"return false, 'is ' .. ctx.rate('policy', '1m')", "[is 1]"},
        {"return false, 'is ' .. ctx.rate('policy', '1d')", "[is 3]"},
        {"return false, 'is ' .. ctx.rate('policy', '24h')", "[is 3]"},
        {"return false, 'is ' .. ctx.rate('policy', 0.001)", "[is 1]"},
        {"return false, 'is ' .. ctx.rate('policy', '59m59s999ms')", "[is 1]"},
        {"return false, 'is ' .. ctx.rate('spawner', '1h')", "[is 3]"},
        {"return false, math.type(ctx.rate('spawner', '1h'))", "[integer]"},
        {"ctx.rate('team', '1h')", "ctx.rate: the name must be \"policy\" or \"spawner\", got 'team'"},
        {"ctx.rate(5, '1h')", "ctx.rate: the name must be \"policy\" or \"spawner\", got number"},
        {"ctx.rate('policy')", "ctx.rate: argument 2 must be a duration such as \"1h30m\" or a number of seconds"},
        {"ctx.rate('policy', 0)", "ctx.rate: `per` must be"},
        {"ctx.rate('policy', -5)", "ctx.rate: a duration in seconds is between 0 and"},
        {"ctx.rate('policy', 0/0)", "ctx.rate: argument 2 is no finite number"},
        {"ctx.rate('policy', 86401)", "ctx.rate: `per` must be"},
        {"ctx.rate('policy', '1d1s')", "ctx.rate: `per` must be"},
        {"ctx.rate('policy', '1y')", "ctx.rate: `per` must be"},
        {"ctx.rate('policy', '30m1h')", "ctx.rate: '30m1h' is no duration such as"},
        {"ctx.rate('policy', '1h1h')", "ctx.rate: '1h1h' is no duration such as"},
        {"ctx.rate('policy', 'h')", "ctx.rate: 'h' is no duration such as"},
        {"ctx.rate('policy', '1')", "ctx.rate: '1' is no duration such as"},
        {"ctx.rate('policy', '')", "ctx.rate: '' is no duration such as"},
        {"ctx.rate('policy', '1.5h')", "ctx.rate: '1.5h' is no duration such as"},
        {"ctx.rate('policy', '99999999999999999999999999h')", "is no duration such as"},
        {"ctx:rate('policy', '1h')", "ctx.rate is called with a dot"},
    };
    static const int64_t now = 1795000000 * (int64_t)1000000, hour = 3600 * (int64_t)1000000;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig_setup s = {.creations = {{"a", {now - hour - 1, now - hour + 1, now}}, {"b", {now - 1}}, {"c", {now - 2 * hour}}}};
        /* exactly an hour ago is outside, now is inside */
        s.creations[0].at[0] = now - hour;
        kit_expect_filter(&s, table[i].statement, table[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_are_readable),
        cmocka_unit_test(config_is_readable),
        cmocka_unit_test(kept_alerts_are_gone),
        cmocka_unit_test(seen_is_readable),
        cmocka_unit_test(last_is_readable),
        cmocka_unit_test(groups_are_readable),
        cmocka_unit_test(kept_parts_are_gone),
        cmocka_unit_test(notes_are_made),
        cmocka_unit_test(rates_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

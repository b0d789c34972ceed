/* Policy files in the real worker: what is refused, and whose alert it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "base/mem.h"

#include <stdlib.h>

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
        {"return { api = 1, on_resolved = print }", "unknown field 'on_resolved'; did you mean 'on_resolve'?"},
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
        char *got = kit_run(&s, kit_plain, NULL, false);
        kit_expect(got, table[i].want);
        /* whose alert it is nobody knows: it must not get past a filter that a typo has taken away */
        kit_expect(got, "judge: error policy.load [a.lua");
        free(got);
    }
    char *large = xmalloc(65538);
    memset(large, ' ', 65537);
    large[65537] = 0;
    struct rig_setup s = {.policies = {{"a.lua", large, 0}}};
    kit_expect_run(&s, kit_plain, NULL, "load: a.lua: is larger than 64 KiB");
    free(large);
}

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
        char *got = kit_run(&table[i].setup, kit_plain, &kit_finished, false);
        kit_expect(got, table[i].want);
        free(got);
    }
    struct rig_setup s = {.policies = {{"a.lua", "", 0}}}; /* length 0: loading it has killed a worker */
    kit_expect_run(&s, kit_plain, NULL,
               "judge: error policy.load [a.lua: is empty, or loading it has killed a worker]");
    struct rig_setup q = {
        .quarantined = {1},
        .policies = {{"a.lua",
                      "return { api = 1, match = 'team=payments', title = function() return 'mine' end }",
                      0}}};
    kit_expect_run(&q, kit_plain, NULL, "compose: ok title=[HighErrorRate]");
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
    char *x = kit_run(&both, kit_plain, &kit_finished, true), *y = kit_run(&alone, kit_plain, &kit_finished, true);
    kit_expect(x, "policy: a a.lua team=web\n");
    assert_string_equal(x + strlen("policy: a a.lua team=web\n"), y);
    kit_expect(y, "title=[HighErrorRate/x]");
    free(x);
    free(y);
    /* and its own base still answers */
    static const char web[] = ALERT("\"alertname\":\"A\",\"team\":\"web\"", "\"summary\":\"s\"");
    kit_expect_run(&both, web, &kit_finished, "judge: keep priority=1000 by=a\n");
    kit_expect_run(&both, web, &kit_finished, "compose: ok title=[A] body=[summary: s\n\nalertname: A\nteam: web]");
}

/* A file that loads: what READY says of it. */
static void tables_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *want;
    } table[] = {
        {"", "policy: a a.lua \n"},
        {"mode = 'shadow'", "policy: a a.lua  shadow\n"},
        {"on_resolve = function() end", "policy: a a.lua  on_resolve\n"},
        {"limits = {}", "policy: a a.lua \n"},
        {"limits = { per_hour = 1 }", " hour=1\n"},
        {"limits = { per_hour = 10000, per_day = 10000, ramp = 10000 }", " hour=10000 day=10000 ramp=10000\n"},
        {"limits = { per_hour = 3.0, ramp = 1 }", " hour=3 ramp=1\n"},
        {"limits = { reserve = { slots = 1, priority = 0 } }", " reserve=1/0\n"},
        {"limits = { reserve = { slots = 1000, priority = 1000 } }", " reserve=1000/1000\n"},
        {"state_version = 2", " version=2\n"},
        {"state_version = 1000000000", " version=1000000000\n"},
        {"zones = {}", "policy: a a.lua \n"},
        {"zones = {'UTC'}", "policy: a a.lua \n"},
        {"describe = 'x'", "policy: a a.lua \n"},
        /* and what is wrong */
        {"limits = 5", "load: a.lua: limits must be a table such as { per_hour = 10 }, got number\n"},
        {"limits = { per_hours = 5 }", "load: a.lua: limits: unknown member 'per_hours'; did you mean 'per_hour'?\n"},
        {"limits = { 5 }", "limits: unknown member '[1]'"},
        {"limits = { per_hour = 0 }", "load: a.lua: limits.per_hour must be a whole number from 1 to 10000, got 0\n"},
        {"limits = { per_hour = 10001 }", "from 1 to 10000, got 10001"},
        {"limits = { per_hour = -1 }", "got -1"},
        {"limits = { per_hour = 1.5 }", "got 1.5"},
        {"limits = { per_hour = 0/0 }", "limits.per_hour must be a whole number"},
        {"limits = { per_hour = math.huge }", "got inf"},
        {"limits = { per_hour = '5' }", "got '5'"},
        {"limits = { per_hour = {} }", "got a table"},
        {"limits = { per_day = 10001 }", "limits.per_day must be a whole number from 1 to 10000"},
        {"limits = { ramp = 10001 }", "limits.ramp must be a whole number from 1 to 10000"},
        {"limits = { reserve = 5 }", "limits.reserve must be a table such as { slots = 2, priority = 100 }, got number"},
        {"limits = { reserve = { slot = 5 } }", "limits.reserve: unknown member 'slot'; did you mean 'slots'?"},
        {"limits = { reserve = { slots = 5 } }", "limits.reserve.priority is missing"},
        {"limits = { reserve = { priority = 5 } }", "limits.reserve.slots is missing"},
        {"limits = { reserve = { slots = 0, priority = 5 } }", "limits.reserve.slots must be a whole number from 1 to 1000"},
        {"limits = { reserve = { slots = 1001, priority = 5 } }", "from 1 to 1000, got 1001"},
        {"limits = { reserve = { slots = 1, priority = 1001 } }", "limits.reserve.priority must be a whole number from 0 to 1000"},
        {"limits = setmetatable({}, { __index = error, __pairs = error })", "policy: a a.lua \n"},
        {"limit = {}", "unknown field 'limit'; did you mean 'limits'?"},
        {"mode = 'shadows'", "load: a.lua: mode = 'shadows' is not known; it is \"shadow\", or absent\n"},
        {"mode = true", "mode must be a string, got boolean"},
        {"zones = 'Europe/Rome'", "zones must be a list such as {\"Europe/Rome\"}, got string"},
        {"zones = {5}", "zones[1] must be the name of a time zone such as \"Europe/Rome\", got number"},
        {"zones = {x = 'Europe/Rome'}", "zones must be a list such as {\"Europe/Rome\"}"},
        {"zones = {'Europe/Rome', nil, 'UTC'}", "zones must be a list"},
        {"zones = {'Europe/../Rome'}", "zones: 'Europe/../Rome' is no name of a time zone; they look like Europe/Rome"},
        {"zones = {'/etc/passwd'}", "is no name of a time zone"},
        {"zones = {''}", "zones: '' is no name"},
        {"zones = {'a/b/c/d/e'}", "is no name"},
        {"zones = {('x'):rep(65)}", "is no name"},
        {"zones = {'Europe/Rome\\0'}", "is no name"},
        {"zones = (function() local t = {} for i = 1, 65 do t[i] = 'Z' .. i end return t end)()", "zones: at most 64 names"},
        {"state_version = 0", "load: a.lua: state_version must be a whole number from 1 to 1000000000, got 0\n"},
        {"state_version = 1.5", "state_version must be"},
        {"state_version = '2'", "got '2'"},
        {"reasons = { shadow = 'x' }", "the code 'shadow' belongs to alertspawner"},
        {"on_resolve = 'keep'", "on_resolve must be a function, got string"},
        {"on_resove = print", "unknown field 'on_resove'; did you mean 'on_resolve'?"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf("return { api = 1, %s }", table[i].fields);
        struct rig_setup s = {.policies = {{"a.lua", source, 0}}};
        kit_expect_run(&s, kit_plain, NULL, table[i].want);
        free(source);
    }
}

/* What a child has from its parent. */
static void fields_are_inherited(void **state)
{
    (void)state;
    static const char parent[] = "local parent = policy.extend(policy.base, { match = 'team=x', state_version = 3, mode = 'shadow', "
                                 "zones = {'Europe/Rome'}, limits = { per_hour = 5, ramp = 2 }, reasons = { a = 'A' } })\n";
    static const struct {
        const char *fields, *want;
    } table[] = {
        {"", "want: Europe/Rome\npolicy: a a.lua  shadow hour=5 ramp=2 version=3\n"},
        {"limits = { per_day = 7 }", "policy: a a.lua  shadow day=7 version=3\n"},
        {"limits = {}", "policy: a a.lua  shadow version=3\n"},
        {"state_version = 4", " version=4\n"},
        {"zones = {'Asia/Tokyo', 'Europe/Rome'}", "want: Europe/Rome Asia/Tokyo\n"},
        {"zones = 5", "load: a.lua: zones must be a list"},
        {"match = 'team=y'", "policy: a a.lua team=y shadow"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf("%sreturn policy.extend(parent, { api = 1, %s })", parent, table[i].fields);
        struct rig_setup s = {.policies = {{"a.lua", source, 0}},
                              .zones = {{"Europe/Rome", "TZif", 0}, {"Asia/Tokyo", "TZif", 0}}};
        kit_expect_run(&s, kit_plain, NULL, table[i].want);
        free(source);
    }
    struct rig_setup plain_parent = {
        .policies = {{"a.lua", "return policy.extend({ limits = { ramp = 2 }, mode = 'shadow' }, { api = 1 })", 0}}};
    kit_expect_run(&plain_parent, kit_plain, NULL, "policy: a a.lua  shadow ramp=2\n");
    /* changing the parent afterwards changes nothing */
    struct rig_setup later = {
        .policies = {{"a.lua", "local p = policy.extend(policy.base, { zones = {'UTC'} }) local c = policy.extend(p, { api = 1 "
                               "}) p.zones[1] = 5 p.mode = 5 return c", 0}}};
    kit_expect_run(&later, kit_plain, NULL, "policy: a a.lua \n");
}

#define ZONED(zones) "return { api = 1, match = 'alertname!=\"\"', zones = {" zones "} }"

static void zones_are_asked_for(void **state)
{
    (void)state;
    struct buf config = {0}, place = {0};
    wire_u8(&config, 'm');
    wire_u32(&config, 3);
    wire_str(&config, "zone");
    wire_u8(&config, 's');
    wire_str(&config, "America/New_York");
    wire_str(&config, "zones");
    wire_u8(&config, 'l');
    wire_u32(&config, 4);
    wire_u8(&config, 's');
    wire_str(&config, "Asia/Tokyo");
    wire_u8(&config, 'i');
    wire_i64(&config, 5);
    wire_u8(&config, 's');
    wire_str(&config, "no zone: a sentence");
    wire_u8(&config, 's');
    wire_str(&config, "UTC");
    wire_str(&config, "other");
    wire_u8(&config, 's');
    wire_str(&config, "Europe/Paris");
    wire_u8(&place, 'm');
    wire_u32(&place, 1);
    wire_str(&place, "zone");
    wire_u8(&place, 's');
    wire_str(&place, "eu-west-1a");
    const struct {
        struct rig_setup setup;
        const char *want;
    } table[] = {
        {{.zones = {{"Europe/Rome", "TZif", 0}}, .policies = {{"a.lua", ZONED("'Europe/Rome'"), 0}}},
         "want: Europe/Rome\npolicy: a a.lua alertname!=\"\"\njudge: keep"},
        {{.zones = {{"Europe/Rome", "TZif", 0}},
          .policies = {{"a.lua", ZONED("'Europe/Rome', 'UTC'"), 0}, {"b.lua", ZONED("'Asia/Tokyo', 'Europe/Rome'"), 0}}},
         "want: Europe/Rome Asia/Tokyo\nload: b.lua: zones: there is no time zone 'Asia/Tokyo' here; check its name, or install "
         "tzdata where alertspawner runs\npolicy: a a.lua alertname!=\"\"\njudge: keep priority=1000 by=a\n"},
        {{.policies = {{"a.lua", ZONED("'Europe/Rom'"), 0}}},
         "load: a.lua: zones: there is no time zone 'Europe/Rom' here; check its name"},
        {{.policies = {{"a.lua", ZONED("'Europe/Rom'"), 0}}}, "judge: error policy.load [a.lua: zones: there is no time zone"},
        {{.policies = {{"a.lua", "return {", 0}, {"b.lua", "return { api = 1 }", 0}}}, "load: a.lua:1:"},
        /* the config's, whether they are there or not: it may mean something else */
        {{.config = &config, .policies = {{"a.lua", ZONED(""), 0}}},
         "want: America/New_York Asia/Tokyo\npolicy: a a.lua alertname!=\"\"\njudge: keep"},
        {{.config = &place, .policies = {{"a.lua", ZONED(""), 0}}}, "want: eu-west-1a\npolicy: a a.lua"},
        {{.config = &config}, "judge: keep priority=1000 by=default"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        kit_expect_run(&table[i].setup, kit_plain, NULL, table[i].want);
    buf_free(&config);
    buf_free(&place);

    /* 64 of all policies together */
    char *sources[2];
    for (int i = 0; i < 2; i++)
        sources[i] = xasprintf("local z = {} for i = 1, %d do z[i] = 'Z%d/' .. i end return { api = 1, zones = z }", i ? 5 : 60, i);
    struct rig_setup many = {.policies = {{"a.lua", sources[0], 0}, {"b.lua", sources[1], 0}}};
    kit_expect_run(&many, kit_plain, NULL, "load: b.lua: zones: all policies together may name 64 time zones\n");
    free(sources[0]);
    free(sources[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_problems),
        cmocka_unit_test(choice_of_policy),
        cmocka_unit_test(policies_cannot_poison_each_other),
        cmocka_unit_test(tables_are_understood),
        cmocka_unit_test(fields_are_inherited),
        cmocka_unit_test(zones_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

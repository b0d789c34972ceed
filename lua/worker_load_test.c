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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_problems),
        cmocka_unit_test(choice_of_policy),
        cmocka_unit_test(policies_cannot_poison_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* include in the real worker. */
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

#define USES(statement) statement "\nreturn { api = 1, match = 'alertname!=\"\"', filter = function() return false, 'said ' .. tostring(x) end }"

static void libraries_are_included(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *libraries[4][2], *want;
    } table[] = {
        {USES("x = include 'lib_a'"), {{"lib_a.lua", "return 5"}}, "a.lua alertname!=\"\" lib=0\njudge: drop policy.filter [said 5]"},
        {USES("x = include('lib_a').f()"), {{"lib_a.lua", "local m = {} function m.f() return 'f' end return m"}}, "[said f]"},
        {USES("x = include 'lib_b'"), {{"lib_a.lua", "return 5"}, {"lib_b.lua", "return 6"}}, " lib=1\njudge: drop policy.filter [said 6]"},
        {USES("local x = 1"), {{"lib_a.lua", "return 5"}}, "a.lua alertname!=\"\"\njudge"},
        {USES("x = include 'lib_b'"),
         {{"lib_a.lua", "return 5"}, {"lib_b.lua", "return include 'lib_a' + 1"}},
         " lib=0 lib=1\njudge: drop policy.filter [said 6]"},
        /* once per VM, one value for all */
        {USES("x = tostring(include 'lib_a' == include 'lib_a')"), {{"lib_a.lua", "return {}"}}, "[said true]"},
        {USES("x = include 'lib_b' == include 'lib_a'"),
         {{"lib_a.lua", "return {}"}, {"lib_b.lua", "return include 'lib_a'"}},
         "[said true]"},
        {USES("x = include 'lib_a'"), {{"lib_a.lua", ""}}, "[said nil]"},
        {USES("include 'lib_a' x = include 'lib_a'"), {{"lib_a.lua", "n = (n or 0) + 1 return n"}}, "[said 1]"},
        /* environments are not shared */
        {USES("y = 1 include 'lib_a' x = y"), {{"lib_a.lua", "x = 2 y = 2 string = nil"}}, "[said 1]"},
        {USES("include 'lib_a' x = ('x'):rep(2) .. string.rep('y', 2)"), {{"lib_a.lua", "string.rep = nil table = nil"}}, "[said xxyy]"},
        {USES("x = include 'lib_a-1.b_C'"), {{"lib_a-1.b_C.lua", "return 7"}}, "[said 7]"},
        /* a library may hold the policy that others extend */
        {"return policy.extend(include 'lib_team', { api = 1, match = 'alertname!=\"\"', filter = function(a, c, super) local _, "
         "r = super() return false, r .. '!' end })",
         {{"lib_team.lua", "return policy.extend(policy.base, { filter = function() return true, 'mine' end })"}},
         "[mine!]"},
        /* the wrong uses */
        {USES("include 'lib_c'"), {{"lib_a.lua", ""}, {"lib_b.lua", ""}},
         "load: a.lua:1: include: there is no lib_c.lua beside the policies; there are lib_a.lua, lib_b.lua\n"},
        {USES("include 'lib_c'"), {{0}}, "load: a.lua:1: include: there is no lib_c.lua beside the policies, and no other library\n"},
        {USES("include 'lib_a.lua'"), {{"lib_a.lua", ""}}, "include: leave out .lua: include \"lib_a\"\n"},
        {USES("include 'hours'"), {{0}}, "include: 'hours' is no name of a library; they begin with lib_"},
        {USES("include '../lib_a'"), {{0}}, "include: '../lib_a' is no name of a library"},
        {USES("include 'lib_a/b'"), {{0}}, "include: 'lib_a/b' is no name of a library"},
        {USES("include 'lib_'"), {{0}}, "include: 'lib_' is no name of a library"},
        {USES("include('lib_a\\0b')"), {{"lib_a.lua", ""}}, "is no name of a library"},
        {USES("include()"), {{0}}, "include: the name of a library is expected, such as include \"lib_hours\", got no value\n"},
        {USES("include(5)"), {{0}}, "got number"},
        {"return { api = 1, match = 'alertname!=\"\"', filter = function() return include 'lib_a' end }",
         {{"lib_a.lua", "return true"}},
         "[a.lua:1: filter: include is for the top level of a file; keep what it returns in a local]"},
        {"local m = include 'lib_a' return { api = 1, match = 'alertname!=\"\"', filter = m.f }",
         {{"lib_a.lua", "return { f = function() return include 'lib_a' end }"}},
         "[lib_a.lua:1: filter: include is for the top level"},
        /* circles */
        {USES("include 'lib_a'"), {{"lib_a.lua", "include 'lib_a'"}},
         "load: lib_a.lua:1: include: the libraries include each other in a circle: lib_a.lua -> lib_a.lua\n"},
        {USES("include 'lib_a'"),
         {{"lib_a.lua", "include 'lib_b'"}, {"lib_b.lua", "\ninclude 'lib_c'"}, {"lib_c.lua", "return include 'lib_a'"}},
         "include: the libraries include each other in a circle: lib_a.lua -> lib_b.lua -> lib_c.lua -> lib_a.lua\n"},
        {USES("pcall(include, 'lib_a') pcall(include, 'lib_b') x = select(2, pcall(include, 'lib_a'))"),
         {{"lib_a.lua", "return include 'lib_b'"}, {"lib_b.lua", "return include 'lib_a'"}},
         "lib_a.lua -> lib_b.lua -> lib_a.lua]"},
        {USES("pcall(include, 'lib_a') x = include 'lib_b'"),
         {{"lib_a.lua", "include 'lib_b' error('x')"}, {"lib_b.lua", "return 'fine'"}},
         "[said fine]"},
        /* errors say where they are */
        {USES("\n\ninclude 'lib_a'"), {{"lib_a.lua", "\nerror('broken')"}}, "load: lib_a.lua:2: broken\n"},
        {USES("include 'lib_a'"), {{"lib_a.lua", "\n\ntext.trim()"}}, "load: lib_a.lua:3: text.trim: argument 1 must be a text, got nothing"},
        {USES("include 'lib_a'"), {{"lib_a.lua", "\nreturn {"}}, "load: lib_a.lua:2: unexpected symbol near <eof>"},
        {USES("include 'lib_a'"), {{"lib_a.lua", "\xff"}}, "load: a.lua:1: include: lib_a.lua is not valid UTF-8\n"},
        {USES("include 'lib_a'"), {{"lib_a.lua", "\x1bLua"}}, "load: a.lua:1: attempt to load a binary chunk"},
        {USES("include 'lib_a'"), {{"lib_a.lua", "while true do end"}}, "load: lib_a.lua:1: used more than 2000000 instructions"},
        {"local m = include 'lib_a' return { api = 1, match = 'alertname!=\"\"', filter = m.f }",
         {{"lib_a.lua", "return {\nf = function(a) return a.labels.x .. 'y' end }"}},
         "judge: error policy.error [lib_a.lua:2: filter: attempt to concatenate a nil value (field 'x')] by=a at=lib_a.lua:2"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig_setup s = {.policies = {{"a.lua", table[i].policy, 0}}};
        for (size_t k = 0; k < 4 && table[i].libraries[k][0]; k++) {
            s.libraries[k].file = table[i].libraries[k][0];
            s.libraries[k].source = table[i].libraries[k][1];
        }
        char *got = kit_run(&s, kit_plain, NULL, false);
        if (!strstr(got, table[i].want))
            fail_msg("row %zu\n  expected: %s\n  in:       %s", i, table[i].want, got);
        free(got);
    }
}

static void a_library_has_a_size(void **state)
{
    (void)state;
    char *large = xmalloc(65538);
    memset(large, ' ', 65537);
    large[65537] = 0;
    struct rig_setup s = {.policies = {{"a.lua", USES("include 'lib_a'"), 0}}, .libraries = {{"lib_a.lua", large}}};
    kit_expect_run(&s, kit_plain, NULL, "load: a.lua:1: include: lib_a.lua is larger than 64 KiB\n");
    free(large);
}

/* A VM that is thrown away loads its libraries again. */
static void libraries_come_back(void **state)
{
    (void)state;
    static const char source[] =
        "local m = include 'lib_a' return { api = 1, match = 'alertname!=\"\"', filter = function() return m.f() end }";
    static const char library[] = "local n = 0 return { f = function() n = n + 1\n"
                                  "if n == 2 then local t = {} while true do t = {t, {}, {}, {}} end end return false, 'n' .. n end }";
    const char *const three[] = {kit_plain, kit_plain, kit_plain};
    struct rig_setup s = {.policies = {{"a.lua", source, 0}}, .libraries = {{"lib_a.lua", library}}};
    struct rig r = {0};
    struct buf text = {0};
    rig_start(&r);
    rig_ready(&r, &s, &text);
    rig_judge(&r, three, 3, &text);
    kit_expect(text.data, "[n1] by=a at=a.lua:1\njudge: error policy.memory [a.lua:1: filter: used more than 16384 KiB of memory] "
                          "by=a at=a.lua:1\njudge: drop policy.filter [n1]");
    rig_stop(&r);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libraries_are_included),
        cmocka_unit_test(a_library_has_a_size),
        cmocka_unit_test(libraries_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

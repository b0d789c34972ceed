/* The lint inside the worker: what READY says of it. The rules have their own test, lint_test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lua/worker_rig.h"

#include <stdio.h>

static void expect(const struct rig_setup *setup, const char *lines)
{
    struct rig r = {0};
    struct buf said = {0};
    rig_start(&r);
    rig_ready(&r, setup, &said);
    assert_string_equal(said.data ? said.data : "", lines);
    rig_stop(&r);
    buf_free(&said);
}

static const char good[] = "return { api = 1, match = 'a=\"b\"', filter = function() return false, \"no\" end }\n";
static const char warned[] = "return {\n"
                             "    api = 1,\n"
                             "    filter = function(alert)\n"
                             "        if alert.labels.a == 1 then\n"
                             "            return false\n"
                             "        end\n"
                             "        return true\n"
                             "    end,\n"
                             "}\n";
static const char broken[] = "local now = 1\nreturn { api = 1, filter = function() return os.time() > now end }\n";

static void test_warnings_are_listed(void **state)
{
    (void)state;
    struct rig_setup setup = {.policies = {{"10-good.lua", good, 0}, {"20-warned.lua", warned, 0}}, .lint = true};
    expect(&setup, "policy: 10-good 10-good.lua a=\"b\"\n"
                   "policy: 20-warned 20-warned.lua \n"
                   "lint: 20-warned.lua:4: the label is a string, so comparing it with a number is never equal; use "
                   "tonumber() or a string\n"
                   "lint: 20-warned.lua:5: filter drops the alert and does not say why; write return false, \"the "
                   "reason\"\n");
}

static void test_errors_refuse_the_file(void **state)
{
    (void)state;
    struct rig_setup setup = {.policies = {{"10-broken.lua", broken, 0}, {"20-good.lua", good, 0}}, .lint = true};
    expect(&setup, "load: 10-broken.lua:2: 'os.time' does not exist in a policy; use ctx.now\n"
                   "policy: 20-good 20-good.lua a=\"b\"\n");
}

/* Not asked for: nothing is looked at, and the file fails when it runs. */
static void test_without_the_wish(void **state)
{
    (void)state;
    struct rig_setup setup = {.policies = {{"10-broken.lua", broken, 0}, {"20-warned.lua", warned, 0}}};
    expect(&setup, "policy: 10-broken 10-broken.lua \n"
                   "policy: 20-warned 20-warned.lua \n");
}

static void test_libraries(void **state)
{
    (void)state;
    struct rig_setup setup = {
        .policies = {{"10-bad.lua", "local lib = include \"lib_bad\"\nreturn { api = 1, title = lib.title }\n", 0},
                     {"20-fine.lua", "local lib = include \"lib_fine\"\nreturn { api = 1, title = lib.title }\n", 0}},
        .libraries = {{"lib_bad.lua", "local lib = {}\nfunction lib.title() return os.date() end\nreturn lib\n"},
                      {"lib_fine.lua", "local lib = {}\n"
                                       "function lib.title(alert)\n"
                                       "    return alert.labels.pod .. '!'\n"
                                       "end\n"
                                       "return lib\n"}},
        .lint = true};
    expect(&setup,
           "load: lib_bad.lua:2: 'os.date' does not exist in a policy; use time.format(ctx.now, ...)\n"
           "policy: 20-fine 20-fine.lua  lib=1\n"
           "lint: lib_fine.lua:3: the label 'pod' may be absent, and .. then fails; use alert:label(\"pod\", \"\")\n");
}

/* What Lua itself refuses is told in the same form with and without. */
static void test_syntax(void **state)
{
    (void)state;
    struct rig_setup setup = {.policies = {{"10-typo.lua", "return {\n    api = = 1,\n}\n", 0}}};
    static const char said[] = "load: 10-typo.lua:2: unexpected symbol near '='\n";
    expect(&setup, said);
    setup.lint = true;
    expect(&setup, said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warnings_are_listed), cmocka_unit_test(test_errors_refuse_the_file),
        cmocka_unit_test(test_without_the_wish),    cmocka_unit_test(test_libraries),
        cmocka_unit_test(test_syntax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

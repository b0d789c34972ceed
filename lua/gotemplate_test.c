/* gotemplate: limits, deep nesting, bytes that are no text, references(), and its need for globals. What templates
   mean is tested by test/go-template-vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "lua/gotemplate.h"

#define CAP (64u << 20)

static size_t used;

/* The worker's memory cap: 64 MiB, then "not enough memory". */
static void *capped(void *ud, void *p, size_t osize, size_t nsize)
{
    (void)ud;
    size_t old = p ? osize : 0;
    if (nsize == 0) {
        free(p);
        used -= old;
        return NULL;
    }
    if (used - old + nsize > CAP)
        return NULL;
    void *q = realloc(p, nsize);
    if (q)
        used = used - old + nsize;
    return q;
}

static int open_all(lua_State *L)
{
    static const char *const names[] = {"error", "getmetatable", "ipairs", "math", "next", "pcall", "setmetatable",
        "string", "table", "tonumber", "tostring", "type", "utf8"};
    luaL_openlibs(L);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_getglobal(L, names[i]);
        lua_setfield(L, -2, names[i]);
    }
    lua_pushglobaltable(L);
    lua_insert(L, -2);
    lua_seti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS); /* the engine sees no more than its header says */
    gotemplate_open(L);
    lua_insert(L, -2);
    lua_seti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS); /* the test's script sees all */
    lua_setglobal(L, "gotemplate");
    return 0;
}

static const char prologue[] =
    "local value = gotemplate.value\n"
    "local map, list, null = value.map, value.list, value.null\n"
    "local function render(text, data, limits)\n"
    "    local tmpl, err = gotemplate.parse('prompt', text)\n"
    "    if not tmpl then return 'parse: ' .. err end\n"
    "    local out, err = gotemplate.execute(tmpl, data, limits)\n"
    "    assert((out == nil) == (err ~= nil))\n"
    "    return out or err\n"
    "end\n"
    "local function equal(got, want)\n"
    "    if got ~= want then\n"
    "        error(string.format('want %q\\ngot  %q', tostring(want), string.sub(tostring(got), 1, 2000)), 2)\n"
    "    end\n"
    "end\n";

/* Runs a script after the prologue in a fresh capped state; a Lua error fails the test. */
static void run(const char *script)
{
    used = 0;
    lua_State *L = lua_newstate(capped, NULL);
    assert_non_null(L);
    lua_pushcfunction(L, open_all);
    assert_int_equal(lua_pcall(L, 0, 0, 0), LUA_OK);
    size_t n = strlen(prologue) + strlen(script) + 1;
    char *text = malloc(n);
    snprintf(text, n, "%s%s", prologue, script);
    int rc = luaL_loadbufferx(L, text, strlen(text), "=test", "t");
    free(text);
    if (rc == LUA_OK)
        rc = lua_pcall(L, 0, 0, 0);
    if (rc != LUA_OK)
        print_error("%s\n", luaL_tolstring(L, -1, NULL));
    lua_close(L);
    assert_int_equal(rc, LUA_OK);
    assert_int_equal(used, 0);
}

static void test_output_limit(void **state)
{
    (void)state;
    run("equal(render('0123456789', map{}, {output = 10}), '0123456789')\n"
        "equal(render('0123456789x', map{}, {output = 10}), 'template: prompt: output is larger than 10 bytes')\n"
        "equal(render('{{range 11}}x{{end}}', map{}, {output = 10}), 'template: prompt: output is larger than 10 bytes')\n"
        "equal(#render('{{range 200000}}abcde{{end}}', map{}), 1000000)\n"
        "equal(render('{{range 200000}}abcdef{{end}}', map{}), 'template: prompt: output is larger than 1048576 bytes')\n"
        "equal(render('{{len (printf \"%1000000d%1000000d\" 1 2)}}', map{}),\n"
        "    'template: prompt: a value is larger than 1048576 bytes')\n"
        "equal(render('{{$x := \"xxxxxxxxxxxxxxxx\"}}{{range 40}}{{$x = print $x $x}}{{end}}', map{}),\n"
        "    'template: prompt: a value is larger than 1048576 bytes')\n");
}

static void test_step_limit(void **state)
{
    (void)state;
    run("equal(render('{{range 10}}x{{end}}', map{}, {steps = 100}), 'xxxxxxxxxx')\n"
        "equal(render('{{range 1000}}x{{end}}', map{}, {steps = 100}), 'template: prompt: gave up after 100 steps')\n"
        "equal(render('{{range 9223372036854775807}}{{end}}', map{}),\n"
        "    'template: prompt: gave up after 2000000 steps')\n"
        "equal(render('{{$x := printf \"%1000000d\" 1}}{{range 1000000}}{{$y := print $x 1}}{{end}}', map{}),\n"
        "    'template: prompt: gave up after 2000000 steps')\n");
}

static void test_recursion(void **state)
{
    (void)state;
    run("local deep = '{{define \"r\"}}{{if true}}{{template \"r\" .}}{{end}}{{end}}{{template \"r\" .}}'\n"
        "equal(render(deep, map{}), 'template: prompt:1:36: executing \"r\" at <{{template \"r\" .}}>: ' ..\n"
        "    'exceeded maximum template depth (100000)')\n"
        "equal(render(deep, map{}, {depth = 10}), 'template: prompt:1:36: executing \"r\" at <{{template \"r\" .}}>: ' ..\n"
        "    'exceeded maximum template depth (10)')\n"
        "local countdown = '{{define \"r\"}}{{len .}}{{if .}}{{template \"r\" (slice . 1)}}{{end}}{{end}}{{template \"r\" .}}'\n"
        "equal(render(countdown, 'abc'), '3210')\n");
}

static void test_nesting(void **state)
{
    (void)state;
    run("local function nested(n) return '{{' .. string.rep('(', n) .. '1' .. string.rep(')', n) .. '}}' end\n"
        "equal(render(nested(10000), map{}), '1')\n"
        "equal(render(nested(10001), map{}), 'parse: template: prompt:1: max expression depth exceeded')\n"
        "local function ifs(n) return string.rep('{{if 1}}', n) .. 'x' .. string.rep('{{end}}', n) end\n"
        "equal(render(ifs(10000), map{}), 'x')\n"
        "equal(render(ifs(10001), map{}), 'parse: template: prompt:1: actions nested deeper than 10000')\n"
        "equal(render('{{if 0}}' .. string.rep('{{else if 0}}', 10000) .. '{{end}}', map{}),\n"
        "    'parse: template: prompt:1: actions nested deeper than 10000')\n"
        "equal(render(string.rep('{{block \"a\" 1}}', 10001), map{}),\n"
        "    'parse: template: prompt:1: actions nested deeper than 10000')\n"
        "equal(render(string.rep('{{if 1}}{{end}}', 20000), map{}), '')\n");
}

static void test_bytes(void **state)
{
    (void)state;
    run("local data = map{s = 'a\\0b\\xff\\xc3', n = null, l = list({1, nil, 'x'}, 3)}\n"
        "equal(render('{{.s}}', data), 'a\\0b\\xff\\xc3')\n"
        "equal(render('\\0\\xff{{len .s}}', data), '\\0\\xff5')\n"
        "equal(render('{{printf \"%q %+q %x %5.2s|\" .s .s .s .s}}', data),\n"
        "    [[\"a\\x00b\\xff\\xc3\" \"a\\x00b\\xff\\xc3\" 610062ffc3    ]] .. 'a\\0|')\n"
        "equal(render('{{html .s}}', data), 'a\\u{FFFD}b\\xff\\xc3')\n"
        "equal(render('{{js .s}}', data), 'a\\\\u0000b\\xff\\xc3')\n"
        "equal(render('{{urlquery .s}}', data), 'a%00b%FF%C3')\n"
        "equal(render('{{.l}}{{.n}}{{len .l}}', data), '[1 <nil> x]<no value>3')\n"
        "equal(render('{{.}}', null), '<no value>')\n"
        "equal(render('{{.x}}', nil),\n"
        "    'template: prompt:1:2: executing \"prompt\" at <.x>: nil data; no entry for key \"x\"')\n");
}

static void test_references(void **state)
{
    (void)state;
    run("local function refers(text) return assert(gotemplate.parse('n', text)):references('Context') end\n"
        "for _, text in ipairs{'{{.Context}}', '{{.Context.a.b}}', '{{$.Context}}', '{{$x := .}}{{$x.Context.a}}',\n"
        "    '{{(index .).Context}}', '{{index . \"Context\"}}', '{{index . `Context`}}', '{{if .ID}}{{else}}{{.Context}}{{end}}',\n"
        "    '{{if .Context}}{{end}}', '{{range .L}}{{with .A}}{{.Context}}{{end}}{{end}}', '{{template \"x\" .Context}}{{define \"x\"}}{{end}}',\n"
        "    '{{define \"x\"}}{{.Context}}{{end}}', '{{block \"x\" .}}{{$.Context}}{{end}}', '{{print 1 (len (.Context))}}',\n"
        "    '{{(.Context).a}}', '{{1 | print .Context}}'} do\n"
        "    equal(refers(text) and text, text)\n"
        "end\n"
        "for _, text in ipairs{'', 'Context', '{{.ID}}', '{{.A.Context}}', '{{\"context\"}}', '{{/* .Context */}}', '{{$Context := 1}}{{$Context}}',\n"
        "    '{{(.A).b.Context}}'} do\n"
        "    equal(refers(text), false)\n"
        "end\n");
}

static void test_wrong_data(void **state)
{
    (void)state;
    run("local ok, err = pcall(render, '{{.x}}', map{x = {}})\n"
        "equal(ok, false)\n"
        "assert(string.find(err, 'data holds a table', 1, true), err)\n"
        "ok, err = pcall(render, '{{.x}}', map{x = print})\n"
        "assert(not ok and string.find(err, 'data holds a function', 1, true), err)\n");
}

/* What is not the template's fault, such as the host's budget, is not turned into a template's error. */
static void test_foreign_errors(void **state)
{
    (void)state;
    run("local budget = {}\n"
        "debug.sethook(function() error(budget, 0) end, '', 100000)\n"
        "local ok, err = pcall(render, '{{range 1000000}}{{end}}', map{})\n"
        "debug.sethook()\n"
        "equal(ok, false)\n"
        "equal(err, budget)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_limit),
        cmocka_unit_test(test_step_limit),
        cmocka_unit_test(test_recursion),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_wrong_data),
        cmocka_unit_test(test_foreign_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

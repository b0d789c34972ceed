#include "lib.h"

#include "bind_alert.h"
#include "sandbox.h"
#include "vm.h"

#include "base/embed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

extern const struct embed_file helper_prelude[];

/* Arguments */

int lib_wrong(lua_State *L, const char *fn, int arg, const char *expected)
{
    return luaL_error(L, "%s: argument %d must be %s, got %s", fn, arg, expected,
                      lua_isnone(L, arg) ? "nothing" : luaL_typename(L, arg));
}

const char *lib_text(lua_State *L, const char *fn, int arg, size_t *len)
{
    if (lua_type(L, arg) != LUA_TSTRING && lua_type(L, arg) != LUA_TNUMBER)
        lib_wrong(L, fn, arg, "a text");
    const char *s = lua_tolstring(L, arg, len);
    vm_charge(L, *len / 8 + 1);
    return s;
}

lua_Number lib_number(lua_State *L, const char *fn, int arg)
{
    if (lua_type(L, arg) != LUA_TNUMBER)
        lib_wrong(L, fn, arg, "a number");
    lua_Number n = lua_tonumber(L, arg);
    if (!isfinite(n))
        luaL_error(L, "%s: argument %d is no finite number", fn, arg);
    return n;
}

lua_Integer lib_integer(lua_State *L, const char *fn, int arg, lua_Integer min, lua_Integer max)
{
    int whole = 0;
    lua_Integer n = lua_type(L, arg) == LUA_TNUMBER ? lua_tointegerx(L, arg, &whole) : 0;
    if (lua_type(L, arg) != LUA_TNUMBER)
        lib_wrong(L, fn, arg, "a whole number");
    if (!whole || n < min || n > max)
        luaL_error(L, "%s: argument %d must be a whole number from %I to %I", fn, arg, (LUAI_UACINT)min,
                   (LUAI_UACINT)max);
    return n;
}

const struct alert *lib_alert(lua_State *L, const char *fn, int arg)
{
    const struct alert *a = bind_alert_test(L, arg);
    if (!a)
        lib_wrong(L, fn, arg, "an alert");
    return a;
}

lua_Integer lib_list(lua_State *L, const char *fn, int arg, lua_Integer max)
{
    if (lua_type(L, arg) != LUA_TTABLE && lua_type(L, arg) != LUA_TUSERDATA)
        lib_wrong(L, fn, arg, "a list");
    if (lua_type(L, arg) == LUA_TUSERDATA) {
        if (!luaL_getmetafield(L, arg, "__len"))
            lib_wrong(L, fn, arg, "a list");
        lua_pop(L, 1);
    }
    lua_Integer n = luaL_len(L, arg);
    if (n < 0 || n > max)
        luaL_error(L, "%s: argument %d may have at most %I elements", fn, arg, (LUAI_UACINT)max);
    vm_charge(L, (size_t)n);
    return n;
}

const char *lib_list_text(lua_State *L, const char *fn, int arg, lua_Integer i, size_t *len)
{
    lua_geti(L, arg, i);
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "%s: argument %d must be a list of texts, element %I is a %s", fn, arg, (LUAI_UACINT)i,
                   luaL_typename(L, -1));
    return lua_tolstring(L, -1, len);
}

void lib_push_number(lua_State *L, lua_Number n)
{
    lua_Integer whole;
    if (lua_numbertointeger(n, &whole) && (lua_Number)whole == n)
        lua_pushinteger(L, whole);
    else
        lua_pushnumber(L, n);
}

/* Helpers in Lua */

static const luaL_Reg internal_fence_only[] = {{"fence", internal_fence}, {NULL, NULL}};

/* Pushes what the chunk returned. */
static void push_chunk(lua_State *L, const char *file)
{
    if (lua_getfield(L, LUA_REGISTRYINDEX, file) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    const struct embed_file *f = helper_prelude;
    while (strcmp(f->name, file) != 0)
        f++;
    sandbox_push_env(L, 1);
    lib_open(L);
    luaL_newlib(L, internal_fence_only);
    luaL_setfuncs(L, lib_internal_functions, 0);
    lua_setfield(L, -2, "internal");
    sandbox_load(L, f->start, (size_t)(f->end - f->start), "=(helper)");
    lua_call(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, file);
}

int lib_call_lua(lua_State *L, const char *file, const char *name)
{
    luaL_checkstack(L, 8, name);
    push_chunk(L, file);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int template_render(lua_State *L)
{
    return lib_call_lua(L, "template.lua", "render");
}
static int report_body(lua_State *L)
{
    return lib_call_lua(L, "report.lua", "body");
}
static int report_members(lua_State *L)
{
    return lib_call_lua(L, "report.lua", "members");
}
static int text_table(lua_State *L)
{
    return lib_call_lua(L, "table.lua", "table");
}
static int text_json(lua_State *L)
{
    return lib_call_lua(L, "json.lua", "json");
}

static int match(lua_State *L)
{
    size_t len;
    const struct alert *a = lib_alert(L, "match", 1);
    const char *text = lib_text(L, "match", 2, &len);
    lua_pushboolean(L, bind_alert_fits(L, "match", a, text, len));
    return 1;
}

/* The environment */

static const luaL_Reg template_functions[] = {{"render", template_render}, {NULL, NULL}};
static const luaL_Reg report_functions[] = {{"body", report_body}, {"members", report_members}, {NULL, NULL}};
static const luaL_Reg text_in_lua[] = {{"json", text_json}, {"table", text_table}, {NULL, NULL}};
static const luaL_Reg globals[] = {{"match", match}, {NULL, NULL}};

static const struct {
    const char *name;
    const luaL_Reg *functions;
    int count;
} libraries[] = {
    {"duration", lib_duration_functions, 2}, {"time", lib_time_functions, 6},
    {"template", template_functions, 1},     {"hash", lib_hash_functions, 3},
    {"severity", lib_severity_functions, 2}, {"k8s", lib_k8s_functions, 3},
    {"report", report_functions, 2},
};

void lib_text_add(lua_State *L)
{
    luaL_setfuncs(L, lib_text_functions, 0);
    luaL_setfuncs(L, text_in_lua, 0);
}

void lib_open(lua_State *L)
{
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        lua_createtable(L, 0, libraries[i].count);
        luaL_setfuncs(L, libraries[i].functions, 0);
        lua_setfield(L, -2, libraries[i].name);
    }
    luaL_setfuncs(L, lib_retrigger_functions, 0);
    luaL_setfuncs(L, globals, 0);
}

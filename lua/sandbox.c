#include "sandbox.h"

#include "lib.h"
#include "vm.h"

#include <lualib.h>

#define LIBRARIES "alertspawner.libraries" /* registry: name -> the checked library, which no policy holds   \
                                            */

void sandbox_tostring(lua_State *L, int idx)
{
    idx = lua_absindex(L, idx);
    switch (lua_type(L, idx)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
    case LUA_TBOOLEAN:
    case LUA_TNIL:
        luaL_tolstring(L, idx, NULL);
        return;
    default:
        if (!luaL_callmeta(L, idx, "__tostring"))
            lua_pushstring(L, luaL_typename(L, idx)); /* no address: it would tell where code and data lie */
        else if (!lua_isstring(L, -1))
            luaL_error(L, "'__tostring' must return a string");
    }
}

static int base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    sandbox_tostring(L, 1);
    return 1;
}

static int base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    vm_rethrow(L, status);
    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

static int base_setmetatable(lua_State *L)
{
    int t = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, t == LUA_TNIL || t == LUA_TTABLE, 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    if (t == LUA_TTABLE) {
        /* Lua marks a table for finalization here or never, so looking once is enough. __close needs no such
         * care: the hook counts in it as anywhere. */
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "setmetatable: __gc is not allowed in a policy");
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

static int base_getmetatable(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_type(L, 1) != LUA_TTABLE || !lua_getmetatable(L, 1)) {
        lua_pushnil(L);
        return 1;
    }
    luaL_getmetafield(L, 1, "__metatable");
    return 1; /* the field, else the metatable itself */
}

static int base_print(lua_State *L)
{
    (void)L;
    return 0;
}

static const luaL_Reg base_own[] = {
    {"getmetatable", base_getmetatable}, {"pcall", base_pcall},       {"print", base_print},
    {"setmetatable", base_setmetatable}, {"tostring", base_tostring}, {NULL, NULL},
};
static const char *const base_kept[] = {"_VERSION", "assert", "error", "ipairs",   "next",
                                        "pairs",    "select", "type",  "tonumber", NULL};
static const char *const base_trusted[] = {"rawequal", "rawget", "rawset", NULL};
static const char *const math_kept[] = {
    "abs",        "acos",       "asin", "atan", "ceil",      "cos",  "deg", "exp", "floor",
    "fmod",       "huge",       "log",  "max",  "min",       "modf", "pi",  "rad", "sin",
    "maxinteger", "mininteger", "sqrt", "tan",  "tointeger", "type", "ult", NULL};
static const char *const utf8_kept[] = {"char", "charpattern", "codepoint", "codes", NULL};

/* Functions that walk their first argument once: the walk is counted. */
static int counted(lua_State *L)
{
    size_t len = 0;
    if (lua_type(L, 1) == LUA_TSTRING)
        lua_tolstring(L, 1, &len);
    vm_charge(L, len / 8);
    return sandbox_call_original(L);
}

int sandbox_call_original(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

void sandbox_wrap(lua_State *L, int original, const char *name, lua_CFunction f)
{
    lua_getfield(L, original, name);
    lua_pushcclosure(L, f ? f : counted, 1);
    lua_setfield(L, -2, name);
}

void sandbox_copy(lua_State *L, int from, const char *const *names)
{
    for (; *names; names++) {
        lua_getfield(L, from, *names);
        lua_setfield(L, -2, *names);
    }
}

static void open_utf8(lua_State *L, int original)
{
    lua_newtable(L);
    sandbox_copy(L, original, utf8_kept);
    sandbox_wrap(L, original, "len", NULL);
    sandbox_wrap(L, original, "offset", NULL);
}

/* The libraries that are copied; those of lib.h are made anew for each environment. */
static const char *const library_names[] = {"string", "table", "math", "utf8", "text", NULL};

void sandbox_open(lua_State *L)
{
    lua_newtable(L);
    int libraries = lua_gettop(L);

    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    lua_newtable(L);
    sandbox_copy(L, -2, base_kept);
    luaL_setfuncs(L, base_own, 0);
    lua_setfield(L, libraries, "base");
    lua_newtable(L);
    sandbox_copy(L, -2, base_trusted);
    lua_setfield(L, libraries, "trusted");
    /* nothing may be found in the state's own globals, should anything ever look there */
    for (lua_pushnil(L); lua_next(L, -2); lua_pushnil(L)) {
        lua_pop(L, 1);
        lua_pushnil(L);
        lua_rawset(L, -3);
    }
    lua_pop(L, 1);

    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0); /* sets the metatable of strings too */
    sandbox_string(L, lua_gettop(L));
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index"); /* the checked library; what a policy sees is a copy of it */
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
    lua_setfield(L, libraries, "string");
    lua_pop(L, 1);

    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 0);
    sandbox_table(L, lua_gettop(L));
    lua_setfield(L, libraries, "table");
    lua_pop(L, 1);

    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 0);
    lua_newtable(L);
    sandbox_copy(L, -2, math_kept);
    lua_setfield(L, libraries, "math");
    lua_pop(L, 1);

    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 0);
    open_utf8(L, lua_gettop(L));
    lua_setfield(L, libraries, "utf8");
    lua_pop(L, 1);

    sandbox_text(L);
    lua_setfield(L, libraries, "text");

    lua_setfield(L, LUA_REGISTRYINDEX, LIBRARIES);
}

/* Adds every field of the table at `from` to the table on top. */
static void copy_all(lua_State *L, int from)
{
    for (lua_pushnil(L); lua_next(L, from);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
}

void sandbox_push_env(lua_State *L, int trusted)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LIBRARIES);
    int libraries = lua_gettop(L);
    lua_getfield(L, libraries, "base");
    lua_newtable(L);
    copy_all(L, libraries + 1);
    if (trusted) {
        lua_getfield(L, libraries, "trusted");
        lua_replace(L, libraries + 1);
        copy_all(L, libraries + 1);
    }
    for (const char *const *name = library_names; *name; name++) {
        lua_getfield(L, libraries, *name);
        lua_replace(L, libraries + 1);
        lua_newtable(L);
        copy_all(L, libraries + 1);
        lua_setfield(L, -2, *name);
    }
    if (!trusted)
        lib_open(L);
    lua_replace(L, libraries);
    lua_settop(L, libraries);
}

static void load(lua_State *L, const char *chunk, size_t len, const char *chunk_name, const char *mode)
{
    if (chunk_name[0] == '@')
        vm_add_file(vm_of(L), chunk_name + 1);
    if (luaL_loadbufferx(L, chunk, len, chunk_name, mode) != LUA_OK)
        lua_error(L);
    lua_insert(L, -2);
    lua_setupvalue(L, -2, 1); /* a main chunk's only upvalue is _ENV */
}

void sandbox_load(lua_State *L, const char *source, size_t len, const char *chunk_name)
{
    load(L, source, len, chunk_name, "t");
}

void sandbox_load_compiled(lua_State *L, const char *chunk, size_t len, const char *chunk_name)
{
    load(L, chunk, len, chunk_name, "b");
}

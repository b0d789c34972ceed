/* The libraries of the spec's VM: what the runner has. Specs see what lua/spec/globals.lua makes of it.
 *
 * Absent: io, package and most of os (the outside; there is none in this process anyway), dofile and loadfile (files come
 * from the engine, by host.read), load of bytecode and string.dump (Lua trusts bytecode, whoever wrote it), debug.sethook
 * (time is counted by a hook), debug.getregistry and debug.setuservalue (what our C functions keep). */
#include "spec_internal.h"

#include "base/mem.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

static const char *const debug_kept[] = {"getinfo",     "getlocal",    "getmetatable", "getupvalue", "setlocal",
                                         "setmetatable", "setupvalue", "traceback",    "upvalueid",  "upvaluejoin", NULL};
static const char *const os_kept[] = {"clock", "date", "difftime", "time", NULL};

static const char *read_piece(lua_State *L, void *arg, size_t *len)
{
    (void)arg;
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        *len = 0;
        return NULL;
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "reader function must return a string");
    lua_replace(L, 5); /* stays alive there */
    return lua_tolstring(L, 5, len);
}

/* load(chunk [, name [, mode [, env]]]): text only, whatever mode says. */
static int text_load(lua_State *L)
{
    int status, has_env = !lua_isnone(L, 4);
    size_t len;
    const char *s = lua_tolstring(L, 1, &len);
    if (s) {
        const char *name = luaL_optstring(L, 2, s);
        status = luaL_loadbufferx(L, s, len, name, "t");
    } else {
        const char *name = luaL_optstring(L, 2, "=(load)");
        luaL_checktype(L, 1, LUA_TFUNCTION);
        lua_settop(L, 5);
        status = lua_load(L, read_piece, NULL, name, "t");
    }
    if (status != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (has_env) {
        lua_pushvalue(L, 4);
        if (!lua_setupvalue(L, -2, 1))
            lua_pop(L, 1);
    }
    return 1;
}

/* Keeps only the named fields of the library. */
static void open_part(lua_State *L, const char *name, lua_CFunction open, const char *const *kept)
{
    luaL_requiref(L, name, open, 0);
    lua_newtable(L);
    for (; *kept; kept++) {
        lua_getfield(L, -2, *kept);
        lua_setfield(L, -2, *kept);
    }
    lua_setglobal(L, name);
    lua_pop(L, 1);
}

static void remove_global(lua_State *L, const char *name)
{
    lua_pushnil(L);
    lua_setglobal(L, name);
}

void spec_libs_open(lua_State *L)
{
    static const luaL_Reg whole[] = {{LUA_GNAME, luaopen_base},       {LUA_STRLIBNAME, luaopen_string},
                                     {LUA_TABLIBNAME, luaopen_table}, {LUA_MATHLIBNAME, luaopen_math},
                                     {LUA_UTF8LIBNAME, luaopen_utf8}, {LUA_COLIBNAME, luaopen_coroutine}};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        luaL_requiref(L, whole[i].name, whole[i].func, 1);
        lua_pop(L, 1);
    }
    open_part(L, LUA_DBLIBNAME, luaopen_debug, debug_kept);
    open_part(L, LUA_OSLIBNAME, luaopen_os, os_kept);
    lua_pushcfunction(L, text_load);
    lua_setglobal(L, "load");
    remove_global(L, "loadfile");
    remove_global(L, "dofile");
    remove_global(L, "warn");
    lua_getglobal(L, "string");
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pop(L, 1);
    /* luaL_requiref has kept whole libraries there; now what is left of them, by which tracebacks name functions */
    static const char *const names[] = {LUA_STRLIBNAME, LUA_TABLIBNAME, LUA_MATHLIBNAME, LUA_UTF8LIBNAME,
                                        LUA_COLIBNAME,  LUA_DBLIBNAME,  LUA_OSLIBNAME};
    lua_newtable(L);
    lua_pushglobaltable(L);
    lua_setfield(L, -2, LUA_GNAME);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_getglobal(L, names[i]);
        lua_setfield(L, -2, names[i]);
    }
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

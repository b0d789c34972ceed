/* include "lib_hours": libraries, each run once per VM in an environment of its own.
 *
 * Every file has an `include` of its own that knows whose it is (upvalue 2), and every library knows who ran it first:
 * that is how a circle is found, also after errors that somebody caught. */
#include "policy_internal.h"
#include "sandbox.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "policy/library_name.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIB_NONE, LIB_RUNNING, LIB_DONE };
enum { LIST_SHOWN_MAX = 400 };

static const struct policy_library *library(const struct policy *p, uint32_t i)
{
    return &p->cycle->libraries[p->libraries[i]];
}

static int find(const struct policy *p, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < p->n_libraries; i++) {
        const char *file = library(p, (uint32_t)i)->file;
        if (strncmp(file, name, len) == 0 && strcmp(file + len, ".lua") == 0)
            return (int)i;
    }
    return -1;
}

static int raise_missing(lua_State *L, const struct policy *p, const char *name)
{
    char list[LIST_SHOWN_MAX] = "";
    size_t at = 0;
    for (size_t i = 0; i < p->n_libraries && at < sizeof list - 1; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", library(p, (uint32_t)i)->file);
    if (!p->n_libraries)
        return luaL_error(L, "include: there is no %s.lua beside the policies, and no other library", name);
    return luaL_error(L, "include: there is no %s.lua beside the policies; there are %s%s", name, list,
                      at >= sizeof list ? "..." : "");
}

static int raise_circle(lua_State *L, const struct policy *p, uint32_t caller, uint32_t wanted)
{
    int start = lua_gettop(L);
    lua_pushfstring(L, "%s", library(p, wanted)->file); /* from the end to the beginning */
    for (uint32_t i = caller;; i = p->lib_parent[i]) {
        lua_pushfstring(L, "%s -> %s", library(p, i)->file, lua_tostring(L, -1));
        lua_remove(L, start + 1);
        if (i == wanted)
            break;
    }
    return luaL_error(L, "include: the libraries include each other in a circle: %s", lua_tostring(L, -1));
}

/* Is `wanted` the caller, or did it lead to the caller? */
static bool is_above(const struct policy *p, uint32_t caller, uint32_t wanted)
{
    for (size_t steps = 0; caller != UINT32_MAX && steps <= p->n_libraries; steps++) {
        if (caller == wanted)
            return true;
        caller = p->lib_parent[caller];
    }
    return false;
}

/* Leaves the library's value on top. `policy` is upvalue 3. */
static void run(lua_State *L, struct policy *p, uint32_t i)
{
    const struct policy_library *lib = library(p, i);
    char chunk_name[300];
    if (lib->source.len > WIRE_SOURCE_MAX)
        luaL_error(L, "include: %s is larger than %d KiB", lib->file, WIRE_SOURCE_MAX / 1024);
    if (utf8_valid(lib->source.s, lib->source.len) != lib->source.len)
        luaL_error(L, "include: %s is not valid UTF-8", lib->file);
    snprintf(chunk_name, sizeof chunk_name, "@%s", lib->file);
    sandbox_push_env(L, 0);
    lua_pushvalue(L, lua_upvalueindex(3));
    include_open_env(L, p, i);
    sandbox_load(L, lib->source.s, lib->source.len, chunk_name);
    lua_call(L, 0, 1);
}

/* Upvalues: the policy, the number of the file that calls, `policy`. */
static int include(lua_State *L)
{
    struct policy *p = lua_touserdata(L, lua_upvalueindex(1));
    uint32_t caller = (uint32_t)lua_tointeger(L, lua_upvalueindex(2));
    size_t len;
    if (!p->loading)
        return luaL_error(L, "include is for the top level of a file; keep what it returns in a local");
    if (lua_type(L, 1) != LUA_TSTRING)
        return luaL_error(L, "include: the name of a library is expected, such as include \"lib_hours\", got %s",
                          luaL_typename(L, 1));
    const char *name = lua_tolstring(L, 1, &len);
    if (!library_name_legal(name, len))
        return luaL_error(L, "include: '%s' is no name of a library; they begin with lib_ and are made of letters, "
                             "digits, '.', '_' and '-'",
                          len > 80 ? "that" : name);
    int found = find(p, name);
    if (found < 0 && len > 4 && strcmp(name + len - 4, ".lua") == 0)
        return luaL_error(L, "include: leave out .lua: include \"%s\"", lua_pushlstring(L, name, len - 4));
    if (found < 0)
        return raise_missing(L, p, name);
    uint32_t i = (uint32_t)found;
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->libraries_ref);
    if (p->lib_state[i] == LIB_DONE) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        return 1;
    }
    if (p->lib_state[i] == LIB_RUNNING && is_above(p, caller, i))
        return raise_circle(L, p, caller, i);
    p->lib_state[i] = LIB_RUNNING;
    p->lib_parent[i] = caller;
    p->included[i] = true;
    run(L, p, i);
    p->lib_state[i] = LIB_DONE;
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
    return 1;
}

void include_open_env(lua_State *L, struct policy *p, uint32_t caller)
{
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "policy");
    lua_pushlightuserdata(L, p);
    lua_pushinteger(L, caller);
    lua_rotate(L, -3, -1);
    lua_pushcclosure(L, include, 3);
    lua_setfield(L, -2, "include");
}

void include_reset(lua_State *L, struct policy *p)
{
    size_t n = p->n_libraries ? p->n_libraries : 1;
    lua_newtable(L);
    p->libraries_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    if (!p->lib_state) {
        p->lib_state = xcalloc(n, sizeof *p->lib_state);
        p->lib_parent = xcalloc(n, sizeof *p->lib_parent);
        p->included = xcalloc(n, sizeof *p->included);
    }
    memset(p->lib_state, LIB_NONE, n * sizeof *p->lib_state);
}

static bool holds_word(struct wire_text source, const char *word)
{
    size_t len = strlen(word);
    const char *p = source.s, *end = source.s + source.len;
    while ((p = memmem(p, (size_t)(end - p), word, len))) {
        bool begins = p == source.s || (!isalnum((unsigned char)p[-1]) && p[-1] != '_');
        p += len;
        if (begins && (p == end || (!isalnum((unsigned char)*p) && *p != '_')))
            return true;
    }
    return false;
}

bool include_mentions(const struct policy *p, const char *word)
{
    if (holds_word(p->source, word))
        return true;
    for (uint32_t i = 0; i < p->n_libraries; i++)
        if (p->included[i] && holds_word(library(p, i)->source, word))
            return true;
    return false;
}

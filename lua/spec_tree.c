/* Values that cross the wall: Lua's into wire trees. The other way is ctx_push_tree. */
#include "spec_internal.h"

#include <lauxlib.h>
#include <string.h>

enum { TREE_MEMBERS_MAX = 100 * 1000 };

static void write(lua_State *L, int idx, int depth, struct buf *out);

/* 1..n and nothing else? An empty table is a map. */
static bool is_list(lua_State *L, int idx, size_t *n_r)
{
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        n++;
        if (!lua_isinteger(L, -2) || n > TREE_MEMBERS_MAX) {
            bool list = lua_isinteger(L, -2);
            lua_pop(L, 2);
            *n_r = n;
            return list;
        }
    }
    *n_r = n;
    return n > 0 && lua_rawlen(L, idx) == n;
}

static void write_list(lua_State *L, int idx, size_t n, int depth, struct buf *out)
{
    wire_u8(out, 'l');
    wire_u32(out, (uint32_t)n);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, idx, (lua_Integer)i);
        write(L, lua_gettop(L), depth + 1, out);
        lua_pop(L, 1);
    }
}

static void write_map(lua_State *L, int idx, uint32_t extra, int depth, struct buf *out)
{
    uint32_t n = 0;
    wire_u8(out, 'm');
    size_t at = out->len;
    wire_u32(out, 0);
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        size_t len;
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "a table's key is a %s value: only names and lists cross", luaL_typename(L, -2));
        const char *name = lua_tolstring(L, -2, &len);
        wire_text(out, name, len);
        write(L, lua_gettop(L), depth + 1, out);
        n++;
    }
    n += extra;
    for (int i = 0; i < 4; i++)
        out->data[at + (size_t)i] = (char)(n >> (8 * i));
}

static void write_number(lua_State *L, int idx, struct buf *out)
{
    double d = lua_tonumber(L, idx);
    uint64_t bits;
    if (lua_isinteger(L, idx)) {
        wire_u8(out, 'i');
        wire_i64(out, lua_tointeger(L, idx));
        return;
    }
    memcpy(&bits, &d, sizeof bits);
    wire_u8(out, 'd');
    wire_u64(out, bits);
}

static void write(lua_State *L, int idx, int depth, struct buf *out)
{
    size_t n;
    luaL_checkstack(L, 6, "a value that crosses");
    if (depth > WIRE_TREE_DEPTH)
        luaL_error(L, "a value is nested more than %d deep", WIRE_TREE_DEPTH);
    if (out->len > WIRE_FRAME_MAX / 2)
        luaL_error(L, "a value is larger than %d MiB", WIRE_FRAME_MAX / 2 / (1024 * 1024));
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
        wire_u8(out, 'z');
        return;
    case LUA_TBOOLEAN:
        wire_u8(out, lua_toboolean(L, idx) ? 't' : 'f');
        return;
    case LUA_TNUMBER:
        write_number(L, idx, out);
        return;
    case LUA_TSTRING: {
        const char *s = lua_tolstring(L, idx, &n);
        wire_u8(out, 's');
        wire_text(out, s, n);
        return;
    }
    case LUA_TTABLE:
        if (is_list(L, idx, &n))
            write_list(L, idx, n, depth, out);
        else
            write_map(L, idx, 0, depth, out);
        return;
    default:
        luaL_error(L, "a %s value cannot cross to the policy or the engine", luaL_typename(L, idx));
    }
}

void spec_tree_write(lua_State *L, int idx, struct buf *out)
{
    write(L, lua_absindex(L, idx), 0, out);
}

void spec_tree_write_map(lua_State *L, int idx, uint32_t extra, struct buf *out)
{
    write_map(L, lua_absindex(L, idx), extra, 0, out);
}

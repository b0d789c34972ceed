/* ctx.state: what a policy remembers of one key. Reading and writing look like a table's. */
#include "bind_ctx.h"

#include "extras.h"
#include "policy_internal.h"
#include "remembered.h"
#include "sandbox.h"

#include "base/utf8.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#define STATE "ctx.state"

/* The item, opened: finds out whose it is, which may ask the key hook. */
static struct state_item *open_item(lua_State *L)
{
    const struct ctx_box *box = ctx_open_box(L, STATE);
    struct policy *p = box->p;
    struct extras *x = box->scene->extras;
    if (p->asked == ASK_KEY)
        luaL_error(L, "ctx.state belongs to the key, which this hook is about to give; use it in other hooks");
    if (!x->identified)
        policy_need_key(L, p);
    if (!x->state.open) {
        struct wire_text committed = {"", 0};
        if (p->cycle->memory)
            committed = remembered_state(p->cycle->memory, p->name, x->identity, p->terms.state_version);
        state_item_open(&x->state, committed);
    }
    return &x->state;
}

static void check_name(lua_State *L, const char **name_r, size_t *len_r)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_error(L, "ctx.state: a name must be a string, got %s", luaL_typename(L, 2));
    const char *s = lua_tolstring(L, 2, len_r);
    if (*len_r < 1 || *len_r > WIRE_STATE_NAME_MAX)
        luaL_error(L, "ctx.state: a name must have 1 to %d bytes, got %d", WIRE_STATE_NAME_MAX,
                   (int)(*len_r > 1000000 ? 1000000 : *len_r));
    if (memchr(s, 0, *len_r) || utf8_valid(s, *len_r) != *len_r)
        luaL_error(L, "ctx.state: a name must be valid UTF-8 without a NUL");
    *name_r = s;
}

static void write_number(lua_State *L, const char *name, struct buf *tree)
{
    if (lua_isinteger(L, 3)) {
        wire_u8(tree, 'i');
        wire_i64(tree, lua_tointeger(L, 3));
        return;
    }
    double d = lua_tonumber(L, 3);
    uint64_t bits;
    if (!isfinite(d))
        luaL_error(L, "ctx.state.%s: a number must be finite", name);
    memcpy(&bits, &d, sizeof bits);
    wire_u8(tree, 'd');
    wire_u64(tree, bits);
}

static void write_string(lua_State *L, const char *name, struct buf *tree)
{
    size_t len;
    const char *s = lua_tolstring(L, 3, &len);
    if (len > WIRE_STATE_STRING_MAX)
        luaL_error(L, "ctx.state.%s: a string may have %d bytes; text.truncate makes it shorter", name,
                   WIRE_STATE_STRING_MAX);
    if (memchr(s, 0, len) || utf8_valid(s, len) != len)
        luaL_error(L, "ctx.state.%s: a string must be valid UTF-8 without a NUL", name);
    wire_u8(tree, 's');
    wire_text(tree, s, len);
}

static int state_newindex(lua_State *L)
{
    const char *name;
    size_t len;
    struct err e;
    struct state_item *item = open_item(L);
    struct buf *tree = &vm_of(L)->scratch;
    check_name(L, &name, &len);
    vm_charge(L, 32);
    buf_clear(tree);
    switch (lua_type(L, 3)) {
    case LUA_TNIL:
        wire_u8(tree, 'z');
        break;
    case LUA_TBOOLEAN:
        wire_u8(tree, lua_toboolean(L, 3) ? 't' : 'f');
        break;
    case LUA_TNUMBER:
        write_number(L, name, tree);
        break;
    case LUA_TSTRING:
        write_string(L, name, tree);
        break;
    default:
        return luaL_error(L, "ctx.state.%s: a %s cannot be kept; a boolean, a number or a string can", name,
                          luaL_typename(L, 3));
    }
    if (state_item_set(item, name, len, (struct wire_text){tree->data, tree->len}, &e) < 0)
        return luaL_error(L, "ctx.state.%s: %s", name, e.msg);
    return 0;
}

static void push_scalar(lua_State *L, struct wire_text tree)
{
    struct wire_reader r = {tree.s, tree.s + tree.len, false};
    if (tree.len)
        ctx_push_tree(L, &r);
    else
        lua_pushnil(L);
}

static int state_index(lua_State *L)
{
    const char *name;
    size_t len;
    struct state_item *item = open_item(L);
    check_name(L, &name, &len);
    push_scalar(L, state_item_get(item, name, len));
    vm_tell_read(L, "ctx.state.", name);
    return 1;
}

/* Upvalues: the names as they were when the walk began, sorted; how far it is; the object. */
static int next_value(lua_State *L)
{
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(3));
    struct state_item *item = open_item(L);
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(2));
    while (lua_rawgeti(L, lua_upvalueindex(1), ++i) == LUA_TSTRING) {
        size_t len;
        const char *name = lua_tolstring(L, -1, &len);
        struct wire_text t = state_item_get(item, name, len);
        if (t.len == 0) { /* removed on the way */
            lua_pop(L, 1);
            continue;
        }
        lua_pushinteger(L, i);
        lua_replace(L, lua_upvalueindex(2));
        push_scalar(L, t);
        return 2;
    }
    lua_pushnil(L);
    return 1;
}

static int state_pairs(lua_State *L)
{
    struct state_item *item = open_item(L);
    lua_createtable(L, (int)item->n, 0);
    lua_Integer n = 0;
    for (size_t i = 0; i < item->n; i++) {
        if (state_item_get(item, item->at[i].name, item->at[i].name_len).len == 0)
            continue;
        lua_pushlstring(L, item->at[i].name, item->at[i].name_len);
        lua_rawseti(L, -2, ++n);
    }
    vm_charge(L, 16 * item->n);
    lua_pushinteger(L, 0);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, next_value, 3);
    return 1;
}

static int state_len(lua_State *L)
{
    return luaL_error(L, "ctx.state has names, no numbers: it has no length");
}

static const luaL_Reg methods[] = {{"__index", state_index},
                                   {"__newindex", state_newindex},
                                   {"__len", state_len},
                                   {"__pairs", state_pairs},
                                   {NULL, NULL}};

void state_open(lua_State *L)
{
    ctx_new_metatable(L, STATE, methods);
}

struct ctx_box *state_push(lua_State *L)
{
    struct ctx_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    luaL_setmetatable(L, STATE);
    return box;
}

#include "bind_ctx.h"

#include "sandbox.h"

#include "policy/wire.h"

#include <lauxlib.h>
#include <string.h>

static void set_text(lua_State *L, const char *field, struct wire_text t)
{
    lua_pushlstring(L, t.s, t.len);
    lua_setfield(L, -2, field);
}

static void push_tree(lua_State *L, struct wire_reader *r, int depth)
{
    uint64_t bits;
    double number;
    luaL_checkstack(L, 4, "ctx.config");
    if (depth > WIRE_TREE_DEPTH)
        r->bad = true;
    switch (r->bad ? 'z' : wire_get_u8(r)) {
    case 't':
        lua_pushboolean(L, 1);
        return;
    case 'f':
        lua_pushboolean(L, 0);
        return;
    case 'i':
        lua_pushinteger(L, wire_get_i64(r));
        return;
    case 'd':
        bits = wire_get_u64(r);
        memcpy(&number, &bits, sizeof number);
        lua_pushnumber(L, number);
        return;
    case 's': {
        struct wire_text t = wire_get_text(r);
        lua_pushlstring(L, t.s, t.len);
        return;
    }
    case 'l': {
        uint32_t n = wire_get_u32(r);
        lua_newtable(L);
        for (uint32_t i = 0; i < n && !r->bad; i++) {
            push_tree(L, r, depth + 1);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        return;
    }
    case 'm': {
        uint32_t n = wire_get_u32(r);
        lua_newtable(L);
        for (uint32_t i = 0; i < n && !r->bad; i++) {
            struct wire_text key = wire_get_text(r);
            lua_pushlstring(L, key.s, key.len);
            push_tree(L, r, depth + 1);
            lua_rawset(L, -3);
        }
        return;
    }
    default: /* null: the field is not there */
        lua_pushnil(L);
    }
}

void ctx_push_tree(lua_State *L, struct wire_reader *r)
{
    push_tree(L, r, 0);
}

static const char *const part_names[CTX_PARTS] = {"seen", "last", "group", "state"};

const char *ctx_part_name(enum ctx_part part)
{
    return part_names[part];
}

const struct ctx_box *ctx_open_box(lua_State *L, const char *metatable)
{
    const struct ctx_box *box = luaL_checkudata(L, 1, metatable);
    if (!box->scene)
        luaL_error(L, "this alert is gone: a policy must not keep ctx.%s between calls", part_names[box->part]);
    return box;
}

static int refuse_write(lua_State *L)
{
    const struct ctx_box *box = lua_touserdata(L, 1);
    return luaL_error(L, "ctx.%s is read-only; return a value instead", part_names[box->part]);
}

static int show_name(lua_State *L)
{
    const struct ctx_box *box = lua_touserdata(L, 1);
    lua_pushfstring(L, "ctx.%s", part_names[box->part]);
    return 1;
}

void ctx_new_metatable(lua_State *L, const char *name, const luaL_Reg *methods)
{
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, show_name);
    lua_setfield(L, -2, "__tostring");
    luaL_setfuncs(L, methods, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

void bind_ctx_open(lua_State *L)
{
    record_open(L);
    group_open(L);
    state_open(L);
}

/* ctx.seen and the like: upvalue 1 is the policy. A typo raises instead of being nil: nil would be a decision nobody
 * meant. */
static int ctx_index(lua_State *L)
{
    struct policy *p = lua_touserdata(L, lua_upvalueindex(1));
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    int part = 0;
    while (part < CTX_PARTS && strcmp(name, part_names[part]) != 0)
        part++;
    if (part == CTX_PARTS) {
        sandbox_tostring(L, 2);
        return luaL_error(L,
                          "ctx has no field '%s'; it has config, firing, group, last, note, now, policy, "
                          "poll_interval, priority_labels, rate, seen, spawner, state",
                          lua_tostring(L, -1));
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->parts_ref);
    if (p->boxes[part]) {
        lua_rawgeti(L, -1, part + 1);
        return 1;
    }
    struct ctx_box *box = part == CTX_GROUP   ? group_push(L)
                          : part == CTX_STATE ? state_push(L)
                                              : record_push(L);
    box->part = (enum ctx_part)part;
    box->p = p;
    box->scene = p->scene;
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, part + 1);
    p->boxes[part] = box; /* only now: whoever finds it set may use the reference */
    return 1;
}

void bind_ctx_close(struct policy *p)
{
    if (p->boxes[CTX_GROUP])
        group_close(p->boxes[CTX_GROUP]);
    for (int i = 0; i < CTX_PARTS; i++) {
        if (p->boxes[i])
            p->boxes[i]->scene = NULL;
        p->boxes[i] = NULL;
    }
}

static void set_constants(lua_State *L, const struct policy *p)
{
    const struct policy_cycle *cycle = p->cycle;
    lua_pushinteger(L, cycle->now / MOMENT_SECOND); /* whole, so that `return ctx.now + 3600` is a valid answer */
    lua_setfield(L, -2, "now");
    lua_pushnumber(L, (lua_Number)cycle->poll_interval / MOMENT_SECOND);
    lua_setfield(L, -2, "poll_interval");

    char version[POLICY_HASH];
    policy_version(p, version);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, p->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, version);
    lua_setfield(L, -2, "hash");
    lua_setfield(L, -2, "policy");

    lua_createtable(L, 0, 2);
    set_text(L, "name", cycle->spawner);
    set_text(L, "namespace", cycle->ns);
    lua_setfield(L, -2, "spawner");

    lua_createtable(L, (int)cycle->n_priority_labels, 0);
    for (size_t i = 0; i < cycle->n_priority_labels; i++) {
        lua_pushlstring(L, cycle->priority_labels[i].s, cycle->priority_labels[i].len);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "priority_labels");

    struct wire_reader r = {cycle->config.s, cycle->config.s + cycle->config.len, false};
    push_tree(L, &r, 0);
    if (lua_isnil(L, -1)) { /* a policy reads ctx.config.x without asking first whether there is any */
        lua_pop(L, 1);
        lua_newtable(L);
    }
    lua_setfield(L, -2, "config");
}

void bind_ctx_push(lua_State *L, struct policy *p, int readonly)
{
    lua_createtable(L, CTX_PARTS, 0);
    for (int i = 0; i < CTX_PARTS; i++) {
        lua_pushboolean(L, 0);
        lua_rawseti(L, -2, i + 1);
        p->boxes[i] = NULL;
    }
    p->parts_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    lua_pushvalue(L, readonly);
    lua_newtable(L);
    set_constants(L, p);
    count_set_functions(L, p);
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, p);
    lua_pushcclosure(L, ctx_index, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pushliteral(L, "ctx");
    lua_call(L, 2, 1);
}

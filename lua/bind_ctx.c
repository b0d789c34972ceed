#include "bind_ctx.h"

#include "policy/wire.h"

#include <lauxlib.h>
#include <string.h>

static void set_text(lua_State *L, const char *field, struct wire_text t)
{
    lua_pushlstring(L, t.s, t.len);
    lua_setfield(L, -2, field);
}

/* Epoch seconds; a double holds microseconds until the year 2112. */
static void set_moment(lua_State *L, const char *field, moment_t t)
{
    lua_pushnumber(L, t == MOMENT_NONE ? 0 : (lua_Number)t / MOMENT_SECOND);
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

void bind_ctx_push_last(lua_State *L, const struct policy_last *last)
{
    static const struct policy_last none = {.task = {"", 0},
                                            .phase = "",
                                            .created_at = MOMENT_NONE,
                                            .completed_at = MOMENT_NONE,
                                            .starts_at = MOMENT_NONE,
                                            .trigger_at = MOMENT_NONE};
    if (!last)
        last = &none;
    lua_createtable(L, 0, 8);
    set_text(L, "task", last->task);
    lua_pushstring(L, last->phase);
    lua_setfield(L, -2, "phase");
    lua_pushboolean(L, last->gone);
    lua_setfield(L, -2, "gone");
    set_moment(L, "created_at", last->created_at);
    set_moment(L, "completed_at", last->completed_at);
    set_moment(L, "starts_at", last->starts_at);
    set_moment(L, "trigger_at", last->trigger_at);
    lua_pushinteger(L, last->attempts);
    lua_setfield(L, -2, "attempts");
}

void bind_ctx_push(lua_State *L, const struct policy_cycle *cycle, const char *policy_name, int readonly,
                   int *table_ref_r)
{
    lua_pushvalue(L, readonly);
    lua_newtable(L);
    lua_pushinteger(L, cycle->now / MOMENT_SECOND); /* whole, so that `return ctx.now + 3600` is a valid answer */
    lua_setfield(L, -2, "now");
    lua_pushnumber(L, (lua_Number)cycle->poll_interval / MOMENT_SECOND);
    lua_setfield(L, -2, "poll_interval");

    lua_createtable(L, 0, 1);
    lua_pushstring(L, policy_name);
    lua_setfield(L, -2, "name");
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

    bind_ctx_push_last(L, NULL);
    lua_setfield(L, -2, "last");

    lua_pushvalue(L, -1);
    *table_ref_r = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushliteral(L, "ctx");
    lua_call(L, 2, 1);
}

/* ctx.group: the alerts that one Task is for, the leader first. Filled in title and body. */
#include "bind_ctx.h"

#include <lauxlib.h>
#include <string.h>

#define GROUP "ctx.group"

struct group_box {
    struct ctx_box head;
    struct alert_box *members[WIRE_MEMBERS_MAX]; /* of those that somebody looked at; user value 1 keeps them alive */
};

static bool has_group(const struct ctx_box *box)
{
    return box->p->asked == ASK_TITLE || box->p->asked == ASK_BODY;
}

static size_t length(const struct ctx_box *box)
{
    if (!has_group(box))
        return 0;
    return box->scene->members ? box->scene->n_members : 1;
}

static void push_member(lua_State *L, struct group_box *group, size_t i)
{
    const struct policy_scene *scene = group->head.scene;
    if (i == 0) { /* the very object that the hook was given */
        lua_rawgeti(L, LUA_REGISTRYINDEX, group->head.p->alert_ref);
        return;
    }
    if (lua_getiuservalue(L, 1, 1) != LUA_TTABLE) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, 1);
        lua_remove(L, -2);
    }
    if (group->members[i]) {
        lua_rawgeti(L, -1, (lua_Integer)i);
        return;
    }
    struct alert_box *box = bind_alert_push(L, &scene->members[i]);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, (lua_Integer)i);
    group->members[i] = box; /* only now, as it is found in the table */
}

static int group_index(lua_State *L)
{
    struct group_box *group = (struct group_box *)ctx_open_box(L, GROUP);
    int whole;
    lua_Integer i = lua_tointegerx(L, 2, &whole);
    if (lua_type(L, 2) == LUA_TNUMBER) {
        if (whole && i >= 1 && i <= (lua_Integer)length(&group->head))
            push_member(L, group, (size_t)i - 1);
        else
            lua_pushnil(L);
        return 1;
    }
    const char *name = luaL_checkstring(L, 2);
    if (strcmp(name, "count") != 0)
        return luaL_error(L, "ctx.group has no field '%s'; it is a list of alerts, with ctx.group.count", name);
    lua_pushinteger(L, !has_group(&group->head) ? 0 : group->head.scene->members ? group->head.scene->n_group : 1);
    return 1;
}

static int group_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)length(ctx_open_box(L, GROUP)));
    return 1;
}

static int next_member(lua_State *L)
{
    lua_Integer i = luaL_checkinteger(L, 2) + 1;
    lua_pushinteger(L, i);
    lua_geti(L, 1, i);
    return lua_isnil(L, -1) ? 1 : 2;
}

static int group_pairs(lua_State *L)
{
    ctx_open_box(L, GROUP);
    lua_pushcfunction(L, next_member);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

static const luaL_Reg methods[] = {
    {"__index", group_index}, {"__len", group_len}, {"__pairs", group_pairs}, {NULL, NULL}};

void group_open(lua_State *L)
{
    ctx_new_metatable(L, GROUP, methods);
}

struct ctx_box *group_push(lua_State *L)
{
    struct group_box *group = lua_newuserdatauv(L, sizeof *group, 1);
    memset(group->members, 0, sizeof group->members);
    luaL_setmetatable(L, GROUP);
    return &group->head;
}

void group_close(struct ctx_box *box)
{
    struct group_box *group = (struct group_box *)box;
    for (size_t i = 0; i < WIRE_MEMBERS_MAX; i++) {
        if (group->members[i])
            alert_box_close(group->members[i]);
        group->members[i] = NULL;
    }
}

/* ctx.seen and ctx.last: named values that are never nil. */
#include "bind_ctx.h"

#include <lauxlib.h>
#include <string.h>

#define RECORD "ctx record"

/* Epoch seconds; a double holds microseconds until the year 2112. */
static void push_moment(lua_State *L, moment_t t)
{
    lua_pushnumber(L, t == MOMENT_NONE ? 0 : (lua_Number)t / MOMENT_SECOND);
}

/* In the order of pairs(). */
static const char *const seen_fields[] = {"absent_for", "episode", "first", "flaps_1h", "polls", NULL};
static const char *const last_fields[] = {"attempts",  "completed_at", "created_at", "gone", "phase",
                                          "starts_at", "task",         "trigger_at", NULL};

static void push_seen(lua_State *L, const struct ctx_box *box, int field)
{
    const struct policy_seen never = {.first = box->p->cycle->now, .polls = 1, .episode = 1};
    const struct policy_seen *seen = box->scene->seen ? box->scene->seen : &never;
    switch (field) {
    case 0:
        lua_pushnumber(L, (lua_Number)seen->absent / MOMENT_SECOND);
        break;
    case 1:
        lua_pushinteger(L, seen->episode);
        break;
    case 2:
        push_moment(L, seen->first == MOMENT_NONE ? never.first : seen->first);
        break;
    case 3:
        lua_pushinteger(L, seen->flaps);
        break;
    default:
        lua_pushinteger(L, seen->polls);
    }
}

static void push_last(lua_State *L, const struct ctx_box *box, int field)
{
    static const struct policy_last none = {.task = {"", 0},
                                            .phase = "",
                                            .created_at = MOMENT_NONE,
                                            .completed_at = MOMENT_NONE,
                                            .starts_at = MOMENT_NONE,
                                            .trigger_at = MOMENT_NONE};
    const struct policy_last *last = box->scene->last ? box->scene->last : &none;
    switch (field) {
    case 0:
        lua_pushinteger(L, last->attempts);
        break;
    case 1:
        push_moment(L, last->completed_at);
        break;
    case 2:
        push_moment(L, last->created_at);
        break;
    case 3:
        lua_pushboolean(L, last->gone);
        break;
    case 4:
        lua_pushstring(L, last->phase);
        break;
    case 5:
        push_moment(L, last->starts_at);
        break;
    case 6:
        lua_pushlstring(L, last->task.s, last->task.len);
        break;
    default:
        push_moment(L, last->trigger_at);
    }
}

static void push_field(lua_State *L, const struct ctx_box *box, int field)
{
    if (box->part == CTX_SEEN)
        push_seen(L, box, field);
    else
        push_last(L, box, field);
}

static const char *const *fields_of(enum ctx_part part)
{
    return part == CTX_SEEN ? seen_fields : last_fields;
}

static int record_index(lua_State *L)
{
    const struct ctx_box *box = ctx_open_box(L, RECORD);
    const char *name = luaL_checkstring(L, 2);
    const char *const *fields = fields_of(box->part);
    for (int i = 0; fields[i]; i++) {
        if (strcmp(fields[i], name) == 0) {
            push_field(L, box, i);
            vm_tell_read(L, box->part == CTX_SEEN ? "ctx.seen." : "ctx.last.", name);
            return 1;
        }
    }
    lua_pushfstring(L, "ctx.%s has no field '%s'; it has", ctx_part_name(box->part), name);
    for (int i = 0; fields[i]; i++)
        lua_pushfstring(L, "%s %s", i ? "," : "", fields[i]);
    lua_concat(L, lua_gettop(L) - 2);
    return luaL_error(L, "%s", lua_tostring(L, -1));
}

/* Upvalues: the record, which field is next. */
static int record_next(lua_State *L)
{
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    const struct ctx_box *box = ctx_open_box(L, RECORD);
    const char *const *fields = fields_of(box->part);
    int i = (int)lua_tointeger(L, lua_upvalueindex(2));
    if (!fields[i]) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, i + 1);
    lua_replace(L, lua_upvalueindex(2));
    lua_pushstring(L, fields[i]);
    push_field(L, box, i);
    return 2;
}

static int record_pairs(lua_State *L)
{
    ctx_open_box(L, RECORD);
    lua_settop(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, record_next, 2);
    return 1;
}

static const luaL_Reg methods[] = {{"__index", record_index}, {"__pairs", record_pairs}, {NULL, NULL}};

void record_open(lua_State *L)
{
    ctx_new_metatable(L, RECORD, methods);
}

struct ctx_box *record_push(lua_State *L)
{
    struct ctx_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    luaL_setmetatable(L, RECORD);
    return box;
}

/* cooldown and backoff: what retrigger returns, (value, reason, detail), from how long ago the last Task
 * ended. */
#include "lib.h"

#include "bind_alert.h"
#include "policy.h"
#include "vm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of ctx.last and ctx itself. */
struct facts {
    lua_Number now, created_at, completed_at, attempts;
};

static lua_Number number_field(lua_State *L, const char *fn, const char *field)
{
    lua_getfield(L, -1, field);
    lua_Number n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
    if (!isfinite(n))
        luaL_error(L, "%s: argument 1 must be the hook's ctx (it has no number %s)", fn, field);
    lua_pop(L, 1);
    return n;
}

/* Tables, and the objects that ctx and its parts are. */
static bool has_fields(lua_State *L, int idx)
{
    if (lua_type(L, idx) == LUA_TTABLE)
        return true;
    if (lua_type(L, idx) != LUA_TUSERDATA || bind_alert_test(L, idx) || !luaL_getmetafield(L, idx, "__index"))
        return false;
    lua_pop(L, 1);
    return true;
}

static struct facts read_facts(lua_State *L, const char *fn)
{
    struct facts f;
    lua_settop(L, 3);
    if (!has_fields(L, 1))
        lib_wrong(L, fn, 1, "the hook's ctx");
    lua_pushvalue(L, 1);
    f.now = number_field(L, fn, "now");
    lua_getfield(L, -1, "last");
    if (!has_fields(L, -1))
        luaL_error(L, "%s: argument 1 must be the hook's ctx (it has no last)", fn);
    f.created_at = number_field(L, fn, "created_at");
    f.completed_at = number_field(L, fn, "completed_at");
    f.attempts = number_field(L, fn, "attempts");
    lua_pop(L, 2);
    return f;
}

/* Pushes true, or the whole second from which on it may be; reason and detail. */
static int answer(lua_State *L, const char *reason, const struct facts *f, lua_Number wait)
{
    char length[LIB_DURATION_TEXT], left[LIB_DURATION_TEXT], until[LIB_MOMENT_TEXT], detail[256];
    bool ended = f->completed_at > 0;
    lua_Number since = ended ? f->completed_at : f->created_at;
    if (f->attempts <= 0 || since <= 0) {
        lua_pushboolean(L, 1);
        lua_pushstring(L, reason);
        lua_pushliteral(L, "there was no Task before");
        return 3;
    }
    lua_Number at = ceil(since + wait);
    lib_format_duration(wait, length);
    if (at <= f->now) {
        lua_pushboolean(L, 1);
        snprintf(detail, sizeof detail, "the %s since the last Task %s are over", length,
                 ended ? "ended" : "was made");
    } else {
        /* further ahead than the engine takes: asked again by then */
        lua_Number ahead = f->now + RETRIGGER_AHEAD_DAYS * 86400.0;
        lib_push_number(L, at < ahead ? at : floor(ahead));
        lib_format_moment(at, until);
        lib_format_duration(floor(fmin(at - f->now, 9e9)), left);
        snprintf(detail, sizeof detail, "%s since the last Task %s: until %s (%s from now)", length,
                 ended ? "ended" : "was made", until, left);
    }
    lua_pushstring(L, reason);
    lua_pushstring(L, detail);
    return 3;
}

static int cooldown(lua_State *L)
{
    struct facts f = read_facts(L, "cooldown");
    return answer(L, "cooldown", &f, lib_duration(L, "cooldown", 2));
}

static int backoff(lua_State *L)
{
    struct facts f = read_facts(L, "backoff");
    lua_Number first = lib_duration(L, "backoff", 2), most = lib_duration(L, "backoff", 3);
    if (most < first)
        return luaL_error(L, "backoff: the longest wait (argument 3) is shorter than the first (argument 2)");
    lua_Number doublings = fmin(fmax(f.attempts - 1, 0), 64);
    return answer(L, "backoff", &f, fmin(first * exp2(floor(doublings)), most));
}

const luaL_Reg lib_retrigger_functions[] = {{"backoff", backoff}, {"cooldown", cooldown}, {NULL, NULL}};

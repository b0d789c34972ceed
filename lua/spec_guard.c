/* Time in the spec's VM: a deadline that every VM_STEP instructions are held against. It is the processor's time: a spec
 * cannot sleep, and that the machine has other things to do is no fault of a test's.
 *
 * Once it has passed every instruction raises, in every coroutine, so that no pcall of the spec gets further; until the
 * guard that set it is reached. What loops inside of C never gets here: the engine ends that, with the process. */
#include "spec_internal.h"

#include "spec_coverage.h"

#include <lauxlib.h>
#include <stdio.h>
#include <time.h>

int64_t spec_clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t used_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void on_step(lua_State *L, lua_Debug *ar)
{
    struct spec *s = spec_running;
    if (ar->event == LUA_HOOKLINE) {
        spec_coverage_line(s->coverage, L, ar);
        return;
    }
    if (s->box)
        s->box->instructions += VM_STEP; /* it moves, so the worker lives */
    if (!s->late && (s->deadline_us == INT64_MAX || used_us() < s->deadline_us))
        return;
    s->late = true;
    if (lua_gethookcount(L) != 1)
        spec_guard_arm(L);
    char seconds[32];
    snprintf(seconds, sizeof seconds, "%g", s->seconds);
    luaL_error(L, "the test ran longer than %s s", seconds);
}

void spec_guard_arm(lua_State *L)
{
    struct spec *s = spec_running;
    lua_sethook(L, on_step, LUA_MASKCOUNT | (s->coverage && !s->late ? LUA_MASKLINE : 0), s->late ? 1 : VM_STEP);
}

int spec_expired(lua_State *L)
{
    lua_pushboolean(L, spec_running->late);
    return 1;
}

/* Runs the handler, upvalue 1, in peace. */
static int on_error(lua_State *L)
{
    lua_settop(L, 1);
    lua_sethook(L, NULL, 0, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    int status = lua_pcall(L, 1, 1, 0);
    spec_guard_arm(L);
    if (status != LUA_OK)
        return lua_error(L);
    return 1;
}

static void restore(lua_State *L, int64_t deadline_us, double seconds)
{
    struct spec *s = spec_running;
    s->deadline_us = deadline_us;
    s->seconds = seconds;
    s->late = false; /* an outer deadline that has passed, too, is seen at the next step */
    spec_guard_arm(L);
}

/* guard(seconds or nil, handler, f, ...) */
int spec_guard(lua_State *L)
{
    struct spec *s = spec_running;
    int64_t outer_us = s->deadline_us;
    double outer_seconds = s->seconds, seconds = luaL_optnumber(L, 1, 0);
    luaL_checkany(L, 3);
    if (seconds > 0) {
        int64_t end = used_us() + (int64_t)(seconds * 1e6);
        if (end < outer_us) {
            s->deadline_us = end;
            s->seconds = seconds;
        }
    }
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, on_error, 1);
    lua_replace(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 3, LUA_MULTRET, 1);
    if (status == LUA_OK) {
        restore(L, outer_us, outer_seconds);
        lua_pushboolean(L, 1);
        lua_replace(L, 2);
        return lua_gettop(L) - 1;
    }
    if (status == LUA_ERRMEM || status == LUA_ERRERR) { /* nobody has handled it yet */
        lua_gc(L, LUA_GCCOLLECT, 0);
        lua_pushvalue(L, 1);
        lua_pushstring(L, status == LUA_ERRMEM ? "not enough memory" : "an error in the handling of an error");
        if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
            lua_pop(L, 1);
            lua_pushstring(L, "not enough memory");
        }
    }
    restore(L, outer_us, outer_seconds);
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

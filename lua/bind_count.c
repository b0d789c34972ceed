/* ctx.firing, ctx.rate, ctx.note: functions of ctx. Upvalue 1 of each is the policy. */
#include "bind_ctx.h"

#include "extras.h"
#include "lib.h"
#include "matcher.h"
#include "remembered.h"
#include "survey.h"
#include "vm.h"

#include "base/utf8.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

enum { RATE_SPAN_MAX = 24 * 3600, FIRING_LABELS_MAX = 64 };

/* The policy, when the function is called as it should be. */
static struct policy *check_call(lua_State *L, const char *name)
{
    struct policy *p = lua_touserdata(L, lua_upvalueindex(1));
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->ctx_ref);
    if (lua_gettop(L) > 1 && lua_rawequal(L, 1, -1))
        luaL_error(L, "ctx.%s is called with a dot: ctx.%s(...)", name, name);
    lua_pop(L, 1);
    return p;
}

/* firing(matchers) */

static void add_quoted(luaL_Buffer *b, const char *s, size_t len)
{
    luaL_addchar(b, '"');
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\n') {
            luaL_addlstring(b, "\\n", 2);
            continue;
        }
        if (s[i] == '"' || s[i] == '\\')
            luaL_addchar(b, '\\');
        luaL_addchar(b, s[i]);
    }
    luaL_addchar(b, '"');
}

/* {alertname = "X", pod = "y"} at index 1 -> the same as matchers, names sorted, on top */
static void push_matchers(lua_State *L)
{
    const char *names[FIRING_LABELS_MAX];
    size_t n = 0, bytes = 0, len;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "ctx.firing: a label's name must be a string, got %s", luaL_typename(L, -2));
        const char *name = lua_tolstring(L, -2, &len);
        bytes += len + lua_rawlen(L, -1);
        if (strlen(name) != len)
            luaL_error(L, "ctx.firing: a label's name holds a NUL");
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "ctx.firing: the value of '%s' must be a string, got %s", name, luaL_typename(L, -1));
        if (n == FIRING_LABELS_MAX || bytes > MATCHER_TEXT_MAX)
            luaL_error(L, "ctx.firing: at most %d labels of together %d bytes", FIRING_LABELS_MAX, MATCHER_TEXT_MAX);
        size_t i = n++;
        for (; i && strcmp(names[i - 1], name) > 0; i--)
            names[i] = names[i - 1];
        names[i] = name; /* the table keeps it alive */
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < n; i++) {
        if (i)
            luaL_addchar(&b, ',');
        add_quoted(&b, names[i], strlen(names[i]));
        luaL_addchar(&b, '=');
        lua_getfield(L, 1, names[i]);
        const char *value = lua_tolstring(L, -1, &len);
        lua_pop(L, 1); /* the table keeps this one too; the buffer wants the stack as it left it */
        add_quoted(&b, value, len);
    }
    luaL_pushresult(&b);
}

static int ctx_firing(lua_State *L)
{
    struct policy *p = check_call(L, "firing");
    size_t len, n, cost;
    struct err e;
    if (lua_gettop(L) != 1 || (lua_type(L, 1) != LUA_TSTRING && lua_type(L, 1) != LUA_TTABLE))
        return luaL_error(L, "ctx.firing: one text of matchers or one table of labels is expected, got %s",
                          lua_gettop(L) > 1 ? "more" : luaL_typename(L, 1));
    if (!p->uses_firing)
        return luaL_error(L, "ctx.firing: the word `firing` must stand in the policy's source, so that it is known "
                             "before the first alert that all of them must be counted");
    if (lua_type(L, 1) == LUA_TTABLE)
        push_matchers(L);
    const char *text = lua_tolstring(L, -1, &len);
    vm_charge(L, 16 + len / 8);
    struct survey *survey = p->cycle->survey;
    if (survey && survey_is_full(survey))
        return luaL_error(L, "ctx.firing: the labels of this poll are more than %d MiB and cannot be counted",
                          SURVEY_MEMORY_MAX / (1024 * 1024));
    if (survey && survey_known(survey, text, len, &n)) {
        lua_pushinteger(L, (lua_Integer)n);
        vm_tell_read(L, "ctx.firing ", text);
        return 1;
    }
    vm_charge(L, 64 + len); /* to understand it */
    const struct matcher *m = matcher_cached(&vm_of(L)->matchers, text, len, &e);
    if (!m)
        return luaL_error(L, "ctx.firing: %s", e.msg);
    if (!survey) {
        lua_pushinteger(L, 0);
        return 1;
    }
    vm_charge(L, survey_candidates(survey, m) * matcher_len(m) * 2);
    n = survey_count(survey, m, text, len, &cost);
    vm_charge(L, cost);
    lua_pushinteger(L, (lua_Integer)n);
    vm_tell_read(L, "ctx.firing ", text);
    return 1;
}

/* rate(name, per) */

static int ctx_rate(lua_State *L)
{
    struct policy *p = check_call(L, "rate");
    if (lua_type(L, 1) != LUA_TSTRING)
        return luaL_error(L, "ctx.rate: the name must be \"policy\" or \"spawner\", got %s", luaL_typename(L, 1));
    const char *name = lua_tostring(L, 1);
    bool of_policy = strcmp(name, "policy") == 0;
    if (!of_policy && strcmp(name, "spawner") != 0)
        return luaL_error(L, "ctx.rate: the name must be \"policy\" or \"spawner\", got '%s'", name);
    lua_Number span = lib_duration(L, "ctx.rate", 2);
    if (!(span > 0 && span <= RATE_SPAN_MAX))
        return luaL_error(L, "ctx.rate: `per` must be more than nothing and at most one day");
    size_t looked = 0, n = 0;
    moment_t now = p->cycle->now;
    if (p->cycle->memory)
        n = remembered_count(p->cycle->memory, of_policy ? p->name : NULL, now - (moment_t)(span * MOMENT_SECOND), now,
                             &looked);
    vm_charge(L, looked);
    lua_pushinteger(L, (lua_Integer)n);
    return 1;
}

/* note(name, value) */

static int ctx_note(lua_State *L)
{
    struct policy *p = check_call(L, "note");
    size_t len;
    if (lua_type(L, 1) != LUA_TSTRING)
        return luaL_error(L, "ctx.note: the name must be a string, got %s", luaL_typename(L, 1));
    const char *name = lua_tolstring(L, 1, &len), *value;
    if (len < 1 || len > WIRE_NOTE_NAME_MAX)
        return luaL_error(L, "ctx.note: the name must have 1 to %d bytes", WIRE_NOTE_NAME_MAX);
    if (utf8_valid(name, len) != len)
        return luaL_error(L, "ctx.note: the name must be valid UTF-8");
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return luaL_error(L, "ctx.note: the name must hold no control bytes");
    switch (lua_type(L, 2)) {
    case LUA_TBOOLEAN:
        value = lua_toboolean(L, 2) ? "true" : "false";
        len = strlen(value);
        break;
    case LUA_TNUMBER:
    case LUA_TSTRING:
        value = lua_tolstring(L, 2, &len);
        break;
    default:
        return luaL_error(L, "ctx.note: the value of '%s' must be a string, a number or a boolean, got %s", name,
                          luaL_typename(L, 2));
    }
    vm_charge(L, 64);
    struct buf *clean = &vm_of(L)->scratch;
    buf_clear(clean);
    text_clean(clean, value, len, WIRE_NOTE_VALUE_MAX);
    if (extras_note(p->scene->extras, name, clean->data, clean->len) < 0)
        return luaL_error(L, "ctx.note: at most %d notes in one hook", WIRE_NOTES_MAX);
    return 0;
}

void count_set_functions(lua_State *L, struct policy *p)
{
    static const luaL_Reg functions[] = {
        {"firing", ctx_firing}, {"note", ctx_note}, {"rate", ctx_rate}, {NULL, NULL}};
    lua_pushlightuserdata(L, p);
    luaL_setfuncs(L, functions, 1);
}

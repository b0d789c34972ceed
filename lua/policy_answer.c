/* What a hook may return. */
#include "policy_internal.h"

#include "base/utf8.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int bad_return(struct question *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad_return(struct question *q, const char *fmt, ...)
{
    char sentence[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    buf_clear(&q->answer->detail);
    buf_adds(&q->answer->detail, sentence);
    q->bad = true;
    return -1;
}

/* "0 (number)", "a table": a value that should not be there. Never calls a metamethod. */
static void describe(lua_State *L, int idx, char out[64])
{
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
        snprintf(out, 64, "nothing");
        break;
    case LUA_TBOOLEAN:
        snprintf(out, 64, "%s", lua_toboolean(L, idx) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, idx))
            snprintf(out, 64, "the number %lld", (long long)lua_tointeger(L, idx));
        else
            snprintf(out, 64, "the number %g", lua_tonumber(L, idx));
        break;
    case LUA_TSTRING:
        snprintf(out, 64, "a string of %zu bytes", (size_t)lua_rawlen(L, idx));
        break;
    default:
        snprintf(out, 64, "a %s", luaL_typename(L, idx));
    }
}

/* `fmt`: what is expected instead of the value at `idx`. It is described only now: most values are fine. */
static int bad_value(lua_State *L, struct question *q, int idx, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static int bad_value(lua_State *L, struct question *q, int idx, const char *fmt, ...)
{
    char got[64], expected[200];
    va_list args;
    describe(L, idx, got);
    va_start(args, fmt);
    vsnprintf(expected, sizeof expected, fmt, args);
    va_end(args);
    return bad_return(q, "returned %s; %s", got, expected);
}

/* A number without a fraction that an int64 holds; floats are welcome. */
static bool whole_number(lua_State *L, int idx, lua_Integer *n)
{
    if (lua_type(L, idx) != LUA_TNUMBER)
        return false;
    int ok;
    *n = lua_tointegerx(L, idx, &ok);
    return ok != 0;
}

static int take_key(lua_State *L, struct question *q, int at)
{
    size_t len;
    if (lua_type(L, at) != LUA_TSTRING)
        return bad_value(L, q, at, "a string of 1 to %d bytes is expected", WIRE_KEY_MAX);
    const char *s = lua_tolstring(L, at, &len);
    if (len < 1 || len > WIRE_KEY_MAX)
        return bad_value(L, q, at, "a string of 1 to %d bytes is expected", WIRE_KEY_MAX);
    if (memchr(s, 0, len) || utf8_valid(s, len) != len)
        return bad_return(q, "returned a string that is not valid UTF-8 or holds a NUL");
    buf_add(&q->answer->text, s, len);
    return 0;
}

static int take_text(lua_State *L, struct question *q, int at)
{
    static const char marker[] = "\n[truncated]";
    size_t len;
    struct buf *text = &q->answer->text;
    if (lua_type(L, at) != LUA_TSTRING)
        return bad_value(L, q, at, "a string is expected");
    const char *s = lua_tolstring(L, at, &len);
    if (q->hook == ASK_TITLE && !q->answer->from_base) {
        text_clean(text, s, len, TITLE_MAX);
        return 0;
    }
    /* the base's title is the alertname, untouched; only that somebody may send megabytes of it */
    const char *end = q->hook == ASK_BODY ? marker : "";
    text_repair(text, s, len > WIRE_BODY_MAX + 8 ? WIRE_BODY_MAX + 8 : len);
    if (text->len > WIRE_BODY_MAX) {
        text->len = utf8_cut(text->data, text->len, WIRE_BODY_MAX - strlen(end));
        buf_adds(text, end);
    }
    return 0;
}

static int take_retrigger(lua_State *L, struct question *q, int at)
{
    lua_Integer n;
    moment_t now = q->p->cycle->now;
    if (lua_type(L, at) == LUA_TBOOLEAN) {
        q->answer->when = lua_toboolean(L, at) ? ANSWER_NOW : ANSWER_NEVER;
        return 0;
    }
    if (!whole_number(L, at, &n))
        return bad_value(L, q, at, "false, true or whole epoch seconds are expected");
    if (n > now / MOMENT_SECOND + RETRIGGER_AHEAD_DAYS * 86400)
        return bad_value(L, q, at, "that is more than %d days ahead", RETRIGGER_AHEAD_DAYS);
    if (n <= now / MOMENT_SECOND) {
        q->answer->when = ANSWER_NOW;
    } else {
        q->answer->when = ANSWER_AT;
        q->answer->at = n * MOMENT_SECOND;
    }
    return 0;
}

static int take_resolve(lua_State *L, struct question *q, int at)
{
    size_t len = 0;
    const char *s = lua_type(L, at) == LUA_TSTRING ? lua_tolstring(L, at, &len) : "";
    if (len == 4 && memcmp(s, "keep", 4) == 0)
        q->answer->resolve = RESOLVE_KEEP;
    else if (len == 14 && memcmp(s, "cancel_pending", 14) == 0)
        q->answer->resolve = RESOLVE_CANCEL_PENDING;
    else
        return bad_value(L, q, at, "\"keep\" or \"cancel_pending\" is expected");
    return 0;
}

static int take_value(lua_State *L, struct question *q, int at)
{
    lua_Integer n;
    switch (q->hook) {
    case ASK_FILTER:
        if (lua_type(L, at) != LUA_TBOOLEAN)
            return bad_value(L, q, at, "true or false is expected");
        q->answer->keep = lua_toboolean(L, at);
        return 0;
    case ASK_KEY:
        return take_key(L, q, at);
    case ASK_PRIORITY:
        if (!whole_number(L, at, &n) || n < 0 || n > WIRE_PRIORITY_MAX)
            return bad_value(L, q, at, "a whole number from 0 to %d is expected", WIRE_PRIORITY_MAX);
        q->answer->priority = (int)n;
        return 0;
    case ASK_RETRIGGER:
        return take_retrigger(L, q, at);
    case ASK_RESOLVE:
        return take_resolve(L, q, at);
    default:
        return take_text(L, q, at);
    }
}

/* The second and third results. */
static int take_reason(lua_State *L, struct question *q, int at)
{
    struct policy_answer *a = q->answer;
    char got[64];
    size_t len;
    for (int i = at; i <= at + 1; i++) {
        if (!lua_isnil(L, i) && lua_type(L, i) != LUA_TSTRING) {
            describe(L, i, got);
            return bad_return(q, "returned %s as its %s; a string is expected", got,
                              i == at ? "reason" : "detail");
        }
    }
    if (lua_isnil(L, at))
        return 0;
    a->has_reason = true;
    const char *s = lua_tolstring(L, at, &len);
    if (q->p->reasons_ref != LUA_NOREF) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, q->p->reasons_ref);
        lua_pushvalue(L, at);
        a->declared = lua_rawget(L, -2) == LUA_TSTRING;
    }
    if (a->declared) {
        buf_add(&a->code, s, len);
        s = lua_tolstring(L, -1, &len);
    }
    if (!lua_isnil(L, at + 1) && a->declared)
        s = lua_tolstring(L, at + 1, &len); /* says it better than the text that every such decision has */
    text_clean(&a->detail, s, len, WIRE_TEXT_SHOWN);
    if (!lua_isnil(L, at + 1) && !a->declared) {
        s = lua_tolstring(L, at + 1, &len);
        buf_adds(&a->detail, ": ");
        text_clean(&a->detail, s, len,
                   WIRE_TEXT_SHOWN - a->detail.len < 64 ? 64 : WIRE_TEXT_SHOWN - a->detail.len);
        a->detail.len = utf8_cut(a->detail.data, a->detail.len, WIRE_TEXT_SHOWN);
    }
    return 0;
}

void answer_take(lua_State *L, struct question *q, int first)
{
    q->answer->from_base = !q->p->written[q->hook] || lua_toboolean(L, first + 3);
    if (take_value(L, q, first) == 0)
        take_reason(L, q, first + 1);
}

void answer_clear(struct policy_answer *a)
{
    struct buf text = a->text, code = a->code, detail = a->detail;
    *a = (struct policy_answer){.text = text, .code = code, .detail = detail};
    buf_clear(&a->text);
    buf_clear(&a->code);
    buf_clear(&a->detail);
}

void policy_answer_deinit(struct policy_answer *a)
{
    buf_free(&a->text);
    buf_free(&a->code);
    buf_free(&a->detail);
}

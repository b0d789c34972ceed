/* `duration`: lengths of time as Prometheus writes them. */
#include "lib.h"

#include "vm.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 128 };

static const struct unit {
    char name[3];
    int64_t ms;
    bool exact; /* 90d is easier to read than 12w6d: written only when nothing is left */
} units[] = {
    {"y", INT64_C(1000) * 60 * 60 * 24 * 365, true},
    {"w", INT64_C(1000) * 60 * 60 * 24 * 7, true},
    {"d", INT64_C(1000) * 60 * 60 * 24, false},
    {"h", INT64_C(1000) * 60 * 60, false},
    {"m", INT64_C(1000) * 60, false},
    {"s", INT64_C(1000), false},
    {"ms", INT64_C(1), false},
};
enum { UNITS = sizeof units / sizeof *units };

/* Prometheus counts nanoseconds in 64 bits; that is the longest it knows, some 292 years. */
#define MS_MAX      (INT64_MAX / 1000000)
#define SECONDS_MAX ((lua_Number)(MS_MAX / 1000))

static const struct unit *find_unit(const char *name, size_t len)
{
    for (size_t i = 0; i < UNITS; i++)
        if (strlen(units[i].name) == len && memcmp(units[i].name, name, len) == 0)
            return &units[i];
    return NULL;
}

static int bad(lua_State *L, const char *fn, const char *text, size_t len, const char *why)
{
    struct buf *shown = &vm_of(L)->scratch;
    buf_clear(shown);
    text_clean(shown, text, len, 60);
    lua_pushfstring(L, "%s: '%s' is no duration such as \"1h30m\": %s", fn, shown->data ? shown->data : "",
                    why);
    return lua_error(L);
}

static int64_t parse_ms(lua_State *L, const char *fn, const char *s, size_t len)
{
    const char *p = s, *end = s + len;
    const struct unit *last = NULL;
    int64_t sum = 0;
    if (len == 1 && *s == '0')
        return 0;
    if (len == 0)
        return bad(L, fn, s, len, "it is empty");
    if (len > TEXT_MAX)
        return bad(L, fn, s, len, "it is too long");
    while (p < end) {
        uint64_t n = 0;
        const char *digits = p;
        for (; p < end && isdigit((unsigned char)*p); p++) {
            if (n > (UINT64_MAX - 9) / 10)
                return bad(L, fn, s, len, "a number is too large");
            n = n * 10 + (uint64_t)(*p - '0');
        }
        if (p == digits)
            return bad(L, fn, s, len, "a number is expected before each unit");
        const char *name = p;
        while (p < end && !isdigit((unsigned char)*p))
            p++;
        const struct unit *unit = find_unit(name, (size_t)(p - name));
        if (!unit)
            return bad(L, fn, s, len,
                       p == name ? "a unit is missing (y, w, d, h, m, s, ms)"
                                 : "the units are y, w, d, h, m, s, ms");
        if (last && unit <= last)
            return bad(L, fn, s, len, "the units go from the largest to the smallest, each at most once");
        if (n > (uint64_t)(MS_MAX / unit->ms))
            return bad(L, fn, s, len, "it is longer than 292 years");
        sum += (int64_t)n * unit->ms; /* each term is at most 2^43: seven of them do not overflow */
        last = unit;
    }
    return sum > MS_MAX ? bad(L, fn, s, len, "it is longer than 292 years") : sum;
}

lua_Number lib_duration(lua_State *L, const char *fn, int arg)
{
    size_t len;
    if (lua_type(L, arg) == LUA_TNUMBER) {
        lua_Number seconds = lib_number(L, fn, arg);
        if (seconds < 0 || seconds > SECONDS_MAX)
            luaL_error(L, "%s: a duration in seconds is between 0 and 292 years", fn);
        return seconds;
    }
    if (lua_type(L, arg) != LUA_TSTRING)
        lib_wrong(L, fn, arg, "a duration such as \"1h30m\" or a number of seconds");
    const char *s = lib_text(L, fn, arg, &len);
    return (lua_Number)parse_ms(L, fn, s, len) / 1000;
}

void lib_format_duration(lua_Number seconds, char out[LIB_DURATION_TEXT])
{
    int64_t ms = llround(fabs(seconds) * 1000);
    size_t n = 0;
    if (ms == 0) {
        snprintf(out, LIB_DURATION_TEXT, "0s");
        return;
    }
    if (seconds < 0)
        out[n++] = '-';
    for (size_t i = 0; i < UNITS; i++) {
        if (units[i].exact && ms % units[i].ms)
            continue;
        int64_t count = ms / units[i].ms;
        if (count)
            n += (size_t)snprintf(out + n, LIB_DURATION_TEXT - n, "%lld%s", (long long)count, units[i].name);
        ms -= count * units[i].ms;
    }
}

static int parse_text(lua_State *L)
{
    size_t len;
    if (lua_type(L, 1) != LUA_TSTRING)
        return lib_wrong(L, "duration.parse", 1, "a text such as \"1h30m\"");
    const char *s = lib_text(L, "duration.parse", 1, &len);
    lib_push_number(L, (lua_Number)parse_ms(L, "duration.parse", s, len) / 1000);
    return 1;
}

static int format_seconds(lua_State *L)
{
    char out[LIB_DURATION_TEXT];
    lua_Number seconds = lib_number(L, "duration.format", 1);
    if (fabs(seconds) > SECONDS_MAX)
        return luaL_error(L, "duration.format: at most 292 years in seconds are expected");
    lib_format_duration(seconds, out);
    lua_pushstring(L, out);
    return 1;
}

const luaL_Reg lib_duration_functions[] = {{"format", format_seconds}, {"parse", parse_text}, {NULL, NULL}};

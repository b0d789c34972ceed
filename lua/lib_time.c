/* `time`: moments are epoch seconds, and ctx.now is the only clock there is. */
#include "lib.h"

#include "time_spec.h"
#include "time_zone.h"
#include "vm.h"
#include "zones.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SPECS "alertspawner.time_specs" /* registry: text of a spec -> the spec */

enum { SPECS_MAX = 32, HOLIDAYS_MAX = 1000, NEXT_DAYS = 8, DAY = 24 * 60 * 60 };

static int64_t check_moment(lua_State *L, const char *fn, int arg)
{
    lua_Number t = floor(lib_number(L, fn, arg));
    if (t < (lua_Number)TIME_FIRST || t > (lua_Number)TIME_LAST)
        luaL_error(L, "%s: argument %d must be epoch seconds (of the years 1 to 9999)", fn, arg);
    return (int64_t)t;
}

static const struct time_zone *check_zone(lua_State *L, const char *fn, int arg)
{
    size_t len;
    if (lua_isnoneornil(L, arg))
        return time_zone_utc();
    if (lua_type(L, arg) != LUA_TSTRING)
        lib_wrong(L, fn, arg, "a time zone such as \"Europe/Rome\"");
    const char *name = lua_tolstring(L, arg, &len);
    if (len == 3 && memcmp(name, "UTC", 3) == 0)
        return time_zone_utc();
    if (!zone_name_legal(name, len))
        luaL_error(L, "%s: argument %d is no time zone such as \"Europe/Rome\"", fn, arg);
    const struct zone *z = zones_find(zones_of(L), name, len);
    if (!z && !vm_of(L)->zones)
        luaL_error(L, "time: at the top level of a file there is only UTC; ask for \"%s\" in a hook", name);
    if (!z)
        luaL_error(L, "time: the zone \"%s\" was not named; add zones = {\"%s\"} to the policy", name, name);
    vm_charge(L, 64);
    const struct time_zone *zone = z->tzif ? time_zone_load(name, z->tzif, z->len) : NULL;
    if (!zone)
        luaL_error(L, "time: there is no zone \"%s\" here", name);
    return zone;
}

static const struct time_spec *check_spec(lua_State *L, const char *fn, int arg)
{
    size_t len;
    struct err e;
    if (lua_type(L, arg) != LUA_TSTRING)
        lib_wrong(L, fn, arg, "hours such as \"Mon-Fri 09:00-17:30\"");
    const char *text = lib_text(L, fn, arg, &len);
    if (len > TIME_SPEC_TEXT_MAX)
        luaL_error(L, "%s: the hours may have at most %d bytes", fn, TIME_SPEC_TEXT_MAX);
    if (lua_getfield(L, LUA_REGISTRYINDEX, SPECS) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, SPECS);
    }
    lua_pushvalue(L, arg);
    if (lua_rawget(L, -2) == LUA_TUSERDATA)
        return lua_touserdata(L, -1);
    vm_charge(L, 1000 + len * 200);
    struct time_spec *spec = lua_newuserdatauv(L, sizeof *spec, 0);
    if (time_spec_parse(text, len, spec, &e) < 0)
        luaL_error(L, "%s: the hours '%s': %s", fn, text, e.msg);
    lua_Integer n = (lua_Integer)lua_rawlen(L, -3) + 1;
    if (n > SPECS_MAX) { /* all go; those in use are on the stack */
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, SPECS);
        lua_replace(L, -4);
        n = 1;
    }
    lua_pushvalue(L, arg);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
    lua_pushboolean(L, 1); /* counts them */
    lua_rawseti(L, -4, n);
    return spec;
}

/* time.parse */

struct reader {
    const char *p, *end;
    bool bad;
};

static int digits(struct reader *r, int n)
{
    int value = 0;
    for (; n > 0; n--, r->p++) {
        if (r->p == r->end || !isdigit((unsigned char)*r->p)) {
            r->bad = true;
            return 0;
        }
        value = value * 10 + (*r->p - '0');
    }
    return value;
}

static void expect(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        r->bad = true;
    else
        r->p++;
}

static bool next_is_digit(const struct reader *r, ptrdiff_t ahead)
{
    return r->end - r->p > ahead && isdigit((unsigned char)r->p[ahead]);
}

static int days_in(int year, int month)
{
    static const char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01 of a date in the Gregorian calendar. */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y + 400) / 400 - 1; /* y >= -1 */
    int64_t in_era = y - era * 400;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static bool read_date(struct reader *r, int *year, int *month, int *day)
{
    *year = digits(r, 4);
    expect(r, '-');
    *month = digits(r, 2);
    expect(r, '-');
    *day = digits(r, 2);
    return !r->bad && *month >= 1 && *month <= 12 && *day >= 1 && *day <= days_in(*year, *month);
}

static lua_Number read_fraction(struct reader *r)
{
    lua_Number value = 0, weight = 0.1;
    if (r->p == r->end || (*r->p != '.' && *r->p != ',') || !next_is_digit(r, 1))
        return 0;
    for (r->p++; next_is_digit(r, 0); r->p++, weight /= 10)
        value += weight * (*r->p - '0');
    return value;
}

static int read_offset(struct reader *r)
{
    if (r->p < r->end && *r->p == 'Z') {
        r->p++;
        return 0;
    }
    int sign = r->p < r->end && *r->p == '-' ? -1 : 1;
    expect(r, sign < 0 ? '-' : '+');
    int hour = digits(r, 2);
    expect(r, ':');
    int minute = digits(r, 2);
    r->bad |= hour > 24 || minute > 60;
    return sign * (hour * 60 + minute) * 60;
}

/* As lenient as Go's time.Parse, which Prometheus reads times with: an hour of one digit, a comma for the
 * point. */
static bool parse_rfc3339(const char *s, size_t len, int64_t *seconds, lua_Number *fraction)
{
    struct reader r = {s, s + len, false};
    int year, month, day;
    if (!read_date(&r, &year, &month, &day))
        return false;
    expect(&r, 'T');
    int hour = digits(&r, next_is_digit(&r, 1) ? 2 : 1);
    expect(&r, ':');
    int minute = digits(&r, 2);
    expect(&r, ':');
    int second = digits(&r, 2);
    *fraction = read_fraction(&r);
    int offset = read_offset(&r);
    *seconds = days_since_epoch(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    return !r.bad && r.p == r.end && hour < 24 && minute < 60 && second < 60;
}

static int time_parse(lua_State *L)
{
    size_t len;
    int64_t seconds;
    lua_Number fraction;
    if (lua_type(L, 1) != LUA_TSTRING)
        return lib_wrong(L, "time.parse", 1, "a text such as \"2026-03-07T10:00:00Z\"");
    const char *s = lib_text(L, "time.parse", 1, &len);
    if (!parse_rfc3339(s, len, &seconds, &fraction)) {
        struct buf *shown = &vm_of(L)->scratch;
        buf_clear(shown);
        text_clean(shown, s, len, 60);
        return luaL_error(
            L, "time.parse: '%s' is no time such as 2026-03-07T10:00:00Z or 2026-03-07T11:00:00+01:00",
            shown->data ? shown->data : "");
    }
    if (fraction > 0)
        lua_pushnumber(L, (lua_Number)seconds + fraction);
    else
        lua_pushinteger(L, seconds);
    return 1;
}

/* time.format and time.parts */

static void format_iso(const struct local_time *at, char *out, size_t size)
{
    int n = snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d", (int)at->year, at->month, at->day, at->hour,
                     at->minute, at->second);
    int minutes = at->offset / 60, far = minutes < 0 ? -minutes : minutes;
    if (at->offset == 0)
        snprintf(out + n, size - (size_t)n, "Z");
    else
        snprintf(out + n, size - (size_t)n, "%c%02d:%02d", minutes < 0 ? '-' : '+', far / 60, far % 60);
}

void lib_format_moment(lua_Number t, char out[LIB_MOMENT_TEXT])
{
    struct local_time at;
    if (!(t >= (lua_Number)TIME_FIRST && t <= (lua_Number)TIME_LAST)) {
        snprintf(out, LIB_MOMENT_TEXT, "never");
        return;
    }
    time_zone_local(time_zone_utc(), (int64_t)floor(t), &at);
    format_iso(&at, out, LIB_MOMENT_TEXT);
}

static int time_format(lua_State *L)
{
    static const char fn[] = "time.format";
    static const char *const weekdays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const forms[] = {"iso", "date", "time", "hm", "weekday", NULL};
    char out[LIB_MOMENT_TEXT];
    struct local_time at;
    int form = 0;
    int64_t t = check_moment(L, fn, 1);
    const char *wanted = lua_isnoneornil(L, 2)           ? "iso"
                         : lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2)
                                                         : "";
    while (forms[form] && strcmp(forms[form], wanted) != 0)
        form++;
    time_zone_local(check_zone(L, fn, 3), t, &at);
    if (at.year < 1 || at.year > 9999)
        return luaL_error(L, "time.format: the year has no four digits there");
    switch (form) {
    case 0:
        format_iso(&at, out, sizeof out);
        break;
    case 1:
        snprintf(out, sizeof out, "%04d-%02d-%02d", (int)at.year, at.month, at.day);
        break;
    case 2:
        snprintf(out, sizeof out, "%02d:%02d:%02d", at.hour, at.minute, at.second);
        break;
    case 3:
        snprintf(out, sizeof out, "%02d:%02d", at.hour, at.minute);
        break;
    case 4:
        snprintf(out, sizeof out, "%s", weekdays[at.weekday - 1]);
        break;
    default:
        return luaL_error(
            L, "time.format: argument 2 must be \"iso\", \"date\", \"time\", \"hm\" or \"weekday\"");
    }
    lua_pushstring(L, out);
    return 1;
}

static void set_integer(lua_State *L, const char *field, lua_Integer n)
{
    lua_pushinteger(L, n);
    lua_setfield(L, -2, field);
}

static int time_parts(lua_State *L)
{
    struct local_time at;
    int64_t t = check_moment(L, "time.parts", 1);
    time_zone_local(check_zone(L, "time.parts", 2), t, &at);
    lua_createtable(L, 0, 11);
    set_integer(L, "year", at.year);
    set_integer(L, "month", at.month);
    set_integer(L, "day", at.day);
    set_integer(L, "hour", at.hour);
    set_integer(L, "minute", at.minute);
    set_integer(L, "second", at.second);
    set_integer(L, "weekday", at.weekday);
    set_integer(L, "yearday", at.yearday);
    set_integer(L, "offset", at.offset);
    lua_pushstring(L, at.abbreviation);
    lua_setfield(L, -2, "zone");
    lua_pushboolean(L, at.dst);
    lua_setfield(L, -2, "dst");
    return 1;
}

/* time.within and time.next */

static int minute_of_week(const struct local_time *at)
{
    return (at->weekday - 1) * 24 * 60 + at->hour * 60 + at->minute;
}

static int time_within(lua_State *L)
{
    struct local_time at;
    lua_settop(L, 3); /* what is not given is nil, not what is pushed */
    int64_t t = check_moment(L, "time.within", 1);
    const struct time_spec *spec = check_spec(L, "time.within", 2);
    time_zone_local(check_zone(L, "time.within", 3), t, &at);
    lua_pushboolean(L, time_spec_has(spec, minute_of_week(&at)));
    return 1;
}

/* Between two jumps of the clocks local time runs straight, so the wait is counted on the week's circle; at a
 * jump it is counted anew. */
static bool find_next(const struct time_spec *spec, const struct time_zone *zone, int64_t t, int64_t *next_r)
{
    int64_t at = t, jump, limit = t + NEXT_DAYS * DAY;
    while (at <= limit && at <= TIME_LAST) {
        struct local_time local;
        time_zone_local(zone, at, &local);
        int wait = time_spec_wait(spec, minute_of_week(&local));
        int64_t candidate = wait ? at + wait * 60 - local.second : at;
        if (candidate == at || !time_zone_next_jump(zone, at, &jump) || candidate < jump) {
            *next_r = candidate;
            return candidate <= limit;
        }
        at = jump;
    }
    return false;
}

static int time_next(lua_State *L)
{
    lua_settop(L, 3); /* what is not given is nil, not what is pushed */
    int64_t t = check_moment(L, "time.next", 1), next;
    const struct time_spec *spec = check_spec(L, "time.next", 2);
    const struct time_zone *zone = check_zone(L, "time.next", 3);
    vm_charge(L, WEEK_MINUTES / 8);
    if (!find_next(spec, zone, t, &next))
        lua_pushnil(L);
    else if (next == t)
        lua_pushvalue(L, 1);
    else
        lua_pushinteger(L, next);
    return 1;
}

static int time_holiday(lua_State *L)
{
    static const char fn[] = "time.holiday";
    struct local_time at;
    bool found = false;
    lua_settop(L, 3);
    int64_t t = check_moment(L, fn, 1);
    lua_Integer n = lib_list(L, fn, 2, HOLIDAYS_MAX);
    time_zone_local(check_zone(L, fn, 3), t, &at);
    for (lua_Integer i = 1; i <= n; i++) {
        size_t len;
        int year, month, day;
        const char *s = lib_list_text(L, fn, 2, i, &len);
        struct reader r = {s, s + len, false};
        if (!read_date(&r, &year, &month, &day) || r.p != r.end)
            return luaL_error(L, "%s: element %I is no date such as \"2026-12-25\"", fn, (LUAI_UACINT)i);
        found = found || (at.year == year && at.month == month && at.day == day);
        lua_pop(L, 1);
    }
    lua_pushboolean(L, found);
    return 1;
}

const luaL_Reg lib_time_functions[] = {
    {"format", time_format}, {"holiday", time_holiday}, {"next", time_next}, {"parse", time_parse},
    {"parts", time_parts},   {"within", time_within},   {NULL, NULL}};

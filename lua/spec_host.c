/* The table `host` that the runner is given: what it can do beyond its VM. lua/spec/main.lua says what it makes of it. */
#include "spec_internal.h"

#include "spec_coverage.h"
#include "time_zone.h"

#include "alerts/identity.h"
#include "base/mem.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Speaking */

void spec_tell(const char *kind, const char *tree, size_t len)
{
    struct spec *s = spec_running;
    size_t mark = wire_begin(&s->out, WIRE_TELL);
    wire_str(&s->out, kind);
    buf_add(&s->out, tree, len);
    wire_end(&s->out, mark);
    s->io.tell(s->io.arg, &s->out);
}

int spec_need(lua_State *L, enum wire_need need, const char *how, const char *name, struct wire_text bytes,
              struct wire_text *bytes_r, struct wire_text *found_r)
{
    struct spec *s = spec_running;
    enum wire_type type;
    struct wire_reader r;
    size_t mark = wire_begin(&s->out, WIRE_NEED);
    wire_u8(&s->out, (uint8_t)need);
    wire_str(&s->out, how);
    wire_str(&s->out, name);
    wire_text(&s->out, bytes.s, bytes.len);
    wire_end(&s->out, mark);
    s->io.tell(s->io.arg, &s->out);
    if (s->io.hear(s->io.arg, &type, &r) < 0 || type != WIRE_GIVE)
        s->fault = "GIVE must come after NEED";
    bool ok = !s->fault && wire_get_u8(&r) != 0;
    *bytes_r = wire_get_text(&r);
    *found_r = wire_get_text(&r);
    if (!s->fault && !wire_at_end(&r))
        s->fault = "GIVE is not as long as it says";
    if (s->fault)
        return luaL_error(L, "the engine is gone");
    return ok ? 0 : -1;
}

/* Files */

static const char *check_path(lua_State *L, int arg)
{
    size_t len;
    const char *path = luaL_checklstring(L, arg, &len);
    if (len == 0 || len > 4096 || strlen(path) != len)
        luaL_argerror(L, arg, "is no path");
    return path;
}

/* read(path [, how]) -> text, path as found | nil, sentence */
static int host_read(lua_State *L)
{
    struct wire_text bytes, found;
    const char *path = check_path(L, 1), *how = luaL_optstring(L, 2, "");
    if (spec_need(L, NEED_FILE, how, path, (struct wire_text){"", 0}, &bytes, &found) == 0) {
        lua_pushlstring(L, bytes.s, bytes.len);
        lua_pushlstring(L, found.s, found.len);
    } else {
        lua_pushnil(L);
        lua_pushlstring(L, bytes.s, bytes.len);
    }
    return 2;
}

/* write_golden(path, text) -> true | nil, sentence */
static int host_write_golden(lua_State *L)
{
    struct wire_text text, answer, found;
    const char *path = check_path(L, 1);
    text.s = luaL_checklstring(L, 2, &text.len);
    if (spec_need(L, NEED_GOLDEN, "golden", path, text, &answer, &found) == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushlstring(L, answer.s, answer.len);
    return 2;
}

/* What a spec prints. */
static int host_print(lua_State *L)
{
    struct spec *s = spec_running;
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    for (size_t part; len; text += part, len -= part) {
        part = len < 1024 * 1024 ? len : 1024 * 1024;
        buf_clear(&s->text);
        wire_u8(&s->text, 's');
        wire_text(&s->text, text, part);
        spec_tell("print", s->text.data, s->text.len);
    }
    return 0;
}

/* event(kind, members) */
static int host_event(lua_State *L)
{
    struct spec *s = spec_running;
    const char *kind = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    if (strcmp(kind, "test_start") == 0)
        spec_record_reset();
    bool failed = false;
    if (strcmp(kind, "test_end") == 0 && s->n_records) {
        const char *status = spec_field_text(L, 2, "status", "", NULL);
        failed = strcmp(status, "failure") == 0 || strcmp(status, "error") == 0;
    }
    buf_clear(&s->text);
    spec_tree_write_map(L, 2, failed ? 1 : 0, &s->text);
    if (failed) {
        wire_str(&s->text, "decisions");
        spec_records_write(&s->text);
    }
    if (s->text.len > 2 * 1024 * 1024)
        return luaL_error(L, "an event is larger than 2 MiB");
    spec_tell(kind, s->text.data, s->text.len);
    return 0;
}

/* Code */

/* compile(text, chunkname, env) -> function | nil, message */
static int host_compile(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len), *name = luaL_checkstring(L, 2);
    luaL_checkany(L, 3);
    if (luaL_loadbufferx(L, text, len, name, "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (spec_running->coverage)
        spec_coverage_code(spec_running->coverage, text, len, name);
    lua_pushvalue(L, 3);
    if (!lua_setupvalue(L, -2, 1))
        lua_pop(L, 1);
    return 1;
}

/* Times */

static int host_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)spec_clock_us() / 1e6);
    return 1;
}

static int host_time(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)moment_now() / MOMENT_SECOND);
    return 1;
}

const struct spec_zone *spec_zone(lua_State *L, const char *name, size_t len)
{
    struct spec *s = spec_running;
    struct wire_text bytes, found;
    for (size_t i = 0; i < s->n_zones; i++)
        if (strlen(s->zones[i].name) == len && memcmp(s->zones[i].name, name, len) == 0)
            return s->zones[i].tzif ? &s->zones[i] : NULL;
    struct spec_zone z = {.name = xstrndup(name, len)};
    s->zones = xrealloc(s->zones, (s->n_zones + 1) * sizeof *s->zones);
    s->zones[s->n_zones++] = z; /* kept, should an error be raised now */
    if (!zone_name_legal(name, len) ||
        spec_need(L, NEED_ZONE, "", z.name, (struct wire_text){"", 0}, &bytes, &found) != 0)
        return NULL;
    struct spec_zone *kept = &s->zones[s->n_zones - 1];
    kept->tzif = xstrndup(bytes.s, bytes.len);
    kept->len = bytes.len;
    return kept;
}

/* The first moment at which the zone's clocks show that wall time, or none. */
static bool find_local(const struct time_zone *zone, int64_t wall, int64_t *t_r)
{
    struct local_time l;
    bool found = false;
    for (int day = -1; day <= 1; day++) {
        int64_t near = wall + day * 86400;
        if (near < TIME_FIRST || near > TIME_LAST)
            continue;
        time_zone_local(zone, near, &l);
        int64_t t = wall - l.offset;
        if (t < TIME_FIRST || t > TIME_LAST)
            continue;
        time_zone_local(zone, t, &l);
        if (t + l.offset == wall && (!found || t < *t_r)) {
            *t_r = t;
            found = true;
        }
    }
    return found;
}

static int no_moment(lua_State *L, const char *fmt, const char *text)
{
    lua_pushnil(L);
    lua_pushfstring(L, fmt, text);
    return 2;
}

/* moment("2026-03-29T01:59:00 Europe/Rome" or RFC 3339) -> epoch seconds | nil, sentence */
static int host_moment(lua_State *L)
{
    size_t len;
    moment_t t;
    const char *text = luaL_checklstring(L, 1, &len), *blank = strchr(text, ' ');
    if (!blank) {
        if (moment_parse(text, len, &t) != 0)
            return no_moment(L, "'%s' is neither RFC 3339 nor local time and zone", text);
        lua_pushnumber(L, (lua_Number)t / MOMENT_SECOND);
        return 1;
    }
    int64_t local;
    const char *name = blank + 1;
    lua_pushlstring(L, text, (size_t)(blank - text));
    lua_pushliteral(L, "Z");
    lua_concat(L, 2);
    const char *wall = lua_tolstring(L, -1, &len);
    if (moment_parse(wall, len, &t) != 0)
        return no_moment(L, "'%s' is no local time with a zone, such as 2026-03-29T01:59:00 Europe/Rome", text);
    const struct time_zone *zone = time_zone_utc();
    if (strcmp(name, "UTC") != 0) {
        const struct spec_zone *z = spec_zone(L, name, strlen(name));
        zone = z ? time_zone_load(z->name, z->tzif, z->len) : NULL;
    }
    if (!zone)
        return no_moment(L, "there is no time zone '%s' here", name);
    if (!find_local(zone, t / MOMENT_SECOND, &local))
        return no_moment(L, "'%s' never was: the clocks were put forward", text);
    lua_pushnumber(L, (lua_Number)local);
    return 1;
}

/* Fingerprints: FNV-1a 64 over the sorted labels, as Alertmanager does it. */

static uint64_t hash_on(uint64_t h, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3;
    return (h ^ 0xff) * 0x100000001b3;
}

struct label {
    const char *name, *value;
    size_t name_len, value_len;
};

static int compare_labels(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
    int c = memcmp(x->name, y->name, n);
    return c ? c : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

/* fingerprint(labels) -> 16 hex digits */
static int host_fingerprint(lua_State *L)
{
    struct label labels[ALERT_PAIRS_MAX];
    size_t n = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING || n == ALERT_PAIRS_MAX)
            return luaL_error(L, "an alert's labels must be strings, at most %d", ALERT_PAIRS_MAX);
        struct label *l = &labels[n++];
        l->name = lua_tolstring(L, -2, &l->name_len);
        l->value = lua_tolstring(L, -1, &l->value_len); /* the table holds them */
    }
    if (n)
        qsort(labels, n, sizeof *labels, compare_labels);
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++)
        h = hash_on(hash_on(h, labels[i].name, labels[i].name_len), labels[i].value, labels[i].value_len);
    char digits[IDENTITY_TEXT];
    identity_format(h, digits);
    lua_pushstring(L, digits);
    return 1;
}

/* userdata(metatable) */
static int host_userdata(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_newuserdatauv(L, 0, 0);
    lua_pushvalue(L, 1);
    lua_setmetatable(L, -2);
    return 1;
}

static const luaL_Reg functions[] = {
    {"ask", spec_session_ask},
    {"compile", host_compile},
    {"event", host_event},
    {"expired", spec_expired},
    {"fingerprint", host_fingerprint},
    {"free", spec_session_free},
    {"guard", spec_guard},
    {"moment", host_moment},
    {"now", host_now},
    {"print", host_print},
    {"read", host_read},
    {"session", spec_session_open},
    {"time", host_time},
    {"userdata", host_userdata},
    {"write_golden", host_write_golden},
    {NULL, NULL},
};

void spec_host_push(lua_State *L)
{
    luaL_newlib(L, functions);
}

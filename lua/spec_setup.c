/* SETUP, from what a spec says of the spawner, the policies and what is remembered: see host.session. */
#include "spec_internal.h"

#include "spec_coverage.h"

#include "alerts/identity.h"
#include "policy/library_name.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields of a table */

/* Pushes the field: nil when it is not there. Raw: what crosses is data. */
static int get_field(lua_State *L, int idx, const char *name)
{
    idx = lua_absindex(L, idx);
    lua_pushstring(L, name);
    return lua_rawget(L, idx);
}

bool spec_has(lua_State *L, int idx, const char *name)
{
    bool has = get_field(L, idx, name) != LUA_TNIL;
    lua_pop(L, 1);
    return has;
}

const char *spec_field_text(lua_State *L, int idx, const char *name, const char *missing, size_t *len_r)
{
    int type = get_field(L, idx, name);
    if (type == LUA_TNIL) {
        lua_pop(L, 1);
        if (len_r)
            *len_r = missing ? strlen(missing) : 0;
        return missing;
    }
    if (type != LUA_TSTRING)
        luaL_error(L, "%s must be a string, got %s", name, luaL_typename(L, -1));
    const char *s = lua_tolstring(L, -1, len_r);
    lua_pop(L, 1);
    return s;
}

double spec_field_number(lua_State *L, int idx, const char *name, double missing)
{
    double d = missing;
    int type = get_field(L, idx, name);
    if (type == LUA_TNUMBER)
        d = lua_tonumber(L, -1);
    if ((type != LUA_TNIL && type != LUA_TNUMBER) || !isfinite(d))
        luaL_error(L, "%s must be a number, got %s", name, luaL_typename(L, -1));
    lua_pop(L, 1);
    return d;
}

moment_t spec_to_moment(lua_State *L, int idx, const char *name)
{
    moment_t t = 0;
    size_t len;
    if (lua_type(L, idx) == LUA_TNUMBER) {
        double d = lua_tonumber(L, idx);
        if (!(fabs(d) < 9e12))
            luaL_error(L, "%s is no moment", name);
        return llround(d * MOMENT_SECOND);
    }
    const char *s = lua_type(L, idx) == LUA_TSTRING ? lua_tolstring(L, idx, &len) : NULL;
    if (!s || moment_parse(s, len, &t) != 0)
        luaL_error(L, "%s must be epoch seconds or RFC 3339", name);
    return t;
}

moment_t spec_field_moment(lua_State *L, int idx, const char *name, moment_t missing)
{
    moment_t t = missing;
    if (get_field(L, idx, name) != LUA_TNIL)
        t = spec_to_moment(L, -1, name);
    lua_pop(L, 1);
    return t;
}

/* Pushes the field's table, an empty one when it is not there. */
static void get_table(lua_State *L, int idx, const char *name)
{
    int type = get_field(L, idx, name);
    if (type == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
    } else if (type != LUA_TTABLE) {
        luaL_error(L, "%s must be a table, got %s", name, luaL_typename(L, -1));
    }
}

static uint32_t count(lua_State *L, int idx)
{
    uint32_t n = 0;
    idx = lua_absindex(L, idx);
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1))
        n++;
    return n;
}

static void write_value(lua_State *L, struct buf *b, const char *what)
{
    size_t len;
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "%s must be a string, got %s", what, luaL_typename(L, -1));
    const char *s = lua_tolstring(L, -1, &len);
    wire_text(b, s, len);
}

static void write_field_text(lua_State *L, int idx, const char *name, const char *missing, struct buf *b)
{
    size_t len;
    const char *s = spec_field_text(L, idx, name, missing, &len);
    wire_text(b, s, len);
}

/* Parts of SETUP */

struct name {
    const char *s;
    size_t len;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->s, ((const struct name *)b)->s);
}

/* The names of a table, sorted. Pushes what holds the array; the table holds the strings. */
static const struct name *push_names(lua_State *L, int idx, const char *what, uint32_t *n_r)
{
    idx = lua_absindex(L, idx);
    uint32_t n = 0;
    struct name *names = lua_newuserdatauv(L, (count(L, idx) + 1) * sizeof *names, 0);
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: a name must be a string, got %s", what, luaL_typename(L, -2));
        names[n].s = lua_tolstring(L, -2, &names[n].len);
        n++;
    }
    if (n)
        qsort(names, n, sizeof *names, compare_names);
    *n_r = n;
    return names;
}

/* Its lines count from the first one on. */
static void cover(const char *name, const char *source, size_t len)
{
    char chunk_name[300];
    if (!spec_running->coverage)
        return;
    snprintf(chunk_name, sizeof chunk_name, "@%s", name);
    spec_coverage_code(spec_running->coverage, source, len, chunk_name);
}

/* text name, text source */
static void write_file(lua_State *L, int files, const struct name *name, struct buf *b)
{
    size_t len;
    wire_text(b, name->s, name->len);
    lua_pushlstring(L, name->s, name->len);
    lua_rawget(L, files);
    write_value(L, b, name->s);
    const char *source = lua_tolstring(L, -1, &len);
    cover(name->s, source, len);
    lua_pop(L, 1);
}

/* text name, text value */
static void write_entry(lua_State *L, int map, const struct name *name, struct buf *b)
{
    wire_text(b, name->s, name->len);
    lua_pushlstring(L, name->s, name->len);
    lua_rawget(L, map);
    write_value(L, b, name->s);
    lua_pop(L, 1);
}

static void write_map(lua_State *L, int idx, const char *name, struct buf *b)
{
    uint32_t n;
    get_table(L, idx, name);
    int map = lua_gettop(L);
    const struct name *names = push_names(L, map, name, &n);
    wire_u32(b, n);
    for (uint32_t i = 0; i < n; i++)
        write_entry(L, map, &names[i], b);
    lua_settop(L, map - 1);
}

static void write_templates(lua_State *L, int idx, struct buf *b)
{
    get_table(L, idx, "templates");
    int t = lua_gettop(L);
    write_field_text(L, t, "prompt", "{{.Title}}", b);
    write_field_text(L, t, "branch", "", b);
    write_field_text(L, t, "name", "", b);
    write_map(L, t, "labels", b);
    write_map(L, t, "annotations", b);
    lua_settop(L, t - 1);
}

static bool is_library(const struct name *name)
{
    return strncmp(name->s, LIBRARY_PREFIX, strlen(LIBRARY_PREFIX)) == 0;
}

/* Libraries, then policies; each policy may include every library. */
static void write_files(lua_State *L, int idx, struct buf *b)
{
    uint32_t n, n_libs = 0;
    get_table(L, idx, "files");
    int files = lua_gettop(L);
    const struct name *names = push_names(L, files, "files", &n);
    for (uint32_t i = 0; i < n; i++)
        n_libs += is_library(&names[i]);
    wire_u32(b, n_libs);
    for (uint32_t i = 0; i < n; i++)
        if (is_library(&names[i]))
            write_file(L, files, &names[i], b);
    wire_u32(b, n - n_libs);
    for (uint32_t i = 0; i < n; i++) {
        if (is_library(&names[i]))
            continue;
        write_file(L, files, &names[i], b);
        wire_u32(b, n_libs);
        for (uint32_t k = 0; k < n_libs; k++)
            wire_u32(b, k);
    }
    lua_settop(L, files - 1);
}

static int compare_moments(const void *a, const void *b)
{
    moment_t x = *(const moment_t *)a, y = *(const moment_t *)b;
    return (x > y) - (x < y);
}

enum { CREATED_MAX = 10000 };

/* {policy = {moments}} */
static void write_created(lua_State *L, int idx, struct buf *b)
{
    get_table(L, idx, "created");
    int created = lua_gettop(L);
    wire_u32(b, count(L, created));
    for (lua_pushnil(L); lua_next(L, created); lua_pop(L, 1)) {
        size_t len, n = lua_type(L, -1) == LUA_TTABLE ? lua_rawlen(L, -1) : 0;
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TTABLE || n > CREATED_MAX)
            luaL_error(L, "created must be a table of policy = {moments}, at most %d of each", CREATED_MAX);
        const char *name = lua_tolstring(L, -2, &len);
        moment_t *at = lua_newuserdatauv(L, (n + 1) * sizeof *at, 0);
        for (size_t i = 0; i < n; i++) {
            lua_rawgeti(L, -2, (lua_Integer)i + 1);
            at[i] = spec_to_moment(L, -1, "created");
            lua_pop(L, 1);
        }
        if (n)
            qsort(at, n, sizeof *at, compare_moments);
        wire_text(b, name, len);
        wire_u32(b, (uint32_t)n);
        for (size_t i = 0; i < n; i++)
            wire_i64(b, at[i]);
        lua_pop(L, 1);
    }
    lua_settop(L, created - 1);
}

static bool is_fingerprint(const char *s, size_t len, uint64_t *identity_r)
{
    if (len != IDENTITY_TEXT - 1 || strspn(s, "0123456789abcdef") != len)
        return false;
    *identity_r = strtoull(s, NULL, 16);
    return true;
}

/* state, of the key state_key: 16 hex digits are a fingerprint, anything else a policy's own key. */
static void write_state(lua_State *L, int idx, struct buf *b)
{
    if (!spec_has(L, idx, "state")) {
        wire_u32(b, 0);
        return;
    }
    size_t len;
    uint64_t identity;
    const char *key = spec_field_text(L, idx, "state_key", "", &len);
    if (!is_fingerprint(key, len, &identity))
        identity = identity_of_key(key, len);
    wire_u32(b, 1);
    write_field_text(L, idx, "named", "", b);
    wire_u64(b, identity);
    wire_u32(b, (uint32_t)spec_field_number(L, idx, "state_version", 1));
    get_table(L, idx, "state");
    spec_tree_write_map(L, -1, 0, b);
    lua_pop(L, 1);
}

static void write_list(lua_State *L, int idx, const char *name, struct buf *b)
{
    get_table(L, idx, name);
    uint32_t n = (uint32_t)lua_rawlen(L, -1);
    wire_u32(b, n);
    for (uint32_t i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        write_value(L, b, name);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void spec_setup_write(lua_State *L, int idx, moment_t *now_r)
{
    const struct spec *s = spec_running;
    struct buf *b = &spec_running->frame;
    idx = lua_absindex(L, idx);
    buf_clear(b);
    size_t mark = wire_begin(b, WIRE_SETUP);
    wire_i64(b, *now_r = spec_field_moment(L, idx, "now", moment_now()));
    write_field_text(L, idx, "spawner", "oncall", b);
    write_field_text(L, idx, "namespace", "monitoring", b);
    write_field_text(L, idx, "named", "", b);
    get_field(L, idx, "config");
    spec_tree_write(L, -1, b);
    lua_pop(L, 1);
    wire_i64(b, (int64_t)(spec_field_number(L, idx, "poll_interval", 120) * MOMENT_SECOND));
    write_list(L, idx, "priority_labels", b);
    write_templates(L, idx, b);
    write_files(L, idx, b);
    wire_u64(b, s->limits.call_instructions);
    wire_u64(b, s->limits.total_instructions);
    wire_u64(b, s->limits.memory);
    wire_u32(b, 0); /* nothing is quarantined */
    get_field(L, idx, "lint");
    wire_u8(b, (uint8_t)(lua_toboolean(L, -1) | 2)); /* explained: a failed test tells how it came to that */
    lua_pop(L, 1);
    write_created(L, idx, b);
    write_state(L, idx, b);
    wire_end(b, mark);
}

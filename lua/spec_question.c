/* Questions about one alert, as the engine would put them: see host.ask. */
#include "spec_internal.h"

#include "session_internal.h"

#include "tasks/store.h"

#include <lauxlib.h>
#include <string.h>

/* "text bytes, text index" of the JSON text on top, which is popped. */
static void write_alert(lua_State *L)
{
    struct spec *s = spec_running;
    struct err e;
    size_t len;
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "an alert must be given as JSON text");
    const char *bytes = lua_tolstring(L, -1, &len);
    if (len > ALERT_BYTES_MAX)
        luaL_error(L, "an alert is larger than %d KiB", ALERT_BYTES_MAX / 1024);
    if (alert_index(bytes, len, &s->index, &e) != ALERT_OK)
        luaL_error(L, "that is no alert: %s", e.msg);
    wire_text(&s->frame, bytes, len);
    wire_text(&s->frame, s->index.data, s->index.len);
    lua_pop(L, 1);
}

static void push_alert(lua_State *L, int idx)
{
    lua_pushliteral(L, "alert");
    lua_rawget(L, lua_absindex(L, idx));
}

/* Pushes the list; returns its length. */
static uint32_t push_list(lua_State *L, int idx, const char *name)
{
    idx = lua_absindex(L, idx);
    lua_pushstring(L, name);
    int type = lua_rawget(L, idx);
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "%s must be a list, got %s", name, luaL_typename(L, -1));
    return type == LUA_TTABLE ? (uint32_t)lua_rawlen(L, -1) : 0;
}

/* The list on top, which is popped. */
static void write_alerts(lua_State *L, uint32_t n)
{
    for (uint32_t i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        write_alert(L);
    }
    lua_pop(L, 1);
}

/* A member that is a table, or nil for none: its index, on top. */
static int push_record(lua_State *L, int idx, const char *name)
{
    idx = lua_absindex(L, idx);
    lua_pushstring(L, name);
    if (lua_rawget(L, idx) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    if (lua_type(L, -1) != LUA_TTABLE)
        luaL_error(L, "%s must be a table, got %s", name, luaL_typename(L, -1));
    return lua_gettop(L);
}

static size_t begin(enum wire_type type)
{
    struct spec *s = spec_running;
    buf_clear(&s->frame);
    size_t mark = wire_begin(&s->frame, type);
    wire_u32(&s->frame, 1);
    if (type != WIRE_SURVEY)
        wire_u32(&s->frame, 1);
    return mark;
}

/* The alert, its group and what fires besides are in the poll. */
void spec_survey_write(lua_State *L, int idx)
{
    struct buf *b = &spec_running->frame;
    buf_clear(b);
    size_t mark = wire_begin(b, WIRE_SURVEY);
    uint32_t n_group = push_list(L, idx, "group"), n_firing;
    lua_pop(L, 1);
    n_firing = push_list(L, idx, "firing");
    lua_pop(L, 1);
    wire_u32(b, 1 + n_group + n_firing);
    push_alert(L, idx);
    write_alert(L);
    push_list(L, idx, "group");
    write_alerts(L, n_group);
    push_list(L, idx, "firing");
    write_alerts(L, n_firing);
    wire_end(b, mark);
}

static void write_seen(lua_State *L, int idx, moment_t now)
{
    struct buf *b = &spec_running->frame;
    int seen = push_record(L, idx, "seen");
    wire_i64(b, spec_field_moment(L, seen, "first", now));
    wire_u32(b, (uint32_t)spec_field_number(L, seen, "polls", 1));
    wire_u32(b, (uint32_t)spec_field_number(L, seen, "flaps_1h", 0));
    wire_i64(b, (int64_t)(spec_field_number(L, seen, "absent_for", 0) * MOMENT_SECOND));
    wire_u32(b, (uint32_t)spec_field_number(L, seen, "episode", 1));
    lua_pop(L, 1);
}

static void write_key(const char *key)
{
    struct buf *b = &spec_running->frame;
    wire_u8(b, key != NULL);
    wire_str(b, key);
}

static void write_last(lua_State *L, int idx)
{
    struct buf *b = &spec_running->frame;
    uint8_t phase = TASK_NEW;
    int last = push_record(L, idx, "last");
    const char *name = spec_field_text(L, last, "phase", "", NULL);
    while (phase <= TASK_FAILED && strcmp(session_phase_name(phase), name) != 0)
        phase++;
    if (phase > TASK_FAILED)
        luaL_error(L, "last.phase '%s' is none", name);
    wire_str(b, spec_field_text(L, last, "task", "", NULL));
    wire_u8(b, phase);
    lua_pushliteral(L, "gone");
    lua_rawget(L, last);
    wire_u8(b, (uint8_t)lua_toboolean(L, -1));
    lua_pop(L, 1);
    static const char *const moments[] = {"created_at", "completed_at", "starts_at", "trigger_at"};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
        wire_i64(b, spec_field_moment(L, last, moments[i], MOMENT_NONE));
    wire_u32(b, (uint32_t)spec_field_number(L, last, "attempts", 0));
    lua_pop(L, 1);
}

void spec_judge_write(lua_State *L, int idx, moment_t now)
{
    size_t mark = begin(WIRE_JUDGE);
    push_alert(L, idx);
    write_alert(L);
    write_seen(L, idx, now);
    wire_end(&spec_running->frame, mark);
}

void spec_retrigger_write(lua_State *L, int idx, moment_t now, const char *key)
{
    size_t mark = begin(WIRE_RETRIGGER);
    push_alert(L, idx);
    write_alert(L);
    write_seen(L, idx, now);
    write_key(key);
    write_last(L, idx);
    wire_end(&spec_running->frame, mark);
}

/* Of an alert that is gone only its Task is left to tell: alertname, fingerprint, startsAt. */
static void write_gone_alert(lua_State *L, int idx)
{
    struct spec *s = spec_running;
    struct err e;
    size_t len;
    struct alert a;
    push_alert(L, idx);
    const char *bytes = luaL_checklstring(L, -1, &len);
    if (alert_index(bytes, len, &s->index, &e) != ALERT_OK)
        luaL_error(L, "that is no alert: %s", e.msg);
    alert_view(&a, bytes, s->index.data);
    struct span name = alert_label(&a, "alertname");
    const struct span fingerprint = a.index->field[ALERT_FINGERPRINT], starts_at = a.index->field[ALERT_STARTS_AT];
    buf_clear(&s->alert);
    /* spans are what stands between the quotes, with its escapes */
    buf_addf(&s->alert,
             "{\"labels\":{\"alertname\":\"%.*s\"},\"fingerprint\":\"%.*s\",\"startsAt\":\"%.*s\","
             "\"status\":{\"state\":\"active\"}}",
             span_absent(name) ? 0 : (int)(name.len & ~SPAN_ESCAPED), span_absent(name) ? "" : bytes + name.off,
             (int)(fingerprint.len & ~SPAN_ESCAPED), bytes + fingerprint.off, (int)(starts_at.len & ~SPAN_ESCAPED),
             bytes + starts_at.off);
    lua_pushlstring(L, s->alert.data, s->alert.len);
    lua_replace(L, -2);
    write_alert(L);
}

void spec_resolve_write(lua_State *L, int idx, const char *key, const char *policy)
{
    size_t mark = begin(WIRE_RESOLVE);
    wire_str(&spec_running->frame, policy);
    write_gone_alert(L, idx);
    write_key(key);
    write_last(L, idx);
    wire_end(&spec_running->frame, mark);
}

void spec_compose_write(lua_State *L, int idx, moment_t now, const char *key)
{
    struct buf *b = &spec_running->frame;
    size_t mark = begin(WIRE_COMPOSE);
    push_alert(L, idx);
    write_alert(L);
    write_key(key);
    write_seen(L, idx, now);
    write_last(L, idx);
    uint32_t others = push_list(L, idx, "group");
    uint32_t members = others == 0 ? 0 : others >= WIRE_MEMBERS_MAX ? WIRE_MEMBERS_MAX : 1 + others;
    wire_u32(b, (uint32_t)spec_field_number(L, idx, "group_count", 1.0 + others));
    wire_u32(b, members);
    if (members) {
        push_alert(L, idx);
        write_alert(L);
        write_alerts(L, members - 1);
    } else {
        lua_pop(L, 1);
    }
    wire_end(b, mark);
}

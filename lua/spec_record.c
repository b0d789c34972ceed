/* Decision records of one test: what was asked of policies, and what they said, for the report of its failure. */
#include "spec_internal.h"

#include "alerts/alert.h"

#include <lauxlib.h>
#include <string.h>

void spec_record_reset(void)
{
    spec_running->n_records = 0;
}

/* Copies a member of the table at `from`, if it is there, into the one on top; as `name`. */
static void copy(lua_State *L, int from, const char *member, const char *name)
{
    lua_getfield(L, from, member);
    size_t len;
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    if (lua_isnil(L, -1) || (s && len == 0)) {
        lua_pop(L, 1);
        return;
    }
    lua_setfield(L, -2, name);
}

/* One hook's answer, `part` of the answer at `a`, into the list on top. */
static void add_step(lua_State *L, int a, const char *part, const char *hook, const char *value)
{
    if (lua_getfield(L, a, part) == LUA_TTABLE) {
        int from = lua_gettop(L);
        lua_newtable(L);
        lua_pushstring(L, hook);
        lua_setfield(L, -2, "hook");
        copy(L, from, value, "value");
        copy(L, from, "code", "reason");
        copy(L, from, "detail", "detail");
        copy(L, from, "where", "by");
        copy(L, from, "key", "key");
        copy(L, from, "priority", "priority");
        copy(L, from, "title", "title");
        copy(L, from, "fallback", "fallback");
        lua_rawseti(L, from - 1, (lua_Integer)lua_rawlen(L, from - 1) + 1);
    }
    lua_settop(L, a + 3);
}

/* The alert's JSON text says its name and fingerprint. */
static void set_alert(lua_State *L, int q)
{
    struct spec *s = spec_running;
    struct alert a;
    struct err e;
    size_t len;
    lua_getfield(L, q, "alert");
    const char *bytes = lua_tolstring(L, -1, &len);
    if (bytes && alert_index(bytes, len, &s->index, &e) == ALERT_OK) {
        struct buf text = {0};
        alert_view(&a, bytes, s->index.data);
        struct span name = alert_label(&a, "alertname");
        if (!span_absent(name))
            alert_text(&a, name, &text);
        buf_clear(&s->alert);
        buf_add(&s->alert, text.data, text.len); /* what Lua may leave behind when it raises is kept by `s` */
        buf_free(&text);
        lua_pushlstring(L, s->alert.data ? s->alert.data : "", s->alert.len);
        lua_setfield(L, -3, "alert");
        const struct span f = a.index->field[ALERT_FINGERPRINT];
        lua_pushlstring(L, bytes + f.off, f.len & ~SPAN_ESCAPED);
        lua_setfield(L, -3, "fp");
    }
    lua_pop(L, 1);
}

void spec_record_add(lua_State *L, int q, int a, moment_t now)
{
    struct spec *s = spec_running;
    char at[MOMENT_TEXT];
    lua_settop(L, a);
    lua_newtable(L);
    moment_format_s(now, at);
    lua_pushstring(L, at);
    lua_setfield(L, -2, "t");
    set_alert(L, q);
    if (lua_getfield(L, a, "judged") == LUA_TTABLE) {
        lua_insert(L, a + 1); /* judged, record */
        copy(L, a + 1, "policy", "policy");
        copy(L, a + 1, "answer", "verdict");
        copy(L, a + 1, "code", "reason");
    } else {
        lua_insert(L, a + 1);
    }
    lua_newtable(L); /* the chain, at a + 3 */
    add_step(L, a, "judged", "filter", "answer");
    add_step(L, a, "retriggered", "retrigger", "value");
    add_step(L, a, "resolved", "on_resolve", "value");
    add_step(L, a, "composed", "body", "ok");
    lua_setfield(L, a + 2, "chain");
    lua_settop(L, a + 2);
    if (lua_getfield(L, a, "notes") == LUA_TTABLE && lua_rawlen(L, -1) > 0)
        lua_setfield(L, a + 2, "notes");
    lua_settop(L, a + 2);
    struct buf *b = &s->records[s->n_records % SPEC_RECORDS_MAX];
    buf_clear(b);
    spec_tree_write(L, a + 2, b);
    s->n_records++;
    lua_settop(L, a);
}

void spec_records_write(struct buf *out)
{
    const struct spec *s = spec_running;
    size_t n = s->n_records < SPEC_RECORDS_MAX ? s->n_records : SPEC_RECORDS_MAX;
    wire_u8(out, 'l');
    wire_u32(out, (uint32_t)n);
    for (size_t i = s->n_records - n; i < s->n_records; i++) {
        const struct buf *b = &s->records[i % SPEC_RECORDS_MAX];
        buf_add(out, b->data, b->len);
    }
}

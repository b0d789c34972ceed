/* What a session said, as Lua tables: see host.session and host.ask, and policy/wire.h for the frames. */
#include "spec_internal.h"

#include "bind_ctx.h"

#include <lauxlib.h>

/* Setting fields of the table on top */

static void set_text(lua_State *L, const char *name, struct wire_text t)
{
    lua_pushlstring(L, t.s, t.len);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, lua_Integer n)
{
    lua_pushinteger(L, n);
    lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool flag)
{
    lua_pushboolean(L, flag);
    lua_setfield(L, -2, name);
}

static const char *word(uint8_t what, const char *const names[3])
{
    return what < 3 ? names[what] : "?";
}

/* Notes are added to answer.notes, state is put into answer.state: all answers about the alert together. */
static void take_extras(lua_State *L, int answer, struct wire_reader *r)
{
    uint8_t bits = wire_get_u8(r);
    if (bits & 1) {
        lua_getfield(L, answer, "notes");
        lua_Integer at = (lua_Integer)lua_rawlen(L, -1);
        for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
            lua_newtable(L);
            set_text(L, "name", wire_get_text(r));
            set_text(L, "value", wire_get_text(r));
            lua_rawseti(L, -2, ++at);
        }
        lua_pop(L, 1);
    }
    if (bits & 2) {
        wire_get_text(r);
        lua_getfield(L, answer, "state");
        for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
            struct wire_text name = wire_get_text(r);
            lua_pushlstring(L, name.s, name.len);
            ctx_push_tree(L, r);
            lua_rawset(L, -3);
        }
        lua_pop(L, 1);
    }
    if (bits & 4) {
        struct chain c;
        struct err e;
        if (chain_read(r, &c, &e) == 0)
            chain_append(&spec_running->chain, &c);
        chain_clear(&c);
    }
}

/* READY */

static void push_policies(lua_State *L, struct wire_reader *r)
{
    static const char *const numbers[] = {"per_hour", "per_day", "ramp", "reserve_slots", "reserve_priority",
                                          "state_version"};
    lua_newtable(L);
    lua_Integer at = 0;
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        lua_newtable(L);
        set_text(L, "name", wire_get_text(r));
        set_text(L, "file", wire_get_text(r));
        set_text(L, "match", wire_get_text(r));
        uint8_t bits = wire_get_u8(r);
        set_flag(L, "shadow", bits & 1);
        set_flag(L, "on_resolve", bits & 2);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            set_number(L, numbers[i], wire_get_u32(r));
        uint32_t libraries = wire_get_u32(r);
        set_number(L, "libraries", libraries);
        for (; libraries && !r->bad; libraries--)
            wire_get_u32(r);
        lua_rawseti(L, -2, ++at);
    }
}

/* A list of (text first, text sentence), with a line between them when `line`. */
static void push_sentences(lua_State *L, struct wire_reader *r, const char *first, bool line)
{
    lua_newtable(L);
    lua_Integer at = 0;
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        lua_newtable(L);
        set_text(L, first, wire_get_text(r));
        if (line)
            set_number(L, "line", wire_get_u32(r));
        set_text(L, "sentence", wire_get_text(r));
        lua_rawseti(L, -2, ++at);
    }
}

void spec_ready_push(lua_State *L, struct wire_reader *r, bool *survey_r)
{
    lua_newtable(L);
    push_sentences(L, r, "file", false);
    lua_setfield(L, -2, "load");
    push_policies(L, r);
    lua_setfield(L, -2, "policies");
    push_sentences(L, r, "file", true);
    lua_setfield(L, -2, "lint");
    push_sentences(L, r, "which", false);
    lua_setfield(L, -2, "templates");
    set_flag(L, "named", wire_get_u8(r) != 0);
    *survey_r = wire_get_u8(r) != 0;
    set_flag(L, "survey", *survey_r);
    set_text(L, "default_hash", wire_get_text(r));
}

/* Answers */

static void set_reason(lua_State *L, struct wire_reader *r)
{
    set_text(L, "code", wire_get_text(r));
    set_text(L, "detail", wire_get_text(r));
}

void spec_judged_take(lua_State *L, int answer, struct wire_reader *r)
{
    static const char *const names[] = {"keep", "drop", "error"};
    wire_get_u32(r);
    lua_newtable(L);
    lua_pushstring(L, word(wire_get_u8(r), names));
    lua_setfield(L, -2, "answer");
    set_reason(L, r);
    set_text(L, "policy", wire_get_text(r));
    set_text(L, "where", wire_get_text(r));
    if (wire_get_u8(r))
        set_text(L, "key", wire_get_text(r));
    set_number(L, "priority", (lua_Integer)wire_get_i64(r));
    set_text(L, "name", wire_get_text(r));
    set_text(L, "name_error", wire_get_text(r));
    set_text(L, "fallback", wire_get_text(r));
    lua_setfield(L, answer, "judged");
    take_extras(L, answer, r);
}

void spec_retriggered_take(lua_State *L, int answer, struct wire_reader *r)
{
    wire_get_u32(r);
    uint8_t what = wire_get_u8(r);
    int64_t at = wire_get_i64(r);
    lua_newtable(L);
    if (what == ANSWER_AT)
        lua_pushnumber(L, (lua_Number)at / MOMENT_SECOND);
    else if (what == ANSWER_ERROR)
        lua_pushliteral(L, "error");
    else
        lua_pushboolean(L, what == ANSWER_NOW);
    lua_setfield(L, -2, "value");
    set_reason(L, r);
    set_text(L, "policy", wire_get_text(r));
    set_text(L, "where", wire_get_text(r));
    lua_setfield(L, answer, "retriggered");
    take_extras(L, answer, r);
}

void spec_resolved_take(lua_State *L, int answer, struct wire_reader *r)
{
    static const char *const names[] = {"keep", "cancel_pending", "error"};
    wire_get_u32(r);
    lua_newtable(L);
    lua_pushstring(L, word(wire_get_u8(r), names));
    lua_setfield(L, -2, "value");
    set_reason(L, r);
    set_text(L, "where", wire_get_text(r));
    lua_setfield(L, answer, "resolved");
    take_extras(L, answer, r);
}

static void set_texts(lua_State *L, const char *name, struct wire_reader *r)
{
    lua_newtable(L);
    lua_Integer at = 0;
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        struct wire_text t = wire_get_text(r);
        lua_pushlstring(L, t.s, t.len);
        lua_rawseti(L, -2, ++at);
    }
    lua_setfield(L, -2, name);
}

void spec_composed_take(lua_State *L, int answer, struct wire_reader *r)
{
    static const char *const texts[] = {"title", "body", "prompt", "branch"};
    wire_get_u32(r);
    lua_newtable(L);
    set_flag(L, "ok", wire_get_u8(r) != 0);
    set_reason(L, r);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        set_text(L, texts[i], wire_get_text(r));
    set_texts(L, "labels", r);
    set_texts(L, "annotations", r);
    set_text(L, "fallback", wire_get_text(r));
    lua_setfield(L, answer, "composed");
    take_extras(L, answer, r);
}

/* Decision records of one test: what was asked of policies, and how they came to their answers, for the report of its
 * failure. The members have the names of the engine's own records (core/spawner/decision.h). */
#include "spec_internal.h"

#include "alerts/alert.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

void spec_record_reset(void)
{
    spec_running->n_records = 0;
}

/* A map whose members are counted as they are added. */
struct map {
    struct buf *b;
    size_t at;
    uint32_t n;
};

static struct map map_begin(struct buf *b)
{
    wire_u8(b, 'm');
    struct map m = {b, b->len, 0};
    wire_u32(b, 0);
    return m;
}

static void map_end(const struct map *m)
{
    for (int i = 0; i < 4; i++)
        m->b->data[m->at + (size_t)i] = (char)(m->n >> (8 * i));
}

static void add_text(struct map *m, const char *name, const char *s, size_t len)
{
    wire_str(m->b, name);
    wire_u8(m->b, 's');
    wire_text(m->b, s, len);
    m->n++;
}

static void add_string(struct map *m, const char *name, const char *s)
{
    if (s && s[0])
        add_text(m, name, s, strlen(s));
}

static void add_count(struct map *m, const char *name, uint64_t n)
{
    wire_str(m->b, name);
    wire_u8(m->b, 'i');
    wire_i64(m->b, (int64_t)n);
    m->n++;
}

static void add_true(struct map *m, const char *name)
{
    wire_str(m->b, name);
    wire_u8(m->b, 't');
    m->n++;
}

static void add_value(struct map *m, const struct chain_link *l)
{
    double d;
    uint64_t bits;
    if (l->tag == '-') /* it never returned */
        return;
    wire_str(m->b, "value");
    m->n++;
    switch (l->tag) {
    case 'z':
    case 't':
    case 'f':
        wire_u8(m->b, (uint8_t)l->tag);
        return;
    case 'n':
        d = strtod(l->value, NULL);
        memcpy(&bits, &d, sizeof bits);
        wire_u8(m->b, 'd');
        wire_u64(m->b, bits);
        return;
    default:
        wire_u8(m->b, 's');
        wire_str(m->b, l->value);
    }
}

static void write_link(struct buf *b, const struct chain_link *l)
{
    struct map m = map_begin(b);
    add_string(&m, "hook", black_box_hook_name(l->hook));
    add_string(&m, "by", l->by);
    add_value(&m, l);
    add_string(&m, "reason", l->reason);
    add_string(&m, "detail", l->detail);
    add_string(&m, "error", l->error);
    add_count(&m, "us", l->us);
    add_count(&m, "instr", l->instructions);
    add_count(&m, "bytes", l->memory);
    add_string(&m, "source", l->source);
    if (l->depth)
        add_count(&m, "depth", l->depth);
    if (l->bits & CHAIN_DECIDED)
        add_true(&m, "decided");
    if (l->bits & CHAIN_PASSED_ON)
        add_true(&m, "passedOn");
    if (l->bits & CHAIN_STAND_IN)
        add_true(&m, "standIn");
    if (l->n_reads) {
        wire_str(b, "reads");
        struct map reads = map_begin(b);
        for (size_t i = 0; i < l->n_reads; i++) {
            wire_str(b, l->reads[i].name);
            wire_u8(b, l->reads[i].value ? 's' : 'z');
            if (l->reads[i].value)
                wire_str(b, l->reads[i].value);
            reads.n++;
        }
        map_end(&reads);
        m.n++;
    }
    map_end(&m);
}

/* A member of the answer's part at `idx`, if it is a text that says something. */
static void add_member(lua_State *L, struct map *m, int idx, const char *member, const char *name)
{
    size_t len;
    lua_getfield(L, idx, member);
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    if (s && len)
        add_text(m, name, s, len);
    lua_pop(L, 1);
}

/* The alert's JSON text says its name and fingerprint. */
static void add_alert(lua_State *L, struct map *m, int q)
{
    struct spec *s = spec_running;
    struct alert a;
    struct err e;
    size_t len;
    lua_getfield(L, q, "alert");
    const char *bytes = lua_tolstring(L, -1, &len);
    if (bytes && alert_index(bytes, len, &s->index, &e) == ALERT_OK) {
        alert_view(&a, bytes, s->index.data);
        struct span name = alert_label(&a, "alertname");
        const struct span f = a.index->field[ALERT_FINGERPRINT];
        buf_clear(&s->alert);
        if (!span_absent(name))
            alert_text(&a, name, &s->alert);
        add_text(m, "alertname", s->alert.data ? s->alert.data : "", s->alert.len);
        add_text(m, "fingerprint", bytes + f.off, f.len & ~SPAN_ESCAPED);
    }
    lua_pop(L, 1);
}

/* How the policy came to all of its answers about the alert. */
static void add_chain(struct map *m)
{
    const struct chain *c = &spec_running->chain;
    wire_str(m->b, "chain");
    wire_u8(m->b, 'l');
    wire_u32(m->b, (uint32_t)c->n_links);
    for (size_t i = 0; i < c->n_links; i++)
        write_link(m->b, &c->links[i]);
    m->n++;
}

void spec_record_add(lua_State *L, int q, int a, moment_t now)
{
    struct spec *s = spec_running;
    char at[MOMENT_TEXT];
    struct buf *b = &s->records[s->n_records % SPEC_RECORDS_MAX];
    lua_settop(L, a);
    buf_clear(b);
    struct map m = map_begin(b);
    moment_format_s(now, at);
    add_string(&m, "time", at);
    add_alert(L, &m, q);
    if (lua_getfield(L, a, "judged") == LUA_TTABLE) {
        static const char *const members[][2] = {{"policy", "policy"}, {"answer", "verdict"}, {"code", "reason"},
                                                 {"detail", "detail"}, {"key", "key"},        {"fallback", "fallback"},
                                                 {"name_error", "nameError"}};
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            add_member(L, &m, a + 1, members[i][0], members[i][1]);
    }
    lua_settop(L, a);
    if (lua_getfield(L, a, "composed") == LUA_TTABLE) /* what failed there; otherwise it says nothing new */
        add_member(L, &m, a + 1, "detail", "composeError");
    lua_settop(L, a);
    add_chain(&m);
    if (lua_getfield(L, a, "notes") == LUA_TTABLE && lua_rawlen(L, -1) > 0) {
        wire_str(b, "notes");
        spec_tree_write(L, -1, b);
        m.n++;
    }
    lua_settop(L, a);
    map_end(&m);
    s->n_records++;
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

#include "chain_maker.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOCALS_SHOWN = 12, LOCAL_TEXT = 48 };

/* A layer that has been entered and has not returned. */
struct open_link {
    size_t link;        /* number in the chain; SIZE_MAX: it found no room */
    const void *fn;     /* the function: lua_topointer */
    int line;           /* the last of it that was executed; 0: none yet */
    char file[WIRE_CHAIN_PLACE_MAX]; /* where it stands; "" with line 0 */
    int super_line;     /* its line when the last layer inside of it was entered */
    size_t super_link;  /* that layer; SIZE_MAX: none */
    uint64_t us, instructions;
    size_t memory, peak; /* peak: of what ran before and beside it in the VM */
};

struct chain_maker {
    struct chain chain;
    size_t cap_links, cap_choices, cap_steps;
    size_t bytes; /* on the wire, about */
    enum chain_how how;
    struct vm_watch watch;
    struct vm *vm;
    unsigned bits;
    const char *untraced;
    chain_source_fn *source;
    void *source_arg;
    struct open_link open[WIRE_CHAIN_DEPTH_MAX];
    size_t n_open, too_deep;
    size_t first; /* link of the hook in hand */
};

struct chain_maker *chain_maker_create(void)
{
    return xcalloc(1, sizeof(struct chain_maker));
}

void chain_maker_free(struct chain_maker **m)
{
    if (!*m)
        return;
    chain_clear(&(*m)->chain);
    free(*m);
    *m = NULL;
}

void chain_maker_begin(struct chain_maker *m, enum chain_how how)
{
    chain_clear(&m->chain);
    m->cap_links = m->cap_choices = m->cap_steps = 0;
    m->bytes = 0;
    m->how = how;
    m->n_open = m->too_deep = 0;
}

enum chain_how chain_maker_how(const struct chain_maker *m)
{
    return m->how;
}

struct chain *chain_maker_chain(struct chain_maker *m)
{
    return &m->chain;
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* A text of a policy or an alert, made fit for a line. */
static char *clean(const char *s, size_t len, size_t max)
{
    struct buf b = {0};
    text_clean(&b, s ? s : "", len, max);
    return buf_take(&b);
}

static char *clean_str(const char *s, size_t max)
{
    return clean(s, s ? strlen(s) : 0, max);
}

/* --- lines --- */

/* The line of a file without the spaces around it. */
static char *line_text(const struct chain_maker *m, const char *file, int line)
{
    size_t len = 0;
    const char *s = m->source && line > 0 ? m->source(m->source_arg, file, &len) : NULL;
    const char *end = s ? s + len : NULL;
    for (; s && line > 1; line--) {
        s = memchr(s, '\n', (size_t)(end - s));
        s = s ? s + 1 : NULL;
    }
    if (!s)
        return xstrdup("");
    const char *nl = memchr(s, '\n', (size_t)(end - s));
    end = nl ? nl : end;
    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    while (s < end && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return clean(s, (size_t)(end - s), WIRE_CHAIN_VALUE_MAX);
}

static char *place_text(const char *file, int line)
{
    char place[WIRE_CHAIN_PLACE_MAX + 16];
    snprintf(place, sizeof place, "%s:%d", file, line);
    return clean_str(place, WIRE_CHAIN_PLACE_MAX);
}

/* The whole name; short_src cuts it. */
static const char *file_of(const lua_Debug *ar)
{
    return ar->source[0] == '@' ? ar->source + 1 : ar->short_src;
}

static bool has_room(const struct chain_maker *m, size_t more)
{
    return m->bytes + more <= WIRE_CHAIN_BYTES_MAX;
}

/* --- a trace --- */

static void add_local(struct buf *b, lua_State *L, const char *name)
{
    char number[40];
    size_t len;
    const char *s;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        s = lua_tolstring(L, -1, &len);
        buf_addf(b, "%s%s=\"", b->len ? " " : "", name);
        text_clean(b, s, len, LOCAL_TEXT);
        buf_adds(b, len > LOCAL_TEXT ? "...\"" : "\"");
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1))
            snprintf(number, sizeof number, LUA_INTEGER_FMT, (LUAI_UACINT)lua_tointeger(L, -1));
        else
            snprintf(number, sizeof number, LUA_NUMBER_FMT, (LUAI_UACNUMBER)lua_tonumber(L, -1));
        s = number;
        break;
    case LUA_TBOOLEAN:
        s = lua_toboolean(L, -1) ? "true" : "false";
        break;
    case LUA_TNIL:
        s = "nil";
        break;
    default: /* functions, tables, the alert, ctx: there is no short way to show them */
        return;
    }
    buf_addf(b, "%s%s=%s", b->len ? " " : "", name, s);
}

static void add_step(struct chain_maker *m, lua_State *L, lua_Debug *ar)
{
    if (m->chain.n_steps == WIRE_CHAIN_STEPS_MAX || !has_room(m, 1024)) {
        m->chain.more_steps++;
        return;
    }
    struct buf locals = {0};
    int shown = 0;
    for (int i = 1; shown < LOCALS_SHOWN; i++) {
        const char *name = lua_getlocal(L, ar, i);
        if (!name)
            break;
        if (name[0] != '(') {
            size_t before = locals.len;
            add_local(&locals, L, name);
            shown += locals.len > before;
        }
        lua_pop(L, 1);
    }
    xgrow(&m->chain.steps, &m->cap_steps, m->chain.n_steps + 1, sizeof *m->chain.steps);
    struct chain_step *s = &m->chain.steps[m->chain.n_steps++];
    *s = (struct chain_step){.place = place_text(file_of(ar), ar->currentline),
                             .source = line_text(m, file_of(ar), ar->currentline),
                             .locals = clean(locals.data, locals.len, WIRE_CHAIN_LOCALS_MAX)};
    m->bytes += strlen(s->place) + strlen(s->source) + strlen(s->locals) + 12;
    buf_free(&locals);
}

/* --- what the VM tells --- */

static void on_line(void *arg, lua_State *L, lua_Debug *ar)
{
    struct chain_maker *m = arg;
    if (!lua_getinfo(L, "Slf", ar)) /* pushes the function */
        return;
    const void *fn = lua_topointer(L, -1);
    lua_pop(L, 1);
    if (m->n_open > 0 && !m->too_deep && m->open[m->n_open - 1].fn == fn) {
        struct open_link *o = &m->open[m->n_open - 1];
        o->line = ar->currentline;
        if (!o->file[0])
            snprintf(o->file, sizeof o->file, "%s", file_of(ar));
    }
    if (m->how == CHAIN_TRACED && ar->event == LUA_HOOKLINE && ar->source[0] == '@' && (!m->untraced || strcmp(m->untraced, ar->source + 1) != 0))
        add_step(m, L, ar);
}

/* Lines are not told any more: what was told last is not where it will return. */
static void on_blur(void *arg)
{
    struct chain_maker *m = arg;
    for (size_t i = 0; i < m->n_open; i++)
        m->open[i].line = 0;
    m->chain.more_steps += m->how == CHAIN_TRACED;
}

static void on_read(void *arg, const char *what, const char *name, const char *value, size_t len)
{
    struct chain_maker *m = arg;
    if (m->n_open == 0 || m->too_deep || m->open[m->n_open - 1].link == SIZE_MAX)
        return;
    struct chain_link *l = &m->chain.links[m->open[m->n_open - 1].link];
    char *full = xasprintf("%s%s", what, name);
    char *shown = clean_str(full, WIRE_CHAIN_VALUE_MAX);
    free(full);
    for (size_t i = 0; i < l->n_reads; i++)
        if (strcmp(l->reads[i].name, shown) == 0) {
            free(shown);
            return;
        }
    if (l->n_reads == WIRE_CHAIN_READS_MAX || !has_room(m, strlen(shown) + len + 16)) {
        free(shown);
        return;
    }
    l->reads = xrealloc(l->reads, (l->n_reads + 1) * sizeof *l->reads);
    struct chain_read *r = &l->reads[l->n_reads++];
    *r = (struct chain_read){.name = shown, .value = value ? clean(value, len, WIRE_CHAIN_VALUE_MAX) : NULL,
                             .near = NULL};
    m->bytes += strlen(r->name) + (r->value ? strlen(r->value) : 0) + 9;
}

/* --- layers --- */

void chain_maker_open(struct chain_maker *m, struct vm *vm, unsigned bits, const char *untraced, chain_source_fn *source,
                      void *arg)
{
    m->untraced = untraced;
    m->vm = vm;
    m->bits = bits;
    m->source = source;
    m->source_arg = arg;
    m->n_open = m->too_deep = 0;
    m->first = m->chain.n_links;
    m->watch = (struct vm_watch){.arg = m, .line = on_line, .blur = on_blur, .read = on_read, .exact = m->how != CHAIN_MEASURED};
    vm->watch = &m->watch;
    vm->peak = vm->used;
}

/* A link without anything but its hook. SIZE_MAX: there are enough. */
static size_t add_link(struct chain_maker *m, uint32_t hook, size_t depth)
{
    enum { LINK_BYTES = 4 * 1024 }; /* what a link may take at most, about */
    if (m->chain.n_links == WIRE_CHAIN_LINKS_MAX || !has_room(m, LINK_BYTES)) {
        m->chain.more_links++;
        return SIZE_MAX;
    }
    xgrow(&m->chain.links, &m->cap_links, m->chain.n_links + 1, sizeof *m->chain.links);
    m->chain.links[m->chain.n_links] =
        (struct chain_link){.hook = hook, .depth = (uint8_t)depth, .bits = (uint8_t)m->bits, .tag = '-'};
    m->bytes += 64;
    return m->chain.n_links++;
}

void chain_maker_enter(struct chain_maker *m, lua_State *L, uint32_t hook, int fn)
{
    if (m->n_open == WIRE_CHAIN_DEPTH_MAX) { /* a policy that asks super() in super()'s place for ever */
        m->too_deep++;
        return;
    }
    struct open_link *outer = m->n_open > 0 ? &m->open[m->n_open - 1] : NULL;
    struct open_link *o = &m->open[m->n_open];
    *o = (struct open_link){.link = add_link(m, hook, m->n_open), .fn = lua_topointer(L, fn), .super_link = SIZE_MAX};
    if (outer && o->link != SIZE_MAX) {
        outer->super_line = outer->line;
        outer->super_link = o->link;
    }
    m->n_open++;
    o->instructions = m->vm->call_used;
    o->memory = m->vm->used;
    o->peak = m->vm->peak;
    m->vm->peak = m->vm->used;
    o->us = now_us();
}

static void take_value(lua_State *L, int at, struct chain_link *l)
{
    char number[64];
    size_t len;
    const char *s;
    lua_Number n;
    switch (lua_type(L, at)) {
    case LUA_TNIL:
    case LUA_TNONE:
        l->tag = 'z';
        return;
    case LUA_TBOOLEAN:
        l->tag = lua_toboolean(L, at) ? 't' : 'f';
        return;
    case LUA_TSTRING:
        s = lua_tolstring(L, at, &len);
        l->tag = 's';
        l->value = clean(s, len, WIRE_CHAIN_VALUE_MAX);
        return;
    case LUA_TNUMBER:
        n = lua_tonumber(L, at);
        if (lua_isinteger(L, at))
            snprintf(number, sizeof number, LUA_INTEGER_FMT, (LUAI_UACINT)lua_tointeger(L, at));
        else
            snprintf(number, sizeof number, "%.17g", n);
        l->tag = isfinite(n) ? 'n' : 'o';
        l->value = xstrdup(number);
        return;
    default:
        l->tag = 'o';
        l->value = xasprintf("a %s", luaL_typename(L, at));
    }
}

/* A reason or a detail: what is no text has nothing to show (the hook's answer says that it is wrong). */
static char *take_text(lua_State *L, int at)
{
    size_t len;
    if (lua_type(L, at) != LUA_TSTRING)
        return NULL;
    const char *s = lua_tolstring(L, at, &len);
    return clean(s, len, WIRE_TEXT_SHOWN / 2);
}

static void finish(struct chain_maker *m, const struct open_link *o, struct chain_link *l)
{
    size_t peak = m->vm->peak;
    l->us = now_us() - o->us;
    l->instructions = m->vm->call_used - o->instructions;
    l->memory = peak > o->memory ? peak - o->memory : 0;
    m->vm->peak = peak > o->peak ? peak : o->peak;
    if (o->line > 0) {
        l->by = place_text(o->file, o->line);
        l->source = line_text(m, o->file, o->line);
    }
    m->bytes += (l->value ? strlen(l->value) : 0) + (l->reason ? strlen(l->reason) : 0) +
                (l->detail ? strlen(l->detail) : 0) + (l->by ? strlen(l->by) : 0) + (l->source ? strlen(l->source) : 0);
}

static bool same_value(const struct chain_link *x, const struct chain_link *y)
{
    return x->tag == y->tag && strcmp(x->value ? x->value : "", y->value ? y->value : "") == 0;
}

void chain_maker_leave(struct chain_maker *m, lua_State *L, int fn, int first)
{
    const void *left = lua_topointer(L, fn);
    if (m->too_deep) {
        m->too_deep--;
        return;
    }
    /* Those above it have failed, and a pcall of the policy has caught that. */
    while (m->n_open > 0 && m->open[m->n_open - 1].fn != left) {
        struct open_link *o = &m->open[--m->n_open];
        if (o->link != SIZE_MAX)
            finish(m, o, &m->chain.links[o->link]);
    }
    if (m->n_open == 0)
        return;
    struct open_link *o = &m->open[--m->n_open];
    if (o->link == SIZE_MAX)
        return;
    struct chain_link *l = &m->chain.links[o->link];
    take_value(L, first, l);
    l->reason = take_text(L, first + 1);
    l->detail = take_text(L, first + 2);
    finish(m, o, l);
    if (l->tag == 'z')
        l->bits |= CHAIN_FELL;
    else if (o->super_link != SIZE_MAX && o->super_line == o->line && same_value(l, &m->chain.links[o->super_link]))
        l->bits |= CHAIN_PASSED_ON; /* it was asked in the very line that returned */
}

/* Which layer's value was the hook's: the last outermost one, or whose word it passed on. */
static void mark_decided(struct chain_maker *m)
{
    struct chain *c = &m->chain;
    size_t at = SIZE_MAX;
    uint32_t hook = m->first < c->n_links ? c->links[m->first].hook : 0;
    for (size_t i = m->first; i < c->n_links; i++)
        if (c->links[i].depth == 0 && c->links[i].hook == hook)
            at = i;
    if (at == SIZE_MAX)
        return;
    while (c->links[at].bits & CHAIN_PASSED_ON) {
        size_t inner = SIZE_MAX;
        for (size_t i = at + 1; i < c->n_links && c->links[i].depth > c->links[at].depth; i++)
            if (c->links[i].depth == c->links[at].depth + 1)
                inner = i;
        if (inner == SIZE_MAX)
            break;
        at = inner;
    }
    c->links[at].bits = (uint8_t)((c->links[at].bits & ~CHAIN_FELL) | CHAIN_DECIDED);
}

void chain_maker_close(struct chain_maker *m, struct vm *vm, const char *error, const char *place, const char *detail)
{
    struct chain_link *failed = NULL;
    while (m->n_open > 0) {
        struct open_link *o = &m->open[--m->n_open];
        if (o->link == SIZE_MAX)
            continue;
        struct chain_link *l = &m->chain.links[o->link];
        finish(m, o, l);
        failed = failed ? failed : l;
    }
    vm->watch = NULL;
    if (error && !failed && m->first < m->chain.n_links)
        failed = &m->chain.links[m->first]; /* they all returned, but what came was no answer */
    if (error && failed) {
        free(failed->error);
        free(failed->detail);
        failed->error = xstrdup(error);
        failed->detail = clean_str(detail, WIRE_TEXT_SHOWN);
        if (failed->tag == '-' && place && place[0]) {
            const char *colon = strrchr(place, ':');
            char *file = colon ? xstrndup(place, (size_t)(colon - place)) : xstrdup(place);
            free(failed->by);
            free(failed->source);
            failed->by = clean_str(place, WIRE_CHAIN_PLACE_MAX);
            failed->source = line_text(m, file, colon ? atoi(colon + 1) : 0);
            free(file);
        }
        m->bytes += strlen(failed->detail);
    }
    if (!error)
        mark_decided(m);
}

void chain_maker_choice(struct chain_maker *m, enum chain_fit fit, const char *policy, const char *file, const char *match,
                        const char *detail)
{
    if (m->chain.n_choices == WIRE_CHAIN_CHOICES_MAX || !has_room(m, 1024))
        return;
    xgrow(&m->chain.choices, &m->cap_choices, m->chain.n_choices + 1, sizeof *m->chain.choices);
    struct chain_choice *c = &m->chain.choices[m->chain.n_choices++];
    *c = (struct chain_choice){.policy = clean_str(policy, WIRE_CHAIN_VALUE_MAX),
                               .file = clean_str(file, WIRE_CHAIN_VALUE_MAX),
                               .match = clean_str(match, WIRE_CHAIN_VALUE_MAX),
                               .detail = clean_str(detail, WIRE_TEXT_SHOWN / 2),
                               .fit = (uint8_t)fit};
    m->bytes += strlen(c->policy) + strlen(c->file) + strlen(c->match) + strlen(c->detail) + 17;
}

/* See spec_coverage.h. */
#include "spec_coverage.h"

#include "spec_internal.h"

#include "base/mem.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* One source, by name and bytes. */
struct covered {
    char *name; /* "10-payments.lua" */
    uint64_t hash;
    uint32_t *lines, *hits; /* active lines, ascending */
    size_t n;
};

struct reason_count {
    char *code;
    uint32_t n;
};

struct decided {
    char *name, *file, *match; /* match NULL: only when named */
    uint64_t hash;
    uint32_t asked, matched;
    struct reason_count *reasons;
    size_t n_reasons;
};

struct spec_coverage {
    struct covered **files; /* of one name, the one that runs now stands first */
    size_t n_files;
    struct decided *policies;
    size_t n_policies;
    struct buf space;
};

struct spec_coverage *spec_coverage_create(void)
{
    return xcalloc(1, sizeof(struct spec_coverage));
}

/* ---- lines ---- */

static int write_dump(lua_State *L, const void *bytes, size_t len, void *out)
{
    (void)L;
    buf_add(out, bytes, len);
    return 0;
}

/* Compiled in a state of its own, which nothing ever runs in. */
static void read_lines(struct covered *f, const char *source, size_t len, const char *chunk_name)
{
    struct buf dump = {0};
    lua_State *L = luaL_newstate();
    if (L && luaL_loadbufferx(L, source, len, chunk_name, "t") == LUA_OK && lua_dump(L, write_dump, &dump, 0) == 0)
        spec_lines(dump.data, dump.len, &f->lines, &f->n);
    f->hits = xcalloc(f->n + 1, sizeof *f->hits);
    if (L)
        lua_close(L);
    buf_free(&dump);
}

void spec_coverage_code(struct spec_coverage *c, const char *source, size_t len, const char *chunk_name)
{
    uint64_t hash = XXH3_64bits(source, len);
    if (chunk_name[0] != '@')
        return;
    for (size_t i = 0; i < c->n_files; i++)
        if (c->files[i]->hash == hash && strcmp(c->files[i]->name, chunk_name + 1) == 0) {
            struct covered *found = c->files[i];
            memmove(c->files + 1, c->files, i * sizeof(struct covered *));
            c->files[0] = found;
            return;
        }
    struct covered *f = xcalloc(1, sizeof *f);
    f->name = xstrdup(chunk_name + 1);
    f->hash = hash;
    read_lines(f, source, len, chunk_name);
    c->files = xrealloc(c->files, (c->n_files + 1) * sizeof(struct covered *));
    memmove(c->files + 1, c->files, c->n_files * sizeof(struct covered *));
    c->files[0] = f;
    c->n_files++;
}

static int compare_lines(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void spec_coverage_line(struct spec_coverage *c, lua_State *L, lua_Debug *ar)
{
    if (!lua_getinfo(L, "Sl", ar) || ar->source[0] != '@' || ar->currentline <= 0)
        return;
    for (size_t i = 0; i < c->n_files; i++) {
        struct covered *f = c->files[i];
        if (strcmp(f->name, ar->source + 1) != 0)
            continue;
        uint32_t line = (uint32_t)ar->currentline;
        const uint32_t *at = f->n ? bsearch(&line, f->lines, f->n, sizeof line, compare_lines) : NULL;
        if (at && f->hits[at - f->lines] < UINT32_MAX)
            f->hits[at - f->lines]++;
        return;
    }
}

/* ---- decisions ---- */

static struct decided *find_decided(struct spec_coverage *c, const struct policy *p)
{
    uint64_t hash = XXH3_64bits(p->source.s, p->source.len);
    for (size_t i = 0; i < c->n_policies; i++)
        if (c->policies[i].hash == hash && strcmp(c->policies[i].file, p->file) == 0)
            return &c->policies[i];
    return NULL;
}

static struct reason_count *find_reason(struct decided *d, const char *code)
{
    for (size_t i = 0; i < d->n_reasons; i++)
        if (strcmp(d->reasons[i].code, code) == 0)
            return &d->reasons[i];
    return NULL;
}

struct reading {
    struct policy *p;
    struct decided *d;
};

static int read_reasons(lua_State *L)
{
    struct reading *r = vm_arg(L);
    if (lua_rawgeti(L, LUA_REGISTRYINDEX, r->p->reasons_ref) != LUA_TTABLE)
        return 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            continue;
        r->d->reasons = xrealloc(r->d->reasons, (r->d->n_reasons + 1) * sizeof *r->d->reasons);
        r->d->reasons[r->d->n_reasons++] = (struct reason_count){xstrdup(lua_tostring(L, -2)), 0};
    }
    return 0;
}

void spec_coverage_policy(struct spec_coverage *c, struct policy *p)
{
    if (!p->vm || p->problem || !p->source.len || find_decided(c, p))
        return;
    c->policies = xrealloc(c->policies, (c->n_policies + 1) * sizeof *c->policies);
    struct decided *d = &c->policies[c->n_policies++];
    *d = (struct decided){.name = xstrdup(p->name),
                          .file = xstrdup(p->file),
                          .match = xstrdup(p->match_text),
                          .hash = XXH3_64bits(p->source.s, p->source.len)};
    struct reading r = {p, d};
    vm_call(p->vm, read_reasons, &r);
}

void spec_coverage_decision(struct spec_coverage *c, const struct policy *p, const struct alert *a, const char *reason)
{
    struct decided *d = find_decided(c, p);
    if (!d)
        return;
    struct reason_count *r = strncmp(reason, "policy.", 7) == 0 ? find_reason(d, reason + 7) : NULL;
    if (r)
        r->n++;
    if (!a)
        return;
    d->asked++;
    d->matched += p->match && matcher_fits(p->match, a, &c->space);
}

/* ---- telling ---- */

static void begin_map(struct buf *b, uint32_t n)
{
    buf_clear(b);
    wire_u8(b, 'm');
    wire_u32(b, n);
}

static void add_text(struct buf *b, const char *name, const char *value)
{
    wire_str(b, name);
    wire_u8(b, value ? 's' : 'z');
    if (value)
        wire_str(b, value);
}

static void add_number(struct buf *b, const char *name, int64_t value)
{
    wire_str(b, name);
    wire_u8(b, 'i');
    wire_i64(b, value);
}

static void add_numbers(struct buf *b, const char *name, const uint32_t *numbers, size_t n)
{
    wire_str(b, name);
    wire_u8(b, 'l');
    wire_u32(b, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        wire_u8(b, 'i');
        wire_i64(b, numbers[i]);
    }
}

static void add_hash(struct buf *b, uint64_t hash)
{
    char *text = xasprintf("%016llx", (unsigned long long)hash);
    add_text(b, "hash", text);
    free(text);
}

static void tell_lines(const struct covered *f, struct buf *b)
{
    bool any = false;
    for (size_t i = 0; i < f->n; i++)
        any = any || f->hits[i];
    if (!any)
        return; /* it was at hand, and nobody wanted it: a library that no policy includes */
    begin_map(b, 4);
    add_text(b, "file", f->name);
    add_hash(b, f->hash);
    add_numbers(b, "lines", f->lines, f->n);
    add_numbers(b, "hits", f->hits, f->n);
    spec_tell("lines", b->data, b->len);
}

static void tell_decided(const struct decided *d, struct buf *b)
{
    begin_map(b, 7);
    add_text(b, "policy", d->name);
    add_text(b, "file", d->file);
    add_text(b, "match", d->match);
    add_hash(b, d->hash);
    add_number(b, "asked", d->asked);
    add_number(b, "matched", d->matched);
    wire_str(b, "reasons");
    wire_u8(b, 'm');
    wire_u32(b, (uint32_t)d->n_reasons);
    for (size_t i = 0; i < d->n_reasons; i++)
        add_number(b, d->reasons[i].code, d->reasons[i].n);
    spec_tell("reasons", b->data, b->len);
}

void spec_coverage_tell(struct spec_coverage *c)
{
    struct buf b = {0};
    for (size_t i = 0; i < c->n_files; i++)
        tell_lines(c->files[i], &b);
    for (size_t i = 0; i < c->n_policies; i++)
        tell_decided(&c->policies[i], &b);
    buf_free(&b);
}

void spec_coverage_free(struct spec_coverage **coverage)
{
    struct spec_coverage *c = *coverage;
    if (!c)
        return;
    for (size_t i = 0; i < c->n_files; i++) {
        free(c->files[i]->name);
        free(c->files[i]->lines);
        free(c->files[i]->hits);
        free(c->files[i]);
    }
    free(c->files);
    for (size_t i = 0; i < c->n_policies; i++) {
        struct decided *d = &c->policies[i];
        free(d->name);
        free(d->file);
        free(d->match);
        for (size_t k = 0; k < d->n_reasons; k++)
            free(d->reasons[k].code);
        free(d->reasons);
    }
    free(c->policies);
    buf_free(&c->space);
    free(c);
    *coverage = NULL;
}

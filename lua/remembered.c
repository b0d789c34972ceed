#include "remembered.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static bool text_is(struct wire_text t, const char *s)
{
    return t.len == strlen(s) && memcmp(t.s, s, t.len) == 0;
}

/* Every entry takes that many bytes, so a count that lies costs no memory. */
static int read_count(struct wire_reader *r, size_t entry_min, uint32_t *n_r, struct err *e)
{
    *n_r = wire_get_u32(r);
    if (r->bad || *n_r > (size_t)(r->end - r->p) / entry_min)
        return err_set(e, ERR_INVALID, "SETUP holds a list that is shorter than it says");
    return 0;
}

static int read_creations(struct remembered *m, struct wire_reader *r, struct err *e)
{
    uint32_t n, count;
    if (read_count(r, 8, &n, e) < 0)
        return -1;
    m->creations = xcalloc(n ? n : 1, sizeof *m->creations);
    for (uint32_t i = 0; i < n; i++) {
        struct creations *c = &m->creations[m->n_creations++];
        c->policy = wire_get_text(r);
        if (read_count(r, 8, &count, e) < 0)
            return -1;
        c->at = xcalloc(count ? count : 1, sizeof *c->at);
        for (uint32_t k = 0; k < count; k++) {
            c->at[c->n++] = wire_get_i64(r);
            if (k && c->at[k] < c->at[k - 1])
                return err_set(e, ERR_INVALID, "SETUP lists Tasks that are not in the order of their creation");
        }
    }
    return 0;
}

static int by_identity(const void *a, const void *b)
{
    const struct state_record *x = a, *y = b;
    return (x->identity > y->identity) - (x->identity < y->identity);
}

/* A map of scalars, and nothing behind its end. */
static int read_item(struct wire_reader *r, struct wire_text *tree_r, struct err *e)
{
    const char *start = r->p;
    if (wire_get_u8(r) != 'm')
        return err_set(e, ERR_INVALID, "SETUP holds a ctx.state that is no map");
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        wire_get_text(r);
        if (r->p < r->end && (*r->p == 'm' || *r->p == 'l'))
            return err_set(e, ERR_INVALID, "SETUP holds a ctx.state with a list or map inside");
        wire_tree_skip(r);
    }
    *tree_r = (struct wire_text){start, (size_t)(r->p - start)};
    return r->bad ? err_set(e, ERR_INVALID, "SETUP ends inside a ctx.state") : 0;
}

static int read_states(struct remembered *m, struct wire_reader *r, struct err *e)
{
    uint32_t n;
    if (read_count(r, 21, &n, e) < 0)
        return -1;
    m->states = xcalloc(n ? n : 1, sizeof *m->states);
    for (uint32_t i = 0; i < n; i++) {
        struct state_record *s = &m->states[m->n_states++];
        s->policy = wire_get_text(r);
        s->identity = wire_get_u64(r);
        s->version = wire_get_u32(r);
        if (read_item(r, &s->tree, e) < 0)
            return -1;
    }
    qsort(m->states, m->n_states, sizeof *m->states, by_identity);
    return 0;
}

int remembered_read(struct remembered *m, struct wire_reader *r, struct err *e)
{
    return read_creations(m, r, e) < 0 || read_states(m, r, e) < 0 ? -1 : 0;
}

void remembered_deinit(struct remembered *m)
{
    for (size_t i = 0; i < m->n_creations; i++)
        free(m->creations[i].at);
    free(m->creations);
    free(m->states);
    *m = (struct remembered){0};
}

/* How many of the first moments are at or before `t`. */
static size_t until(const struct creations *c, moment_t t, size_t *looked_r)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        ++*looked_r;
        if (c->at[mid] <= t)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

size_t remembered_count(const struct remembered *m, const char *policy, moment_t from, moment_t to, size_t *looked_r)
{
    size_t n = 0;
    *looked_r = m->n_creations;
    for (size_t i = 0; i < m->n_creations; i++) {
        const struct creations *c = &m->creations[i];
        if (!policy || text_is(c->policy, policy))
            n += until(c, to, looked_r) - until(c, from, looked_r);
    }
    return n;
}

struct wire_text remembered_state(const struct remembered *m, const char *policy, uint64_t identity, uint32_t version)
{
    size_t low = 0, high = m->n_states;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->states[mid].identity < identity)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < m->n_states && m->states[low].identity == identity; low++)
        if (text_is(m->states[low].policy, policy) && m->states[low].version == version)
            return m->states[low].tree;
    return (struct wire_text){"", 0};
}

#include "matcher_private.h"

#include "match.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void matcher_free(struct matcher **m)
{
    if (!*m)
        return;
    for (size_t i = 0; i < (*m)->n; i++) {
        free((*m)->terms[i].name);
        free((*m)->terms[i].value);
        match_free((*m)->terms[i].re);
    }
    free((*m)->terms);
    free(*m);
    *m = NULL;
}

size_t matcher_len(const struct matcher *m)
{
    return m->n;
}

const struct matcher_term *matcher_term(const struct matcher *m, size_t i)
{
    return &m->terms[i];
}

static bool regex_fits(const struct match *re, const struct alert *a, struct span label, struct buf *space)
{
    if (span_empty(label))
        return match_fits(re, "", 0);
    if (!(label.len & SPAN_ESCAPED))
        return match_fits(re, a->bytes + label.off, label.len);
    buf_clear(space);
    alert_text(a, label, space);
    return match_fits(re, space->data, space->len);
}

bool matcher_fits(const struct matcher *m, const struct alert *a, struct buf *space)
{
    return matcher_misfit(m, a, space) == m->n;
}

size_t matcher_misfit(const struct matcher *m, const struct alert *a, struct buf *space)
{
    size_t i = 0;
    for (; i < m->n; i++) {
        const struct matcher_term *t = &m->terms[i];
        struct span label = alert_label(a, t->name);
        bool fits =
            t->re ? regex_fits(t->re, a, label, space) : alert_span_equal(a, label, t->value, t->value_len);
        if (fits == t->negated)
            break;
    }
    return i;
}

struct matcher_cache {
    struct {
        char *text;
        size_t len;
        struct matcher *m;
    } at[MATCHER_CACHE_MAX];
    size_t n;
};

static void cache_empty(struct matcher_cache *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->at[i].text);
        matcher_free(&c->at[i].m);
    }
    c->n = 0;
}

const struct matcher *matcher_cached(struct matcher_cache **cache, const char *text, size_t len,
                                     struct err *e)
{
    if (!*cache)
        *cache = xcalloc(1, sizeof **cache);
    struct matcher_cache *c = *cache;
    for (size_t i = 0; i < c->n; i++)
        if (c->at[i].len == len && memcmp(c->at[i].text, text, len) == 0)
            return c->at[i].m;
    struct matcher *m = matcher_parse(text, len, e);
    if (!m)
        return NULL;
    if (c->n == MATCHER_CACHE_MAX)
        cache_empty(c);
    c->at[c->n].text = xstrndup(text, len);
    c->at[c->n].len = len;
    c->at[c->n].m = m;
    return c->at[c->n++].m;
}

void matcher_cache_free(struct matcher_cache **cache)
{
    if (!*cache)
        return;
    cache_empty(*cache);
    free(*cache);
    *cache = NULL;
}

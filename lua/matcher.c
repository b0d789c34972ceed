#include "matcher.h"

#include "match.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

struct matcher {
    struct matcher_term *terms;
    size_t n, cap;
};

struct scan {
    const char *start, *p, *end;
};

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || (*s->p >= '\t' && *s->p <= '\r')))
        s->p++;
}

static bool name_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
}

/* \n, \" and \\ are escapes; any other backslash is one. */
static void add_escape(struct buf *out, char c)
{
    if (c == 'n') {
        buf_addc(out, '\n');
    } else {
        if (c != '"' && c != '\\')
            buf_addc(out, '\\');
        buf_addc(out, c);
    }
}

static int scan_quoted(struct scan *s, struct buf *out, struct err *e)
{
    size_t at = (size_t)(s->p - s->start) + 1;
    for (s->p++; s->p < s->end; s->p++) {
        if (*s->p == '"') {
            s->p++;
            return 0;
        }
        if (*s->p == '\\' && s->p + 1 < s->end)
            add_escape(out, *++s->p);
        else
            buf_addc(out, *s->p);
    }
    return err_set(e, ERR_INVALID, "the quote at character %zu is not closed", at);
}

static int scan_bare_value(struct scan *s, struct buf *out, struct err *e)
{
    for (; s->p < s->end && *s->p != ','; s->p++) {
        if (*s->p == '"')
            return err_set(e, ERR_INVALID,
                           "a quote inside the unquoted value at character %zu; quote all of it",
                           (size_t)(s->p - s->start) + 1);
        if (*s->p == '\\' && s->p + 1 < s->end && s->p[1] != ',')
            add_escape(out, *++s->p);
        else
            buf_addc(out, *s->p);
    }
    while (out->len && (out->data[out->len - 1] == ' ' ||
                        (out->data[out->len - 1] >= '\t' && out->data[out->len - 1] <= '\r')))
        out->len--;
    return 0;
}

static int scan_name(struct scan *s, struct buf *out, struct err *e)
{
    if (s->p < s->end && *s->p == '"') {
        if (scan_quoted(s, out, e) < 0)
            return -1;
    } else {
        while (s->p < s->end && name_byte(*s->p, out->len == 0))
            buf_addc(out, *s->p++);
    }
    if (out->len == 0 || memchr(out->data, 0, out->len))
        return err_set(e, ERR_INVALID, "a label name is expected at character %zu",
                       (size_t)(s->p - s->start) + 1);
    return 0;
}

static int scan_term(struct scan *s, struct matcher *m, struct buf *name, struct buf *value, struct err *e)
{
    buf_clear(name);
    buf_clear(value);
    if (scan_name(s, name, e) < 0)
        return -1;
    skip_space(s);
    size_t left = (size_t)(s->end - s->p);
    bool regex = left >= 2 && s->p[1] == '~' && (s->p[0] == '=' || s->p[0] == '!');
    bool negated = left >= 2 && s->p[0] == '!' && (s->p[1] == '=' || s->p[1] == '~');
    if (!regex && !negated && (left < 1 || s->p[0] != '='))
        return err_set(e, ERR_INVALID, "=, !=, =~ or !~ is expected at character %zu",
                       (size_t)(s->p - s->start) + 1);
    s->p += regex || negated ? 2 : 1;
    skip_space(s);
    if (s->p < s->end && *s->p == '"' ? scan_quoted(s, value, e) : scan_bare_value(s, value, e))
        return -1;

    struct matcher_term t = {.negated = negated};
    if (regex) {
        char why[200];
        t.re = match_compile(value->data ? value->data : "", value->len, why, sizeof why);
        if (!t.re)
            return err_set(e, ERR_INVALID, "the expression of %.*s is no regular expression (RE2): %s",
                           (int)(name->len < 64 ? name->len : 64), name->data, why);
    } else {
        t.value = xstrndup(value->data ? value->data : "", value->len);
        t.value_len = value->len;
    }
    t.name = xstrndup(name->data, name->len);
    xgrow(&m->terms, &m->cap, m->n + 1, sizeof *m->terms);
    m->terms[m->n++] = t;
    return 0;
}

struct matcher *matcher_parse(const char *text, size_t len, struct err *e)
{
    struct matcher *m = xcalloc(1, sizeof *m);
    struct buf name = {0}, value = {0};
    struct scan s = {text, text, text + len};
    int rc = -1;
    if (len > MATCHER_TEXT_MAX) {
        err_set(e, ERR_LIMIT, "%zu bytes are more than the %d that a list of matchers may have", len,
                MATCHER_TEXT_MAX);
        goto out;
    }
    if (utf8_valid(text, len) != len) {
        err_set(e, ERR_INVALID, "it is not valid UTF-8");
        goto out;
    }
    skip_space(&s);
    while (s.end > s.p && (s.end[-1] == ' ' || (s.end[-1] >= '\t' && s.end[-1] <= '\r')))
        s.end--;
    if (s.p < s.end && *s.p == '{') {
        s.p++;
        if (s.end[-1] != '}' || s.end == s.p) {
            err_set(e, ERR_INVALID, "the brace is not closed");
            goto out;
        }
        s.end--;
        skip_space(&s);
    }
    while (s.p < s.end) {
        if (scan_term(&s, m, &name, &value, e) < 0)
            goto out;
        skip_space(&s);
        if (s.p == s.end)
            break;
        if (*s.p != ',') {
            err_set(e, ERR_INVALID, "a comma is expected at character %zu", (size_t)(s.p - s.start) + 1);
            goto out;
        }
        s.p++;
        skip_space(&s);
    }
    if (m->n == 0) {
        err_set(e, ERR_INVALID, "it holds no matcher; alertname!=\"\" fits every alert");
        goto out;
    }
    rc = 0;
out:
    buf_free(&name);
    buf_free(&value);
    if (rc < 0)
        matcher_free(&m);
    return m;
}

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
    for (size_t i = 0; i < m->n; i++) {
        const struct matcher_term *t = &m->terms[i];
        struct span label = alert_label(a, t->name);
        bool fits =
            t->re ? regex_fits(t->re, a, label, space) : alert_span_equal(a, label, t->value, t->value_len);
        if (fits == t->negated)
            return false;
    }
    return true;
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

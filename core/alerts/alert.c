/* Reading an alert through its index: see alert.h. */
#include "alerts/alert.h"

#include "base/utf8.h"

#include <string.h>


static uint32_t span_len(struct span s)
{
    return s.off == SPAN_NONE ? 0 : s.len & ~SPAN_ESCAPED;
}

bool span_absent(struct span s)
{
    return s.off == SPAN_NONE;
}

bool span_empty(struct span s)
{
    return span_len(s) == 0;
}

size_t alert_index_size(const struct alert_index *x)
{
    /* 64 bits hold any sum of 32-bit counts, so a forged header cannot wrap it */
    return sizeof *x + ((size_t)x->n_labels + x->n_annotations) * sizeof(struct pair) +
           ((size_t)x->n_receivers + x->n_silenced + x->n_inhibited + x->n_muted) * sizeof(struct span);
}

void alert_view(struct alert *a, const char *bytes, const void *index)
{
    a->bytes = bytes;
    a->index = index;
    a->labels = (const struct pair *)(const void *)(a->index + 1);
    a->annotations = a->labels + a->index->n_labels;
    a->receivers = (const struct span *)(const void *)(a->annotations + a->index->n_annotations);
    a->silenced_by = a->receivers + a->index->n_receivers;
    a->inhibited_by = a->silenced_by + a->index->n_silenced;
    a->muted_by = a->inhibited_by + a->index->n_inhibited;
}

static bool span_fits(struct span s, size_t len)
{
    return s.off != SPAN_NONE && s.off <= len && (s.len & ~SPAN_ESCAPED) <= len - s.off;
}

int alert_view_checked(struct alert *a, const char *bytes, size_t bytes_len, const void *index, size_t index_len)
{
    const struct alert_index *x = index;
    if (index_len < sizeof *x || x->n_labels > ALERT_PAIRS_MAX || x->n_annotations > ALERT_PAIRS_MAX ||
        x->n_receivers > ALERT_LIST_MAX || x->n_silenced > ALERT_LIST_MAX || x->n_inhibited > ALERT_LIST_MAX ||
        x->n_muted > ALERT_LIST_MAX || alert_index_size(x) != index_len)
        return -1;
    alert_view(a, bytes, index);
    for (size_t i = 0; i < ALERT_FIELDS; i++)
        if (!span_absent(x->field[i]) && !span_fits(x->field[i], bytes_len))
            return -1;
    /* labels, annotations and the lists are one run of spans */
    size_t n = (index_len - sizeof *x) / sizeof(struct span);
    const struct span *v = (const struct span *)(const void *)(x + 1);
    for (size_t i = 0; i < n; i++)
        if (!span_fits(v[i], bytes_len))
            return -1;
    return 0;
}

static unsigned hex4(const char *p)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i];
        v = v << 4 | ((c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) & 0xf);
    }
    return v;
}

/* Resolves the escape at *p into out; returns the bytes written and moves *p behind it. Safe on any bytes, though
 * alert_index has checked them: what is no escape becomes U+FFFD. */
static size_t escape_text(const char **p, const char *end, char out[4])
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *s = *p;
    const char *hit;
    uint32_t cp = 0xfffd;
    if (end - s >= 2 && s[1] != '\0' && (hit = strchr(from, s[1])) != NULL) {
        *p = s + 2;
        out[0] = to[hit - from];
        return 1;
    }
    if (end - s < 6 || s[1] != 'u') {
        *p = s + 1;
    } else {
        cp = hex4(s + 2);
        *p = s + 6;
        if (cp >= 0xd800 && cp < 0xdc00 && end - s >= 12) {
            cp = 0x10000 + ((cp - 0xd800) << 10) + ((hex4(s + 8) - 0xdc00) & 0x3ff);
            *p = s + 12;
        }
        if (cp == 0 || (cp >= 0xd800 && cp < 0xe000))
            cp = 0xfffd;
    }
    return utf8_encode(cp, out);
}

void alert_text(const struct alert *a, struct span s, struct buf *out)
{
    const char *p = a->bytes + (span_absent(s) ? 0 : s.off), *end = p + span_len(s);
    if (span_absent(s) || (s.len & SPAN_ESCAPED) == 0) {
        buf_add(out, p, (size_t)(end - p));
        return;
    }
    buf_reserve(out, (size_t)(end - p));
    while (p < end) {
        const char *esc = memchr(p, '\\', (size_t)(end - p));
        buf_add(out, p, (size_t)((esc ? esc : end) - p));
        if (esc == NULL)
            break;
        char text[4];
        size_t n = escape_text(&esc, end, text);
        buf_add(out, text, n);
        p = esc;
    }
}

char *alert_text_dup(const struct alert *a, struct span s)
{
    if (span_absent(s))
        return NULL;
    struct buf b = {0};
    alert_text(a, s, &b);
    return buf_take(&b);
}

/* The resolved bytes of a span one by one. */
struct cursor {
    const char *p, *end;
    char text[4]; /* of an escape */
    size_t at, n;
};

static struct cursor cursor_of(const struct alert *a, struct span s)
{
    const char *p = a->bytes + (span_absent(s) ? 0 : s.off);
    return (struct cursor){.p = p, .end = p + span_len(s)};
}

static int cursor_next(struct cursor *c)
{
    if (c->at < c->n)
        return (unsigned char)c->text[c->at++];
    if (c->p == c->end)
        return -1;
    if (*c->p != '\\')
        return (unsigned char)*c->p++;
    c->n = escape_text(&c->p, c->end, c->text);
    c->at = 1;
    return (unsigned char)c->text[0];
}

bool alert_span_equal(const struct alert *a, struct span s, const char *text, size_t len)
{
    if (span_absent(s))
        return len == 0;
    if ((s.len & SPAN_ESCAPED) == 0)
        return s.len == len && (len == 0 || memcmp(a->bytes + s.off, text, len) == 0);
    struct cursor c = cursor_of(a, s);
    for (size_t i = 0; i < len; i++)
        if (cursor_next(&c) != (unsigned char)text[i])
            return false;
    return cursor_next(&c) < 0;
}

int alert_span_compare(const struct alert *a, struct span x, struct span y)
{
    if (span_empty(x) || span_empty(y))
        return (int)span_empty(y) - (int)span_empty(x);
    if (((x.len | y.len) & SPAN_ESCAPED) == 0) {
        int d = memcmp(a->bytes + x.off, a->bytes + y.off, x.len < y.len ? x.len : y.len);
        return d != 0 ? d : (x.len > y.len) - (x.len < y.len);
    }
    struct cursor cx = cursor_of(a, x), cy = cursor_of(a, y);
    for (;;) {
        int bx = cursor_next(&cx), by = cursor_next(&cy);
        if (bx != by || bx < 0)
            return bx - by;
    }
}

static struct span pair_value(const struct alert *a, const struct pair *v, uint32_t n, const char *name)
{
    size_t len = strlen(name);
    for (uint32_t i = 0; i < n; i++)
        if (alert_span_equal(a, v[i].name, name, len))
            return v[i].value;
    return (struct span){SPAN_NONE, 0};
}

struct span alert_label(const struct alert *a, const char *name)
{
    return pair_value(a, a->labels, a->index->n_labels, name);
}

struct span alert_annotation(const struct alert *a, const char *name)
{
    return pair_value(a, a->annotations, a->index->n_annotations, name);
}

moment_t alert_moment(const struct alert *a, enum alert_field f)
{
    struct span s = a->index->field[f];
    moment_t t = MOMENT_NONE;
    if (span_absent(s))
        return MOMENT_NONE;
    if ((s.len & SPAN_ESCAPED) == 0)
        return moment_parse(a->bytes + s.off, s.len, &t) == 0 ? t : MOMENT_NONE;
    struct buf text = {0};
    alert_text(a, s, &text);
    if (moment_parse(text.data, text.len, &t) != 0)
        t = MOMENT_NONE;
    buf_free(&text);
    return t;
}

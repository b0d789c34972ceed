/* Lists of matchers as Alertmanager reads them, in both of its ways. The older one comes first, as there:
 * when both can read a text and disagree, the older one is right.
 *
 * Older:  commas outside of quotes part the list; a name of [A-Za-z_:][A-Za-z0-9_:]*, an operator, and all
 * that is left is the value, in quotes or not, with \n, \" and \\ as escapes and any other backslash as it
 * is. A brace at the start and one at the end are cut off, whether they belong together or not. Newer:  names
 * and values are words of any characters but space and {}!=~,\"'` or Go strings in double quotes; braces come
 * in pairs. */
#include "matcher_private.h"

#include "match.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *start, *p, *end;
    struct matcher *m;
    struct buf name, value;
    struct err *e;
};

static int fail(const struct reader *r, const char *at, const char *what)
{
    return err_set(r->e, ERR_INVALID, "%s at character %zu", what, (size_t)(at - r->start) + 1);
}

enum { OP_REGEX = 1, OP_NEGATED = 2 };

/* Passes =, !=, =~ or !~; what it is, or -1. */
static int take_operator(struct reader *r)
{
    size_t left = (size_t)(r->end - r->p);
    if (left >= 2 && (r->p[0] == '=' || r->p[0] == '!') && r->p[1] == '~') {
        r->p += 2;
        return OP_REGEX | (r->p[-2] == '!' ? OP_NEGATED : 0);
    }
    if (left >= 2 && r->p[0] == '!' && r->p[1] == '=') {
        r->p += 2;
        return OP_NEGATED;
    }
    if (left >= 1 && r->p[0] == '=') {
        r->p++;
        return 0;
    }
    return fail(r, r->p, "=, !=, =~ or !~ is expected");
}

static const char *data_of(const struct buf *b)
{
    return b->data ? b->data : "";
}

static int add_term(struct reader *r, int operator)
{
    struct matcher_term t = {.negated = operator& OP_NEGATED };
    if (operator& OP_REGEX) {
        char why[200];
        t.re = match_compile(data_of(&r->value), r->value.len, why, sizeof why);
        if (!t.re)
            return err_set(r->e, ERR_INVALID, "the expression of %.*s is no regular expression (RE2): %s",
                           (int)(r->name.len < 64 ? r->name.len : 64), data_of(&r->name), why);
    } else {
        t.value = xstrndup(data_of(&r->value), r->value.len);
        t.value_len = r->value.len;
    }
    t.name = xstrndup(data_of(&r->name), r->name.len);
    xgrow(&r->m->terms, &r->m->cap, r->m->n + 1, sizeof *r->m->terms);
    r->m->terms[r->m->n++] = t;
    return 0;
}

/* White space as Go has it: what is cut off around the older lists' parts, and what parts the newer one's
 * words. */
static size_t unicode_space(const char *p, const char *end)
{
    uint32_t c;
    size_t n = utf8_decode(p, (size_t)(end - p), &c);
    bool space = n && (c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xa0 || c == 0x1680 ||
                       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
                       c == 0x205f || c == 0x3000);
    return space ? n : 0;
}

/* Where the run of white space that ends at `end` starts. */
static const char *trim_unicode(const char *start, const char *end)
{
    while (end > start) {
        const char *c = end - 1;
        while (c > start && ((unsigned char)*c & 0xc0) == 0x80)
            c--;
        if (!unicode_space(c, end))
            break;
        end = c;
    }
    return end;
}

/* The older way */

/* \s of Go's expressions: without the vertical tab. */
static bool old_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool name_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
}

/* The value is all between p and end. */
static int old_value(struct reader *r, const char *p, const char *end)
{
    bool quoted = p < end && *p == '"', closed = false;
    const char *start = p;
    for (p += quoted; p < end; p++) {
        if (*p == '"') {
            if (!quoted || p + 1 != end)
                return fail(r, p, "a quote inside the value; write \\\" for it");
            closed = true;
        } else if (*p != '\\' || p + 1 == end) {
            buf_addc(&r->value, *p);
        } else if (*++p == 'n') {
            buf_addc(&r->value, '\n');
        } else {
            if (*p != '"' && *p != '\\')
                buf_addc(&r->value, '\\');
            buf_addc(&r->value, *p);
        }
    }
    return quoted && !closed ? fail(r, start, "a quote that is not closed") : 0;
}

static int old_term(struct reader *r, const char *end)
{
    const char *whole_end = r->end;
    while (end > r->p && old_space(end[-1]))
        end--;
    while (r->p < end && old_space(*r->p))
        r->p++;
    buf_clear(&r->name);
    buf_clear(&r->value);
    r->end = end;
    while (r->p < end && name_byte(*r->p, r->name.len == 0))
        buf_addc(&r->name, *r->p++);
    if (!r->name.len)
        return fail(r, r->p, "a label name is expected");
    while (r->p < end && old_space(*r->p))
        r->p++;
    int operator= take_operator(r);
    if (operator<0)
        return -1;
    while (r->p < end && old_space(*r->p))
        r->p++;
    if (old_value(r, r->p, end) < 0)
        return -1;
    r->end = whole_end;
    return add_term(r, operator);
}

static int parse_old(struct reader *r)
{
    if (r->p < r->end && *r->p == '{')
        r->p++;
    if (r->end > r->p && r->end[-1] == '}')
        r->end--;
    bool quoted = false, escaped = false;
    for (const char *c = r->p; c < r->end; c++) {
        if (*c == ',' && !quoted) {
            if (old_term(r, c) < 0)
                return -1;
            r->p = c + 1; /* an escape may reach over the comma */
            continue;
        }
        if (*c == '"' && !escaped)
            quoted = !quoted;
        escaped = *c == '\\' ? !escaped : *c == ',' ? escaped : false;
    }
    const char *end = trim_unicode(r->p, r->end);
    for (size_t n; r->p < end && (n = unicode_space(r->p, end)) > 0;)
        r->p += n;
    return r->p < end ? old_term(r, end) : 0;
}

/* The newer way */

static void skip_space(struct reader *r)
{
    for (size_t n; r->p < r->end && (n = unicode_space(r->p, r->end)) > 0;)
        r->p += n;
}

static bool word_starts(const struct reader *r)
{
    return r->p < r->end && (!*r->p || !strchr("{}!=~,\\\"'`", *r->p)) && !unicode_space(r->p, r->end);
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

/* \x41, \u0041, \U00000041: `n` digits. */
static int add_hex(struct reader *r, struct buf *out, int n)
{
    uint32_t value = 0;
    char utf8[4];
    for (int i = 0; i < n; i++, r->p++) {
        int digit = r->p < r->end ? hex_digit(*r->p) : -1;
        if (digit < 0)
            return fail(r, r->p, "a hex digit is expected");
        value = value << 4 | (uint32_t)digit;
    }
    if (n == 2)
        buf_addc(out, (char)value);
    else if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return fail(r, r->p, "no Unicode character");
    else
        buf_add(out, utf8, utf8_encode(value, utf8));
    return 0;
}

static int add_octal(struct reader *r, struct buf *out)
{
    int value = 0;
    for (int i = 0; i < 3; i++, r->p++) {
        if (r->p == r->end || *r->p < '0' || *r->p > '7')
            return fail(r, r->p, "three octal digits are expected");
        value = value * 8 + (*r->p - '0');
    }
    if (value > 255)
        return fail(r, r->p, "no byte");
    buf_addc(out, (char)value);
    return 0;
}

/* Behind a backslash. */
static int add_escape(struct reader *r, struct buf *out)
{
    static const char letters[] = "abfnrtv\\\"", meanings[] = "\a\b\f\n\r\t\v\\\"";
    char c = r->p < r->end ? *r->p : 0;
    const char *known = c ? strchr(letters, c) : NULL;
    if (known) {
        r->p++;
        buf_addc(out, meanings[known - letters]);
        return 0;
    }
    if (c == 'x' || c == 'u' || c == 'U') {
        r->p++;
        return add_hex(r, out, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    }
    return c >= '0' && c <= '7' ? add_octal(r, out) : fail(r, r->p, "an unknown escape");
}

/* A word, or a string as Go writes it. */
static int take_word(struct reader *r, struct buf *out, const char *expected)
{
    buf_clear(out);
    skip_space(r);
    if (r->p < r->end && *r->p == '"') {
        const char *start = r->p++;
        for (; r->p < r->end && *r->p != '"';) {
            if (*r->p == '\n')
                return fail(r, r->p, "a line's end inside quotes; write \\n for it");
            if (*r->p != '\\') {
                buf_addc(out, *r->p++);
            } else {
                r->p++;
                if (add_escape(r, out) < 0)
                    return -1;
            }
        }
        if (r->p == r->end)
            return fail(r, start, "a quote that is not closed");
        r->p++;
        return utf8_valid(data_of(out), out->len) == out->len ? 0 : fail(r, start, "no valid UTF-8");
    }
    if (!word_starts(r))
        return fail(r, r->p, expected);
    while (r->p < r->end && word_starts(r))
        buf_addc(out, *r->p++);
    return 0;
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static int parse_new(struct reader *r)
{
    bool braces = take(r, '{');
    for (;;) {
        skip_space(r);
        if (r->p == r->end || *r->p == '}')
            break;
        if (take_word(r, &r->name, "a label name is expected") < 0)
            return -1;
        if (memchr(data_of(&r->name), 0, r->name.len))
            return fail(r, r->p, "a label name that holds a NUL");
        skip_space(r);
        int operator= take_operator(r);
        if (operator<0 || take_word(r, &r->value, "a value is expected") < 0 || add_term(r, operator) < 0)
            return -1;
        if (take(r, ','))
            continue;
        if (r->p < r->end && *r->p != '}')
            return fail(r, r->p, "a comma is expected");
    }
    if (take(r, '}') != braces)
        return fail(r, r->p, braces ? "a closing brace is expected" : "a brace that was not opened");
    skip_space(r);
    return r->p < r->end ? fail(r, r->p, "something behind the brace") : 0;
}

static void drop_terms(struct matcher *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->terms[i].name);
        free(m->terms[i].value);
        match_free(m->terms[i].re);
    }
    m->n = 0;
}

/* What the sentence is about: who quotes a name, or has one that the older way does not know, means the newer
 * way. */
static bool meant_new(const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    while (p < end && (*p == '{' || *p == ',' || old_space(*p)))
        p++;
    return p < end && (*p == '"' || (unsigned char)*p >= 0x80);
}

static int parse(struct matcher *m, const char *text, size_t len, struct err *e)
{
    struct err old_error = {0}, new_error = {0};
    struct reader r = {.start = text, .p = text, .end = text + len, .m = m, .e = &old_error};
    int rc = parse_old(&r);
    if (rc < 0) {
        drop_terms(m);
        r.p = text;
        r.end = text + len;
        r.e = &new_error;
        rc = parse_new(&r);
    }
    buf_free(&r.name);
    buf_free(&r.value);
    if (rc < 0 && e)
        *e = meant_new(text, len) ? new_error : old_error;
    return rc;
}

struct matcher *matcher_parse(const char *text, size_t len, struct err *e)
{
    if (len > MATCHER_TEXT_MAX) {
        err_set(e, ERR_LIMIT, "%zu bytes are more than the %d that a list of matchers may have", len,
                MATCHER_TEXT_MAX);
        return NULL;
    }
    if (utf8_valid(text, len) != len) {
        err_set(e, ERR_INVALID, "it is not valid UTF-8");
        return NULL;
    }
    struct matcher *m = xcalloc(1, sizeof *m);
    int rc = parse(m, text, len, e);
    if (rc == 0 && m->n == 0)
        rc = err_set(e, ERR_INVALID, "it holds no matcher; alertname!=\"\" fits every alert");
    if (rc < 0)
        matcher_free(&m);
    return m;
}

/* The tokens of JSON: see json_scan.h. */
#include "alerts/json_scan.h"

#include "base/scan.h"
#include "base/utf8.h"

#include <string.h>

int json_scan_problem(struct json_scan *s, const char *at, const char *problem)
{
    s->p = at;
    s->problem = problem;
    return -1;
}

static int hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], d;
        if (c >= '0' && c <= '9')
            d = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            d = (c | 0x20) - 'a' + 10;
        else
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* Length of the escape at p (a surrogate pair is one), or 0 with the problem set. */
static size_t escape_len(struct json_scan *s, const char *p)
{
    if (s->end - p < 2) {
        json_scan_problem(s, p, "a string does not end");
        return 0;
    }
    if (p[1] != 'u') {
        if (p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL)
            return 2;
        json_scan_problem(s, p, "an unknown escape stands in a string");
        return 0;
    }
    int u = hex4(p + 2, s->end);
    if (u < 0) {
        json_scan_problem(s, p, "\\u is not followed by four hex digits");
        return 0;
    }
    if (u < 0xd800 || u > 0xdfff)
        return 6;
    if (u < 0xdc00 && s->end - p >= 8 && p[6] == '\\' && p[7] == 'u') {
        int low = hex4(p + 8, s->end);
        if (low >= 0xdc00 && low <= 0xdfff)
            return 12;
    }
    json_scan_problem(s, p, "half of a surrogate pair stands in a string");
    return 0;
}

int json_scan_string(struct json_scan *s, struct span *span_r)
{
    const char *from = s->p + 1, *p = from, *end = s->end;
    uint32_t flags = 0;
    for (;;) {
        p = scan_text(p, end);
        if (p == end)
            return json_scan_problem(s, p, "a string does not end");
        if (*p == '"')
            break;
        size_t n;
        if (*p == '\\') {
            if ((n = escape_len(s, p)) == 0)
                return -1;
            flags = SPAN_ESCAPED;
            p += n;
        } else if ((unsigned char)*p < 0x20) {
            return json_scan_problem(s, p, "a bare control character stands in a string");
        } else {
            for (; p < end && (unsigned char)*p >= 0x80; p += n)
                if ((n = utf8_len(p, (size_t)(end - p))) == 0)
                    return json_scan_problem(s, p, "a string is not UTF-8");
        }
    }
    span_r->off = (uint32_t)(from - s->start);
    span_r->len = (uint32_t)(p - from) | flags;
    s->p = p + 1;
    return 0;
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

int json_scan_number(struct json_scan *s)
{
    const char *p = s->p, *end = s->end, *from;
    if (p < end && *p == '-')
        p++;
    from = p;
    if ((p = digits(p, end)) == from)
        return json_scan_problem(s, s->p, "this is no JSON value");
    if (*from == '0' && p - from > 1)
        return json_scan_problem(s, s->p, "a number starts with a zero");
    if (p < end && *p == '.') {
        from = ++p;
        if ((p = digits(p, end)) == from)
            return json_scan_problem(s, s->p, "a number lacks digits behind its point");
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        from = p;
        if ((p = digits(p, end)) == from)
            return json_scan_problem(s, s->p, "a number lacks the digits of its exponent");
    }
    s->p = p;
    return 0;
}

int json_scan_literal(struct json_scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(s->end - s->p) >= n && memcmp(s->p, words[i], n) == 0) {
            s->p += n;
            return 0;
        }
    }
    return json_scan_problem(s, s->p, "this is no JSON value");
}

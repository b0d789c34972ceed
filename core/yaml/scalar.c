/* YAML scalars by Kubernetes' rules: see scalar.h. */
#include "yaml/scalar.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YAML_TAG "tag:yaml.org,2002:"

static bool one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(s, *list) == 0)
            return true;
    return false;
}

static const char *const trues[] = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
static const char *const falses[] = {"n",     "N",     "no",  "No",  "NO", "false",
                                     "False", "FALSE", "off", "Off", "OFF", NULL};
static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const infinites[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF", "+.inf",
                                        "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", NULL};

/* Digits of `base` to the end of the text. -1: something else, nothing at all, or more than 64 bits. */
static int magnitude(const char *s, unsigned base, bool empty_is_zero, uint64_t *v_r)
{
    if (*s == '\0' && !empty_is_zero)
        return -1;
    uint64_t v = 0;
    for (; *s; s++) {
        unsigned d = *s >= '0' && *s <= '9'   ? (unsigned)(*s - '0')
                     : *s >= 'a' && *s <= 'z' ? (unsigned)(*s - 'a' + 10)
                     : *s >= 'A' && *s <= 'Z' ? (unsigned)(*s - 'A' + 10)
                                              : 99;
        if (d >= base || v > (UINT64_MAX - d) / base)
            return -1;
        v = v * base + d;
    }
    *v_r = v;
    return 0;
}

/* Go's strconv.ParseInt (sign allowed) and ParseUint of a text; base 0 means: by its prefix. */
static int go_integer(const char *s, unsigned base, bool *negative_r, uint64_t *v_r)
{
    *negative_r = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    if (base != 0)
        return magnitude(s, base, false, v_r);
    if (*s != '0')
        return magnitude(s, 10, false, v_r);
    char c = s[1] | 0x20;
    if (c == 'b' && s[2])
        return magnitude(s + 2, 2, false, v_r);
    if (c == 'o' && s[2])
        return magnitude(s + 2, 8, false, v_r);
    if (c == 'x' && s[2])
        return magnitude(s + 2, 16, false, v_r);
    return magnitude(s + 1, 8, true, v_r);
}

static void set_integer(struct scalar *s, bool negative, uint64_t v)
{
    snprintf(s->text, sizeof s->text, "%s%" PRIu64, negative && v ? "-" : "", v);
    bool fits = negative ? v <= (uint64_t)INT64_MAX + 1 : v <= INT64_MAX;
    s->type = fits ? NODE_INT : NODE_FLOAT;
    s->integer = !fits ? 0 : negative ? (int64_t)(0 - v) : (int64_t)v;
    s->value = negative ? -(double)v : (double)v;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool float_shaped(const char *s)
{
    if (*s == '-' || *s == '+')
        s++;
    size_t whole = strspn(s, "0123456789"), fraction = 0;
    s += whole;
    if (*s == '.') {
        fraction = strspn(++s, "0123456789");
        s += fraction;
    }
    if (whole == 0 && fraction == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        if (*s == '-' || *s == '+')
            s++;
        size_t n = strspn(s, "0123456789");
        if (n == 0)
            return false;
        s += n;
    }
    return *s == '\0';
}

/* A number's decimal digits without a point, and where it stands: 0.d1d2d3... * 10^point. */
struct digits {
    char d[20];
    int n, point;
};

/* The shortest digits that read back as the same double (or float). */
static void shortest(double v, bool single, struct digits *out)
{
    char text[40];
    int precision = 0, limit = single ? 8 : 16;
    do
        snprintf(text, sizeof text, "%.*e", precision, fabs(v));
    while ((single ? strtof(text, NULL) != (float)fabs(v) : strtod(text, NULL) != fabs(v)) && ++precision <= limit);
    out->n = 0;
    char *p = text;
    for (; *p && *p != 'e'; p++)
        if (*p != '.')
            out->d[out->n++] = *p;
    out->d[out->n] = '\0';
    out->point = *p == 'e' ? atoi(p + 1) + 1 : 1; /* no exponent: infinite, which the callers never ask for */
}

static void lay_out(struct buf *b, const struct digits *g)
{
    if (g->point <= 0)
        buf_adds(b, "0.");
    for (int i = g->point; i < 0; i++)
        buf_addc(b, '0');
    for (int i = 0; i < g->n; i++) {
        if (i > 0 && i == g->point)
            buf_addc(b, '.');
        buf_addc(b, g->d[i]);
    }
    for (int i = g->n; i < g->point; i++)
        buf_addc(b, '0');
}

static void lay_out_exponent(struct buf *b, const struct digits *g, int least_digits)
{
    int n = g->point - 1;
    buf_addc(b, g->d[0]);
    if (g->n > 1)
        buf_addf(b, ".%s", g->d + 1);
    buf_addf(b, "e%c%0*d", n < 0 ? '-' : '+', least_digits, abs(n));
}

/* As Go's encoding/json lays a float out. */
static void set_real(struct scalar *s, double v)
{
    s->real = true;
    s->value = v;
    struct digits g;
    shortest(v, false, &g);
    struct buf b = {0};
    if (signbit(v))
        buf_addc(&b, '-');
    double a = fabs(v);
    if (a != 0 && (a < 1e-6 || a >= 1e21))
        lay_out_exponent(&b, &g, 1);
    else
        lay_out(&b, &g);
    snprintf(s->text, sizeof s->text, "%s", b.data);
    buf_free(&b);
    s->type = NODE_FLOAT;
    if (strpbrk(s->text, ".e") == NULL) {
        errno = 0;
        long long i = strtoll(s->text, NULL, 10);
        if (errno == 0) {
            s->type = NODE_INT;
            s->integer = i;
        }
    }
}

/* The text without the underscores that YAML 1.1 allows between digits. NULL: too long for a number. */
static char *without_underscores(const char *in, char *out, size_t size)
{
    size_t n = 0;
    for (; *in; in++)
        if (*in != '_') {
            if (n + 1 >= size)
                return NULL;
            out[n++] = *in;
        }
    out[n] = '\0';
    return out;
}

static bool as_real(const char *text, struct scalar *s)
{
    if (!float_shaped(text))
        return false;
    double v = strtod(text, NULL);
    if (isinf(v))
        return false; /* Go: out of range, so it stays a string */
    set_real(s, v);
    return true;
}

static bool as_number(const char *in, struct scalar *s)
{
    char plain[1024];
    if (without_underscores(in, plain, sizeof plain) == NULL)
        return false;
    bool negative;
    uint64_t v;
    if (go_integer(plain, 0, &negative, &v) == 0 &&
        (negative ? v <= (uint64_t)INT64_MAX + 1 : v <= INT64_MAX || *plain != '+')) {
        set_integer(s, negative, v);
        return true;
    }
    if (as_real(plain, s))
        return true;
    /* A leftover of go-yaml from before Go knew 0b itself: it only ever matches a sign after the prefix. */
    if (strncmp(plain, "0b", 2) == 0 && go_integer(plain + 2, 2, &negative, &v) == 0 && v <= INT64_MAX) {
        set_integer(s, negative, v);
        return true;
    }
    return false;
}

/* What the text alone says it is. */
static int resolve_plain(const char *in, struct scalar *s, struct err *e)
{
    s->type = NODE_STRING;
    if (one_of(in, nulls))
        s->type = NODE_NULL;
    else if ((s->boolean = one_of(in, trues)) || one_of(in, falses))
        s->type = NODE_BOOL;
    else if (one_of(in, infinites))
        return err_set(e, ERR_INVALID, "%s is no number that JSON can hold", in);
    else if (*in == '.') {
        /* Go's ParseFloat: an underscore may stand between two digits, nowhere else. */
        bool between = true;
        char plain[1024];
        for (const char *u = strchr(in, '_'); u && between; u = strchr(u + 1, '_'))
            between = u[-1] >= '0' && u[-1] <= '9' && u[1] >= '0' && u[1] <= '9';
        if (between && without_underscores(in, plain, sizeof plain))
            as_real(plain, s);
    } else if (strchr("+-0123456789", *in))
        as_number(in, s);
    return 0;
}

int scalar_resolve(const char *tag, const char *in, struct scalar *s, struct err *e)
{
    memset(s, 0, offsetof(struct scalar, text) + 1);
    s->type = NODE_STRING;
    const char *kind = NULL;
    if (tag != NULL) {
        if (strncmp(tag, YAML_TAG, strlen(YAML_TAG)) != 0)
            return 0; /* a tag of somebody's own: the text as it stands */
        kind = tag + strlen(YAML_TAG);
        static const char *const resolvable[] = {"bool", "int", "float", "null", NULL};
        if (!one_of(kind, resolvable))
            return 0;
    }
    if (resolve_plain(in, s, e) != 0)
        return -1;
    if (kind == NULL)
        return 0;
    bool integer = (s->type == NODE_INT || s->type == NODE_FLOAT) && !s->real;
    if (strcmp(kind, "float") == 0 && integer && s->type == NODE_INT)
        set_real(s, (double)s->integer);
    const char *is = s->type == NODE_NULL ? "null" : s->type == NODE_BOOL ? "bool" : "str";
    if (s->type == NODE_INT || s->type == NODE_FLOAT)
        is = s->real ? "float" : "int";
    if (strcmp(kind, is) != 0)
        return err_set(e, ERR_INVALID, "the tag !!%s does not fit this text", kind);
    return 0;
}

/* Go's FormatFloat(v, 'g', -1, 32), which is what becomes of a float as a key. */
static char *float_key(double v)
{
    float f = (float)v;
    if (isinf(f))
        return xstrdup(f > 0 ? ".inf" : "-.inf");
    struct digits g;
    shortest(f, true, &g);
    struct buf b = {0};
    if (signbit(f))
        buf_addc(&b, '-');
    if (f != 0 && (g.point - 1 < -4 || g.point - 1 >= 6))
        lay_out_exponent(&b, &g, 2);
    else
        lay_out(&b, &g);
    return buf_take(&b);
}

char *scalar_key(const struct scalar *s, const char *in)
{
    switch (s->type) {
    case NODE_STRING:
        return xstrdup(in);
    case NODE_BOOL:
        return xstrdup(s->boolean ? "true" : "false");
    case NODE_INT:
    case NODE_FLOAT:
        if (s->real)
            return float_key(s->value);
        return s->type == NODE_INT ? xstrdup(s->text) : NULL;
    default:
        return NULL;
    }
}

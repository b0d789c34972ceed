/* Quantities as Go writes them: see quantity.h. The order of the steps is that of ParseQuantity and CanonicalizeBytes in
 * k8s.io/apimachinery, because the odd cases follow from it. */
#include "yaml/quantity.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum format { DECIMAL_SI, DECIMAL_EXPONENT, BINARY_SI };
enum { NANO = -9, EXPONENT_MAX = 99, BINARY_DIGITS_MAX = 18, FAST_DIGITS_MAX = 18 };

static const struct suffix {
    const char *text;
    enum format format;
    int exponent;
} suffixes[] = {{"n", DECIMAL_SI, -9}, {"u", DECIMAL_SI, -6}, {"m", DECIMAL_SI, -3}, {"", DECIMAL_SI, 0},
                {"k", DECIMAL_SI, 3},  {"M", DECIMAL_SI, 6},  {"G", DECIMAL_SI, 9},  {"T", DECIMAL_SI, 12},
                {"P", DECIMAL_SI, 15}, {"E", DECIMAL_SI, 18}, {"Ki", BINARY_SI, 10}, {"Mi", BINARY_SI, 20},
                {"Gi", BINARY_SI, 30}, {"Ti", BINARY_SI, 40}, {"Pi", BINARY_SI, 50}, {"Ei", BINARY_SI, 60}};

/* What the text says: digits before and after the point, without leading zeros, and the suffix. */
struct parts {
    bool negative;
    const char *num, *denom;
    int n_num, n_denom;
    enum format format;
    int exponent;
};

static int parse_suffix(const char *s, struct parts *p)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(s, suffixes[i].text) == 0) {
            p->format = suffixes[i].format;
            p->exponent = suffixes[i].exponent;
            return 0;
        }
    if (*s != 'e' && *s != 'E')
        return -1;
    s++;
    const char *digits = s + (*s == '-' || *s == '+');
    size_t n = strspn(digits, "0123456789");
    if (n == 0 || digits[n] != '\0' || n > 9 || abs(atoi(s)) > EXPONENT_MAX)
        return -1;
    p->format = DECIMAL_EXPONENT;
    p->exponent = atoi(s);
    return 0;
}

static int parse(const char *s, struct parts *p)
{
    p->negative = *s == '-';
    s += *s == '-' || *s == '+';
    bool any = *s == '0';
    s += strspn(s, "0");
    p->num = s;
    p->n_num = (int)strspn(s, "0123456789");
    s += p->n_num;
    p->denom = s;
    p->n_denom = 0;
    if (*s == '.') {
        p->denom = ++s;
        p->n_denom = (int)strspn(s, "0123456789");
        s += p->n_denom;
    }
    if (!any && p->n_num == 0 && p->n_denom == 0)
        return -1;
    return parse_suffix(s, p);
}

/* A text that is canonical enough is kept as it is written. */
static bool kept_as_written(const struct parts *p)
{
    int n_num = p->n_num ? p->n_num : 1; /* Go counts the zero of "0.5" */
    if (p->format == BINARY_SI) {
        int precision = 15 - n_num - (int)((float)p->exponent * 3 / 10) - 1;
        if (p->n_denom > 0 || precision < 0)
            return false;
        uint64_t v = 0;
        for (int i = 0; i < p->n_num; i++)
            v = v * 10 + (uint64_t)(p->num[i] - '0');
        return (v & 7) != 0;
    }
    int scale = p->exponent - p->n_denom;
    if (n_num + p->n_denom > FAST_DIGITS_MAX || scale < NANO || scale % 3 != 0 || p->n_num == 0)
        return false;
    char shifted[FAST_DIGITS_MAX + 1];
    int n = snprintf(shifted, sizeof shifted, "%.*s%.*s", p->n_num, p->num, p->n_denom, p->denom);
    return n < 3 || strcmp(shifted + n - 3, "000") != 0;
}

/* `digits` * 10^exponent with an exponent that is a multiple of three, as large as possible. */
static int write_decimal(bool negative, char *digits, int exponent, enum format format, struct buf *out)
{
    size_t zeros = strspn(digits, "0");
    digits += zeros;
    size_t n = strlen(digits);
    while (n > 0 && digits[n - 1] == '0') {
        digits[--n] = '\0';
        exponent++;
    }
    if (n == 0) {
        buf_addc(out, '0');
        return 0;
    }
    int pad = ((exponent % 3) + 3) % 3;
    exponent -= pad;
    const char *suffix = NULL;
    char text[16];
    if (format == DECIMAL_EXPONENT && exponent != 0) {
        snprintf(text, sizeof text, "e%d", exponent);
        suffix = text;
    }
    for (size_t i = 0; suffix == NULL && i < sizeof suffixes / sizeof *suffixes; i++)
        if (suffixes[i].format == DECIMAL_SI && suffixes[i].exponent == exponent)
            suffix = suffixes[i].text;
    if (suffix == NULL)
        return -1;
    buf_addf(out, "%s%s%.*s%s", negative ? "-" : "", digits, pad, "00", suffix);
    return 0;
}

static int canonical_decimal(const struct parts *p, struct buf *out)
{
    char digits[QUANTITY_BYTES_MAX + 8];
    int n = snprintf(digits, sizeof digits, "0%.*s%.*s", p->n_num, p->num, p->n_denom, p->denom);
    int exponent = p->exponent - p->n_denom;
    if (exponent < NANO) { /* whoever asks for some gets some: away from zero, to a billionth */
        int cut = NANO - exponent < n - 1 ? NANO - exponent : n - 1;
        bool up = false;
        for (int i = n - cut; i < n; i++)
            up |= digits[i] != '0';
        n -= cut;
        digits[n] = '\0';
        exponent = NANO;
        for (int i = n - 1; up && i >= 0; i--) {
            up = digits[i] == '9';
            digits[i] = up ? '0' : (char)(digits[i] + 1);
        }
    }
    return write_decimal(p->negative, digits, exponent, p->format, out);
}

static int canonical_binary(const struct parts *p, struct buf *out)
{
    __extension__ typedef unsigned __int128 u128;
    int n_denom = p->n_denom;
    while (n_denom > 0 && p->denom[n_denom - 1] == '0')
        n_denom--;
    if (n_denom > BINARY_DIGITS_MAX)
        return -1;
    u128 whole = 0, fraction = 0, unit = 1;
    bool capped = p->n_num > BINARY_DIGITS_MAX;
    for (int i = 0; i < p->n_num && !capped; i++)
        whole = whole * 10 + (u128)(p->num[i] - '0');
    for (int i = 0; i < n_denom; i++, unit *= 10)
        fraction = fraction * 10 + (u128)(p->denom[i] - '0');
    whole <<= p->exponent;
    fraction <<= p->exponent;
    whole += fraction / unit;
    u128 nanos = (fraction % unit * 1000000000u + unit - 1) / unit;
    if (nanos == 1000000000u) {
        whole++;
        nanos = 0;
    }
    if (capped || whole > INT64_MAX) {
        whole = INT64_MAX;
        nanos = 0;
    }
    uint64_t v = (uint64_t)whole;
    if (v < 1024 || nanos != 0) {
        char digits[40];
        snprintf(digits, sizeof digits, "%" PRIu64 "%09u", v, (unsigned)nanos);
        return write_decimal(p->negative, digits, NANO, DECIMAL_SI, out);
    }
    int times = 0;
    for (; v % 1024 == 0; times++)
        v /= 1024;
    static const char *const names[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    buf_addf(out, "%s%" PRIu64 "%s", p->negative ? "-" : "", v, names[times]);
    return 0;
}

int quantity_canonical(const char *text, struct buf *out, struct err *e)
{
    while (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')
        text++; /* Go trims what surrounds it */
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\n\r", text[len - 1]))
        len--;
    char s[QUANTITY_BYTES_MAX + 1];
    struct parts p;
    if (len < sizeof s) {
        memcpy(s, text, len);
        s[len] = '\0';
        if (parse(s, &p) == 0) {
            if (kept_as_written(&p)) {
                buf_adds(out, s);
                return 0;
            }
            if ((p.format == BINARY_SI ? canonical_binary : canonical_decimal)(&p, out) == 0)
                return 0;
        }
    }
    return err_set(e, ERR_INVALID, "\"%.40s\" is no quantity: write 500m, 2, 1.5Gi or 1e3", text);
}

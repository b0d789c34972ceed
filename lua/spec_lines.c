/* Which lines of a chunk hold code: read from what lua_dump wrote of it, as Lua has no function that tells it of functions
 * which do not exist yet. The format is that of Lua 5.4 (ldump.c); anything else is refused. Never used to load code. */
#include "spec_coverage.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NESTED_MAX = 250, ABS_LINE = -128 };

struct dump {
    const unsigned char *p, *end;
    bool bad;
    uint32_t *lines;
    size_t n, cap;
};

static const unsigned char *take(struct dump *d, size_t n)
{
    if (d->bad || (size_t)(d->end - d->p) < n) {
        d->bad = true;
        return NULL;
    }
    d->p += n;
    return d->p - n;
}

static unsigned take_byte(struct dump *d)
{
    const unsigned char *p = take(d, 1);
    return p ? *p : 0;
}

/* Seven bits a byte, the highest first; the last one is marked. */
static size_t take_size(struct dump *d)
{
    size_t x = 0;
    for (int i = 0; i < 10 && !d->bad; i++) {
        unsigned b = take_byte(d);
        x = x << 7 | (b & 0x7f);
        if (b & 0x80)
            return x;
    }
    d->bad = true;
    return 0;
}

/* A line is an int of Lua's: more is a broken dump. */
static int64_t take_line(struct dump *d)
{
    size_t x = take_size(d);
    d->bad = d->bad || x > INT32_MAX;
    return d->bad ? 0 : (int64_t)x;
}

static void skip_string(struct dump *d)
{
    size_t n = take_size(d);
    if (n)
        take(d, n - 1);
}

static void skip_constants(struct dump *d)
{
    for (size_t n = take_size(d); n && !d->bad; n--) {
        unsigned type = take_byte(d);
        if (type == 0x03 || type == 0x13) /* integer, float */
            take(d, 8);
        else if (type == 0x04 || type == 0x14)
            skip_string(d);
    }
}

static void add_line(struct dump *d, uint32_t line)
{
    xgrow(&d->lines, &d->cap, d->n + 1, sizeof *d->lines);
    d->lines[d->n++] = line;
}

/* Is what follows this instruction never reached? The compiler puts a return behind each tail call. */
static bool is_tail_call(const unsigned char *code, size_t i)
{
    enum { OP_TAILCALL = 69 };
    return (code[4 * i] & 0x7f) == OP_TAILCALL;
}

/* lineinfo holds the distance from the line before; where that does not fit, the next of the absolute ones counts. */
static void take_lines(struct dump *d, int64_t first_line, bool vararg, const unsigned char *code, size_t n_code)
{
    size_t n = take_size(d);
    const unsigned char *info = take(d, n);
    size_t n_abs = take_size(d);
    if (d->bad || (n && n != n_code))
        return;
    int64_t line = first_line;
    for (size_t i = 0; i < n && !d->bad; i++) {
        if ((signed char)info[i] == ABS_LINE) {
            if (n_abs-- == 0) {
                d->bad = true;
                return;
            }
            take_size(d);
            line = take_line(d);
        } else {
            line += (signed char)info[i];
        }
        bool prepares = i == 0 && vararg, ends = i + 1 == n || (i > 0 && is_tail_call(code, i - 1));
        if (!prepares && !ends && line > 0 && line < INT32_MAX)
            add_line(d, (uint32_t)line);
    }
    for (; n_abs && !d->bad; n_abs--) {
        take_size(d);
        take_size(d);
    }
}

static void take_function(struct dump *d, int depth)
{
    if (depth > NESTED_MAX) {
        d->bad = true;
        return;
    }
    skip_string(d);
    int64_t first_line = take_line(d);
    take_size(d);
    take_byte(d);
    bool vararg = take_byte(d) != 0;
    take_byte(d);
    size_t n_code = take_size(d);
    if (n_code > (size_t)(d->end - d->p) / 4)
        d->bad = true;
    const unsigned char *code = take(d, 4 * n_code);
    skip_constants(d);
    size_t n_up = take_size(d);
    if (n_up > 255)
        d->bad = true;
    take(d, 3 * n_up);
    for (size_t n = take_size(d); n && !d->bad; n--)
        take_function(d, depth + 1);
    take_lines(d, first_line, vararg, code, n_code);
    for (size_t n = take_size(d); n && !d->bad; n--) { /* local variables */
        skip_string(d);
        take_size(d);
        take_size(d);
    }
    for (size_t n = take_size(d); n && !d->bad; n--) /* names of upvalues */
        skip_string(d);
}

static int compare_lines(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int spec_lines(const char *dump, size_t len, uint32_t **lines_r, size_t *n_r)
{
    static const unsigned char header[] = {0x1b, 'L', 'u', 'a', 0x54, 0, 0x19, 0x93, '\r', '\n', 0x1a, '\n', 4, 8, 8};
    struct dump d = {(const unsigned char *)dump, (const unsigned char *)dump + len, false, NULL, 0, 0};
    const unsigned char *start = take(&d, sizeof header + 16); /* ... an integer and a float, for who is not sure */
    if (!start || memcmp(start, header, sizeof header) != 0)
        d.bad = true;
    take_byte(&d);
    if (!d.bad)
        take_function(&d, 0);
    if (d.bad || d.p != d.end) {
        free(d.lines);
        return -1;
    }
    size_t n = 0;
    if (d.n)
        qsort(d.lines, d.n, sizeof *d.lines, compare_lines);
    for (size_t i = 0; i < d.n; i++)
        if (n == 0 || d.lines[n - 1] != d.lines[i])
            d.lines[n++] = d.lines[i];
    *lines_r = d.lines;
    *n_r = n;
    return 0;
}

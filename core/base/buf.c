/* Growable bytes: see buf.h. */
#include "base/buf.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

void buf_reserve(struct buf *b, size_t more)
{
    xgrow(&b->data, &b->cap, b->len + more + 1, 1);
}

void buf_add(struct buf *b, const void *data, size_t n)
{
    buf_reserve(b, n);
    if (n > 0)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        buf_reserve(b, (size_t)n);
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_add_visible(struct buf *b, const char *s)
{
    for (size_t left = strlen(s); left > 0;) {
        int n = utf8_visible(s, left);
        size_t len = (size_t)(n < 0 ? -n : n);
        if (n > 0)
            buf_add(b, s, len);
        else if (*s == '\n')
            buf_adds(b, "\\n");
        else
            for (size_t i = 0; i < len; i++)
                buf_addf(b, "\\x%02x", (unsigned char)s[i]);
        s += len;
        left -= len;
    }
}

char *buf_take(struct buf *b)
{
    buf_reserve(b, 0);
    b->data[b->len] = '\0';
    char *p = b->data;
    *b = (struct buf){0};
    return p;
}

/* The tokens of JSON, checked as strictly as RFC 8259 allows: UTF-8, escapes, surrogate pairs, numbers, control
 * characters. Knows nothing of structure; alert_index.c puts tokens together. */
#pragma once

#include "alerts/alert.h"

struct json_scan {
    const char *start, *p, *end;
    const char *problem; /* what is wrong at `p`, for a person; NULL while all is well */
};

/* Remembers the problem and its place; returns -1. */
int json_scan_problem(struct json_scan *s, const char *at, const char *problem);

/* Each stands at the token's first byte and leaves `p` behind the token. */
int json_scan_string(struct json_scan *s, struct span *span_r);
int json_scan_number(struct json_scan *s);
int json_scan_literal(struct json_scan *s); /* true, false, null */

static inline void json_scan_space(struct json_scan *s)
{
    const char *p = s->p;
    while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    s->p = p;
}

static inline int json_scan_peek(const struct json_scan *s)
{
    return s->p < s->end ? (unsigned char)*s->p : -1;
}

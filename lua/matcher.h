/* Matchers as Alertmanager writes them: team="payments",severity!="info",pod=~"api-.*",env!~"dev|test"
 *
 * All must hold. = and != compare exactly, =~ and !~ match the whole value by RE2; an absent label equals "".
 * Braces around the list, spaces around parts, a trailing comma and unquoted values (team=payments) are
 * allowed, names may be quoted UTF-8: what an Alertmanager with default flags (0.27 and later) accepts is accepted and
 * means the same, but for a list without any matcher, which would fit every alert and is an error here, and for
 * expressions that are too large. RE2 is linear in the text, and its memory is bounded here. */
#pragma once

#include "alerts/alert.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    MATCHER_TEXT_MAX = 4096, /* bytes of one list */
    MATCHER_CACHE_MAX = 32,  /* compiled lists that one VM keeps */
};

struct match;
struct matcher;
struct matcher_cache;

/* name = value, or with an expression `re`; what it says is turned round when `negated`. */
struct matcher_term {
    char *name;
    char *value; /* what = and != compare with */
    size_t value_len;
    struct match *re; /* =~ and !~ */
    bool negated;
};

/* NULL and a sentence when the text is no list of matchers. The text is not kept. */
struct matcher *matcher_parse(const char *text, size_t len, struct err *e);
void matcher_free(struct matcher **m);
/* `space` is cleared and used where a value holds escapes. */
bool matcher_fits(const struct matcher *m, const struct alert *a, struct buf *space);

/* The number of the first term that does not fit; matcher_len when all do. */
size_t matcher_misfit(const struct matcher *m, const struct alert *a, struct buf *space);

/* Its terms, for who looks at other things than alerts. An absent label equals "". */
size_t matcher_len(const struct matcher *m);
const struct matcher_term *matcher_term(const struct matcher *m, size_t i);

/* For alert:matches(): the compiled form of a text that came before. At most MATCHER_CACHE_MAX are kept; then
 * all are thrown away, and the pointer is good until the next call. */
const struct matcher *matcher_cached(struct matcher_cache **cache, const char *text, size_t len,
                                     struct err *e);
void matcher_cache_free(struct matcher_cache **cache);

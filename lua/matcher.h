/* Matchers as Alertmanager writes them: team="payments",severity!="info",pod=~"api-.*",env!~"dev|test"
 *
 * All must hold. = and != compare exactly, =~ and !~ match the whole value by RE2; an absent label equals "".
 * Braces around the list, spaces around parts, a trailing comma and unquoted values (team=payments) are
 * allowed, names may be quoted UTF-8. RE2 is linear in the text, and its memory is bounded here. */
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

struct matcher;
struct matcher_cache;

/* NULL and a sentence when the text is no list of matchers. The text is not kept. */
struct matcher *matcher_parse(const char *text, size_t len, struct err *e);
void matcher_free(struct matcher **m);
/* `space` is cleared and used where a value holds escapes. */
bool matcher_fits(const struct matcher *m, const struct alert *a, struct buf *space);

/* For alert:matches(): the compiled form of a text that came before. At most MATCHER_CACHE_MAX are kept; then
 * all are thrown away, and the pointer is good until the next call. */
const struct matcher *matcher_cached(struct matcher_cache **cache, const char *text, size_t len,
                                     struct err *e);
void matcher_cache_free(struct matcher_cache **cache);

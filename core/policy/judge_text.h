/* Where a judge keeps text: an arena for the strings of answers, and short lists of different sentences. */
#pragma once

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

/* Strings that live until texts_deinit. Equal strings that come soon after one another are kept once: a policy
 * says the same few things of thousands of alerts. */
struct texts {
    struct arena *arena;
    const char *recent[64];
    size_t bytes; /* kept so far */
};
const char *texts_add(struct texts *t, const char *s, size_t len); /* NULL for "" */
const char *texts_add_bytes(struct texts *t, const void *bytes, size_t len); /* always its own copy */
void texts_deinit(struct texts *t);

/* Different sentences in the order of their first coming, each with how often it came. */
struct sentences {
    struct sentence {
        char *text;
        uint64_t times;
        char *shown; /* text, or "text (12 times)"; made on demand */
    } * v;
    size_t n;
    uint64_t more; /* that found no room */
};
void sentences_add(struct sentences *s, size_t max, const char *text);
const char *sentences_at(struct sentences *s, size_t i); /* valid until the next add */
size_t sentences_len(const struct sentences *s);         /* one more than n when some found no room */
void sentences_free(struct sentences *s);

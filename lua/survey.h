/* Every alert of the poll, as far as ctx.firing needs it: label names and values, each text once. Kept outside of the
 * policies' VMs and shared by them. */
#pragma once

#include "matcher.h"

#include "alerts/alert.h"

#include <stddef.h>

enum {
    SURVEY_MEMORY_MAX = 40 * 1024 * 1024, /* what all of it may take */
    SURVEY_COUNTS = 1024,                 /* answers that are kept for those who ask again */
};

struct survey;

struct survey *survey_create(void);
void survey_free(struct survey **s);
void survey_add(struct survey *s, const struct alert *a);
/* It was too large, and nothing can be counted. */
bool survey_is_full(const struct survey *s);
size_t survey_memory(const struct survey *s);

/* Is the answer to this text known? */
bool survey_known(const struct survey *s, const char *text, size_t len, size_t *count_r);
/* Which alerts would have to be looked at: those of an alertname that `m` demands, else all. */
size_t survey_candidates(struct survey *s, const struct matcher *m);
/* How many alerts `m` fits, which was made of `text`. *cost_r: units as in vm_charge. */
size_t survey_count(struct survey *s, const struct matcher *m, const char *text, size_t len, size_t *cost_r);

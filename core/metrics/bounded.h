/* Strings that become label values, at most so many different ones. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct bounded {
    char **v;
    size_t n, max;
};

/* The kept copy, or NULL when there are `max` others. Few and seldom: looked for one by one. */
const char *bounded_add(struct bounded *b, const char *s);
bool bounded_remove(struct bounded *b, const char *s);
void bounded_deinit(struct bounded *b);

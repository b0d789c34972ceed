/* Memory that does not fail: out of memory aborts, and the truth is in the store. (Inside the worker's Lua the capped
 * allocator fails instead; these are not used there.) Strings returned by x* functions are freed with free(). */
#pragma once

#include <stddef.h>

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);                /* NULL stays NULL */
char *xstrndup(const char *s, size_t n);     /* copies exactly n bytes and adds a NUL */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Grows `*vec` (of `*cap` elements of `size` bytes) so that `need` fit: doubling, never shrinking. */
void xgrow(void *vec, size_t *cap, size_t need, size_t size);

/* Strings that live and die together: one arena a cycle, freed once. */
#pragma once

#include <stddef.h>

struct arena;

struct arena *arena_create(void);
void arena_free(struct arena **a);
char *arena_strndup(struct arena *a, const char *s, size_t n); /* copies n bytes and adds a NUL */
char *arena_strdup(struct arena *a, const char *s);            /* NULL stays NULL */

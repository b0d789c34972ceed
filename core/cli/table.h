/* A table as kubectl prints one: upper-case headers, columns padded by three spaces, the last one free. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct table;

struct table *table_create(const char *const *headers, size_t n);
void table_add(struct table *t, const char *const *cells); /* copied, made visible; NULL or "" prints as "-" (last column: nothing) */
void table_print(const struct table *t, const char *indent);
void table_free(struct table **t);
bool table_colour(void); /* standard output is a terminal and NO_COLOR is not set */

/* Strings that repeat (alertnames), each kept once and known by a number. Number 0 is "". What strangers can send is
 * bounded: when `max_bytes` are taken, new strings are refused. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct intern;

struct intern *intern_create(size_t max_bytes);
void intern_free(struct intern **in);
/* 0 = *number_r is the string's number; -1 = it is new and there is no room. */
int intern_add(struct intern *in, const char *s, size_t len, uint32_t *number_r);
/* NUL-terminated; valid until intern_free. */
const char *intern_text(const struct intern *in, uint32_t number);

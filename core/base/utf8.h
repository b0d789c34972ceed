/* UTF-8, as strict as RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Length (1..4) of the well-formed sequence at s, 0 if there is none in `len` bytes. */
size_t utf8_len(const char *s, size_t len);
/* Decodes the sequence at s into *cp_r; returns its length, or 0. */
size_t utf8_decode(const char *s, size_t len, uint32_t *cp_r);
size_t utf8_encode(uint32_t cp, char out[4]);
/* Bytes at the start that are well-formed: equal to len when all is. */
size_t utf8_valid(const char *s, size_t len);
/* Length of the sequence at s (never 0 for len > 0) that a terminal may be shown as it is, or negated: the length of one
 * that must be escaped, because it is a control character (C0, DEL, C1), turns the direction of writing, or is no UTF-8.
 * Alert text must neither forge lines nor move cursors. */
int utf8_visible(const char *s, size_t len);
/* The longest prefix of at most `max` bytes that does not cut a character. */
size_t utf8_cut(const char *s, size_t len, size_t max);

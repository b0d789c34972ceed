/* A growable run of bytes. Always NUL-terminated after the first append, so `data` can be handed to C functions when
 * the bytes are known to hold no NUL. A zeroed struct is an empty buffer. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len, cap;
};

void buf_free(struct buf *b);  /* frees the bytes and zeroes the struct */
void buf_clear(struct buf *b); /* length 0, keeps the memory */
void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text from strangers for one line of a log or a terminal: what utf8_visible refuses is written as \n or \xNN. */
void buf_add_visible(struct buf *b, const char *s);
char *buf_take(struct buf *b); /* hands over the bytes (NUL-terminated, never NULL; free()); b is empty after */

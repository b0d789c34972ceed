/* Where the alerts of one poll wait until the array has closed: the first SPOOL_MEMORY bytes in memory, the rest in an
 * unlinked temporary file ($TMPDIR, else /tmp). Append-only, then read at random. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { SPOOL_MEMORY = 8 * 1024 * 1024 };

struct spool;

struct spool *spool_create(void);
void spool_free(struct spool **s);
int spool_append(struct spool *s, const void *data, size_t len, uint64_t *offset_r, struct err *e);
/* Fills `out` (cleared first) with `len` bytes from `offset`. The bytes are aligned for uint64_t. */
int spool_read(struct spool *s, uint64_t offset, size_t len, struct buf *out, struct err *e);
uint64_t spool_size(const struct spool *s);

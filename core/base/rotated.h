/* A file of lines that is rotated by size: FILE is written, FILE.1 is the one before, up to FILE.<keep>. Blocking; whoever
 * must not wait calls it from elsewhere. A line is there whole or not at all: what could not be written to its end is
 * taken back. Mode 0600. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct rotated;

/* Appends to what is there. "-" is standard output, which is never rotated. -1: it cannot be opened. */
int rotated_open(const char *path, uint64_t max_bytes, unsigned keep, struct rotated **file_r, struct err *e);
/* `bytes` are whole lines. Rotates before a line that would make the file larger than max_bytes; opens FILE anew when it was
 * moved or removed. *lost_r: how many lines could not be written, then `e` says why (-1). A rotation that fails is
 * such a reason, too, but no line is lost for it: the file goes on growing. */
int rotated_write(struct rotated *f, const char *bytes, size_t len, size_t *lost_r, struct err *e);
/* Opens FILE anew with the next write, whatever it is. */
void rotated_reopen(struct rotated *f);
void rotated_close(struct rotated **f);

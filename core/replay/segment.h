/* One file of a recording: lines out of bytes, compressed or not; or a dump, which is one poll. See recording.h. */
#pragma once

#include "replay/recording.h"

#include "base/buf.h"

struct segment;

enum { SEGMENT_LINE_MAX = (1 << 30) + (1 << 20) }; /* a poll of 1 GiB, and its head */

/* Reads as far as its first poll, to know when it begins, and closes the file again. *segment_r is NULL when there is none
 * (an empty file). */
int segment_open(const char *path, struct segment **segment_r, struct err *e);
void segment_free(struct segment **segment);
moment_t segment_first(const struct segment *s);
uint64_t segment_size(const struct segment *s); /* bytes of the file */
uint64_t segment_done(const struct segment *s); /* ... that have been read */
const char *segment_path(const struct segment *s);
/* Whom its first lines say it asked: NULL behind the last. */
const char *segment_url(const struct segment *s, size_t i);
/* As recording_next. *cut_r: the end was a line that is not complete. */
int segment_next(struct segment *s, struct recorded_poll *poll_r, bool *cut_r, struct err *e);

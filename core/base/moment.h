/* Points in time and durations. A moment is microseconds since the Unix epoch, UTC; the proleptic Gregorian years 1 to
 * 9999 fit (Alertmanager writes 0001-01-01T00:00:00Z for "never set"). */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef int64_t moment_t;

#define MOMENT_NONE   INT64_MIN /* no such time */
#define MOMENT_SECOND ((int64_t)1000000)
#define MOMENT_TEXT   40 /* bytes that moment_format and moment_format_s need */

moment_t moment_now(void);

/* RFC 3339 with `T` or `t`, `Z`, `z` or an offset, and any number of fractional digits (beyond microseconds they are
 * cut). Returns 0 or -1. */
int moment_parse(const char *s, size_t len, moment_t *t_r);

/* "2026-11-22T08:15:30.123Z": milliseconds, or microseconds where they are not zero. Empty for MOMENT_NONE. */
void moment_format(moment_t t, char out[MOMENT_TEXT]);
/* "2026-11-22T08:15:30Z": whole seconds, cut: as Kubernetes writes times. */
void moment_format_s(moment_t t, char out[MOMENT_TEXT]);
/* The next whole second, for times at which something may happen: written cut, they must not come too early.
 * MOMENT_NONE stays. */
moment_t moment_ceil_s(moment_t t);

/* Go's time.ParseDuration ("1h30m", "1.5h", "100ms", "-5s"), or whole seconds ("90", "+3"): what a pollInterval may
 * be. Microseconds. Returns 0, or -1 with a sentence that quotes the text. */
int duration_parse(const char *s, int64_t *us_r, struct err *e);

/* "1h30m", "45s", "250ms": short, for people. */
void duration_format(int64_t us, char out[MOMENT_TEXT]);

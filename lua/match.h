/* Regular expressions by RE2, behind a C face: no exception and no C++ type gets through. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { MATCH_MEMORY = 512 * 1024 }; /* what one expression may use, compiled and while it matches */

struct match;

/* Anchored at both ends as Alertmanager does it ("^(?:...)$"); `.` does not match a newline. NULL: no such
 * expression (or one that is too large), `why` says it. */
struct match *match_compile(const char *pattern, size_t len, char *why, size_t why_size);
bool match_fits(const struct match *m, const char *text, size_t len);
void match_free(struct match *m);

#ifdef __cplusplus
}
#endif

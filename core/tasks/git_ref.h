/* Branch names. Pure. The branch of a Task goes to `git checkout -b`; a text that git would refuse is made legal: each
 * illegal part becomes one '-' (the rules of git-check-ref-format, for a branch).
 *
 * An illegal part is a run of what may not stand there: control bytes, spaces, ~ ^ : ? * [ \, bytes that are no UTF-8,
 * "@{", "..", "//", a '.' that starts a component, the '.' of a ".lock" that ends one, a '.' or '/' that ends the text.
 * What would start the result with '-', '.' or '/' goes. "HEAD" becomes "HEAD-"; of "@", which is HEAD too, nothing is
 * left. Legal text stays as it is, unless it is longer than GIT_REF_MAX: then its end gives way to '-' and 8 hex digits
 * of its XXH3-64, so that two long names stay two branches. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { GIT_REF_MAX = 244 }; /* "refs/heads/" and this make 255 bytes: the most that servers commonly take */

/* Returns a legal branch name (free()), or NULL when nothing is left. *changed_r: it differs from the text. */
char *git_ref_legalise(const char *text, size_t len, bool *changed_r);

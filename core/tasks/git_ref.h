/* Branch names. Pure. The branch of a Task goes to `git checkout -b`; a text that git would refuse is made legal: each
 * illegal part becomes one '-' (the rules of git-check-ref-format, for a branch). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Returns a legal branch name (free()), or NULL when nothing is left. *changed_r: it differs from the text. */
char *git_ref_legalise(const char *text, size_t len, bool *changed_r);

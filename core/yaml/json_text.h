/* JSON made fit for a YAML parser. YAML's flow style takes JSON as it is, with two exceptions: a character outside the
 * basic plane written as a pair of \u escapes, and (before libyaml 0.2.5) the escaped slash. Pure. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Does the text begin like JSON: `{` or `[` after white space? */
bool json_text_likely(const char *text, size_t len);

/* Takes one JSON value off the text: from its first bracket to the matching one, with both exceptions rewritten.
 * Positions stay true: what becomes shorter is made up for with spaces after the string's closing quote. Sets *start_r
 * to the value's first byte and returns how many bytes it ends after; 0 when there is no complete value (the text may
 * still be YAML that begins with a bracket) or a lone surrogate in it. */
size_t json_text_take(const char *text, size_t len, size_t *start_r, struct buf *out);

/* What looks like a secret becomes "[redacted]":
 *
 *      key=value, "key": "value", --key value     where the key ends in password, token, secret, api_key, ...
 *      Authorization: ..., Cookie: ...            to the end of the line
 *      Bearer x, Basic x, token x                 where x looks random
 *      scheme://user:password@host                the part before the @
 *      tokens known by their look                 AKIA..., ghp_..., glpat-..., xoxb-..., sk-..., eyJ...
 *      -----BEGIN ... PRIVATE KEY-----            the whole block
 *
 * The policies' helper text.redact and the recorder share it. Pure; it keeps nothing and needs no memory. */
#pragma once

#include <stddef.h>

typedef void redact_out(void *arg, const char *bytes, size_t len);
/* Hands the text out, piece by piece. `out` may leave by longjmp. */
void redact_text(const char *text, size_t len, redact_out *out, void *arg);

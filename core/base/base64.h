/* Base64 with the standard alphabet, padded (RFC 4648), as Kubernetes writes bytes in JSON. */
#pragma once

#include "base/buf.h"

/* Line ends are skipped as Go skips them. -1: it is none. */
int base64_decode(const char *text, struct buf *out);
/* Appends; NUL-terminated. */
void base64_encode(const void *data, size_t len, struct buf *out);

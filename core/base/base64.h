/* Base64 as Kubernetes writes and reads []byte: the standard alphabet with padding; line ends are passed over. */
#pragma once

#include "base/buf.h"

/* Appends the bytes. -1 when the text is no base64 (then part of it may have been appended). For secrets reserve room
 * first, so that growing leaves no copies behind. */
int base64_decode(const char *text, struct buf *out);
void base64_encode(const char *bytes, size_t len, struct buf *out);

/* Kubernetes' resource quantities ("500m", "1.5Gi", "1e3") in the form in which Go writes them.
 *
 * The Kelos controller reads a Task into Go types and writes it back whole, and the spec of a Task must not change: a
 * quantity in any other form than Go's own ("1000m" comes back as "1") makes a Task that can never be updated. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum { QUANTITY_BYTES_MAX = 100 };

/* Appends the canonical form of `text` (resource.Quantity: decoded, then encoded). Like Go it keeps a text that is
 * canonical enough ("1.500", "+1"), rounds up below a billionth, and caps binary suffixes at 2^63-1. -1: no quantity;
 * the sentence quotes the text. Refused though Go takes them: more than E ("1000E" comes back as "1"), exponents
 * beyond 99, and no digit at all (".", "Ki": Go says 0, a person meant something else). */
int quantity_canonical(const char *text, struct buf *out, struct err *e);

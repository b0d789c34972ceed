/* What one alert is to the engine: identity, ID and Number. Pure; both executables link it.
 *
 * Identity is 16 hex digits: the alert's fingerprint, or XXH3-64 (seed 0) of the key that a policy gave. ID is the name
 * a person sees: "<reduced>-<16 digits>". */
#pragma once

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

#define IDENTITY_TEXT 17 /* 16 hex digits and a NUL */

uint64_t identity_of_key(const char *key, size_t len); /* XXH3-64, seed 0 */
void identity_format(uint64_t identity, char out[IDENTITY_TEXT]);

/* Appends the ID. `label` is the alertname (default key) or the key itself, reduced to [A-Za-z0-9._-] (every other byte
 * becomes one '-'), runs of '.' become one, leading and trailing '.' and '-' go. Nothing left: "alert-<digits>". */
void identity_id(const char *label, size_t len, uint64_t identity, struct buf *id);

/* (high 32 bits XOR low 32 bits) AND 0x7fffffff: for display, never identity. */
uint32_t identity_number(uint64_t identity);

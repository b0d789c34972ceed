/* Which version of a policy decides: a hash that the engine and the worker count alike. Both executables link this file. */
#pragma once

#include "policy/wire.h"

enum { POLICY_HASH = 33 }; /* 32 hex digits and a NUL */

struct policy_hash_file {
    const char *name;
    struct wire_text source;
};

/* Of a reload unit: XXH3-128 (seed 0, canonical byte order) over a policy's file and then the libraries that it
 * included, in byte order of their names; of each the name, a NUL, the source, a NUL. `libs` is sorted in place. */
void policy_hash_unit(const struct policy_hash_file *file, struct policy_hash_file *libs, size_t n_libs,
                      char out[POLICY_HASH]);
/* Of the bundled default policy: XXH3-128 of its source alone. */
void policy_hash_bundled(const char *source, size_t len, char out[POLICY_HASH]);

/* See policy_hash.h. */
#include "policy/policy_hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static void write_hex(XXH128_hash_t h, char out[POLICY_HASH])
{
    snprintf(out, POLICY_HASH, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

static void add_file(XXH3_state_t *x, const struct policy_hash_file *file)
{
    XXH3_128bits_update(x, file->name, strlen(file->name) + 1);
    XXH3_128bits_update(x, file->source.s, file->source.len);
    XXH3_128bits_update(x, "", 1);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct policy_hash_file *)a)->name, ((const struct policy_hash_file *)b)->name);
}

void policy_hash_unit(const struct policy_hash_file *file, struct policy_hash_file *libs, size_t n_libs,
                      char out[POLICY_HASH])
{
    XXH3_state_t *x = XXH3_createState();
    XXH3_128bits_reset(x);
    add_file(x, file);
    if (n_libs > 1)
        qsort(libs, n_libs, sizeof *libs, compare_names);
    for (size_t i = 0; i < n_libs; i++)
        add_file(x, &libs[i]);
    write_hex(XXH3_128bits_digest(x), out);
    XXH3_freeState(x);
}

void policy_hash_bundled(const char *source, size_t len, char out[POLICY_HASH])
{
    write_hex(XXH3_128bits(source, len), out);
}

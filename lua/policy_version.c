/* ctx.policy.hash: which version of a policy decides. The engine counts the same (policy_unit_hash of
 * core/policy/policy_files.h) and shows it with every decision. */
#include "policy.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static void add_file(XXH3_state_t *x, const char *name, struct wire_text source)
{
    XXH3_128bits_update(x, name, strlen(name) + 1);
    XXH3_128bits_update(x, source.s, source.len);
    XXH3_128bits_update(x, "", 1);
}

/* The included library whose name comes next after `name`; NULL: none does. */
static const struct policy_library *next_library(const struct policy *p, const char *name)
{
    const struct policy_library *next = NULL;
    for (size_t i = 0; i < p->n_libraries; i++) {
        const struct policy_library *l = &p->cycle->libraries[p->libraries[i]];
        if (p->included[i] && strcmp(l->file, name) > 0 && (!next || strcmp(l->file, next->file) < 0))
            next = l;
    }
    return next;
}

void policy_version(const struct policy *p, char out[33])
{
    if (!p->source.len) {
        policy_default_hash(out);
        return;
    }
    XXH3_state_t *x = XXH3_createState();
    XXH3_128bits_reset(x);
    add_file(x, p->file, p->source);
    for (const struct policy_library *l = next_library(p, ""); l; l = next_library(p, l->file))
        add_file(x, l->file, l->source);
    XXH128_hash_t h = XXH3_128bits_digest(x);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
    XXH3_freeState(x);
}

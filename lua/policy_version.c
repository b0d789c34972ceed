/* ctx.policy.hash: which version of a policy decides, as the engine shows it with every decision. */
#include "policy.h"

#include "base/mem.h"

#include <stdlib.h>

void policy_version(const struct policy *p, char out[POLICY_HASH])
{
    if (!p->source.len) {
        policy_default_hash(out);
        return;
    }
    struct policy_hash_file unit = {p->file, p->source};
    struct policy_hash_file *included = xcalloc(p->n_libraries + 1, sizeof *included);
    size_t n = 0;
    for (size_t i = 0; i < p->n_libraries; i++) {
        const struct policy_library *l = &p->cycle->libraries[p->libraries[i]];
        if (p->included[i])
            included[n++] = (struct policy_hash_file){l->file, l->source};
    }
    policy_hash_unit(&unit, included, n, out);
    free(included);
}

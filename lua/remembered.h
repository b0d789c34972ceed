/* What SETUP brings along of earlier cycles: when Tasks were created (ctx.rate), and ctx.state of every key. */
#pragma once

#include "base/err.h"
#include "base/moment.h"
#include "policy/wire.h"

#include <stddef.h>
#include <stdint.h>

struct remembered {
    struct creations {
        struct wire_text policy; /* name */
        moment_t *at;            /* ascending */
        size_t n;
    } *creations;
    size_t n_creations;
    struct state_record {
        uint64_t identity;
        struct wire_text policy;
        uint32_t version;
        struct wire_text tree; /* 'm' of scalars */
    } *states; /* by identity */
    size_t n_states;
};

/* Reads both lists. Texts stay where the reader's bytes are. -1: nonsense. */
int remembered_read(struct remembered *m, struct wire_reader *r, struct err *e);
void remembered_deinit(struct remembered *m);

/* Tasks created in (from, to]; `policy` NULL: of all policies. *looked_r: how many moments were looked at. */
size_t remembered_count(const struct remembered *m, const char *policy, moment_t from, moment_t to, size_t *looked_r);
/* Empty when nothing is kept, or under another version. */
struct wire_text remembered_state(const struct remembered *m, const char *policy, uint64_t identity, uint32_t version);

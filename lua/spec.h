/* Spec mode: a worker whose first frame is SPEC runs one file of specs and is gone (policy/wire.h). Nobody but such a worker
 * ever calls spec_serve: one that judges alerts has none of what is in here.
 *
 * Two kinds of VM stand in it, and values cross between them as copies. The spec's own is wide: what busted's specs expect,
 * but no files, processes or network, as for everything in this process; the list with the reasons is lua/spec/globals.lua.
 * The runner in it (lua/spec/) is ours. The policy's is a whole session (session.h), fed with the frames that the
 * engine sends in production and with production's budgets: a spec cannot pass with more than the policy will have. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "policy/wire.h"

enum {
    SPEC_VM_MEMORY = 64 * 1024 * 1024, /* of the spec's own VM */
    SPEC_SESSIONS_MAX = 64,            /* policies that are loaded at the same time */
    SPEC_RECORDS_MAX = 20,             /* decision records that a failed test tells: the last ones */
};

/* How it speaks with the engine. */
struct spec_io {
    void (*tell)(void *arg, struct buf *out); /* empties `out` */
    /* The next frame, which stays valid until the next call. -1: there is none. */
    int (*hear)(void *arg, enum wire_type *type_r, struct wire_reader *fields_r);
    void *arg;
};

/* From SPEC's fields to DONE. -1: the engine talks nonsense, or is gone. */
int spec_serve(volatile struct black_box *box, const struct spec_io *io, struct wire_reader *fields, struct err *e);

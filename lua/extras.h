/* What hooks leave behind beside their values: notes for the decision's record, and ctx.state. Of one answer, which
 * several hooks may make together. */
#pragma once

#include "state_item.h"

struct chain;

struct extras {
    const struct chain *chain; /* how this answer came about; NULL: nobody asks */
    bool identified; /* whose state it is is known */
    uint64_t identity;
    struct buf key; /* "": the fingerprint */
    struct state_item state;
    bool state_failed; /* a hook of this answer has failed: nothing is committed */
    struct note {
        char *name;
        struct buf value;
        bool by_this_hook;
    } *notes;
    size_t n_notes, cap_notes, n_of_hook;
};

void extras_clear(struct extras *x); /* for the next answer; keeps memory */
void extras_deinit(struct extras *x);
/* Whose ctx.state it is: `key` NULL is the fingerprint. */
void extras_identify(struct extras *x, const char *key, size_t len, uint64_t fingerprint);

/* A hook is done. */
void extras_settle(struct extras *x, bool ok);
/* `value`: a text that fits. A name that is there already gets the new value. -1: the hook has made too many. */
int extras_note(struct extras *x, const char *name, const char *value, size_t len);
/* The fields of `extras` in wire.h. */
void extras_write(const struct extras *x, struct buf *out);

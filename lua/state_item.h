/* ctx.state of one key while hooks of one answer are at it. Pure; knows nothing of Lua.
 *
 * A hook sees what was committed before this cycle and what it wrote itself. What several hooks of an answer wrote is
 * gathered, for the engine to commit when the decision was carried out. What a hook wrote that failed is dropped. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "policy/wire.h"

#include <stdbool.h>
#include <stddef.h>

struct state_entry {
    char *name;
    size_t name_len;
    struct wire_text committed; /* a scalar tree, borrowed; len 0: none */
    struct buf gathered, own;   /* scalar trees; 'z' removes; len 0: not written */
};

struct state_item {
    bool open;
    struct state_entry *at; /* by name, in byte order */
    size_t n, cap;
};

/* `committed`: a checked tree 'm' of scalars, or empty; it is borrowed. Nothing happens when the item is open. */
void state_item_open(struct state_item *item, struct wire_text committed);
/* A scalar tree; len 0: there is none. Good until the item changes. */
struct wire_text state_item_get(const struct state_item *item, const char *name, size_t len);
/* Writes a scalar tree, 'z' to remove. -1: one of WIRE_STATE_*, `e` says which. */
int state_item_set(struct state_item *item, const char *name, size_t len, struct wire_text tree, struct err *e);
/* The hook is over: what it wrote is gathered, or dropped. */
void state_item_settle(struct state_item *item, bool keep);
/* Appends "u32 n, n * (text name, tree)" of what was gathered; returns n. */
size_t state_item_write(const struct state_item *item, struct buf *out);
void state_item_close(struct state_item *item);

/* tree of at least 1 byte -> its length: for reading `at` elsewhere. */
static inline bool state_tree_is_null(struct wire_text t)
{
    return t.len == 0 || t.s[0] == 'z';
}

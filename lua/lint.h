/* The lint of policy files and libraries: findings with a line, a code and a sentence that says what to write
 * instead. It reads the source and runs nothing of it. The rules are in prelude/lint_*.lua, and prelude/lint_rules.lua
 * lists them.
 *
 * It has a VM of its own that no policy has touched, with ceilings of its own; what a policy may use is taken from the
 * environment that policies get (sandbox.h). */
#pragma once

#include "base/buf.h"
#include "policy/wire.h"

#include <stdbool.h>
#include <stddef.h>

/* A source longer than WIRE_SOURCE_MAX is not looked at. */
enum {
    LINT_MEMORY = 64 * 1024 * 1024,
    LINT_INSTRUCTIONS = 100 * 1000 * 1000, /* of one file */
};

struct lint_finding {
    unsigned line;
    bool error; /* the file must not be used; else a warning */
    const char *code; /* "no_return" */
    const char *sentence; /* one line, valid UTF-8, at most WIRE_TEXT_SHOWN bytes; without file and line */
};
/* Findings come by line. What they point to is good until the callback returns. */
typedef void lint_on_finding(void *arg, const struct lint_finding *f);

struct lint;
/* Never NULL. `box`, or NULL, counts instructions for whoever watches. */
struct lint *lint_open(volatile struct black_box *box);
void lint_free(struct lint **l);

/* Label names that alerts are known to have: a name that is almost one of them is then reported. Copied. */
void lint_set_labels(struct lint *l, const char *const *names, size_t n);

/* Looks through one file. `file` is its base name: lib_*.lua is a library. Returns how many errors there are. A file
 * that is too much for the ceilings gets the warning "not_looked_at", no error: Lua itself decides then. */
size_t lint_run(struct lint *l, const char *source, size_t len, const char *file, lint_on_finding *on_finding,
                void *arg);

/* Every rule, in the order of the documentation. */
typedef void lint_on_rule(void *arg, const char *code, bool error, const char *sentence);
void lint_each_rule(struct lint *l, lint_on_rule *on_rule, void *arg);
/* For tests. Does the lint's own parser accept the source, whatever Lua says? If not, *refusal says why. */
bool lint_reads(struct lint *l, const char *source, size_t len, struct buf *refusal);
/* Is there a global of that name in a policy? */
bool lint_knows_global(struct lint *l, const char *name);

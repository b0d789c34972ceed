/* How a policy came to its answer, written down while it happens: which functions were entered, where they returned what,
 * what they read, what it took. Makes a struct chain (policy/chain.h) for whoever asks why: `why`, `plan --explain`, specs,
 * `bench`. Nobody asks in an ordinary cycle, and then none of this costs anything.
 *
 * Layers tell of themselves: policy.extend (prelude/extend.lua) calls enter and leave around each function, once
 * policy_explain has told it to. Lines come from the VM's hook (vm.h, struct vm_watch). */
#pragma once

#include "vm.h"

#include "policy/chain.h"

enum chain_how {
    CHAIN_MEASURED, /* values, reasons and figures only: instructions in steps of VM_STEP, and the time is true */
    CHAIN_EXPLAINED, /* and places, lines and what was read: every instruction is looked at, which takes ten times as long */
    CHAIN_TRACED,   /* and each executed line with its locals */
};

struct chain_maker;

struct chain_maker *chain_maker_create(void);
void chain_maker_free(struct chain_maker **m);
/* For the next answer. */
void chain_maker_begin(struct chain_maker *m, enum chain_how how);
enum chain_how chain_maker_how(const struct chain_maker *m);
struct chain *chain_maker_chain(struct chain_maker *m); /* what was made since; the maker's */

/* Where the lines of a file are looked up: its text, or NULL when nobody knows it. */
typedef const char *chain_source_fn(void *arg, const char *file, size_t *len_r);

/* Around one call of a hook in `vm`: sets vm->watch. `bits` go to each of its links (CHAIN_STAND_IN). Lines of `untraced` (a
 * file's name, or NULL) are in no trace. */
void chain_maker_open(struct chain_maker *m, struct vm *vm, unsigned bits, const char *untraced, chain_source_fn *source,
                      void *arg);
/* `error` NULL: it answered. Else the innermost layer that did not return gets code, place and detail. */
void chain_maker_close(struct chain_maker *m, struct vm *vm, const char *error, const char *place, const char *detail);

/* Inside: a layer of `hook` (enum black_box_hook) is asked; its results stand at stack index `first` (value, reason,
 * detail). Allocate nothing in Lua and never raise. The function is at index `fn`. */
void chain_maker_enter(struct chain_maker *m, lua_State *L, uint32_t hook, int fn);
void chain_maker_leave(struct chain_maker *m, lua_State *L, int fn, int first);

/* How matches did. Texts may be NULL. */
void chain_maker_choice(struct chain_maker *m, enum chain_fit fit, const char *policy, const char *file, const char *match,
                        const char *detail);

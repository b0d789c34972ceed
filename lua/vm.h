/* One Lua state with ceilings: bytes by a counting allocator, instructions by a count hook.
 *
 * Every policy file has a VM of its own, so that no policy can poison another; templates have theirs. Nothing
 * in here is the guarantee: C loops (patterns) never reach the hook. The guarantee is the process around it
 * and the engine's kill. This is for a good error message in the ordinary case.
 *
 * Nothing that can raise an error is called outside vm_call. */
#pragma once

#include "base/buf.h"
#include "policy/wire.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VM_STEP = 1000,    /* instructions between two looks of the hook; every 100 costs three times as much */
    VM_LOOKED_AT = 200 * 1000,
    VM_PLACE_MAX = 80, /* "payments.lua:31" */
};

enum vm_end { VM_OK, VM_ERROR, VM_TIMEOUT, VM_MEMORY };

struct matcher_cache;
struct zones;

/* Told of each line that is about to be run: only where specs are counted (spec_coverage.h). */
typedef void vm_line_cb(void *arg, lua_State *L, lua_Debug *ar);

/* Somebody looks on while hooks run: lua/chain_maker.h. None of it may raise or allocate in Lua. */
struct vm_watch {
    void *arg;
    /* Before each line of Lua is executed. A call that has used VM_LOOKED_AT instructions is no longer looked at so closely,
     * which would take it more time than it has: `blur` says so, and from then on `line` is only told when a function
     * returns (ar->event is LUA_HOOKRET). */
    void (*line)(void *arg, lua_State *L, lua_Debug *ar);
    void (*blur)(void *arg);
    /* "labels.", "track" was read of the alert or of ctx; value NULL: there is none. */
    void (*read)(void *arg, const char *what, const char *name, const char *value, size_t len);
    bool exact; /* instructions are counted one by one, and `line` and `read` are called */
};

struct vm {
    lua_State *L;
    /* memory, in bytes */
    size_t used, limit;
    size_t peak; /* the most that was used since whoever wants to know set it */
    /* instructions, in steps of VM_STEP, and what C helpers charge for their loops */
    uint64_t call_used, call_limit;
    uint64_t *total_used; /* of every VM of this worker's life; owned by whoever made the VM */
    uint64_t total_limit;
    bool starved; /* the last memory that was refused is not there at all: others have it */
    enum vm_end dead; /* sticky: set when a ceiling was hit, until the next vm_call */
    volatile struct black_box *box;
    const struct vm_watch *watch; /* NULL: nobody does. For the next vm_call */
    struct buf files;   /* "\nname.lua:" of each source file that runs in here: only those can be where an error is */
    struct buf scratch; /* for texts on their way into Lua; cleared by whoever uses it */
    vm_line_cb *on_line; /* NULL: nobody wants to know */
    void *on_line_arg;
    struct matcher_cache *matchers;
    struct zones *zones; /* that the policy may use: zones.h. NULL: none, or not yet */
    /* how the last vm_call failed */
    char place[VM_PLACE_MAX]; /* where; "" when unknown */
    struct buf message;       /* one line, valid UTF-8, at most WIRE_TEXT_SHOWN bytes */
};

struct vm_limits {
    size_t memory;
    uint64_t call_instructions, total_instructions;
    uint64_t *total_used;
    vm_line_cb *on_line; /* NULL in every worker that judges alerts */
    void *on_line_arg;
};

/* NULL when there is not even memory for an empty state. */
struct vm *vm_create(const struct vm_limits *limits, volatile struct black_box *box);
void vm_free(struct vm **vm);
struct vm *vm_of(lua_State *L);

/* Runs `f` in protected mode with a fresh budget; f finds `arg` by vm_arg(). The stack is empty before and
 * after. On anything but VM_OK, `place` and `message` say what happened. */
enum vm_end vm_call(struct vm *vm, lua_CFunction f, void *arg);
void *vm_arg(lua_State *L);

/* The value on top of the stack was read: for vm_watch. Cheap when nobody looks on. */
void vm_tell_read(lua_State *L, const char *what, const char *name);

/* A source file that runs in the VM from now on. */
void vm_add_file(struct vm *vm, const char *name);

/* Gives the running call a new budget: for several hooks in one vm_call. */
void vm_budget(struct vm *vm);
/* Counts a C function's loop against the budget; raises when it is used up. About one unit per 8 bytes
 * touched. */
void vm_charge(lua_State *L, size_t units);
/* After a protected call inside the VM: goes on raising when a ceiling was hit. For pcall. */
void vm_rethrow(lua_State *L, int status);

/* Appends text made fit for a log line: control bytes become spaces, what is not UTF-8 becomes U+FFFD, at
 * most `max` bytes. */
void text_clean(struct buf *out, const char *s, size_t len, size_t max);
/* Appends text with what is not UTF-8 and NUL replaced by U+FFFD. */
void text_repair(struct buf *out, const char *s, size_t len);

/* What a policy can see: a literal allow-list, nothing that reaches outside or hides from the budgets.
 *
 * Absent on purpose: load, loadfile, dofile, require, package (code from elsewhere), io, os (the outside),
 * debug (everything), coroutine (each has its own hook counter, and closing nested ones crashes older
 * liblua), collectgarbage, warn, rawget, rawset, rawequal, rawlen (get past read-only objects), xpcall (a
 * handler runs inside the error), _G, string.dump, math.random and math.randomseed (a policy answers the same
 * question the same way). Changed: setmetatable refuses __gc (finalizers run without the hook), getmetatable
 * works on tables only, tostring and %s show no addresses, %p is refused, pcall does not catch an exceeded
 * ceiling, print does nothing, string.rep and the table functions are bounded, patterns work on at most
 * PATTERN_SUBJECT_MAX bytes. */
#pragma once

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>

enum {
    PATTERN_SUBJECT_MAX = 8 * 1024, /* find without specials (or plain) is not limited */
    REP_BYTES_MAX = 1024 * 1024,
    REP_TIMES_MAX = 1000 * 1000,
    TABLE_ELEMENTS_MAX = 100 * 1000, /* of concat, insert, move, remove, sort, unpack */
};

/* Opens the libraries into the registry and locks the string metatable. Once per VM, inside vm_call. */
void sandbox_open(lua_State *L);
/* Pushes a fresh environment: own copies of all library tables, so that one who overwrites a function fools
 * nobody but himself. With `trusted` (the prelude) also rawget, rawset and rawequal. */
void sandbox_push_env(lua_State *L, int trusted);
/* Compiles text (never bytecode) with the environment on top of the stack, which it replaces by the function;
 * raises. */
void sandbox_load(lua_State *L, const char *source, size_t len, const char *chunk_name);
/* The same of what lua_dump made of one of our own texts in this process. For nothing else: Lua trusts bytecode. */
void sandbox_load_compiled(lua_State *L, const char *chunk, size_t len, const char *chunk_name);

/* Parts of the library: a table of functions each. The original library's table, if any, is at `original`. */
void sandbox_string(lua_State *L, int original);
void sandbox_table(lua_State *L, int original);
void sandbox_text(lua_State *L);
/* Pushes what tostring() shows. */
void sandbox_tostring(lua_State *L, int idx);
/* Sets field `name` of the table on top to `f` with the original's function of that name as its upvalue. */
void sandbox_wrap(lua_State *L, int original, const char *name, lua_CFunction f);
/* Calls upvalue 1 with the arguments on the stack and returns what it returns. */
int sandbox_call_original(lua_State *L);
/* Copies the named fields of the table at `from` to the table on top. */
void sandbox_copy(lua_State *L, int from, const char *const *names);

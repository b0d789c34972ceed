/* What the libraries of helpers share. Each is a table of functions in a policy's environment;
 * prelude/helpers.def lists them all, with what they take and return. A function checks its arguments (its
 * errors start with its name), is linear in them, and counts its loops against the budget. */
#pragma once

#include "alerts/alert.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* Sets all libraries but `text` as fields of the table on top (an environment), each in a table of its own,
 * and the functions that belong to none. */
void lib_open(lua_State *L);
/* `text`, beside what bind_text.c has: fields of the table on top. */
void lib_text_add(lua_State *L);

/* Checked arguments; `fn` is the function's full name. Each raises "<fn>: argument <arg> ...". */
int lib_wrong(lua_State *L, const char *fn, int arg, const char *expected);
/* Text, or a number as text. The bytes are counted against the budget. */
const char *lib_text(lua_State *L, const char *fn, int arg, size_t *len);
/* A number that is one: no NaN, no infinity. */
lua_Number lib_number(lua_State *L, const char *fn, int arg);
lua_Integer lib_integer(lua_State *L, const char *fn, int arg, lua_Integer min, lua_Integer max);
const struct alert *lib_alert(lua_State *L, const char *fn, int arg);
/* A list (table or read-only view): how many elements, at most `max`. */
lua_Integer lib_list(lua_State *L, const char *fn, int arg, lua_Integer max);
/* Pushes the text at the index of that list. */
const char *lib_list_text(lua_State *L, const char *fn, int arg, lua_Integer i, size_t *len);

/* A duration in seconds, never negative: a number, or a text such as "1h30m". */
lua_Number lib_duration(lua_State *L, const char *fn, int arg);
enum { LIB_DURATION_TEXT = 64, LIB_MOMENT_TEXT = 48 };
/* "1h30m", in milliseconds. |seconds| < 2^33. */
void lib_format_duration(lua_Number seconds, char out[LIB_DURATION_TEXT]);
/* "2026-03-07T10:00:00Z", cut to whole seconds; "never" beyond the years that have four digits. */
void lib_format_moment(lua_Number t, char out[LIB_MOMENT_TEXT]);
/* Pushes an integer when the number is whole. */
void lib_push_number(lua_State *L, lua_Number n);

/* Helpers that are written in Lua: calls field `name` of what the chunk prelude/`file` returns with all
 * arguments, and returns what it returns. The chunk runs when it is first needed, once in a VM. */
int lib_call_lua(lua_State *L, const char *file, const char *name);

/* The functions of each library; lib_internal_functions are for the chunks only, as `internal`. */
extern const luaL_Reg lib_duration_functions[], lib_time_functions[], lib_hash_functions[],
    lib_k8s_functions[], lib_severity_functions[], lib_text_functions[], lib_retrigger_functions[],
    lib_internal_functions[];
int text_redact(lua_State *L);
int text_fence(lua_State *L);
int internal_fence(lua_State *L);

/* `ctx` in Lua: what a policy knows besides the alert, and what it may write down.
 *
 * Most of it is the same for all alerts of a cycle and stands in a read-only table. What is about the alert in hand
 * (seen, last, group, state) is made when somebody looks at it, and is gone with the alert. */
#pragma once

#include "policy.h"

#include <lauxlib.h>
#include <lua.h>

/* The content of those objects. */
struct ctx_box {
    enum ctx_part part;
    struct policy *p;
    const struct policy_scene *scene; /* NULL: gone */
};

/* Makes the metatables. Once per VM, inside vm_call. */
void bind_ctx_open(lua_State *L);
/* Pushes the read-only ctx. `readonly` is at that stack index. Inside vm_call. */
void bind_ctx_push(lua_State *L, struct policy *p, int readonly);
/* What ctx showed of the alert is gone. Never raises. */
void bind_ctx_close(struct policy *p);

/* For the parts: */
/* The box at stack index 1, or an error when it is gone. */
const struct ctx_box *ctx_open_box(lua_State *L, const char *metatable);
/* Pushes the value of a wire_tree; maps and lists as plain tables. */
void ctx_push_tree(lua_State *L, struct wire_reader *r);
const char *ctx_part_name(enum ctx_part part); /* "seen", ... */
/* Registers a metatable with these methods, which nobody sees; writing is refused unless they say otherwise. */
void ctx_new_metatable(lua_State *L, const char *name, const luaL_Reg *methods);

/* bind_record.c: ctx.seen, ctx.last */
void record_open(lua_State *L);
struct ctx_box *record_push(lua_State *L);
/* bind_group.c: ctx.group */
void group_open(lua_State *L);
struct ctx_box *group_push(lua_State *L);
void group_close(struct ctx_box *box);
/* bind_state.c: ctx.state */
void state_open(lua_State *L);
struct ctx_box *state_push(lua_State *L);
/* bind_count.c: sets ctx.firing, ctx.rate, ctx.note in the table on top. */
void count_set_functions(lua_State *L, struct policy *p);

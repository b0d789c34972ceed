/* `ctx` in Lua: what a policy knows besides the alert. */
#pragma once

#include "policy.h"

#include <lua.h>

/* Pushes the read-only ctx of this cycle and stores the table behind it in the registry (*table_ref_r), so
 * that `last` can change. `readonly` is at that stack index. Inside vm_call. */
void bind_ctx_push(lua_State *L, const struct policy_cycle *cycle, const char *policy_name, int readonly,
                   int *table_ref_r);
/* Pushes the table of an earlier Task; NULL: none. Fields are never nil. */
void bind_ctx_push_last(lua_State *L, const struct policy_last *last);

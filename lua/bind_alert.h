/* `alert` in Lua: a read-only object over an alert's bytes and index. Nothing is copied or unescaped before
 * somebody reads it. It lives for the questions about one alert; one that a policy has kept says "this alert
 * is gone". */
#pragma once

#include "alerts/alert.h"

#include <lua.h>
#include <stdbool.h>

struct alert_box; /* the userdata's content */

/* Makes the metatables. Once per VM, inside vm_call. */
void bind_alert_open(lua_State *L);
/* Pushes a new object; raises when memory is short. `alert` must stay until alert_box_close. */
struct alert_box *bind_alert_push(lua_State *L, const struct alert *alert);
/* The alert at a stack index; NULL when something else stands there. Raises when the alert is gone. */
const struct alert *bind_alert_test(lua_State *L, int idx);
/* alert:matches(text) for the function `fn`; raises when the text is no list of matchers. */
bool bind_alert_fits(lua_State *L, const char *fn, const struct alert *a, const char *text, size_t len);
/* From now on the object is gone for Lua. Never raises. */
void alert_box_close(struct alert_box *box);

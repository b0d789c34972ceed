#pragma once
#include <lua.h>
/* Pushes the module: parse, execute, value. Inside a protected call. */
int gotemplate_open(lua_State *L);

/* Go's text/template as a Lua module, from the chunks in prelude/ that are embedded here. */
#pragma once

#include <lua.h>

/* Pushes the module table `gotemplate` (what it offers: prelude/gotemplate.lua). The chunks are loaded as text,
   with the state's globals at this moment, of which they use: error getmetatable ipairs math next pcall
   setmetatable string table tonumber tostring type utf8. Raises a Lua error when memory runs out: call it
   protected. Returns 1. */
int gotemplate_open(lua_State *L);

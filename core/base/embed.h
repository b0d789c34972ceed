/* Text files that were put into the executable by as_embed() of cmake/functions.cmake. */
#pragma once

struct embed_file {
    const char *name;       /* base name: "extend.lua"; NULL ends the table */
    const char *start, *end; /* the bytes; *end is a NUL */
    const char *code, *code_end; /* the same in Lua's own form (as_embed_lua, lua/embedded.h); else NULL */
};

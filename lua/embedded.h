/* Loading our own embedded Lua: in Lua's own form where it was compiled by the very release that runs (lua/precompile.c),
 * else as text. Nobody but us ever gets bytecode loaded. */
#pragma once

#include "base/embed.h"

#include <lauxlib.h>
#include <string.h>

/* The bytecode, or NULL when the text must do. */
static inline const char *embedded_code(const struct embed_file *f, size_t *len_r)
{
    size_t n = strlen(lua_ident) + 1;
    if (f->code == NULL || (size_t)(f->code_end - f->code) < n || memcmp(f->code, lua_ident, n) != 0)
        return NULL;
    *len_r = (size_t)(f->code_end - f->code) - n;
    return f->code + n;
}

/* As luaL_loadbufferx. */
static inline int embedded_load(lua_State *L, const struct embed_file *f, const char *chunk_name)
{
    size_t len;
    const char *code = embedded_code(f, &len);
    if (code != NULL)
        return luaL_loadbufferx(L, code, len, chunk_name, "b");
    return luaL_loadbufferx(L, f->start, (size_t)(f->end - f->start), chunk_name, "t");
}

/* Loads the embedded chunks of the template engine in their order, each given the modules before it. */
#include "lua/gotemplate.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "lua/embedded.h"

extern const struct embed_file prelude_gotemplate[];

/* Leaves the modules' table and pushes what the chunk returned; files it under its name without ".lua". */
static void load_chunk(lua_State *L, int modules, const struct embed_file *f)
{
    char chunk[96], module[96];
    snprintf(chunk, sizeof chunk, "=prelude/%s", f->name);
    snprintf(module, sizeof module, "%.*s", (int)strcspn(f->name, "."), f->name);
    if (embedded_load(L, f, chunk) != LUA_OK)
        lua_error(L);
    lua_pushvalue(L, modules);
    lua_call(L, 1, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, modules, module);
}

int gotemplate_open(lua_State *L)
{
    luaL_checkstack(L, 8, "gotemplate");
    lua_newtable(L);
    int modules = lua_gettop(L);
    for (const struct embed_file *f = prelude_gotemplate; f->name; f++) {
        lua_settop(L, modules);
        load_chunk(L, modules, f);
    }
    lua_remove(L, modules);
    return 1;
}

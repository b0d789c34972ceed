/* Templates: whatever the text, gotemplate answers with a string or with Go's kind of error; it never raises, hangs or
 * crashes, and the same template on the same data gives the same. */
#include <lauxlib.h>
#include <lualib.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lua/gotemplate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char check[] =
    "local G, text = ...\n"
    "local V = G.value or G\n"
    "local data = V.map{ID = 'Disk-3fa9', Number = 42, Title = 'Disk', Body = 'a: b\\n<x> & \"y\"', Labels = 'a, b',\n"
    "  Empty = '', Half = 0.5, Yes = true, Alert = V.map{labels = V.map{pod = 'p', ns = 'n'},\n"
    "  receivers = V.list({'x', 'y'}, 2)}}\n"
    "local limits = {output = 65536, steps = 200000, depth = 1000}\n"
    "local t, err = G.parse('prompt', text)\n"
    "if not t then return type(err) == 'string' and err:find('^template: ') ~= nil end\n"
    "t:references('Context')\n"
    "local one, why = G.execute(t, data, limits)\n"
    "local two, also = G.execute(t, data, limits)\n"
    "if one == nil then return type(why) == 'string' and why == also end\n"
    "return type(one) == 'string' and #one <= 65536 and one == two\n";

static lua_State *L;

/* libFuzzer sees the C of the interpreter, not the Lua that it runs: these counters are its lines. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t lines[1 << 14];

static void on_line(lua_State *state, lua_Debug *ar)
{
    lua_getinfo(state, "Sl", ar);
    size_t at = (size_t)ar->currentline * 31;
    for (const char *c = ar->short_src; *c; c++)
        at = at * 31 + (unsigned char)*c;
    lines[at % sizeof lines]++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (L == NULL) {
        L = luaL_newstate();
        luaL_openlibs(L);
        gotemplate_open(L);
        if (luaL_loadstring(L, check) != LUA_OK)
            abort();
        lua_sethook(L, on_line, LUA_MASKLINE, 0);
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    lua_pushlstring(L, (const char *)data, size);
    if (lua_pcall(L, 2, 1, 0) != LUA_OK || !lua_toboolean(L, -1)) {
        fprintf(stderr, "%s\n", lua_isstring(L, -1) ? lua_tostring(L, -1) : "a wrong answer");
        abort();
    }
    lua_settop(L, 2);
    return 0;
}

/* `text`: what policies do to texts, in time linear to the text and without patterns (a pattern on alert text
 * is an invitation: the everyday "%s+$" takes seconds on 32 KB of spaces). */
#include "sandbox.h"

#include "lib.h"
#include "vm.h"

#include "base/utf8.h"

#include <lualib.h>
#include <string.h>

enum { PIECES_MAX = TABLE_ELEMENTS_MAX };

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* trim(s): without white space at both ends */
static int text_trim(lua_State *L)
{
    size_t len;
    const char *s = lib_text(L, "text.trim", 1, &len);
    while (len && is_space(s[len - 1]))
        len--;
    while (len && is_space(*s))
        s++, len--;
    lua_pushlstring(L, s, len);
    return 1;
}

/* trim_end(s [, bytes]): without any of `bytes` (default: white space) at the end */
static int text_trim_end(lua_State *L)
{
    size_t len, n;
    const char *s = lib_text(L, "text.trim_end", 1, &len);
    const char *bytes = " \t\n\v\f\r";
    if (lua_isnoneornil(L, 2))
        n = strlen(bytes);
    else
        bytes = lib_text(L, "text.trim_end", 2, &n);
    vm_charge(L, n / 8 * (len / 64)); /* each byte that goes is looked up */
    while (len && memchr(bytes, s[len - 1], n))
        len--;
    lua_pushlstring(L, s, len);
    return 1;
}

static int split(lua_State *L, const char *s, size_t len, const char *sep, size_t sep_len)
{
    lua_newtable(L);
    const char *end = s + len;
    for (lua_Integer i = 1;; i++) {
        if (i > PIECES_MAX)
            return luaL_error(L, "text.split: more than %d pieces", PIECES_MAX);
        const char *at = memmem(s, (size_t)(end - s), sep, sep_len);
        lua_pushlstring(L, s, (size_t)((at ? at : end) - s));
        lua_rawseti(L, -2, i);
        if (!at)
            return 1;
        s = at + sep_len;
    }
}

/* split(s, sep): the pieces between every `sep`, which is plain text; always one more than there are seps */
static int text_split(lua_State *L)
{
    size_t len, sep_len;
    const char *s = lib_text(L, "text.split", 1, &len);
    const char *sep = lib_text(L, "text.split", 2, &sep_len);
    if (!sep_len)
        return luaL_error(L, "text.split: argument 2 is empty");
    return split(L, s, len, sep, sep_len);
}

/* lines(s): its lines; a newline at the very end does not make one more */
static int text_lines(lua_State *L)
{
    size_t len;
    const char *s = lib_text(L, "text.lines", 1, &len);
    if (len && s[len - 1] == '\n')
        len--;
    return split(L, s, len, "\n", 1);
}

/* truncate(s, bytes [, marker]): s if it is that short, else its beginning, cut between characters, and the
 * marker, which counts among the bytes */
static int text_truncate(lua_State *L)
{
    size_t len, n;
    const char *s = lib_text(L, "text.truncate", 1, &len);
    lua_Integer max = lib_integer(L, "text.truncate", 2, 0, LUA_MAXINTEGER);
    const char *marker = "";
    n = 0;
    if (!lua_isnoneornil(L, 3))
        marker = lib_text(L, "text.truncate", 3, &n);
    if ((size_t)max < n)
        return luaL_error(L, "text.truncate: not even the marker fits into %I bytes", (LUAI_UACINT)max);
    if (len <= (size_t)max) {
        lua_settop(L, 1);
        return 1;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addlstring(&b, s, utf8_cut(s, len, (size_t)max - n));
    luaL_addlstring(&b, marker, n);
    luaL_pushresult(&b);
    return 1;
}

/* sorted(list): a new list in ascending order (texts by bytes); of texts only, or of numbers only */
static int text_sorted(lua_State *L)
{
    lua_Integer n = lib_list(L, "text.sorted", 1, TABLE_ELEMENTS_MAX);
    lua_settop(L, 1);
    size_t cost = 0;
    for (lua_Integer m = n; m > 1; m /= 2)
        cost += (size_t)n;
    vm_charge(L, cost);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, LUA_TABLIBNAME);
    lua_getfield(L, -1, "sort");
    lua_newtable(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, 1, i);
        lua_rawseti(L, -2, i);
    }
    lua_pushvalue(L, -1);
    lua_insert(L, -3);
    lua_call(L, 1, 0);
    return 1;
}

static const luaL_Reg functions[] = {
    {"lines", text_lines},       {"sorted", text_sorted},     {"split", text_split}, {"trim", text_trim},
    {"trim_end", text_trim_end}, {"truncate", text_truncate}, {NULL, NULL},
};

void sandbox_text(lua_State *L)
{
    lua_newtable(L);
    luaL_setfuncs(L, functions, 0);
    lib_text_add(L);
}

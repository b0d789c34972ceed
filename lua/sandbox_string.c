/* The string library as a policy sees it. */
#include "sandbox.h"

#include "vm.h"

#include <string.h>

static const char *const kept[] = {"byte", "char", "len", "pack", "packsize", "sub", "unpack", NULL};

static bool has_specials(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strchr("^$*+?.([%-", p[i]) && p[i]) /* the library treats a NUL as itself */
            return true;
    return false;
}

/* Backtracking takes n^k steps for k open items and never reaches the hook. */
static void check_subject(lua_State *L, const char *function, size_t len)
{
    if (len > PATTERN_SUBJECT_MAX)
        luaL_error(
            L, "string.%s: patterns work on at most %d bytes, this text has %d; use text.* or a plain find",
            function, PATTERN_SUBJECT_MAX, (int)len);
    vm_charge(L, len / 2);
}

/* Linear, unlike the library's. */
static int find_plain(lua_State *L, const char *s, size_t len, const char *p, size_t plen)
{
    lua_Integer init = luaL_optinteger(L, 3, 1);
    size_t from;
    if (init > 0)
        from = (size_t)init - 1;
    else
        from = init == 0 || init < -(lua_Integer)len ? 0 : len + (size_t)init;
    if (from > len) {
        lua_pushnil(L);
        return 1;
    }
    vm_charge(L, (len - from) / 32);
    const char *at = plen ? memmem(s + from, len - from, p, plen) : s + from;
    if (!at) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, at - s + 1);
    lua_pushinteger(L, at - s + (lua_Integer)plen);
    return 2;
}

static int string_find(lua_State *L)
{
    size_t len, plen;
    const char *s = luaL_checklstring(L, 1, &len);
    const char *p = luaL_checklstring(L, 2, &plen);
    if (lua_toboolean(L, 4) || !has_specials(p, plen))
        return find_plain(L, s, len, p, plen);
    check_subject(L, "find", len);
    return sandbox_call_original(L);
}

static int string_match(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    check_subject(L, "match", len);
    return sandbox_call_original(L);
}

static int string_gmatch(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    check_subject(L, "gmatch", len);
    return sandbox_call_original(L);
}

static int string_gsub(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    check_subject(L, "gsub", len);
    return sandbox_call_original(L);
}

static int string_rep(lua_State *L)
{
    size_t len, sep_len;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_Integer n = luaL_checkinteger(L, 2);
    const char *sep = luaL_optlstring(L, 3, "", &sep_len);
    if (n <= 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (n > REP_TIMES_MAX)
        return luaL_error(L, "string.rep: at most %d repetitions", REP_TIMES_MAX);
    if (len > REP_BYTES_MAX || sep_len > REP_BYTES_MAX || (len + sep_len) * (size_t)n > REP_BYTES_MAX)
        return luaL_error(L, "string.rep: the result may have at most %d bytes", REP_BYTES_MAX);
    vm_charge(L, (len + sep_len + 1) * (size_t)n / 8);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (lua_Integer i = 0; i < n; i++) {
        luaL_addlstring(&b, s, len);
        if (i + 1 < n)
            luaL_addlstring(&b, sep, sep_len);
    }
    luaL_pushresult(&b);
    return 1;
}

/* Shows tables and functions as tostring does here, and refuses %p. Everything else is the library's. */
static int string_format(lua_State *L)
{
    size_t len;
    const char *p = luaL_checklstring(L, 1, &len), *end = p + len;
    size_t bytes = len;
    for (int arg = 2; p < end; p++) {
        if (*p != '%')
            continue;
        if (++p < end && *p == '%')
            continue;
        while (p < end && *p && strchr("-+ #0123456789.", *p))
            p++;
        if (p == end)
            break;
        if (*p == 'p')
            return luaL_error(L, "string.format: %%p is not allowed in a policy");
        if (*p == 's' && arg <= lua_gettop(L)) {
            size_t n;
            sandbox_tostring(L, arg);
            lua_tolstring(L, -1, &n);
            bytes += n;
            lua_replace(L, arg);
        }
        arg++;
    }
    vm_charge(L, bytes / 8);
    return sandbox_call_original(L);
}

void sandbox_string(lua_State *L, int original)
{
    lua_newtable(L);
    sandbox_copy(L, original, kept);
    sandbox_wrap(L, original, "find", string_find);
    sandbox_wrap(L, original, "format", string_format);
    sandbox_wrap(L, original, "gmatch", string_gmatch);
    sandbox_wrap(L, original, "gsub", string_gsub);
    sandbox_wrap(L, original, "lower", NULL);
    sandbox_wrap(L, original, "match", string_match);
    sandbox_wrap(L, original, "rep", string_rep);
    sandbox_wrap(L, original, "reverse", NULL);
    sandbox_wrap(L, original, "upper", NULL);
}

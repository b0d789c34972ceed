/* The table library as a policy sees it: its loops run in C, where no instruction is counted, so they are
 * bounded, and those that change a table want one without a metatable (a length that lies makes them run for
 * ever). */
#include "sandbox.h"

#include "vm.h"

static const char *const kept[] = {"pack", NULL};

static lua_Unsigned check_range(lua_State *L, const char *function, lua_Integer i, lua_Integer j)
{
    if (i > j)
        return 0;
    lua_Unsigned n = (lua_Unsigned)j - (lua_Unsigned)i; /* one less than elements: that cannot overflow */
    if (n >= TABLE_ELEMENTS_MAX)
        luaL_error(L, "table.%s: at most %d elements", function, TABLE_ELEMENTS_MAX);
    vm_charge(L, n + 1);
    return n + 1;
}

/* Length of a table without a metatable. */
static lua_Unsigned check_plain(lua_State *L, const char *function)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_getmetatable(L, 1))
        luaL_error(L, "table.%s: the table must have no metatable", function);
    lua_Unsigned n = lua_rawlen(L, 1);
    if (n > TABLE_ELEMENTS_MAX)
        luaL_error(L, "table.%s: at most %d elements", function, TABLE_ELEMENTS_MAX);
    return n;
}

/* A table, or a read-only view that has a length. */
static void check_list(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TUSERDATA)
        luaL_checktype(L, 1, LUA_TTABLE);
}

static int table_concat(lua_State *L)
{
    check_list(L);
    lua_settop(L, 4);
    lua_Integer i = luaL_optinteger(L, 3, 1);
    lua_Integer j = lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
    lua_Unsigned n = check_range(L, "concat", i, j);
    if (n) {
        size_t sep = 0;
        luaL_optlstring(L, 2, "", &sep);
        vm_charge(L, sep / 8 * n);
    }
    lua_pushinteger(L, i);
    lua_replace(L, 3);
    lua_pushinteger(L, j); /* the length is asked for once: a second answer might differ */
    lua_replace(L, 4);
    return sandbox_call_original(L);
}

static int table_unpack(lua_State *L)
{
    check_list(L);
    lua_settop(L, 3);
    lua_Integer i = luaL_optinteger(L, 2, 1);
    lua_Integer j = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
    check_range(L, "unpack", i, j);
    lua_pushinteger(L, i);
    lua_replace(L, 2);
    lua_pushinteger(L, j);
    lua_replace(L, 3);
    return sandbox_call_original(L);
}

static int table_insert(lua_State *L)
{
    lua_Unsigned n = check_plain(L, "insert");
    if (lua_gettop(L) == 3)
        vm_charge(L, n / 4);
    return sandbox_call_original(L);
}

static int table_remove(lua_State *L)
{
    lua_Unsigned n = check_plain(L, "remove");
    if (lua_gettop(L) == 2)
        vm_charge(L, n / 4);
    return sandbox_call_original(L);
}

static int table_sort(lua_State *L)
{
    lua_Unsigned n = check_plain(L, "sort");
    size_t cost = 0;
    for (lua_Unsigned m = n; m > 1; m /= 2)
        cost += n;
    vm_charge(L, cost);
    return sandbox_call_original(L);
}

static int table_move(lua_State *L)
{
    check_range(L, "move", luaL_checkinteger(L, 2), luaL_checkinteger(L, 3));
    return sandbox_call_original(L);
}

void sandbox_table(lua_State *L, int original)
{
    lua_newtable(L);
    sandbox_copy(L, original, kept);
    sandbox_wrap(L, original, "concat", table_concat);
    sandbox_wrap(L, original, "insert", table_insert);
    sandbox_wrap(L, original, "move", table_move);
    sandbox_wrap(L, original, "remove", table_remove);
    sandbox_wrap(L, original, "sort", table_sort);
    sandbox_wrap(L, original, "unpack", table_unpack);
}

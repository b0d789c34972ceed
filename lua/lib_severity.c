/* `severity`: where an alert's label `severity` stands on a ladder, the worst first. */
#include "lib.h"

#include "vm.h"

#include <string.h>
#include <strings.h>

enum { ORDER_MAX = 64 };

static const char *const usual[] = {"critical", "page", "error", "warning", "info", "none"};
enum { USUAL = sizeof usual / sizeof *usual };

/* 1.. for the word's place in the order at stack index `arg` (nil: the usual one); 0: it has none. Letters
 * count alike in both cases. *n_r: how many places there are. */
static lua_Integer place(lua_State *L, const char *fn, int arg, const char *word, size_t len,
                         lua_Integer *n_r)
{
    lua_Integer found = 0;
    *n_r = USUAL;
    if (lua_isnoneornil(L, arg)) {
        for (lua_Integer i = USUAL; i >= 1; i--)
            if (strlen(usual[i - 1]) == len && strncasecmp(usual[i - 1], word, len) == 0)
                found = i;
        return found;
    }
    *n_r = lib_list(L, fn, arg, ORDER_MAX);
    for (lua_Integer i = *n_r; i >= 1; i--) {
        size_t n;
        const char *s = lib_list_text(L, fn, arg, i, &n);
        if (n == len && strncasecmp(s, word, len) == 0)
            found = i;
        lua_pop(L, 1);
    }
    return found;
}

static lua_Integer rank(lua_State *L, const char *fn, int order)
{
    lua_Integer n;
    const struct alert *a = lib_alert(L, fn, 1);
    struct span label = alert_label(a, "severity");
    struct buf *text = &vm_of(L)->scratch;
    buf_clear(text);
    buf_adds(text, "");
    if (!span_empty(label)) {
        vm_charge(L, (label.len & ~SPAN_ESCAPED) / 8);
        alert_text(a, label, text);
    }
    /* on the stack, for the order may be a table that calls Lua */
    lua_pushlstring(L, text->data, text->len);
    size_t len;
    const char *word = lua_tolstring(L, -1, &len);
    lua_Integer at = place(L, fn, order, word, len, &n);
    lua_pop(L, 1);
    return at ? at : n + 1;
}

static int severity_rank(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushinteger(L, rank(L, "severity.rank", 2));
    return 1;
}

static int severity_at_least(lua_State *L)
{
    static const char fn[] = "severity.at_least";
    size_t len;
    lua_Integer n;
    lua_settop(L, 3);
    lua_Integer own = rank(L, fn, 3);
    if (lua_type(L, 2) != LUA_TSTRING)
        return lib_wrong(L, fn, 2, "a severity such as \"warning\"");
    const char *least = lib_text(L, fn, 2, &len);
    lua_Integer at = place(L, fn, 3, least, len, &n);
    if (!at)
        return luaL_error(
            L,
            "%s: '%s' is not in the order (worst first: critical, page, error, warning, info, none, "
            "unless you give one)",
            fn, least);
    lua_pushboolean(L, own <= at);
    return 1;
}

const luaL_Reg lib_severity_functions[] = {
    {"at_least", severity_at_least}, {"rank", severity_rank}, {NULL, NULL}};

/* `hash`: numbers that depend on a text and nothing else; the same on every machine and in every version. */
#include "lib.h"

#include "vm.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { HEX = 32, IGNORED_MAX = 256 };

static void push_hex(lua_State *L, XXH128_hash_t h)
{
    static const char digits[] = "0123456789abcdef";
    XXH128_canonical_t bytes;
    char out[HEX];
    XXH128_canonicalFromHash(&bytes, h);
    for (int i = 0; i < HEX; i++)
        out[i] = digits[bytes.digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
    lua_pushlstring(L, out, HEX);
}

static int hash_hex(lua_State *L)
{
    size_t len;
    const char *s = lib_text(L, "hash.hex", 1, &len);
    push_hex(L, XXH3_128bits(s, len));
    return 1;
}

static int hash_bucket(lua_State *L)
{
    size_t len;
    const char *s = lib_text(L, "hash.bucket", 1, &len);
    lua_Integer n = lib_integer(L, "hash.bucket", 2, 1, LUA_MAXINTEGER);
    lua_pushinteger(L, (lua_Integer)(XXH3_64bits(s, len) % (uint64_t)n));
    return 1;
}

/* Pushes a table whose keys are the names to leave out. */
static void push_ignored(lua_State *L, const char *fn)
{
    size_t len;
    lua_newtable(L);
    int set = lua_gettop(L);
    if (lua_isnoneornil(L, 2))
        return;
    if (lua_type(L, 2) != LUA_TTABLE)
        lib_wrong(L, fn, 2, "a table such as {ignore = {\"pod\"}}");
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1))
        if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "ignore") != 0)
            luaL_error(L, "%s: the only option is ignore, a list of label names", fn);
    lua_getfield(L, 2, "ignore");
    if (!lua_isnil(L, -1)) {
        int list = lua_gettop(L);
        if (lua_type(L, list) != LUA_TTABLE)
            luaL_error(L, "%s: ignore must be a list of label names, got %s", fn, luaL_typename(L, list));
        lua_Integer n = lib_list(L, fn, list, IGNORED_MAX);
        for (lua_Integer i = 1; i <= n; i++) {
            if (lua_geti(L, list, i) != LUA_TSTRING)
                luaL_error(L, "%s: ignore must be a list of label names", fn);
            lua_tolstring(L, -1, &len);
            lua_pushboolean(L, 1);
            lua_rawset(L, set);
        }
    }
    lua_settop(L, set);
}

static int by_name(const void *x, const void *y, void *alert)
{
    return alert_span_compare(alert, ((const struct pair *)x)->name, ((const struct pair *)y)->name);
}

static int hash_fingerprint(lua_State *L)
{
    static const char fn[] = "hash.fingerprint";
    const struct alert *a = lib_alert(L, fn, 1);
    lua_settop(L, 2);
    push_ignored(L, fn);
    int set = lua_gettop(L);
    uint32_t n = a->index->n_labels;
    vm_charge(L, (size_t)n * 32);
    struct pair *labels = lua_newuserdatauv(L, (n ? n : 1) * sizeof *labels, 0);
    memcpy(labels, a->labels, n * sizeof *labels);
    qsort_r(labels, n, sizeof *labels, by_name, (void *)a);

    /* names and values, each ended by a byte that no text has */
    struct buf *text = &vm_of(L)->scratch;
    buf_clear(text);
    buf_adds(text, "");
    for (uint32_t i = 0; i < n; i++) {
        size_t start = text->len;
        alert_text(a, labels[i].name, text);
        lua_pushlstring(L, text->data + start, text->len - start);
        bool ignored = lua_rawget(L, set) != LUA_TNIL;
        lua_pop(L, 1);
        if (ignored) {
            text->len = start;
            continue;
        }
        buf_addc(text, (char)0xff);
        alert_text(a, labels[i].value, text);
        buf_addc(text, (char)0xff);
    }
    vm_charge(L, text->len / 8);
    push_hex(L, XXH3_128bits(text->data, text->len));
    return 1;
}

const luaL_Reg lib_hash_functions[] = {
    {"bucket", hash_bucket}, {"fingerprint", hash_fingerprint}, {"hex", hash_hex}, {NULL, NULL}};

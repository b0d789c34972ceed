/* `text`, continued: plain searching and changing, in linear time. Letters are those of ASCII; other bytes
 * stay. */
#include "lib.h"

#include "bind_alert.h"
#include "sandbox.h"
#include "vm.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}
static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* A result of `len` bytes; the VM's memory limit is what bounds it. */
static char *new_text(lua_State *L, luaL_Buffer *b, size_t len)
{
    return luaL_buffinitsize(L, b, len);
}

static int text_upper(lua_State *L)
{
    size_t len;
    luaL_Buffer b;
    const char *s = lib_text(L, "text.upper", 1, &len);
    char *out = new_text(L, &b, len);
    for (size_t i = 0; i < len; i++)
        out[i] = is_lower(s[i]) ? (char)(s[i] - 32) : s[i];
    luaL_pushresultsize(&b, len);
    return 1;
}

static int text_lower(lua_State *L)
{
    size_t len;
    luaL_Buffer b;
    const char *s = lib_text(L, "text.lower", 1, &len);
    char *out = new_text(L, &b, len);
    for (size_t i = 0; i < len; i++)
        out[i] = is_upper(s[i]) ? (char)(s[i] + 32) : s[i];
    luaL_pushresultsize(&b, len);
    return 1;
}

/* "high error-rate" -> "High Error-Rate"; what follows a word's first byte stays. */
static int text_title(lua_State *L)
{
    size_t len;
    luaL_Buffer b;
    const char *s = lib_text(L, "text.title", 1, &len);
    char *out = new_text(L, &b, len);
    bool inside = false;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        out[i] = !inside && is_lower(c) ? (char)(c - 32) : c;
        inside =
            is_lower(c) || is_upper(c) || (c >= '0' && c <= '9') || c == '\'' || (unsigned char)c >= 0x80;
    }
    luaL_pushresultsize(&b, len);
    return 1;
}

static int text_starts_with(lua_State *L)
{
    size_t len, n;
    const char *s = lib_text(L, "text.starts_with", 1, &len), *part = lib_text(L, "text.starts_with", 2, &n);
    lua_pushboolean(L, n <= len && memcmp(s, part, n) == 0);
    return 1;
}

static int text_ends_with(lua_State *L)
{
    size_t len, n;
    const char *s = lib_text(L, "text.ends_with", 1, &len), *part = lib_text(L, "text.ends_with", 2, &n);
    lua_pushboolean(L, n <= len && memcmp(s + len - n, part, n) == 0);
    return 1;
}

static int text_contains(lua_State *L)
{
    size_t len, n;
    const char *s = lib_text(L, "text.contains", 1, &len), *part = lib_text(L, "text.contains", 2, &n);
    lua_pushboolean(L, n == 0 || memmem(s, len, part, n) != NULL);
    return 1;
}

static int text_replace(lua_State *L)
{
    static const char fn[] = "text.replace";
    size_t len, n, m, total = 0;
    const char *s = lib_text(L, fn, 1, &len), *from = lib_text(L, fn, 2, &n), *to = lib_text(L, fn, 3, &m);
    const char *end = s + len, *at;
    luaL_Buffer b;
    if (n == 0)
        return luaL_error(L, "%s: argument 2 is empty", fn);
    luaL_buffinit(L, &b);
    for (; (at = memmem(s, (size_t)(end - s), from, n)); s = at + n) {
        total += (size_t)(at - s) + m;
        if (total > REP_BYTES_MAX)
            return luaL_error(L, "%s: the result may have at most %d bytes", fn, REP_BYTES_MAX);
        luaL_addlstring(&b, s, (size_t)(at - s));
        luaL_addlstring(&b, to, m);
    }
    luaL_addlstring(&b, s, (size_t)(end - s));
    luaL_pushresult(&b);
    vm_charge(L, total / 8);
    return 1;
}

const luaL_Reg lib_text_functions[] = {{"contains", text_contains},
                                       {"ends_with", text_ends_with},
                                       {"fence", text_fence},
                                       {"lower", text_lower},
                                       {"redact", text_redact},
                                       {"replace", text_replace},
                                       {"starts_with", text_starts_with},
                                       {"title", text_title},
                                       {"upper", text_upper},
                                       {NULL, NULL}};

/* For the helpers in Lua */

/* quote(s): s as a JSON string; what is not UTF-8 becomes U+FFFD. */
static int internal_quote(lua_State *L)
{
    size_t len;
    const char *s = lib_text(L, "text.json", 1, &len);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addchar(&b, '"');
    for (size_t i = 0; i < len;) {
        char escaped[8];
        size_t n = utf8_len(s + i, len - i);
        unsigned char c = (unsigned char)s[i];
        if (n == 0) {
            luaL_addlstring(&b, "\xef\xbf\xbd", 3);
            n = 1;
        } else if (c == '"' || c == '\\') {
            luaL_addchar(&b, '\\');
            luaL_addchar(&b, (char)c);
        } else if (c == '\n') {
            luaL_addlstring(&b, "\\n", 2);
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
            luaL_addstring(&b, escaped);
        } else {
            luaL_addlstring(&b, s + i, n);
        }
        i += n;
    }
    luaL_addchar(&b, '"');
    luaL_pushresult(&b);
    return 1;
}

/* number(n): as JSON has it, the shortest that reads back the same */
static int internal_number(lua_State *L)
{
    char out[40];
    if (lua_isinteger(L, 1)) {
        lua_pushvalue(L, 1);
        luaL_tolstring(L, -1, NULL);
        return 1;
    }
    lua_Number n = lib_number(L, "text.json", 1);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, sizeof out, "%.*g", digits, n);
        if (lua_stringtonumber(L, out) && lua_tonumber(L, -1) == n)
            break;
    }
    lua_pushstring(L, out);
    return 1;
}

/* moment(t): "2026-03-07T10:00:00Z" */
static int internal_moment(lua_State *L)
{
    char out[LIB_MOMENT_TEXT];
    lib_format_moment(lib_number(L, "report", 1), out);
    lua_pushstring(L, out);
    return 1;
}

/* width(s): how many characters */
static int internal_width(lua_State *L)
{
    size_t len;
    lua_Integer n = 0;
    const char *s = lib_text(L, "text.table", 1, &len);
    for (size_t i = 0; i < len; n++) {
        size_t step = utf8_len(s + i, len - i);
        i += step ? step : 1;
    }
    lua_pushinteger(L, n);
    return 1;
}

/* is_alert(v) */
static int internal_is_alert(lua_State *L)
{
    lua_pushboolean(L, bind_alert_test(L, 1) != NULL);
    return 1;
}

const luaL_Reg lib_internal_functions[] = {{"is_alert", internal_is_alert}, {"moment", internal_moment},
                                           {"number", internal_number},     {"quote", internal_quote},
                                           {"width", internal_width},       {NULL, NULL}};

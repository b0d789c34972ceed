/* Runs the Go template engine on recorded cases and compares with what Go did.

       go-template-vectors FILE

   FILE holds {"sets": {name: data}, "cases": [{"name", "text", "data", "want"} or {..., "error", "stage"}]};
   a text that is no UTF-8 stands in "text_hex", "want_hex", "error_hex" instead. Prints a line for each case
   that differs, and last the sum: "N passed, N failed". Exit 0 all passed, 1 some failed, 2 wrong usage or file.

   The engine runs with the globals that a policy's VM has and no others; asking for another fails the case. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <lauxlib.h>
#include <lualib.h>

#include "lua/gotemplate.h"

/* cJSON keeps a number as a double, which loses its spelling: 9223372036854775807, and 1.0 against 1. So
   before parsing, every number N becomes the object {"\u0001": "N"}. */
#define NUMBER_KEY "\x01"
#define NUMBER_OPEN "{\"\\u0001\":\""
#define NUMBER_CLOSE "\"}"

/* It also ends strings at \u0000, so that becomes a code point that is no character, and is put back later. */
#define NUL_ESCAPE "\\u0000"
#define NUL_STANDIN_ESCAPE "\\ufdd0"
#define NUL_STANDIN "\xef\xb7\x90"

static const char *const allowed[] = {
    "assert", "error", "ipairs", "next", "pairs", "pcall", "select", "tonumber", "tostring", "type",
    "setmetatable", "getmetatable", "string", "table", "math", "utf8",
};

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t n = 0, cap = 1 << 16;
    char *s = malloc(cap);
    for (size_t got; s && (got = fread(s + n, 1, cap - n - 1, f)) > 0;) {
        n += got;
        if (cap - n < 2)
            s = realloc(s, cap *= 2);
    }
    int bad = ferror(f);
    fclose(f);
    if (!s || bad) {
        free(s);
        return NULL;
    }
    s[n] = '\0';
    return s;
}

/* The JSON with its numbers spelled as objects and its NULs as stand-ins. The caller frees it. */
static char *spell_out(const char *in)
{
    size_t numbers = 0;
    for (const char *p = in; *p; p++)
        numbers += *p >= '0' && *p <= '9';
    char *out = malloc(strlen(in) + numbers * (sizeof NUMBER_OPEN + sizeof NUMBER_CLOSE) + 1), *o = out;
    if (!out)
        return NULL;
    for (const char *p = in; *p;) {
        if (*p == '"') {
            do {
                if (strncmp(p, NUL_ESCAPE, strlen(NUL_ESCAPE)) == 0) {
                    o = stpcpy(o, NUL_STANDIN_ESCAPE);
                    p += strlen(NUL_ESCAPE);
                    continue;
                }
                if (*p == '\\' && p[1])
                    *o++ = *p++;
                *o++ = *p++;
            } while (*p && *p != '"');
            if (*p)
                *o++ = *p++;
        } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
            size_t n = strspn(p, "+-.0123456789eE");
            o += sprintf(o, "%s%.*s%s", NUMBER_OPEN, (int)n, p, NUMBER_CLOSE);
            p += n;
        } else {
            *o++ = *p++;
        }
    }
    *o = '\0';
    return out;
}

/* Pushes a string of the document. */
static void push_string(lua_State *L, const char *s)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (const char *nul; (nul = strstr(s, NUL_STANDIN)); s = nul + strlen(NUL_STANDIN)) {
        luaL_addlstring(&b, s, (size_t)(nul - s));
        luaL_addchar(&b, '\0');
    }
    luaL_addstring(&b, s);
    luaL_pushresult(&b);
}

/* Calls module.value[constructor](table on top) and leaves the result in its place. */
static void construct(lua_State *L, int values, const char *constructor, lua_Integer n)
{
    lua_getfield(L, values, constructor);
    lua_insert(L, -2);
    lua_pushinteger(L, n);
    lua_call(L, 2, 1);
}

/* Pushes a document as the engine's data; values: the index of gotemplate.value. */
static void push_data(lua_State *L, int values, const cJSON *j)
{
    luaL_checkstack(L, 8, "data");
    if (j->child && j->child->string && strcmp(j->child->string, NUMBER_KEY) == 0) {
        const char *s = j->child->valuestring;
        if (strpbrk(s, ".eE"))
            lua_pushnumber(L, strtod(s, NULL));
        else
            lua_pushinteger(L, strtoll(s, NULL, 10));
    } else if (cJSON_IsString(j)) {
        push_string(L, j->valuestring);
    } else if (cJSON_IsBool(j)) {
        lua_pushboolean(L, cJSON_IsTrue(j));
    } else if (cJSON_IsObject(j)) {
        lua_newtable(L);
        for (const cJSON *c = j->child; c; c = c->next) {
            push_string(L, c->string);
            push_data(L, values, c);
            lua_settable(L, -3);
        }
        construct(L, values, "map", 0);
    } else if (cJSON_IsArray(j)) {
        lua_Integer n = 0;
        lua_newtable(L);
        for (const cJSON *c = j->child; c; c = c->next) {
            push_data(L, values, c);
            lua_seti(L, -2, ++n);
        }
        construct(L, values, "list", n);
    } else {
        lua_getfield(L, values, "null");
    }
}

/* Pushes the string `name` of a case, or its hex form; false when the case has neither. */
static int push_text(lua_State *L, const cJSON *c, const char *name)
{
    char hex_name[32];
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(c, name);
    if (cJSON_IsString(j)) {
        push_string(L, j->valuestring);
        return 1;
    }
    snprintf(hex_name, sizeof hex_name, "%s_hex", name);
    j = cJSON_GetObjectItemCaseSensitive(c, hex_name);
    if (!cJSON_IsString(j))
        return 0;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    unsigned byte;
    for (const char *h = j->valuestring; sscanf(h, "%2x", &byte) == 1; h += 2)
        luaL_addchar(&b, (char)byte);
    luaL_pushresult(&b);
    return 1;
}

/* Prints a string on one line. */
static void print_line(lua_State *L, const char *label, int i)
{
    size_t n;
    const char *s = luaL_tolstring(L, i, &n);
    printf("  %s: ", label);
    for (size_t k = 0; k < n; k++) {
        unsigned char b = (unsigned char)s[k];
        if (b == '\n')
            fputs("\\n", stdout);
        else if (b < 0x20 || b == 0x7f)
            printf("\\x%02x", b);
        else
            putchar(b);
    }
    putchar('\n');
    lua_pop(L, 1);
}

/* One case; arguments gotemplate, the case and the sets as light userdata. Returns whether it passed. */
static int run_case(lua_State *L)
{
    const cJSON *c = lua_touserdata(L, 2), *sets = lua_touserdata(L, 3);
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(c, "name");
    const cJSON *set = cJSON_GetObjectItemCaseSensitive(c, "data");
    const cJSON *stage = cJSON_GetObjectItemCaseSensitive(c, "stage");
    const cJSON *data = cJSON_IsString(set) ? cJSON_GetObjectItemCaseSensitive(sets, set->valuestring) : NULL;
    if (!cJSON_IsString(name) || !data)
        return luaL_error(L, "a case without name or data");
    if (!push_text(L, c, "text"))
        return luaL_error(L, "case %s has no text", name->valuestring);
    int text = lua_gettop(L);
    int want_error = !push_text(L, c, "want");
    if (want_error && !push_text(L, c, "error"))
        return luaL_error(L, "case %s has neither want nor error", name->valuestring);
    int want = lua_gettop(L);

    const char *got_stage = "parse";
    lua_getfield(L, 1, "parse");
    lua_pushliteral(L, "prompt");
    lua_pushvalue(L, text);
    lua_call(L, 2, 2);
    if (lua_toboolean(L, -2)) {
        got_stage = "exec";
        lua_pop(L, 1);
        lua_getfield(L, 1, "value");
        int values = lua_gettop(L);
        lua_getfield(L, 1, "execute");
        lua_pushvalue(L, values - 1);
        push_data(L, values, data);
        lua_call(L, 2, 2);
    }
    int got_error = lua_isnil(L, -2);
    int got = lua_gettop(L) - !got_error;
    int passed = got_error == want_error && lua_rawequal(L, got, want) &&
        (!want_error || !cJSON_IsString(stage) || strcmp(stage->valuestring, got_stage) == 0);
    if (!passed) {
        printf("FAIL %s (%s)\n", name->valuestring, got_error ? got_stage : "output");
        print_line(L, "text", text);
        print_line(L, want_error ? "want error" : "want", want);
        print_line(L, got_error ? "got error" : "got", got);
    }
    lua_pushboolean(L, passed);
    return 1;
}

static int on_unknown_global(lua_State *L)
{
    return luaL_error(L, "the engine asked for the global %s", luaL_tolstring(L, 2, NULL));
}

/* Opens the engine in a state whose globals are the allowed ones; pushes the module. */
static int open_confined(lua_State *L)
{
    luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        lua_getglobal(L, allowed[i]);
        lua_setfield(L, -2, allowed[i]);
    }
    lua_newtable(L);
    lua_pushcfunction(L, on_unknown_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_seti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    return gotemplate_open(L);
}

static int run_all(const cJSON *file)
{
    const cJSON *sets = cJSON_GetObjectItemCaseSensitive(file, "sets"), *c;
    const cJSON *cases = cJSON_GetObjectItemCaseSensitive(file, "cases");
    if (!cJSON_IsObject(sets) || !cJSON_IsArray(cases)) {
        fprintf(stderr, "go-template-vectors: the file has no sets or no cases\n");
        return 2;
    }
    lua_State *L = luaL_newstate();
    if (!L)
        abort();
    lua_pushcfunction(L, open_confined);
    if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
        fprintf(stderr, "go-template-vectors: %s\n", lua_tostring(L, -1));
        lua_close(L);
        return 2;
    }
    int passed = 0, failed = 0;
    cJSON_ArrayForEach(c, cases) {
        lua_settop(L, 1);
        lua_pushcfunction(L, run_case);
        lua_pushvalue(L, 1);
        lua_pushlightuserdata(L, (void *)(uintptr_t)c);
        lua_pushlightuserdata(L, (void *)(uintptr_t)sets);
        int rc = lua_pcall(L, 3, 1, 0);
        if (rc != LUA_OK) {
            const cJSON *name = cJSON_GetObjectItemCaseSensitive(c, "name");
            const char *label = cJSON_IsString(name) ? name->valuestring : "?";
            printf("FAIL %s: %s\n", label, luaL_tolstring(L, -1, NULL));
        }
        if (rc == LUA_OK && lua_toboolean(L, -1))
            passed++;
        else
            failed++;
    }
    lua_close(L);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: go-template-vectors FILE\n");
        return 2;
    }
    char *text = read_file(argv[1]);
    if (!text) {
        fprintf(stderr, "go-template-vectors: cannot read %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    if (strstr(text, NUL_STANDIN) || strcasestr(text, NUL_STANDIN_ESCAPE)) {
        fprintf(stderr, "go-template-vectors: %s holds U+FDD0, which stands for NUL here\n", argv[1]);
        free(text);
        return 2;
    }
    char *spelled = spell_out(text);
    cJSON *file = spelled ? cJSON_Parse(spelled) : NULL;
    free(spelled);
    free(text);
    if (!file) {
        fprintf(stderr, "go-template-vectors: %s is no JSON\n", argv[1]);
        return 2;
    }
    int rc = run_all(file);
    cJSON_Delete(file);
    return rc;
}

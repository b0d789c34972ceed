#include "lib_rig.h"

#include "bind_alert.h"
#include "sandbox.h"
#include "zones.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define TESTDATA "lua/testdata/"

static struct zone zones_here[] = {
    {"Europe/Rome", NULL, 0},         {"America/New_York", NULL, 0},
    {"Australia/Lord_Howe", NULL, 0}, {"Asia/Kathmandu", NULL, 0},
    {"Africa/Casablanca", NULL, 0},   {"Pacific/Apia", NULL, 0},
    {"Nowhere/Nothing", NULL, 0},     {"Broken/Bytes", "TZif2 and no more", 17},
};
static struct zones zones = {zones_here, sizeof zones_here / sizeof *zones_here};

static char *read_file(const char *path, size_t *len_r)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    struct buf b = {0};
    char piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        buf_add(&b, piece, n);
    fclose(f);
    *len_r = b.len;
    return buf_take(&b);
}

static void load_zones(void)
{
    static bool loaded;
    for (size_t i = 0; i < zones.n && !loaded; i++) {
        char path[256];
        snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zones_here[i].name);
        if (!zones_here[i].tzif)
            zones_here[i].tzif = read_file(path, &zones_here[i].len);
    }
    loaded = true;
}

static uint64_t total;

struct vm *rig_vm_create(void)
{
    const struct vm_limits limits = {.memory = 64 << 20,
                                     .call_instructions = 400000000,
                                     .total_instructions = UINT64_MAX,
                                     .total_used = &total};
    load_zones();
    struct vm *vm = vm_create(&limits, NULL);
    assert_non_null(vm);
    vm->zones = &zones;
    return vm;
}

/* The alerts of one VM stay until it is freed. */
static struct made {
    struct alert alert;
    struct buf index;
    char *json;
} * made[4096];
static size_t n_made;

void rig_vm_free(struct vm **vm)
{
    vm_free(vm);
    while (n_made) {
        struct made *m = made[--n_made];
        buf_free(&m->index);
        free(m->json);
        free(m);
    }
}

static int make_alert(lua_State *L)
{
    size_t len;
    struct err e;
    const char *json = luaL_checklstring(L, 1, &len);
    if (n_made == sizeof made / sizeof *made)
        return luaL_error(L, "alert: too many");
    struct made *m = made[n_made++] = xcalloc(1, sizeof *m);
    m->json = xstrndup(json, len);
    if (alert_index(m->json, len, &m->index, &e) != ALERT_OK)
        return luaL_error(L, "alert: %s", e.msg);
    alert_view(&m->alert, m->json, m->index.data);
    bind_alert_push(L, &m->alert);
    return 1;
}

static void push_field(lua_State *L, const char *s, size_t len)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < len; i++) {
        char hex[3] = {0};
        if (s[i] != '\\' || i + 1 == len) {
            luaL_addchar(&b, s[i]);
            continue;
        }
        switch (s[++i]) {
        case 't':
            luaL_addchar(&b, '\t');
            break;
        case 'n':
            luaL_addchar(&b, '\n');
            break;
        case 'x':
            memcpy(hex, s + i + 1, 2);
            luaL_addchar(&b, (char)strtol(hex, NULL, 16));
            i += 2;
            break;
        default:
            luaL_addchar(&b, s[i]);
        }
    }
    luaL_pushresult(&b);
}

static int rows(lua_State *L)
{
    char path[256];
    size_t len;
    snprintf(path, sizeof path, "%s%s", TESTDATA, luaL_checkstring(L, 1));
    char *text = read_file(path, &len);
    if (!text)
        return luaL_error(L, "rows: there is no %s", path);
    lua_newtable(L);
    lua_Integer n = 0;
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchrnul(line, '\n');
        char *stop = end;
        if (strncmp(line, "# ", 2) != 0 && stop > line) {
            lua_newtable(L);
            lua_Integer fields = 0;
            for (char *field = line;; field++) {
                char *tab = memchr(field, '\t', (size_t)(stop - field));
                push_field(L, field, (size_t)((tab ? tab : stop) - field));
                lua_rawseti(L, -2, ++fields);
                if (!tab)
                    break;
                field = tab;
            }
            lua_rawseti(L, -2, ++n);
        }
        if (!*end)
            break;
    }
    free(text);
    return 1;
}

static int show(lua_State *L)
{
    fprintf(stderr, "%s\n", luaL_checkstring(L, 1));
    return 0;
}

static const char kit[] =
    "function text_of(v)\n"
    "  if type(v) == 'string' then return string.format('%q', text.truncate(v, 4000, '...')) end\n"
    "  if type(v) == 'table' then local ok, s = pcall(text.json, v) return ok and s or 'a table' end\n"
    "  return tostring(v)\n"
    "end\n"
    "function equal(got, want, what)\n"
    "  if got ~= want or math.type(got) ~= math.type(want) then\n"
    "    error(string.format('%s: want %s, got %s', what or 'equal', text_of(want), text_of(got)), 2)\n"
    "  end\n"
    "end\n"
    "function fails(part, f, ...)\n"
    "  local ok, message = pcall(f, ...)\n"
    "  if ok then error('it did not fail; want: ' .. part .. ', got ' .. text_of(message), 2) end\n"
    "  if type(message) ~= 'string' or not string.find(message, part, 1, true) then\n"
    "    error(string.format('want an error with %q, got %s', part, text_of(message)), 2)\n"
    "  end\n"
    "end\n";

struct chunk {
    const char *name, *source;
    size_t len;
};

static int run(lua_State *L)
{
    const struct chunk *c = vm_arg(L);
    char chunk_name[128];
    snprintf(chunk_name, sizeof chunk_name, "@%s", c->name);
    sandbox_open(L);
    bind_alert_open(L);
    sandbox_push_env(L, 0);
    lua_pushcfunction(L, make_alert);
    lua_setfield(L, -2, "alert");
    lua_pushcfunction(L, rows);
    lua_setfield(L, -2, "rows");
    lua_pushcfunction(L, show);
    lua_setfield(L, -2, "show");
    lua_pushvalue(L, -1);
    sandbox_load(L, kit, sizeof kit - 1, "=(kit)");
    lua_call(L, 0, 0);
    sandbox_load(L, c->source, c->len, chunk_name);
    lua_call(L, 0, 0);
    return 0;
}

bool rig_run(struct vm *vm, const char *name, const char *source, size_t len)
{
    struct chunk c = {name, source, len};
    return vm_call(vm, run, &c) == VM_OK;
}

void rig_run_file(const char *name)
{
    char path[256];
    size_t len = 0;
    snprintf(path, sizeof path, "%s%s", TESTDATA, name);
    char *source = read_file(path, &len);
    if (!source)
        fail_msg("there is no %s", path);
    struct vm *vm = rig_vm_create();
    bool ok = rig_run(vm, name, source, len);
    free(source);
    if (!ok)
        print_error("%s: %s\n", vm->place, vm->message.data);
    rig_vm_free(&vm);
    assert_true(ok);
}

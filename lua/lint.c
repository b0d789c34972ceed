#include "lint.h"

#include "matcher.h"
#include "sandbox.h"
#include "vm.h"
#include "zones.h"

#include "base/embed.h"
#include "base/mem.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct embed_file lint_prelude[];

struct lint {
    struct vm *vm; /* NULL: there was no memory, or it has failed and is made anew */
    int lint_ref, options_ref, rules_ref;
    uint64_t spent;
    volatile struct black_box *box;
    char **labels;
    size_t n_labels;
    struct buf sentence;
};

/* Opening */

/* matcher(text): nil, or what is wrong with it. */
static int check_matcher(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    struct err e;
    vm_charge(L, 1000 + len * 10); /* a regular expression may be compiled */
    struct matcher *m = matcher_parse(text, len, &e);
    if (m) {
        matcher_free(&m);
        return 0;
    }
    lua_pushstring(L, e.msg);
    return 1;
}

/* syntax(source): nil, or line and sentence as Lua says them. */
static int check_syntax(lua_State *L)
{
    static const char prefix[] = "(lint):";
    size_t len;
    const char *source = luaL_checklstring(L, 1, &len);
    vm_charge(L, len);
    int status = luaL_loadbufferx(L, source, len, "=(lint)", "t");
    if (status == LUA_OK)
        return 0;
    vm_rethrow(L, status);
    const char *message = lua_tostring(L, -1);
    lua_Integer line = 1;
    if (strncmp(message, prefix, sizeof prefix - 1) == 0) {
        char *end;
        line = strtol(message + sizeof prefix - 1, &end, 10);
        message = *end == ':' && end[1] == ' ' ? end + 2 : end;
    }
    lua_pushinteger(L, line);
    lua_pushstring(L, message);
    return 2;
}

/* zone(name): nil, or what is wrong with it. */
static int check_zone(lua_State *L)
{
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    if (zone_name_legal(name, len))
        return 0;
    struct buf shown = {0};
    text_clean(&shown, name, len, ZONE_NAME_MAX);
    lua_pushfstring(L, "'%s' is no name of a time zone, such as \"Europe/Rome\"", shown.data);
    buf_free(&shown);
    return 1;
}

/* The environment of a policy, as policies get it. */
static void push_policy_env(lua_State *L)
{
    static const char *const of_policy[] = {"base", "extend", NULL};
    sandbox_push_env(L, 0);
    lua_newtable(L);
    for (const char *const *name = of_policy; *name; name++) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, *name);
    }
    lua_setfield(L, -2, "policy");
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "include");
}

/* The trusted environment, with the string library as it is: sources are longer than the texts on which a policy may
 * use patterns, and the patterns here are anchored. */
static void push_own_env(lua_State *L)
{
    sandbox_push_env(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, LUA_STRLIBNAME);
    lua_setfield(L, -3, LUA_STRLIBNAME);
    lua_pop(L, 1);
}

/* Files what a chunk returns under its name without ".lua" in the table of modules, at stack index 1. */
static void load_chunk(lua_State *L, const struct embed_file *f)
{
    char chunk[96], module[96];
    snprintf(chunk, sizeof chunk, "=prelude/%s", f->name);
    snprintf(module, sizeof module, "%.*s", (int)strcspn(f->name, "."), f->name);
    push_own_env(L);
    sandbox_load(L, f->start, (size_t)(f->end - f->start), chunk);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    lua_setfield(L, 1, module);
}

static void set_labels(lua_State *L, const struct lint *l)
{
    lua_createtable(L, (int)l->n_labels, 0);
    for (size_t i = 0; i < l->n_labels; i++) {
        lua_pushstring(L, l->labels[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "labels");
}

static int open_lint(lua_State *L)
{
    struct lint *l = vm_arg(L);
    sandbox_open(L);
    lua_settop(L, 0);
    lua_newtable(L);
    for (const struct embed_file *f = lint_prelude; f->name; f++)
        load_chunk(L, f);
    lua_getfield(L, 1, "lint");
    l->lint_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, 1, "lint_rules");
    l->rules_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, 1, "lint_options");
    push_policy_env(L);
    lua_pushcfunction(L, check_matcher);
    lua_pushcfunction(L, check_zone);
    lua_pushcfunction(L, check_syntax);
    lua_call(L, 4, 1);
    if (l->n_labels)
        set_labels(L, l);
    l->options_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static bool ensure_open(struct lint *l)
{
    struct vm_limits limits = {.memory = LINT_MEMORY,
                               .call_instructions = LINT_INSTRUCTIONS,
                               .total_instructions = UINT64_MAX,
                               .total_used = &l->spent};
    if (l->vm)
        return true;
    l->vm = vm_create(&limits, l->box);
    if (l->vm && vm_call(l->vm, open_lint, l) != VM_OK) {
        fprintf(stderr, "lint: %s\n", l->vm->message.data); /* only memory can be short here */
        vm_free(&l->vm);
    }
    return l->vm != NULL;
}

struct lint *lint_open(volatile struct black_box *box)
{
    struct lint *l = xcalloc(1, sizeof *l);
    l->box = box;
    return l;
}

static void free_labels(struct lint *l)
{
    for (size_t i = 0; i < l->n_labels; i++)
        free(l->labels[i]);
    free(l->labels);
    l->labels = NULL;
    l->n_labels = 0;
}

void lint_free(struct lint **l)
{
    if (!*l)
        return;
    vm_free(&(*l)->vm);
    free_labels(*l);
    buf_free(&(*l)->sentence);
    free(*l);
    *l = NULL;
}

void lint_set_labels(struct lint *l, const char *const *names, size_t n)
{
    free_labels(l);
    l->labels = xcalloc(n ? n : 1, sizeof *l->labels);
    for (size_t i = 0; i < n; i++)
        l->labels[i] = xstrdup(names[i]);
    l->n_labels = n;
    vm_free(&l->vm);
}

/* Running */

struct look {
    struct lint *l;
    const char *source, *file;
    size_t len;
    lint_on_finding *on_finding;
    void *arg;
    size_t errors;
    bool bare; /* without options, so that only our own parser speaks */
};

/* Hands on the finding at the top of the stack. */
static void take_finding(lua_State *L, struct look *k)
{
    size_t len;
    struct lint_finding f;
    lua_getfield(L, -1, "line");
    f.line = (unsigned)lua_tointeger(L, -1);
    lua_getfield(L, -2, "kind");
    f.error = strcmp(luaL_checkstring(L, -1), "error") == 0;
    lua_getfield(L, -3, "code");
    f.code = luaL_checkstring(L, -1);
    lua_getfield(L, -4, "sentence");
    const char *sentence = luaL_checklstring(L, -1, &len);
    buf_clear(&k->l->sentence);
    text_clean(&k->l->sentence, sentence, len, WIRE_TEXT_SHOWN);
    f.sentence = k->l->sentence.data;
    k->errors += f.error;
    k->on_finding(k->arg, &f);
    lua_pop(L, 4);
}

static int run(lua_State *L)
{
    struct look *k = vm_arg(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->l->lint_ref);
    lua_pushlstring(L, k->source, k->len);
    lua_pushstring(L, k->file);
    if (k->bare)
        lua_newtable(L);
    else
        lua_rawgeti(L, LUA_REGISTRYINDEX, k->l->options_ref);
    lua_call(L, 3, 1);
    lua_Integer n = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        take_finding(L, k);
        lua_pop(L, 1);
    }
    return 0;
}

static const char unable[] = "the lint could not look through this file";

static void not_looked_at(struct look *k, const char *why)
{
    struct buf *b = &k->l->sentence;
    buf_clear(b);
    buf_addf(b, "%s: %s", unable, why);
    struct lint_finding f = {.line = 1, .code = "not_looked_at", .sentence = b->data};
    k->on_finding(k->arg, &f);
}

static size_t look_through(struct look *k)
{
    if (k->len > WIRE_SOURCE_MAX) {
        not_looked_at(k, "it is larger than 64 KiB");
    } else if (!ensure_open(k->l)) {
        not_looked_at(k, "there is no memory for it");
    } else if (vm_call(k->l->vm, run, k) != VM_OK) {
        not_looked_at(k, k->l->vm->message.data);
        vm_free(&k->l->vm); /* the next file finds a fresh one */
    }
    return k->errors;
}

size_t lint_run(struct lint *l, const char *source, size_t len, const char *file, lint_on_finding *on_finding,
                void *arg)
{
    struct look k = {.l = l, .source = source, .file = file, .len = len, .on_finding = on_finding, .arg = arg};
    return look_through(&k);
}

static void on_syntax(void *arg, const struct lint_finding *f)
{
    struct buf *refusal = arg;
    if (strcmp(f->code, "syntax") == 0 || strncmp(f->sentence, unable, sizeof unable - 1) == 0) {
        buf_clear(refusal);
        buf_addf(refusal, "%u: %s", f->line, f->sentence);
    }
}

bool lint_reads(struct lint *l, const char *source, size_t len, struct buf *refusal)
{
    struct look k = {.l = l, .source = source, .file = "x.lua", .len = len, .on_finding = on_syntax,
                     .arg = refusal, .bare = true};
    buf_clear(refusal);
    look_through(&k);
    return refusal->len == 0;
}

/* What it knows */

struct rules_walk {
    struct lint *l;
    lint_on_rule *on_rule;
    void *arg;
    const char *global;
    bool found;
};

static int each_rule(lua_State *L)
{
    struct rules_walk *w = vm_arg(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->l->rules_ref);
    lua_getfield(L, -1, "list");
    lua_Integer n = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        for (int j = 1; j <= 3; j++)
            lua_rawgeti(L, -j, j);
        w->on_rule(w->arg, luaL_checkstring(L, -3), strcmp(luaL_checkstring(L, -2), "error") == 0,
                   luaL_checkstring(L, -1));
        lua_pop(L, 4);
    }
    return 0;
}

void lint_each_rule(struct lint *l, lint_on_rule *on_rule, void *arg)
{
    struct rules_walk w = {.l = l, .on_rule = on_rule, .arg = arg};
    if (ensure_open(l))
        vm_call(l->vm, each_rule, &w);
}

static int look_up_global(lua_State *L)
{
    struct rules_walk *w = vm_arg(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->l->options_ref);
    lua_getfield(L, -1, "globals");
    w->found = lua_getfield(L, -1, w->global) != LUA_TNIL;
    return 0;
}

bool lint_knows_global(struct lint *l, const char *name)
{
    struct rules_walk w = {.l = l, .global = name};
    if (ensure_open(l))
        vm_call(l->vm, look_up_global, &w);
    return w.found;
}

/* Loading: a file's top level is run, and what it returned is checked (prelude/check.lua) and taken. */
#include "bind_ctx.h"
#include "policy_internal.h"
#include "sandbox.h"

#include "embedded.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)MATCHER_TEXT_MAX <= (int)WIRE_MATCH_MAX, "a match that the engine would take for nonsense");

extern const struct embed_file default_policy[]; /* default.lua */
extern const struct embed_file policy_prelude[]; /* extend.lua, check.lua, readonly.lua, suggest.lua */


static const char *const hook_names[ASK_HOOKS] = {"filter", "key",       "priority",  "title",
                                                  "body",   "retrigger", "on_resolve"};

const char *policy_hook_name(enum policy_hook hook)
{
    return hook_names[hook];
}

void policy_announce(const struct policy *p, uint32_t hook, uint32_t id, uint32_t policy)
{
    volatile struct black_box *box = p->cycle->box;
    if (!box)
        return;
    box->hook = HOOK_NONE;
    box->id = id;
    box->policy = policy;
    box->instructions = 0;
    box->calls = box->calls + 1;
    box->hook = hook;
}

void policy_announce_end(const struct policy *p)
{
    if (p->cycle->box)
        p->cycle->box->hook = HOOK_NONE;
}

static const struct embed_file *embedded(const char *name)
{
    const struct embed_file *f = strcmp(name, "default.lua") == 0 ? default_policy : policy_prelude;
    while (f->name && strcmp(f->name, name) != 0)
        f++;
    return f;
}

void policy_default_hash(char out[POLICY_HASH])
{
    const struct embed_file *f = embedded("default.lua");
    policy_hash_bundled(f->start, (size_t)(f->end - f->start), out);
}

const char *policy_default_source(size_t *len_r)
{
    const struct embed_file *f = embedded("default.lua");
    *len_r = (size_t)(f->end - f->start);
    return f->start;
}

static void load_embedded(lua_State *L, const char *name, const char *chunk_name, int trusted)
{
    const struct embed_file *f = embedded(name);
    size_t len;
    const char *code = embedded_code(f, &len);
    sandbox_push_env(L, trusted);
    if (code != NULL)
        sandbox_load_compiled(L, code, len, chunk_name);
    else
        sandbox_load(L, f->start, (size_t)(f->end - f->start), chunk_name);
}

static int lua_zone_legal(lua_State *L)
{
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, zone_name_legal(name, len));
    return 1;
}

static void push_ceilings(lua_State *L)
{
    static const struct {
        const char *name;
        int most;
    } ceilings[] = {{"per_hour", WIRE_PER_HOUR_MAX}, {"per_day", WIRE_PER_DAY_MAX},    {"ramp", WIRE_RAMP_MAX},
                    {"slots", WIRE_SLOTS_MAX},       {"priority", WIRE_PRIORITY_MAX}, {"zones", WIRE_ZONES_MAX}};
    lua_newtable(L);
    for (size_t i = 0; i < sizeof ceilings / sizeof *ceilings; i++) {
        lua_pushinteger(L, ceilings[i].most);
        lua_setfield(L, -2, ceilings[i].name);
    }
}

static void push_hook_names(lua_State *L)
{
    lua_createtable(L, ASK_HOOKS, 0);
    for (int i = 0; i < ASK_HOOKS; i++) {
        lua_pushstring(L, hook_names[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

/* enter(fn), leave(fn, value, reason, detail): what policy.extend tells while p->chain wants to know. */
static int layer_enter(lua_State *L)
{
    struct policy *p = lua_touserdata(L, lua_upvalueindex(1));
    if (p->chain)
        chain_maker_enter(p->chain, L, policy_box_hook(p->asked), 1);
    return 0;
}

static int layer_leave(lua_State *L)
{
    struct policy *p = lua_touserdata(L, lua_upvalueindex(1));
    if (p->chain)
        chain_maker_leave(p->chain, L, 1, 2);
    return 0;
}

/* Leaves on the stack: 2 readonly, 3 policy, 4 check; the base's hooks are in p->hook. */
static void open_base(lua_State *L, struct policy *p)
{
    sandbox_open(L);
    bind_alert_open(L);
    bind_ctx_open(L);

    load_embedded(L, "readonly.lua", "=(prelude)", 1);
    lua_call(L, 0, 1);

    load_embedded(L, "extend.lua", "=(prelude)", 1);
    load_embedded(L, "default.lua", "@default.lua", 0);
    lua_call(L, 0, 1);
    for (int i = 0; i < ASK_HOOKS; i++) {
        lua_getfield(L, -1, hook_names[i]);
        p->hook[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    push_hook_names(L);
    lua_pushlightuserdata(L, p);
    lua_pushcclosure(L, layer_enter, 1);
    lua_pushlightuserdata(L, p);
    lua_pushcclosure(L, layer_leave, 1);
    lua_call(L, 4, 3); /* policy, seal, explain */
    p->explain_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    load_embedded(L, "check.lua", "=(prelude)", 1);
    push_hook_names(L);
    load_embedded(L, "suggest.lua", "=(prelude)", 1);
    lua_call(L, 0, 1);
    lua_rotate(L, 4, -1); /* seal comes after them */
    lua_pushcfunction(L, lua_zone_legal);
    push_ceilings(L);
    lua_call(L, 5, 1);
}

static void note_written(lua_State *L, struct policy *p, int i)
{
    lua_Debug ar;
    char place[VM_PLACE_MAX];
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">S", &ar);
    snprintf(place, sizeof place, "%s:%d", ar.short_src, ar.linedefined);
    if (!p->written[i])
        p->written[i] = xstrdup(place);
}

static char *dup_field(lua_State *L, int idx, const char *field)
{
    size_t len;
    lua_getfield(L, idx, field);
    const char *s = lua_tolstring(L, -1, &len);
    char *copy = s ? xstrndup(s, len) : NULL;
    lua_pop(L, 1);
    return copy;
}

static uint32_t number_field(lua_State *L, int idx, const char *field)
{
    lua_getfield(L, idx, field);
    uint32_t n = (uint32_t)lua_tointeger(L, -1); /* nil is 0 */
    lua_pop(L, 1);
    return n;
}

static void take_terms(lua_State *L, struct policy *p, int idx)
{
    lua_getfield(L, idx, "limits");
    int limits = lua_gettop(L);
    p->terms = (struct policy_terms){.per_hour = number_field(L, limits, "per_hour"),
                                     .per_day = number_field(L, limits, "per_day"),
                                     .ramp = number_field(L, limits, "ramp"),
                                     .reserve_slots = number_field(L, limits, "reserve_slots"),
                                     .reserve_priority = number_field(L, limits, "reserve_priority"),
                                     .state_version = number_field(L, idx, "state_version")};
    lua_getfield(L, idx, "shadow");
    p->terms.shadow = lua_toboolean(L, -1);
    lua_getfield(L, idx, "zones");
    size_t n = lua_rawlen(L, -1);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        policy_add_zone(p, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_settop(L, limits - 1);
}

/* The table at `idx` is what check() made of the file: nothing of it comes from the policy unchecked. A file
 * that is loaded again keeps what it said the first time; others hold on to those strings. */
static void take_checked(lua_State *L, struct policy *p, int idx)
{
    if (!p->name) {
        p->name = dup_field(L, idx, "name");
        p->match_text = dup_field(L, idx, "match");
        take_terms(L, p, idx);
    }
    lua_getfield(L, idx, "reasons");
    p->reasons_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, idx, "hooks");
    lua_getfield(L, idx, "written");
    for (int i = 0; i < ASK_HOOKS; i++) {
        if (lua_getfield(L, -2, hook_names[i]) == LUA_TNIL) {
            lua_pop(L, 1);
            continue;
        }
        luaL_unref(L, LUA_REGISTRYINDEX, p->hook[i]);
        p->hook[i] = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_getfield(L, -1, hook_names[i]);
        note_written(L, p, i);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

/* Runs the file with `policy` (stack 3) in its environment, and check (4) on what it returns. */
static void run_file(lua_State *L, struct policy *p)
{
    char chunk_name[300];
    snprintf(chunk_name, sizeof chunk_name, "@%s", p->file);
    sandbox_push_env(L, 0);
    lua_pushvalue(L, 3);
    include_open_env(L, p, UINT32_MAX);
    sandbox_load(L, p->source.s, p->source.len, chunk_name);
    p->loading = true;
    lua_call(L, 0, 1);
    p->loading = false;

    lua_pushvalue(L, 4);
    lua_insert(L, -2);
    lua_pushstring(L, p->file);
    lua_call(L, 2, 2);
    if (lua_type(L, -2) == LUA_TSTRING) {
        size_t len;
        const char *s = lua_tolstring(L, -2, &len);
        struct buf b = {0};
        text_clean(&b, s, len, WIRE_TEXT_SHOWN / 2);
        p->problem = xasprintf("%s: %s", p->file, b.data);
        buf_free(&b);
        return;
    }
    take_checked(L, p, lua_gettop(L));
}

static int load(lua_State *L)
{
    struct policy *p = vm_arg(L);
    p->reasons_ref = LUA_NOREF;
    p->explained = false;
    open_base(L, p);
    include_reset(L, p);
    vm_budget(p->vm); /* the prelude's own work is not the policy's */
    if (p->source.len)
        run_file(L, p);
    if (p->problem)
        return 0;
    bind_ctx_push(L, p, 2);
    p->ctx_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushboolean(L, 0);
    p->alert_ref = luaL_ref(L, LUA_REGISTRYINDEX); /* the place where each alert will stand */
    return 0;
}

static int refuse_at(struct policy *p, const char *place, const char *message)
{
    if (place[0])
        p->problem = xasprintf("%s: %s", place, message);
    else
        p->problem = xasprintf("%s: %s", p->file, message);
    policy_unload(p);
    return -1;
}

static int load_match(struct policy *p)
{
    struct err e;
    if (!p->match_text || p->match)
        return 0;
    p->match = matcher_parse(p->match_text, strlen(p->match_text), &e);
    if (p->match)
        return 0;
    err_wrap(&e, "match");
    return refuse_at(p, "", e.msg);
}

int policy_load(struct policy *p)
{
    if (p->problem)
        return -1;
    if (p->source.len > WIRE_SOURCE_MAX)
        return refuse_at(p, "", "is larger than 64 KiB"); /* WIRE_SOURCE_MAX */
    if (utf8_valid(p->source.s, p->source.len) != p->source.len)
        return refuse_at(p, "", "is not valid UTF-8");
    if (!p->source.len && !p->name)
        p->name = xstrdup("default");
    p->vm = vm_create(&p->cycle->limits, p->cycle->box);
    if (!p->vm)
        return refuse_at(p, "", "there is no memory for it");
    policy_announce(p, HOOK_LOAD, 0, p->source.len ? p->file_number : UINT32_MAX);
    enum vm_end end = vm_call(p->vm, load, p);
    p->loading = false;
    policy_announce_end(p);
    if (end != VM_OK)
        return refuse_at(p, p->vm->place, p->vm->message.data);
    if (p->problem) {
        policy_unload(p);
        return -1;
    }
    if (load_match(p) < 0)
        return -1;
    p->uses_firing = include_mentions(p, "firing");
    p->vm->zones = &p->zones; /* only now: no top level knows zones, whenever it runs */
    return 0;
}

void policy_refuse(struct policy *p, char *problem)
{
    free(p->problem);
    p->problem = problem;
    policy_unload(p);
}

void policy_unload(struct policy *p)
{
    p->alert_box = NULL;
    memset(p->boxes, 0, sizeof p->boxes);
    vm_free(&p->vm);
}

size_t policy_memory(const struct policy *p)
{
    return p->vm ? p->vm->used : 0;
}

void policy_add_zone(struct policy *p, const char *name)
{
    if (zones_find(&p->zones, name, strlen(name)))
        return;
    p->zones.at = xrealloc(p->zones.at, (p->zones.n + 1) * sizeof *p->zones.at);
    p->zones.at[p->zones.n++] = (struct zone){.name = xstrdup(name)};
}

void policy_deinit(struct policy *p)
{
    policy_unload(p);
    free(p->file);
    free(p->name);
    free(p->match_text);
    free(p->problem);
    for (int i = 0; i < ASK_HOOKS; i++)
        free(p->written[i]);
    for (size_t i = 0; i < p->zones.n; i++)
        free(p->zones.at[i].name);
    free(p->zones.at);
    free(p->libraries);
    free(p->included);
    free(p->lib_state);
    free(p->lib_parent);
    if (p->key_answer)
        policy_answer_deinit(p->key_answer);
    free(p->key_answer);
    matcher_free(&p->match);
}

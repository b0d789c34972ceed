/* Asking: one hook about one alert, in protected mode, and what became of it. */
#include "bind_ctx.h"
#include "extras.h"
#include "policy_internal.h"

#include "alerts/identity.h"
#include "base/mem.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t policy_box_hook(enum policy_hook hook)
{
    static const uint32_t hooks[ASK_HOOKS] = {HOOK_FILTER, HOOK_KEY,       HOOK_PRIORITY, HOOK_TITLE,
                                              HOOK_BODY,   HOOK_RETRIGGER, HOOK_RESOLVE};
    return hooks[hook];
}

/* Leaves the hook's four results above what is on the stack, which is at least 2 high when somebody explains. */
static void call_hook(lua_State *L, struct policy *p, enum policy_hook hook)
{
    bool bare = p->chain && !p->written[hook]; /* the base's own function, which no layer surrounds */
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->hook[hook]);
    int fn = lua_gettop(L);
    if (bare) {
        chain_maker_enter(p->chain, L, policy_box_hook(hook), fn);
        lua_pushvalue(L, fn);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->alert_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->ctx_ref);
    lua_call(L, 2, 4);
    if (bare) {
        chain_maker_leave(p->chain, L, fn, fn + 1);
        lua_remove(L, fn);
    }
}

/* Tells the layers whether to tell. */
static void tell_layers(lua_State *L, struct policy *p)
{
    bool explained = p->chain != NULL;
    if (explained == p->explained)
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->explain_ref);
    lua_pushboolean(L, explained);
    lua_call(L, 1, 0);
    p->explained = explained;
}

/* The text of a file that runs in the policy's VM, for the lines of a chain. */
static const char *find_source(void *arg, const char *file, size_t *len_r)
{
    const struct policy *p = arg;
    if (p->source.len && strcmp(file, p->file) == 0) {
        *len_r = p->source.len;
        return p->source.s;
    }
    for (size_t i = 0; i < p->n_libraries; i++) {
        const struct policy_library *lib = &p->cycle->libraries[p->libraries[i]];
        if (strcmp(file, lib->file) == 0) {
            *len_r = lib->source.len;
            return lib->source.s;
        }
    }
    return strcmp(file, "default.lua") == 0 ? policy_default_source(len_r) : NULL;
}

static int ask(lua_State *L)
{
    struct question *q = vm_arg(L);
    struct policy *p = q->p;
    if (!p->alert_box) {
        struct alert_box *box = bind_alert_push(L, p->scene->alert);
        lua_rawseti(L, LUA_REGISTRYINDEX, p->alert_ref);
        p->alert_box = box; /* only now: whoever finds it set may use the reference */
    }
    lua_settop(L, 0);
    tell_layers(L, p);
    call_hook(L, p, q->hook);
    answer_take(L, q, 1);
    return 0;
}

/* The key hook inside of another one. */
static int ask_key(lua_State *L)
{
    struct question *q = lua_touserdata(L, 1);
    lua_settop(L, 0);
    call_hook(L, q->p, ASK_KEY);
    answer_take(L, q, 1);
    if (q->bad)
        return luaL_error(L, "%s: key: %s", q->p->written[ASK_KEY] ? q->p->written[ASK_KEY] : q->p->file,
                          q->answer->detail.data);
    return 0;
}

static bool is_fingerprint(const struct alert *a, const struct buf *key)
{
    char digits[IDENTITY_TEXT];
    identity_format(a->index->fingerprint, digits);
    return key->len == IDENTITY_TEXT - 1 && memcmp(key->data, digits, key->len) == 0;
}

static void take_key(struct policy *p, struct policy_answer *answer)
{
    const struct alert *a = p->scene->alert;
    answer->has_key = !is_fingerprint(a, &answer->text);
    if (!p->scene->extras->identified)
        extras_identify(p->scene->extras, answer->has_key ? answer->text.data : NULL, answer->text.len,
                        a->index->fingerprint);
}

void policy_need_key(lua_State *L, struct policy *p)
{
    enum policy_hook outer = p->asked;
    if (!p->key_answer)
        p->key_answer = xcalloc(1, sizeof *p->key_answer);
    answer_clear(p->key_answer);
    struct question q = {.p = p, .hook = ASK_KEY, .answer = p->key_answer};
    p->asked = ASK_KEY;
    luaL_checkstack(L, 8, "ctx.state");
    lua_pushcfunction(L, ask_key);
    lua_pushlightuserdata(L, &q);
    int status = lua_pcall(L, 1, 0, 0); /* protected only to know again which hook this is */
    p->asked = outer;
    vm_rethrow(L, status);
    if (status != LUA_OK)
        lua_error(L);
    p->key_known = true;
    take_key(p, p->key_answer);
}

/* "payments.lua:31: filter: attempt to concatenate a nil value" */
static int fail(struct policy_answer *a, const char *code, const char *place, enum policy_hook hook,
                const char *what)
{
    char *sentence = xasprintf("%s: %s: %s", place, policy_hook_name(hook), what);
    snprintf(a->place, sizeof a->place, "%s", place);
    buf_clear(&a->detail);
    buf_adds(&a->detail, sentence);
    free(sentence);
    a->failed = code;
    return -1;
}

static void close_chain(struct policy *p, const char *error, const char *place, const char *detail)
{
    if (p->chain)
        chain_maker_close(p->chain, p->vm, error, place, detail);
    p->chain = NULL;
}

static int run_hook(struct policy *p, enum policy_hook hook, uint32_t id, struct policy_answer *answer)
{
    const char *place = p->written[hook] ? p->written[hook] : p->file;
    struct question q = {.p = p, .hook = hook, .answer = answer};
    p->asked = hook;
    p->chain = p->scene->chain;
    if (p->chain)
        chain_maker_open(p->chain, p->vm, p->scene->stand_in ? CHAIN_STAND_IN : 0,
                         p->source.len ? "default.lua" : NULL, find_source, p);
    policy_announce(p, policy_box_hook(hook), id, p->number);
    enum vm_end end = vm_call(p->vm, ask, &q);
    policy_announce_end(p);
    extras_settle(p->scene->extras, end == VM_OK && !q.bad);
    if (end == VM_OK && !q.bad) {
        close_chain(p, NULL, "", "");
        snprintf(answer->place, sizeof answer->place, "%s", place);
        return 0;
    }
    if (end == VM_OK) {
        close_chain(p, "policy.bad_return", place, answer->detail.data);
        struct buf detail = answer->detail;
        answer->detail = (struct buf){0};
        fail(answer, "policy.bad_return", place, hook, detail.data);
        buf_free(&detail);
        return -1;
    }
    static const char *const codes[] = {
        [VM_ERROR] = "policy.error", [VM_TIMEOUT] = "policy.timeout", [VM_MEMORY] = "policy.memory"};
    if (p->vm->place[0])
        place = p->vm->place;
    close_chain(p, codes[end], place, p->vm->message.data);
    fail(answer, codes[end], place, hook, p->vm->message.data);
    if (end == VM_MEMORY)
        policy_unload(p); /* what it holds must not fail the next question too */
    return -1;
}

/* The key hook was asked when another touched ctx.state: it is not asked twice about one alert. */
static void copy_key(const struct policy *p, struct policy_answer *answer)
{
    const struct policy_answer *key = p->key_answer;
    buf_add(&answer->text, key->text.data, key->text.len);
    answer->has_key = key->has_key;
    answer->from_base = key->from_base;
    snprintf(answer->place, sizeof answer->place, "%s", p->written[ASK_KEY] ? p->written[ASK_KEY] : p->file);
}

int policy_ask(struct policy *p, enum policy_hook hook, uint32_t id, const struct policy_scene *scene,
               struct policy_answer *answer)
{
    answer_clear(answer);
    p->scene = scene;
    if (hook == ASK_KEY && p->key_known) {
        copy_key(p, answer);
        return 0;
    }
    if (!p->vm && policy_load(p) < 0) {
        extras_settle(scene->extras, false);
        return fail(answer, "policy.load", p->file, hook, p->problem);
    }
    int rc = run_hook(p, hook, id, answer);
    if (rc == 0 && hook == ASK_KEY)
        take_key(p, answer);
    return rc;
}

void policy_close_alert(struct policy *p)
{
    if (p->alert_box)
        alert_box_close(p->alert_box);
    p->alert_box = NULL;
    bind_ctx_close(p);
    p->scene = NULL;
    p->key_known = false;
}

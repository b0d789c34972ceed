#include "policy.h"

#include "bind_ctx.h"
#include "sandbox.h"

#include "alerts/identity.h"
#include "base/embed.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct embed_file policy_prelude[]; /* default.lua, extend.lua, readonly.lua, suggest.lua */

static const char *const hook_names[ASK_HOOKS] = {"filter", "key", "priority", "title", "body", "retrigger"};
static const uint32_t black_box_hooks[ASK_HOOKS] = {HOOK_FILTER, HOOK_KEY,  HOOK_PRIORITY,
                                                    HOOK_TITLE,  HOOK_BODY, HOOK_RETRIGGER};

static void announce(const struct policy *p, uint32_t hook, uint32_t id, uint32_t policy)
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

static void announce_end(const struct policy *p)
{
    if (p->cycle->box)
        p->cycle->box->hook = HOOK_NONE;
}

/* Loading */

static void load_embedded(lua_State *L, const char *name, const char *chunk_name, int trusted)
{
    const struct embed_file *f = policy_prelude;
    while (f->name && strcmp(f->name, name) != 0)
        f++;
    sandbox_push_env(L, trusted);
    sandbox_load(L, f->start, (size_t)(f->end - f->start), chunk_name);
}

/* Leaves on the stack: 2 readonly, 3 policy, 4 check; the base's hooks are in p->hook. */
static void open_base(lua_State *L, struct policy *p)
{
    sandbox_open(L);
    bind_alert_open(L);

    load_embedded(L, "readonly.lua", "=(prelude)", 1);
    lua_call(L, 0, 1);

    load_embedded(L, "extend.lua", "=(prelude)", 1);
    load_embedded(L, "default.lua", "@default.lua", 0);
    lua_call(L, 0, 1);
    for (int i = 0; i < ASK_HOOKS; i++) {
        lua_getfield(L, -1, hook_names[i]);
        p->hook[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    load_embedded(L, "suggest.lua", "=(prelude)", 1);
    lua_call(L, 0, 1);
    lua_call(L, 2, 2);
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

/* The table at `idx` is what check() made of the file: nothing of it comes from the policy unchecked. A file
 * that is loaded again keeps what it said the first time; others hold on to those strings. */
static void take_checked(lua_State *L, struct policy *p, int idx)
{
    if (!p->name) {
        p->name = dup_field(L, idx, "name");
        p->match_text = dup_field(L, idx, "match");
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
    lua_setfield(L, -2, "policy");
    sandbox_load(L, p->source.s, p->source.len, chunk_name);
    lua_call(L, 0, 1);

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
    open_base(L, p);
    vm_budget(p->vm); /* the prelude's own work is not the policy's */
    if (p->source.len)
        run_file(L, p);
    if (p->problem)
        return 0;
    bind_ctx_push(L, p->cycle, p->name, 2, &p->ctx_table);
    p->ctx_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    p->last_set = false;
    lua_pushvalue(L, 2);
    p->readonly_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushboolean(L, 0);
    p->alert_ref = luaL_ref(L, LUA_REGISTRYINDEX); /* the place where each alert will stand */
    return 0;
}

static int refuse(struct policy *p, const char *place, const char *message)
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
    return refuse(p, "", e.msg);
}

int policy_load(struct policy *p)
{
    if (p->problem)
        return -1;
    if (p->source.len > POLICY_TEXT_MAX)
        return refuse(p, "", "is larger than 64 KiB");
    if (utf8_valid(p->source.s, p->source.len) != p->source.len)
        return refuse(p, "", "is not valid UTF-8");
    if (!p->source.len && !p->name)
        p->name = xstrdup("default");
    p->vm = vm_create(&p->cycle->limits, p->cycle->box);
    if (!p->vm)
        return refuse(p, "", "there is no memory for it");
    announce(p, HOOK_LOAD, 0, p->source.len ? p->file_number : UINT32_MAX);
    enum vm_end end = vm_call(p->vm, load, p);
    announce_end(p);
    if (end != VM_OK)
        return refuse(p, p->vm->place, p->vm->message.data);
    if (p->problem) {
        policy_unload(p);
        return -1;
    }
    return load_match(p);
}

void policy_unload(struct policy *p)
{
    p->alert_box = NULL;
    vm_free(&p->vm);
}

size_t policy_memory(const struct policy *p)
{
    return p->vm ? p->vm->used : 0;
}

/* Asking */

struct question {
    struct policy *p;
    enum policy_hook hook;
    const struct alert *alert;
    const struct policy_last *last;
    struct policy_answer *answer;
    bool bad; /* the value is none: answer->detail says so */
};

static int bad_return(struct question *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad_return(struct question *q, const char *fmt, ...)
{
    char sentence[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    buf_clear(&q->answer->detail);
    buf_adds(&q->answer->detail, sentence);
    q->bad = true;
    return -1;
}

/* "0 (number)", "a table": a value that should not be there. Never calls a metamethod. */
static void describe(lua_State *L, int idx, char out[64])
{
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
        snprintf(out, 64, "nothing");
        break;
    case LUA_TBOOLEAN:
        snprintf(out, 64, "%s", lua_toboolean(L, idx) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, idx))
            snprintf(out, 64, "the number %lld", (long long)lua_tointeger(L, idx));
        else
            snprintf(out, 64, "the number %g", lua_tonumber(L, idx));
        break;
    case LUA_TSTRING:
        snprintf(out, 64, "a string of %zu bytes", (size_t)lua_rawlen(L, idx));
        break;
    default:
        snprintf(out, 64, "a %s", luaL_typename(L, idx));
    }
}

/* A number without a fraction that an int64 holds; floats are welcome. */
static bool whole_number(lua_State *L, int idx, lua_Integer *n)
{
    if (lua_type(L, idx) != LUA_TNUMBER)
        return false;
    int ok;
    *n = lua_tointegerx(L, idx, &ok);
    return ok != 0;
}

static int take_key(lua_State *L, struct question *q, const char *got)
{
    size_t len;
    if (lua_type(L, 1) != LUA_TSTRING)
        return bad_return(q, "returned %s; a string of 1 to %d bytes is expected", got, KEY_MAX);
    const char *s = lua_tolstring(L, 1, &len);
    if (len < 1 || len > KEY_MAX)
        return bad_return(q, "returned %s; a string of 1 to %d bytes is expected", got, KEY_MAX);
    if (memchr(s, 0, len) || utf8_valid(s, len) != len)
        return bad_return(q, "returned a string that is not valid UTF-8 or holds a NUL");
    buf_add(&q->answer->text, s, len);
    return 0;
}

static int take_text(lua_State *L, struct question *q, const char *got)
{
    static const char marker[] = "\n[truncated]";
    size_t len;
    struct buf *text = &q->answer->text;
    if (lua_type(L, 1) != LUA_TSTRING)
        return bad_return(q, "returned %s; a string is expected", got);
    const char *s = lua_tolstring(L, 1, &len);
    if (q->hook == ASK_TITLE && !q->answer->from_base) {
        text_clean(text, s, len, TITLE_MAX);
        return 0;
    }
    /* the base's title is the alertname, untouched; only that somebody may send megabytes of it */
    const char *end = q->hook == ASK_BODY ? marker : "";
    text_repair(text, s, len > BODY_MAX + 8 ? BODY_MAX + 8 : len);
    if (text->len > BODY_MAX) {
        text->len = utf8_cut(text->data, text->len, BODY_MAX - strlen(end));
        buf_adds(text, end);
    }
    return 0;
}

static int take_retrigger(lua_State *L, struct question *q, const char *got)
{
    lua_Integer n;
    moment_t now = q->p->cycle->now;
    if (lua_type(L, 1) == LUA_TBOOLEAN) {
        q->answer->when = lua_toboolean(L, 1) ? ANSWER_NOW : ANSWER_NEVER;
        return 0;
    }
    if (!whole_number(L, 1, &n))
        return bad_return(q, "returned %s; false, true or whole epoch seconds are expected", got);
    if (n > now / MOMENT_SECOND + RETRIGGER_AHEAD_DAYS * 86400)
        return bad_return(q, "returned %s; that is more than %d days ahead", got, RETRIGGER_AHEAD_DAYS);
    if (n <= now / MOMENT_SECOND) {
        q->answer->when = ANSWER_NOW;
    } else {
        q->answer->when = ANSWER_AT;
        q->answer->at = n * MOMENT_SECOND;
    }
    return 0;
}

static int take_value(lua_State *L, struct question *q)
{
    char got[64];
    lua_Integer n;
    describe(L, 1, got);
    switch (q->hook) {
    case ASK_FILTER:
        if (lua_type(L, 1) != LUA_TBOOLEAN)
            return bad_return(q, "returned %s; true or false is expected", got);
        q->answer->keep = lua_toboolean(L, 1);
        return 0;
    case ASK_KEY:
        return take_key(L, q, got);
    case ASK_PRIORITY:
        if (!whole_number(L, 1, &n) || n < 0 || n > PRIORITY_MAX)
            return bad_return(q, "returned %s; a whole number from 0 to %d is expected", got, PRIORITY_MAX);
        q->answer->priority = (int)n;
        return 0;
    case ASK_RETRIGGER:
        return take_retrigger(L, q, got);
    default:
        return take_text(L, q, got);
    }
}

/* The second and third results. */
static int take_reason(lua_State *L, struct question *q)
{
    struct policy_answer *a = q->answer;
    char got[64];
    size_t len;
    for (int i = 2; i <= 3; i++) {
        if (!lua_isnil(L, i) && lua_type(L, i) != LUA_TSTRING) {
            describe(L, i, got);
            return bad_return(q, "returned %s as its %s; a string is expected", got,
                              i == 2 ? "reason" : "detail");
        }
    }
    if (lua_isnil(L, 2))
        return 0;
    a->has_reason = true;
    const char *s = lua_tolstring(L, 2, &len);
    if (q->p->reasons_ref != LUA_NOREF) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, q->p->reasons_ref);
        lua_pushvalue(L, 2);
        a->declared = lua_rawget(L, -2) == LUA_TSTRING;
    }
    if (a->declared) {
        buf_add(&a->code, s, len);
        s = lua_tolstring(L, -1, &len);
    }
    if (!lua_isnil(L, 3) && a->declared)
        s = lua_tolstring(L, 3, &len); /* says it better than the text that every such decision has */
    text_clean(&a->detail, s, len, WIRE_TEXT_SHOWN);
    if (!lua_isnil(L, 3) && !a->declared) {
        s = lua_tolstring(L, 3, &len);
        buf_adds(&a->detail, ": ");
        text_clean(&a->detail, s, len,
                   WIRE_TEXT_SHOWN - a->detail.len < 64 ? 64 : WIRE_TEXT_SHOWN - a->detail.len);
        a->detail.len = utf8_cut(a->detail.data, a->detail.len, WIRE_TEXT_SHOWN);
    }
    return 0;
}

static void set_last(lua_State *L, struct policy *p, const struct policy_last *last)
{
    p->last_set = true;
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->ctx_table);
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->readonly_ref);
    bind_ctx_push_last(L, last);
    lua_pushliteral(L, "ctx.last");
    lua_call(L, 2, 1);
    lua_setfield(L, -2, "last");
    p->last_set = last != NULL;
}

static int ask(lua_State *L)
{
    struct question *q = vm_arg(L);
    struct policy *p = q->p;
    if (!p->alert_box) {
        struct alert_box *box = bind_alert_push(L, q->alert);
        lua_rawseti(L, LUA_REGISTRYINDEX, p->alert_ref);
        p->alert_box = box; /* only now: whoever finds it set may use the reference */
    }
    if (q->hook == ASK_RETRIGGER || p->last_set)
        set_last(L, p, q->last);
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->hook[q->hook]);
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->alert_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->ctx_ref);
    lua_call(L, 2, 4);
    q->answer->from_base = !p->written[q->hook] || lua_toboolean(L, 4);
    if (take_value(L, q) == 0)
        take_reason(L, q);
    return 0;
}

static void answer_clear(struct policy_answer *a)
{
    struct buf text = a->text, code = a->code, detail = a->detail;
    *a = (struct policy_answer){.text = text, .code = code, .detail = detail};
    buf_clear(&a->text);
    buf_clear(&a->code);
    buf_clear(&a->detail);
}

void policy_answer_deinit(struct policy_answer *a)
{
    buf_free(&a->text);
    buf_free(&a->code);
    buf_free(&a->detail);
}

/* "payments.lua:31: filter: attempt to concatenate a nil value" */
static int fail(struct policy_answer *a, const char *code, const char *place, enum policy_hook hook,
                const char *what)
{
    char *sentence = xasprintf("%s: %s: %s", place, hook_names[hook], what);
    snprintf(a->place, sizeof a->place, "%s", place);
    buf_clear(&a->detail);
    buf_adds(&a->detail, sentence);
    free(sentence);
    a->failed = code;
    return -1;
}

int policy_ask(struct policy *p, enum policy_hook hook, uint32_t id, const struct alert *alert,
               const struct policy_last *last, struct policy_answer *answer)
{
    answer_clear(answer);
    if (!p->vm && policy_load(p) < 0)
        return fail(answer, "policy.load", p->file, hook, p->problem);
    const char *place = p->written[hook] ? p->written[hook] : p->file;
    struct question q = {.p = p, .hook = hook, .alert = alert, .last = last, .answer = answer};
    announce(p, black_box_hooks[hook], id, p->number);
    enum vm_end end = vm_call(p->vm, ask, &q);
    announce_end(p);
    if (end == VM_OK && !q.bad) {
        snprintf(answer->place, sizeof answer->place, "%s", place);
        return 0;
    }
    if (end == VM_OK) {
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
    fail(answer, codes[end], place, hook, p->vm->message.data);
    if (end == VM_MEMORY)
        policy_unload(p); /* what it holds must not fail the next question too */
    return -1;
}

void policy_close_alert(struct policy *p)
{
    if (p->alert_box)
        alert_box_close(p->alert_box);
    p->alert_box = NULL;
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
    matcher_free(&p->match);
}

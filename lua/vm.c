#include "vm.h"

#include "matcher.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *capped_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
    struct vm *vm = ud;
    size_t old = ptr ? osize : 0; /* without a block, osize is the kind of object */
    if (nsize == 0) {
        free(ptr);
        vm->used -= old;
        return NULL;
    }
    if (nsize > old && (nsize > vm->limit || vm->used - old > vm->limit - nsize)) {
        vm->starved = false;
        return NULL;
    }
    void *p = realloc(ptr, nsize);
    if (!p) {
        vm->starved = nsize > old;
        return nsize <= old ? ptr : NULL; /* Lua believes that shrinking cannot fail */
    }
    vm->used = vm->used - old + nsize;
    if (vm->used > vm->peak)
        vm->peak = vm->used;
    return p;
}

/* Lua asks here for the only thing it cannot raise about: an error outside every protected call. */
static int on_panic(lua_State *L)
{
    (void)L;
    fputs("alertspawner-worker: Lua error outside a protected call (a bug)\n", stderr);
    abort();
}

struct vm *vm_of(lua_State *L)
{
    return *(struct vm **)lua_getextraspace(L);
}

static void on_count(lua_State *L, lua_Debug *ar);

/* From now on every single instruction raises, so a pcall that catches it gets no further. */
static void die(lua_State *L, struct vm *vm, enum vm_end why)
{
    vm->dead = why;
    lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
}

static int raise_timeout(lua_State *L)
{
    return luaL_error(L, "too many instructions");
}

static void spend(lua_State *L, struct vm *vm, uint64_t units)
{
    vm->call_used += units;
    *vm->total_used += units;
    if (vm->box)
        vm->box->instructions = vm->call_used;
    if (vm->call_used > vm->call_limit || *vm->total_used > vm->total_limit) {
        die(L, vm, VM_TIMEOUT);
        raise_timeout(L);
    }
}

static bool looked_at(const struct vm *vm)
{
    return vm->watch && vm->watch->exact;
}

static void on_count(lua_State *L, lua_Debug *ar)
{
    struct vm *vm = vm_of(L);
    if (ar->event == LUA_HOOKLINE && vm->on_line)
        vm->on_line(vm->on_line_arg, L, ar);
    if (vm->dead)
        raise_timeout(L);
    if (ar->event != LUA_HOOKCOUNT) {
        if (looked_at(vm))
            vm->watch->line(vm->watch->arg, L, ar);
        return;
    }
    spend(L, vm, (uint64_t)lua_gethookcount(L));
    if (looked_at(vm) && vm->call_used > VM_LOOKED_AT && lua_gethookcount(L) == 1) {
        vm->watch->blur(vm->watch->arg);
        lua_sethook(L, on_count, LUA_MASKCOUNT | LUA_MASKRET, VM_STEP);
    }
}

void vm_tell_read(lua_State *L, const char *what, const char *name)
{
    const struct vm_watch *w = vm_of(L)->watch;
    if (!w || !w->exact)
        return;
    char number[40];
    size_t len = 0;
    const char *s = NULL;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        s = lua_tolstring(L, -1, &len);
        break;
    case LUA_TNUMBER: /* not by lua_tolstring: it would turn the number into a string */
        if (lua_isinteger(L, -1))
            snprintf(number, sizeof number, LUA_INTEGER_FMT, (LUAI_UACINT)lua_tointeger(L, -1));
        else
            snprintf(number, sizeof number, LUA_NUMBER_FMT, (LUAI_UACNUMBER)lua_tonumber(L, -1));
        s = number;
        len = strlen(s);
        break;
    case LUA_TBOOLEAN:
        s = lua_toboolean(L, -1) ? "true" : "false";
        len = strlen(s);
        break;
    case LUA_TNIL:
        break;
    default:
        return;
    }
    w->read(w->arg, what, name, s, len);
}

/* Steps of VM_STEP, unless somebody wants to see everything. Not re-armed for every call: instructions that are left of a
 * step count for the next one. */
static void arm(struct vm *vm)
{
    lua_State *L = vm->L;
    bool all = looked_at(vm);
    int count = all ? 1 : VM_STEP, mask = LUA_MASKCOUNT | (all || vm->on_line ? LUA_MASKLINE : 0);
    if (lua_gethookcount(L) != count || lua_gethookmask(L) != mask)
        lua_sethook(L, on_count, mask, count);
}

void vm_charge(lua_State *L, size_t units)
{
    struct vm *vm = vm_of(L);
    if (vm->dead)
        raise_timeout(L);
    spend(L, vm, units);
}

void vm_rethrow(lua_State *L, int status)
{
    struct vm *vm = vm_of(L);
    if (status == LUA_ERRMEM && !vm->dead)
        die(L, vm, VM_MEMORY);
    if (vm->dead)
        lua_error(L);
}

struct vm *vm_create(const struct vm_limits *limits, volatile struct black_box *box)
{
    struct vm *vm = xcalloc(1, sizeof *vm);
    vm->limit = limits->memory;
    vm->call_limit = limits->call_instructions;
    vm->total_limit = limits->total_instructions;
    vm->total_used = limits->total_used;
    vm->on_line = limits->on_line;
    vm->on_line_arg = limits->on_line_arg;
    vm->box = box;
    vm->L = lua_newstate(capped_alloc, vm);
    if (!vm->L) {
        vm_free(&vm);
        return NULL;
    }
    lua_atpanic(vm->L, on_panic);
    *(struct vm **)lua_getextraspace(vm->L) = vm;
    return vm;
}

void vm_free(struct vm **vm)
{
    if (!*vm)
        return;
    if ((*vm)->L)
        lua_close((*vm)->L); /* runs no Lua: there are no finalizers, and nothing is left to be closed */
    matcher_cache_free(&(*vm)->matchers);
    buf_free(&(*vm)->files);
    buf_free(&(*vm)->scratch);
    buf_free(&(*vm)->message);
    free(*vm);
    *vm = NULL;
}

void *vm_arg(lua_State *L)
{
    return lua_touserdata(L, 1);
}

void vm_budget(struct vm *vm)
{
    vm->call_used = 0;
    if (vm->box)
        vm->box->instructions = 0;
}

/* Runs where the error is, with the stack still there: the first line of a policy file on the way out. Errors
 * of our C functions have no position of their own. Allocates nothing. */
static int on_error(lua_State *L)
{
    struct vm *vm = vm_of(L);
    lua_Debug ar;
    for (int level = 0; level < 64 && lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline > 0 && ar.source[0] == '@') {
            snprintf(vm->place, sizeof vm->place, "%s:%d", ar.short_src, ar.currentline);
            break;
        }
    }
    return 1;
}

void vm_add_file(struct vm *vm, const char *name)
{
    buf_addf(&vm->files, "\n%s:", name);
}

/* Is it a file that runs in here? Lua shows long names as "..." and their end. A message may claim to be from anywhere. */
static bool has_file(const struct vm *vm, const char *name, size_t len)
{
    bool cut = len > 3 && memcmp(name, "...", 3) == 0;
    struct buf line = {0};
    if (!cut)
        buf_addc(&line, '\n');
    buf_add(&line, cut ? name + 3 : name, cut ? len - 3 : len);
    buf_addc(&line, ':');
    bool found = vm->files.len && memmem(vm->files.data, vm->files.len, line.data, line.len) != NULL;
    buf_free(&line);
    return found;
}

/* "payments.lua:31: rest" -> the length of "payments.lua:31", or 0. */
static size_t position_prefix(const struct vm *vm, const char *s, size_t len)
{
    const char *colon = memmem(s, len < 128 ? len : 128, ".lua:", 5);
    if (!colon || memchr(s, '\n', (size_t)(colon - s)) || !has_file(vm, s, (size_t)(colon + 4 - s)))
        return 0;
    const char *p = colon + 5, *end = s + len;
    const char *digits = p;
    while (p < end && isdigit((unsigned char)*p))
        p++;
    return p > digits && end - p >= 2 && p[0] == ':' && p[1] == ' ' ? (size_t)(p - s) : 0;
}

static void note_failure(struct vm *vm, int status)
{
    lua_State *L = vm->L;
    buf_clear(&vm->message);
    if (vm->dead == VM_TIMEOUT) {
        if (*vm->total_used > vm->total_limit)
            buf_addf(&vm->message, WIRE_ALL_HOOKS " %llu instructions",
                     (unsigned long long)vm->total_limit);
        else
            buf_addf(&vm->message, "used more than %llu instructions", (unsigned long long)vm->call_limit);
    } else if ((vm->dead == VM_MEMORY || status == LUA_ERRMEM) && vm->starved) {
        buf_adds(&vm->message, WIRE_ALL_MEMORY);
    } else if (vm->dead == VM_MEMORY || status == LUA_ERRMEM) {
        buf_addf(&vm->message, "used more than %zu KiB of memory", vm->limit / 1024);
    } else if (lua_type(L, -1) == LUA_TSTRING) {
        size_t len;
        const char *s = lua_tolstring(L, -1, &len); /* a string already: this converts nothing */
        size_t prefix = position_prefix(vm, s, len);
        if (prefix && prefix < sizeof vm->place) {
            struct buf place = {0};
            text_clean(&place, s, prefix, sizeof vm->place - 1);
            snprintf(vm->place, sizeof vm->place, "%s", place.data);
            buf_free(&place);
            s += prefix + 2;
            len -= prefix + 2;
        }
        text_clean(&vm->message, s, len, WIRE_TEXT_SHOWN - 128);
        if (len == 0)
            buf_adds(&vm->message, "error with an empty message");
    } else {
        buf_addf(&vm->message, "error object is no string but a %s value", lua_typename(L, lua_type(L, -1)));
    }
}

enum vm_end vm_call(struct vm *vm, lua_CFunction f, void *arg)
{
    lua_State *L = vm->L;
    lua_settop(L, 0);
    vm->dead = VM_OK;
    vm->starved = false;
    vm->place[0] = 0;
    vm_budget(vm);
    arm(vm);
    lua_pushcfunction(L, on_error); /* none of these pushes allocates */
    lua_pushcfunction(L, f);
    lua_pushlightuserdata(L, arg);
    int status = lua_pcall(L, 1, 0, 1);
    enum vm_end end = VM_OK;
    if (status != LUA_OK) {
        note_failure(vm, status);
        end = vm->dead ? vm->dead : status == LUA_ERRMEM ? VM_MEMORY : VM_ERROR;
    }
    lua_settop(L, 0);
    return end;
}

void text_repair(struct buf *out, const char *s, size_t len)
{
    while (len) {
        size_t good = utf8_valid(s, len);
        const char *nul = memchr(s, 0, good);
        if (nul)
            good = (size_t)(nul - s);
        buf_add(out, s, good);
        s += good;
        len -= good;
        if (len) { /* one replacement for each byte that is none */
            buf_adds(out, "\xef\xbf\xbd");
            s++;
            len--;
        }
    }
}

void text_clean(struct buf *out, const char *s, size_t len, size_t max)
{
    size_t start = out->len;
    /* replacing only makes it longer, so what lies beyond max in the source is beyond it in the result */
    text_repair(out, s, len < max ? len : max);
    buf_addc(out, 0);
    out->len = start + utf8_cut(out->data + start, out->len - 1 - start, max);
    out->data[out->len] = 0;
    for (char *p = out->data + start; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
        else if (*p == '\xc2' && (unsigned char)p[1] < 0xa0) /* C1 controls, some of which terminals obey */
            *p = ' ', p[1] = ' ';
    }
}

/* From SPEC to DONE: see spec.h. */
#include "spec_internal.h"

#include "bind_ctx.h"
#include "spec_coverage.h"

#include "base/embed.h"
#include "base/mem.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

extern const struct embed_file spec_prelude[]; /* lua/spec/ */

#define MODULES "alertspawner.spec" /* registry: what each chunk has returned */

struct spec *spec_running;

/* need(name): what lua/spec/NAME.lua returns; it runs when it is first needed. */
static int need(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, MODULES);
    if (lua_getfield(L, 2, name) != LUA_TNIL)
        return 1;
    lua_settop(L, 2);
    const char *file = lua_pushfstring(L, "%s.lua", name);
    const struct embed_file *f = spec_prelude;
    while (f->name && strcmp(f->name, file) != 0)
        f++;
    if (!f->name)
        return luaL_error(L, "the runner has no part %s", file);
    const char *chunk = lua_pushfstring(L, "=(spec) %s", file);
    if (luaL_loadbufferx(L, f->start, (size_t)(f->end - f->start), chunk, "t") != LUA_OK)
        return lua_error(L);
    lua_pushcfunction(L, need);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) {
        lua_pushboolean(L, 1);
        lua_replace(L, -2);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name);
    return 1;
}

static int run(lua_State *L)
{
    struct spec *s = spec_running;
    struct wire_reader options = {s->options.data, s->options.data + s->options.len, false};
    spec_libs_open(L);
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, MODULES);
    lua_pushcfunction(L, need);
    lua_pushliteral(L, "main");
    lua_call(L, 1, 1);
    spec_host_push(L);
    ctx_push_tree(L, &options);
    lua_getfield(L, -1, "coverage");
    if (lua_toboolean(L, -1))
        s->coverage = spec_coverage_create();
    lua_pop(L, 1);
    spec_guard_arm(L);
    lua_call(L, 2, 0);
    return 0;
}

/* The runner itself has failed. */
static void tell_bug(struct spec *s)
{
    struct buf tree = {0};
    wire_u8(&tree, 'm');
    wire_u32(&tree, 1);
    wire_str(&tree, "message");
    wire_u8(&tree, 's');
    char *text = xasprintf("%s%s%s", s->vm->place, s->vm->place[0] ? ": " : "", s->vm->message.data);
    wire_str(&tree, text);
    spec_tell("bug", tree.data, tree.len);
    free(text);
    buf_free(&tree);
}

static void close_all(struct spec *s)
{
    for (size_t i = 0; i < SPEC_SESSIONS_MAX; i++) {
        session_free(&s->sessions[i].session);
        buf_free(&s->sessions[i].heard);
    }
    for (size_t i = 0; i < s->n_zones; i++) {
        free(s->zones[i].name);
        free(s->zones[i].tzif);
    }
    free(s->zones);
    for (size_t i = 0; i < SPEC_RECORDS_MAX; i++)
        buf_free(&s->records[i]);
    chain_clear(&s->chain);
    spec_coverage_free(&s->coverage);
    struct buf *bufs[] = {&s->options, &s->out, &s->frame, &s->alert, &s->index, &s->text};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_free(bufs[i]);
    vm_free(&s->vm);
}

int spec_serve(volatile struct black_box *box, const struct spec_io *io, struct wire_reader *fields, struct err *e)
{
    struct spec s = {.box = box, .io = *io, .deadline_us = INT64_MAX, .next_id = 1};
    uint64_t policies_used = 0;
    s.limits.call_instructions = wire_get_u64(fields);
    s.limits.total_instructions = wire_get_u64(fields);
    s.limits.memory = wire_get_u64(fields);
    s.limits.total_used = &policies_used; /* each session has its own */
    const char *tree = fields->p;
    if (wire_tree_skip(fields) < 0 || !wire_at_end(fields) || *tree != 'm')
        return err_set(e, ERR_INVALID, "SPEC is not as wire.h has it");
    buf_add(&s.options, tree, (size_t)(fields->p - tree));

    const struct vm_limits limits = {.memory = SPEC_VM_MEMORY,
                                     .call_instructions = UINT64_MAX / 2,
                                     .total_instructions = UINT64_MAX / 2,
                                     .total_used = &s.vm_used};
    s.vm = vm_create(&limits, box);
    if (!s.vm)
        return err_set(e, ERR_LIMIT, "there is no memory for the spec's VM");
    spec_running = &s;
    enum vm_end end = vm_call(s.vm, run, NULL);
    if (end != VM_OK && !s.fault)
        tell_bug(&s);
    if (!s.fault) {
        if (s.coverage)
            spec_coverage_tell(s.coverage);
        size_t mark = wire_begin(&s.out, WIRE_DONE);
        wire_u32(&s.out, 0);
        wire_end(&s.out, mark);
        io->tell(io->arg, &s.out);
    }
    const char *fault = s.fault;
    close_all(&s);
    spec_running = NULL;
    return fault ? err_set(e, ERR_INVALID, "%s", fault) : 0;
}

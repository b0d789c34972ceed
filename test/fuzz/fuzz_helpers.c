/* The helpers that read texts of strangers: whatever the text, they answer or raise a sentence; a fence is
 * closed and does not hold its nonce, a quoted password is gone, what k8s makes is short. */
#include "lua/bind_alert.h"
#include "lua/sandbox.h"
#include "lua/vm.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char json[] = "{\"labels\":{\"alertname\":\"A\",\"team\":\"b\",\"caf\\u00e9 "
                           "1\":\"x\"},\"fingerprint\":\"a1b2c3d4e5f60718\","
                           "\"startsAt\":\"2026-11-18T10:00:00Z\",\"status\":{\"state\":\"active\"}}";

static const char check[] =
    "local function attempt(f, ...)\n"
    "  local ok, value = pcall(f, ...)\n"
    "  assert(ok or type(value) == 'string')\n"
    "  return ok and value or nil\n"
    "end\n"
    "return function(s, alert)\n"
    "  local f = text.fence(s)\n"
    "  local tag = f:sub(1, 400):match('\\n<(data%-%x+)>\\n')\n"
    "  assert(#f <= 60 * 1024 and text.ends_with(f, '\\n</' .. tag .. '>'))\n"
    "  assert(#text.split(f, tag) == 5)\n"
    "  local secret = text.redact('password=\"' .. text.replace(text.replace(text.replace(s, '\\\\', ''), "
    "'\"', ''), '\\n', '') .. '\"')\n"
    "  assert(secret == 'password=\"[redacted]\"' or secret == 'password=\"\"' or text.contains(s, "
    "'-----BEGIN'))\n"
    "  text.redact(s)\n"
    "  assert(#k8s.name(s) <= 63 and #k8s.label_value(s) <= 63 and #k8s.branch(s) <= 244)\n"
    "  attempt(match, alert, s)\n"
    "  local d = attempt(duration.parse, s)\n"
    "  assert(not d or duration.parse(duration.format(d)) == d)\n"
    "  local t = attempt(time.parse, s)\n"
    "  local w = attempt(time.within, 1795000000, s)\n"
    "  local n = attempt(time.next, 1795000000, s)\n"
    "  assert(w == nil or w == (n == 1795000000) and (n == nil or time.within(n, s)))\n"
    "  attempt(template.render, s, {x = s, l = {s, '1'}, labels = alert.labels})\n"
    "  assert(template.render('{{x}}', {x = s}) == s)\n"
    "  text.json(s)\n"
    "  text.table({{s, s}}, {s})\n"
    "end\n";

static struct vm *vm;
static uint64_t total;

struct input {
    const char *s;
    size_t len;
    const struct alert *alert;
};

static int prepare(lua_State *L)
{
    sandbox_open(L);
    bind_alert_open(L);
    sandbox_push_env(L, 0);
    sandbox_load(L, check, sizeof check - 1, "=check");
    lua_call(L, 0, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "check");
    return 0;
}

static int run(lua_State *L)
{
    const struct input *in = vm_arg(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "check");
    lua_pushlstring(L, in->s, in->len);
    bind_alert_push(L, in->alert);
    lua_call(L, 2, 0);
    return 0;
}

static void must(enum vm_end end)
{
    if (end == VM_OK)
        return;
    fprintf(stderr, "%s: %s\n", vm->place, vm->message.data);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct alert alert;
    static struct buf index;
    if (!vm) {
        const struct vm_limits limits = {.memory = 256 << 20,
                                         .call_instructions = UINT64_C(10000000),
                                         .total_instructions = UINT64_MAX,
                                         .total_used = &total};
        struct err e;
        vm = vm_create(&limits, NULL);
        must(vm_call(vm, prepare, NULL));
        if (alert_index(json, strlen(json), &index, &e) != ALERT_OK)
            abort();
        alert_view(&alert, json, index.data);
    }
    struct input in = {(const char *)data, size, &alert};
    must(vm_call(vm, run, &in));
    return 0;
}

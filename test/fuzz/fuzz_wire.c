/* Frames into the worker's message handling, in this process and without its walls: whatever the engine
 * sends, nothing may be read or written out of bounds, leaked, or raised outside a protected call.
 *
 * The input is a stream of frames. Its first byte says whether a good SETUP (bit 0: with a policy that reads
 * everything of an alert and of ctx) comes before them (bit 1: not even that). */
#include "lua/session.h"

#include "base/buf.h"
#include "policy/wire.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const char reader[] =
    "local lib = include 'lib_x'\n"
    "local function all(alert, ctx)\n"
    "  local n = 0\n"
    "  for _, view in ipairs { alert.labels, alert.annotations } do\n"
    "    for name, value in pairs(view) do n = n + #name + #value + #(view[name] or '') end\n"
    "  end\n"
    "  for _, view in ipairs { alert.receivers, alert.silenced_by, alert.inhibited_by } do\n"
    "    for i = 1, #view do n = n + #view[i] end\n"
    "  end\n"
    "  return n + #(alert.name or '') + #alert.url + #(alert.state or '') + (alert.starts_at or 0) + "
    "(alert.ends_at or 0)\n"
    "end\n"
    "local function about(alert, ctx)\n"
    "  local n = ctx.seen.polls + ctx.last.attempts + #ctx.group + ctx.group.count + #ctx.last.task\n"
    "  for i = 1, #ctx.group do n = n + all(ctx.group[i], ctx) end\n"
    "  for name, value in pairs(ctx.state) do n = n + #name + #tostring(value) end\n"
    "  ctx.state.n = (ctx.state.n or 0) + 1\n"
    "  ctx.state[alert.labels.pod or 'x'] = alert.labels.severity\n"
    "  ctx.note('n', n)\n"
    "  ctx.note(alert.labels.note or 'x', alert.name or '')\n"
    "  return n + ctx.firing('alertname=~\"A.*\"') + ctx.firing { pod = alert.labels.pod or '' } + "
    "ctx.rate('policy', '1h')\n"
    "end\n"
    "return policy.extend(policy.base, { api = 1, match = 'severity=~\"a*|critical\"',\n"
    "  filter = function(alert, ctx, super) all(alert, ctx) pcall(about, alert, ctx) return super() end,\n"
    "  key = function(alert) return alert.labels.pod end,\n"
    "  title = function(alert, ctx, super) pcall(about, alert, ctx) return super() end,\n"
    "  on_resolve = function(alert, ctx) pcall(about, alert, ctx) return 'cancel_pending', ctx.last.phase "
    "end,\n"
    "  retrigger = function(alert, ctx, super) pcall(about, alert, ctx) return super(), ctx.last.task .. "
    "ctx.last.phase end })\n";

static void add_setup(struct buf *b, bool with_policy)
{
    size_t mark = wire_begin(b, WIRE_SETUP);
    wire_i64(b, 1795000000 * (int64_t)1000000);
    wire_str(b, "s");
    wire_str(b, "ns");
    wire_str(b, "");
    wire_u8(b, 'z');
    wire_i64(b, 1000000);
    wire_u32(b, 1);
    wire_str(b, "severity=critical");
    wire_str(b, "{{.Title}} {{.Body}} {{.Labels}} {{.Alert}}");
    wire_str(b, "");
    wire_str(b, "{{.ID}}");
    wire_u32(b, 0);
    wire_u32(b, 0);
    wire_u32(b, 1);
    wire_str(b, "lib_x.lua");
    wire_str(b, "return { n = 1 }");
    wire_u32(b, with_policy);
    if (with_policy) {
        wire_str(b, "a.lua");
        wire_str(b, reader);
        wire_u32(b, 1);
        wire_u32(b, 0);
    }
    wire_u64(b, 200000);
    wire_u64(b, 2000000);
    wire_u64(b, 4 * 1024 * 1024);
    wire_u32(b, 0); /* quarantined */
    wire_u8(b, 1);  /* lint */
    wire_u32(b, 1); /* creations */
    wire_str(b, "a");
    wire_u32(b, 1);
    wire_i64(b, 1794999000 * (int64_t)1000000);
    wire_u32(b, 1); /* states */
    wire_str(b, "a");
    wire_u64(b, 0xa1b2c3d4e5f60718u);
    wire_u32(b, 1);
    wire_u8(b, 'm');
    wire_u32(b, 2);
    wire_str(b, "gone");
    wire_u8(b, 't');
    wire_str(b, "n");
    wire_u8(b, 'i');
    wire_i64(b, 7);
    wire_end(b, mark);
}

/* What the worker says must be whole frames. */
static void check_output(void *arg, struct buf *out)
{
    (void)arg;
    enum wire_type type;
    struct wire_reader fields;
    size_t used;
    for (size_t at = 0; at < out->len; at += used)
        if (wire_frame(out->data + at, out->len - at, &type, &fields, &used) != 1)
            __builtin_trap();
    buf_clear(out);
}

static bool feed(struct session *s, const char *bytes, size_t len)
{
    enum wire_type type;
    struct wire_reader fields;
    size_t used;
    struct err e;
    while (len && wire_frame(bytes, len, &type, &fields, &used) == 1) {
        if (session_frame(s, type, &fields, &e) < 0)
            return false;
        bytes += used;
        len -= used;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct black_box box;
    if (size < 1)
        return 0;
    struct session *s = session_create(&box, check_output, NULL);
    session_hello(s);
    bool going = true;
    if (!(data[0] & 2)) {
        struct buf setup = {0};
        add_setup(&setup, data[0] & 1);
        going = feed(s, setup.data, setup.len);
        buf_free(&setup);
        if (!going)
            __builtin_trap();
    }
    if (going)
        feed(s, (const char *)data + 1, size - 1);
    session_free(&s);
    return 0;
}

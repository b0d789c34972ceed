/* Spec mode of the real worker: its first frame decides for its whole life, it has no files but what the engine gives, and
 * frames out of turn end it. And the lines that coverage counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec_coverage.h"
#include "worker_kit.h"

#include "base/mem.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

static void add_member(struct buf *b, const char *name, const char *value)
{
    wire_str(b, name);
    wire_u8(b, 's');
    wire_str(b, value);
}

static void write_spec(struct buf *b, const char *source)
{
    size_t mark = wire_begin(b, WIRE_SPEC);
    wire_u64(b, 2000000);
    wire_u64(b, 2000000000);
    wire_u64(b, 16 * 1024 * 1024);
    wire_u8(b, 'm');
    wire_u32(b, 4);
    add_member(b, "mode", "run");
    add_member(b, "file", "x_spec.lua");
    add_member(b, "source", source);
    wire_str(b, "seed");
    wire_u8(b, 'i');
    wire_i64(b, 1);
    wire_end(b, mark);
}

static void write_give(struct buf *b, bool ok, const char *bytes)
{
    size_t mark = wire_begin(b, WIRE_GIVE);
    wire_u8(b, ok);
    wire_str(b, bytes);
    wire_str(b, "where");
    wire_end(b, mark);
}

/* Fails unless `part` was told. */
static void expect_told(const struct rig *r, const char *part)
{
    if (memmem(r->answers.data, r->answers.len, part, strlen(part)) == NULL)
        fail_msg("\"%s\" was not told", part);
}

static void expect_end(struct rig *r, struct buf *b, const char *sentence)
{
    if (rig_exchange(r, b, WIRE_HELLO))
        fail_msg("it went on instead of saying: %s", sentence);
    assert_int_equal(WIFEXITED(r->status) ? WEXITSTATUS(r->status) : 99, 3);
    kit_expect(r->stderr_text.data, sentence);
    rig_stop(r);
    buf_free(b);
}

static void a_file_runs(void **state)
{
    (void)state;
    struct rig r = {0};
    struct buf b = {0};
    rig_start(&r);
    write_spec(&b, "it('passes', function() end) it('fails', function() error('boom') end)");
    assert_true(rig_exchange(&r, &b, WIRE_DONE));
    expect_told(&r, "success");
    expect_told(&r, "boom");
    rig_stop(&r);
    buf_free(&b);
}

static void files_come_from_the_engine(void **state)
{
    (void)state;
    struct rig r = {0};
    struct buf b = {0};
    rig_start(&r);
    write_spec(&b, "local p = policies.load 'p.lua' it('drops', function() assert.drops(p:decide(alert{alertname = 'A'})) end)");
    assert_true(rig_exchange(&r, &b, WIRE_NEED));
    expect_told(&r, "p.lua");
    buf_clear(&b);
    write_give(&b, true, "return policy.extend(policy.base, {api = 1, name = 'p', filter = function() return false, 'so' end})");
    assert_true(rig_exchange(&r, &b, WIRE_DONE));
    expect_told(&r, "success");
    rig_stop(&r);
    buf_free(&b);
}

static void what_the_first_frame_says_is_said_for_good(void **state)
{
    (void)state;
    const struct rig_setup plain = {0};
    struct rig r = {0};
    struct buf b = {0};
    rig_start(&r);
    rig_write_setup(&b, &plain);
    assert_true(rig_exchange(&r, &b, WIRE_READY));
    buf_clear(&b);
    write_spec(&b, "it('passes', function() end)");
    expect_end(&r, &b, "a frame of type 'P' is not for a worker");

    r = (struct rig){0};
    rig_start(&r);
    write_spec(&b, "it('passes', function() end)");
    assert_true(rig_exchange(&r, &b, WIRE_DONE));
    buf_clear(&b);
    rig_write_setup(&b, &plain);
    expect_end(&r, &b, "nothing may follow SPEC");

    r = (struct rig){0};
    rig_start(&r);
    write_spec(&b, "policies.load 'p.lua'");
    assert_true(rig_exchange(&r, &b, WIRE_NEED));
    buf_clear(&b);
    rig_write_setup(&b, &plain);
    expect_end(&r, &b, "GIVE must come after NEED");
}

static void frames_that_are_none(void **state)
{
    (void)state;
    struct rig r = {0};
    struct buf b = {0};
    rig_start(&r);
    wire_end(&b, wire_begin(&b, WIRE_SPEC));
    expect_end(&r, &b, "SPEC is not as wire.h has it");

    r = (struct rig){0};
    rig_start(&r);
    size_t mark = wire_begin(&b, WIRE_SPEC);
    wire_u64(&b, 1), wire_u64(&b, 1), wire_u64(&b, 1);
    wire_u8(&b, 's'), wire_str(&b, "no map");
    wire_end(&b, mark);
    expect_end(&r, &b, "SPEC is not as wire.h has it");

    r = (struct rig){0};
    rig_start(&r);
    write_spec(&b, "policies.load 'p.lua'");
    assert_true(rig_exchange(&r, &b, WIRE_NEED));
    buf_clear(&b);
    mark = wire_begin(&b, WIRE_GIVE);
    wire_u8(&b, 1);
    wire_end(&b, mark);
    expect_end(&r, &b, "GIVE is not as long as it says");
}

/* ---- lines ---- */

static int write_dump(lua_State *L, const void *bytes, size_t len, void *out)
{
    (void)L;
    buf_add(out, bytes, len);
    return 0;
}

/* "2 3 7" */
static char *lines_of(const char *source)
{
    struct buf dump = {0}, text = {0};
    uint32_t *lines;
    size_t n;
    lua_State *L = luaL_newstate();
    assert_int_equal(luaL_loadbufferx(L, source, strlen(source), "@x.lua", "t"), LUA_OK);
    assert_int_equal(lua_dump(L, write_dump, &dump, 0), 0);
    lua_close(L);
    assert_int_equal(spec_lines(dump.data, dump.len, &lines, &n), 0);
    buf_adds(&text, "");
    for (size_t i = 0; i < n; i++)
        buf_addf(&text, "%s%u", i ? " " : "", lines[i]);
    free(lines);
    /* cut anywhere, it is no dump, and nothing is read beyond */
    for (size_t len = 0; len < dump.len; len++) {
        char *part = xmalloc(len ? len : 1);
        memcpy(part, dump.data, len);
        assert_int_equal(spec_lines(part, len, &lines, &n), -1);
        free(part);
    }
    buf_free(&dump);
    return buf_take(&text);
}

static void lines_that_can_be_run(void **state)
{
    (void)state;
    static const struct {
        const char *source, *lines;
    } rows[] = {
        {"", ""},
        {"local a = 1\n\n-- nothing\nlocal b = a\n", "1 4"},
        {"local function f(x)\n  if x then\n    return 1\n  end\n  return 2\nend\nreturn f(1)\n", "2 3 5 6 7"},
        {"return {\n  f = function()\n    g()\n  end,\n}\n", "1 3 4 5"},
        {"local s = [[\n\n]]\nreturn s", "3 4"},
        {"return g {\n  a = 1,\n}\n", "1 2"}, /* a tail call never comes to its end */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *got = lines_of(rows[i].source);
        if (strcmp(got, rows[i].lines) != 0)
            fail_msg("%s\nhas the lines %s, not %s", rows[i].source, got, rows[i].lines);
        free(got);
    }
    /* far lines need the absolute form */
    struct buf far = {0};
    buf_adds(&far, "local a = 1\n");
    for (int i = 0; i < 500; i++)
        buf_adds(&far, "\n");
    buf_adds(&far, "local b = a\n");
    char *got = lines_of(far.data);
    assert_string_equal(got, "1 502");
    free(got);
    buf_free(&far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_runs),
        cmocka_unit_test(files_come_from_the_engine),
        cmocka_unit_test(what_the_first_frame_says_is_said_for_good),
        cmocka_unit_test(frames_that_are_none),
        cmocka_unit_test(lines_that_can_be_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

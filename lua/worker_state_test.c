/* ctx.state in the real worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "alerts/identity.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* kit_plain's fingerprint and what is kept for it */
#define KEPT                                                                                                 \
    .states = {{"a",                                                                                         \
                0xa1b2c3d4e5f60718u,                                                                         \
                1,                                                                                           \
                {{"n", 'i', 3, NULL}, {"who", 's', 0, "amy"}, {"yes", 't', 0, NULL}}},                        \
               {"b", 0xa1b2c3d4e5f60718u, 1, {{"n", 'i', 99, NULL}}},                                        \
               {"a", 1, 1, {{"n", 'i', 98, NULL}}}}

static void states_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *statement, *want;
    } table[] = {
        {"return false, ctx.state.n .. ctx.state.who .. tostring(ctx.state.yes) .. tostring(ctx.state.no)",
         "[3amytruenil] by=a at=a.lua:1\n"}, /* reading writes nothing */
        {"ctx.state.n = ctx.state.n + 1 return true", "priority=1000 by=a state[]={n=i4}\n"},
        {"ctx.state.n = 4 ctx.state.n = 5 return false, ctx.state.n", "returned the number 5 as its reason"},
        {"ctx.state.n = 4 ctx.state.n = 5 return false, 'x' .. ctx.state.n", "[x5] by=a at=a.lua:1 state[]={n=i5}"},
        {"ctx.state.n = nil return false, tostring(ctx.state.n)", "[nil] by=a at=a.lua:1 state[]={n=z}"},
        {"ctx.state.x = 'y' ctx.state.x = nil return false", "policy.filter [] by=a at=a.lua:1\n"},
        {"ctx.state.b = false ctx.state.f = 0.5 ctx.state.i = 2^53 ctx.state.s = '' return true",
         "state[]={b=f,f=d0.5,i=d9.0072e+15,s=s}"},
        {"ctx.state['a b.c'] = math.mininteger return true", "state[]={a b.c=i-9223372036854775808}"},
        {"local t = {} ctx.state.m = 1 ctx.state.n = nil for k, v in pairs(ctx.state) do t[#t + 1] = k .. '=' .. "
         "tostring(v) end return false, table.concat(t, ' ')",
         "[m=1 who=amy yes=true]"},
        {"for k in pairs(ctx.state) do ctx.state[k] = nil end local n = 0 for k in pairs(ctx.state) do n = n + 1 end "
         "return false, 'left ' .. n",
         "[left 0] by=a at=a.lua:1 state[]={n=z,who=z,yes=z}"},
        {"return false, tostring(ctx.state) .. tostring(getmetatable(ctx.state))", "[ctx.statenil]"},
        {"ctx.state.s = ('x'):rep(1024) return true", "state[]={s=sxxx"},
        {"for i = 1, 29 do ctx.state['k' .. i] = i end return true", "state[]={k1=i1,"},
        /* the wrong uses */
        {"ctx.state.x = 0/0", "a.lua:2: filter: ctx.state.x: a number must be finite]"},
        {"ctx.state.x = math.huge", "ctx.state.x: a number must be finite"},
        {"ctx.state.x = {}", "ctx.state.x: a table cannot be kept; a boolean, a number or a string can"},
        {"ctx.state.x = print", "ctx.state.x: a function cannot be kept"},
        {"ctx.state.x = alert", "ctx.state.x: a userdata cannot be kept"},
        {"ctx.state.x = ctx.state", "ctx.state.x: a userdata cannot be kept"},
        {"ctx.state.x = ('x'):rep(1025)", "ctx.state.x: a string may have 1024 bytes; text.truncate makes it shorter"},
        {"ctx.state.x = '\\xff'", "ctx.state.x: a string must be valid UTF-8 without a NUL"},
        {"ctx.state.x = 'a\\0b'", "ctx.state.x: a string must be valid UTF-8"},
        {"ctx.state[''] = 1", "ctx.state: a name must have 1 to 64 bytes, got 0"},
        {"ctx.state[('x'):rep(65)] = 1", "ctx.state: a name must have 1 to 64 bytes, got 65"},
        {"ctx.state[1] = 1", "ctx.state: a name must be a string, got number"},
        {"return ctx.state[{}]", "ctx.state: a name must be a string, got table"},
        {"ctx.state['a\\0'] = 1", "ctx.state: a name must be valid UTF-8"},
        {"for i = 1, 30 do ctx.state['k' .. i] = i end return true",
         "[a.lua:2: filter: ctx.state.k30: more than 32 names for one key] by=a at=a.lua:2\n"},
        {"for i = 1, 5 do ctx.state['k' .. i] = ('x'):rep(1000) end return true",
         "ctx.state.k5: more than 4096 bytes for one key, names and all"},
        {"ctx.state = {}", "ctx is read-only; return a value instead"},
        {"return #ctx.state", "ctx.state has names, no numbers"},
        /* what a hook wrote that fails is dropped */
        {"ctx.state.n = 4 error('x')", "[a.lua:2: filter: x] by=a at=a.lua:2\n"},
        {"ctx.state.n = 4 return 5", "policy.bad_return [a.lua:1: filter: returned the number 5; true or false is "
                                     "expected] by=a at=a.lua:1\n"},
        /* an error that the hook gets over is none */
        {"ctx.state.n = 4 pcall(function() ctx.state.x = {} end) return true", "by=a state[]={n=i4}\n"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig_setup s = {KEPT};
        kit_expect_filter(&s, table[i].statement, table[i].want);
    }
}

/* Written by another version of the policy: not read. */
static void a_state_has_a_version(void **state)
{
    (void)state;
    static const char *const want[] = {"[3]", "[nil]"};
    for (int i = 0; i < 2; i++) {
        char *source = xasprintf("return { api = 1, match = 'alertname!=\"\"', state_version = %d, filter = "
                                 "function(a, ctx) return false, tostring(ctx.state.n) end }",
                                 i + 1);
        struct rig_setup s = {KEPT, .policies = {{"a.lua", source, 0}}};
        kit_expect_run(&s, kit_plain, NULL, want[i]);
        free(source);
    }
}

/* Each hook sees what was committed and its own words; the answer carries the last word of all. */
static void hooks_do_not_see_each_other(void **state)
{
    (void)state;
    static const char source[] =
        "return { api = 1, match = 'alertname!=\"\"', filter = function(a, ctx) ctx.state.n = 10 ctx.state.f = 1 return "
        "true end,\n"
        "priority = function(a, ctx) ctx.state.p = ctx.state.n ctx.state.f = nil return 1 end }";
    struct rig_setup s = {KEPT, .policies = {{"a.lua", source, 0}}};
    kit_expect_run(&s, kit_plain, NULL, "judge: keep priority=1 by=a state[]={f=z,n=i10,p=i3}\n");
    /* a hook that fails takes all writes of the answer with it, though the base answers for it */
    static const char fails[] =
        "return { api = 1, match = 'alertname!=\"\"', filter = function(a, ctx) ctx.state.n = 10 ctx.note('f', 1) return "
        "true end,\n"
        "priority = function(a, ctx) ctx.state.p = 1 error('x') end }";
    struct rig_setup f = {KEPT, .policies = {{"a.lua", fails, 0}}};
    kit_expect_run(&f, kit_plain, NULL, "judge: keep priority=1000 fallback=a.lua:2: priority: x by=a notes={f=1}\n");
}

/* ctx.state in filter asks for the key first; once. */
static void the_key_comes_first(void **state)
{
    (void)state;
    char digits[IDENTITY_TEXT];
    identity_format(identity_of_key("k/1", 3), digits);
    static const struct {
        const char *key, *filter, *want;
    } table[] = {
        {"ctx.note('asked', 'key') return 'k/1'", "ctx.state.n = ctx.state.n + 1 return true",
         "judge: keep priority=1000 key=k/1 by=a notes={asked=key} state[k/1]={n=i8}\n"},
        {"return 'k/1'", "return true", "judge: keep priority=1000 key=k/1 by=a\n"},
        {"return alert.fingerprint", "ctx.state.x = 1 return true", "by=a state[]={x=i1}\n"},
        {"n = (n or 0) + 1 return 'k/' .. n", "local x = ctx.state.x, ctx.state.y return true", "key=k/1 by=a\n"},
        {"error('no key')", "local x = ctx.state.x return true", "policy.error [a.lua:2: filter: no key] by=a at=a.lua:2\n"},
        {"error('no key')", "pcall(function() return ctx.state.x end) return true", "policy.error [a.lua:2: key: no key]"},
        {"return ''", "local x = ctx.state.x return true", "a.lua:2: filter: key: returned a string of 0 bytes; a string of"},
        {"ctx.state.x = 1 return 'k'", "return true",
         "[a.lua:2: key: ctx.state belongs to the key, which this hook is about to give; use it in other hooks]"},
        {"return ctx.state.x or 'k'", "return true", "a.lua:2: key: ctx.state belongs to the key"},
        {"return ctx.state.x or 'k'", "local x = ctx.state.x return true", "a.lua:2: filter: ctx.state belongs to the key"},
        /* after an error in there the filter is the filter again */
        {"return ctx.state.x or 'k'",
         "pcall(function() return ctx.state.x end) pcall(function() return ctx.state.x end) return false, 'went on'",
         "[went on]"},
        {"while true do end", "pcall(function() return ctx.state.x end) return true", "policy.timeout [a.lua:3: filter: used"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *source = xasprintf("local n return { api = 1, match = 'alertname!=\"\"',\nkey = function(alert, ctx) %s end,\n"
                                 "filter = function(alert, ctx) %s end }",
                                 table[i].key, table[i].filter);
        struct rig_setup s = {.policies = {{"a.lua", source, 0}},
                              .states = {{"a", identity_of_key("k/1", 3), 1, {{"n", 'i', 7, NULL}}}}};
        char *got = kit_run(&s, kit_plain, NULL, false);
        if (!strstr(got, table[i].want))
            fail_msg("row %zu\n  expected: %s\n  in:       %s", i, table[i].want, got);
        free(got);
        free(source);
    }
}

/* The other questions say whose state it is. */
static void every_question_has_a_state(void **state)
{
    (void)state;
    static const char source[] =
        "local function count(ctx) ctx.state.n = (ctx.state.n or 0) + 1 return ctx.state.n end\n"
        "return { api = 1, match = 'alertname!=\"\"', retrigger = function(a, ctx) count(ctx) return false end,\n"
        "on_resolve = function(a, ctx) count(ctx) return 'keep' end,\n"
        "title = function(a, ctx) return 'T' .. count(ctx) end, body = function(a, ctx) ctx.state.b = true return 'B' end }";
    struct rig_setup s = {.policies = {{"a.lua", source, 0}},
                          .states = {{"a", identity_of_key("k/1", 3), 1, {{"n", 'i', 7, NULL}}}}};
    struct rig r = {.key = "k/1"};
    struct buf text = {0};
    rig_start(&r);
    rig_ready(&r, &s, &text);
    rig_retrigger(&r, kit_plain, &kit_finished, &text);
    kit_expect(text.data, "by=a at=a.lua:2 state[k/1]={n=i8}\n");
    rig_resolve(&r, "a", kit_plain, &kit_finished, &text);
    kit_expect(text.data, "resolve: keep at=a.lua:3 state[k/1]={n=i8}\n");
    rig_compose(&r, kit_plain, "k/1", &text);
    kit_expect(text.data, "compose: ok title=[T8] body=[B] prompt=[T8] branch=[] state[k/1]={b=t,n=i8}\n");
    rig_compose(&r, kit_plain, NULL, &text);
    kit_expect(text.data, "title=[T1] body=[B] prompt=[T1] branch=[] state[]={b=t,n=i1}\n");
    rig_stop(&r);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_read_and_written),
        cmocka_unit_test(a_state_has_a_version),
        cmocka_unit_test(hooks_do_not_see_each_other),
        cmocka_unit_test(the_key_comes_first),
        cmocka_unit_test(every_question_has_a_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The helpers in the real worker: confined, with the engine's zones and the hooks' own ctx. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "base/buf.h"
#include "tasks/store.h"

#include <stdio.h>
#include <stdlib.h>

static struct buf rome;

static int read_rome(void **state)
{
    (void)state;
    char piece[4096];
    size_t n;
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Rome", "re");
    if (!f)
        return 0;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        buf_add(&rome, piece, n);
    fclose(f);
    return 0;
}

static int free_rome(void **state)
{
    (void)state;
    buf_free(&rome);
    return 0;
}

/* ctx.now is Wednesday, 2026-11-18 11:06:40 UTC. */
static void zones_come_from_the_engine(void **state)
{
    (void)state;
    static const struct {
        const char *source, *want;
    } table[] = {
        {POLICY("zones = {'Europe/Rome'}, filter = function(a, ctx) return false, "
                "time.format(ctx.now, 'iso', 'Europe/Rome') end"),
         "[2026-11-18T12:06:40+01:00]"},
        {POLICY("zones = {'Europe/Rome'}, filter = function(a, ctx) return time.within(ctx.now, 'Wed "
                "12:00-12:30', "
                "'Europe/Rome') and not time.within(ctx.now, 'Wed 12:00-12:30') end"),
         "judge: keep"},
        {POLICY("filter = function(a, ctx) return time.within(ctx.now, 'Wed', 'Europe/Rome') end"),
         "time: the zone \"Europe/Rome\" was not named; add zones = {\"Europe/Rome\"} to the policy"},
        {"local x = time.parts(0, 'Europe/Rome') return { api = 1, match = 'a=b', zones = {'Europe/Rome'} }",
         "at the top level of a file there is only UTC"},
        {"local x = time.parts(0).year return { api = 1, match = 'a=b', reasons = { y = tostring(x) } }",
         "policy: 10-payments"},
    };
    if (!rome.len)
        skip();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig_setup s = {.policies = {{"10-payments.lua", table[i].source, 0}},
                              .zones = {{"Europe/Rome", rome.data, rome.len}}};
        kit_expect_run(&s, kit_plain, NULL, table[i].want);
    }
}

/* Bytes that are no zone cost the policy its answer, and nobody the worker. */
static void a_zone_that_is_none(void **state)
{
    (void)state;
    struct rig_setup s = {
        .policies =
            {{"10-payments.lua",
              POLICY("zones = {'Europe/Rome'}, filter = function(a, ctx) return time.within(ctx.now, 'Wed', "
                     "'Europe/Rome') end"),
              0}},
        .zones = {{"Europe/Rome", "TZif2 and then nothing", 0}}};
    kit_expect_run(&s, kit_plain, NULL,
                   "judge: error policy.error [10-payments.lua:1: filter: time: there is no zone "
                   "\"Europe/Rome\" here]");
}

static void helpers_answer_hooks(void **state)
{
    (void)state;
    static const struct {
        const char *source, *want;
    } table[] = {
        {POLICY("retrigger = function(a, ctx) return cooldown(ctx, '4h') end"),
         "retrigger: now policy.retrigger [cooldown: the 4h since the last Task ended are over]"},
        {POLICY("filter = function(a) return match(a, 'team=\"payments\",severity=~\"crit.*\"'), 'no' end"),
         "judge: keep"},
        {POLICY("filter = function(a) return severity.at_least(a, 'critical') end"), "judge: keep"},
        {POLICY("key = function(a) return hash.fingerprint(a, {ignore = {'pod'}}) end"), "key="},
        {POLICY("title = function(a) return template.render('{{labels.alertname}} on {{labels.instance | "
                "default \"?\"}}', a) "
                "end"),
         "title=[HighErrorRate on ?]"},
        {POLICY("body = function(a, ctx) return report.body(a, ctx, {fence = false}) end"),
         "body=[alert: HighErrorRate\nfiring since: 2026-11-18T10:00:00Z\n\nsummary:"},
        {POLICY("body = function(a, ctx) return report.body(a, ctx, {intro = 'Look.'}) end"),
         "body=[Look.\n\nEverything between <alert-"},
        {POLICY("title = function() time.within, text.fence, match = nil, nil, nil return 'x' end, "
                "body = function() return tostring(time.within) end"),
         "body=[nil]"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        kit_expect_policy(table[i].source, kit_plain, table[i].want);
}

/* retrigger's three results, with a Task that has just ended. */
static void waiting_says_until_when(void **state)
{
    (void)state;
    const int64_t second = 1000000, now = INT64_C(1795000000) * second;
    struct rig_last last = {.task = "t",
                            .phase = TASK_FAILED,
                            .completed = now - 600 * second,
                            .created = now - 900 * second,
                            .starts_at = 1,
                            .attempts = 3};
    struct rig_setup s = {
        .policies = {{"a.lua", POLICY("retrigger = function(a, ctx) return cooldown(ctx, '1h') end"), 0}}};
    kit_expect_run(&s, kit_plain, &last,
                   "retrigger: at 1795003000 policy.retrigger [cooldown: 1h since the last Task ended: until "
                   "2026-11-18T11:56:40Z (50m from now)]");
    struct rig_setup b = {.policies = {{"a.lua",
                                        POLICY("reasons = { backoff = 'waits' }, retrigger = function(a, "
                                               "ctx) return backoff(ctx, '15m', '24h') end"),
                                        0}}};
    kit_expect_run(
        &b, kit_plain, &last,
        "retrigger: at 1795003000 policy.backoff [1h since the last Task ended: until 2026-11-18T11:56:40Z "
        "(50m from now)]");
}

/* A library that one policy ruins is whole in another, and in the chunks that the helpers themselves are. */
static void nobody_is_poisoned(void **state)
{
    (void)state;
    struct rig_setup s = {
        .policies = {
            {"a.lua",
             "for _, t in ipairs {text, time, hash, report, template, string, table, k8s, severity, "
             "duration} do\n"
             "  for name in next, t do t[name] = function() error('ruined') end end end\n"
             "return { api = 1, match = 'team=web' }",
             0},
            {"b.lua", POLICY("body = function(a, ctx) return report.body(a, ctx, {fence = false}) end"), 0}}};
    kit_expect_run(&s, kit_plain, NULL, "compose: ok title=[HighErrorRate] body=[alert: HighErrorRate\n");
    /* ... by itself, too: what report needs is its own */
    kit_expect_policy("local body = report.body\n"
                      "for _, t in ipairs {text, time, hash, report, string, table} do for name in next, t "
                      "do t[name] = nil end end\n"
                      "pairs, ipairs, next, math, text, string = nil, nil, nil, nil, nil, nil\n"
                      "return "
                      "{ api = 1, match = 'alertname!=\"\"', body = function(a, ctx) return body(a, ctx, "
                      "{fence = false}) end }",
                      kit_plain, "compose: ok title=[HighErrorRate] body=[alert: HighErrorRate\n");
}

/* The largest alert that there can be fits into a hook's budget, of memory and of instructions. */
static void large_alerts_fit(void **state)
{
    (void)state;
    struct buf json = {0};
    buf_adds(&json, "{\"annotations\":{\"description\":\"");
    while (json.len < 900 * 1024)
        buf_adds(&json, "password=\\u001b[31m\\n, ");
    buf_adds(&json,
             "\"},\"fingerprint\":\"a1b2c3d4e5f60718\",\"startsAt\":\"2026-11-18T10:00:00Z\",\"status\":"
             "{\"state\":\"active\"},\"labels\":{\"alertname\":\"A\"}}");
    struct rig_setup s = {
        .policies = {{"a.lua",
                      POLICY("body = function(a, ctx) return report.body(a, ctx) end, "
                             "title = function(a) return hash.hex(text.redact(a.annotations.description)) .. "
                             "#text.fence(a.annotations.description) .. hash.fingerprint(a) end"),
                      0}}};
    char *got = kit_run(&s, json.data, NULL, true);
    kit_expect(got, "compose: ok");
    kit_expect(got, "\n[truncated]\n</alert-");
    assert_null(strstr(got, "fallback"));
    free(got);
    buf_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_come_from_the_engine), cmocka_unit_test(a_zone_that_is_none),
        cmocka_unit_test(helpers_answer_hooks),       cmocka_unit_test(waiting_says_until_when),
        cmocka_unit_test(nobody_is_poisoned),         cmocka_unit_test(large_alerts_fit),
    };
    return cmocka_run_group_tests(tests, read_rome, free_rome);
}

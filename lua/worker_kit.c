#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "base/mem.h"
#include "tasks/store.h"

#include <stdlib.h>

const char kit_plain[] =
    ALERT("\"alertname\":\"HighErrorRate\",\"severity\":\"critical\",\"team\":\"payments\"",
          "\"summary\":\"errors are up\",\"description\":\"5 % of requests\"");

const struct rig_last kit_finished = {
    .task = "t", .phase = TASK_SUCCEEDED, .completed = 1, .created = 1, .starts_at = 1, .attempts = 3};

char *kit_run(const struct rig_setup *setup, const char *alert, const struct rig_last *last,
                        bool compose)
{
    struct rig r = {0};
    struct buf text = {0};
    rig_start(&r);
    rig_ready(&r, setup, &text);
    rig_judge(&r, &alert, 1, &text);
    if (last)
        rig_retrigger(&r, alert, last, &text);
    if (compose)
        rig_compose(&r, alert, NULL, &text);
    rig_stop(&r);
    return buf_take(&text);
}

void kit_expect(const char *got, const char *want)
{
    if (!strstr(got, want))
        fail_msg("\n  expected: %s\n  in:       %s", want, got);
}

void kit_expect_run(const struct rig_setup *setup, const char *alert, const struct rig_last *last,
                       const char *want)
{
    char *got = kit_run(setup, alert, last, strstr(want, "compose:") != NULL);
    kit_expect(got, want);
    free(got);
}

void kit_expect_policy(const char *source, const char *alert, const char *want)
{
    struct rig_setup s = {.policies = {{"10-payments.lua", source, 0}}};
    char *got = kit_run(&s, alert, &kit_finished, true);
    kit_expect(got, want);
    free(got);
}

void kit_expect_filter(const struct rig_setup *setup, const char *statement, const char *want)
{
    char *source = xasprintf("return { api = 1, match = 'alertname!=\"\"', filter = function(alert, ctx, super)\n%s end }",
                             statement);
    struct rig_setup s = *setup;
    s.policies[0].file = "a.lua";
    s.policies[0].source = source;
    char *got = kit_run(&s, kit_plain, NULL, false);
    if (!strstr(got, want))
        fail_msg("\n  of:       %s\n  expected: %s\n  in:       %s", statement, want, got);
    free(got);
    free(source);
}

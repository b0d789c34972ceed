/* How long the real worker takes for many alerts: bench_worker [ALERTS]. One line per policy: nanoseconds an
 * alert (wall clock from the question to the last answer, pipes included), and the worker's peak memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lua/worker_rig.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256 };

static const char medium[] =
    "return policy.extend(policy.base, {\n"
    "  api = 1, name = 'payments', match = 'alertname!=\"\",severity=~\"critical|warning\"',\n"
    "  reasons = { noise = 'below paging threshold' },\n"
    "  filter = function(alert, ctx, super)\n"
    "    if alert.labels.severity == 'info' or alert:label('env', 'prod') ~= 'prod' then return false, "
    "'noise' end\n"
    "    if alert:matches('namespace=~\"kube-.*\"') then return false, 'noise' end\n"
    "    if ctx.now - alert.starts_at < 60 then return false, 'noise' end\n"
    "    return super()\n"
    "  end,\n"
    "  key = function(alert) return alert.name .. '/' .. alert:label('namespace', '') .. '/' .. "
    "alert:label('pod', '') end,\n"
    "  priority = function(alert, ctx, super)\n"
    "    if alert.labels.severity == 'critical' then return 0 end\n"
    "    return super()\n"
    "  end,\n"
    "})\n";

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long peak_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

static void measure(const char *what, const struct rig_setup *setup, size_t n)
{
    struct rig r = {0};
    struct buf b = {0}, text = {0};
    size_t mark = wire_begin(&b, WIRE_JUDGE);
    wire_u32(&b, BATCH);
    for (uint32_t i = 0; i < BATCH; i++) {
        char *json = xasprintf(
            "{\"annotations\":{\"description\":\"Pod payments/api-%u has been OOM killed 3 times in the last "
            "10 minutes.\","
            "\"runbook_url\":\"https://runbooks.example.com/oom\",\"summary\":\"Container OOM killed\"},"
            "\"endsAt\":\"2026-11-18T10:05:00.000Z\",\"fingerprint\":\"%016x\",\"receivers\":[{\"name\":"
            "\"oncall\"}],"
            "\"startsAt\":\"2026-11-18T10:00:00.123Z\",\"status\":{\"inhibitedBy\":[],\"silencedBy\":[],"
            "\"state\":\"active\"},"
            "\"updatedAt\":\"2026-11-18T10:01:00.000Z\",\"generatorURL\":\"http://prometheus/"
            "graph?g0.expr=x\","
            "\"labels\":{\"alertname\":\"ContainerOOMKilled\",\"cluster\":\"eu-1\",\"container\":\"api\","
            "\"instance\":\"10.0.0.%u:9100\",\"job\":\"kubelet\",\"namespace\":\"payments\",\"pod\":\"api-%"
            "u\","
            "\"severity\":\"critical\",\"team\":\"payments\"}}",
            i, i + 1, i % 250, i);
        rig_add_alert(&b, i, json);
        rig_write_seen(&b, NULL);
        free(json);
    }
    wire_end(&b, mark);
    double start = seconds();
    rig_start(&r);
    rig_ready(&r, setup, &text);
    double ready = seconds();
    for (size_t done = 0; done < n; done += BATCH)
        if (!rig_exchange(&r, &b, WIRE_DONE))
            printf("the worker died: %s\n", r.stderr_text.data);
    double end = seconds();
    n = (n + BATCH - 1) / BATCH * BATCH;
    printf("%-28s %7.0f ns an alert, start and load %.2f ms, peak %ld KiB\n", what,
           (end - ready) / (double)n * 1e9, (ready - start) * 1e3, peak_kib(r.pid));
    buf_free(&text);
    buf_free(&b);
    rig_stop(&r);
}

/* ctx.firing over a poll of n different alerts: what it costs to hand them over and to count. */
static void measure_firing(const char *what, const char *filter, size_t n)
{
    char *source = xasprintf(
        "return { api = 1, match = 'alertname!=\"\"', filter = function(alert, ctx) %s end }", filter);
    struct rig_setup setup = {.prompt = "x", .policies = {{"10-nodes.lua", source, 0}}};
    struct rig r = {0};
    struct buf b = {0}, text = {0}, asked = {0};
    size_t judge = wire_begin(&asked, WIRE_JUDGE);
    wire_u32(&asked, BATCH);
    rig_start(&r);
    rig_ready(&r, &setup, &text);
    double handed = 0;
    for (size_t i = 0; i < n; i += BATCH) {
        buf_clear(&b);
        size_t mark = wire_begin(&b, WIRE_SURVEY);
        wire_u32(&b, BATCH);
        for (size_t k = i; k < i + BATCH; k++) {
            struct buf one = {0};
            char *json = xasprintf(
                "{\"annotations\":{},\"fingerprint\":\"%016zx\",\"startsAt\":\"2026-11-18T10:00:00.123Z\","
                "\"status\":{\"state\":\"active\"},\"labels\":{\"alertname\":\"A%zu\",\"cluster\":\"eu-1\","
                "\"container\":\"api\",\"instance\":\"10.0.%zu.%zu:9100\",\"job\":\"kubelet\",\"namespace\":"
                "\"n%zu\",\"pod\":\"api-7c9d8f5b6-%zu\",\"severity\":\"critical\",\"team\":\"t%zu\"}}",
                k + 1, k % 300, k / 250 % 250, k % 250, k % 500, k, k % 40);
            rig_add_alert(&one, (uint32_t)k, json);
            buf_add(&b, one.data + 4, one.len - 4);
            if (k < BATCH) {
                buf_add(&asked, one.data, one.len);
                rig_write_seen(&asked, NULL);
            }
            buf_free(&one);
            free(json);
        }
        wire_end(&b, mark);
        double before = seconds();
        if (!rig_exchange(&r, &b, WIRE_DONE))
            printf("the worker died: %s\n", r.stderr_text.data);
        handed += seconds() - before;
    }
    wire_end(&asked, judge);
    double start = seconds();
    if (!rig_exchange(&r, &asked, WIRE_DONE))
        printf("the worker died: %s\n", r.stderr_text.data);
    printf("%-28s %7.0f ns to hand one over, %7.0f ns to judge one, peak %ld KiB\n", what,
           handed / (double)n * 1e9, (seconds() - start) / BATCH * 1e9, peak_kib(r.pid));
    free(source);
    buf_free(&b);
    buf_free(&text);
    buf_free(&asked);
    rig_stop(&r);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    struct rig_setup none = {.prompt = "x"};
    struct rig_setup ranked = {.prompt = "x",
                               .priority_labels = {"severity=warning", "tier", "severity=critical"}};
    struct rig_setup own = {.prompt = "x", .policies = {{"10-payments.lua", medium, 0}}};
    struct rig_setup named = {.prompt = "{{.Title}}", .name = "{{.Alert.labels.pod}}-{{.Fingerprint}}"};
    measure("default policy", &none, n);
    measure("default, 3 priorityLabels", &ranked, n);
    measure("medium policy", &own, n);
    measure("default, nameTemplate", &named, n);
    struct rig_setup by_id = {.prompt = "x", .name = "oncall-{{.ID}}"};
    measure("default, nameTemplate {{.ID}}", &by_id, n);
    measure_firing("ctx.firing by alertname",
                   "return ctx.firing('alertname=A7,namespace=\"' .. alert.labels.namespace .. '\"') == 0",
                   n);
    measure_firing("ctx.firing over all", "return ctx.firing('pod=~\".*' .. alert.labels.pod .. '\"') == 0",
                   n);
    return 0;
}

/* The registry, and what it writes. promtool reads the whole of it in e2e_metrics. */
#include "metrics/metrics.h"

#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static char *written(struct metrics *m)
{
    struct buf b = {0};
    metrics_write(m, &b);
    return buf_take(&b);
}

static void expect(struct metrics *m, const char *line, bool there)
{
    char *text = written(m), *whole = xasprintf("\n%s\n", line);
    if ((strstr(text, whole) != NULL) != there)
        fail_msg("%s: %s in\n%s", line, there ? "is not" : "is", text);
    free(text);
    free(whole);
}

static void counters_and_gauges(void **state)
{
    (void)state;
    struct metrics *m = metrics_create();
    expect(m, "alertspawner_worker_starts_total 0", true); /* is there before anything happens */
    metrics_add(m, METRIC_TASKS_CREATED, 1, LABELS("default", "a"));
    metrics_add(m, METRIC_TASKS_CREATED, 2, LABELS("default", "b"));
    metrics_add(m, METRIC_TASKS_CREATED, 3, LABELS("default", "a"));
    metrics_set(m, METRIC_ALERTS, 12.5, LABELS("default", "a"));
    metrics_set(m, METRIC_ALERTS, 7, LABELS("default", "a"));
    expect(m, "kelos_spawner_tasks_created_total{namespace=\"default\",taskspawner=\"a\"} 4", true);
    expect(m, "kelos_spawner_tasks_created_total{namespace=\"default\",taskspawner=\"b\"} 2", true);
    expect(m, "alertspawner_alerts{namespace=\"default\",taskspawner=\"a\"} 7", true);
    expect(m, "# TYPE kelos_spawner_tasks_created_total counter", true);
    metrics_add(NULL, METRIC_TASKS_CREATED, 1, LABELS("x", "y")); /* nobody counts */
    metrics_clear(m, METRIC_ALERTS);
    expect(m, "alertspawner_alerts{namespace=\"default\",taskspawner=\"a\"} 7", false);
    metrics_free(&m);
}

static void values_are_escaped(void **state)
{
    (void)state;
    struct metrics *m = metrics_create();
    metrics_add(m, METRIC_POLICY_ERRORS, 1, LABELS("a\"b\\c\nd", "filter", "error"));
    expect(m, "alertspawner_policy_errors_total{policy=\"a\\\"b\\\\c\\nd\",hook=\"filter\",kind=\"error\"} 1", true);
    /* values are told apart by where one ends */
    metrics_add(m, METRIC_POLICY_ERRORS, 1, LABELS("ab", "c", "d"));
    metrics_add(m, METRIC_POLICY_ERRORS, 1, LABELS("a", "bc", "d"));
    expect(m, "alertspawner_policy_errors_total{policy=\"ab\",hook=\"c\",kind=\"d\"} 1", true);
    expect(m, "alertspawner_policy_errors_total{policy=\"a\",hook=\"bc\",kind=\"d\"} 1", true);
    metrics_free(&m);
}

static void histograms(void **state)
{
    (void)state;
    struct metrics *m = metrics_create();
    const double values[] = {0.05, 0.1, 0.100001, 2, 59.5, 1000};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        metrics_observe(m, METRIC_DISCOVERY_SECONDS, values[i], LABELS("n", "s"));
#define H "kelos_spawner_discovery_duration_seconds"
#define L "namespace=\"n\",taskspawner=\"s\""
    expect(m, H "_bucket{" L ",le=\"0.1\"} 2", true); /* a bucket's bound belongs to it */
    expect(m, H "_bucket{" L ",le=\"0.5\"} 3", true);
    expect(m, H "_bucket{" L ",le=\"1\"} 3", true);
    expect(m, H "_bucket{" L ",le=\"2\"} 4", true);
    expect(m, H "_bucket{" L ",le=\"60\"} 5", true);
    expect(m, H "_bucket{" L ",le=\"120\"} 5", true);
    expect(m, H "_bucket{" L ",le=\"+Inf\"} 6", true);
    expect(m, H "_count{" L "} 6", true);
    expect(m, H "_sum{" L "} 1061.750001", true);
    metrics_free(&m);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } rows[] = {{0, "0"}, {-1, "-1"}, {1.5, "1.5"}, {1e9, "1000000000"}, {1795764425.25, "1795764425.25"}, {1e-7, "1e-07"},
                {INFINITY, "+Inf"}, {-INFINITY, "-Inf"}, {NAN, "NaN"}, {9007199254740992.0, "9.00719925474099e+15"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct metrics *m = metrics_create();
        char *line = xasprintf("alertspawner_leader %s", rows[i].text);
        metrics_set(m, METRIC_LEADER, rows[i].v, NO_LABELS);
        expect(m, line, true);
        free(line);
        metrics_free(&m);
    }
}

static void spawners_have_a_ceiling(void **state)
{
    (void)state;
    struct metrics *m = metrics_create();
    char name[24];
    for (int i = 0; i < METRICS_SPAWNERS_MAX + 3; i++) {
        snprintf(name, sizeof name, "s%d", i);
        struct spawner_labels l = metrics_spawner(m, "ns", name);
        metrics_add(m, METRIC_TASKS_CREATED, 1, LABELS(l.ns, l.name));
        metrics_add(m, METRIC_DECISIONS, 1, LABELS(l.ns, l.name, "create", "create.new"));
    }
    expect(m, "kelos_spawner_tasks_created_total{namespace=\"ns\",taskspawner=\"s499\"} 1", true);
    expect(m, "kelos_spawner_tasks_created_total{namespace=\"ns\",taskspawner=\"s500\"} 1", false);
    expect(m, "kelos_spawner_tasks_created_total{namespace=\"other\",taskspawner=\"other\"} 3", true);
    /* one goes, with all it had, and only it; its place is another's */
    metrics_forget_spawner(m, "ns", "s4");
    expect(m, "kelos_spawner_tasks_created_total{namespace=\"ns\",taskspawner=\"s4\"} 1", false);
    expect(m, "alertspawner_decisions_total{namespace=\"ns\",taskspawner=\"s4\",verdict=\"create\",reason=\"create.new\"} 1",
           false);
    expect(m, "kelos_spawner_tasks_created_total{namespace=\"ns\",taskspawner=\"s40\"} 1", true);
    expect(m, "kelos_spawner_tasks_created_total{namespace=\"ns\",taskspawner=\"s499\"} 1", true);
    assert_string_equal(metrics_spawner(m, "ns", "s502").name, "s502");
    /* what went is new when it comes again, and found again */
    metrics_forget_spawner(m, "ns", "s5");
    for (int i = 0; i < 2; i++)
        metrics_add(m, METRIC_TASKS_CREATED, 1, LABELS("ns", metrics_spawner(m, "ns", "s4").name));
    expect(m, "kelos_spawner_tasks_created_total{namespace=\"ns\",taskspawner=\"s4\"} 2", true);
    metrics_forget_spawner(m, "ns", "never seen");
    metrics_free(&m);
}

static void other_values_have_a_ceiling(void **state)
{
    (void)state;
    struct metrics *m = metrics_create();
    char name[24];
    for (int i = 0; i < METRICS_POLICIES_MAX; i++) {
        snprintf(name, sizeof name, "p%d", i);
        assert_string_equal(metrics_policy(m, name), name);
    }
    assert_string_equal(metrics_policy(m, "one more"), "other");
    assert_string_equal(metrics_policy(m, "p7"), "p7");
    for (int i = 0; i < METRICS_REASONS_MAX; i++) {
        snprintf(name, sizeof name, "policy.r%d", i);
        assert_string_equal(metrics_reason(m, name), name);
    }
    assert_string_equal(metrics_reason(m, "policy.more"), "policy.*");
    /* label sets, too */
    for (int i = 0; i < METRICS_SERIES_MAX + 2; i++) {
        snprintf(name, sizeof name, "%d", i);
        metrics_add(m, METRIC_HTTP_REQUESTS, 1, LABELS("/", name));
    }
    expect(m, "alertspawner_metrics_dropped_total 2", true);
    metrics_free(&m);
}

static void collect(void *arg, struct metrics *m)
{
    metrics_set(m, METRIC_SPAWNERS, ++*(int *)arg, NO_LABELS);
}

static void collectors(void **state)
{
    (void)state;
    struct metrics *m = metrics_create();
    int n = 40;
    metrics_on_collect(m, collect, &n);
    expect(m, "alertspawner_spawners 41", true);
    expect(m, "alertspawner_spawners 42", true);
    metrics_free(&m);
}

static double number_of(const char *text, const char *name)
{
    char *lead = xasprintf("\n%s ", name);
    const char *at = strstr(text, lead);
    assert_non_null(at);
    double v = strtod(at + strlen(lead), NULL);
    free(lead);
    return v;
}

static void the_process(void **state)
{
    (void)state;
    struct metrics *m = metrics_create();
    for (volatile int i = 0; i < 50000000; i++) {
    }
    metrics_process(m);
    char *text = written(m);
    assert_true(number_of(text, "process_cpu_seconds_total") > 0);
    assert_true(number_of(text, "process_resident_memory_bytes") > 100000);
    assert_true(number_of(text, "process_virtual_memory_bytes") > number_of(text, "process_resident_memory_bytes"));
    assert_true(number_of(text, "process_open_fds") >= 3);
    assert_true(number_of(text, "process_max_fds") >= 64);
    double age = (double)time(NULL) - number_of(text, "process_start_time_seconds");
    assert_true(age > -2 && age < 600);
    free(text);
    metrics_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_and_gauges), cmocka_unit_test(values_are_escaped),
        cmocka_unit_test(histograms),          cmocka_unit_test(numbers),
        cmocka_unit_test(spawners_have_a_ceiling), cmocka_unit_test(other_values_have_a_ceiling),
        cmocka_unit_test(collectors),          cmocka_unit_test(the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* bench-judge WORKER [ALERTS]: time and memory of judging that many alerts with the default policy, for one
 * cycle. */
#include "policy/judge.h"

#include "base/mem.h"
#include "spawner/spawner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static long rss_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    if (f != NULL)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void fill(struct alert_set *set, int n)
{
    struct buf b = {0};
    struct err e = {0};
    for (int i = 0; i < n; i++) {
        buf_clear(&b);
        buf_addf(&b,
                 "{\"labels\":{\"alertname\":\"PodOOM%d\",\"namespace\":\"ns%d\",\"pod\":\"api-%d\","
                 "\"severity\":\"critical\"},"
                 "\"annotations\":{\"summary\":\"pod api-%d was killed\",\"description\":\"%0700d\"},"
                 "\"fingerprint\":\"%016x\",\"startsAt\":\"2026-11-22T08:15:30Z\",\"status\":{\"state\":"
                 "\"active\","
                 "\"silencedBy\":[],\"inhibitedBy\":[]}}",
                 i % 50, i % 100, i, i, 0, i + 1);
        if (alert_set_add(set, NULL, b.data, b.len, &e) != 0) {
            fprintf(stderr, "%s\n", e.msg);
            exit(1);
        }
    }
    buf_free(&b);
}

static void on_done(void *arg, const struct err *e)
{
    if (e != NULL)
        fprintf(stderr, "%s\n", e->msg);
    uv_stop(arg);
}

int main(int argc, char **argv)
{
    int n = argc > 2 ? atoi(argv[2]) : 100000;
    struct err e = {0};
    uv_loop_t loop;
    struct worker_pool *pool;
    struct judge *j;
    uv_loop_init(&loop);
    if (argc < 2 || worker_pool_create(&loop, argv[1], 1, &pool, &e) != 0) {
        fprintf(stderr, "usage: bench-judge WORKER [ALERTS] %s\n", e.msg);
        return 2;
    }
    struct spawner spawner = {.name = (char *)"bench",
                              .ns = (char *)"default",
                              .prompt_template = (char *)"{{.Body}}",
                              .name_template = (char *)"{{.Title}}-{{.Fingerprint}}",
                              .poll_interval_us = 120 * MOMENT_SECOND};
    struct judge_setup setup = {.spawner = &spawner,
                                .set = alert_set_create(),
                                .now = moment_now(),
                                .limits = judge_limits_default()};
    fill(setup.set, n);
    long before = rss_kib();
    uint64_t start = uv_hrtime();
    if (judge_start(pool, &setup, on_done, &loop, &j, &e) != 0)
        return 1;
    uv_run(&loop, UV_RUN_DEFAULT);
    uint64_t took = uv_hrtime() - start;
    long after = rss_kib();
    size_t kept = 0;
    for (int i = 0; i < n; i++)
        kept += judge_at(j, (size_t)i)->answer == JUDGED_KEEP && judge_at(j, (size_t)i)->identity != 0;
    for (size_t i = 0; i < judge_notes(j); i++)
        printf("note: %s\n", judge_note(j, i));
    judge_free(&j);
    worker_pool_free(&pool);
    uv_run(&loop, UV_RUN_DEFAULT);
    struct rusage self, worker;
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &worker);
    printf("%d alerts, %zu kept, %.2f s (%.2f us each); engine %ld KiB with the alerts, %ld KiB judged, peak "
           "%ld KiB; "
           "largest worker %ld KiB\n",
           n, kept, (double)took / 1e9, (double)took / 1e3 / n, before, after, self.ru_maxrss,
           worker.ru_maxrss);
    alert_set_free(&setup.set);
    return uv_loop_close(&loop) == 0 && kept == (size_t)n ? 0 : 1;
}

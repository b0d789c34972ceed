/* One whole poll of a server: time, counts and peak memory of the process, libcurl included.
 *
 *   build/release/bench_poll URL [CA_FILE]
 *
 * Every alert is kept. */
#include "alerts/poll.h"
#include "net/http.h"

#include <stdio.h>
#include <sys/resource.h>

static int status;

static void on_done(void *arg, struct alert_set *set, const struct err *e)
{
    struct http_client **client = arg;
    if (e != NULL)
        fprintf(stderr, "%s: %s\n", err_kind_name(e->kind), e->msg);
    else
        printf("%zu alerts, %zu kept\n", alert_set_len(set), alert_set_kept(set));
    status = e != NULL;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("CPU %.0f ms, peak RSS %.1f MiB\n",
           (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3,
           (double)u.ru_maxrss / 1024);
    alert_set_free(&set);
    http_client_free(client);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_poll URL [CA_FILE]\n");
        return 2;
    }
    uv_loop_t *loop = uv_default_loop();
    struct http_client *client;
    struct selector all = {0};
    struct err e;
    const struct http_client_options http = {.user_agent = "alertspawner/" AS_VERSION,
                                             .ca_file = argc > 2 ? argv[2] : NULL};
    struct poll_options o = {
        .url = argv[1], .selector = &all, .max_bytes = 1u << 30, .timeout_us = 60 * MOMENT_SECOND};
    if (http_client_create(loop, &http, &client, &e) != 0 || poll_start(client, &o, on_done, &client, NULL, &e) != 0) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    return status;
}

/* GET /metrics: see scrape.h. */
#include "api/scrape.h"

#include <stdio.h>

static void get_metrics(void *arg, struct http_exchange *x)
{
    struct buf b = {0};
    metrics_write(arg, &b);
    http_exchange_answer(x, 200, METRICS_CONTENT_TYPE, &b);
}

static void on_seen(void *arg, const char *route, int status, int64_t took_us)
{
    char code[16];
    (void)took_us;
    snprintf(code, sizeof code, "%d", status);
    metrics_add(arg, METRIC_HTTP_REQUESTS, 1, LABELS(route, code));
}

void scrape_route(struct http_server *s, struct metrics *m)
{
    http_server_route(s, &(struct http_route){"/metrics", "for Prometheus", false, get_metrics, m});
    http_server_on_seen(s, on_seen, m);
}

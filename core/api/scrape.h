/* GET /metrics. */
#pragma once

#include "metrics/metrics.h"
#include "net/server.h"

/* Also counts what the server answers. */
void scrape_route(struct http_server *s, struct metrics *m);

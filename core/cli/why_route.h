/* GET /api/v1/why/FINGERPRINT|ALERTNAME[?namespace=&spawner=&trace=1] of a running engine: see spawner/why.h. One question is
 * answered after the other, so that no more than one plan is in memory; a few may wait. */
#pragma once

#include "spawner/cycle.h"

struct http_server;
struct watches;
struct why_route;

/* Adds the route. `env` and `watches` outlive it. */
struct why_route *why_route_create(struct http_server *server, const struct cycle_env *env, struct watches *watches);
/* Questions that wait are given up; the server is closed before, so that nobody is owed an answer. The loop must run on. */
void why_route_free(struct why_route **r);

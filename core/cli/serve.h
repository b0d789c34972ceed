/* What a running engine tells over HTTP: the server with its routes, on the Unix socket beside the store and on the
 * address of --listen. Other parts add their routes to serve_server and their conditions to serve_health. */
#pragma once

#include "cli/engine.h"
#include "cli/options.h"

struct serve;
struct health;
struct http_server;
struct watches;

/* Makes server, health and what is collected for metrics; nothing listens yet. */
struct serve *serve_create(struct engine *engine);
struct http_server *serve_server(struct serve *s);
struct health *serve_health(struct serve *s);
/* Whose spawners health and metrics speak of; they outlive it. */
void serve_watches(struct serve *s, const struct watches *watches);
/* Listens: on <store>.sock for a local store (what goes wrong there is logged, the engine goes on without), and on
 * --listen: without it :8080 in a cluster with --store kube, else 127.0.0.1:8080, where a port that is taken is said and
 * nothing more; "" or "none": not at all. -1: an address that was asked for cannot be had. */
int serve_start(struct serve *s, const struct options *o, const char *store_path, struct err *e);
void serve_free(struct serve **s); /* the loop must run on */

/* The engine's HTTP interface, wired: see serve.h. */
#include "cli/serve.h"

#include "api/health.h"
#include "api/index.h"
#include "api/scrape.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cluster.h"
#include "cli/serve_watch.h"
#include "net/server.h"

#include <stdlib.h>
#include <string.h>

struct serve {
    struct http_server *server;
    struct health *health;
    struct serve_watch watch;
};

struct serve *serve_create(struct engine *engine)
{
    struct serve *s = xcalloc(1, sizeof *s);
    http_server_create(&engine->loop, &s->server);
    s->health = health_create(&engine->loop);
    s->watch = (struct serve_watch){.engine = engine, .health = s->health};
    serve_watch_start(&s->watch);
    index_route(s->server);
    health_routes(s->health, s->server);
    scrape_route(s->server, engine->metrics);
    return s;
}

struct http_server *serve_server(struct serve *s)
{
    return s->server;
}

struct health *serve_health(struct serve *s)
{
    return s->health;
}

void serve_watches(struct serve *s, const struct watches *watches)
{
    s->watch.watches = watches;
}

static bool in_cluster(const struct options *o)
{
    return cluster_wanted(o) && getenv("KUBERNETES_SERVICE_HOST") != NULL;
}

static int listen_tcp_by(struct serve *s, const struct options *o, struct err *e)
{
    const char *address = o->listen != NULL ? o->listen : in_cluster(o) ? ":8080" : "127.0.0.1:8080";
    if (address[0] == '\0' || strcmp(address, "none") == 0)
        return 0;
    char *url = NULL;
    if (http_server_listen_tcp(s->server, address, &url, e) == 0) {
        log_info(NULL, "metrics and health: %s/metrics, %s/healthz", url, url);
        free(url);
        return 0;
    }
    if (o->listen != NULL || in_cluster(o))
        return err_wrap(e, "--listen");
    log_info(NULL, "%s; going on without it (--listen names another address, --listen none none)", e->msg);
    return 0;
}

int serve_start(struct serve *s, const struct options *o, const char *store_path, struct err *e)
{
    if (store_path != NULL) {
        struct err why;
        char *path = xasprintf("%s.sock", store_path);
        if (http_server_listen_unix(s->server, path, &why) != 0)
            log_warn(NULL, "no socket for questions beside the store: %s", why.msg);
        free(path);
    }
    return listen_tcp_by(s, o, e);
}

void serve_free(struct serve **serve)
{
    struct serve *s = *serve;
    *serve = NULL;
    if (s == NULL)
        return;
    http_server_free(&s->server);
    health_free(&s->health);
    free(s);
}

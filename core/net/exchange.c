/* A request and its answer: see server.h. libmicrohttpd calls exchange_on_request when the headers are there and again when
 * the request is complete; a route is asked the second time. One that does not answer at once suspends the connection;
 * the answer resumes it, and libmicrohttpd calls once more. */
#include "net/server_private.h"

#include "base/mem.h"
#include "net/guard.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct http_exchange {
    struct http_connection *connection; /* NULL: the client is gone, and nobody was told */
    const struct http_route *route;     /* NULL: none fits */
    char *path;
    uint64_t began;                     /* uv_hrtime */
    bool refused;                       /* before a route was asked */
    bool asked, suspended;
    bool answered;                      /* `status` and `body` are set */
    bool released;                      /* by its route: it has answered, or was told that nobody waits */
    int status;
    const char *content_type;
    struct buf body;
    void (*gone)(void *arg, struct http_exchange *x);
    void *gone_arg;
    uv_poll_t *watch;                   /* of the client, while suspended */
};

/* ---- what a request says ---- */

const char *http_exchange_path(const struct http_exchange *x)
{
    return x->path;
}

const char *http_exchange_rest(const struct http_exchange *x)
{
    return x->path + strlen(x->route->path);
}

const char *http_exchange_query(const struct http_exchange *x, const char *name)
{
    if (x->connection == NULL)
        return NULL;
    const char *value = NULL;
    size_t len = 0;
    if (MHD_lookup_connection_value_n(x->connection->mhd, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &len) !=
        MHD_YES)
        return NULL;
    return value != NULL ? value : "";
}

static const char *header(const struct http_connection *c, const char *name)
{
    return MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, name);
}

const char *http_exchange_header(const struct http_exchange *x, const char *name)
{
    return x->connection != NULL ? header(x->connection, name) : NULL;
}

/* ---- the client, while it waits ---- */

static void on_watch_closed(uv_handle_t *h)
{
    free(h);
}

static void unwatch(struct http_exchange *x)
{
    if (x->watch != NULL)
        uv_close((uv_handle_t *)x->watch, on_watch_closed);
    x->watch = NULL;
}

static void tell_gone(struct http_exchange *x)
{
    if (x->released || x->gone == NULL)
        return; /* it has answered, or will */
    x->released = true;
    x->gone(x->gone_arg, x);
}

static void resume(struct http_exchange *x)
{
    unwatch(x);
    x->suspended = false;
    MHD_resume_connection(x->connection->mhd);
    listener_run_soon(x->connection->listener);
}

static void set_error(struct http_exchange *x, int status, const char *sentence)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "error", sentence);
    char *text = cJSON_PrintUnformatted(o);
    buf_clear(&x->body);
    buf_addf(&x->body, "%s\n", text);
    free(text);
    cJSON_Delete(o);
    x->status = status;
    x->content_type = HTTP_JSON;
    x->answered = true;
}

static void on_client(uv_poll_t *p, int status, int events)
{
    (void)status, (void)events;
    struct http_exchange *x = p->data;
    set_error(x, 499, "the client went away"); /* for whoever counts; it cannot be sent */
    tell_gone(x);
    resume(x);
}

static void watch_client(struct http_exchange *x)
{
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(x->connection->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    uv_poll_t *p = xcalloc(1, sizeof *p);
    p->data = x;
    if (fd == NULL || uv_poll_init(x->connection->listener->server->loop, p, fd->connect_fd) != 0) {
        free(p); /* then its end is seen when the answer is sent */
        return;
    }
    x->watch = p;
    uv_poll_start(p, UV_DISCONNECT, on_client);
}

void exchange_time_out(struct http_exchange *x)
{
    if (!x->suspended)
        return;
    set_error(x, 504, "no answer within 30s: the engine is busy; ask again");
    tell_gone(x);
    resume(x);
}

void exchange_give_up(struct http_exchange *x)
{
    if (!x->suspended)
        return;
    set_error(x, 503, "the engine stops");
    tell_gone(x);
    resume(x);
}

/* ---- the answer ---- */

void http_exchange_on_gone(struct http_exchange *x, void (*gone)(void *arg, struct http_exchange *x), void *arg)
{
    x->gone = gone;
    x->gone_arg = arg;
}

static void exchange_free(struct http_exchange *x)
{
    buf_free(&x->body);
    free(x->path);
    free(x);
}

/* The route lets go: `x` lives on until libmicrohttpd has sent it. */
static void release(struct http_exchange *x)
{
    x->released = true;
    if (x->connection == NULL)
        exchange_free(x);
    else if (x->suspended)
        resume(x);
}

void http_exchange_answer(struct http_exchange *x, int status, const char *content_type, struct buf *body)
{
    if (!x->answered) { /* else a 504 has gone out already */
        buf_free(&x->body);
        x->body = *body;
        *body = (struct buf){0};
        x->status = status;
        x->content_type = content_type;
        x->answered = true;
    }
    buf_free(body);
    release(x);
}

void http_exchange_fail(struct http_exchange *x, int status, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = xstrdup("(sentence could not be formatted)");
    va_end(ap);
    if (!x->answered)
        set_error(x, status, text);
    free(text);
    release(x);
}

static void add_headers(struct MHD_Response *r, const struct http_exchange *x)
{
    static const char *const always[][2] = {
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Content-Security-Policy",
         "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
    };
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        MHD_add_response_header(r, always[i][0], always[i][1]);
    MHD_add_response_header(r, "Content-Type", x->content_type);
    if (x->status == 405)
        MHD_add_response_header(r, "Allow", "GET, HEAD");
    if (x->refused) /* its body, if there is one, is not read */
        MHD_add_response_header(r, "Connection", "close");
}

static enum MHD_Result send_answer(struct http_exchange *x)
{
    struct http_server *s = x->connection->listener->server;
    buf_reserve(&x->body, 0);
    struct MHD_Response *r = MHD_create_response_from_buffer(x->body.len, x->body.data, MHD_RESPMEM_MUST_FREE);
    if (r == NULL)
        return MHD_NO;
    x->body = (struct buf){0}; /* its bytes are the response's */
    add_headers(r, x);
    enum MHD_Result rc = MHD_queue_response(x->connection->mhd, (unsigned)x->status, r);
    MHD_destroy_response(r);
    x->connection->exchange = NULL;
    x->connection->deadline = uv_now(s->loop) + HTTP_SEND_MS;
    if (s->seen != NULL)
        s->seen(s->seen_arg, x->route != NULL ? x->route->path : "", x->status,
                (int64_t)((uv_hrtime() - x->began) / 1000));
    return rc;
}

/* ---- the request ---- */

static const struct http_route *find_route(const struct http_server *s, const char *path)
{
    const struct http_route *best = NULL;
    size_t best_len = 0;
    for (size_t i = 0; i < s->n_routes; i++) {
        size_t n = strlen(s->routes[i].path);
        bool below = n > 1 && s->routes[i].path[n - 1] == '/';
        if ((below ? strncmp(path, s->routes[i].path, n) == 0 && path[n] != '\0' : strcmp(path, s->routes[i].path) == 0) &&
            n > best_len) {
            best = &s->routes[i];
            best_len = n;
        }
    }
    return best;
}

static bool has_body(const struct http_connection *c)
{
    const char *length = header(c, "Content-Length");
    return header(c, "Transfer-Encoding") != NULL || (length != NULL && strcmp(length, "0") != 0);
}

/* A proxy on this machine (a service mesh's, beside us in the Pod) makes everybody look local; it says so. */
static bool came_through_a_proxy(const struct http_connection *c)
{
    static const char *const says[] = {"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via", "X-Envoy-External-Address",
                                       "X-Request-Id", "l5d-client-id", "l5d-dst-canonical"};
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        if (header(c, says[i]) != NULL)
            return true;
    return false;
}

static void refuse(struct http_exchange *x, int status, const char *sentence)
{
    x->refused = true;
    x->released = true;
    set_error(x, status, sentence);
}

/* Everything that can be said without a route. */
static void check(struct http_exchange *x, const char *method)
{
    const struct http_connection *c = x->connection;
    const struct http_server *s = c->listener->server;
    bool web = c->listener->unix_path == NULL; /* browsers do not reach a Unix socket */
    const char *host = header(c, "Host");
    if (web && !guard_host(host, (const char *const *)s->names))
        refuse(x, 403, "the name in Host is not one of this engine's: ask by address, as localhost, or by the name that "
                       "--listen gives");
    else if (web && !guard_origin(header(c, "Origin"), host, header(c, "Sec-Fetch-Site"), header(c, "Sec-Fetch-Mode")))
        refuse(x, 403, "another site's page may not read this");
    else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        refuse(x, 405, "there is only GET and HEAD here: this interface changes nothing");
    else if (has_body(c))
        refuse(x, 413, "a request here has no body");
    else if (x->route == NULL)
        refuse(x, 404, "there is nothing of this name; GET / lists what there is");
    else if (x->route->local && web && (!c->local || came_through_a_proxy(c)))
        refuse(x, 403, "this shows what alerts say, and is answered on this machine only: by the Unix socket, by "
                       "localhost, or through kubectl port-forward");
}

static struct http_exchange *exchange_create(struct http_connection *c, const char *url, const char *method)
{
    struct http_exchange *x = xcalloc(1, sizeof *x);
    x->connection = c;
    x->path = xstrdup(url);
    x->began = uv_hrtime();
    x->route = find_route(c->listener->server, url);
    c->exchange = x;
    c->deadline = uv_now(c->listener->server->loop) + HTTP_ANSWER_MS;
    check(x, method);
    return x;
}

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

enum MHD_Result exchange_on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
                                    const char *version, const char *upload, size_t *upload_size, void **cls)
{
    (void)arg, (void)version, (void)upload;
    struct http_exchange *x = *cls;
    if (x == NULL) {
        x = *cls = exchange_create(connection_of(mhd), url, method);
        return x->answered ? send_answer(x) : MHD_YES;
    }
    if (*upload_size > 0) { /* bytes that no header spoke of */
        *upload_size = 0;
        return MHD_YES;
    }
    if (!x->asked) {
        x->asked = true;
        x->route->get(x->route->arg, x);
    }
    if (x->answered)
        return send_answer(x);
    if (!x->suspended) {
        x->suspended = true;
        MHD_suspend_connection(mhd);
        watch_client(x);
    }
    return MHD_YES;
}

void exchange_on_completed(void *arg, struct MHD_Connection *mhd, void **cls, enum MHD_RequestTerminationCode why)
{
    (void)arg, (void)mhd, (void)why;
    struct http_exchange *x = *cls;
    if (x == NULL)
        return;
    *cls = NULL;
    struct http_connection *c = x->connection;
    unwatch(x);
    c->exchange = NULL;
    c->deadline = uv_now(c->listener->server->loop) + HTTP_REQUEST_MS; /* for the next one */
    tell_gone(x);
    x->connection = NULL;
    if (x->released)
        exchange_free(x);
}

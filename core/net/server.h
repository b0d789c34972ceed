/* A small HTTP/1.1 server on the loop, by libmicrohttpd and its epoll descriptor; no threads. One struct http_server has
 * one table of routes and any number of sockets: a Unix socket beside the store, an address of --listen.
 *
 * It only tells. There is GET and HEAD and nothing else: no request changes anything, none has a body. What a route
 * answers must hold no secret: no credential, no Secret's content, no policy-config.
 *
 * Who may ask: over the Unix socket whoever may open it (mode 0600). Over TCP everybody who reaches the port may ask the
 * public routes (metrics, health); those that show alert text are `local`: they are answered to peers on this machine
 * alone (127.0.0.1 and ::1: also `kubectl port-forward`, which connects inside of the Pod), and not through a proxy
 * that says that it is one. A page in a browser reads nothing: a
 * name in Host that a stranger's DNS could give (DNS rebinding) and another page's Origin are refused, see guard.h.
 *
 * Bounds: see the enum. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum {
    HTTP_CONNECTIONS = 64,           /* at once, each socket; more wait to be accepted */
    HTTP_CONNECTIONS_OF_ONE = 16,    /* ... from one IP address; more are closed: nobody keeps a probe from coming in */
    HTTP_HEAD_BYTES = 32 * 1024,     /* of a request's line and headers */
    HTTP_REQUEST_MS = 15 * 1000,     /* for a request to arrive; also how long an idle connection is kept */
    HTTP_ANSWER_MS = 30 * 1000,      /* for a route to answer: then 504 */
    HTTP_SEND_MS = 60 * 1000,        /* for a client to take the answer */
};

struct http_server;
struct http_exchange; /* a request that waits for its answer */

struct http_route {
    const char *path;    /* "/healthz"; or with "/" at its end, for everything below: "/api/v1/alerts/" */
    const char *summary; /* one line, for GET / */
    bool local;          /* shows what alerts say: only for peers on this machine */
    /* Called from the loop. Answers with http_exchange_answer or _fail, now or later; with later, http_exchange_on_gone
     * first. HEAD is asked as GET; the server leaves the body out. */
    void (*get)(void *arg, struct http_exchange *x);
    void *arg;
};

void http_server_create(uv_loop_t *loop, struct http_server **server_r);
/* Copies the row; its strings must live as long as the server. The longest path that fits a request wins. */
void http_server_route(struct http_server *s, const struct http_route *route);
/* A line for each route: path and summary. */
void http_server_list(const struct http_server *s, struct buf *out);

/* Listens on a Unix socket of mode 0600. What a dead engine left there is replaced; ERR_CONFLICT when somebody answers
 * on it, ERR_INVALID when it is no socket. Any length of path: only the last part has a limit. */
int http_server_listen_unix(struct http_server *s, const char *path, struct err *e);
/* "HOST:PORT", "[::1]:PORT", ":PORT" (every address, both families). Port 0: a free one. *url_r (free(); may be NULL)
 * is where it is. ERR_CONFLICT: the port is taken; ERR_USAGE: no address. */
int http_server_listen_tcp(struct http_server *s, const char *address, char **url_r, struct err *e);

/* Stops listening, removes the Unix socket, closes every connection; `gone` of what waits is called. The loop must run
 * on. */
void http_server_free(struct http_server **server);

/* ---- a request ---- */

/* The path as asked, decoded; for a route that ends in "/", what follows it. */
const char *http_exchange_path(const struct http_exchange *x);
const char *http_exchange_rest(const struct http_exchange *x);
/* The value of ?name=value, decoded; "" for a name without value; NULL when absent. The first of several. */
const char *http_exchange_query(const struct http_exchange *x, const char *name);
const char *http_exchange_header(const struct http_exchange *x, const char *name); /* or NULL */

/* The client went away, or HTTP_ANSWER_MS are over (it has got a 504), or the server closes: nobody waits any more and `x`
 * is gone after this call; do not answer. Without this a route that answers later must answer, whoever still waits. */
void http_exchange_on_gone(struct http_exchange *x, void (*gone)(void *arg, struct http_exchange *x), void *arg);

/* Answers; `x` is gone after this call. The body is taken (and emptied); content_type is a literal. */
void http_exchange_answer(struct http_exchange *x, int status, const char *content_type, struct buf *body);
/* {"error": "<sentence>"} and a newline. */
void http_exchange_fail(struct http_exchange *x, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define HTTP_JSON "application/json; charset=utf-8"
#define HTTP_TEXT "text/plain; charset=utf-8"
#define HTTP_HTML "text/html; charset=utf-8"

/* What was asked so far, for metrics: by route (its path; "" for what fits none) and status. */
typedef void http_seen_cb(void *arg, const char *route, int status, int64_t took_us);
void http_server_on_seen(struct http_server *s, http_seen_cb *seen, void *arg);

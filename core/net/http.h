/* HTTP requests by libcurl's multi interface on the loop. One struct http_request per question; the body is handed out
 * while it arrives and never kept here. No redirect is followed, no error quotes a body, and every socket is
 * close-on-exec (CURLOPT_OPENSOCKETFUNCTION). TLS with the system's CAs, --ca-file, or what stands in memory (tls.h);
 * proxies by the usual variables, or one for all. Connections are kept and used again; a dead peer is noticed within half
 * a minute (TCP keep-alive and user timeout). */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http_client;

struct http_tls; /* net/tls.h */

struct http_client_options {
    const char *ca_file;    /* NULL: the system's */
    const char *user_agent; /* "alertspawner/0.1.0" */
    const struct http_tls *tls; /* NULL: nothing special; copied */
    const char *proxy_url;  /* NULL: http_proxy, https_proxy, no_proxy */
    bool http1;             /* never HTTP/2: each transfer has a connection of its own, which a time-out closes */
    unsigned per_server;    /* connections to one host and port at once, the others wait (their time runs); 0: any number */
};
int http_client_create(uv_loop_t *loop, const struct http_client_options *options, struct http_client **client_r,
                       struct err *e);
/* Cancels what is in flight (their on_done is called with ERR_CONFLICT first) and closes the handles; the loop must
 * run on until it is empty. */
void http_client_free(struct http_client **client);
/* For requests from now on: certificates that have rotated. */
void http_client_set_tls(struct http_client *client, const struct http_tls *tls);

struct http_response {
    long status;              /* 0 when there was no answer */
    const char *content_type; /* "" when absent; lower case, without parameters */
    int64_t retry_after_s;    /* Retry-After, as seconds from now; -1: absent */
};

struct http_handler {
    /* Status and headers are known; return -1 with `e` set to give up here (before a byte of the body). May be NULL. */
    int (*on_head)(void *arg, const struct http_response *r, struct err *e);
    /* Bytes of the body (decoded); return -1 with `e` set to give up. */
    int (*on_body)(void *arg, const char *bytes, size_t len, struct err *e);
    /* Exactly once, never from inside http_start. `e` is NULL when the exchange was complete (whatever the status);
     * otherwise why not: what on_head/on_body said, ERR_TIMEOUT, ERR_UNREACHABLE (name look-up, refused, reset, TLS, cut
     * short), ERR_LIMIT (larger than max_bytes). */
    void (*on_done)(void *arg, const struct http_response *r, const struct err *e);
    void *arg;
};

struct http_options {
    const char *method;    /* NULL: GET */
    const char *url;       /* complete, with the query */
    const char *bearer;    /* token, or NULL; copied and wiped after */
    const char *user, *password; /* Basic, or NULL; copied and wiped after */
    const char *accept;    /* "application/json" */
    const char *content_type; /* of the body */
    const char *body;      /* NULL: none; copied */
    size_t body_len;
    const char *const *headers; /* further lines, "Name: value"; NULL-terminated, or NULL */
    uint64_t max_bytes;    /* of the decoded body */
    const char *max_hint;  /* what to do about a larger one, for its sentence; or NULL. Not copied */
    int64_t timeout_us;    /* of the whole exchange */
    int64_t idle_us;       /* of a silence within it; 0: no such limit */
    const char *unix_socket; /* connect there, whatever host the url names; or NULL */
};

struct http_request;
int http_start(struct http_client *client, const struct http_options *options, const struct http_handler *handler,
               struct http_request **request_r, struct err *e);
void http_cancel(struct http_request *r); /* on_done(ERR_CONFLICT) follows, not from inside */

/* HTTP requests by libcurl's multi interface on the loop. One struct http_request per question; the body is handed out
 * while it arrives and never kept here. No redirect is followed, no error quotes a body, and every socket is
 * close-on-exec (CURLOPT_OPENSOCKETFUNCTION). TLS with the system's CAs or --ca-file, proxies by the usual variables. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http_client;

struct http_client_options {
    const char *ca_file;    /* NULL: the system's */
    const char *user_agent; /* "alertspawner/0.1.0" */
};
int http_client_create(uv_loop_t *loop, const struct http_client_options *options, struct http_client **client_r,
                       struct err *e);
/* Cancels what is in flight (their on_done is called with ERR_CONFLICT first) and closes the handles; the loop must
 * run on until it is empty. */
void http_client_free(struct http_client **client);

struct http_response {
    long status;              /* 0 when there was no answer */
    const char *content_type; /* "" when absent; lower case, without parameters */
};

struct http_handler {
    /* Status and headers are known; return -1 with `e` set to give up here (before a byte of the body). May be NULL. */
    int (*on_head)(void *arg, const struct http_response *r, struct err *e);
    /* Bytes of the body (decoded); return -1 with `e` set to give up. */
    int (*on_body)(void *arg, const char *bytes, size_t len, struct err *e);
    /* Exactly once, never from inside http_get. `e` is NULL when the exchange was complete (whatever the status);
     * otherwise why not: what on_head/on_body said, ERR_TIMEOUT, ERR_UNREACHABLE (name look-up, refused, reset, TLS, cut
     * short), ERR_LIMIT (larger than max_bytes). */
    void (*on_done)(void *arg, const struct http_response *r, const struct err *e);
    void *arg;
};

struct http_get_options {
    const char *url;       /* complete, with the query */
    const char *bearer;    /* token, or NULL; copied and wiped after */
    const char *user, *password; /* Basic, or NULL; copied and wiped after */
    const char *accept;    /* "application/json" */
    uint64_t max_bytes;    /* of the decoded body */
    int64_t timeout_us;    /* of the whole exchange */
    const char *unix_socket; /* connect there, whatever host the url names; or NULL */
};

struct http_request;
int http_get(struct http_client *client, const struct http_get_options *options, const struct http_handler *handler,
             struct http_request **request_r, struct err *e);
void http_cancel(struct http_request *r); /* on_done(ERR_CONFLICT) follows, not from inside */

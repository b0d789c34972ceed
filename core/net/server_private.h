/* Inside of the HTTP server: server.c (sockets, connections and their time), exchange.c (a request and its answer). */
#pragma once

#include "net/server.h"

#include <microhttpd.h>

struct listener; /* one socket with its libmicrohttpd daemon */

/* A connection and until when what it is about must have happened. */
struct http_connection {
    struct listener *listener;
    struct http_connection *next, **link;
    struct MHD_Connection *mhd;
    uint64_t deadline;          /* uv_now */
    bool local;                 /* the peer is on this machine */
    struct http_exchange *exchange; /* the request in hand, or NULL */
};

struct listener {
    struct http_server *server;
    struct listener *next;
    struct MHD_Daemon *daemon;
    int fd;
    char *unix_path;            /* or NULL: TCP */
    uv_poll_t poll;             /* of the daemon's epoll descriptor */
    uv_timer_t timer;           /* what the daemon asks for, and runs that may not happen where they are wanted */
    uv_timer_t sweep;           /* looks at the deadlines while there are connections */
    struct http_connection *connections;
    int handles;                /* of libuv that are not closed yet */
};

struct http_server {
    uv_loop_t *loop;
    struct http_route *routes;
    size_t n_routes, cap_routes;
    struct listener *listeners;
    char **names;               /* that Host may be, NULL-ended */
    size_t n_names, cap_names;
    http_seen_cb *seen;
    void *seen_arg;
    bool closing;
};

void listener_run_soon(struct listener *l);

/* The three callbacks of a request. */
enum MHD_Result exchange_on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                                    const char *version, const char *upload, size_t *upload_size, void **cls);
void exchange_on_completed(void *arg, struct MHD_Connection *c, void **cls, enum MHD_RequestTerminationCode why);
/* The route did not answer in time. */
void exchange_time_out(struct http_exchange *x);
/* The server closes. */
void exchange_give_up(struct http_exchange *x);

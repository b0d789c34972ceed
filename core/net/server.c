/* The HTTP server's sockets and connections: see server.h. */
#include "net/server_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/listen.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SWEEP_MS = 1000 };

static void on_timer(uv_timer_t *t);

/* ---- the daemon's turn ---- */

static void listener_run(struct listener *l)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (l->daemon == NULL)
        return;
    MHD_run(l->daemon);
    if (MHD_get_timeout(l->daemon, &ms) == MHD_YES)
        uv_timer_start(&l->timer, on_timer, (uint64_t)ms, 0);
    else
        uv_timer_stop(&l->timer);
}

static void on_timer(uv_timer_t *t)
{
    listener_run(t->data);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
    (void)status, (void)events;
    listener_run(p->data);
}

/* From the loop, not from inside libmicrohttpd nor whoever answers. */
void listener_run_soon(struct listener *l)
{
    if (l->daemon != NULL)
        uv_timer_start(&l->timer, on_timer, 0, 0);
}

/* ---- connections ---- */

/* 127.0.0.1 and ::1, not all of 127/8: Istio's proxy forwards what comes from outside as 127.0.0.6. */
static bool on_this_machine(const struct sockaddr *a)
{
    if (a == NULL || a->sa_family == AF_UNIX)
        return true;
    if (a->sa_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    if (a->sa_family != AF_INET6)
        return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) ||
           (IN6_IS_ADDR_V4MAPPED(v6) && memcmp(v6->s6_addr + 12, "\x7f\x00\x00\x01", 4) == 0);
}

static void on_sweep(uv_timer_t *t)
{
    struct listener *l = t->data;
    uint64_t now = uv_now(l->server->loop);
    for (struct http_connection *c = l->connections; c != NULL; c = c->next) {
        if (now < c->deadline)
            continue;
        if (c->exchange != NULL) {
            exchange_time_out(c->exchange);
            continue;
        }
        /* Whoever sends its request a byte at a time, or takes the answer so. libmicrohttpd sees the end and cleans up. */
        const union MHD_ConnectionInfo *fd = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (fd != NULL)
            shutdown(fd->connect_fd, SHUT_RDWR);
        c->deadline = now + SWEEP_MS;
    }
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode what)
{
    struct listener *l = arg;
    struct http_connection *c = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        c = xcalloc(1, sizeof *c);
        const union MHD_ConnectionInfo *peer = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        c->local = l->unix_path != NULL || (peer != NULL && on_this_machine(peer->client_addr));
        c->listener = l;
        c->mhd = mhd;
        c->deadline = uv_now(l->server->loop) + HTTP_REQUEST_MS;
        c->next = l->connections;
        c->link = &l->connections;
        if (c->next != NULL)
            c->next->link = &c->next;
        l->connections = c;
        *context = c;
        if (!uv_is_active((uv_handle_t *)&l->sweep))
            uv_timer_start(&l->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
        return;
    }
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    free(c);
    *context = NULL;
    if (l->connections == NULL)
        uv_timer_stop(&l->sweep);
}

/* ---- listening ---- */

static void on_log(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    text[strcspn(text, "\n")] = '\0';
    log_debug(NULL, "http: %s", text);
}

static void on_closed(uv_handle_t *h)
{
    struct listener *l = h->data;
    if (--l->handles > 0)
        return;
    free(l->unix_path);
    free(l);
}

static void listener_close(struct listener *l)
{
    for (struct http_connection *c = l->connections; c != NULL; c = c->next)
        if (c->exchange != NULL)
            exchange_give_up(c->exchange);
    struct MHD_Daemon *daemon = l->daemon;
    if (daemon != NULL) {
        uv_poll_stop(&l->poll);
        l->fd = MHD_quiesce_daemon(daemon); /* ours again: libmicrohttpd would close it */
        MHD_run(daemon);                    /* answers that are ready go out */
        l->daemon = NULL;
        MHD_stop_daemon(daemon);
    }
    if (l->unix_path != NULL)
        unlisten_unix(l->unix_path, l->fd);
    else
        close(l->fd);
    uv_close((uv_handle_t *)&l->timer, on_closed);
    uv_close((uv_handle_t *)&l->sweep, on_closed);
    if (daemon != NULL)
        uv_close((uv_handle_t *)&l->poll, on_closed);
}

static struct MHD_Daemon *start_daemon(struct listener *l)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                            exchange_on_request, l, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET,
                            l->fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS,
                            MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_OF_ONE,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEAD_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)(HTTP_SEND_MS / 1000), MHD_OPTION_STRICT_FOR_CLIENT, 1,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_NOTIFY_COMPLETED,
                            exchange_on_completed, l, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

static int listener_start(struct http_server *s, int fd, const char *unix_path, struct err *e)
{
    struct listener *l = xcalloc(1, sizeof *l);
    l->server = s;
    l->fd = fd;
    l->unix_path = xstrdup(unix_path);
    l->handles = 2;
    uv_timer_init(s->loop, &l->timer);
    uv_timer_init(s->loop, &l->sweep);
    l->timer.data = l->sweep.data = l->poll.data = l;
    l->daemon = start_daemon(l);
    const union MHD_DaemonInfo *epoll =
        l->daemon != NULL ? MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (epoll == NULL || uv_poll_init(s->loop, &l->poll, epoll->epoll_fd) != 0) {
        if (l->daemon != NULL) {
            MHD_quiesce_daemon(l->daemon);
            MHD_stop_daemon(l->daemon);
            l->daemon = NULL;
        }
        listener_close(l);
        return err_set(e, ERR_IO, "the HTTP server cannot start: too many open files?");
    }
    l->handles = 3;
    uv_poll_start(&l->poll, UV_READABLE, on_readable);
    l->next = s->listeners;
    s->listeners = l;
    listener_run_soon(l);
    return 0;
}

int http_server_listen_unix(struct http_server *s, const char *path, struct err *e)
{
    int fd;
    return listen_unix(path, &fd, e) != 0 ? -1 : listener_start(s, fd, path, e);
}

static void add_name(struct http_server *s, const char *name)
{
    xgrow(&s->names, &s->cap_names, s->n_names + 2, sizeof *s->names);
    s->names[s->n_names++] = xstrdup(name);
    s->names[s->n_names] = NULL;
}

int http_server_listen_tcp(struct http_server *s, const char *address, char **url_r, struct err *e)
{
    int fd, port;
    char *host;
    if (listen_tcp(address, &fd, &host, &port, e) != 0)
        return -1;
    int rc = listener_start(s, fd, NULL, e);
    if (rc == 0 && host[0] != '\0')
        add_name(s, host);
    if (rc == 0 && url_r != NULL)
        *url_r = xasprintf(strchr(host, ':') != NULL ? "http://[%s]:%d" : "http://%s:%d", host[0] ? host : "localhost",
                           port);
    free(host);
    return rc;
}

/* ---- the server ---- */

void http_server_create(uv_loop_t *loop, struct http_server **server_r)
{
    struct http_server *s = xcalloc(1, sizeof *s);
    s->loop = loop;
    char name[256];
    if (gethostname(name, sizeof name) == 0) {
        name[sizeof name - 1] = '\0';
        add_name(s, name);
    }
    *server_r = s;
}

void http_server_route(struct http_server *s, const struct http_route *route)
{
    xgrow(&s->routes, &s->cap_routes, s->n_routes + 1, sizeof *s->routes);
    s->routes[s->n_routes++] = *route;
}

void http_server_list(const struct http_server *s, struct buf *out)
{
    for (size_t i = 0; i < s->n_routes; i++) {
        const struct http_route *r = &s->routes[i];
        buf_addf(out, "%-24s %s%s\n", r->path, r->summary, r->local ? " (on this machine only)" : "");
    }
}

void http_server_on_seen(struct http_server *s, http_seen_cb *seen, void *arg)
{
    s->seen = seen;
    s->seen_arg = arg;
}

void http_server_free(struct http_server **server)
{
    struct http_server *s = *server;
    *server = NULL;
    if (s == NULL)
        return;
    s->closing = true;
    while (s->listeners != NULL) {
        struct listener *l = s->listeners;
        s->listeners = l->next;
        listener_close(l);
    }
    for (size_t i = 0; i < s->n_names; i++)
        free(s->names[i]);
    free(s->names);
    free(s->routes);
    free(s);
}

/* The HTTP server with real sockets: raw bytes on a blocking client in a process of its own, and our own client. */
#include "net/server.h"

#include "base/mem.h"
#include "net/http.h"
#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
    char dir[64], path[96];
    uv_loop_t loop;
    struct http_server *server;
    struct http_exchange *held; /* by /later */
    int asked, gone;
    uv_timer_t timer;
    int seen_status;
    char seen_route[64];
};

static void get_hello(void *arg, struct http_exchange *x)
{
    struct rig *r = arg;
    struct buf b = {0};
    r->asked++;
    buf_addf(&b, "hello %s\n", http_exchange_query(x, "name") ? http_exchange_query(x, "name") : "nobody");
    http_exchange_answer(x, 200, HTTP_TEXT, &b);
}

static void get_below(void *arg, struct http_exchange *x)
{
    (void)arg;
    struct buf b = {0};
    buf_addf(&b, "rest=%s", http_exchange_rest(x));
    http_exchange_answer(x, 200, HTTP_TEXT, &b);
}

static void get_empty(void *arg, struct http_exchange *x)
{
    (void)arg;
    struct buf b = {0};
    http_exchange_answer(x, 200, HTTP_TEXT, &b);
}

static void get_big(void *arg, struct http_exchange *x)
{
    (void)arg;
    struct buf b = {0};
    buf_reserve(&b, 8 << 20);
    for (int i = 0; i < 1 << 20; i++)
        buf_add(&b, "01234567", 8);
    http_exchange_answer(x, 200, HTTP_TEXT, &b);
}

static void on_gone(void *arg, struct http_exchange *x)
{
    struct rig *r = arg;
    assert_ptr_equal(r->held, x);
    r->held = NULL;
    r->gone++;
}

static void on_answer_later(uv_timer_t *t)
{
    struct rig *r = t->data;
    if (r->held == NULL)
        return;
    struct http_exchange *x = r->held;
    r->held = NULL;
    http_exchange_fail(x, 503, "not \"yet\"");
}

static void get_later(void *arg, struct http_exchange *x)
{
    struct rig *r = arg;
    r->asked++;
    r->held = x;
    http_exchange_on_gone(x, on_gone, r);
    const char *ms = http_exchange_query(x, "ms");
    if (ms != NULL)
        uv_timer_start(&r->timer, on_answer_later, (uint64_t)atoi(ms), 0);
}

static void on_seen(void *arg, const char *route, int status, int64_t took)
{
    struct rig *r = arg;
    assert_true(took >= 0);
    r->seen_status = status;
    snprintf(r->seen_route, sizeof r->seen_route, "%s", route);
}

static int setup(void **state)
{
    struct rig *r = xcalloc(1, sizeof *r);
    strcpy(r->dir, "/tmp/server_test.XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->path, sizeof r->path, "%s/s.sock", r->dir);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    uv_timer_init(&r->loop, &r->timer);
    r->timer.data = r;
    http_server_create(&r->loop, &r->server);
    const struct http_route routes[] = {
        {"/hello", "says hello", false, get_hello, r},   {"/below/", "the rest", false, get_below, r},
        {"/below/deeper", "more", false, get_hello, r},  {"/later", "waits", false, get_later, r},
        {"/local", "for us", true, get_hello, r},        {"/empty", "nothing", false, get_empty, r},
        {"/big", "8 MiB", false, get_big, r},
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        http_server_route(r->server, &routes[i]);
    http_server_on_seen(r->server, on_seen, r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    http_server_free(&r->server);
    uv_close((uv_handle_t *)&r->timer, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    assert_int_equal(access(r->path, F_OK), -1); /* its socket went with it */
    assert_int_equal(rmdir(r->dir), 0);
    free(r);
    return 0;
}

static void listen_on(struct rig *r)
{
    struct err e = {0};
    if (http_server_listen_unix(r->server, r->path, &e) != 0)
        fail_msg("%s", e.msg);
}

static int dial(const char *path)
{
    struct sockaddr_un a;
    struct err e;
    int dir, fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(unix_address(path, &a, &dir, &e), 0);
    int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
    if (dir >= 0)
        close(dir);
    if (rc != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Turns the loop until there is something to read (or an end) on fd; reads everything up to the end, or `enough`. */
static char *converse(struct rig *r, int fd, const char *request, size_t len, const char *enough)
{
    struct buf got = {0};
    buf_adds(&got, "");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    uint64_t until = uv_hrtime() + UINT64_C(20000000000);
    while (uv_hrtime() < until) {
        char piece[65536];
        if (len > 0) {
            ssize_t n = send(fd, request, len, MSG_NOSIGNAL);
            if (n > 0)
                request += n, len -= (size_t)n;
            else if (n < 0 && errno != EAGAIN)
                len = 0;
        }
        uv_run(&r->loop, UV_RUN_NOWAIT);
        ssize_t n = read(fd, piece, sizeof piece);
        if (n > 0)
            buf_add(&got, piece, (size_t)n);
        else if (n == 0 || errno != EAGAIN)
            break;
        if (enough != NULL && strstr(got.data, enough) != NULL)
            break;
    }
    return buf_take(&got);
}

static char *ask(struct rig *r, const char *request)
{
    int fd = dial(r->path);
    assert_true(fd >= 0);
    char *got = converse(r, fd, request, strlen(request), NULL);
    close(fd);
    return got;
}

#define CLOSE " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

static void expect(struct rig *r, const char *request, const char *status, const char *part)
{
    char *got = ask(r, request);
    if (strncmp(got, status, strlen(status)) != 0 || (part != NULL && strstr(got, part) == NULL))
        fail_msg("%s\n---\n%s\n--- wanted %s and %s", request, got, status, part);
    free(got);
}

static void answers(void **state)
{
    struct rig *r = *state;
    struct stat st;
    listen_on(r);
    assert_int_equal(stat(r->path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);

    expect(r, "GET /hello" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\nhello nobody\n");
    assert_string_equal(r->seen_route, "/hello");
    assert_int_equal(r->seen_status, 200);
    expect(r, "GET /hello?name=a%20b%2Fc" CLOSE, "HTTP/1.1 200", "hello a b/c\n");
    expect(r, "GET /hello?name" CLOSE, "HTTP/1.1 200", "hello \n");
    expect(r, "GET /below/x%2Fy" CLOSE, "HTTP/1.1 200", "rest=x/y");
    expect(r, "GET /below/deeper" CLOSE, "HTTP/1.1 200", "hello");
    expect(r, "GET /local" CLOSE, "HTTP/1.1 200", "hello");
    expect(r, "GET /empty" CLOSE, "HTTP/1.1 200", "Content-Length: 0");
    expect(r, "GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "hello");
    expect(r, "GET /hello" CLOSE, "HTTP/1.1 200", "Cache-Control: no-store\r\n");
    expect(r, "GET /hello" CLOSE, "HTTP/1.1 200", "X-Content-Type-Options: nosniff\r\n");
    expect(r, "GET /hello" CLOSE, "HTTP/1.1 200", "Content-Security-Policy: default-src 'none'");

    char *head = ask(r, "HEAD /hello" CLOSE);
    assert_non_null(strstr(head, "Content-Length: 13\r\n"));
    assert_string_equal(strstr(head, "\r\n\r\n"), "\r\n\r\n");
    free(head);
}

static void what_is_refused(void **state)
{
    struct rig *r = *state;
    listen_on(r);
    r->asked = 0;
    expect(r, "GET /nothing" CLOSE, "HTTP/1.1 404", "{\"error\":\"there is nothing");
    assert_string_equal(r->seen_route, "");
    expect(r, "GET /below/" CLOSE, "HTTP/1.1 404", NULL);
    expect(r, "GET /helloo" CLOSE, "HTTP/1.1 404", NULL);
    expect(r, "GET /hello/" CLOSE, "HTTP/1.1 404", NULL);
    expect(r, "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405", "Allow: GET, HEAD\r\n");
    expect(r, "DELETE /hello" CLOSE, "HTTP/1.1 405", NULL);
    expect(r, "OPTIONS *" CLOSE, "HTTP/1.1 405", NULL);
    expect(r, "get /hello" CLOSE, "HTTP/1.1 405", NULL);
    expect(r, "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\nabc", "HTTP/1.1 405", NULL);
    expect(r, "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 413", NULL);
    expect(r, "GET /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
           "HTTP/1.1 413", NULL);
    assert_int_equal(r->asked, 0);

    /* what is no HTTP, and what does not end */
    char *got = ask(r, "\x16\x03\x01\x02\x7f\x01\r\n\r\n");
    assert_null(strstr(got, "hello"));
    free(got);
    struct buf huge = {0};
    buf_adds(&huge, "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ");
    for (int i = 0; i < 100000; i++)
        buf_addc(&huge, 'x');
    buf_adds(&huge, "\r\n\r\n");
    got = ask(r, huge.data);
    if (strncmp(got, "HTTP/1.1 4", 10) != 0 && *got != '\0')
        fail_msg("%.200s", got);
    free(got);
    buf_free(&huge);
    assert_int_equal(r->asked, 0);
}

static void several_on_one_connection(void **state)
{
    struct rig *r = *state;
    listen_on(r);
    char *got = ask(r, "GET /hello?name=1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /later?ms=20 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                       "GET /hello?name=3" CLOSE);
    const char *one = strstr(got, "hello 1"), *two = strstr(got, "{\"error\":\"not \\\"yet\\\"\"}\n"),
               *three = strstr(got, "hello 3");
    assert_true(one != NULL && two != NULL && three != NULL && one < two && two < three);
    assert_non_null(strstr(got, "HTTP/1.1 503"));
    assert_int_equal(r->gone, 0);
    free(got);
}

static void a_large_answer(void **state)
{
    struct rig *r = *state;
    listen_on(r);
    char *got = ask(r, "GET /big" CLOSE), *body = strstr(got, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strlen(body + 4), 8 << 20);
    free(got);
}

static void a_client_that_goes(void **state)
{
    struct rig *r = *state;
    listen_on(r);
    int fd = dial(r->path);
    const char *q = "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_int_equal(write(fd, q, strlen(q)), (ssize_t)strlen(q));
    for (int i = 0; i < 10000 && r->held == NULL; i++)
        uv_run(&r->loop, UV_RUN_NOWAIT);
    assert_non_null(r->held);
    assert_int_equal(r->gone, 0);
    close(fd);
    for (int i = 0; i < 10000 && r->gone == 0; i++)
        uv_run(&r->loop, UV_RUN_NOWAIT);
    assert_int_equal(r->gone, 1);
    expect(r, "GET /hello" CLOSE, "HTTP/1.1 200", NULL);
}

static void closing_tells_who_waits(void **state)
{
    struct rig *r = *state;
    listen_on(r);
    int fd = dial(r->path);
    const char *q = "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_int_equal(write(fd, q, strlen(q)), (ssize_t)strlen(q));
    for (int i = 0; i < 10000 && r->held == NULL; i++)
        uv_run(&r->loop, UV_RUN_NOWAIT);
    assert_non_null(r->held);
    http_server_free(&r->server);
    assert_int_equal(r->gone, 1);
    char got[512] = "";
    assert_true(read(fd, got, sizeof got - 1) > 0);
    assert_non_null(strstr(got, "503"));
    close(fd);
}

/* A request that never ends, a byte now and then: it has HTTP_REQUEST_MS in all. */
static void a_request_that_never_ends(void **state)
{
    struct rig *r = *state;
    listen_on(r);
    int fd = dial(r->path);
    const char *begin = "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ";
    assert_int_equal(write(fd, begin, strlen(begin)), (ssize_t)strlen(begin));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    uint64_t start = uv_hrtime(), took;
    char piece[512];
    ssize_t n = -1;
    while (n < 0 && (took = (uv_hrtime() - start) / 1000000) < 4 * HTTP_REQUEST_MS) {
        uv_run(&r->loop, UV_RUN_NOWAIT);
        if (write(fd, "x", 1) < 0)
            break;
        n = read(fd, piece, sizeof piece);
        usleep(50000);
    }
    assert_true(n <= 0); /* an end, not an answer */
    assert_true(took >= HTTP_REQUEST_MS - 1000 && took < 4 * HTTP_REQUEST_MS);
    assert_int_equal(r->asked, 0);
    close(fd);
}

/* More clients than are let in: they wait, and each is answered. */
static void a_crowd(void **state)
{
    struct rig *r = *state;
    listen_on(r);
    enum { N = HTTP_CONNECTIONS + 20 };
    int fds[N];
    for (int i = 0; i < N; i++) {
        fds[i] = dial(r->path);
        assert_true(fds[i] >= 0);
        uv_run(&r->loop, UV_RUN_NOWAIT);
    }
    const char *q = "GET /hello" CLOSE;
    for (int i = 0; i < N; i++) {
        char *got = converse(r, fds[i], q, strlen(q), NULL);
        assert_non_null(strstr(got, "hello nobody"));
        free(got);
        close(fds[i]);
    }
}

static void sockets_left_behind(void **state)
{
    struct rig *r = *state;
    struct err e;
    struct http_server *second;
    http_server_create(&r->loop, &second);

    /* of a dead engine: replaced */
    struct sockaddr_un a;
    int dir, fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(unix_address(r->path, &a, &dir, &e), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    assert_int_equal(access(r->path, F_OK), 0);
    listen_on(r);
    expect(r, "GET /hello" CLOSE, "HTTP/1.1 200", NULL);

    /* of a live one: not, and it goes on answering */
    assert_int_equal(http_server_listen_unix(second, r->path, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    expect(r, "GET /hello" CLOSE, "HTTP/1.1 200", NULL);

    /* a file that is no socket: left alone */
    char *file = xasprintf("%s/file", r->dir);
    fd = open(file, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "mine", 4), 4);
    close(fd);
    assert_int_equal(http_server_listen_unix(second, file, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, 4);
    unlink(file);
    free(file);
    http_server_free(&second);
}

static void long_paths(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    struct buf deep = {0};
    buf_adds(&deep, r->dir);
    char *dirs[8];
    for (int i = 0; i < 8; i++) {
        buf_adds(&deep, "/a-directory-with-a-long-name");
        assert_int_equal(mkdir(deep.data, 0700), 0);
        dirs[i] = xstrdup(deep.data);
    }
    buf_adds(&deep, "/s.sock");
    assert_true(deep.len > sizeof ((struct sockaddr_un *)0)->sun_path);
    if (http_server_listen_unix(r->server, deep.data, &e) != 0)
        fail_msg("%s", e.msg);
    int fd = dial(deep.data);
    assert_true(fd >= 0);
    char *got = converse(r, fd, "GET /hello" CLOSE, strlen("GET /hello" CLOSE), NULL);
    assert_non_null(strstr(got, "hello nobody"));
    free(got);
    close(fd);
    buf_addf(&deep, "%0100d", 7);
    assert_int_equal(http_server_listen_unix(r->server, deep.data, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    http_server_free(&r->server);
    for (int i = 7; i >= 0; i--) {
        assert_int_equal(rmdir(dirs[i]), 0); /* the socket is gone from there, too */
        free(dirs[i]);
    }
    buf_free(&deep);
}

/* ---- TCP ---- */

static int tcp_dial(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void tcp_expect(struct rig *r, int port, const char *headers, const char *path, const char *status)
{
    char *q = xasprintf("GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n", path, headers);
    int fd = tcp_dial(port);
    char *got = converse(r, fd, q, strlen(q), NULL);
    if (strncmp(got, status, strlen(status)) != 0)
        fail_msg("%s---\n%s", q, got);
    free(got);
    free(q);
    close(fd);
}

static void tcp(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    char *url = NULL, *again = NULL;
    if (http_server_listen_tcp(r->server, "127.0.0.1:0", &url, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(strncmp(url, "http://127.0.0.1:", 17), 0);
    int port = atoi(url + 17);
    tcp_expect(r, port, "Host: 127.0.0.1\r\n", "/hello", "HTTP/1.1 200");
    tcp_expect(r, port, "Host: localhost:8080\r\n", "/local", "HTTP/1.1 200"); /* loopback is this machine */
    r->asked = 0;
    tcp_expect(r, port, "Host: evil.example.com\r\n", "/hello", "HTTP/1.1 403");
    tcp_expect(r, port, "Host: localhost\r\nOrigin: http://evil.example.com\r\n", "/hello", "HTTP/1.1 403");
    tcp_expect(r, port, "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", "/hello",
               "HTTP/1.1 403");
    tcp_expect(r, port, "", "/hello", "HTTP/1.1 400"); /* HTTP/1.1 without Host */
    assert_int_equal(r->asked, 0);

    struct http_server *second;
    http_server_create(&r->loop, &second);
    assert_int_equal(http_server_listen_tcp(second, url + 7, &again, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    static const char *const bad[] = {"8080", "localhost", "localhost:", "localhost:http", "localhost:65536", "::1:80", "",
                                      "no.such.host.invalid:80", ":999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(http_server_listen_tcp(second, bad[i], &again, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
    }
    assert_int_equal(http_server_listen_tcp(second, ":0", &again, &e), 0);
    port = atoi(strrchr(again, ':') + 1);
    tcp_expect(r, port, "Host: localhost\r\n", "/hello", "HTTP/1.1 404"); /* it has no routes */
    free(again);
    free(url);
    http_server_free(&second);
}

/* What shows alert text is for this machine. A peer of another machine is played by another address of this one: the
 * server looks at the peer's address, and at nothing that the peer says. */
static void only_this_machine(void **state)
{
    struct rig *r = *state;
    struct err e;
    char *url = NULL, host[64] = "";
    struct ifaddrs *all, *a;
    assert_int_equal(http_server_listen_tcp(r->server, "0.0.0.0:0", &url, &e), 0);
    int port = atoi(strrchr(url, ':') + 1);
    assert_int_equal(getifaddrs(&all), 0);
    for (a = all; a != NULL && host[0] == '\0'; a = a->ifa_next)
        if (a->ifa_addr != NULL && a->ifa_addr->sa_family == AF_INET && !(a->ifa_flags & IFF_LOOPBACK))
            inet_ntop(AF_INET, &((struct sockaddr_in *)a->ifa_addr)->sin_addr, host, sizeof host);
    freeifaddrs(all);
    tcp_expect(r, port, "Host: localhost\r\n", "/local", "HTTP/1.1 200");
    /* through a proxy beside us everybody comes from this machine */
    tcp_expect(r, port, "Host: localhost\r\nX-Forwarded-For: 10.0.0.7\r\n", "/local", "HTTP/1.1 403");
    tcp_expect(r, port, "Host: localhost\r\nForwarded: for=10.0.0.7\r\n", "/local", "HTTP/1.1 403");
    tcp_expect(r, port, "Host: localhost\r\nX-Forwarded-For: 10.0.0.7\r\n", "/hello", "HTTP/1.1 200");
    struct sockaddr_in mesh = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000006)};
    struct sockaddr_in us = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int from = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(from, (struct sockaddr *)&mesh, sizeof mesh), 0);
    assert_int_equal(connect(from, (struct sockaddr *)&us, sizeof us), 0);
    char *answer = converse(r, from, "GET /local" CLOSE, strlen("GET /local" CLOSE), NULL);
    assert_int_equal(strncmp(answer, "HTTP/1.1 403", 12), 0);
    free(answer);
    close(from);
    free(url);
    if (host[0] == '\0') {
        print_message("no address but loopback here: the other half is not tested\n");
        return;
    }
    /* from an outer address to an outer address, as another machine's packets come */
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    const char *const asks[][2] = {{"GET /hello" CLOSE, "HTTP/1.1 200"},
                                   {"GET /local" CLOSE, "HTTP/1.1 403"},
                                   {"GET /local HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 127.0.0.1\r\nConnection: "
                                    "close\r\n\r\n", "HTTP/1.1 403"}};
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        char *got = converse(r, fd, asks[i][0], strlen(asks[i][0]), NULL);
        if (strncmp(got, asks[i][1], strlen(asks[i][1])) != 0)
            fail_msg("%s---\n%s", asks[i][0], got);
        free(got);
        close(fd);
    }
}

/* One address cannot take every place. */
static void one_address(void **state)
{
    struct rig *r = *state;
    struct err e;
    char *url = NULL;
    assert_int_equal(http_server_listen_tcp(r->server, "127.0.0.1:0", &url, &e), 0);
    int port = atoi(strrchr(url, ':') + 1), fds[HTTP_CONNECTIONS_OF_ONE + 1];
    for (int i = 0; i <= HTTP_CONNECTIONS_OF_ONE; i++) {
        fds[i] = tcp_dial(port);
        for (int k = 0; k < 5; k++)
            uv_run(&r->loop, UV_RUN_NOWAIT);
    }
    const char *q = "GET /hello" CLOSE;
    char *got = converse(r, fds[HTTP_CONNECTIONS_OF_ONE], q, strlen(q), NULL);
    assert_string_equal(got, "");
    free(got);
    got = converse(r, fds[0], q, strlen(q), NULL);
    assert_non_null(strstr(got, "hello"));
    free(got);
    for (int i = 0; i <= HTTP_CONNECTIONS_OF_ONE; i++)
        close(fds[i]);
    free(url);
}

/* ---- our own client ---- */

struct reply {
    struct buf body;
    long status;
    enum err_kind kind;
    bool done;
};

static int on_body(void *arg, const char *bytes, size_t n, struct err *e)
{
    (void)e;
    buf_add(&((struct reply *)arg)->body, bytes, n);
    return 0;
}

static void on_done(void *arg, const struct http_response *response, const struct err *e)
{
    struct reply *p = arg;
    p->status = response->status;
    p->kind = e != NULL ? e->kind : ERR_NONE;
    p->done = true;
}

static void our_client(void **state)
{
    struct rig *r = *state;
    struct err e;
    struct http_client *client;
    listen_on(r);
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* is for others */
    assert_int_equal(http_client_create(&r->loop, &(struct http_client_options){0}, &client, &e), 0);
    for (int i = 0; i < 2; i++) {
        struct reply p = {0};
        struct http_options o = {.url = "http://localhost/hello?name=me", .max_bytes = 1 << 20,
                                     .timeout_us = 10 * 1000000, .unix_socket = i == 0 ? r->path : "/nonexistent/x.sock"};
        struct http_handler h = {NULL, on_body, on_done, &p};
        assert_int_equal(http_start(client, &o, &h, NULL, &e), 0);
        while (!p.done)
            uv_run(&r->loop, UV_RUN_ONCE);
        assert_int_equal(p.kind, i == 0 ? ERR_NONE : ERR_UNREACHABLE);
        if (i == 0) {
            assert_int_equal(p.status, 200);
            assert_string_equal(p.body.data, "hello me\n");
        }
        buf_free(&p.body);
    }
    unsetenv("http_proxy");
    http_client_free(&client);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        T(answers),     T(what_is_refused),     T(several_on_one_connection), T(a_large_answer), T(a_client_that_goes),
        T(a_crowd),     T(sockets_left_behind), T(closing_tells_who_waits),   T(long_paths),     T(tcp),
        T(one_address), T(only_this_machine), T(our_client),          T(a_request_that_never_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

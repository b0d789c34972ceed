/* What the API server needs of the HTTP client and Alertmanager does not: methods and bodies, headers, Retry-After, silence,
 * time, being cancelled. The server is core/net/echo_server.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/moment.h"
#include "net/http.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t server;
static int server_stdin;
static unsigned port;

static int start_server(void **state)
{
    (void)state;
    int in[2], out[2];
    char line[32] = "";
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        return -1;
    server = fork();
    if (server == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execl("/usr/bin/python3", "python3", "core/net/echo_server.py", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    server_stdin = in[1];
    for (size_t n = 0; n + 1 < sizeof line && strchr(line, '\n') == NULL; n++)
        if (read(out[0], line + n, 1) != 1)
            return -1;
    close(out[0]);
    port = (unsigned)strtoul(line, NULL, 10);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    close(server_stdin);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return 0;
}

struct answer {
    struct buf body;
    struct http_response head;
    struct err e;
    int done;
};

static int on_body(void *arg, const char *bytes, size_t len, struct err *e)
{
    (void)e;
    struct answer *a = arg;
    buf_add(&a->body, bytes, len);
    return 0;
}

static void on_done(void *arg, const struct http_response *r, const struct err *e)
{
    struct answer *a = arg;
    a->head = *r;
    a->e = e != NULL ? *e : (struct err){0};
    a->done++;
}

static struct http_client *open_client(uv_loop_t *loop)
{
    struct http_client *c;
    const struct http_client_options o = {.user_agent = "test", .http1 = true};
    assert_int_equal(uv_loop_init(loop), 0);
    assert_int_equal(http_client_create(loop, &o, &c, NULL), 0);
    return c;
}

static struct http_request *ask(struct http_client *c, struct http_options o, const char *path, struct answer *a)
{
    char url[100];
    struct http_request *r;
    const struct http_handler h = {.on_body = on_body, .on_done = on_done, .arg = a};
    *a = (struct answer){0};
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
    o.url = url;
    o.max_bytes = o.max_bytes ? o.max_bytes : 1 << 20;
    o.timeout_us = o.timeout_us ? o.timeout_us : 10 * MOMENT_SECOND;
    assert_int_equal(http_start(c, &o, &h, &r, &a->e), 0);
    assert_int_equal(a->done, 0);
    return r;
}

static void close_client(uv_loop_t *loop, struct http_client **c)
{
    http_client_free(c);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void said(const struct answer *a, const char *want)
{
    if (a->done != 1 || a->e.kind != ERR_NONE || a->body.data == NULL || strstr(a->body.data, want) == NULL)
        fail_msg("%s\n%s, not %s", a->e.msg, a->body.data != NULL ? a->body.data : "(nothing)", want);
}

static void methods(void **state)
{
    (void)state;
    static const char *const names[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    uv_loop_t loop;
    struct http_client *c = open_client(&loop);
    static const char *const more[] = {"X-A: 1", "Impersonate-User: jane", NULL};
    for (size_t i = 0; i < 5; i++) {
        struct answer a;
        char line[40];
        struct http_options o = {.method = names[i], .bearer = "t", .accept = "application/json", .headers = more};
        if (i > 0) {
            o.body = "{\"a\":1}";
            o.body_len = 7;
            o.content_type = "application/json";
        }
        ask(c, o, "/echo?x=1", &a);
        uv_run(&loop, UV_RUN_DEFAULT);
        snprintf(line, sizeof line, "%s /echo?x=1|", names[i]);
        said(&a, line);
        said(&a, "|Authorization: Bearer t|");
        said(&a, "|X-A: 1|");
        said(&a, "|Impersonate-User: jane|");
        said(&a, i > 0 ? "|body {\"a\":1}" : "|body ");
        if (i > 0)
            said(&a, "|Content-Type: application/json|");
        assert_null(strstr(a.body.data, "Expect:"));
        buf_free(&a.body);
    }
    struct answer a; /* all of it on one connection */
    ask(c, (struct http_options){0}, "/connections", &a);
    uv_run(&loop, UV_RUN_DEFAULT);
    said(&a, "1");
    buf_free(&a.body);
    close_client(&loop, &c);
}

static void large_bodies(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct http_client *c = open_client(&loop);
    struct answer a;
    size_t n = 3 << 20;
    char *body = malloc(n);
    memset(body, 'x', n);
    ask(c, (struct http_options){.method = "PUT", .body = body, .body_len = n, .content_type = "text/plain"}, "/length", &a);
    memset(body, 'y', n); /* it was copied */
    uv_run(&loop, UV_RUN_DEFAULT);
    said(&a, "3145728 x");
    buf_free(&a.body);
    free(body);
    close_client(&loop, &c);
}

static void when_to_come_back(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct http_client *c = open_client(&loop);
    struct answer a;
    ask(c, (struct http_options){0}, "/retry/7", &a);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.head.status, 429);
    assert_int_equal(a.head.retry_after_s, 7);
    buf_free(&a.body);
    ask(c, (struct http_options){0}, "/echo", &a);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.head.retry_after_s, -1);
    buf_free(&a.body);
    close_client(&loop, &c);
}

static void silence_and_time(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct http_client *c = open_client(&loop);
    struct answer quiet, drip, late;
    ask(c, (struct http_options){.idle_us = MOMENT_SECOND / 2}, "/silent", &quiet);
    ask(c, (struct http_options){.idle_us = MOMENT_SECOND / 2}, "/drip", &drip); /* a byte every 0.1 s, for 1.5 s */
    ask(c, (struct http_options){.timeout_us = MOMENT_SECOND / 2}, "/silent", &late);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(quiet.e.kind, ERR_TIMEOUT);
    assert_string_equal(quiet.e.msg, "nothing came for 500ms");
    assert_int_equal(late.e.kind, ERR_TIMEOUT);
    assert_non_null(strstr(late.e.msg, "no complete answer within 500ms"));
    assert_int_equal(drip.e.kind, ERR_NONE);
    assert_int_equal(drip.body.len, 15);
    assert_int_equal(quiet.done + late.done + drip.done, 3);
    buf_free(&drip.body);
    buf_free(&quiet.body);
    close_client(&loop, &c);
}

static void cancelled_while_it_may_be_silent(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct http_client *c = open_client(&loop);
    struct answer a, b;
    http_cancel(ask(c, (struct http_options){.idle_us = 60 * MOMENT_SECOND}, "/silent", &a));
    uv_run(&loop, UV_RUN_DEFAULT); /* ends: waiting for silence keeps nothing alive */
    assert_int_equal(a.e.kind, ERR_CONFLICT);
    ask(c, (struct http_options){.idle_us = 60 * MOMENT_SECOND}, "/silent", &b);
    uv_run(&loop, UV_RUN_NOWAIT);
    close_client(&loop, &c);
    assert_int_equal(b.e.kind, ERR_CONFLICT);
    buf_free(&a.body);
    buf_free(&b.body);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const char *const forged[] = {"X-A: 1\r\nX-B: 2", NULL};
    uv_loop_t loop;
    struct http_client *c = open_client(&loop);
    struct err e;
    const struct http_handler h = {.on_done = on_done};
    struct http_options o = {.url = "http://127.0.0.1:1", .max_bytes = 1, .timeout_us = 1, .headers = forged};
    assert_int_equal(http_start(c, &o, &h, NULL, &e), -1);
    assert_string_equal(e.msg, "a header holds a control character");
    struct answer a;
    ask(c, (struct http_options){.max_bytes = 4, .max_hint = "ask for less"}, "/echo", &a);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.e.kind, ERR_LIMIT);
    assert_string_equal(a.e.msg, "the answer is larger than 4 bytes: ask for less");
    buf_free(&a.body);
    unsigned there = port;
    port = 1; /* nobody listens; the sentence is the same each time */
    ask(c, (struct http_options){0}, "/", &a);
    port = there;
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.e.kind, ERR_UNREACHABLE);
    assert_string_equal(a.e.msg, "no connection: Failed to connect to 127.0.0.1 port 1: Couldn't connect to server");
    close_client(&loop, &c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods),
        cmocka_unit_test(large_bodies),
        cmocka_unit_test(when_to_come_back),
        cmocka_unit_test(silence_and_time),
        cmocka_unit_test(cancelled_while_it_may_be_silent),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}

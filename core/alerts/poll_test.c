/* The poll against a hostile server: every way to fail has its own sentence, and none quotes what the server said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/poll_run.h"
#include "base/buf.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
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
        execl("/usr/bin/python3", "python3", "core/alerts/hostile_server.py", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    server_stdin = in[1]; /* the server ends when this closes, however we end */
    for (size_t n = 0; n + 1 < sizeof line && strchr(line, '\n') == NULL; n++) /* all of the line */
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

static struct poll_options options(char url[100], const char *how)
{
    snprintf(url, 100, "http://127.0.0.1:%u/%s", port, how);
    return (struct poll_options){.url = url, .max_bytes = 16 << 20, .timeout_us = 10 * MOMENT_SECOND};
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *how;
        enum err_kind kind;
        const char *says;
    } rows[] = {
        {"ok", ERR_NONE, ""},
        {"charset", ERR_NONE, ""},
        {"early_hints", ERR_NONE, ""},
        {"chunks", ERR_NONE, ""},
        {"bytes", ERR_NONE, ""},
        {"unsized", ERR_NONE, ""},
        {"gzip", ERR_NONE, ""},
        {"one_bad", ERR_NONE, ""},
        {"truncated", ERR_UNREACHABLE, "cut short"},
        {"truncated_unsized", ERR_INVALID, "in the middle of element 1"},
        {"truncated_between", ERR_INVALID, "ends too early: 2 elements"},
        {"truncated_chunks", ERR_UNREACHABLE, "cut short"},
        {"broken_chunks", ERR_UNREACHABLE, "cut short"},
        {"empty", ERR_INVALID, "the answer is empty"},
        {"html", ERR_INVALID, "answered text/html, not JSON: a login page or proxy?"},
        {"html_as_json", ERR_INVALID, "HTML or XML"},
        {"text", ERR_INVALID, "not JSON"},
        {"no_type", ERR_INVALID, "without a Content-Type"},
        {"strange_type", ERR_INVALID, "a strange Content-Type"},
        {"null", ERR_INVALID, "null, not an array: is this URL an Alertmanager API v2?"},
        {"object", ERR_INVALID, "a JSON object, not an array: is this URL an Alertmanager API v2?"},
        {"string", ERR_INVALID, "a JSON string, not an array"},
        {"bom", ERR_INVALID, "byte order mark"},
        {"two_arrays", ERR_INVALID, "follows the end"},
        {"no_comma", ERR_INVALID, "no comma follows element 0"},
        {"end_comma", ERR_INVALID, "a comma stands before the closing bracket"},
        {"broken", ERR_INVALID, "element 0: no well-formed JSON: a bare control character"},
        {"surrogate", ERR_INVALID, "surrogate pair"},
        {"not_utf8", ERR_INVALID, "not UTF-8"},
        {"bad_gzip", ERR_INVALID, "compression is broken"},
        {"cut_gzip", ERR_INVALID, "ends"}, /* libcurl takes it for complete; the cutter does not */
        {"bad_encoding", ERR_INVALID, "compression is broken or unknown"},
        {"ssh", ERR_INVALID, "does not speak HTTP"},
        {"silent", ERR_UNREACHABLE, "closed without an answer"},
        {"reset", ERR_UNREACHABLE, "cut short"},
        {"201", ERR_INVALID, "201, not 200"},
        {"204", ERR_INVALID, "204, not 200"},
        {"301", ERR_INVALID, "301, a redirect, which is not followed: give the final URL"},
        {"302", ERR_INVALID, "302, a redirect"},
        {"307", ERR_INVALID, "307, a redirect"},
        {"400", ERR_INVALID, "400 Bad Request"},
        {"401", ERR_INVALID, "401 Unauthorized: check secretRef"},
        {"403", ERR_INVALID, "403 Forbidden"},
        {"404", ERR_INVALID, "is a route prefix missing?"},
        {"407", ERR_INVALID, "407 Proxy"},
        {"410", ERR_INVALID, "410 Gone"},
        {"418", ERR_INVALID, "418"},
        {"429", ERR_UNREACHABLE, "poll less often"},
        {"500", ERR_UNREACHABLE, "500 Internal Server Error"},
        {"502", ERR_UNREACHABLE, "502 Bad Gateway"},
        {"503", ERR_UNREACHABLE, "too many requests"},
        {"504", ERR_UNREACHABLE, "504 Gateway Timeout"},
        {"599", ERR_UNREACHABLE, "599: it is in trouble"},
        {"endless", ERR_LIMIT, "larger than 16777216 bytes"},
        {"endless_space", ERR_LIMIT, "larger than 16777216 bytes"},
        {"endless_element", ERR_LIMIT, "element 0 of the answer is larger than 4194304 bytes"},
        {"bomb", ERR_LIMIT, "larger than 16777216 bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char url[100];
        struct poll_options o = options(url, rows[i].how);
        struct poll_run r = poll_run(&o);
        if (r.e.kind != rows[i].kind || strstr(r.e.msg, rows[i].says) == NULL || strstr(r.e.msg, "s3cr3t") != NULL)
            fail_msg("%s: %s: %s", rows[i].how, err_kind_name(r.e.kind), r.e.msg);
        if (r.e.kind != ERR_NONE)
            assert_non_null(strstr(r.e.msg, url)); /* it says which Alertmanager */
        else
            assert_int_equal(alert_set_kept(r.set), strcmp(rows[i].how, "one_bad") == 0 ? 1 : 2);
        alert_set_free(&r.set);
    }
}

static void test_timeouts(void **state)
{
    (void)state;
    static const char *const rows[] = {"stall", "stall_body", "drip"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char url[100];
        struct poll_options o = options(url, rows[i]);
        o.timeout_us = MOMENT_SECOND / 2;
        struct poll_run r = poll_run(&o);
        assert_int_equal(r.e.kind, ERR_TIMEOUT);
        assert_non_null(strstr(r.e.msg, "no complete answer within 500ms"));
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct poll_options o = {.url = "http://127.0.0.1:1", .max_bytes = 1000, .timeout_us = 5 * MOMENT_SECOND};
    struct poll_run r = poll_run(&o);
    assert_int_equal(r.e.kind, ERR_UNREACHABLE);
    assert_non_null(strstr(r.e.msg, "http://127.0.0.1:1: no connection"));
    /* a proxy's password stays out of the sentence */
    static const char *const proxies[] = {"http://u:s3cr3t@127.0.0.1:1", "foo://u:s3cr3t@127.0.0.1:1",
                                          "http://u:s3cr3t@127.0.0.1:99999", "http://u:s3cr3t@[", "s3cr3t:s3cr3t@"};
    o.url = "http://alertmanager.invalid";
    for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++) {
        setenv("http_proxy", proxies[i], 1);
        r = poll_run(&o);
        unsetenv("http_proxy");
        assert_int_equal(r.e.kind, ERR_UNREACHABLE);
        assert_null(strstr(r.e.msg, "s3cr3t"));
    }
}

static char *echo(const char *how, const struct poll_auth *auth, const struct selector *selector)
{
    char url[100];
    struct poll_options o = options(url, how);
    o.auth = auth;
    o.selector = selector;
    struct poll_run r = poll_run(&o);
    if (r.set == NULL)
        fail_msg("%s", r.e.msg);
    char *said = strdup(alert_set_alertname(r.set, alert_set_at(r.set, 0)));
    alert_set_free(&r.set);
    return said;
}

static void check_echo(const char *how, const struct poll_auth *auth, const char *want)
{
    char *said = echo(how, auth, NULL);
    assert_string_equal(said, want);
    free(said);
}

#define QUERY  "/api/v2/alerts?active=true&silenced=false&inhibited=false HTTP/1.1|Accept: application/json|"
#define AGENT  "User-Agent: alertspawner/test"

static void test_request(void **state)
{
    (void)state;
    struct poll_auth bearer = {.bearer = (char *)"tok"};
    struct poll_auth basic = {.user = (char *)"Aladdin", .password = (char *)"open sesame"};
    check_echo("echo", NULL, "GET /echo" QUERY AGENT);
    check_echo("echo/a/b//", NULL, "GET /echo/a/b" QUERY AGENT);
    check_echo("echo/", &bearer, "GET /echo" QUERY "Authorization: Bearer tok|" AGENT);
    check_echo("echo", &basic, "GET /echo" QUERY "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==|" AGENT);
    struct label_pair labels[] = {{(char *)"x", (char *)"s3cr3t"}};
    struct selector s = {.labels = labels, .n_labels = 1};
    char *said = echo("echo", NULL, &s);
    assert_non_null(strstr(said, "inhibited=false&filter=x%3D%22s3cr3t%22 HTTP/1.1"));
    free(said);
}

static void test_start_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *url, *says;
    } rows[] = {
        {"", "must start with http"},
        {"alertmanager:9093", "must start with http"},
        {"ftp://host", "must start with http"},
        {"file:///etc/passwd", "must start with http"},
        {"http://", "no URL"},
        {"http://host:99999", "no URL"},
        {"http://ho st", "no URL"},
        {"http://host/a\nb", "no URL"},
        {"http://user:s3cr3t@host", "put them into a Secret"},
        {"http://user@host", "put them into a Secret"},
        {"http://user:s3cr3t@host:99999", "malformed"},
        {"http://host/?a=s3cr3t", "must end before its query"},
        {"http://host?", "must end before its query"},
        {"http://host/#s3cr3t", "must end before its query"},
    };
    uv_loop_t loop;
    struct http_client *client;
    struct poll_run r = {.starting = true};
    poll_run_loop(&loop, &client);
    struct poll_options o = {.max_bytes = 1000, .timeout_us = MOMENT_SECOND};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        o.url = rows[i].url;
        assert_int_equal(poll_start(client, &o, poll_run_done, &r, NULL, &r.e), -1);
        if (r.e.kind != ERR_INVALID || strstr(r.e.msg, rows[i].says) == NULL || strstr(r.e.msg, "s3cr3t") != NULL)
            fail_msg("%s: %s", rows[i].url, r.e.msg);
    }
    static const struct poll_auth auths[] = {
        {.bearer = (char *)"a", .user = (char *)"b", .password = (char *)"c"},
        {.user = (char *)"s3cr3t"},
        {.password = (char *)"s3cr3t"},
        {0},
        {.bearer = (char *)"s3cr3t\n"},
        {.user = (char *)"a", .password = (char *)"s3cr3t\r\nX: y"},
    };
    o.url = "http://127.0.0.1:1";
    for (size_t i = 0; i < sizeof auths / sizeof *auths; i++) {
        o.auth = &auths[i];
        assert_int_equal(poll_start(client, &o, poll_run_done, &r, NULL, &r.e), -1);
        assert_int_equal(r.e.kind, ERR_INVALID);
        assert_null(strstr(r.e.msg, "s3cr3t"));
    }
    poll_run_close(&loop, &client);
    assert_int_equal(r.calls, 0);
}

static void stop_loop(uv_timer_t *t)
{
    uv_stop(t->loop);
    uv_close((uv_handle_t *)t, NULL);
}

static void run_for(uv_loop_t *loop, uint64_t ms)
{
    uv_timer_t t;
    uv_timer_init(loop, &t);
    uv_timer_start(&t, stop_loop, ms, 0);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_run(loop, UV_RUN_NOWAIT); /* the close callback */
}

/* 0: at once; 1: while the body is on its way; 2: the client is closed instead. */
static void test_cancel(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        uv_loop_t loop;
        struct http_client *client;
        struct poll_run r = {.starting = true};
        struct poll *p;
        char url[100];
        struct poll_options o = options(url, "stall_body");
        poll_run_loop(&loop, &client);
        assert_int_equal(poll_start(client, &o, poll_run_done, &r, &p, &r.e), 0);
        if (how == 0) {
            poll_cancel(p);
            poll_cancel(p);
        }
        r.starting = false;
        if (how > 0) {
            for (int i = 0; i < 100 && r.calls == 0 && poll_progress(p).alerts == 0; i++)
                run_for(&loop, 20);
            assert_int_equal(r.calls, 0);
            assert_int_equal(poll_progress(p).alerts, 1);
            assert_int_equal(poll_progress(p).kept, 1);
            assert_true(poll_progress(p).bytes > 100);
            r.starting = how == 1;
            if (how == 1)
                poll_cancel(p);
        }
        r.starting = false;
        assert_int_equal(r.calls, 0);
        if (how < 2)
            uv_run(&loop, UV_RUN_DEFAULT);
        poll_run_close(&loop, &client);
        assert_int_equal(r.calls, 1);
        assert_int_equal(r.e.kind, ERR_CONFLICT);
        assert_string_equal(r.e.msg, "cancelled");
    }
}

/* Many at once on one client, each its own fate. */
static void test_many(void **state)
{
    (void)state;
    static const char *const hows[] = {"ok", "404", "bytes", "reset", "gzip"};
    enum { N = 20 };
    uv_loop_t loop;
    struct http_client *client;
    struct poll_run r[N] = {0};
    poll_run_loop(&loop, &client);
    for (int i = 0; i < N; i++) {
        char url[100];
        struct poll_options o = options(url, hows[i % 5]);
        assert_int_equal(poll_start(client, &o, poll_run_done, &r[i], NULL, &r[i].e), 0);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    poll_run_close(&loop, &client);
    for (int i = 0; i < N; i++) {
        assert_int_equal(r[i].calls, 1);
        assert_int_equal(r[i].set != NULL, i % 5 == 0 || i % 5 == 2 || i % 5 == 4);
        alert_set_free(&r[i].set);
    }
}

static void test_close_on_exec(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct http_client *client;
    struct poll_run r = {0};
    struct poll *p;
    char url[100];
    struct poll_options o = options(url, "stall_body");
    poll_run_loop(&loop, &client);
    assert_int_equal(poll_start(client, &o, poll_run_done, &r, &p, &r.e), 0);
    for (int i = 0; i < 100 && r.calls == 0 && poll_progress(p).alerts == 0; i++)
        run_for(&loop, 20);
    assert_int_equal(r.calls, 0);
    int seen = 0;
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_storage a;
        socklen_t n = sizeof a;
        if (getsockname(fd, (struct sockaddr *)&a, &n) != 0 || a.ss_family != AF_INET)
            continue;
        seen++;
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    assert_true(seen > 0);
    poll_run_close(&loop, &client);
}

static void test_auth_deinit(void **state)
{
    (void)state;
    struct poll_auth a = {.bearer = strdup("x"), .user = strdup("y")};
    poll_auth_deinit(&a);
    assert_null(a.bearer);
    poll_auth_deinit(&a);
}

static void test_ca_file(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct http_client *client = NULL;
    struct err e;
    uv_loop_init(&loop);
    const struct http_client_options o = {.ca_file = "/nonexistent/ca.pem"};
    assert_int_equal(http_client_create(&loop, &o, &client, &e), -1);
    assert_non_null(strstr(e.msg, "/nonexistent/ca.pem"));
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* ---- answers of a recording ---- */

static struct poll_run answered(const struct poll_options *o, const struct poll_answer *answer, bool cancel)
{
    uv_loop_t loop;
    struct poll_run r = {.starting = true};
    struct poll *p = NULL;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(poll_answered(&loop, o, answer, poll_run_done, &r, &p, &r.e), 0);
    r.starting = false;
    if (cancel)
        poll_cancel(p);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(r.calls, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
    return r;
}

struct tapped {
    long status;
    struct buf body;
};

static void on_tap_head(void *arg, long status)
{
    ((struct tapped *)arg)->status = status;
}

static void on_tap_body(void *arg, const char *bytes, size_t len)
{
    buf_add(&((struct tapped *)arg)->body, bytes, len);
}

/* What was tapped off a poll is the same answer when it is given again; cut anywhere it is a failed poll. */
static void test_recorded(void **state)
{
    (void)state;
    char url[100];
    struct tapped tapped = {0};
    struct poll_tap tap = {on_tap_head, on_tap_body, &tapped};
    struct poll_options o = options(url, "chunks");
    o.tap = &tap;
    struct poll_run live = poll_run(&o);
    assert_non_null(live.set);
    assert_int_equal(tapped.status, 200);
    struct poll_answer answer = {.body = tapped.body.data, .len = tapped.body.len};
    struct poll_run again = answered(&o, &answer, false);
    assert_non_null(again.set);
    assert_int_equal(alert_set_len(again.set), alert_set_len(live.set));
    assert_true(alert_set_len(live.set) > 0);
    assert_int_equal(alert_set_at(again.set, 0)->fingerprint, alert_set_at(live.set, 0)->fingerprint);
    alert_set_free(&again.set);
    alert_set_free(&live.set);
    size_t end = tapped.body.len;
    while (strchr(" \n", tapped.body.data[end - 1]) != NULL)
        end--;
    for (answer.len = 0; answer.len < end; answer.len += 1 + end / 50) {
        struct poll_run cut = answered(&o, &answer, false);
        assert_null(cut.set);
        assert_int_equal(cut.e.kind, ERR_INVALID);
    }
    answer.len = tapped.body.len;
    struct poll_run cancelled = answered(&o, &answer, true);
    assert_null(cancelled.set);
    assert_int_equal(cancelled.e.kind, ERR_CONFLICT);
    struct err why = {0};
    err_set(&why, ERR_UNREACHABLE, "Alertmanager answered 503");
    struct poll_run failed = answered(&o, &(struct poll_answer){.failed = &why}, false);
    assert_null(failed.set);
    assert_int_equal(failed.e.kind, ERR_UNREACHABLE);
    assert_non_null(strstr(failed.e.msg, url));
    assert_non_null(strstr(failed.e.msg, "answered 503"));
    buf_free(&tapped.body);
}

int main(void)
{
    static const char *const proxies[] = {"http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
        unsetenv(proxies[i]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_answers),       cmocka_unit_test(test_timeouts), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_request),       cmocka_unit_test(test_cancel),   cmocka_unit_test(test_start_refuses),
        cmocka_unit_test(test_many),          cmocka_unit_test(test_ca_file),  cmocka_unit_test(test_auth_deinit),
        cmocka_unit_test(test_close_on_exec),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}

/* Questions to a running engine: who is there, and what is said when nobody is. */
#include "api/ask.h"

#include "base/mem.h"
#include "net/listen.h"
#include "net/server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void get_echo(void *arg, struct http_exchange *x)
{
    (void)arg;
    struct buf b = {0};
    buf_addf(&b, "%s|%s", http_exchange_rest(x), http_exchange_query(x, "q"));
    http_exchange_answer(x, 200, HTTP_TEXT, &b);
}

/* An engine in a process of its own; *url_r is where it is over TCP. */
static pid_t engine(const char *path, char url[64])
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        uv_loop_t loop;
        struct http_server *s;
        struct err e;
        char *where = NULL;
        alarm(60);
        uv_loop_init(&loop);
        http_server_create(&loop, &s);
        http_server_route(s, &(struct http_route){"/echo/", "echo", true, get_echo, NULL});
        if (http_server_listen_unix(s, path, &e) != 0 || http_server_listen_tcp(s, "127.0.0.1:0", &where, &e) != 0)
            where = xstrdup("");
        if (write(ready[1], where, strlen(where) + 1) < 0)
            _exit(1);
        uv_run(&loop, UV_RUN_DEFAULT);
        _exit(0);
    }
    close(ready[1]);
    assert_true(read(ready[0], url, 64) > 1);
    close(ready[0]);
    return pid;
}

static void questions(void **state)
{
    (void)state;
    char dir[] = "/tmp/ask_test.XXXXXX", url[64] = "";
    assert_non_null(mkdtemp(dir));
    char *store = xasprintf("%s/tasks.db", dir), *sock = xasprintf("%s.sock", store);
    struct err e = {0};
    struct buf body = {0}, path = {0};
    long status = 0;
    struct ask a = {.store_path = store};

    assert_int_equal(ask_engine(&a, "/echo/x", &body, &status, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "no engine runs on"));

    pid_t pid = engine(sock, url);
    buf_adds(&path, "/echo/");
    ask_encode(&path, "a/b c?&#%\xc3\xa9");
    buf_adds(&path, "?q=");
    ask_encode(&path, "1&2=3 +4");
    if (ask_engine(&a, path.data, &body, &status, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(status, 200);
    assert_string_equal(body.data, "a/b c?&#%\xc3\xa9|1&2=3 +4");
    assert_int_equal(ask_engine(&a, "/nothing", &body, &status, &e), 0);
    assert_int_equal(status, 404);
    assert_non_null(strstr(body.data, "\"error\""));

    struct ask by_url = {.url = url};
    strcat(url, "/");
    assert_int_equal(ask_engine(&by_url, "/echo/u", &body, &status, &e), 0);
    assert_string_equal(body.data, "u|(null)");

    /* it dies, and its socket stays */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(access(sock, F_OK), 0);
    assert_int_equal(ask_engine(&a, "/echo/x", &body, &status, &e), -1);
    assert_int_equal(e.kind, ERR_UNREACHABLE);
    assert_non_null(strstr(e.msg, "does not answer on its socket"));
    assert_int_equal(ask_engine(&by_url, "/echo/u", &body, &status, &e), -1);
    assert_int_equal(e.kind, ERR_UNREACHABLE);

    /* its successor takes the place */
    pid = engine(sock, url);
    assert_int_equal(ask_engine(&a, "/echo/again", &body, &status, &e), 0);
    assert_int_equal(status, 200);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(sock);
    assert_int_equal(rmdir(dir), 0);
    buf_free(&body);
    buf_free(&path);
    free(store);
    free(sock);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {cmocka_unit_test(questions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

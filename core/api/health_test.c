/* Alive and ready, asked over a real socket. */
#include "api/health.h"

#include "api/index.h"
#include "base/mem.h"
#include "net/listen.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

struct rig {
    char path[64];
    uv_loop_t loop;
    struct http_server *server;
    struct health *health;
};

static int setup(void **state)
{
    struct rig *r = xcalloc(1, sizeof *r);
    struct err e;
    snprintf(r->path, sizeof r->path, "/tmp/health_test.%ld.sock", (long)getpid());
    uv_loop_init(&r->loop);
    http_server_create(&r->loop, &r->server);
    r->health = health_create(&r->loop);
    health_routes(r->health, r->server);
    index_route(r->server);
    assert_int_equal(http_server_listen_unix(r->server, r->path, &e), 0);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    http_server_free(&r->server);
    health_free(&r->health);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    free(r);
    return 0;
}

static int ask(struct rig *r, const char *path, const char *headers, struct buf *body)
{
    struct sockaddr_un a;
    struct err e;
    int dir, fd = socket(AF_UNIX, SOCK_STREAM, 0), status = 0;
    assert_int_equal(unix_address(r->path, &a, &dir, &e), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    struct buf got = {0};
    buf_addf(&got, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", path, headers);
    assert_int_equal(write(fd, got.data, got.len), (ssize_t)got.len);
    buf_clear(&got);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (uint64_t until = uv_hrtime() + UINT64_C(10000000000); uv_hrtime() < until;) {
        char piece[4096];
        uv_run(&r->loop, UV_RUN_NOWAIT);
        ssize_t n = read(fd, piece, sizeof piece);
        if (n == 0)
            break;
        if (n > 0)
            buf_add(&got, piece, (size_t)n);
    }
    close(fd);
    assert_int_equal(sscanf(got.data, "HTTP/1.1 %d", &status), 1);
    buf_clear(body);
    buf_adds(body, strstr(got.data, "\r\n\r\n") + 4);
    buf_free(&got);
    return status;
}

static void conditions(void **state)
{
    struct rig *r = *state;
    struct buf b = {0};
    assert_int_equal(ask(r, "/readyz", "", &b), 200); /* nothing is asked for */
    struct health_condition *list = health_ready(r->health, "tasks", "the first list of Tasks has not come yet");
    assert_int_equal(ask(r, "/readyz", "", &b), 503);
    assert_int_equal(strncmp(b.data, "not ready\n[-] tasks: the first list of Tasks has not come yet\n", 62), 0);
    assert_int_equal(ask(r, "/healthz", "", &b), 200); /* a restart would not help */
    assert_null(strstr(b.data, "tasks"));
    health_say(list, true, "%d Tasks are known", 3);
    assert_int_equal(ask(r, "/readyz", "", &b), 200);
    assert_int_equal(strncmp(b.data, "ok\n[+] tasks: 3 Tasks are known\n", 32), 0);

    struct health_condition *cycles = health_live(r->health, "cycles", "");
    health_say(cycles, false, "default/x: its cycle has not moved for 20m");
    assert_int_equal(ask(r, "/healthz", "", &b), 503);
    assert_int_equal(strncmp(b.data, "not alive\n[-] cycles: default/x: its cycle", 40), 0);
    assert_int_equal(ask(r, "/readyz", "", &b), 503); /* what is not alive is not ready */
    health_say(cycles, true, "fine");
    assert_int_equal(ask(r, "/healthz", "", &b), 200);
    buf_free(&b);
}

static void json(void **state)
{
    struct rig *r = *state;
    struct buf b = {0};
    health_say(health_ready(r->health, "polls", ""), false, "say \"why\"");
    static const char *const asks[][2] = {{"/readyz?format=json", ""}, {"/readyz", "Accept: application/json\r\n"}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(r, asks[i][0], asks[i][1], &b), 503);
        cJSON *o = cJSON_Parse(b.data), *c = cJSON_GetArrayItem(cJSON_GetObjectItem(o, "conditions"), 0);
        assert_string_equal(cJSON_GetObjectItem(o, "status")->valuestring, "not ready");
        assert_string_equal(cJSON_GetObjectItem(c, "name")->valuestring, "polls");
        assert_true(cJSON_IsFalse(cJSON_GetObjectItem(c, "met")));
        assert_string_equal(cJSON_GetObjectItem(c, "message")->valuestring, "say \"why\"");
        assert_true(cJSON_IsNumber(cJSON_GetObjectItem(o, "loopLagSeconds")));
        cJSON_Delete(o);
    }
    buf_free(&b);
}

static void standing_by(void **state)
{
    struct rig *r = *state;
    struct buf b = {0};
    struct health_condition *polls = health_ready(r->health, "polls", "nothing has been polled yet");
    health_of_leader(polls);
    assert_int_equal(ask(r, "/readyz", "", &b), 503);
    health_standby(r->health, "the lease is held by pod-b");
    assert_int_equal(ask(r, "/readyz", "", &b), 200);
    assert_non_null(strstr(b.data, "standing by: the lease is held by pod-b\n[ ] polls:"));
    struct health_condition *list = health_ready(r->health, "tasks", "no list yet"); /* a standby needs it, too */
    assert_int_equal(ask(r, "/readyz", "", &b), 503);
    health_say(list, true, "listed");
    health_standby(r->health, NULL);
    assert_int_equal(ask(r, "/readyz", "", &b), 503);
    buf_free(&b);
}

static void look(void *arg, struct health_condition *c)
{
    health_say(c, false, "asked %d", ++*(int *)arg);
}

static void asked_when_somebody_asks(void **state)
{
    struct rig *r = *state;
    struct buf b = {0};
    int n = 0;
    health_on_asked(health_ready(r->health, "now", ""), look, &n);
    assert_int_equal(ask(r, "/readyz", "", &b), 503);
    assert_non_null(strstr(b.data, "now: asked 1"));
    assert_int_equal(ask(r, "/readyz", "", &b), 503);
    assert_non_null(strstr(b.data, "now: asked 2"));
    buf_free(&b);
}

/* Whoever stands still for two seconds and a half is found out when the loop turns again. */
static void a_stall_is_measured(void **state)
{
    struct rig *r = *state;
    assert_int_equal(health_lag(r->health).stalls, 0);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    nanosleep(&(struct timespec){.tv_sec = 2, .tv_nsec = 900000000}, NULL);
    for (int i = 0; i < 3; i++)
        uv_run(&r->loop, UV_RUN_NOWAIT);
    struct health_lag lag = health_lag(r->health);
    assert_int_equal(lag.stalls, 1);
    assert_true(lag.worst_us >= 2000000 && lag.stalled_us == lag.worst_us);
    struct buf b = {0};
    assert_int_equal(ask(r, "/healthz", "", &b), 200);
    assert_null(strstr(b.data, "at most 0.0"));
    buf_free(&b);
}

static void the_index(void **state)
{
    struct rig *r = *state;
    struct buf b = {0};
    assert_int_equal(ask(r, "/", "", &b), 200);
    assert_non_null(strstr(b.data, "/healthz"));
    assert_non_null(strstr(b.data, "/readyz"));
    buf_free(&b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {T(conditions), T(json),      T(standing_by), T(asked_when_somebody_asks),
                                       T(the_index),  T(a_stall_is_measured)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

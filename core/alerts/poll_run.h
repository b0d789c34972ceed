/* For tests only: one poll from start to end on a loop of its own, which must be empty afterwards. */
#pragma once

#include "alerts/poll.h"
#include "net/http.h"

#include <stdbool.h>
#include <stdlib.h>

struct poll_run {
    struct alert_set *set;
    struct err e;
    int calls;
    bool starting;
};

static inline void poll_run_done(void *arg, struct alert_set *set, const struct err *e)
{
    struct poll_run *r = arg;
    assert_false(r->starting);
    r->calls++;
    r->set = set;
    if (e != NULL)
        r->e = *e;
    assert_int_equal(set == NULL, e != NULL);
}

static inline void poll_run_loop(uv_loop_t *loop, struct http_client **client)
{
    assert_int_equal(uv_loop_init(loop), 0);
    const struct http_client_options options = {.user_agent = "alertspawner/test"};
    assert_int_equal(http_client_create(loop, &options, client, NULL), 0);
}

static inline void poll_run_close(uv_loop_t *loop, struct http_client **client)
{
    http_client_free(client);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static inline struct poll_run poll_run(const struct poll_options *o)
{
    uv_loop_t loop;
    struct http_client *client;
    struct poll_run r = {.starting = true};
    poll_run_loop(&loop, &client);
    assert_int_equal(poll_start(client, o, poll_run_done, &r, NULL, &r.e), 0);
    r.starting = false;
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(r.calls, 1);
    poll_run_close(&loop, &client);
    return r;
}

/* One attempt of one call: sent, read, judged. See client_private.h. */
#include "kube/answer.h"
#include "kube/backoff.h"
#include "kube/client_private.h"

#include <string.h>

enum {
    ATTEMPTS_MAX = 10,
    THROTTLED_S = 1,      /* for a 429 that does not say how long */
    ERROR_BYTES_MAX = 64 * 1024, /* kept of an answer that is no success */
    WATCH_BYTES_MAX_GIB = 64,
};

static bool success(const struct kube_call *call)
{
    return call->status >= 200 && call->status < 300;
}

/* ---- while it arrives ---- */

static int on_head(void *arg, const struct http_response *r, struct err *e)
{
    struct kube_call *call = arg;
    (void)e;
    call->status = r->status;
    if (call->kind == CALL_WATCH && success(call) && call->on_open != NULL && !call->cancelled)
        call->on_open(call->arg);
    return 0;
}

static int on_body(void *arg, const char *bytes, size_t len, struct err *e)
{
    struct kube_call *call = arg;
    if (!success(call)) {
        size_t room = ERROR_BYTES_MAX - call->answer.len;
        buf_add(&call->answer, bytes, len < room ? len : room);
        return 0;
    }
    switch (call->kind) {
    case CALL_LIST:
        return list_reader_feed(&call->list, bytes, len, e);
    case CALL_WATCH:
        return watch_reader_feed(&call->watch, bytes, len, e);
    case CALL_OBJECT:
        break;
    }
    buf_add(&call->answer, bytes, len);
    return 0;
}

/* ---- when it has ended ---- */

static void complete_success(struct kube_call *call)
{
    struct err e = {0};
    cJSON *object = NULL;
    int rc = 0;
    switch (call->kind) {
    case CALL_OBJECT:
        object = kube_parse(call->answer.len > 0 ? call->answer.data : "", call->answer.len, &e);
        rc = object == NULL ? -1 : 0;
        break;
    case CALL_LIST:
        rc = list_reader_end(&call->list, &e);
        break;
    case CALL_WATCH:
        rc = watch_reader_end(&call->watch, &e);
        break;
    }
    if (rc != 0)
        err_wrap(&e, "%s", call->what);
    call_complete(call, object, rc == 0 ? NULL : &e);
}

static void again(struct kube_call *call, int64_t at)
{
    call->state = CALL_QUEUED;
    call->not_before = at;
    client_wake(call->client);
}

/* The server has done nothing and says when to come back: while there is time, we do. */
static bool wait_and_ask_again(struct kube_call *call, const struct http_response *r)
{
    if (call->once || ++call->attempts >= ATTEMPTS_MAX)
        return false;
    bool busy = r->status == 429 || (r->status >= 500 && r->retry_after_s >= 0);
    int64_t now = clock_running(), wait = (r->retry_after_s > 0 ? r->retry_after_s : THROTTLED_S) * MOMENT_SECOND;
    if (!busy || now + wait >= call->deadline)
        return false;
    again(call, now + jitter(wait, 0.1, dice()));
    return true;
}

static bool show_another(struct kube_call *call, const struct http_response *r)
{
    if (r->status != 401 || call->refused || !credential_refused(call->client->credential, call->generation))
        return false;
    call->refused = true;
    again(call, 0);
    return true;
}

static void on_done(void *arg, const struct http_response *r, const struct err *e)
{
    struct kube_call *call = arg;
    struct err why;
    call->http = NULL;
    if (call->kind != CALL_WATCH && !call->urgent)
        call->client->flying--;
    client_wake(call->client);
    if (call->cancelled || call->client->closing) {
        err_set(&why, ERR_CONFLICT, "cancelled");
        call_complete(call, NULL, &why);
    } else if (e != NULL) {
        why = *e;
        if (strncmp(why.msg, call->what, strlen(call->what)) != 0) /* an error of a watch names it already */
            err_wrap(&why, "%s", call->what);
        call_complete(call, NULL, &why);
    } else if (success(call)) {
        complete_success(call);
    } else if (!show_another(call, r) && !wait_and_ask_again(call, r)) {
        answer_error(r->status, call->answer.len > 0 ? call->answer.data : "", call->answer.len, call->what, &why);
        call_complete(call, NULL, &why);
    }
}

/* ---- sending ---- */

static void prepare(struct kube_call *call)
{
    buf_clear(&call->answer);
    call->status = 0;
    call->generation = credential_generation(call->client->credential);
    if (call->kind == CALL_LIST) {
        kube_item_cb *on_item = call->list.on_item;
        void *arg = call->list.arg;
        list_reader_deinit(&call->list);
        list_reader_init(&call->list, on_item, arg);
    } else if (call->kind == CALL_WATCH) {
        kube_watch_cb *on_event = call->watch.on_event;
        void *arg = call->watch.arg;
        watch_reader_deinit(&call->watch);
        watch_reader_init(&call->watch, call->what, on_event, arg);
    }
}

int call_send(struct kube_call *call, int64_t now, struct err *e)
{
    struct kube_client *c = call->client;
    const struct kube_config *k = c->config;
    prepare(call);
    struct http_options o = {
        .method = call->method,
        .url = call->url,
        .bearer = credential_token(c->credential),
        .accept = "application/json",
        .content_type = call->content_type,
        .body = call->body,
        .body_len = call->body == NULL ? 0 : strlen(call->body),
        .headers = (const char *const *)c->headers,
        .max_bytes = call->kind == CALL_OBJECT ? KUBE_OBJECT_BYTES_MAX : (uint64_t)WATCH_BYTES_MAX_GIB << 30,
        .timeout_us = call->deadline - now,
        .idle_us = call->idle_us,
    };
    if (o.bearer == NULL && k->user != NULL) {
        o.user = k->user;
        o.password = k->password;
    }
    const struct http_handler handler = {.on_head = on_head, .on_body = on_body, .on_done = on_done, .arg = call};
    if (http_start(c->http, &o, &handler, &call->http, e) != 0)
        return err_wrap(e, "%s", call->what);
    call->state = CALL_FLYING;
    if (call->kind != CALL_WATCH && !call->urgent)
        c->flying++;
    return 0;
}

/* The client's queue: see client.h. Callbacks wake it; client_step alone decides what is sent, what waits and what has
 * waited too long. */
#include "base/mem.h"
#include "kube/backoff.h"
#include "kube/client_private.h"
#include "net/tls.h"

#include <stdlib.h>
#include <string.h>

enum { PARALLEL = 16, TIMEOUT_S = 30 };
static const double QPS = 50, BURST = 100;

/* ---- calls ---- */

struct kube_call *call_create(struct kube_client *c, enum call_kind kind, const char *method, char *path,
                              int64_t timeout_us)
{
    struct kube_call *call = xcalloc(1, sizeof *call);
    call->client = c;
    call->kind = kind;
    call->method = method;
    call->url = xasprintf("%s%s", c->config->server, path);
    call->what = xasprintf("%s %.*s", method, (int)strcspn(path, "?"), path);
    call->began = clock_running();
    call->deadline = call->began + (timeout_us > 0 ? timeout_us : c->timeout_us);
    free(path);
    return call;
}

void call_submit(struct kube_call *call, struct kube_call **call_r)
{
    struct kube_client *c = call->client;
    call->link = c->last;
    *c->last = call;
    c->last = &call->next;
    if (call_r != NULL)
        *call_r = call;
    client_wake(c);
}

void call_free(struct kube_call *call)
{
    if (call->kind == CALL_LIST)
        list_reader_deinit(&call->list);
    else if (call->kind == CALL_WATCH)
        watch_reader_deinit(&call->watch);
    if (call->answer.data != NULL)
        explicit_bzero(call->answer.data, call->answer.cap); /* it may be a Secret */
    buf_free(&call->answer);
    free(call->url);
    free(call->what);
    free(call->body);
    free(call);
}

static void unlink_call(struct kube_call *call)
{
    *call->link = call->next;
    if (call->next != NULL)
        call->next->link = call->link;
    else
        call->client->last = call->link;
}

void kube_client_observe(struct kube_client *c, kube_observe_cb *observe, void *arg)
{
    c->observe = observe;
    c->observe_arg = arg;
}

static const char *verb_of(const struct kube_call *call)
{
    static const char *const verbs[][2] = {
        {"GET", "get"}, {"POST", "create"}, {"PUT", "update"}, {"PATCH", "patch"}, {"DELETE", "delete"}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(call->method, verbs[i][0]) == 0 && call->kind == CALL_OBJECT)
            return verbs[i][1];
    return "list";
}

static void tell(const struct kube_call *call, const struct err *e)
{
    struct kube_client *c = call->client;
    struct kube_observation o = {
        .verb = verb_of(call),
        .resource = call->resource,
        .status = call->status,
        .kind = e != NULL ? e->kind : ERR_NONE,
        .took_us = clock_running() - call->began,
    };
    if (call->resource != NULL && c->observe != NULL)
        c->observe(c->observe_arg, &o);
}

void call_complete(struct kube_call *call, cJSON *object, const struct err *e)
{
    tell(call, e);
    unlink_call(call);
    switch (call->kind) {
    case CALL_OBJECT:
        call->on_object(call->arg, object, e);
        break;
    case CALL_LIST:
        call->on_page(call->arg, e == NULL ? &call->list.page : NULL, e);
        break;
    case CALL_WATCH:
        call->on_end(call->arg, e);
        break;
    }
    call_free(call);
}

void kube_cancel(struct kube_call *call)
{
    call->cancelled = true;
    if (call->http != NULL)
        http_cancel(call->http);
    else
        client_wake(call->client);
}

/* ---- the step ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A call that waits in vain: cancelled, too late, or without a credential. */
static struct kube_call *find_ended(struct kube_client *c, int64_t now, int credential, const struct err *no_credential,
                                    struct err *e)
{
    for (struct kube_call *call = c->calls; call != NULL; call = call->next) {
        if (call->state != CALL_QUEUED)
            continue;
        if (call->cancelled)
            err_set(e, ERR_CONFLICT, "cancelled");
        else if (now >= call->deadline)
            err_set(e, ERR_TIMEOUT, "%s: %s", call->what,
                    credential > 0 ? "the credential plugin has not answered in time"
                                   : "it could not be asked in time: too much else is to be asked");
        else if (credential < 0)
            *e = *no_credential;
        else
            continue;
        return call;
    }
    return NULL;
}

/* Sends it, or says until when it must wait (INT64_MAX: until something else happens). 0: it has been sent. */
static int64_t try_call(struct kube_call *call, int64_t now, struct err *e)
{
    struct kube_client *c = call->client;
    if (call->not_before > now)
        return call->not_before;
    if (!call->urgent && call->kind != CALL_WATCH) {
        if (c->flying >= c->max_parallel)
            return INT64_MAX;
        int64_t wait = bucket_take(&c->bucket, now);
        if (wait > 0)
            return now + wait;
    }
    return call_send(call, now, e) == 0 ? 0 : -1;
}

/* A certificate that a plugin gave stands in the HTTP client, not in the request. */
static void show_certificate(struct kube_client *c)
{
    const char *cert, *key;
    uint64_t generation = credential_generation(c->credential);
    if (c->shown == generation || !credential_certificate(c->credential, &cert, &key))
        return;
    c->shown = generation;
    const struct kube_config *k = c->config;
    struct http_tls tls = {.ca_pem = k->ca_pem, .ca_len = k->ca_len, .server_name = k->tls_server_name,
                           .insecure = k->insecure, .cert_pem = cert, .cert_len = strlen(cert), .key_pem = key,
                           .key_len = strlen(key)};
    http_client_set_tls(c->http, &tls);
}

static void client_step(struct kube_client *c)
{
    int64_t now = clock_running(), next = INT64_MAX;
    struct err no_credential = {0}, e = {0};
    int credential = c->calls == NULL ? 0 : credential_ready(c->credential, &no_credential);
    struct kube_call *call, *after;
    while (!c->closing && (call = find_ended(c, now, credential, &no_credential, &e)) != NULL)
        call_complete(call, NULL, &e);
    if (c->closing)
        return;
    if (credential == 0)
        show_certificate(c);
    for (call = c->calls; call != NULL; call = after) {
        after = call->next;
        if (call->state != CALL_QUEUED)
            continue;
        int64_t at = credential == 0 ? try_call(call, now, &e) : INT64_MAX;
        if (at < 0) {
            call_complete(call, NULL, &e);
            client_wake(c); /* the list may be another one now */
            return;
        }
        if (at > 0)
            next = earlier(next, earlier(at, call->deadline));
    }
    if (next != INT64_MAX)
        uv_timer_start(&c->timer, c->timer.timer_cb, (uint64_t)((next - now) / 1000 + 1), 0);
}

static void on_timer(uv_timer_t *t)
{
    client_step(t->data);
}

void client_wake(struct kube_client *c)
{
    if (!c->closing)
        uv_timer_start(&c->timer, on_timer, 0, 0);
}

static void on_credential(void *arg)
{
    client_wake(arg);
}

/* ---- the client ---- */

static char **impersonation(const struct kube_config *k)
{
    char **lines = xcalloc(k->n_as_groups + 3, sizeof *lines);
    size_t n = 0;
    if (k->as_user != NULL)
        lines[n++] = xasprintf("Impersonate-User: %s", k->as_user);
    if (k->as_uid != NULL)
        lines[n++] = xasprintf("Impersonate-Uid: %s", k->as_uid);
    for (size_t i = 0; i < k->n_as_groups; i++)
        lines[n++] = xasprintf("Impersonate-Group: %s", k->as_groups[i]);
    return lines;
}

int kube_client_create(uv_loop_t *loop, struct kube_config *k, const struct kube_client_options *o,
                       struct kube_client **client_r, struct err *e)
{
    struct kube_client *c = xcalloc(1, sizeof *c);
    c->loop = loop;
    c->config = k;
    c->last = &c->calls;
    c->max_parallel = o->max_parallel > 0 ? o->max_parallel : PARALLEL;
    c->timeout_us = o->timeout_us > 0 ? o->timeout_us : TIMEOUT_S * MOMENT_SECOND;
    c->bucket = bucket_make(o->qps == 0 ? QPS : o->qps, o->burst > 0 ? o->burst : BURST, clock_running());
    const struct http_tls tls = {.ca_pem = k->ca_pem, .ca_len = k->ca_len, .server_name = k->tls_server_name,
                                 .insecure = k->insecure, .cert_pem = k->cert_pem, .cert_len = k->cert_len,
                                 .key_pem = k->key_pem, .key_len = k->key_len};
    const struct http_client_options http = {.user_agent = o->user_agent, .tls = &tls, .proxy_url = k->proxy_url,
                                             .http1 = true};
    if (http_client_create(loop, &http, &c->http, e) != 0) {
        kube_config_free(&c->config);
        free(c);
        return -1;
    }
    c->headers = impersonation(k);
    c->credential = credential_create(loop, k, on_credential, c);
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    *client_r = c;
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    struct kube_client *c = h->data;
    for (char **line = c->headers; *line != NULL; line++)
        free(*line);
    free(c->headers);
    kube_config_free(&c->config);
    free(c);
}

void kube_client_free(struct kube_client **client)
{
    struct kube_client *c = *client;
    *client = NULL;
    if (c == NULL)
        return;
    c->closing = true;
    http_client_free(&c->http); /* completes what is in flight */
    while (c->calls != NULL) {
        struct err e;
        err_set(&e, ERR_CONFLICT, "cancelled");
        call_complete(c->calls, NULL, &e);
    }
    credential_free(&c->credential);
    uv_close((uv_handle_t *)&c->timer, on_closed);
}

const struct kube_config *kube_client_config(const struct kube_client *c)
{
    return c->config;
}

/* Inside the client: client.c decides which call goes when (client_step), call.c sends one and reads its answer, verbs.c
 * makes them. */
#pragma once

#include "base/buf.h"
#include "base/moment.h"
#include "kube/bucket.h"
#include "kube/client.h"
#include "kube/config.h"
#include "kube/credential.h"
#include "kube/reader.h"
#include "net/http.h"

enum call_kind { CALL_OBJECT, CALL_LIST, CALL_WATCH };
enum call_state { CALL_QUEUED, CALL_FLYING };

struct kube_call {
    struct kube_client *client;
    struct kube_call *next, **link; /* all calls, in the order they came */
    enum call_kind kind;
    enum call_state state;
    bool urgent, once, cancelled;
    /* the request */
    const char *method;
    const char *resource; /* its plural; NULL: it is about none, or a watch */
    int64_t began;
    char *url, *what; /* what: "GET /api/..." for sentences */
    char *body;
    const char *content_type;
    int64_t idle_us;
    /* its time, by the running clock */
    int64_t deadline, not_before;
    int attempts;
    bool refused; /* a 401 has been answered with another credential once */
    uint64_t generation;
    struct http_request *http;
    /* the answer */
    long status;
    struct buf answer; /* of an object, and of anything that is no success */
    union {
        struct list_reader list;
        struct watch_reader watch;
    };
    kube_object_cb *on_object;
    kube_page_cb *on_page;
    kube_end_cb *on_end;
    void (*on_open)(void *arg);
    void *arg;
};

struct kube_client {
    uv_loop_t *loop;
    struct http_client *http;
    struct kube_config *config;
    struct credential *credential;
    uint64_t shown; /* the credential generation that the HTTP client's certificate is of */
    uv_timer_t timer;
    struct kube_call *calls, **last;
    struct bucket bucket;
    int flying, max_parallel;
    int64_t timeout_us;
    bool closing;
    kube_observe_cb *observe;
    void *observe_arg;
    char **headers; /* of impersonation; NULL-terminated */
};

/* client.c */
struct kube_call *call_create(struct kube_client *c, enum call_kind kind, const char *method, char *path,
                              int64_t timeout_us); /* takes path, which may have a query */
void call_submit(struct kube_call *call, struct kube_call **call_r);
void call_free(struct kube_call *call);
void client_wake(struct kube_client *c); /* client_step follows, from the loop */
/* Out of the client's list, told, freed. `object` is handed on. */
void call_complete(struct kube_call *call, cJSON *object, const struct err *e);

/* call.c */
int call_send(struct kube_call *call, int64_t now, struct err *e);

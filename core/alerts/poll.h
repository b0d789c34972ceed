/* One question to one Alertmanager: GET <url>/api/v2/alerts with the selector pushed down, cut into alerts while the
 * answer arrives. Anything but a complete top-level JSON array from a 200 is a failed poll, with a message of its own
 * that quotes no body; nothing may be concluded from it. */
#pragma once

#include "alerts/alert_set.h"
#include "alerts/selector.h"
#include "base/err.h"

#include <stdint.h>
#include <uv.h>

struct http_client;

/* How to authenticate; exactly one form. The strings are wiped when freed. */
struct poll_auth {
    char *bearer;          /* token, or NULL */
    char *user, *password; /* Basic, or NULL */
};
void poll_auth_deinit(struct poll_auth *auth);

/* For who records: sees the answer as it comes, before it is judged. Any may be NULL. */
struct poll_tap {
    void (*head)(void *arg, long status);
    void (*body)(void *arg, const char *bytes, size_t len);
    void *arg;
};

/* Instead of a selector, for who looks for single alerts (spawner/why.h): alerts in every state are asked for, and those that
 * `wanted` is true for are in the set, as kept; of the others nothing is. */
struct poll_lookup {
    bool (*wanted)(void *arg, const struct alert *a);
    void *arg;
    const char *alertname; /* only alerts of that name are asked for; NULL: all */
};

struct poll_options {
    const char *url;       /* http(s)://host[:port][/prefix], with or without a trailing slash */
    const struct selector *selector;
    const struct poll_lookup *lookup; /* or NULL; copied */
    const struct poll_auth *auth; /* NULL: anonymous */
    uint64_t max_bytes;    /* --max-response-bytes; larger is a failed poll */
    int64_t timeout_us;    /* of the whole request */
    const struct poll_tap *tap; /* or NULL; copied */
};

struct poll_progress {
    uint64_t bytes;
    uint64_t alerts, kept;
};

/* Called once, never from inside poll_start. `set` is NULL on failure (then `e` says why), else the receiver owns it. */
typedef void poll_done_cb(void *arg, struct alert_set *set, const struct err *e);

/* Is it a URL that poll_start takes: http(s), a host, no user or password, no query? The sentence quotes no password. */
int poll_url_check(const char *url, struct err *e);

struct poll;
/* -1: nothing was started and nothing calls back. Options are copied. */
int poll_start(struct http_client *http, const struct poll_options *options, poll_done_cb *done, void *arg,
               struct poll **poll_r, struct err *e);
void poll_cancel(struct poll *p); /* done is called with ERR_CONFLICT "cancelled", later */
struct poll_progress poll_progress(const struct poll *p);

/* What Alertmanager answered once, from a recording: cut, checked and refused exactly as if it came now. Only url and
 * selector of the options are used. Bytes and error stay the caller's until `done`. */
struct poll_answer {
    const struct err *failed; /* the poll failed, with this sentence (without the URL); NULL: it was a 200 with this body */
    const char *body;
    size_t len;
};
int poll_answered(uv_loop_t *loop, const struct poll_options *options, const struct poll_answer *answer, poll_done_cb *done,
                  void *arg, struct poll **poll_r, struct err *e);

/* Where a cycle gets its answers when it does not ask Alertmanager: a recording. */
struct poll_source {
    /* As poll_start; it ends in poll_answered. */
    int (*start)(struct poll_source *source, const struct poll_options *options, poll_done_cb *done, void *arg,
                 struct poll **poll_r, struct err *e);
};

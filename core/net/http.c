/* HTTP requests: see http.h. curl_loop.c moves the transfers; this file sets them up and tells how they ended. */
#include "net/http.h"

#include "base/mem.h"
#include "base/moment.h"
#include "net/curl_loop.h"
#include "net/tls.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECT_MS = 10 * 1000,
    RECEIVE_BUFFER = 256 * 1024,
    /* a peer that is gone without a word */
    KEEP_IDLE_S = 15,
    KEEP_INTERVAL_S = 5,
    KEEP_PROBES = 3,
    UNACKNOWLEDGED_MS = 30 * 1000,
};

struct http_client {
    struct curl_loop *curl;
    uv_timer_t later; /* carries out http_cancel, outside of whoever called it */
    uv_timer_t silence; /* ends those that have been silent for too long */
    char *ca_file, *user_agent, *proxy_url;
    struct tls_identity *tls;
    bool http1;
    struct http_request *requests; /* all that are in flight */
    bool closing;
};

struct http_request {
    struct http_client *client;
    struct http_request *next, **link;
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    struct tls_identity *tls;
    struct http_handler handler;
    uint64_t max_bytes, received;
    const char *max_hint;
    int64_t timeout_us, idle_us;
    uint64_t heard_ms; /* when a byte came last, by the loop's clock */
    bool head_done, cancelled;
    struct err err; /* what a callback of ours said */
    struct http_response response;
    char content_type[128];
    char curl_says[CURL_ERROR_SIZE];
};

static void on_later(uv_timer_t *t);

/* ---- the transfer's callbacks, from inside libcurl ---- */

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    (void)arg, (void)purpose;
    int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
    if (fd >= 0 && (a->family == AF_INET || a->family == AF_INET6) && a->socktype == SOCK_STREAM) {
        static const struct {
            int level, name, value;
        } options[] = {
            {SOL_SOCKET, SO_KEEPALIVE, 1},
            {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
            {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S},
            {IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES},
            {IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS},
        };
        for (size_t i = 0; i < sizeof options / sizeof *options; i++) /* without them it works, too */
            setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
    }
    return fd;
}

static void read_content_type(struct http_request *r)
{
    char *type = NULL;
    curl_easy_getinfo(r->easy, CURLINFO_CONTENT_TYPE, &type);
    size_t n = 0;
    for (; type != NULL && n + 1 < sizeof r->content_type; n++) {
        unsigned char c = (unsigned char)type[n];
        if (c == '\0' || c == ';' || c == ' ' || c == '\t')
            break;
        r->content_type[n] = (char)tolower(c);
    }
    r->content_type[n] = '\0';
}

static int head(struct http_request *r)
{
    if (r->head_done)
        return 0;
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &r->response.status);
    if (r->response.status < 200) /* 100 Continue and the like: the real one follows */
        return 0;
    r->head_done = true;
    read_content_type(r);
    curl_off_t after = 0;
    if (curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0)
        r->response.retry_after_s = after;
    return r->handler.on_head == NULL ? 0 : r->handler.on_head(r->handler.arg, &r->response, &r->err);
}

static size_t on_header(char *line, size_t one, size_t n, void *arg)
{
    (void)one;
    struct http_request *r = arg;
    if (r->cancelled)
        return 0;
    r->heard_ms = uv_now(r->client->later.loop);
    bool blank = n <= 2 && (line[0] == '\r' || line[0] == '\n');
    return blank && head(r) != 0 ? 0 : n;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *arg)
{
    (void)one;
    struct http_request *r = arg;
    if (r->cancelled || head(r) != 0)
        return 0;
    r->heard_ms = uv_now(r->client->later.loop);
    if (n > r->max_bytes - r->received) {
        err_set(&r->err, ERR_LIMIT, "the answer is larger than %llu bytes%s%s", (unsigned long long)r->max_bytes,
                r->max_hint != NULL ? ": " : "", r->max_hint != NULL ? r->max_hint : "");
        return 0;
    }
    r->received += n;
    if (r->handler.on_body != NULL && r->handler.on_body(r->handler.arg, bytes, n, &r->err) != 0)
        return 0;
    return r->cancelled ? 0 : n;
}

/* ---- how it ended ---- */

/* "Failed to connect to 10.0.0.1 port 443 after 3 ms: ...": who says a sentence once must know it again. */
static void drop_milliseconds(char *s)
{
    char *at = strstr(s, " after ");
    size_t n = at == NULL ? 0 : strspn(at + 7, "0123456789");
    if (n > 0 && strncmp(at + 7 + n, " ms", 3) == 0)
        memmove(at, at + 7 + n + 3, strlen(at + 7 + n + 3) + 1);
}

static void curl_error(struct http_request *r, CURLcode code, struct err *e)
{
    drop_milliseconds(r->curl_says);
    char took[MOMENT_TEXT];
    /* libcurl's own sentence, unless it quotes a URL: those of proxies hold passwords */
    const char *says = r->curl_says;
    if (*says == '\0' || strchr(says, '@') != NULL || strstr(says, "://") != NULL ||
        strstr(says, "Unsupported proxy") != NULL)
        says = curl_easy_strerror(code);
    for (char *p = r->curl_says; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        duration_format(r->timeout_us, took);
        err_set(e, ERR_TIMEOUT, "no complete answer within %s (%llu bytes came)", took,
                (unsigned long long)r->received);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
        err_set(e, ERR_UNREACHABLE, "no connection: %s", says);
        break;
    case CURLE_COULDNT_RESOLVE_PROXY:
        err_set(e, ERR_UNREACHABLE, "no connection: the proxy's name could not be resolved");
        break;
    case CURLE_GOT_NOTHING:
        err_set(e, ERR_UNREACHABLE, "the connection was closed without an answer");
        break;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2_STREAM:
        err_set(e, ERR_UNREACHABLE, "the answer was cut short: %s", says);
        break;
    case CURLE_BAD_CONTENT_ENCODING:
        err_set(e, ERR_INVALID, "the answer's compression is broken or unknown");
        break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        err_set(e, ERR_INVALID, "what answers there does not speak HTTP");
        break;
    default:
        err_set(e, ERR_UNREACHABLE, "%s", curl_easy_strerror(code));
    }
}

static void request_free(struct http_request *r)
{
    curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    curl_slist_free_all(r->connect_to);
    tls_identity_unref(r->tls);
    free(r);
}

/* The request leaves the client, its owner is told, its memory goes. */
static void finish(struct http_request *r, const struct err *e)
{
    *r->link = r->next;
    if (r->next != NULL)
        r->next->link = r->link;
    r->handler.on_done(r->handler.arg, &r->response, e);
    request_free(r);
}

static void finish_cancelled(struct http_request *r)
{
    struct err e;
    err_set(&e, ERR_CONFLICT, "cancelled");
    finish(r, &e);
}

static void on_ended(void *arg, CURL *easy, CURLcode code)
{
    (void)arg;
    struct http_request *r = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&r);
    struct err e = {0};
    if (r->cancelled) {
        finish_cancelled(r);
    } else if (r->err.kind != ERR_NONE) {
        finish(r, &r->err);
    } else if (code != CURLE_OK) {
        curl_error(r, code, &e);
        finish(r, &e);
    } else {
        finish(r, NULL);
    }
}

/* ---- the client ---- */

int http_client_create(uv_loop_t *loop, const struct http_client_options *o, struct http_client **client_r,
                       struct err *e)
{
    if (o->ca_file != NULL && access(o->ca_file, R_OK) != 0)
        return err_set(e, ERR_USAGE, "the CA file %s cannot be read: %m", o->ca_file);
    struct http_client *c = xcalloc(1, sizeof *c);
    if (curl_loop_create(loop, o->per_server, on_ended, c, &c->curl, e) != 0) {
        free(c);
        return -1;
    }
    c->ca_file = xstrdup(o->ca_file);
    c->user_agent = xstrdup(o->user_agent);
    c->proxy_url = xstrdup(o->proxy_url);
    c->http1 = o->http1;
    if (o->tls != NULL)
        c->tls = tls_identity_create(o->tls);
    uv_timer_init(loop, &c->later);
    uv_timer_init(loop, &c->silence);
    uv_unref((uv_handle_t *)&c->silence); /* requests keep the loop alive, not the waiting for them */
    c->later.data = c->silence.data = c;
    *client_r = c;
    return 0;
}

void http_client_set_tls(struct http_client *c, const struct http_tls *tls)
{
    tls_identity_unref(c->tls);
    c->tls = tls_identity_create(tls);
}

static void on_client_closed(uv_handle_t *h)
{
    struct http_client *c = h->data;
    tls_identity_unref(c->tls);
    free(c->ca_file);
    free(c->user_agent);
    if (c->proxy_url != NULL)
        explicit_bzero(c->proxy_url, strlen(c->proxy_url)); /* it may hold a password */
    free(c->proxy_url);
    free(c);
}

static void on_silence_closed(uv_handle_t *h)
{
    struct http_client *c = h->data;
    uv_close((uv_handle_t *)&c->later, on_client_closed);
}

void http_client_free(struct http_client **client)
{
    struct http_client *c = *client;
    *client = NULL;
    if (c == NULL || c->closing)
        return;
    c->closing = true;
    while (c->requests != NULL) {
        curl_loop_remove(c->curl, c->requests->easy);
        finish_cancelled(c->requests);
    }
    curl_loop_free(&c->curl);
    uv_close((uv_handle_t *)&c->silence, on_silence_closed);
}

static void on_later(uv_timer_t *t)
{
    struct http_client *c = t->data;
    for (struct http_request *r = c->requests; r != NULL && !c->closing;) {
        if (!r->cancelled) {
            r = r->next;
            continue;
        }
        curl_loop_remove(c->curl, r->easy);
        finish_cancelled(r);
        r = c->requests; /* on_done may have done anything to the list */
    }
}

void http_cancel(struct http_request *r)
{
    r->cancelled = true;
    uv_timer_start(&r->client->later, on_later, 0, 0);
}

/* ---- silence ---- */

static void on_silence(uv_timer_t *t);

/* The timer runs to the first moment at which a request may have been silent for too long. */
static void await_silence(struct http_client *c)
{
    uint64_t now = uv_now(c->silence.loop), first = UINT64_MAX;
    for (const struct http_request *r = c->requests; r != NULL; r = r->next) {
        uint64_t at = r->heard_ms + (uint64_t)(r->idle_us / 1000);
        if (r->idle_us > 0 && !r->cancelled && at < first)
            first = at;
    }
    if (first != UINT64_MAX)
        uv_timer_start(&c->silence, on_silence, first > now ? first - now : 0, 0);
}

static struct http_request *find_silent(struct http_client *c)
{
    uint64_t now = uv_now(c->silence.loop);
    for (struct http_request *r = c->requests; r != NULL; r = r->next)
        if (r->idle_us > 0 && !r->cancelled && now - r->heard_ms >= (uint64_t)(r->idle_us / 1000))
            return r;
    return NULL;
}

static void on_silence(uv_timer_t *t)
{
    struct http_client *c = t->data;
    struct http_request *r;
    while (!c->closing && (r = find_silent(c)) != NULL) {
        char silent[MOMENT_TEXT];
        struct err e;
        duration_format(r->idle_us, silent);
        err_set(&e, ERR_TIMEOUT, "nothing came for %s", silent);
        curl_loop_remove(c->curl, r->easy);
        finish(r, &e);
    }
    if (!c->closing)
        await_silence(c);
}

/* ---- a request ---- */

static bool printable(const char *s)
{
    for (; s != NULL && *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return true;
}

static bool printable_lines(const char *const *lines)
{
    while (lines != NULL && *lines != NULL)
        if (!printable(*lines++))
            return false;
    return true;
}

static int check_options(const struct http_client *c, const struct http_options *o, struct err *e)
{
    if (c->closing)
        return err_set(e, ERR_CONFLICT, "the HTTP client is being closed");
    if (o->timeout_us <= 0 || o->max_bytes == 0)
        return err_set(e, ERR_BUG, "a request without a time limit or a size limit");
    /* a newline here would be a header of its own */
    if (!printable(o->bearer) || !printable(o->user) || !printable(o->password))
        return err_set(e, ERR_INVALID, "a token, user or password holds a control character (a newline at its end?)");
    if (!printable(o->url))
        return err_set(e, ERR_INVALID, "the URL holds a control character");
    if (!printable_lines(o->headers))
        return err_set(e, ERR_INVALID, "a header holds a control character");
    return 0;
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *name, const char *value)
{
    char *line = xasprintf("%s: %s", name, value);
    headers = curl_slist_append(headers, line);
    free(line);
    return headers;
}

static void set_headers(struct http_request *r, const struct http_options *o)
{
    if (o->accept != NULL)
        r->headers = add_header(r->headers, "Accept", o->accept);
    if (o->content_type != NULL)
        r->headers = add_header(r->headers, "Content-Type", o->content_type);
    if (o->body != NULL)
        r->headers = curl_slist_append(r->headers, "Expect:"); /* no round trip before a large body */
    for (const char *const *line = o->headers; line != NULL && *line != NULL; line++)
        r->headers = curl_slist_append(r->headers, *line);
}

#define SET(option, value)                                                                                            \
    do {                                                                                                              \
        if (rc == CURLE_OK)                                                                                           \
            rc = curl_easy_setopt(r->easy, option, value);                                                            \
    } while (0)

/* Whom we talk to, and as whom. */
static CURLcode set_peer(struct http_request *r, const struct http_options *o)
{
    CURLcode rc = CURLE_OK;
    const struct http_client *c = r->client;
    if (c->http1)
        SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (c->ca_file != NULL) {
        SET(CURLOPT_CAINFO, c->ca_file);
        SET(CURLOPT_CAPATH, NULL); /* instead of the system's, not beside them */
    }
    if (c->proxy_url != NULL) {
        SET(CURLOPT_PROXY, c->proxy_url);
        SET(CURLOPT_NOPROXY, "");
    }
    if (rc == CURLE_OK && r->tls != NULL)
        rc = tls_identity_apply(r->tls, r->easy, o->url, &r->connect_to, &r->headers);
    /* libcurl copies these; nothing else here keeps them */
    if (o->bearer != NULL) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        SET(CURLOPT_XOAUTH2_BEARER, o->bearer);
    } else if (o->user != NULL) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, o->user);
        SET(CURLOPT_PASSWORD, o->password != NULL ? o->password : "");
    }
    return rc;
}

static CURLcode set_body(struct http_request *r, const struct http_options *o)
{
    CURLcode rc = CURLE_OK;
    if (o->body != NULL) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body_len);
        SET(CURLOPT_COPYPOSTFIELDS, o->body);
    }
    if (o->method != NULL && strcmp(o->method, "GET") != 0)
        SET(CURLOPT_CUSTOMREQUEST, o->method);
    return rc;
}

static CURLcode set_options(struct http_request *r, const struct http_options *o)
{
    CURLcode rc = CURLE_OK;
    long timeout_ms = (long)((o->timeout_us + 999) / 1000);
    SET(CURLOPT_URL, o->url);
    SET(CURLOPT_PRIVATE, r);
    SET(CURLOPT_ERRORBUFFER, r->curl_says);
    SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    if (o->unix_socket != NULL) {
        SET(CURLOPT_UNIX_SOCKET_PATH, o->unix_socket);
        SET(CURLOPT_PROXY, ""); /* not even when http_proxy is set */
    }
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    SET(CURLOPT_TIMEOUT_MS, timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < CONNECT_MS ? timeout_ms : (long)CONNECT_MS);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, r);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's are not the answer's */
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, r);
    SET(CURLOPT_ACCEPT_ENCODING, "");
    if (r->client->user_agent != NULL)
        SET(CURLOPT_USERAGENT, r->client->user_agent);
    if (rc == CURLE_OK)
        rc = set_peer(r, o);
    if (rc == CURLE_OK)
        rc = set_body(r, o);
    if (r->headers != NULL)
        SET(CURLOPT_HTTPHEADER, r->headers);
    return rc;
}
#undef SET

int http_start(struct http_client *c, const struct http_options *o, const struct http_handler *handler,
               struct http_request **request_r, struct err *e)
{
    if (check_options(c, o, e) != 0)
        return -1;
    struct http_request *r = xcalloc(1, sizeof *r);
    r->client = c;
    r->handler = *handler;
    r->max_bytes = o->max_bytes;
    r->max_hint = o->max_hint;
    r->timeout_us = o->timeout_us;
    r->idle_us = o->idle_us;
    r->heard_ms = uv_now(c->later.loop);
    r->response.content_type = r->content_type;
    r->response.retry_after_s = -1;
    r->tls = tls_identity_ref(c->tls);
    r->easy = curl_easy_init();
    set_headers(r, o);
    CURLcode rc = r->easy == NULL ? CURLE_FAILED_INIT : set_options(r, o);
    if (rc != CURLE_OK)
        err_set(e, rc == CURLE_URL_MALFORMAT ? ERR_INVALID : ERR_BUG, "libcurl: %s", curl_easy_strerror(rc));
    if (rc != CURLE_OK || curl_loop_add(c->curl, r->easy, e) != 0) {
        request_free(r);
        return -1;
    }
    r->next = c->requests;
    r->link = &c->requests;
    if (r->next != NULL)
        r->next->link = &r->next;
    c->requests = r;
    if (r->idle_us > 0)
        await_silence(c);
    if (request_r != NULL)
        *request_r = r;
    return 0;
}

/* One question to one Alertmanager: see poll.h. http brings bytes, the cutter makes elements, the set takes them. */
#include "alerts/poll.h"

#include "base/cutter.h"
#include "base/mem.h"
#include "net/http.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What one element may hold before the whole answer is given up. Larger than ALERT_BYTES_MAX, so that a somewhat too
 * large alert is error.alert alone. */
enum { POLL_ELEMENT_MAX = 4 * 1024 * 1024 };

struct poll {
    struct http_request *request; /* NULL: an answer from a recording */
    uv_timer_t *later;            /* ... which comes from the loop, too */
    struct poll_answer answer;
    bool cancelled;
    struct poll_tap tap;
    struct cutter cutter;
    struct alert_set *set;
    struct selector selector; /* a copy */
    bool has_selector;
    struct poll_lookup lookup; /* wanted NULL: none */
    char *base; /* the URL without trailing slashes, for messages */
    uint64_t bytes;
    poll_done_cb *done;
    void *arg;
};

void poll_auth_deinit(struct poll_auth *auth)
{
    char *secrets[] = {auth->bearer, auth->user, auth->password};
    for (size_t i = 0; i < 3; i++)
        if (secrets[i] != NULL) {
            explicit_bzero(secrets[i], strlen(secrets[i]));
            free(secrets[i]);
        }
    *auth = (struct poll_auth){0};
}

/* ---- what the head of the answer says ---- */

static const struct {
    long from, to;
    enum err_kind kind;
    const char *says; /* behind "Alertmanager answered <status>" */
} answers[] = {
    {201, 299, ERR_INVALID, ", not 200: is this URL an Alertmanager?"},
    {300, 399, ERR_INVALID, ", a redirect, which is not followed: give the final URL"},
    {400, 400, ERR_INVALID, " Bad Request: it does not understand the query; is it older than 0.22?"},
    {401, 401, ERR_INVALID, " Unauthorized: check secretRef"},
    {403, 403, ERR_INVALID, " Forbidden: these credentials may not read alerts; check secretRef"},
    {404, 404, ERR_INVALID, " Not Found: no API v2 at this path; is a route prefix missing?"},
    {407, 407, ERR_INVALID, " Proxy Authentication Required: check the proxy variables"},
    {408, 408, ERR_UNREACHABLE, " Request Timeout: it is asked again later"},
    {410, 410, ERR_INVALID, " Gone: there is no API v2 at this path"},
    {414, 414, ERR_INVALID, " URI Too Long: the selectors are too long for a proxy on the way"},
    {429, 429, ERR_UNREACHABLE, " Too Many Requests: poll less often"},
    {431, 431, ERR_INVALID, " Request Header Fields Too Large: the selectors or the token are too long"},
    {400, 499, ERR_INVALID, ": is this URL an Alertmanager?"},
    {500, 500, ERR_UNREACHABLE, " Internal Server Error: see its log"},
    {502, 502, ERR_UNREACHABLE, " Bad Gateway: a proxy on the way does not reach it"},
    {503, 503, ERR_UNREACHABLE, " Service Unavailable: it is starting or has too many requests"},
    {504, 504, ERR_UNREACHABLE, " Gateway Timeout: a proxy on the way does not reach it"},
    {500, 599, ERR_UNREACHABLE, ": it is in trouble; see its log"},
};

static bool plain_type(const char *s)
{
    return strchr(s, '/') != NULL && strlen(s) <= 64 && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.+-/_")] == '\0';
}

static int on_head(void *arg, const struct http_response *r, struct err *e)
{
    struct poll *p = arg;
    if (p->tap.head != NULL)
        p->tap.head(p->tap.arg, r->status);
    if (r->status != 200) {
        for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
            if (r->status >= answers[i].from && r->status <= answers[i].to)
                return err_set(e, answers[i].kind, "Alertmanager answered %ld%s", r->status, answers[i].says);
        return err_set(e, ERR_INVALID, "Alertmanager answered %ld, not 200", r->status);
    }
    if (strcmp(r->content_type, "application/json") == 0)
        return 0;
    if (r->content_type[0] == '\0')
        return err_set(e, ERR_INVALID, "answered without a Content-Type: is this URL an Alertmanager?");
    return err_set(e, ERR_INVALID, "answered %s, not JSON: a login page or proxy?",
                   plain_type(r->content_type) ? r->content_type : "a strange Content-Type");
}

/* ---- its body ---- */

static int on_element(void *arg, size_t i, const char *bytes, size_t len, struct err *e)
{
    (void)i;
    struct poll *p = arg;
    if (p->lookup.wanted != NULL)
        return alert_set_add_wanted(p->set, p->lookup.wanted, p->lookup.arg, bytes, len, e);
    return alert_set_add(p->set, p->has_selector ? &p->selector : NULL, bytes, len, e);
}

/* Before the first element the whole address is in doubt. */
static int cut_failed(struct poll *p, struct err *e)
{
    if (e->kind == ERR_INVALID && p->cutter.count == 0 && strstr(e->msg, ", not an array") != NULL) {
        struct err hint;
        err_set(&hint, e->kind, "%s: is this URL an Alertmanager API v2?", e->msg);
        *e = hint;
    }
    return -1;
}

static int on_body(void *arg, const char *bytes, size_t len, struct err *e)
{
    struct poll *p = arg;
    p->bytes += len;
    if (p->tap.body != NULL)
        p->tap.body(p->tap.arg, bytes, len);
    return cutter_feed(&p->cutter, bytes, len, e) == 0 ? 0 : cut_failed(p, e);
}

static void poll_free(struct poll *p)
{
    cutter_deinit(&p->cutter);
    alert_set_free(&p->set);
    selector_deinit(&p->selector);
    free(p->base);
    free(p);
}

static void on_done(void *arg, const struct http_response *r, const struct err *e)
{
    (void)r;
    struct poll *p = arg;
    struct err why = {0};
    if (e != NULL)
        why = *e;
    else if (cutter_end(&p->cutter, &why) != 0)
        cut_failed(p, &why);
    if (why.kind != ERR_NONE) {
        if (why.kind != ERR_CONFLICT)
            err_wrap(&why, "%s", p->base);
        p->done(p->arg, NULL, &why);
    } else {
        struct alert_set *set = p->set;
        p->set = NULL;
        p->done(p->arg, set, NULL);
    }
    poll_free(p);
}

/* ---- the question ---- */

static char **copy_strings(char *const *v, size_t n)
{
    char **c = xcalloc(n, sizeof *c);
    for (size_t i = 0; i < n; i++)
        c[i] = xstrdup(v[i]);
    return c;
}

static struct label_pair *copy_pairs(const struct label_pair *v, size_t n)
{
    struct label_pair *c = xcalloc(n, sizeof *c);
    for (size_t i = 0; i < n; i++)
        c[i] = (struct label_pair){xstrdup(v[i].name), xstrdup(v[i].value)};
    return c;
}

static void copy_selector(const struct selector *s, struct selector *c)
{
    *c = *s;
    c->alert_names = copy_strings(s->alert_names, s->n_alert_names);
    c->severities = copy_strings(s->severities, s->n_severities);
    c->labels = copy_pairs(s->labels, s->n_labels);
    c->exclude_labels = copy_pairs(s->exclude_labels, s->n_exclude_labels);
}

static bool has_part(CURLU *u, CURLUPart part)
{
    char *s = NULL;
    bool has = curl_url_get(u, part, &s, 0) == CURLUE_OK && *s != '\0';
    curl_free(s);
    return has;
}

/* Sentences quote the URL only when it is known to hold no password. */
static int check_parts(CURLU *u, const char *url, struct err *e)
{
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
        return strchr(url, '@') != NULL
                   ? err_set(e, ERR_INVALID, "the URL is malformed: want http(s)://host[:port][/prefix]")
                   : err_set(e, ERR_INVALID, "\"%.200s\" is no URL: want http(s)://host[:port][/prefix]", url);
    if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
        return err_set(e, ERR_INVALID, "the URL holds a user or password: put them into a Secret (secretRef)");
    if (url[strcspn(url, "?#")] != '\0')
        return err_set(e, ERR_INVALID, "\"%.*s...\": the URL must end before its query or fragment; give only "
                       "http(s)://host[:port][/prefix]", (int)(strcspn(url, "?#") < 200 ? strcspn(url, "?#") : 200), url);
    if (!has_part(u, CURLUPART_HOST))
        return err_set(e, ERR_INVALID, "\"%.200s\" names no host", url);
    return 0;
}

int poll_url_check(const char *url, struct err *e)
{
    if (url == NULL || (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0))
        return err_set(e, ERR_INVALID, "the URL must start with http:// or https://");
    CURLU *u = curl_url();
    int rc = u == NULL ? err_set(e, ERR_BUG, "libcurl: out of memory") : check_parts(u, url, e);
    curl_url_cleanup(u);
    return rc;
}

static int check_auth(const struct poll_auth *a, struct err *e)
{
    bool basic = a->user != NULL && a->password != NULL;
    if ((a->bearer != NULL && (a->user != NULL || a->password != NULL)) || (a->bearer == NULL && !basic))
        return err_set(e, ERR_INVALID, "credentials must be a token alone, or a user and a password");
    return 0;
}

static struct poll *poll_create(const struct poll_options *o, poll_done_cb *done, void *arg)
{
    struct poll *p = xcalloc(1, sizeof *p);
    p->done = done;
    p->arg = arg;
    size_t n = strlen(o->url);
    while (n > 0 && o->url[n - 1] == '/')
        n--;
    p->base = xstrndup(o->url, n);
    p->set = alert_set_create();
    cutter_init(&p->cutter, CUT_ARRAY, POLL_ELEMENT_MAX, on_element, p);
    if (o->lookup != NULL) {
        p->lookup = *o->lookup;
        p->lookup.alertname = NULL; /* only the query wants it */
    }
    if (o->selector != NULL) {
        p->has_selector = true;
        copy_selector(o->selector, &p->selector);
    }
    return p;
}

int poll_start(struct http_client *http, const struct poll_options *o, poll_done_cb *done, void *arg,
               struct poll **poll_r, struct err *e)
{
    if (poll_url_check(o->url, e) != 0 || (o->auth != NULL && check_auth(o->auth, e) != 0))
        return -1;
    struct poll *p = poll_create(o, done, arg);
    if (o->tap != NULL)
        p->tap = *o->tap;
    struct buf url = {0};
    buf_adds(&url, p->base);
    buf_adds(&url, "/api/v2/alerts?");
    if (o->lookup != NULL)
        selector_lookup_query(o->lookup->alertname, &url);
    else if (p->has_selector)
        selector_query(&p->selector, &url);
    else
        buf_adds(&url, "active=true&silenced=false&inhibited=false");
    struct http_options get = {
        .url = url.data,
        .accept = "application/json",
        .max_bytes = o->max_bytes,
        .max_hint = "narrow the selectors, or raise --max-response-bytes",
        .timeout_us = o->timeout_us,
    };
    if (o->auth != NULL) {
        get.bearer = o->auth->bearer;
        get.user = o->auth->user;
        get.password = o->auth->password;
    }
    struct http_handler handler = {.on_head = on_head, .on_body = on_body, .on_done = on_done, .arg = p};
    int rc = http_start(http, &get, &handler, &p->request, e);
    buf_free(&url);
    if (rc != 0) {
        err_wrap(e, "%s", p->base);
        poll_free(p);
        return -1;
    }
    if (poll_r != NULL)
        *poll_r = p;
    return 0;
}

/* ---- an answer from a recording ---- */

static void on_later_closed(uv_handle_t *h)
{
    free(h);
}

static void on_later(uv_timer_t *t)
{
    struct poll *p = t->data;
    struct err e = {0};
    uv_close((uv_handle_t *)t, on_later_closed);
    if (p->cancelled)
        err_set(&e, ERR_CONFLICT, "cancelled");
    else if (p->answer.failed != NULL)
        e = *p->answer.failed;
    else
        on_body(p, p->answer.body, p->answer.len, &e);
    on_done(p, NULL, e.kind != ERR_NONE ? &e : NULL);
}

int poll_answered(uv_loop_t *loop, const struct poll_options *o, const struct poll_answer *answer, poll_done_cb *done,
                  void *arg, struct poll **poll_r, struct err *e)
{
    (void)e; /* as poll_start, which may fail */
    struct poll *p = poll_create(o, done, arg);
    p->answer = *answer;
    p->later = xmalloc(sizeof *p->later);
    uv_timer_init(loop, p->later);
    p->later->data = p;
    uv_timer_start(p->later, on_later, 0, 0);
    if (poll_r != NULL)
        *poll_r = p;
    return 0;
}

void poll_cancel(struct poll *p)
{
    p->cancelled = true; /* one from a recording sees it when its turn comes */
    if (p->request != NULL)
        http_cancel(p->request);
}

struct poll_progress poll_progress(const struct poll *p)
{
    return (struct poll_progress){
        .bytes = p->bytes,
        .alerts = alert_set_len(p->set),
        .kept = alert_set_kept(p->set),
    };
}

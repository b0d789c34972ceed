/* libcurl's multi handle on a libuv loop: see curl_loop.h. */
#include "net/curl_loop.h"

#include "base/mem.h"

#include <stdlib.h>

struct curl_loop {
    uv_loop_t *loop;
    CURLM *multi; /* NULL once freed */
    uv_timer_t timer;
    curl_loop_ended_cb *on_ended;
    void *arg;
};

/* One socket that libcurl wants watched. It has memory of its own, because closing it takes a turn of the loop. */
struct watch {
    uv_poll_t poll;
    curl_socket_t fd;
    struct curl_loop *l;
    int events, errors;
};

static void read_ended(struct curl_loop *l)
{
    CURLMsg *m;
    int left;
    while (l->multi != NULL && (m = curl_multi_info_read(l->multi, &left)) != NULL) {
        if (m->msg != CURLMSG_DONE)
            continue;
        CURL *easy = m->easy_handle; /* m dies with the removal */
        CURLcode code = m->data.result;
        curl_multi_remove_handle(l->multi, easy);
        l->on_ended(l->arg, easy, code);
    }
}

static void act(struct curl_loop *l, curl_socket_t fd, int events)
{
    int running;
    curl_multi_socket_action(l->multi, fd, events, &running);
    read_ended(l);
}

static void on_timer(uv_timer_t *t)
{
    act(t->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_multi_timer(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct curl_loop *l = arg;
    if (ms < 0)
        uv_timer_stop(&l->timer);
    else /* also for 0: libcurl must not be called from inside its own callback */
        uv_timer_start(&l->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    int flags = 0;
    if (status < 0) /* let libcurl read what came before a reset, and the reset's own error; but not for ever */
        flags = w->errors++ < 4 ? CURL_CSELECT_IN | CURL_CSELECT_OUT : CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    act(w->l, w->fd, flags); /* may close w, whose memory stays until the loop turns */
    if (status < 0 && !uv_is_closing((uv_handle_t *)&w->poll))
        uv_poll_start(&w->poll, w->events, on_socket); /* libuv stops a watch that had an error */
}

static void on_watch_closed(uv_handle_t *h)
{
    free(h->data);
}

static int on_multi_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy;
    struct curl_loop *l = arg;
    struct watch *w = socket_arg;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            curl_multi_assign(l->multi, fd, NULL);
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        }
        return 0;
    }
    if (w == NULL) {
        w = xcalloc(1, sizeof *w);
        w->fd = fd;
        w->l = l;
        w->poll.data = w;
        if (uv_poll_init_socket(l->loop, &w->poll, fd) != 0) {
            free(w);
            return -1;
        }
        curl_multi_assign(l->multi, fd, w);
    }
    w->events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&w->poll, w->events, on_socket) == 0 ? 0 : -1;
}

int curl_loop_create(uv_loop_t *loop, unsigned per_server, curl_loop_ended_cb *on_ended, void *arg,
                     struct curl_loop **l_r, struct err *e)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(e, ERR_BUG, "libcurl could not be initialised");
    CURLM *multi = curl_multi_init();
    if (multi == NULL) {
        curl_global_cleanup();
        return err_set(e, ERR_BUG, "libcurl could not be initialised");
    }
    struct curl_loop *l = xcalloc(1, sizeof *l);
    l->loop = loop;
    l->multi = multi;
    l->on_ended = on_ended;
    l->arg = arg;
    uv_timer_init(loop, &l->timer);
    l->timer.data = l;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_multi_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, l);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_multi_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, l);
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)per_server);
    *l_r = l;
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void curl_loop_free(struct curl_loop **lp)
{
    struct curl_loop *l = *lp;
    *lp = NULL;
    if (l == NULL)
        return;
    curl_multi_cleanup(l->multi); /* takes the idle connections' sockets away through on_multi_socket */
    l->multi = NULL;
    curl_global_cleanup();
    uv_close((uv_handle_t *)&l->timer, on_closed);
}

int curl_loop_add(struct curl_loop *l, CURL *easy, struct err *e)
{
    CURLMcode rc = curl_multi_add_handle(l->multi, easy);
    return rc == CURLM_OK ? 0 : err_set(e, ERR_BUG, "libcurl: %s", curl_multi_strerror(rc));
}

void curl_loop_remove(struct curl_loop *l, CURL *easy)
{
    curl_multi_remove_handle(l->multi, easy);
}

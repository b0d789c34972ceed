/* Workers started ahead: see worker_pool.h. */
#include "policy/worker_pool.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct slot {
    struct worker *w;
    bool ready;
};

struct worker_pool {
    uv_loop_t *loop;
    char *path;
    size_t ahead;
    struct slot *slots; /* starting and ready ones */
    size_t n, cap;
    struct worker_ticket *waiting; /* first come, first served */
    size_t n_waiting;
    uint64_t failures; /* starts in a row that came to nothing */
    struct err last;   /* why */
    bool hopeless;     /* `last` will not change by trying again soon */
    uv_timer_t retry;  /* the next start */
    uv_timer_t tell;   /* tells the waiting of `last`, out of the reach of worker_pool_take */
    int open;
    bool closing;
    struct worker_pool_counts counts;
};

static void pool_fill(struct worker_pool *p);

static void drop_slot(struct worker_pool *p, size_t i)
{
    p->slots[i] = p->slots[--p->n];
}

static size_t find_slot(const struct worker_pool *p, const struct worker *w)
{
    size_t i = 0;
    while (i < p->n && p->slots[i].w != w)
        i++;
    return i;
}

static void tell_waiting(struct worker_pool *p)
{
    struct err e = p->last;
    for (size_t n = p->n_waiting; n > 0 && p->waiting != NULL;
         n--) { /* `got` may cancel others, or wish again */
        struct worker_ticket *t = p->waiting;
        p->waiting = t->next;
        p->n_waiting--;
        t->got(t->arg, NULL, &e);
    }
}

static void on_tell(uv_timer_t *t)
{
    tell_waiting(t->data);
}

static void on_retry(uv_timer_t *t)
{
    pool_fill(t->data);
}

static bool is_late(const struct worker_pool *p)
{
    return p->failures > 0 && (p->hopeless || p->failures >= WORKER_TRIES);
}

static void note_failure(struct worker_pool *p, const struct err *e, bool hopeless)
{
    uint64_t delay = WORKER_RETRY_FIRST_MS;
    for (uint64_t i = 0; i < p->failures && delay < WORKER_RETRY_MAX_MS; i++)
        delay *= 2;
    p->failures++;
    p->counts.start_failures++;
    p->last = *e;
    p->hopeless = hopeless;
    uv_timer_start(&p->retry, on_retry, delay < WORKER_RETRY_MAX_MS ? delay : WORKER_RETRY_MAX_MS, 0);
    if (p->waiting != NULL && is_late(p))
        uv_timer_start(&p->tell, on_tell, 0, 0);
}

static void hand_out(struct worker_pool *p)
{
    for (size_t i = 0; i < p->n && p->waiting != NULL; i++)
        if (p->slots[i].ready) {
            struct worker *w = p->slots[i].w;
            struct worker_ticket *t = p->waiting;
            drop_slot(p, i--);
            p->waiting = t->next;
            p->n_waiting--;
            t->next = NULL;
            p->failures = 0;
            t->got(t->arg, w, NULL);
        }
}

static void on_started(void *arg, struct worker *w)
{
    struct worker_pool *p = arg;
    p->slots[find_slot(p, w)].ready = true;
    hand_out(p);
    pool_fill(p);
}

static int on_frame(void *arg, struct worker *w, enum wire_type type, struct wire_reader *fields,
                    struct err *e)
{
    (void)arg, (void)w, (void)type, (void)fields;
    return err_set(e, ERR_INVALID, "it spoke before it was asked");
}

static void on_dead(void *arg, struct worker *w, const struct worker_death *d)
{
    struct worker_pool *p = arg;
    struct err e = {0};
    drop_slot(p, find_slot(p, w));
    err_set(&e, d->end == WORKER_WRONG ? ERR_INVALID : ERR_UNREACHABLE, "%s %s", p->path, d->how);
    note_failure(p, &e, d->end == WORKER_WRONG);
}

static const struct worker_owner pool_owner = {on_started, on_frame, on_dead};

static void pool_fill(struct worker_pool *p)
{
    if (p->closing || uv_is_active((uv_handle_t *)&p->retry))
        return;
    /* after a failure one at a time */
    while (p->n < p->ahead + p->n_waiting && !(p->failures > 0 && p->n > 0)) {
        struct err e = {0};
        struct worker *w;
        if (worker_start(p->loop, p->path, &pool_owner, p, &w, &e) != 0) {
            note_failure(p, &e, e.kind == ERR_NOT_FOUND);
            return;
        }
        p->counts.starts++;
        xgrow(&p->slots, &p->cap, p->n + 1, sizeof *p->slots);
        p->slots[p->n++] = (struct slot){w, false};
    }
}

void worker_pool_take(struct worker_pool *p, struct worker_ticket *ticket)
{
    struct worker_ticket **end = &p->waiting;
    while (*end != NULL)
        end = &(*end)->next;
    ticket->next = NULL;
    *end = ticket;
    p->n_waiting++;
    hand_out(p);
    pool_fill(p);
    if (p->waiting != NULL && is_late(p) && uv_is_active((uv_handle_t *)&p->retry))
        uv_timer_start(&p->tell, on_tell, 0, 0);
}

void worker_pool_cancel(struct worker_pool *p, struct worker_ticket *ticket)
{
    for (struct worker_ticket **at = &p->waiting; *at != NULL; at = &(*at)->next)
        if (*at == ticket) {
            *at = ticket->next;
            p->n_waiting--;
            return;
        }
}

struct worker_pool_counts worker_pool_counts(const struct worker_pool *p)
{
    return p->counts;
}

void worker_pool_note_death(struct worker_pool *p, enum worker_end end)
{
    p->counts.deaths[end]++;
}

uv_loop_t *worker_pool_loop(const struct worker_pool *p)
{
    return p->loop;
}

static int check_path(const char *path, struct err *e)
{
    if (access(path, X_OK) == 0)
        return 0;
    return err_set(e, ERR_NOT_FOUND,
                   "%s: %s; alertspawner and alertspawner-worker belong side by side, install both", path,
                   strerror(errno));
}

int worker_pool_create(uv_loop_t *loop, const char *worker_path, size_t ahead, struct worker_pool **pool_r,
                       struct err *e)
{
    if (check_path(worker_path, e) != 0)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    /* Ours are close-on-exec from birth; those that whoever started us left open are not. */
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    struct worker_pool *p = xcalloc(1, sizeof *p);
    p->loop = loop;
    p->path = realpath(worker_path, NULL); /* the worker is started in "/" */
    if (p->path == NULL)
        p->path = xstrdup(worker_path);
    p->ahead = ahead;
    uv_timer_init(loop, &p->retry);
    uv_timer_init(loop, &p->tell);
    p->retry.data = p->tell.data = p;
    p->open = 2;
    pool_fill(p);
    *pool_r = p;
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    struct worker_pool *p = h->data;
    if (--p->open > 0)
        return;
    free(p->path);
    free(p->slots);
    free(p);
}

void worker_pool_free(struct worker_pool **pool)
{
    struct worker_pool *p = *pool;
    *pool = NULL;
    if (p == NULL)
        return;
    p->closing = true;
    for (size_t i = 0; i < p->n; i++)
        worker_drop(&p->slots[i].w);
    p->n = 0;
    uv_close((uv_handle_t *)&p->retry, on_closed);
    uv_close((uv_handle_t *)&p->tell, on_closed);
}

int worker_path_default(char **path_r, struct err *e)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return err_set(e, ERR_IO, "/proc/self/exe: %s: cannot tell where alertspawner-worker is",
                       strerror(errno));
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    char *path = xasprintf("%.*s/" WIRE_MAGIC, slash != NULL ? (int)(slash - self) : 0, self);
    if (check_path(path, e) != 0) {
        free(path);
        return -1;
    }
    *path_r = path;
    return 0;
}

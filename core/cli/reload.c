/* Taking up changed documents: see reload.h. */
#include "cli/reload.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "spawner/spawner.h"

#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reload {
    uv_timer_t timer;
    struct watches *watches;
    struct spawner_source source;
    const char *alertmanager;
    struct cluster *cluster; /* or NULL */
    bool stopped;
    struct buf stdin_text;
    char *said; /* the problems that were logged last, so that each is said once */
};

/* Standard input can be read once; "-" keeps standing for what it said. */
static int read_stdin(struct reload *r, struct err *e)
{
    bool wanted = false;
    for (size_t i = 0; i < r->source.n_paths; i++)
        wanted |= strcmp(r->source.paths[i], "-") == 0;
    char piece[64 * 1024];
    ssize_t n = 1;
    while (wanted && (n = read(STDIN_FILENO, piece, sizeof piece)) > 0)
        buf_add(&r->stdin_text, piece, (size_t)n);
    if (n < 0)
        return err_set(e, ERR_IO, "standard input: %s", strerror(errno));
    if (wanted) {
        buf_adds(&r->stdin_text, "");
        r->source.stdin_text = r->stdin_text.data;
        r->source.stdin_len = r->stdin_text.len;
    }
    return 0;
}

static void say_problems(struct reload *r, const struct spawner_set *set)
{
    struct buf all = {0};
    buf_adds(&all, "");
    for (size_t i = 0; i < set->n_problems; i++)
        buf_addf(&all, "%s\n", set->problems[i]);
    if (r->said == NULL || strcmp(r->said, all.data) != 0) {
        for (size_t i = 0; i < set->n_problems; i++)
            log_error(NULL, "%s", set->problems[i]);
        free(r->said);
        r->said = buf_take(&all);
    }
    buf_free(&all);
}

static int load(struct reload *r, struct spawner_set **set_r, struct err *e)
{
    if (r->cluster != NULL)
        r->source.n_objects = cluster_objects(r->cluster, &r->source.objects);
    if (spawner_set_load(&r->source, set_r, e) != 0)
        return -1;
    if (r->alertmanager != NULL && spawner_set_override_url(*set_r, r->alertmanager, e) != 0) {
        spawner_set_free(set_r);
        return -1;
    }
    say_problems(r, *set_r);
    if (r->cluster != NULL)
        cluster_tell(r->cluster, *set_r);
    return 0;
}

static void on_changed(void *arg)
{
    reload_now(arg);
}

static void on_timer(uv_timer_t *t)
{
    reload_now(t->data);
}

void reload_now(struct reload *r)
{
    if (r->stopped)
        return;
    struct spawner_set *set;
    struct err e;
    if (load(r, &set, &e) != 0) {
        if (r->said == NULL || strcmp(r->said, e.msg) != 0)
            log_error(NULL, "reading documents: %s; what was read before stays", e.msg);
        free(r->said);
        r->said = xstrdup(e.msg);
        return;
    }
    watches_update(r->watches, set);
}

int reload_start(uv_loop_t *loop, const struct options *o, struct watches *watches, struct cluster *cluster,
                 struct reload **reload_r, struct err *e)
{
    struct reload *r = xcalloc(1, sizeof *r);
    *reload_r = r;
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
    r->watches = watches;
    r->alertmanager = o->alertmanager;
    r->cluster = cluster;
    r->source = (struct spawner_source){.paths = o->documents, .n_paths = o->n_documents,
                                        .ns = cluster != NULL ? cluster_ns(cluster) : o->ns};
    struct spawner_set *set;
    if (read_stdin(r, e) != 0 || load(r, &set, e) != 0)
        return -1;
    if (set->n == 0 && cluster == NULL) {
        spawner_set_free(&set);
        return err_set(e, ERR_INVALID, "the documents hold no usable TaskSpawner");
    }
    watches_update(watches, set);
    if (o->n_documents > 0)
        uv_timer_start(&r->timer, on_timer, RELOAD_EVERY_MS, RELOAD_EVERY_MS);
    return cluster != NULL ? cluster_follow(cluster, on_changed, r, e) : 0;
}

void reload_stop(struct reload *r)
{
    r->stopped = true;
    uv_timer_stop(&r->timer);
}

static void on_closed(uv_handle_t *h)
{
    struct reload *r = h->data;
    buf_free(&r->stdin_text);
    free(r->said);
    free(r);
}

void reload_free(struct reload **reload)
{
    if (*reload != NULL)
        uv_close((uv_handle_t *)&(*reload)->timer, on_closed);
    *reload = NULL;
}

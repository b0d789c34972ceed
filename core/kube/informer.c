/* An informer's life on the loop: see informer.h. Callbacks record and call step(); informer_step decides. */
#include "kube/informer.h"

#include "base/mem.h"
#include "kube/index.h"
#include "kube/informer_step.h"

#include <stdlib.h>
#include <string.h>

struct informer {
    struct kube_client *client;
    struct informer_options options;
    char *ns, *labels, *fields;
    struct informer_state state;
    struct index *index;
    struct kube_call *call; /* in flight */
    bool stopping;          /* it has been cancelled */
    uv_timer_t timer;
    bool freed, timer_closed;
    struct err trouble;     /* kind ERR_NONE: all is well */
    moment_t last_contact;
    uint64_t lists, watches, events, stale;
};

static void step(struct informer *i);

static void release(struct informer *i)
{
    if (!i->freed || !i->timer_closed || i->call != NULL)
        return;
    informer_state_deinit(&i->state);
    free(i->ns);
    free(i->labels);
    free(i->fields);
    free(i);
}

static void report(struct informer *i, const struct err *e)
{
    bool news = e == NULL ? i->trouble.kind != ERR_NONE : strcmp(i->trouble.msg, e->msg) != 0;
    if (e == NULL)
        i->trouble = (struct err){0};
    else
        i->trouble = *e;
    if (news && i->options.on_trouble != NULL)
        i->options.on_trouble(i->options.arg, e);
}

static void heard(struct informer *i)
{
    i->last_contact = moment_now();
}

/* ---- the list ---- */

static int on_item(void *arg, cJSON *item, struct err *e)
{
    struct informer *i = arg;
    int rc = i->freed || i->state.refresh ? err_set(e, ERR_CONFLICT, "cancelled") : index_list_item(i->index, item, e);
    cJSON_Delete(item);
    return rc;
}

static void on_page(void *arg, const struct kube_page *page, const struct err *e)
{
    struct informer *i = arg;
    i->call = NULL;
    if (i->freed) {
        release(i);
        return;
    }
    if (e != NULL) {
        bool ours = e->kind == ERR_CONFLICT;
        informer_list_failed(&i->state, e->kind, clock_running(), dice());
        if (!ours)
            report(i, e);
    } else {
        heard(i);
        if (informer_page(&i->state, page->continue_token, page->resource_version)) {
            i->lists++;
            index_list_end(i->index, page->resource_version);
            report(i, NULL);
            if (i->options.on_synced != NULL)
                i->options.on_synced(i->options.arg);
        }
    }
    if (!i->freed)
        step(i);
}

static int ask_list(struct informer *i, const struct informer_action *a, struct err *e)
{
    const struct kube_ref ref = {.resource = i->options.resource, .ns = i->ns};
    const struct kube_list l = {.selection = {i->labels, i->fields}, .limit = a->limit, .continue_token = i->state.token,
                                .on_item = on_item, .done = on_page, .arg = i};
    if (a->first)
        index_list_begin(i->index);
    return kube_list(i->client, &ref, &l, &i->call, e);
}

/* ---- the watch ---- */

static int on_event(void *arg, enum kube_event_type type, cJSON *object, struct err *e)
{
    struct informer *i = arg;
    int rc = 0;
    if (i->freed || i->state.refresh) {
        rc = err_set(e, ERR_CONFLICT, "cancelled");
    } else {
        heard(i);
        informer_heard(&i->state, kube_version(object));
        i->events += type != KUBE_BOOKMARK;
        i->stale += !index_event(i->index, type, object);
    }
    cJSON_Delete(object);
    return rc;
}

static void on_open(void *arg)
{
    struct informer *i = arg;
    if (i->freed)
        return;
    heard(i);
    report(i, NULL);
}

static void on_watch_end(void *arg, const struct err *e)
{
    struct informer *i = arg;
    i->call = NULL;
    if (i->freed) {
        release(i);
        return;
    }
    informer_watch_ended(&i->state, e == NULL ? ERR_NONE : e->kind, clock_running(), dice());
    /* that a watch is cut or too old is everyday life; a watch that cannot be opened again is not */
    if (e != NULL && e->kind != ERR_CONFLICT && e->kind != ERR_GONE && !i->state.heard)
        report(i, e);
    if (!i->freed)
        step(i);
}

static int ask_watch(struct informer *i, struct err *e)
{
    const struct kube_ref ref = {.resource = i->options.resource, .ns = i->ns};
    /* 5 to 10 minutes, so that watches do not all end at once */
    const struct kube_watch w = {.selection = {i->labels, i->fields}, .resource_version = i->state.version,
                                 .timeout_us = jitter(300 * MOMENT_SECOND, 1.0, dice()), .on_event = on_event,
                                 .on_open = on_open, .done = on_watch_end, .arg = i};
    i->watches++;
    return kube_watch(i->client, &ref, &w, &i->call, e);
}

/* ---- the step ---- */

static void on_timer(uv_timer_t *t)
{
    step(t->data);
}

static void step(struct informer *i)
{
    struct err e;
    int64_t now = clock_running();
    struct informer_action a = informer_step(&i->state, now);
    int rc = 0;
    switch (a.what) {
    case INFORMER_NOTHING:
        break;
    case INFORMER_STOP:
        if (i->call != NULL && !i->stopping)
            kube_cancel(i->call);
        i->stopping = true;
        break;
    case INFORMER_WAIT:
        uv_timer_start(&i->timer, on_timer, (uint64_t)((a.at - now) / 1000 + 1), 0);
        break;
    case INFORMER_LIST:
        i->stopping = false;
        rc = ask_list(i, &a, &e);
        break;
    case INFORMER_WATCH:
        i->stopping = false;
        rc = ask_watch(i, &e);
        break;
    }
    if (rc != 0) { /* the client is being closed, or a name is impossible: nothing will ever come */
        i->state.phase = INFORMER_ENDED;
        report(i, &e);
    }
}

/* ---- its life ---- */

int informer_create(uv_loop_t *loop, struct kube_client *client, const struct informer_options *o,
                    struct informer **informer_r, struct err *e)
{
    if (o->extract == NULL || o->discard == NULL)
        return err_set(e, ERR_BUG, "an informer without extract or discard");
    struct informer *i = xcalloc(1, sizeof *i);
    i->client = client;
    i->options = *o;
    i->ns = xstrdup(o->ns);
    i->labels = xstrdup(o->selection.labels);
    i->fields = xstrdup(o->selection.fields);
    i->index = index_create(o);
    i->last_contact = MOMENT_NONE;
    informer_state_init(&i->state);
    uv_timer_init(loop, &i->timer);
    i->timer.data = i;
    uv_timer_start(&i->timer, on_timer, 0, 0);
    *informer_r = i;
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    struct informer *i = h->data;
    i->timer_closed = true;
    release(i);
}

void informer_free(struct informer **informer)
{
    struct informer *i = *informer;
    *informer = NULL;
    if (i == NULL)
        return;
    i->freed = true;
    index_free(&i->index);
    if (i->call != NULL)
        kube_cancel(i->call);
    uv_close((uv_handle_t *)&i->timer, on_closed);
}

bool informer_synced(const struct informer *i)
{
    return i->state.synced;
}

void informer_refresh(struct informer *i)
{
    informer_ask_anew(&i->state);
    uv_timer_start(&i->timer, on_timer, 0, 0);
}

const struct informer_entry *informer_get(const struct informer *i, const char *ns, const char *name)
{
    return index_get(i->index, ns, name);
}

size_t informer_count(const struct informer *i)
{
    return index_count(i->index);
}

void informer_each(const struct informer *i, void (*each)(void *arg, const struct informer_entry *entry), void *arg)
{
    index_each(i->index, each, arg);
}

void informer_put(struct informer *i, const cJSON *object)
{
    index_put(i->index, object);
}

void informer_gone(struct informer *i, const char *ns, const char *name, const char *uid)
{
    index_gone(i->index, ns, name, uid);
}

struct informer_status informer_status(const struct informer *i)
{
    return (struct informer_status){
        .synced = i->state.synced,
        .watching = i->state.phase == INFORMER_WATCHING && i->trouble.kind == ERR_NONE,
        .last_contact = i->last_contact,
        .objects = index_count(i->index),
        .lists = i->lists,
        .watches = i->watches,
        .events = i->events,
        .stale_events = i->stale,
        .trouble = i->trouble.msg,
    };
}

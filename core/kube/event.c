/* Events, written one after the other: see event.h. event_step says which. */
#include "kube/event.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "kube/backoff.h"
#include "kube/event_step.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { ATTEMPTS_MAX = 3, WRITE_TIMEOUT_S = 10 };

struct waiting {
    struct waiting *next;
    uint64_t object, reason, note_hash; /* what event_step is asked with */
    moment_t at;
    cJSON *event; /* complete, but for its count */
    char *note;
    struct event_verdict verdict;
    bool judged;
    int attempts;
};

struct kube_events {
    struct kube_client *client;
    char *component, *instance;
    struct event_state *state;
    struct waiting *first, **last;
    size_t n;
    struct kube_call *call;
    uv_timer_t timer;
    struct backoff backoff;
    bool freed, timer_closed;
    struct kube_events_status status;
};

static void step(struct kube_events *ev);

static void waiting_free(struct waiting *w)
{
    cJSON_Delete(w->event);
    free(w->note);
    free(w);
}

static void drop_first(struct kube_events *ev)
{
    struct waiting *w = ev->first;
    ev->first = w->next;
    if (ev->first == NULL)
        ev->last = &ev->first;
    ev->n--;
    waiting_free(w);
}

static void release(struct kube_events *ev)
{
    if (!ev->freed || !ev->timer_closed || ev->call != NULL)
        return;
    event_state_free(&ev->state);
    free(ev->component);
    free(ev->instance);
    free(ev);
}

/* ---- writing ---- */

static void on_written(void *arg, cJSON *object, const struct err *e)
{
    struct kube_events *ev = arg;
    ev->call = NULL;
    if (ev->freed) {
        cJSON_Delete(object);
        release(ev);
        return;
    }
    struct waiting *w = ev->first;
    bool raised = w->verdict.name[0] != '\0';
    if (e == NULL) {
        event_written(ev->state, w->verdict.key, kube_name(object));
        ev->status.created += !raised;
        ev->status.counted += raised;
    } else if (raised && e->kind == ERR_NOT_FOUND) { /* forgotten by the server: a new one */
        event_written(ev->state, w->verdict.key, NULL);
        w->verdict.name[0] = '\0';
        w->verdict.count = 1;
        step(ev);
        return;
    } else if ((e->kind == ERR_UNREACHABLE || e->kind == ERR_TIMEOUT || e->kind == ERR_THROTTLED) &&
               ++w->attempts < ATTEMPTS_MAX) {
        uv_timer_start(&ev->timer, ev->timer.timer_cb, (uint64_t)(backoff_next(&ev->backoff, dice()) / 1000), 0);
        return;
    } else {
        ev->status.dropped++;
    }
    if (e == NULL)
        backoff_reset(&ev->backoff);
    cJSON_Delete(object);
    drop_first(ev);
    step(ev);
}

static const char *note_of(const struct waiting *w, struct buf *b)
{
    if (w->verdict.combined)
        buf_adds(b, EVENT_COMBINED);
    buf_adds(b, w->note);
    b->len = utf8_cut(b->data, b->len, EVENT_NOTE_MAX);
    b->data[b->len] = '\0';
    return b->data;
}

static int create(struct kube_events *ev, struct waiting *w, const struct kube_options *o, struct err *e)
{
    struct buf note = {0};
    const struct kube_ref ref = {.resource = &kube_events, .ns = kube_namespace(w->event)};
    cJSON_DeleteItemFromObjectCaseSensitive(w->event, "message");
    cJSON_AddStringToObject(w->event, "message", note_of(w, &note));
    buf_free(&note);
    return kube_create(ev->client, &ref, w->event, o, on_written, ev, &ev->call, e);
}

static int raise_count(struct kube_events *ev, struct waiting *w, const struct kube_options *o, struct err *e)
{
    struct buf note = {0};
    const struct kube_ref ref = {.resource = &kube_events, .ns = kube_namespace(w->event), .name = w->verdict.name};
    cJSON *patch = cJSON_CreateObject();
    cJSON_AddNumberToObject(patch, "count", w->verdict.count);
    cJSON_AddStringToObject(patch, "lastTimestamp", kube_text(w->event, "lastTimestamp", NULL));
    cJSON_AddStringToObject(patch, "message", note_of(w, &note));
    int rc = kube_patch(ev->client, &ref, KUBE_PATCH_MERGE, patch, o, on_written, ev, &ev->call, e);
    cJSON_Delete(patch);
    buf_free(&note);
    return rc;
}

/* The first that waits is judged and written; what is not to be written goes. */
static void step(struct kube_events *ev)
{
    const struct kube_options o = {.timeout_us = WRITE_TIMEOUT_S * MOMENT_SECOND};
    struct err e;
    while (ev->call == NULL && ev->first != NULL && !uv_is_active((uv_handle_t *)&ev->timer)) {
        struct waiting *w = ev->first;
        if (!w->judged) {
            w->judged = true;
            w->verdict = event_step(ev->state, w->object, w->reason, w->note_hash, w->at);
        }
        bool good = !w->verdict.drop &&
                    (w->verdict.name[0] != '\0' ? raise_count(ev, w, &o, &e) : create(ev, w, &o, &e)) == 0;
        if (good)
            return;
        ev->status.dropped++;
        drop_first(ev);
    }
}

static void on_timer(uv_timer_t *t)
{
    step(t->data);
}

/* ---- taking them ---- */

static uint64_t hash_text(uint64_t seed, const char *s)
{
    return XXH3_64bits_withSeed(s, strlen(s) + 1, seed);
}

static void add(cJSON *o, const char *name, const char *value)
{
    if (value != NULL && *value != '\0')
        cJSON_AddStringToObject(o, name, value);
}

static cJSON *make_event(const struct kube_events *ev, const struct kube_object_ref *about, bool warning,
                         const char *reason, moment_t now)
{
    char at[MOMENT_TEXT], name[256];
    moment_format_s(now, at);
    const char *ns = about->ns != NULL && *about->ns != '\0' ? about->ns : "default";
    snprintf(name, sizeof name, "%.200s.%llx%04x", about->name, (unsigned long long)now, (unsigned)(dice() * 65536));
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "apiVersion", "v1");
    cJSON_AddStringToObject(o, "kind", "Event");
    cJSON *metadata = cJSON_AddObjectToObject(o, "metadata");
    cJSON_AddStringToObject(metadata, "name", name);
    cJSON_AddStringToObject(metadata, "namespace", ns);
    cJSON *involved = cJSON_AddObjectToObject(o, "involvedObject");
    add(involved, "apiVersion", about->api_version);
    add(involved, "kind", about->kind);
    add(involved, "namespace", about->ns);
    add(involved, "name", about->name);
    add(involved, "uid", about->uid);
    add(involved, "resourceVersion", about->resource_version);
    cJSON_AddStringToObject(o, "reason", reason);
    cJSON_AddStringToObject(o, "type", warning ? "Warning" : "Normal");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(o, "source"), "component", ev->component);
    cJSON_AddStringToObject(o, "firstTimestamp", at);
    cJSON_AddStringToObject(o, "lastTimestamp", at);
    cJSON_AddNumberToObject(o, "count", 1);
    cJSON_AddStringToObject(o, "reportingComponent", ev->component);
    cJSON_AddStringToObject(o, "reportingInstance", ev->instance);
    return o;
}

static char *make_note(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static char *make_note(const char *fmt, va_list ap)
{
    char *text = NULL;
    struct buf b = {0};
    if (vasprintf(&text, fmt, ap) < 0)
        abort(); /* out of memory */
    buf_adds(&b, "");
    buf_add_visible(&b, text);
    free(text);
    return buf_take(&b);
}

void kube_event(struct kube_events *ev, const struct kube_object_ref *about, bool warning, const char *reason,
                const char *fmt, ...)
{
    moment_t now = moment_now();
    struct waiting *w = xcalloc(1, sizeof *w);
    va_list ap;
    va_start(ap, fmt);
    w->note = make_note(fmt, ap);
    va_end(ap);
    w->at = now;
    w->object = hash_text(hash_text(hash_text(hash_text(0, about->kind), about->ns != NULL ? about->ns : ""), about->name),
                          about->uid != NULL ? about->uid : "");
    w->reason = hash_text(warning, reason);
    w->note_hash = hash_text(0, w->note);
    w->event = make_event(ev, about, warning, reason, now);
    if (ev->n >= EVENTS_QUEUED) { /* the oldest that is not in flight goes */
        ev->status.dropped++;
        if (ev->call == NULL) {
            drop_first(ev);
        } else {
            struct waiting *second = ev->first->next;
            ev->first->next = second->next;
            if (second->next == NULL)
                ev->last = &ev->first->next;
            ev->n--;
            waiting_free(second);
        }
    }
    *ev->last = w;
    ev->last = &w->next;
    ev->n++;
    if (ev->call == NULL && !uv_is_active((uv_handle_t *)&ev->timer))
        uv_timer_start(&ev->timer, on_timer, 0, 0);
}

/* ---- their life ---- */

struct kube_events *kube_events_create(uv_loop_t *loop, struct kube_client *client, const char *component,
                                       const char *instance)
{
    struct kube_events *ev = xcalloc(1, sizeof *ev);
    ev->client = client;
    ev->component = xstrdup(component);
    ev->instance = xstrdup(instance);
    ev->state = event_state_create();
    ev->last = &ev->first;
    ev->backoff = (struct backoff){.first = MOMENT_SECOND, .most = 10 * MOMENT_SECOND};
    uv_timer_init(loop, &ev->timer);
    ev->timer.data = ev;
    return ev;
}

static void on_closed(uv_handle_t *h)
{
    struct kube_events *ev = h->data;
    ev->timer_closed = true;
    release(ev);
}

void kube_events_free(struct kube_events **events)
{
    struct kube_events *ev = *events;
    *events = NULL;
    if (ev == NULL)
        return;
    ev->freed = true;
    while (ev->first != NULL)
        drop_first(ev);
    if (ev->call != NULL)
        kube_cancel(ev->call);
    uv_close((uv_handle_t *)&ev->timer, on_closed);
}

struct kube_events_status kube_events_status(const struct kube_events *ev)
{
    struct kube_events_status s = ev->status;
    s.waiting = ev->n;
    return s;
}

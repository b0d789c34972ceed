/* Questions to the API server: paths, queries and bodies. See client.h. */
#include "base/mem.h"
#include "kube/client_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_TIMEOUT_S = 60, WATCH_TIMEOUT_S = 300, WATCH_IDLE_S = 120, WATCH_GRACE_S = 30 };

/* ---- paths ---- */

static void add_escaped(struct buf *b, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL)
            buf_addc(b, (char)c);
        else
            buf_addf(b, "%%%02X", c);
    }
}

/* A part of the path that libcurl would take for a step in it is none that Kubernetes allows either. */
static bool is_segment(const char *s)
{
    return *s != '\0' && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static int add_path(struct buf *b, const struct kube_client *c, const struct kube_ref *ref, struct err *e)
{
    const struct kube_resource *r = ref->resource;
    const char *ns = ref->ns == NULL ? c->config->ns : ref->ns;
    const char *parts[] = {ref->name, ref->subresource, r->cluster_scoped || *ns == '\0' ? NULL : ns};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i] != NULL && !is_segment(parts[i]))
            return err_set(e, ERR_INVALID, "\"%s\" cannot be the name or namespace of a %s", parts[i], r->kind);
    if (*r->group == '\0')
        buf_addf(b, "/api/%s", r->version);
    else
        buf_addf(b, "/apis/%s/%s", r->group, r->version);
    if (!r->cluster_scoped && *ns != '\0') {
        buf_adds(b, "/namespaces/");
        add_escaped(b, ns);
    }
    buf_addf(b, "/%s", r->plural);
    for (size_t i = 0; i < 2; i++)
        if (parts[i] != NULL) {
            buf_addc(b, '/');
            add_escaped(b, parts[i]);
        }
    return 0;
}

static void add_query(struct buf *b, const char *name, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    buf_addf(b, "%c%s=", memchr(b->data, '?', b->len) == NULL ? '?' : '&', name);
    add_escaped(b, value);
}

static void add_selection(struct buf *b, const struct kube_selection *s)
{
    add_query(b, "labelSelector", s->labels);
    add_query(b, "fieldSelector", s->fields);
}

/* ---- one object ---- */

static const struct kube_options no_options;

static int start(struct kube_client *c, const char *method, const struct kube_ref *ref, const char *content_type,
                 const cJSON *body, const struct kube_options *o, bool force, kube_object_cb *done, void *arg,
                 struct kube_call **call_r, struct err *e)
{
    struct buf path = {0};
    if (c->closing)
        return err_set(e, ERR_CONFLICT, "the client of the API server is being closed");
    if (add_path(&path, c, ref, e) != 0) {
        buf_free(&path);
        return -1;
    }
    bool get = strcmp(method, "GET") == 0, delete = strcmp(method, "DELETE") == 0;
    if (!get && o->dry_run)
        add_query(&path, "dryRun", "All");
    if (!get && !delete) {
        add_query(&path, "fieldManager", o->field_manager != NULL ? o->field_manager : "alertspawner");
        add_query(&path, "fieldValidation", o->strict ? "Strict" : NULL);
        add_query(&path, "force", force ? "true" : NULL);
    }
    struct kube_call *call = call_create(c, CALL_OBJECT, method, buf_take(&path), o->timeout_us);
    call->resource = ref->resource->plural;
    call->urgent = o->urgent;
    call->once = o->once;
    call->on_object = done;
    call->arg = arg;
    if (body != NULL) {
        char *text = cJSON_PrintUnformatted(body);
        call->body = xstrdup(text);
        cJSON_free(text);
        call->content_type = content_type;
    }
    call_submit(call, call_r);
    return 0;
}

int kube_get(struct kube_client *c, const struct kube_ref *ref, const struct kube_options *o, kube_object_cb *done,
             void *arg, struct kube_call **call_r, struct err *e)
{
    return start(c, "GET", ref, NULL, NULL, o == NULL ? &no_options : o, false, done, arg, call_r, e);
}

int kube_create(struct kube_client *c, const struct kube_ref *ref, const cJSON *object, const struct kube_options *o,
                kube_object_cb *done, void *arg, struct kube_call **call_r, struct err *e)
{
    const struct kube_ref all = {.resource = ref->resource, .ns = ref->ns};
    return start(c, "POST", &all, "application/json", object, o == NULL ? &no_options : o, false, done, arg, call_r, e);
}

int kube_update(struct kube_client *c, const struct kube_ref *ref, const cJSON *object, const struct kube_options *o,
                kube_object_cb *done, void *arg, struct kube_call **call_r, struct err *e)
{
    return start(c, "PUT", ref, "application/json", object, o == NULL ? &no_options : o, false, done, arg, call_r, e);
}

int kube_patch(struct kube_client *c, const struct kube_ref *ref, enum kube_patch_type type, const cJSON *patch,
               const struct kube_options *o, kube_object_cb *done, void *arg, struct kube_call **call_r, struct err *e)
{
    static const char *const types[] = {"application/merge-patch+json", "application/json-patch+json",
                                        "application/apply-patch+yaml"}; /* JSON is YAML */
    if (o == NULL)
        o = &no_options;
    return start(c, "PATCH", ref, types[type], patch, o, type == KUBE_PATCH_APPLY && o->force, done, arg, call_r, e);
}

static cJSON *delete_options(const struct kube_options *o)
{
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "kind", "DeleteOptions");
    cJSON_AddStringToObject(body, "apiVersion", "v1");
    if (o->propagation != NULL)
        cJSON_AddStringToObject(body, "propagationPolicy", o->propagation);
    if (o->uid != NULL || o->resource_version != NULL) {
        cJSON *preconditions = cJSON_AddObjectToObject(body, "preconditions");
        if (o->uid != NULL)
            cJSON_AddStringToObject(preconditions, "uid", o->uid);
        if (o->resource_version != NULL)
            cJSON_AddStringToObject(preconditions, "resourceVersion", o->resource_version);
    }
    return body;
}

int kube_delete(struct kube_client *c, const struct kube_ref *ref, const struct kube_options *o, kube_object_cb *done,
                void *arg, struct kube_call **call_r, struct err *e)
{
    if (ref->name == NULL)
        return err_set(e, ERR_BUG, "a delete without a name would delete them all");
    if (o == NULL)
        o = &no_options;
    cJSON *body = delete_options(o);
    int rc = start(c, "DELETE", ref, "application/json", body, o, false, done, arg, call_r, e);
    cJSON_Delete(body);
    return rc;
}

/* ---- many ---- */

int kube_list(struct kube_client *c, const struct kube_ref *ref, const struct kube_list *l, struct kube_call **call_r,
              struct err *e)
{
    struct buf path = {0};
    char limit[16] = "";
    if (c->closing)
        return err_set(e, ERR_CONFLICT, "the client of the API server is being closed");
    if (add_path(&path, c, ref, e) != 0) {
        buf_free(&path);
        return -1;
    }
    if (l->limit > 0)
        snprintf(limit, sizeof limit, "%u", l->limit);
    add_selection(&path, &l->selection);
    add_query(&path, "limit", limit);
    add_query(&path, "continue", l->continue_token);
    add_query(&path, "resourceVersion", l->resource_version);
    struct kube_call *call = call_create(c, CALL_LIST, "GET", buf_take(&path),
                                         l->timeout_us > 0 ? l->timeout_us : LIST_TIMEOUT_S * MOMENT_SECOND);
    call->resource = ref->resource->plural;
    list_reader_init(&call->list, l->on_item, l->arg);
    call->on_page = l->done;
    call->arg = l->arg;
    call_submit(call, call_r);
    return 0;
}

int kube_watch(struct kube_client *c, const struct kube_ref *ref, const struct kube_watch *w, struct kube_call **call_r,
               struct err *e)
{
    struct buf path = {0};
    char seconds[24];
    int64_t timeout_us = w->timeout_us > 0 ? w->timeout_us : WATCH_TIMEOUT_S * MOMENT_SECOND;
    if (c->closing)
        return err_set(e, ERR_CONFLICT, "the client of the API server is being closed");
    if (add_path(&path, c, ref, e) != 0) {
        buf_free(&path);
        return -1;
    }
    int64_t s = timeout_us / MOMENT_SECOND;
    snprintf(seconds, sizeof seconds, "%lld", (long long)(s > 0 ? s : 1));
    add_query(&path, "watch", "true");
    add_query(&path, "allowWatchBookmarks", "true");
    add_selection(&path, &w->selection);
    add_query(&path, "resourceVersion", w->resource_version);
    add_query(&path, "timeoutSeconds", seconds);
    struct kube_call *call = call_create(c, CALL_WATCH, "GET", buf_take(&path),
                                         timeout_us + WATCH_GRACE_S * MOMENT_SECOND);
    free(call->what);
    buf_adds(&path, "WATCH ");
    int rc = add_path(&path, c, ref, e);
    call->what = buf_take(&path);
    (void)rc; /* it was good above */
    call->idle_us = w->idle_us > 0 ? w->idle_us : WATCH_IDLE_S * MOMENT_SECOND;
    watch_reader_init(&call->watch, call->what, w->on_event, w->arg);
    call->on_end = w->done;
    call->on_open = w->on_open;
    call->arg = w->arg;
    call_submit(call, call_r);
    return 0;
}

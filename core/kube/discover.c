/* Whether the server knows a resource: see client.h. First the version that we speak; when it is not there, the group, so
 * that the sentence can say what there is instead. */
#include "base/buf.h"
#include "base/mem.h"
#include "kube/client_private.h"

#include <stdlib.h>
#include <string.h>

struct discovery {
    struct kube_client *client;
    const struct kube_resource *resource;
    kube_object_cb *done;
    void *arg;
    struct kube_call **call_r; /* where the caller keeps the call; NULL: nowhere */
};

static void finish(struct discovery *d, cJSON *object, const struct err *e)
{
    d->done(d->arg, object, e);
    free(d);
}

static void missing(const struct kube_resource *r, const char *there, struct err *e)
{
    err_set(e, ERR_NOT_FOUND, "the API server knows no %s of %s/%s%s%s: the CustomResourceDefinition %s.%s is missing%s%s",
            r->kind, r->group, r->version, *there != '\0' ? ", but " : "", there, r->plural, r->group,
            r->install != NULL ? "; " : "", r->install != NULL ? r->install : "");
}

static void on_group(void *arg, cJSON *group, const struct err *e)
{
    struct discovery *d = arg;
    struct buf there = {0};
    struct err why;
    buf_adds(&there, "");
    if (e != NULL && e->kind != ERR_NOT_FOUND) {
        finish(d, NULL, e);
        return;
    }
    const cJSON *version;
    cJSON_ArrayForEach(version, cJSON_GetObjectItemCaseSensitive(group, "versions"))
        if (there.len < 200) {
            if (there.len > 0)
                buf_adds(&there, ", ");
            buf_add_visible(&there, kube_text(version, "groupVersion", NULL));
        }
    missing(d->resource, there.data, &why);
    buf_free(&there);
    cJSON_Delete(group);
    finish(d, NULL, &why);
}

static void ask_group(struct discovery *d)
{
    struct err e;
    const struct kube_resource *r = d->resource;
    if (*r->group == '\0') {
        missing(r, "", &e);
        finish(d, NULL, &e);
        return;
    }
    struct kube_call *call = call_create(d->client, CALL_OBJECT, "GET", xasprintf("/apis/%s", r->group), 0);
    call->on_object = on_group;
    call->arg = d;
    call_submit(call, d->call_r);
}

static void on_version(void *arg, cJSON *list, const struct err *e)
{
    struct discovery *d = arg;
    if (e != NULL && e->kind == ERR_NOT_FOUND) {
        ask_group(d);
        return;
    }
    if (e != NULL) {
        finish(d, NULL, e);
        return;
    }
    cJSON *item, *found = NULL;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(list, "resources"))
        if (strcmp(kube_text(item, "name", NULL), d->resource->plural) == 0)
            found = item;
    if (found == NULL) {
        cJSON_Delete(list);
        ask_group(d);
        return;
    }
    found = cJSON_Duplicate(found, true);
    cJSON_Delete(list);
    finish(d, found, NULL);
}

int kube_discover(struct kube_client *c, const struct kube_resource *r, kube_object_cb *done, void *arg,
                  struct kube_call **call_r, struct err *e)
{
    if (c->closing)
        return err_set(e, ERR_CONFLICT, "the client of the API server is being closed");
    struct discovery *d = xcalloc(1, sizeof *d);
    *d = (struct discovery){.client = c, .resource = r, .done = done, .arg = arg, .call_r = call_r};
    char *path = *r->group == '\0' ? xasprintf("/api/%s", r->version) : xasprintf("/apis/%s/%s", r->group, r->version);
    struct kube_call *call = call_create(c, CALL_OBJECT, "GET", path, 0);
    call->on_object = on_version;
    call->arg = d;
    call_submit(call, call_r);
    return 0;
}

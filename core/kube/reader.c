/* Lists and watches: see reader.h. */
#include "kube/reader.h"

#include "base/mem.h"
#include "kube/answer.h"

#include <stdlib.h>
#include <string.h>

cJSON *kube_parse(const char *bytes, size_t len, struct err *e)
{
    const char *end = NULL;
    cJSON *o = cJSON_ParseWithLengthOpts(bytes, len, &end, 0);
    while (o != NULL && end < bytes + len && strchr(" \t\r\n", *end) != NULL && *end != '\0')
        end++;
    if (cJSON_IsObject(o) && end == bytes + len)
        return o;
    cJSON_Delete(o);
    err_set(e, ERR_INVALID, "what came is no JSON object: is this address an API server?");
    return NULL;
}

/* ---- lists ---- */

static int on_item(void *arg, size_t i, const char *bytes, size_t len, struct err *e)
{
    struct list_reader *r = arg;
    cJSON *item = kube_parse(bytes, len, e);
    if (item == NULL)
        return err_wrap(e, "item %zu", i);
    return r->on_item(r->arg, item, e);
}

static int on_member(void *arg, const char *name, size_t name_len, const char *bytes, size_t len, struct err *e)
{
    struct list_reader *r = arg;
    if (name_len != 8 || memcmp(name, "metadata", 8) != 0)
        return 0;
    cJSON *metadata = kube_parse(bytes, len, e);
    if (metadata == NULL)
        return err_wrap(e, "metadata");
    free(r->page.resource_version);
    free(r->page.continue_token);
    r->page.resource_version = xstrdup(kube_text(metadata, "resourceVersion", NULL));
    r->page.continue_token = xstrdup(kube_text(metadata, "continue", NULL));
    const cJSON *left = cJSON_GetObjectItemCaseSensitive(metadata, "remainingItemCount");
    r->page.remaining = cJSON_IsNumber(left) && left->valuedouble > 0 ? (uint64_t)left->valuedouble : 0;
    cJSON_Delete(metadata);
    return 0;
}

void list_reader_init(struct list_reader *r, kube_item_cb *item, void *arg)
{
    *r = (struct list_reader){.on_item = item, .arg = arg};
    cutter_init(&r->cutter, CUT_MEMBER, KUBE_OBJECT_BYTES_MAX, on_item, r);
    r->cutter.member = "items";
    r->cutter.on_member = on_member;
}

int list_reader_feed(struct list_reader *r, const char *bytes, size_t len, struct err *e)
{
    return cutter_feed(&r->cutter, bytes, len, e);
}

int list_reader_end(struct list_reader *r, struct err *e)
{
    if (cutter_end(&r->cutter, e) != 0)
        return -1;
    if (r->page.resource_version == NULL || *r->page.resource_version == '\0')
        return err_set(e, ERR_INVALID, "the list has no resourceVersion: is this address an API server?");
    return 0;
}

void list_reader_deinit(struct list_reader *r)
{
    cutter_deinit(&r->cutter);
    free(r->page.resource_version);
    free(r->page.continue_token);
    r->page = (struct kube_page){0};
}

/* ---- watches ---- */

static int on_event(void *arg, size_t i, const char *bytes, size_t len, struct err *e)
{
    (void)i;
    static const char *const types[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
    struct watch_reader *r = arg;
    cJSON *event = kube_parse(bytes, len, e);
    if (event == NULL)
        return -1;
    const char *type = kube_text(event, "type", NULL);
    cJSON *object = cJSON_DetachItemFromObjectCaseSensitive(event, "object");
    int rc = -1;
    size_t t = 0;
    while (t < 4 && strcmp(type, types[t]) != 0)
        t++;
    if (!cJSON_IsObject(object))
        err_set(e, ERR_INVALID, "an event of the watch has no object");
    else if (strcmp(type, "ERROR") == 0)
        answer_status(object, r->what, e);
    else if (t == 4)
        err_set(e, ERR_INVALID, "an event of the watch has the unknown type \"%.40s\"", type);
    else if (*kube_version(object) == '\0')
        err_set(e, ERR_INVALID, "an object of the watch has no resourceVersion");
    else {
        rc = r->on_event(r->arg, (enum kube_event_type)t, object, e);
        object = NULL; /* the receiver's */
    }
    cJSON_Delete(object);
    cJSON_Delete(event);
    return rc;
}

void watch_reader_init(struct watch_reader *r, const char *what, kube_watch_cb *event, void *arg)
{
    *r = (struct watch_reader){.on_event = event, .arg = arg, .what = what};
    cutter_init(&r->cutter, CUT_STREAM, KUBE_OBJECT_BYTES_MAX, on_event, r);
}

int watch_reader_feed(struct watch_reader *r, const char *bytes, size_t len, struct err *e)
{
    return cutter_feed(&r->cutter, bytes, len, e);
}

int watch_reader_end(struct watch_reader *r, struct err *e)
{
    struct err why;
    if (cutter_end(&r->cutter, &why) == 0)
        return 0;
    return err_set(e, ERR_UNREACHABLE, "the watch was cut in the middle of an event");
}

void watch_reader_deinit(struct watch_reader *r)
{
    cutter_deinit(&r->cutter);
}

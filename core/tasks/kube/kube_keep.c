/* What is kept of a spawner is written: its ConfigMap, with its resourceVersion; only when it changed. Who wrote it
 * meanwhile is read and merged. See kube_store.h. */
#include "tasks/kube/kube_private.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "tasks/kube/kept_text.h"
#include "tasks/kube/spawner_status.h"
#include "tasks/object.h"

#include <stdlib.h>
#include <string.h>

enum { SUB_START, SUB_WRITTEN, SUB_READ };
enum { TRIES_MAX = 5, TEXT_MAX = 4096 /* of a message in a status that stands in a ConfigMap */ };
#define STATUS_REFRESH (600 * MOMENT_SECOND) /* so often the time of the last poll is written there */

static void shorten(cJSON *object)
{
    const char *s = object_text(object, "message");
    size_t len = strlen(s), cut = utf8_cut(s, len, TEXT_MAX);
    if (cut == len)
        return;
    char *text = xstrndup(s, cut);
    object_set_text(object, "message", text);
    free(text);
}

/* A spawner that is no object has its status here. */
static void keep_status(struct operation *op)
{
    struct kept *k = op->slot->kept;
    cJSON *c, *old = k->status;
    if (op->in_cluster || op->wanted == NULL)
        return;
    shorten(op->wanted);
    cJSON_ArrayForEach(c, cJSON_GetObjectItemCaseSensitive(op->wanted, "conditions"))
    {
        shorten(c);
    }
    moment_t told = object_time(old, "lastDiscoveryTime"), now = object_time(op->wanted, "lastDiscoveryTime");
    bool fresh = now == MOMENT_NONE || (told != MOMENT_NONE && now - told < STATUS_REFRESH && now >= told);
    if (old != NULL && spawner_status_holds(old, op->wanted, fresh))
        return;
    /* What this cycle did not say stays. */
    cJSON_ArrayForEach(c, old)
    {
        if (cJSON_GetObjectItemCaseSensitive(op->wanted, c->string) == NULL)
            cJSON_AddItemToObject(op->wanted, c->string, cJSON_Duplicate(c, 1));
    }
    cJSON_AddStringToObject(op->wanted, "kind", op->spawner_kind);
    cJSON_Delete(old);
    k->status = op->wanted;
    op->wanted = NULL;
    k->changed = true;
}

static void add_owner(cJSON *metadata, const struct operation *op)
{
    if (!op->in_cluster)
        return;
    cJSON *owner = cJSON_CreateObject();
    cJSON_AddStringToObject(owner, "apiVersion", op->api_version);
    cJSON_AddStringToObject(owner, "kind", op->spawner_kind);
    cJSON_AddStringToObject(owner, "name", op->slot->name);
    cJSON_AddStringToObject(owner, "uid", op->uid);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(metadata, "ownerReferences"), owner);
}

static cJSON *map_make(struct operation *op, const char *name)
{
    struct slot *slot = op->slot;
    struct buf gzip = {0}, text = {0};
    size_t gone = kept_write(slot->kept, &gzip);
    if (gone > 0)
        log_warn(slot->name, "what is remembered of %s/%s does not fit into a ConfigMap: %zu of the oldest entries are let go",
                 slot->ns, slot->name, gone);
    base64_encode(gzip.data, gzip.len, &text);
    cJSON *map = cJSON_CreateObject();
    cJSON_AddStringToObject(map, "apiVersion", "v1");
    cJSON_AddStringToObject(map, "kind", "ConfigMap");
    cJSON *metadata = cJSON_AddObjectToObject(map, "metadata");
    cJSON_AddStringToObject(metadata, "name", name);
    cJSON_AddStringToObject(metadata, "namespace", slot->ns);
    if (slot->map_version != NULL)
        cJSON_AddStringToObject(metadata, "resourceVersion", slot->map_version);
    cJSON *labels = cJSON_AddObjectToObject(metadata, "labels");
    cJSON_AddStringToObject(labels, "app.kubernetes.io/managed-by", "alertspawner");
    cJSON_AddStringToObject(labels, "alerts.kelos.dev/spawner", slot->name);
    add_owner(metadata, op);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(map, "binaryData"), "memory.gz", text.data);
    if (slot->kept->status != NULL) {
        char *status = cJSON_PrintUnformatted(slot->kept->status);
        cJSON_AddStringToObject(cJSON_AddObjectToObject(map, "data"), "status.json", status);
        cJSON_free(status);
    }
    buf_free(&gzip);
    buf_free(&text);
    return map;
}

static int write_start(struct operation *op)
{
    struct slot *slot = op->slot;
    char name[300];
    if (!operation_may_write(op, &op->err))
        return -1;
    struct kube_ref ref = map_ref(slot, name);
    struct kube_options o = {.timeout_us = KUBE_WRITE_MS * INT64_C(1000)};
    cJSON *map = map_make(op, name);
    op->sub = SUB_WRITTEN;
    int rc = slot->map_version == NULL
                 ? kube_create(op->store->client, &ref, map, &o, operation_answered, op, &op->call, &op->err)
                 : kube_update(op->store->client, &ref, map, &o, operation_answered, op, &op->call, &op->err);
    cJSON_Delete(map);
    return rc;
}

static int read_start(struct operation *op)
{
    char name[300];
    struct kube_ref ref = map_ref(op->slot, name);
    struct kube_options o = {.timeout_us = KUBE_WRITE_MS * INT64_C(1000)};
    op->sub = SUB_READ;
    return kube_get(op->store->client, &ref, &o, operation_answered, op, &op->call, &op->err);
}

/* 1: it is written. */
static int written(struct operation *op)
{
    struct slot *slot = op->slot;
    cJSON *map = operation_take(op);
    if (map != NULL) {
        free(slot->map_version);
        slot->map_version = xstrdup(kube_version(map));
        slot->kept->changed = false;
        slot->kept->written_at = op->now;
        cJSON_Delete(map);
        return 1;
    }
    op->err = op->why;
    if (op->tries++ >= TRIES_MAX)
        return -1;
    if (op->why.kind == ERR_NOT_FOUND && slot->map_version != NULL) { /* somebody deleted it */
        free(slot->map_version);
        slot->map_version = NULL;
        return write_start(op);
    }
    return op->why.kind == ERR_CONFLICT || op->why.kind == ERR_EXISTS ? read_start(op) : -1;
}

static int merged(struct operation *op)
{
    struct slot *slot = op->slot;
    cJSON *map = operation_take(op);
    struct kept *other = map != NULL ? map_read(slot, map, &op->err) : NULL;
    if (other == NULL && (map != NULL || op->why.kind != ERR_NOT_FOUND)) {
        if (map == NULL)
            op->err = op->why;
        cJSON_Delete(map);
        return -1;
    }
    free(slot->map_version);
    slot->map_version = map != NULL ? xstrdup(kube_version(map)) : NULL;
    bool same = other != NULL && (other->uid[0] == '\0' || strcmp(other->uid, slot->kept->uid) == 0);
    if (same)
        kept_merge(slot->kept, other);
    kept_free(&other);
    cJSON_Delete(map);
    return write_start(op);
}

int write_end(struct operation *op, int rc, const char *what)
{
    if (rc >= 0)
        return rc;
    if (op->changes.n_creates + op->changes.n_cancels == 0)
        return err_wrap(&op->err, "writing %s", what);
    char *who = xasprintf("%s/%s", op->slot->ns, op->slot->name);
    log_error(who, "writing %s: %s; the next cycle tries again", what, op->err.msg);
    free(who);
    return 1;
}

static int prepare(struct operation *op)
{
    struct kept *k = op->slot->kept;
    kept_take(k, &op->changes, op->results, op->now);
    if (op->changes.episodes != NULL) {
        struct spawner_facts *facts = store_facts(op);
        kept_prune(k, facts->tasks, facts->n_tasks, op->now);
        spawner_facts_free(&facts);
    }
    status_prepare(op);
    keep_status(op);
    return k->changed && (op->changes.episodes != NULL || !op->in_cluster) ? write_start(op) : 1;
}

int keep_step(struct operation *op)
{
    switch (op->sub) {
    case SUB_START:
        return write_end(op, prepare(op), "what is remembered");
    case SUB_WRITTEN:
        return write_end(op, written(op), "what is remembered");
    case SUB_READ:
        return write_end(op, merged(op), "what is remembered");
    }
    return 1;
}

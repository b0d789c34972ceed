/* What is kept of a spawner is read: its ConfigMap and its status. See kube_store.h. */
#include "tasks/kube/kube_private.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "tasks/kube/kept_text.h"
#include "tasks/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUB_START, SUB_MAP, SUB_OBJECT };

struct kube_ref map_ref(const struct slot *slot, char name[300])
{
    snprintf(name, 300, "alertspawner-%s", slot->name);
    return (struct kube_ref){.resource = &kube_config_maps, .ns = slot->ns, .name = name};
}

struct kept *map_read(const struct slot *slot, const cJSON *map, struct err *e)
{
    struct kept *k = NULL;
    if (strcmp(kube_label(map, "alerts.kelos.dev/spawner"), slot->name) != 0) {
        err_set(e, ERR_CONFLICT,
                "ConfigMap %s/%s is not alertspawner's (it has no label alerts.kelos.dev/spawner=%s); what is remembered "
                "of this spawner is kept under that name: rename one of them",
                slot->ns, kube_name(map), slot->name);
        return NULL;
    }
    const char *text = kube_text(map, "binaryData", "memory.gz", NULL);
    struct buf gzip = {0};
    int rc = base64_decode(text, &gzip);
    if (rc != 0)
        err_set(e, ERR_INVALID, "its memory.gz is no base64");
    else if (gzip.len == 0)
        k = kept_create(); /* somebody emptied it on purpose */
    else
        rc = kept_read(gzip.data, gzip.len, &k, e);
    buf_free(&gzip);
    if (rc != 0) {
        err_wrap(e, "ConfigMap %s/%s (what is remembered of this spawner; delete it to start afresh)", slot->ns,
                 kube_name(map));
        return NULL;
    }
    const char *status = kube_text(map, "data", "status.json", NULL);
    k->status = status[0] != '\0' ? cJSON_Parse(status) : NULL;
    return k;
}

struct kube_ref object_ref(const struct operation *op)
{
    bool ours = strcmp(op->spawner_kind, kube_alert_spawners.kind) == 0;
    return (struct kube_ref){.resource = ours ? &kube_alert_spawners : &kube_task_spawners, .ns = op->slot->ns,
                             .name = op->slot->name};
}

int object_take(struct operation *op, const cJSON *object, struct err *e)
{
    struct slot *slot = op->slot;
    if (strcmp(kube_uid(object), op->uid) != 0)
        return err_set(e, ERR_NOT_FOUND, "%s %s/%s is another object now", op->spawner_kind, slot->ns, slot->name);
    free(slot->object_version);
    cJSON_Delete(slot->status);
    slot->object_version = xstrdup(kube_version(object));
    slot->status = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(object, "status"), 1);
    return 0;
}

/* A spawner that was deleted and made anew is a new one, whatever its ConfigMap says of the old one. */
static void same_spawner(const struct operation *op, struct kept **k)
{
    bool other = (*k)->uid[0] != '\0' && op->uid[0] != '\0' && strcmp((*k)->uid, op->uid) != 0;
    if (other) {
        kept_free(k);
        *k = kept_create();
    }
    if (op->uid[0] != '\0') {
        free((*k)->uid);
        (*k)->uid = xstrdup(op->uid);
    }
}

static int take_map(struct operation *op)
{
    struct slot *slot = op->slot;
    cJSON *map = operation_take(op);
    struct kept *k = NULL;
    if (map != NULL) {
        k = map_read(slot, map, &op->err);
        free(slot->map_version);
        slot->map_version = xstrdup(kube_version(map));
        cJSON_Delete(map);
        if (k != NULL)
            k->written_at = k->counters.polled_at;
    } else if (op->why.kind == ERR_NOT_FOUND) {
        k = kept_create();
    } else {
        op->err = op->why;
        err_wrap(&op->err, "reading what is remembered");
    }
    if (k == NULL)
        return -1;
    same_spawner(op, &k);
    slot->kept = k;
    return 1;
}

/* The counters in the status count, too. */
static int take_object(struct operation *op)
{
    struct slot *slot = op->slot;
    cJSON *object = operation_take(op);
    op->err = op->why;
    int rc = object != NULL ? object_take(op, object, &op->err) : -1;
    cJSON_Delete(object);
    if (rc != 0) {
        slot_forget(slot);
        slot->gone = op->err.kind == ERR_NOT_FOUND;
        return err_wrap(&op->err, "reading its status");
    }
    int64_t total = object_int(slot->status, "totalTasksCreated", 0), polls = object_int(slot->status, "completedPolls", 0);
    struct kept *k = slot->kept;
    if (total > 0 && (uint64_t)total > k->total)
        k->total = (uint64_t)total;
    if (polls > k->counters.polls && polls <= UINT32_MAX) {
        k->counters.polls = (uint32_t)polls;
        moment_t at = object_time(slot->status, "lastDiscoveryTime");
        if (at > k->counters.polled_at)
            k->counters.polled_at = at;
    }
    return 1;
}

int load_step(struct operation *op)
{
    struct slot *slot = op->slot;
    struct kube_options options = {.timeout_us = KUBE_WRITE_MS * INT64_C(1000)};
    struct kube_ref ref;
    char name[300];
    int rc = 1;
    switch (op->sub) {
    case SUB_START:
        if (slot->stale || (slot->kept != NULL && strcmp(slot->kept->uid, op->uid) != 0 && op->uid[0] != '\0'))
            slot_forget(slot);
        if (slot->kept != NULL)
            return 1;
        op->sub = SUB_MAP;
        ref = map_ref(slot, name);
        return kube_get(op->store->client, &ref, &options, operation_answered, op, &op->call, &op->err);
    case SUB_MAP:
        if (take_map(op) < 0)
            return -1;
        if (!op->in_cluster)
            return 1;
        op->sub = SUB_OBJECT;
        ref = object_ref(op);
        rc = kube_get(op->store->client, &ref, &options, operation_answered, op, &op->call, &op->err);
        return rc;
    case SUB_OBJECT:
        return take_object(op);
    }
    return 1;
}

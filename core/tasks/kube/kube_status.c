/* The status of a spawner's object is written: a merge patch with its resourceVersion, so that no counter of anybody is
 * overwritten unseen; only when something changed. See kube_store.h. */
#include "tasks/kube/kube_private.h"

#include "base/mem.h"
#include "tasks/kube/spawner_status.h"
#include "tasks/object.h"

#include <stdlib.h>
#include <string.h>

enum { SUB_START, SUB_WRITTEN, SUB_READ };
enum { TRIES_MAX = 5 };

static uint64_t count_active(const struct operation *op)
{
    struct spawner_facts *facts = store_facts(op);
    uint64_t n = 0;
    for (size_t i = 0; i < facts->n_tasks; i++)
        n += facts->tasks[i].owned && !task_phase_terminal(facts->tasks[i].phase);
    spawner_facts_free(&facts);
    return n;
}

void status_prepare(struct operation *op)
{
    struct slot *slot = op->slot;
    cJSON_Delete(op->wanted);
    op->wanted = NULL;
    if (op->changes.status == NULL && op->kind != OP_PROBLEM)
        return;
    struct spawner_status_input in = {
        .cycle = op->changes.status,
        .problem = slot->problem,
        .total = slot->kept->total,
        .active = count_active(op),
        .polls = slot->kept->counters.polls,
        .generation = op->generation,
        .now = op->now,
    };
    op->wanted = spawner_status_make(op->in_cluster ? slot->status : slot->kept->status, &in);
}

static int patch_start(struct operation *op)
{
    struct slot *slot = op->slot;
    status_prepare(op);
    if (op->wanted == NULL || (slot->status != NULL && spawner_status_holds(slot->status, op->wanted, false)))
        return 1;
    if (!operation_may_write(op, &op->err))
        return -1;
    struct kube_ref ref = object_ref(op);
    struct kube_options o = {.timeout_us = KUBE_WRITE_MS * INT64_C(1000)};
    ref.subresource = "status";
    cJSON *patch = cJSON_CreateObject(), *metadata = cJSON_AddObjectToObject(patch, "metadata");
    cJSON_AddStringToObject(metadata, "resourceVersion", slot->object_version);
    cJSON_AddStringToObject(metadata, "uid", op->uid);
    cJSON_AddItemToObject(patch, "status", op->wanted);
    op->wanted = NULL;
    op->sub = SUB_WRITTEN;
    int rc = kube_patch(op->store->client, &ref, KUBE_PATCH_MERGE, patch, &o, operation_answered, op, &op->call, &op->err);
    cJSON_Delete(patch);
    return rc;
}

static int read_start(struct operation *op)
{
    struct kube_ref ref = object_ref(op);
    struct kube_options o = {.timeout_us = KUBE_WRITE_MS * INT64_C(1000)};
    op->sub = SUB_READ;
    return kube_get(op->store->client, &ref, &o, operation_answered, op, &op->call, &op->err);
}

/* A spawner that is gone has no status: that is no error. */
static int written(struct operation *op)
{
    cJSON *object = operation_take(op);
    op->err = op->why;
    if (op->why.kind == ERR_NOT_FOUND)
        return 1;
    if (op->why.kind == ERR_CONFLICT && op->tries++ < TRIES_MAX)
        return read_start(op);
    int rc = object != NULL ? object_take(op, object, &op->err) : -1;
    cJSON_Delete(object);
    return rc == 0 ? 1 : -1;
}

static int looked(struct operation *op)
{
    cJSON *object = operation_take(op);
    op->err = op->why;
    if (op->why.kind == ERR_NOT_FOUND || (object != NULL && strcmp(kube_uid(object), op->uid) != 0)) {
        cJSON_Delete(object);
        return 1;
    }
    int rc = object != NULL ? object_take(op, object, &op->err) : -1;
    cJSON_Delete(object);
    return rc == 0 ? patch_start(op) : -1;
}

int status_step(struct operation *op)
{
    int rc = 1;
    if (!op->in_cluster)
        return 1;
    switch (op->sub) {
    case SUB_START:
        rc = patch_start(op);
        break;
    case SUB_WRITTEN:
        rc = written(op);
        break;
    case SUB_READ:
        rc = looked(op);
        break;
    }
    return write_end(op, rc, "its status");
}

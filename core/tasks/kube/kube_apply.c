/* A plan is carried out: Tasks that are replaced go, Tasks are created, others are cancelled. See kube_store.h for the order
 * and why it is safe.
 *
 * An answer that does not come leaves open what the server did: the name is looked up. A Task there that is the one we
 * sent (same ordinal, same alert) is ours and new; nothing there means that nothing happened so far, and the creation is
 * repeated once: a name is taken only once. */
#include "tasks/kube/kube_private.h"

#include "base/mem.h"
#include "tasks/kube/task_extract.h"
#include "tasks/object.h"
#include "tasks/owner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUB_DELETE, SUB_DELETED, SUB_GOING, SUB_CREATE, SUB_CREATED, SUB_LOOKED, SUB_CANCEL, SUB_CANCELLED };

static const struct kube_options write_options = {.timeout_us = KUBE_WRITE_MS * INT64_C(1000), .strict = true};

static struct kube_ref task_ref(const struct operation *op, const char *name)
{
    return (struct kube_ref){.resource = &kube_tasks, .ns = op->slot->ns, .name = name};
}

/* The answer did not come, or the server does not let us: what follows would fare no better, and costs time. */
static bool is_away(enum err_kind kind)
{
    return kind == ERR_TIMEOUT || kind == ERR_UNREACHABLE || kind == ERR_THROTTLED;
}

static void result_set(struct operation *op, size_t i, enum store_outcome outcome, const struct err *why)
{
    op->results[i].outcome = outcome;
    if (why != NULL)
        op->results[i].err = *why;
    if (outcome == STORE_FAILED && why != NULL && is_away(why->kind))
        op->given_up = true;
}

/* May the next write be tried at all? Else its result says why not. */
static bool may_try(struct operation *op, size_t i)
{
    struct err e = {0};
    if (op->given_up)
        err_set(&e, ERR_UNREACHABLE, "not tried: the API server does not answer");
    else if (op->store->stopping)
        err_set(&e, ERR_CONFLICT, "not tried: the engine is being stopped; whoever acts next does it");
    else if (operation_may_write(op, &e))
        return true;
    result_set(op, i, STORE_FAILED, &e);
    return false;
}

/* The index learns of it; our own deletion of a Task that we replace is no reason for a cycle. */
static void index_gone(struct operation *op, const char *name, const char *uid, bool quiet)
{
    struct informer *tasks = store_tasks(op->store, op->slot->ns);
    op->store->quiet = quiet;
    if (tasks != NULL)
        informer_gone(tasks, op->slot->ns, name, uid);
    op->store->quiet = false;
}

static void index_put(struct operation *op, const cJSON *task)
{
    struct informer *tasks = store_tasks(op->store, op->slot->ns);
    op->store->quiet = true;
    if (tasks != NULL)
        informer_put(tasks, task);
    op->store->quiet = false;
}

/* The answer to a deletion: the object, when finalizers keep it; else a Status. */
static bool still_stands(const cJSON *answer)
{
    return answer != NULL && strcmp(object_text(answer, "kind"), "Status") != 0 && kube_deleting(answer);
}

static int delete_start(struct operation *op, const char *name, const char *uid, const char *version, int sub)
{
    struct kube_options o = write_options;
    struct kube_ref ref = task_ref(op, name);
    o.uid = uid;
    o.resource_version = version;
    o.propagation = "Background";
    op->sub = sub;
    return kube_delete(op->store->client, &ref, &o, operation_answered, op, &op->call, &op->err);
}

/* ---- what is to be replaced goes first ---- */

static int next_deletion(struct operation *op)
{
    for (; op->i < op->changes.n_creates; op->i++) {
        const struct store_create *c = &op->changes.creates[op->i];
        if (c->replace && may_try(op, op->i))
            return delete_start(op, c->name, c->replace_uid, c->replace_resource_version, SUB_DELETED);
    }
    op->sub = SUB_GOING;
    op->i = 0;
    return 1;
}

/* CREATED stands for "the way is free" until its creation has its own result. */
static void deletion_answered(struct operation *op)
{
    const struct store_create *c = &op->changes.creates[op->i];
    cJSON *answer = operation_take(op);
    if (op->why.kind == ERR_NONE && still_stands(answer)) {
        index_put(op, answer);
        struct err e;
        err_set(&e, ERR_CONFLICT, "the finalizers of the old Task %s have not let it go yet", c->name);
        result_set(op, op->i, STORE_DELETING, &e);
    } else if (op->why.kind == ERR_NONE || op->why.kind == ERR_NOT_FOUND) {
        index_gone(op, c->name, c->replace_uid, true);
    } else if (op->why.kind == ERR_CONFLICT) {
        struct err e;
        err_set(&e, ERR_CONFLICT, "Task %s was changed meanwhile", c->name);
        result_set(op, op->i, STORE_CHANGED, &e);
    } else {
        result_set(op, op->i, STORE_FAILED, &op->why);
    }
    cJSON_Delete(answer);
    op->i++;
    op->sub = SUB_DELETE;
}

/* Those that finalizers kept: are they gone? 0: some are not, and there is time. */
static int wait_for_finalizers(struct operation *op)
{
    struct informer *tasks = store_tasks(op->store, op->slot->ns);
    bool waiting = false;
    for (size_t i = 0; i < op->changes.n_creates; i++) {
        const struct store_create *c = &op->changes.creates[i];
        if (op->results[i].outcome != STORE_DELETING)
            continue;
        const struct informer_entry *entry = informer_get(tasks, op->slot->ns, c->name);
        if (entry == NULL || strcmp(entry->uid, c->replace_uid) != 0)
            op->results[i] = (struct store_result){.outcome = STORE_CREATED};
        else
            waiting = true;
    }
    if (waiting && !operation_timed_out(op)) {
        operation_wait(op, KUBE_GOING_MS);
        return 0;
    }
    op->sub = SUB_CREATE;
    op->i = 0;
    return 1;
}

/* ---- creations ---- */

static cJSON *complete(const struct operation *op, const struct store_create *c)
{
    char text[24];
    cJSON *task = cJSON_Duplicate(c->task, 1);
    snprintf(text, sizeof text, "%" PRIu64, op->total + 1);
    object_set_text(object_at(object_at(task, "metadata"), "annotations"), STORE_ANN_ORDINAL, text);
    return task;
}

static int create_start(struct operation *op)
{
    const struct store_create *c = &op->changes.creates[op->i];
    struct kube_ref ref = task_ref(op, NULL);
    cJSON *task = complete(op, c);
    op->sub = SUB_CREATED;
    int rc = kube_create(op->store->client, &ref, task, &write_options, operation_answered, op, &op->call, &op->err);
    cJSON_Delete(task);
    return rc;
}

static int next_creation(struct operation *op)
{
    for (; op->i < op->changes.n_creates; op->i++) {
        if (op->results[op->i].outcome != STORE_CREATED || !may_try(op, op->i))
            continue;
        op->tries = 0;
        return create_start(op);
    }
    op->sub = SUB_CANCEL;
    op->i = 0;
    return 1;
}

static void created(struct operation *op, const cJSON *task)
{
    const struct store_create *c = &op->changes.creates[op->i];
    moment_t at = object_time(cJSON_GetObjectItemCaseSensitive(task, "metadata"), "creationTimestamp");
    struct kept_birth birth = {
        .identity = c->identity,
        .ordinal = ++op->total,
        .task = c->name,
        .policy = c->policy != NULL ? c->policy : "",
        .created_at = at != MOMENT_NONE ? at : op->now,
        .starts_at = c->starts_at,
    };
    kept_born(op->slot->kept, &birth);
    index_put(op, task);
    result_set(op, op->i, STORE_CREATED, NULL);
    op->i++;
    op->sub = SUB_CREATE;
}

static void not_created(struct operation *op, enum store_outcome outcome, const struct err *why)
{
    result_set(op, op->i, outcome, why);
    op->i++;
    op->sub = SUB_CREATE;
}

static int look_up(struct operation *op)
{
    struct kube_ref ref = task_ref(op, op->changes.creates[op->i].name);
    struct kube_options o = {.timeout_us = KUBE_WRITE_MS * INT64_C(1000)};
    op->sub = SUB_LOOKED;
    return kube_get(op->store->client, &ref, &o, operation_answered, op, &op->call, &op->err);
}

static int creation_answered(struct operation *op)
{
    cJSON *task = operation_take(op);
    int rc = 1;
    if (op->why.kind == ERR_NONE) {
        created(op, task);
    } else if (op->why.kind == ERR_EXISTS || op->why.kind == ERR_TIMEOUT || op->why.kind == ERR_UNREACHABLE) {
        op->create_error = op->why;
        rc = look_up(op);
    } else {
        not_created(op, STORE_FAILED, &op->why);
    }
    cJSON_Delete(task);
    return rc;
}

/* Is it what we sent? An answer that did not come, or (libcurl sends a request again when a kept connection turns out to
 * be dead) that came to the first of two, looks like a name that is taken. */
static bool is_this(const struct operation *op, const struct task_extract *t)
{
    const struct store_create *c = &op->changes.creates[op->i];
    return t->ordinal == op->total + 1 && t->identity == c->identity && !t->deleting;
}

/* A Task of ours that the index did not know: its ordinal is taken, too. */
static void learn(struct operation *op, const cJSON *task, const struct task_extract *t)
{
    struct kept *k = op->slot->kept;
    struct task_fact fact =
        task_extract_fact(t, kube_name(task), kube_uid(task), kube_version(task), op->slot->name, op->uid);
    kept_adopt(k, &fact, 1, op->now);
    if (k->total > op->total)
        op->total = k->total;
    task_fact_deinit(&fact);
}

static void name_is_taken(struct operation *op, const cJSON *task)
{
    const struct store_create *c = &op->changes.creates[op->i];
    struct task_extract *t = task_extract(task);
    struct err e;
    if (!task_owned(t->controllers, t->spawner, op->slot->name, op->uid)) {
        err_set(&e, ERR_CONFLICT, "task %s name collides with an existing Task not owned by spawner %s", c->name,
                op->slot->name);
        not_created(op, STORE_EXISTS_FOREIGN, &e);
    } else if (is_this(op, t)) {
        created(op, task);
    } else if (t->deleting) {
        index_put(op, task);
        err_set(&e, ERR_CONFLICT, "the old Task %s is still being deleted", c->name);
        not_created(op, STORE_DELETING, &e);
    } else {
        index_put(op, task);
        learn(op, task, t);
        err_set(&e, ERR_CONFLICT, "Task %s exists already", c->name);
        not_created(op, STORE_EXISTS_OURS, &e);
    }
    task_extract_free(&t);
}

static int looked_up(struct operation *op)
{
    cJSON *task = operation_take(op);
    int rc = 1;
    if (op->why.kind == ERR_NONE) {
        name_is_taken(op, task);
    } else if (op->why.kind == ERR_NOT_FOUND && op->tries++ == 0) {
        struct err e;
        if (operation_may_write(op, &e))
            rc = create_start(op);
        else
            not_created(op, STORE_FAILED, &e);
    } else {
        struct err e = op->create_error;
        if (op->why.kind != ERR_NOT_FOUND)
            err_set(&e, op->why.kind, "%s; and whether it was created is not known: %s", op->create_error.msg, op->why.msg);
        not_created(op, STORE_FAILED, &e);
    }
    cJSON_Delete(task);
    return rc;
}

/* ---- cancellations ---- */

static int next_cancellation(struct operation *op)
{
    for (; op->i < op->changes.n_cancels; op->i++) {
        const struct store_cancel *c = &op->changes.cancels[op->i];
        if (may_try(op, op->changes.n_creates + op->i))
            return delete_start(op, c->name, c->uid, c->resource_version, SUB_CANCELLED);
    }
    return 2;
}

static void cancellation_answered(struct operation *op)
{
    const struct store_cancel *c = &op->changes.cancels[op->i];
    size_t result = op->changes.n_creates + op->i;
    cJSON *answer = operation_take(op);
    if (op->why.kind == ERR_NONE && still_stands(answer)) {
        index_put(op, answer); /* it goes; nothing will start it */
        result_set(op, result, STORE_CREATED, NULL);
    } else if (op->why.kind == ERR_NONE || op->why.kind == ERR_NOT_FOUND) {
        index_gone(op, c->name, c->uid, false);
        result_set(op, result, STORE_CREATED, NULL);
    } else if (op->why.kind == ERR_CONFLICT) {
        struct err e;
        err_set(&e, ERR_CONFLICT, "Task %s has started or was changed", c->name);
        result_set(op, result, STORE_CHANGED, &e);
    } else {
        result_set(op, result, STORE_FAILED, &op->why);
    }
    cJSON_Delete(answer);
    op->i++;
    op->sub = SUB_CANCEL;
}

int apply_step(struct operation *op)
{
    for (int rc = 1; rc != 0;) {
        switch (op->sub) {
        case SUB_DELETE:
            rc = next_deletion(op);
            break;
        case SUB_DELETED:
            deletion_answered(op);
            break;
        case SUB_GOING:
            rc = wait_for_finalizers(op);
            break;
        case SUB_CREATE:
            rc = next_creation(op);
            break;
        case SUB_CREATED:
            rc = creation_answered(op);
            break;
        case SUB_LOOKED:
            rc = looked_up(op);
            break;
        case SUB_CANCEL:
            rc = next_cancellation(op);
            break;
        case SUB_CANCELLED:
            cancellation_answered(op);
            break;
        }
        if (rc == 2)
            return 1;
        if (rc < 0) /* the question could not even be asked */
            return -1;
    }
    return 0;
}

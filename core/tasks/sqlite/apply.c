/* Carrying a plan out: one transaction a cycle, one savepoint an item. See store.h. */
#include "base/mem.h"
#include "tasks/sqlite/local_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A random (version 4) UUID. */
static int uuid(char out[37], struct err *e)
{
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return err_set(e, ERR_IO, "no random bytes for a uid: %s", strerror(errno));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
             b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return 0;
}

/* A DNS-1123 subdomain, as Kubernetes wants names; it also makes a safe file name. */
static int check_name(const char *what, const char *name, struct err *e)
{
    size_t n = strlen(name);
    bool good = n > 0 && n <= LOCAL_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == n &&
                strstr(name, "..") == NULL && strchr("-.", name[0]) == NULL && strchr("-.", name[n - 1]) == NULL;
    if (good)
        return 0;
    return err_set(e, ERR_INVALID,
                   "\"%.260s\" is no %s: lower-case letters, digits, '-' and '.', at most %d bytes, first and last a "
                   "letter or digit",
                   name, what, LOCAL_NAME_MAX);
}

struct item {
    const struct spawner_ref *sp;
    const struct store_create *c;
    int64_t memory;
    char uid[37], identity[17];
    int64_t version, ordinal;
    moment_t now;
};

/* The object as it is stored: a copy of the caller's with what a server would fill in. */
static cJSON *complete(const struct item *it)
{
    char text[MOMENT_TEXT];
    cJSON *o = cJSON_Duplicate(it->c->task, 1), *metadata = object_at(o, "metadata");
    object_set_text(metadata, "name", it->c->name);
    object_set_text(metadata, "namespace", it->sp->ns);
    object_set_text(metadata, "uid", it->uid);
    object_set_time(metadata, "creationTimestamp", it->now);
    snprintf(text, sizeof text, "%lld", (long long)it->version);
    object_set_text(metadata, "resourceVersion", text);
    object_set_text(object_at(metadata, "labels"), STORE_LABEL_SPAWNER, it->sp->name);
    snprintf(text, sizeof text, "%lld", (long long)it->ordinal);
    object_set_text(object_at(metadata, "annotations"), STORE_ANN_ORDINAL, text);
    cJSON_DeleteItemFromObjectCaseSensitive(o, "status");
    object_set_text(object_at(o, "status"), "phase", task_phase_name(TASK_PENDING));
    return o;
}

static int insert(struct local_db *l, const struct item *it, cJSON *object, const char *text, struct err *e)
{
    const struct spawner_ref *sp = it->sp;
    const cJSON *annotations = object_at(object_at(object, "metadata"), "annotations");
    char *controllers = task_controllers(object);
    int rc = db_run(&l->db, e,
                    "INSERT INTO tasks (ns, name, uid, version, spawner, controllers, phase, identity, ordinal,"
                    " created_at, starts_at, policy, alertname, object)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'Pending', ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                    "tttitttiinttt", sp->ns, it->c->name, it->uid, it->version, sp->name, controllers, it->identity,
                    it->ordinal, (int64_t)it->now, (int64_t)it->c->starts_at,
                    object_text(annotations, STORE_ANN_POLICY), object_text(annotations, STORE_ANN_ALERTNAME), text);
    free(controllers);
    if (rc != 0 || creation_add(l, it->memory, it->c->policy, it->now, e) != 0)
        return -1;
    return key_created(l, sp->ns, sp->name, it->identity, it->c->name, it->c->starts_at, it->now, e);
}

static int create(struct local_db *l, struct item *it, struct err *e)
{
    if (check_name("Task name", it->c->name, e) != 0)
        return -1;
    if (!cJSON_IsObject(it->c->task))
        return err_set(e, ERR_BUG, "Task %s is no object", it->c->name);
    snprintf(it->identity, sizeof it->identity, "%016llx", (unsigned long long)it->c->identity);
    if (uuid(it->uid, e) != 0 || task_next_version(l, &it->version, e) != 0)
        return -1;
    cJSON *o = complete(it);
    char *text = cJSON_PrintUnformatted(o);
    size_t len = strlen(text);
    int rc = len > LOCAL_TASK_MAX ? err_set(e, ERR_LIMIT, "Task %s has %zu bytes, more than %d", it->c->name, len,
                                            LOCAL_TASK_MAX)
                                  : insert(l, it, o, text, e);
    cJSON_free(text);
    cJSON_Delete(o);
    return rc;
}

/* What has the name now? 0 nothing, 1 something: then `outcome_r` unless it may be replaced. -1: an error. */
static int existing(struct local_db *l, const struct spawner_ref *sp, const struct store_create *c,
                    enum store_outcome *outcome_r, struct err *e)
{
    sqlite3_stmt *st =
        db_query(&l->db, e, "SELECT uid, version, spawner, controllers FROM tasks WHERE ns = ?1 AND name = ?2", "tt",
                 sp->ns, c->name);
    int rc = st == NULL ? -1 : db_row(&l->db, st, e);
    if (rc != 1)
        return rc;
    char version[24];
    snprintf(version, sizeof version, "%lld", (long long)sqlite3_column_int64(st, 1));
    bool same = c->replace && c->replace_uid != NULL && c->replace_resource_version != NULL &&
                strcmp(db_text(st, 0), c->replace_uid) == 0 && strcmp(version, c->replace_resource_version) == 0;
    if (!task_owned(db_text(st, 3), db_text(st, 2), sp->name, sp->uid)) {
        *outcome_r = STORE_EXISTS_FOREIGN;
        err_set(e, ERR_CONFLICT, "task %s name collides with an existing Task not owned by spawner %s", c->name,
                sp->name);
    } else if (!c->replace) {
        *outcome_r = STORE_EXISTS_OURS;
        err_set(e, ERR_CONFLICT, "Task %s exists already", c->name);
    } else if (!same) {
        *outcome_r = STORE_CHANGED;
        err_set(e, ERR_CONFLICT, "Task %s was changed meanwhile", c->name);
    } else {
        *outcome_r = STORE_CREATED;
    }
    db_end(st);
    return 1;
}

/* A Task to replace that is gone already is no obstacle, as for the API server's deletion. */
static enum store_outcome item_run(struct local_db *l, struct item *it, struct err *e)
{
    enum store_outcome outcome = STORE_CREATED;
    int rc = existing(l, it->sp, it->c, &outcome, e);
    if (rc < 0)
        return STORE_FAILED;
    if (rc == 1 && outcome != STORE_CREATED)
        return outcome;
    if (rc == 1 && task_remove(l, it->sp->ns, it->c->name, e) != 0)
        return STORE_FAILED;
    return create(l, it, e) == 0 ? STORE_CREATED : STORE_FAILED;
}

/* 0 nothing has the name, 1 something, -1 an error. */
static int cancellable(struct local_db *l, const struct spawner_ref *sp, const struct store_cancel *c,
                       enum store_outcome *outcome_r, struct err *e)
{
    sqlite3_stmt *st = db_query(&l->db, e,
                                "SELECT uid, version, spawner, controllers,"
                                " phase IN ('', 'Pending', 'Waiting') FROM tasks WHERE ns = ?1 AND name = ?2",
                                "tt", sp->ns, c->name);
    int rc = st == NULL ? -1 : db_row(&l->db, st, e);
    if (rc != 1)
        return rc;
    char version[24];
    snprintf(version, sizeof version, "%lld", (long long)sqlite3_column_int64(st, 1));
    *outcome_r = STORE_CREATED;
    if (!task_owned(db_text(st, 3), db_text(st, 2), sp->name, sp->uid)) {
        *outcome_r = STORE_EXISTS_FOREIGN;
        err_set(e, ERR_CONFLICT, "Task %s is not owned by spawner %s", c->name, sp->name);
    } else if (strcmp(db_text(st, 0), c->uid) != 0) {
        *outcome_r = STORE_CHANGED;
        err_set(e, ERR_CONFLICT, "Task %s is another one now", c->name);
    } else if (sqlite3_column_int64(st, 4) == 0) {
        *outcome_r = STORE_CHANGED;
        err_set(e, ERR_CONFLICT, "Task %s has started", c->name);
    } else if (strcmp(version, c->resource_version) != 0) {
        *outcome_r = STORE_CHANGED;
        err_set(e, ERR_CONFLICT, "Task %s was changed meanwhile", c->name);
    }
    db_end(st);
    return 1;
}

/* The key keeps what it knows of its last Task. */
static enum store_outcome cancel_run(struct local_db *l, const struct spawner_ref *sp, const struct store_cancel *c,
                                     struct err *e)
{
    enum store_outcome outcome = STORE_CREATED;
    int rc = cancellable(l, sp, c, &outcome, e);
    if (rc < 0)
        return STORE_FAILED;
    if (rc == 0 || outcome != STORE_CREATED)
        return outcome;
    return task_remove(l, sp->ns, c->name, e) == 0 && spawner_ended(l, sp->ns, sp->name, e) == 0 ? STORE_CREATED
                                                                                                 : STORE_FAILED;
}

/* A creation (`it`) or a cancellation, alone in a savepoint. -1: the transaction cannot go on. */
static int item_apply(struct local_db *l, const struct spawner_ref *sp, struct item *it,
                      const struct store_cancel *cancel, struct store_result *result, struct err *e)
{
    *result = (struct store_result){.outcome = STORE_CREATED};
    if (db_run(&l->db, e, "SAVEPOINT item", "") != 0)
        return -1;
    result->outcome = it != NULL ? item_run(l, it, &result->err) : cancel_run(l, sp, cancel, &result->err);
    if (result->outcome == STORE_CREATED)
        return db_run(&l->db, e, "RELEASE item", "");
    if (db_broken(&l->db)) {
        *e = result->err;
        return -1;
    }
    if (db_run(&l->db, e, "ROLLBACK TO item", "") != 0)
        return -1;
    return db_run(&l->db, e, "RELEASE item", "");
}

static int write_all(struct local_db *l, const struct spawner_ref *sp, const struct store_changes *changes,
                     moment_t now, struct store_result *results, struct err *e)
{
    int64_t total = 0, memory = 0;
    int rc = spawner_note(l, sp, now, &total, e);
    if (rc == 0)
        rc = memory_note(l, sp, &memory, e);
    for (size_t i = 0; i < changes->n_creates && rc == 0; i++) {
        struct item it = {.sp = sp, .c = &changes->creates[i], .memory = memory, .ordinal = total + 1, .now = now};
        rc = item_apply(l, sp, &it, NULL, &results[i], e);
        if (rc == 0 && results[i].outcome == STORE_CREATED)
            total++;
    }
    for (size_t i = 0; i < changes->n_cancels && rc == 0; i++)
        rc = item_apply(l, sp, NULL, &changes->cancels[i], &results[changes->n_creates + i], e);
    if (rc == 0)
        rc = creations_prune(l, memory, now, e);
    if (rc == 0)
        rc = states_write(l, memory, changes, results, now, e);
    if (rc == 0 && changes->episodes != NULL)
        rc = states_prune(l, memory, changes->episodes, now, e);
    if (rc == 0 && changes->episodes != NULL)
        rc = episodes_write(l, memory, changes->episodes, e);
    if (rc == 0)
        rc = key_prune(l, sp->ns, sp->name, now, e);
    return rc == 0 ? spawner_status(l, sp, total, changes->status, now, e) : -1;
}

int apply_run(struct local_db *l, const struct spawner_ref *sp, const struct store_changes *changes, moment_t now,
              struct store_result *results, struct err *e)
{
    if (l->mode == LOCAL_READ || l->db.sql == NULL)
        return err_set(e, ERR_BUG, "%s was opened for reading only", l->path);
    if (check_name("namespace", sp->ns, e) != 0)
        return -1;
    if (db_begin(&l->db, true, e) != 0)
        return -1;
    if (write_all(l, sp, changes, now, results, e) != 0) {
        db_rollback(&l->db);
        return -1;
    }
    if (db_commit(&l->db, e) != 0)
        return -1;
    for (size_t i = 0; i < changes->n_cancels; i++)
        if (results[changes->n_creates + i].outcome == STORE_CREATED)
            watch_own_change(l);
    return 0;
}

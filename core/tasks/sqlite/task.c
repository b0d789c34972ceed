/* Rows of `tasks`: from Pending to gone. See local_db.h and local.h. */
#include "base/mem.h"
#include "tasks/sqlite/local_db.h"

#include <stdlib.h>
#include <string.h>

void task_row_free(struct task_row *row)
{
    free(row->ns);
    free(row->name);
    free(row->uid);
    free(row->spawner);
    free(row->identity);
    cJSON_Delete(row->object);
    *row = (struct task_row){0};
}

static int not_found(struct local_db *l, const char *ns, const char *name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "Task %s/%s is not in %s", ns, name, l->path);
}

int task_load(struct local_db *l, const char *ns, const char *name, struct task_row *row_r, struct err *e)
{
    *row_r = (struct task_row){0};
    sqlite3_stmt *st = db_query(&l->db, e,
                                "SELECT id, version, uid, spawner, identity, phase, object FROM tasks"
                                " WHERE ns = ?1 AND name = ?2",
                                "tt", ns, name);
    int rc = st == NULL ? -1 : db_row(&l->db, st, e);
    if (rc != 1)
        return rc < 0 ? -1 : not_found(l, ns, name, e);
    *row_r = (struct task_row){
        .id = sqlite3_column_int64(st, 0),
        .version = sqlite3_column_int64(st, 1),
        .ns = xstrdup(ns),
        .name = xstrdup(name),
        .uid = xstrdup(db_text(st, 2)),
        .spawner = xstrdup(db_text(st, 3)),
        .identity = xstrdup(db_text(st, 4)),
        .object = cJSON_Parse(db_text(st, 6)),
    };
    rc = task_phase_parse(db_text(st, 5), &row_r->phase);
    db_end(st);
    if (rc != 0 || !cJSON_IsObject(row_r->object)) {
        task_row_free(row_r);
        return err_set(e, ERR_INVALID, "%s: Task %s/%s cannot be read; delete it", l->path, ns, name);
    }
    return 0;
}

int task_next_version(struct local_db *l, int64_t *version_r, struct err *e)
{
    return db_number(&l->db, "UPDATE counter SET version = version + 1 RETURNING version", 0, version_r, e);
}

int task_store(struct local_db *l, struct task_row *row, moment_t completed_at, moment_t now, struct err *e)
{
    char version[24];
    if (task_next_version(l, &row->version, e) != 0)
        return -1;
    snprintf(version, sizeof version, "%lld", (long long)row->version);
    object_set_text(object_at(row->object, "metadata"), "resourceVersion", version);
    int64_t ttl = object_int(object_at(row->object, "spec"), "ttlSecondsAfterFinished", -1);
    if (ttl > INT32_MAX) /* the API's type */
        ttl = INT32_MAX;
    int64_t expires = completed_at != MOMENT_NONE && ttl >= 0 ? completed_at + ttl * MOMENT_SECOND : MOMENT_NONE;
    char *text = cJSON_PrintUnformatted(row->object);
    int rc = db_run(&l->db, e,
                    "UPDATE tasks SET version = ?2, phase = ?3, completed_at = ?4, expires_at = ?5, object = ?6"
                    " WHERE id = ?1",
                    "iitnnt", row->id, row->version, task_phase_name(row->phase), (int64_t)completed_at, expires,
                    text);
    cJSON_free(text);
    return rc == 0 ? key_phase(l, row, completed_at, now, e) : -1;
}

int task_remove(struct local_db *l, const char *ns, const char *name, struct err *e)
{
    return db_run(&l->db, e, "DELETE FROM tasks WHERE ns = ?1 AND name = ?2", "tt", ns, name);
}

/* The controller's times have whole seconds; the columns say what the object says. */
static moment_t whole_second(moment_t t)
{
    int64_t rest = t % MOMENT_SECOND;
    return t - (rest < 0 ? rest + MOMENT_SECOND : rest);
}

static int finish_row(struct local_db *l, struct task_row *row, enum task_phase phase, const char *message,
                      moment_t now, struct err *e)
{
    cJSON *status = object_at(row->object, "status");
    row->phase = phase;
    object_set_text(status, "phase", task_phase_name(phase));
    object_set_text(status, "message", message != NULL && message[0] != '\0' ? message : NULL);
    object_set_time(status, "completionTime", now);
    if (task_store(l, row, whole_second(now), now, e) != 0)
        return -1;
    return spawner_ended(l, row->ns, row->spawner, e);
}

/* Begins a writing transaction and loads the Task; a store that was opened for reading says so. */
static int begin_with(struct local_db *l, const char *ns, const char *name, struct task_row *row_r, struct err *e)
{
    if (l->mode == LOCAL_READ)
        return err_set(e, ERR_BUG, "%s was opened for reading only", l->path);
    if (db_begin(&l->db, true, e) != 0)
        return -1;
    if (task_load(l, ns, name, row_r, e) == 0)
        return 0;
    db_rollback(&l->db);
    return -1;
}

static int end_with(struct local_db *l, struct task_row *row, int rc, struct err *e)
{
    task_row_free(row);
    if (rc == 0)
        return db_commit(&l->db, e);
    db_rollback(&l->db);
    return -1;
}

int task_finish(struct local_db *l, const char *ns, const char *name, const char *uid, enum task_phase phase,
                const char *message, moment_t now, struct err *e)
{
    struct task_row row;
    if (!task_phase_terminal(phase))
        return err_set(e, ERR_USAGE, "a Task finishes as Succeeded or Failed, not as \"%s\"", task_phase_name(phase));
    if (message != NULL && strlen(message) > LOCAL_MESSAGE_MAX)
        return err_set(e, ERR_LIMIT, "the message has more than %d bytes", LOCAL_MESSAGE_MAX);
    if (begin_with(l, ns, name, &row, e) != 0)
        return -1;
    int rc;
    if (uid != NULL && strcmp(uid, row.uid) != 0)
        rc = err_set(e, ERR_CONFLICT, "Task %s/%s is another one now", ns, name);
    else if (task_phase_terminal(row.phase))
        rc = err_set(e, ERR_CONFLICT, "Task %s/%s is %s already", ns, name, task_phase_name(row.phase));
    else
        rc = finish_row(l, &row, phase, message, now, e);
    rc = end_with(l, &row, rc, e);
    if (rc == 0)
        watch_own_change(l);
    return rc;
}

int local_finish_task(struct local_store *s, const char *ns, const char *name, enum task_phase phase,
                      const char *message, moment_t now, struct err *e)
{
    return task_finish(s->db, ns, name, NULL, phase, message, now, e);
}

int local_start_task(struct local_store *s, const char *ns, const char *name, moment_t now, struct err *e)
{
    struct local_db *l = s->db;
    struct task_row row;
    if (begin_with(l, ns, name, &row, e) != 0)
        return -1;
    int rc;
    if (task_phase_terminal(row.phase) || row.phase == TASK_RUNNING) {
        rc = err_set(e, ERR_CONFLICT, "Task %s/%s is %s already", ns, name, task_phase_name(row.phase));
    } else {
        cJSON *status = object_at(row.object, "status");
        row.phase = TASK_RUNNING;
        object_set_text(status, "phase", task_phase_name(TASK_RUNNING));
        object_set_text(status, "message", NULL);
        object_set_time(status, "startTime", now);
        rc = task_store(l, &row, MOMENT_NONE, now, e);
    }
    return end_with(l, &row, rc, e);
}

int task_wait(struct local_db *l, const char *ns, const char *name, const char *message, moment_t now,
              struct err *e)
{
    struct task_row row;
    if (begin_with(l, ns, name, &row, e) != 0)
        return -1;
    cJSON *status = object_at(row.object, "status");
    if (task_phase_terminal(row.phase) || row.phase == TASK_RUNNING ||
        (row.phase == TASK_WAITING && strcmp(object_text(status, "message"), message) == 0)) {
        db_rollback(&l->db);
        task_row_free(&row);
        return 0;
    }
    row.phase = TASK_WAITING;
    object_set_text(status, "phase", task_phase_name(TASK_WAITING));
    object_set_text(status, "message", message);
    return end_with(l, &row, task_store(l, &row, MOMENT_NONE, now, e), e);
}

int local_delete_task(struct local_store *s, const char *ns, const char *name, struct err *e)
{
    struct local_db *l = s->db;
    if (l->mode == LOCAL_READ)
        return err_set(e, ERR_BUG, "%s was opened for reading only", l->path);
    if (db_begin(&l->db, true, e) != 0)
        return -1;
    /* The object is not looked at, so that one which cannot be read can be deleted. */
    sqlite3_stmt *st = db_query(&l->db, e, "SELECT spawner FROM tasks WHERE ns = ?1 AND name = ?2", "tt", ns, name);
    int rc = st == NULL ? -1 : db_row(&l->db, st, e);
    if (rc == 0)
        rc = not_found(l, ns, name, e);
    if (rc == 1) {
        char *spawner = xstrdup(db_text(st, 0));
        db_end(st);
        rc = task_remove(l, ns, name, e);
        if (rc == 0)
            rc = spawner_ended(l, ns, spawner, e);
        free(spawner);
    }
    if (rc != 0) {
        db_rollback(&l->db);
        return -1;
    }
    if (db_commit(&l->db, e) != 0)
        return -1;
    watch_own_change(l);
    return 0;
}

int local_fail_running(struct local_store *s, moment_t now, size_t *n_r, struct err *e)
{
    struct local_db *l = s->db;
    *n_r = 0;
    if (l->mode != LOCAL_ENGINE)
        return err_set(e, ERR_BUG, "only the engine may fail what was running");
    if (db_begin(&l->db, true, e) != 0)
        return -1;
    int rc = 0;
    size_t n = 0;
    for (;; n++) {
        sqlite3_stmt *st =
            db_query(&l->db, e,
                     "SELECT ns, name FROM tasks WHERE phase NOT IN ('Succeeded', 'Failed') AND phase = 'Running'"
                     " ORDER BY id LIMIT 1",
                     "");
        rc = st == NULL ? -1 : db_row(&l->db, st, e);
        if (rc != 1)
            break;
        char *ns = xstrdup(db_text(st, 0)), *name = xstrdup(db_text(st, 1));
        db_end(st);
        struct task_row row;
        rc = task_load(l, ns, name, &row, e);
        if (rc == 0)
            rc = finish_row(l, &row, TASK_FAILED, "the engine stopped while it ran", now, e);
        task_row_free(&row);
        free(ns);
        free(name);
        if (rc != 0)
            break;
    }
    if (rc != 0) {
        db_rollback(&l->db);
        return -1;
    }
    if (db_commit(&l->db, e) != 0)
        return -1;
    *n_r = n;
    if (n > 0)
        watch_own_change(l);
    return 0;
}

static int next_expiry(struct local_db *l, moment_t *next_r, struct err *e)
{
    return db_number(&l->db, "SELECT min(expires_at) FROM tasks WHERE expires_at IS NOT NULL", MOMENT_NONE, next_r, e);
}

int local_expire(struct local_store *s, moment_t now, size_t *n_r, moment_t *next_r, struct err *e)
{
    struct local_db *l = s->db;
    *n_r = 0;
    *next_r = MOMENT_NONE;
    if (l->mode == LOCAL_READ)
        return err_set(e, ERR_BUG, "%s was opened for reading only", l->path);
    /* Mostly nothing is due: then nothing is locked nor written. */
    if (next_expiry(l, next_r, e) != 0)
        return -1;
    if (*next_r == MOMENT_NONE || *next_r > now)
        return 0;
    if (db_begin(&l->db, true, e) != 0)
        return -1;
    size_t n = 0;
    int rc;
    for (;;) {
        sqlite3_stmt *st = db_query(&l->db, e,
                                    "SELECT ns, name, spawner FROM tasks WHERE expires_at IS NOT NULL"
                                    " AND expires_at <= ?1 ORDER BY expires_at LIMIT 1",
                                    "i", (int64_t)now);
        rc = st == NULL ? -1 : db_row(&l->db, st, e);
        if (rc != 1)
            break;
        char *ns = xstrdup(db_text(st, 0)), *name = xstrdup(db_text(st, 1)), *spawner = xstrdup(db_text(st, 2));
        db_end(st);
        rc = task_remove(l, ns, name, e);
        if (rc == 0)
            rc = spawner_ended(l, ns, spawner, e);
        free(ns);
        free(name);
        free(spawner);
        if (rc != 0 || ++n == LOCAL_EXPIRE_MAX)
            break;
    }
    if (rc != 0) {
        db_rollback(&l->db);
        return -1;
    }
    if (db_commit(&l->db, e) != 0)
        return -1;
    *n_r = n;
    watch_own_change(l);
    return next_expiry(l, next_r, e);
}

/* Tasks and spawners as kubectl prints them. See local.h. */
#include "base/mem.h"
#include "tasks/sqlite/local_db.h"

#include <stdlib.h>
#include <string.h>

static int finish_list(struct local_db *l, int rc, const char *what, const char *ns, const char *name, cJSON *list,
                       cJSON **out_r, struct err *e)
{
    if (rc == 0 && name != NULL && cJSON_GetArraySize(list) == 0)
        rc = err_set(e, ERR_NOT_FOUND, "%s %s%s%s is not in %s", what, ns != NULL ? ns : "", ns != NULL ? "/" : "",
                     name, l->path);
    if (rc != 0) {
        cJSON_Delete(list);
        list = NULL;
    }
    *out_r = list;
    return rc;
}

int local_list_tasks(struct local_store *s, const char *ns, const char *name, cJSON **out_r, struct err *e)
{
    struct local_db *l = s->db;
    cJSON *list = cJSON_CreateArray();
    int rc = 0;
    if (l->db.sql != NULL) {
        sqlite3_stmt *st = db_query(&l->db, e,
                                    "SELECT object, ns, name FROM tasks WHERE (?1 IS NULL OR ns = ?1)"
                                    " AND (?2 IS NULL OR name = ?2) ORDER BY ns, name",
                                    "tt", ns, name);
        rc = st == NULL ? -1 : 1;
        while (rc == 1 && (rc = db_row(&l->db, st, e)) == 1) {
            cJSON *o = cJSON_Parse(db_text(st, 0));
            if (o != NULL) {
                cJSON_AddItemToArray(list, o);
                continue;
            }
            rc = err_set(e, ERR_INVALID, "%s: Task %s/%s cannot be read; delete it", l->path, db_text(st, 1),
                         db_text(st, 2));
            db_end(st);
        }
    }
    return finish_list(l, rc, "Task", ns, name, list, out_r, e);
}

static cJSON *spawner_object(sqlite3_stmt *st)
{
    cJSON *o = cJSON_CreateObject();
    const char *kind = db_text(st, 3);
    object_set_text(o, "apiVersion",
                    strcmp(kind, "AlertSpawner") == 0 ? "alerts.kelos.dev/v1alpha1" : "kelos.dev/v1alpha2");
    object_set_text(o, "kind", kind);
    cJSON *metadata = object_at(o, "metadata");
    object_set_text(metadata, "name", db_text(st, 1));
    object_set_text(metadata, "namespace", db_text(st, 0));
    if (db_text(st, 2)[0] != '\0')
        object_set_text(metadata, "uid", db_text(st, 2));
    object_set_time(metadata, "creationTimestamp", db_moment(st, 4));
    cJSON *status = object_at(o, "status");
    object_set_text(status, "phase", db_text(st, 6));
    cJSON_AddNumberToObject(status, "totalDiscovered", (double)sqlite3_column_int64(st, 10));
    cJSON_AddNumberToObject(status, "totalTasksCreated", (double)sqlite3_column_int64(st, 5));
    cJSON_AddNumberToObject(status, "activeTasks", (double)sqlite3_column_int64(st, 12));
    object_set_time(status, "lastDiscoveryTime", db_moment(st, 9));
    object_set_time(status, "lastCycleTime", db_moment(st, 8));
    object_set_text(status, "message", db_text(st, 7));
    cJSON *conditions = cJSON_Parse(db_text(st, 11));
    if (cJSON_IsArray(conditions) && cJSON_GetArraySize(conditions) > 0)
        cJSON_AddItemToObject(status, "conditions", conditions);
    else
        cJSON_Delete(conditions);
    return o;
}

int local_list_spawners(struct local_store *s, const char *ns, const char *name, cJSON **out_r, struct err *e)
{
    struct local_db *l = s->db;
    cJSON *list = cJSON_CreateArray();
    int rc = 0;
    if (l->db.sql != NULL) {
        sqlite3_stmt *st =
            db_query(&l->db, e,
                     "SELECT ns, name, uid, kind, created_at, total_created, phase, message, last_cycle, last_success,"
                     " discovered, conditions, (SELECT count(*) FROM tasks t WHERE t.ns = s.ns AND t.spawner = s.name"
                     " AND t.phase NOT IN ('Succeeded', 'Failed'))"
                     " FROM spawners s WHERE (?1 IS NULL OR ns = ?1) AND (?2 IS NULL OR name = ?2)"
                     " ORDER BY ns, name",
                     "tt", ns, name);
        rc = st == NULL ? -1 : 1;
        while (rc == 1 && (rc = db_row(&l->db, st, e)) == 1)
            cJSON_AddItemToArray(list, spawner_object(st));
    }
    return finish_list(l, rc, "spawner", ns, name, list, out_r, e);
}

/* Rows of `spawners`: counters and the status of a spawner. See local_db.h. */
#include "base/mem.h"
#include "tasks/conditions.h"
#include "tasks/sqlite/local_db.h"

#include <stdlib.h>
#include <string.h>

int spawner_ended(struct local_db *l, const char *ns, const char *spawner, struct err *e)
{
    return db_run(&l->db, e, "UPDATE spawners SET ended = ended + 1 WHERE ns = ?1 AND name = ?2", "tt", ns, spawner);
}

/* Makes or refreshes the row. The counter is the larger of what was kept and the highest number on a Task. */
int spawner_note(struct local_db *l, const struct spawner_ref *sp, moment_t now, int64_t *total_r, struct err *e)
{
    if (db_run(&l->db, e,
               "INSERT INTO spawners (ns, name, uid, kind, created_at, max_concurrency)"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
               " ON CONFLICT (ns, name) DO UPDATE SET uid = ?3, kind = ?4, max_concurrency = ?6",
               "ttttii", sp->ns, sp->name, sp->uid, sp->kind, (int64_t)now, sp->max_concurrency) != 0)
        return -1;
    sqlite3_stmt *st = db_query(&l->db, e,
                                "SELECT max(s.total_created, coalesce((SELECT max(t.ordinal) FROM tasks t"
                                " WHERE t.ns = s.ns AND t.spawner = s.name), 0))"
                                " FROM spawners s WHERE s.ns = ?1 AND s.name = ?2",
                                "tt", sp->ns, sp->name);
    int rc = st == NULL ? -1 : db_row(&l->db, st, e);
    if (rc < 0)
        return -1;
    *total_r = rc == 1 ? sqlite3_column_int64(st, 0) : 0;
    db_end(st);
    return 0;
}

static int conditions(struct local_db *l, const struct spawner_ref *sp, const cJSON *new, moment_t now, struct err *e)
{
    sqlite3_stmt *st = db_query(&l->db, e, "SELECT conditions FROM spawners WHERE ns = ?1 AND name = ?2", "tt", sp->ns,
                                sp->name);
    int rc = st == NULL ? -1 : db_row(&l->db, st, e);
    if (rc < 0)
        return -1;
    cJSON *old = rc == 1 ? cJSON_Parse(db_text(st, 0)) : NULL;
    db_end(st);
    if (!cJSON_IsArray(old)) {
        cJSON_Delete(old);
        old = cJSON_CreateArray();
    }
    cJSON *merged = conditions_merge(old, new, now);
    char *text = cJSON_PrintUnformatted(merged);
    rc = db_run(&l->db, e, "UPDATE spawners SET conditions = ?3 WHERE ns = ?1 AND name = ?2", "ttt", sp->ns, sp->name,
                text);
    cJSON_free(text);
    cJSON_Delete(merged);
    cJSON_Delete(old);
    return rc;
}

int spawner_status(struct local_db *l, const struct spawner_ref *sp, int64_t total, const struct cycle_status *status,
                   moment_t now, struct err *e)
{
    if (db_run(&l->db, e, "UPDATE spawners SET total_created = ?3 WHERE ns = ?1 AND name = ?2", "tti", sp->ns,
               sp->name, total) != 0)
        return -1;
    if (status == NULL)
        return 0;
    char *message = status->message == NULL ? NULL : xstrndup(status->message, strnlen(status->message,
                                                                                      LOCAL_MESSAGE_MAX));
    int rc = db_run(&l->db, e,
                    "UPDATE spawners SET phase = coalesce(?3, phase), message = coalesce(?4, message),"
                    " last_cycle = coalesce(?5, last_cycle), last_success = coalesce(?6, last_success),"
                    " discovered = CASE WHEN ?7 < 0 THEN discovered ELSE ?7 END WHERE ns = ?1 AND name = ?2",
                    "ttttnni", sp->ns, sp->name, status->phase, message, (int64_t)status->last_cycle,
                    (int64_t)status->last_success, status->discovered);
    free(message);
    if (rc == 0 && status->conditions != NULL)
        rc = conditions(l, sp, status->conditions, now, e);
    return rc;
}

/* Rows of `keys`: what is remembered of an alert's identity, Task or no Task. See local_db.h. */
#include "tasks/sqlite/local_db.h"

int key_created(struct local_db *l, const char *ns, const char *spawner, const char *identity, const char *task,
                moment_t starts_at, moment_t now, struct err *e)
{
    return db_run(&l->db, e,
                  "INSERT INTO keys (ns, spawner, identity, task, created_at, starts_at, phase, attempts, touched_at)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'Pending', 1, ?5)"
                  " ON CONFLICT (ns, spawner, identity) DO UPDATE SET task = ?4, created_at = ?5, starts_at = ?6,"
                  " completed_at = NULL, phase = 'Pending', attempts = attempts + 1, touched_at = ?5",
                  "ttttin", ns, spawner, identity, task, (int64_t)now, (int64_t)starts_at);
}

int key_phase(struct local_db *l, const struct task_row *row, moment_t completed_at, moment_t now, struct err *e)
{
    return db_run(&l->db, e,
                  "UPDATE keys SET phase = ?5, completed_at = ?6, touched_at = ?7"
                  " WHERE ns = ?1 AND spawner = ?2 AND identity = ?3 AND task = ?4",
                  "tttttni", row->ns, row->spawner, row->identity, row->name, task_phase_name(row->phase),
                  (int64_t)completed_at, (int64_t)now);
}

/* A key is forgotten when its Task is gone and nothing touched it for LOCAL_KEY_KEEP, or when there are more than
 * LOCAL_KEYS_MAX: the longest untouched first. */
int key_prune(struct local_db *l, const char *ns, const char *spawner, moment_t now, struct err *e)
{
    if (db_run(&l->db, e,
               "DELETE FROM keys WHERE ns = ?1 AND spawner = ?2 AND touched_at < ?3"
               " AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.ns = keys.ns AND t.name = keys.task)",
               "tti", ns, spawner, (int64_t)(now - LOCAL_KEY_KEEP)) != 0)
        return -1;
    sqlite3_stmt *st =
        db_query(&l->db, e, "SELECT count(*) FROM keys WHERE ns = ?1 AND spawner = ?2", "tt", ns, spawner);
    int rc = st == NULL ? -1 : db_row(&l->db, st, e);
    if (rc != 1)
        return rc;
    int64_t over = sqlite3_column_int64(st, 0) - LOCAL_KEYS_MAX;
    db_end(st);
    if (over <= 0)
        return 0;
    return db_run(&l->db, e,
                  "DELETE FROM keys WHERE ns = ?1 AND spawner = ?2 AND identity IN (SELECT identity FROM keys k"
                  " WHERE k.ns = ?1 AND k.spawner = ?2"
                  " AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.ns = k.ns AND t.name = k.task)"
                  " ORDER BY touched_at LIMIT ?3)",
                  "tti", ns, spawner, over);
}

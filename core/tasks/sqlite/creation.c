/* Rows of `creations`: which policy had a Task, and when. They outlive their Tasks, for limits an hour and a day. */
#include "base/mem.h"
#include "tasks/sqlite/local_db.h"

#define DAY (24 * 3600 * MOMENT_SECOND)

int creations_read(struct local_db *l, int64_t memory, moment_t now, struct spawner_memory *m, struct err *e)
{
    size_t cap = 0;
    /* A clock that has stepped back: what lies in the future is now. Only the next apply corrects the rows. */
    sqlite3_stmt *st = db_query(&l->db, e,
                                "SELECT min(at, ?3), policy FROM creations WHERE memory = ?1 AND at > ?2"
                                " ORDER BY at DESC, id DESC LIMIT ?4",
                                "iiii", memory, (int64_t)(now - DAY), (int64_t)now, (int64_t)STORE_CREATIONS_MAX);
    int rc = st == NULL ? -1 : 1;
    while (rc == 1 && (rc = db_row(&l->db, st, e)) == 1) {
        xgrow(&m->creations, &cap, m->n_creations + 1, sizeof *m->creations);
        m->creations[m->n_creations++] =
            (struct creation_fact){.at = sqlite3_column_int64(st, 0), .policy = memory_policy(m, db_text(st, 1))};
    }
    for (size_t i = 0; i < m->n_creations / 2; i++) {
        struct creation_fact first = m->creations[i];
        m->creations[i] = m->creations[m->n_creations - 1 - i];
        m->creations[m->n_creations - 1 - i] = first;
    }
    return rc;
}

int creation_add(struct local_db *l, int64_t memory, const char *policy, moment_t now, struct err *e)
{
    return db_run(&l->db, e, "INSERT INTO creations (memory, at, policy) VALUES (?1, ?2, ?3)", "iit", memory,
                  (int64_t)now, policy != NULL ? policy : "");
}

int creations_prune(struct local_db *l, int64_t memory, moment_t now, struct err *e)
{
    if (db_run(&l->db, e, "UPDATE creations SET at = ?2 WHERE memory = ?1 AND at > ?2", "ii", memory, (int64_t)now) !=
            0 ||
        db_run(&l->db, e, "DELETE FROM creations WHERE memory = ?1 AND at <= ?2", "ii", memory,
               (int64_t)(now - DAY)) != 0)
        return -1;
    return db_run(&l->db, e,
                  "DELETE FROM creations WHERE id IN (SELECT id FROM creations WHERE memory = ?1"
                  " ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?2)",
                  "ii", memory, (int64_t)STORE_CREATIONS_MAX);
}

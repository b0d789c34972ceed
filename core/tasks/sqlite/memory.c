/* What is remembered of a spawner's alerts and policies, read as one. See store.h; the rows are in files of their own. */
#include "base/mem.h"
#include "tasks/sqlite/local_db.h"

#include <stdlib.h>
#include <string.h>

/* 1 found, 0 none, -1 an error. */
static int find(struct local_db *l, const struct spawner_ref *sp, int64_t *memory_r, struct err *e)
{
    sqlite3_stmt *st =
        db_query(&l->db, e, "SELECT id FROM memory WHERE ns = ?1 AND spawner = ?2", "tt", sp->ns, sp->name);
    int rc = st == NULL ? -1 : db_row(&l->db, st, e);
    if (rc == 1) {
        *memory_r = sqlite3_column_int64(st, 0);
        db_end(st);
    }
    return rc;
}

int memory_note(struct local_db *l, const struct spawner_ref *sp, int64_t *memory_r, struct err *e)
{
    int rc = find(l, sp, memory_r, e);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (db_run(&l->db, e, "INSERT INTO memory (ns, spawner) VALUES (?1, ?2)", "tt", sp->ns, sp->name) != 0)
        return -1;
    *memory_r = sqlite3_last_insert_rowid(l->db.sql);
    return 0;
}

uint32_t memory_policy(struct spawner_memory *m, const char *name)
{
    for (size_t i = m->n_policies; i > 0; i--)
        if (strcmp(m->policies[i - 1], name) == 0)
            return (uint32_t)i - 1;
    m->policies = xrealloc(m->policies, (m->n_policies + 1) * sizeof *m->policies);
    m->policies[m->n_policies] = xstrdup(name);
    return (uint32_t)m->n_policies++;
}

int memory_read(struct local_db *l, const struct spawner_ref *sp, moment_t now, struct spawner_memory **memory_r,
                struct err *e)
{
    struct spawner_memory *m = xcalloc(1, sizeof *m);
    int64_t memory = 0;
    int rc = 0;
    m->episodes = episodes_create();
    if (l->db.sql != NULL) {
        /* One snapshot for all of it. */
        rc = db_begin(&l->db, false, e);
        if (rc == 0)
            rc = find(l, sp, &memory, e);
        if (rc == 1)
            rc = episodes_read(l, memory, m->episodes, e) != 0 || creations_read(l, memory, now, m, e) != 0 ||
                         states_read(l, memory, m, e) != 0
                     ? -1
                     : 0;
        db_rollback(&l->db); /* nothing was written */
    }
    if (rc != 0)
        spawner_memory_free(&m);
    *memory_r = m;
    return rc;
}

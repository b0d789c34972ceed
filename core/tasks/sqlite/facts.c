/* What is there for a cycle of one spawner. See store.h. */
#include "base/mem.h"
#include "tasks/sqlite/local_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum task_phase phase_of(const char *s)
{
    enum task_phase p;
    return task_phase_parse(s, &p) == 0 ? p : TASK_NEW;
}

static int read_tasks(struct local_db *l, const struct spawner_ref *sp, struct spawner_facts *f, struct err *e)
{
    size_t cap = 0;
    /* ORDER BY name is byte order, as strcmp's. */
    sqlite3_stmt *st = db_query(&l->db, e,
                                "SELECT name, uid, version, spawner, controllers, phase, identity, ordinal,"
                                " created_at, starts_at, completed_at, policy, alertname FROM tasks"
                                " WHERE ns = ?1 AND spawner = ?2 ORDER BY name",
                                "tt", sp->ns, sp->name);
    int rc = st == NULL ? -1 : 1;
    while (rc == 1 && (rc = db_row(&l->db, st, e)) == 1) {
        xgrow(&f->tasks, &cap, f->n_tasks + 1, sizeof *f->tasks);
        f->tasks[f->n_tasks++] = (struct task_fact){
            .name = xstrdup(db_text(st, 0)),
            .uid = xstrdup(db_text(st, 1)),
            .resource_version = xasprintf("%lld", (long long)sqlite3_column_int64(st, 2)),
            .owned = task_owned(db_text(st, 4), db_text(st, 3), sp->name, sp->uid),
            .phase = phase_of(db_text(st, 5)),
            .identity = strtoull(db_text(st, 6), NULL, 16),
            .ordinal = (uint64_t)sqlite3_column_int64(st, 7),
            .created_at = db_moment(st, 8),
            .starts_at = db_moment(st, 9),
            .completed_at = db_moment(st, 10),
            .policy = xstrdup(db_text(st, 11)),
            .alertname = xstrdup(db_text(st, 12)),
        };
    }
    return rc;
}

static int read_keys(struct local_db *l, const struct spawner_ref *sp, struct spawner_facts *f, struct err *e)
{
    size_t cap = 0;
    sqlite3_stmt *st = db_query(&l->db, e,
                                "SELECT identity, task, created_at, completed_at, phase, starts_at, attempts"
                                " FROM keys WHERE ns = ?1 AND spawner = ?2 ORDER BY identity",
                                "tt", sp->ns, sp->name);
    int rc = st == NULL ? -1 : 1;
    while (rc == 1 && (rc = db_row(&l->db, st, e)) == 1) {
        xgrow(&f->keys, &cap, f->n_keys + 1, sizeof *f->keys);
        f->keys[f->n_keys++] = (struct key_fact){
            .identity = strtoull(db_text(st, 0), NULL, 16),
            .task = xstrdup(db_text(st, 1)),
            .created_at = db_moment(st, 2),
            .completed_at = db_moment(st, 3),
            .phase = phase_of(db_text(st, 4)),
            .starts_at = db_moment(st, 5),
            .attempts = (uint32_t)sqlite3_column_int64(st, 6),
        };
    }
    return rc;
}

static int read_total(struct local_db *l, const struct spawner_ref *sp, struct spawner_facts *f, struct err *e)
{
    sqlite3_stmt *st = db_query(&l->db, e, "SELECT total_created FROM spawners WHERE ns = ?1 AND name = ?2", "tt",
                                sp->ns, sp->name);
    int rc = st == NULL ? -1 : db_row(&l->db, st, e);
    if (rc == 1) {
        f->total_created = (uint64_t)sqlite3_column_int64(st, 0);
        db_end(st);
        rc = 0;
    }
    for (size_t i = 0; i < f->n_tasks; i++)
        if (f->tasks[i].ordinal > f->total_created)
            f->total_created = f->tasks[i].ordinal;
    return rc;
}

int facts_read(struct local_db *l, const struct spawner_ref *sp, struct spawner_facts **facts_r, struct err *e)
{
    struct spawner_facts *f = xcalloc(1, sizeof *f);
    int rc = 0;
    *facts_r = NULL;
    if (l->db.sql != NULL) {
        /* One snapshot for all three questions. */
        rc = db_begin(&l->db, false, e);
        if (rc == 0)
            rc = read_tasks(l, sp, f, e);
        if (rc == 0)
            rc = read_keys(l, sp, f, e);
        if (rc == 0)
            rc = read_total(l, sp, f, e);
        db_rollback(&l->db); /* nothing was written */
    }
    if (rc != 0)
        spawner_facts_free(&f);
    *facts_r = f;
    return rc;
}

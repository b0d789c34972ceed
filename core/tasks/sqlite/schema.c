/* The tables and their migrations: see schema.h.
 *
 * Times are microseconds since 1970, NULL for never. `identity` of Tasks and keys is 16 hex digits, so that it sorts as
 * an unsigned number and can be read with sqlite3. A Task's `object` is the complete document; the other columns are cut
 * out of it when it is written, and only for looking things up. What is remembered beside Tasks is written otherwise: see
 * there. */
#include "tasks/sqlite/schema.h"

#include <stdio.h>

const char *const schema_steps[] = {
    "CREATE TABLE counter (version INTEGER NOT NULL);" /* resourceVersion, of the whole file */
    "INSERT INTO counter VALUES (0);"
    "CREATE TABLE spawners ("
    "  ns TEXT NOT NULL, name TEXT NOT NULL,"
    "  uid TEXT NOT NULL, kind TEXT NOT NULL, created_at INTEGER NOT NULL,"
    "  total_created INTEGER NOT NULL DEFAULT 0," /* Tasks ever created */
    "  ended INTEGER NOT NULL DEFAULT 0,"         /* Tasks that finished or went: what watchers look at */
    "  max_concurrency INTEGER NOT NULL DEFAULT 0,"
    "  phase TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '',"
    "  last_cycle INTEGER, last_success INTEGER, discovered INTEGER NOT NULL DEFAULT 0,"
    "  conditions TEXT NOT NULL DEFAULT '[]',"
    "  PRIMARY KEY (ns, name)) WITHOUT ROWID;"
    "CREATE TABLE tasks ("
    "  id INTEGER PRIMARY KEY,"
    "  ns TEXT NOT NULL, name TEXT NOT NULL,"
    "  uid TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,"
    "  spawner TEXT NOT NULL,"     /* label kelos.dev/taskspawner */
    "  controllers TEXT NOT NULL," /* uids of controller owner references, each followed by a space */
    "  phase TEXT NOT NULL,"
    "  identity TEXT NOT NULL, ordinal INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL, starts_at INTEGER, completed_at INTEGER,"
    "  expires_at INTEGER,"        /* when it is deleted: completion + ttlSecondsAfterFinished */
    "  object TEXT NOT NULL,"
    "  UNIQUE (ns, name),"
    "  FOREIGN KEY (ns, spawner) REFERENCES spawners (ns, name));"
    "CREATE INDEX tasks_spawner ON tasks (ns, spawner);"
    "CREATE INDEX tasks_open ON tasks (id) WHERE phase NOT IN ('Succeeded', 'Failed');"
    "CREATE INDEX tasks_expiry ON tasks (expires_at) WHERE expires_at IS NOT NULL;"
    "CREATE TABLE keys ("
    "  ns TEXT NOT NULL, spawner TEXT NOT NULL, identity TEXT NOT NULL,"
    "  task TEXT NOT NULL,"        /* the last one */
    "  created_at INTEGER NOT NULL, starts_at INTEGER, completed_at INTEGER,"
    "  phase TEXT NOT NULL, attempts INTEGER NOT NULL,"
    "  touched_at INTEGER NOT NULL,"
    "  PRIMARY KEY (ns, spawner, identity),"
    "  FOREIGN KEY (ns, spawner) REFERENCES spawners (ns, name)) WITHOUT ROWID;",
    /* 2: what is remembered of alerts and policies. `tasks` is made anew because its large column is the last, and
     * everything behind it would be slow to read. */
    "CREATE TABLE new_tasks ("
    "  id INTEGER PRIMARY KEY,"
    "  ns TEXT NOT NULL, name TEXT NOT NULL,"
    "  uid TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,"
    "  spawner TEXT NOT NULL, controllers TEXT NOT NULL,"
    "  phase TEXT NOT NULL,"
    "  identity TEXT NOT NULL, ordinal INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL, starts_at INTEGER, completed_at INTEGER,"
    "  expires_at INTEGER,"
    "  policy TEXT NOT NULL, alertname TEXT NOT NULL," /* annotations; '' when absent */
    "  object TEXT NOT NULL,"
    "  UNIQUE (ns, name),"
    "  FOREIGN KEY (ns, spawner) REFERENCES spawners (ns, name));"
    "INSERT INTO new_tasks SELECT id, ns, name, uid, version, spawner, controllers, phase, identity, ordinal, created_at,"
    "  starts_at, completed_at, expires_at,"
    "  coalesce(CASE WHEN json_valid(object) THEN"
    "    json_extract(object, '$.metadata.annotations.\"alerts.kelos.dev/policy\"') END, ''),"
    "  coalesce(CASE WHEN json_valid(object) THEN"
    "    json_extract(object, '$.metadata.annotations.\"alerts.kelos.dev/alertname\"') END, ''),"
    "  object FROM tasks;"
    "DROP TABLE tasks;"
    "ALTER TABLE new_tasks RENAME TO tasks;"
    "CREATE INDEX tasks_spawner ON tasks (ns, spawner);"
    "CREATE INDEX tasks_open ON tasks (id) WHERE phase NOT IN ('Succeeded', 'Failed');"
    "CREATE INDEX tasks_expiry ON tasks (expires_at) WHERE expires_at IS NOT NULL;"
    "CREATE TABLE memory ("            /* one row a spawner; `id` is its name in the tables below */
    "  id INTEGER PRIMARY KEY,"
    "  ns TEXT NOT NULL, spawner TEXT NOT NULL,"
    "  polls INTEGER NOT NULL DEFAULT 0, alerts INTEGER NOT NULL DEFAULT 0,"
    "  alerts_frozen INTEGER NOT NULL DEFAULT 0,"
    "  polled_at INTEGER, frozen_since INTEGER,"
    "  UNIQUE (ns, spawner),"
    "  FOREIGN KEY (ns, spawner) REFERENCES spawners (ns, name));"
    /* Numbers throughout, for there may be 100,000: printf('%016x', fingerprint) shows one as elsewhere. Times in
     * seconds, 0 for never. */
    "CREATE TABLE episodes ("
    "  memory INTEGER NOT NULL REFERENCES memory (id),"
    "  fingerprint INTEGER NOT NULL, identity INTEGER NOT NULL,"
    "  first_seen INTEGER NOT NULL, starts_at INTEGER NOT NULL,"
    "  first_poll INTEGER NOT NULL, last_poll INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
    "  absent_s INTEGER NOT NULL,"
    "  flap_slot INTEGER NOT NULL, flaps INTEGER NOT NULL," /* eight bits a slot, the newest lowest */
    "  number INTEGER NOT NULL, missed INTEGER NOT NULL,"
    "  PRIMARY KEY (memory, fingerprint)) WITHOUT ROWID;"
    "CREATE TABLE creations ("
    "  id INTEGER PRIMARY KEY,"
    "  memory INTEGER NOT NULL REFERENCES memory (id),"
    "  at INTEGER NOT NULL, policy TEXT NOT NULL);"
    "CREATE INDEX creations_at ON creations (memory, at);"
    "CREATE TABLE states ("
    "  id INTEGER PRIMARY KEY,"
    "  memory INTEGER NOT NULL REFERENCES memory (id),"
    "  policy TEXT NOT NULL, identity INTEGER NOT NULL,"
    "  version INTEGER NOT NULL, touched_at INTEGER NOT NULL,"
    "  item BLOB NOT NULL,"
    "  UNIQUE (memory, policy, identity));"
    "CREATE INDEX states_touched ON states (memory, touched_at);"
    /* So that the limits of an hour and a day hold across the upgrade. */
    "INSERT INTO memory (ns, spawner) SELECT ns, name FROM spawners;"
    "INSERT INTO creations (memory, at, policy) SELECT m.id, t.created_at, t.policy FROM tasks t"
    "  JOIN memory m ON m.ns = t.ns AND m.spawner = t.spawner ORDER BY t.id;",
    NULL,
};

static int steps_count(const char *const *steps)
{
    int n = 0;
    while (steps[n] != NULL)
        n++;
    return n;
}

static int check(struct db *db, int newest, int64_t *version_r, bool *empty_r, struct err *e)
{
    int64_t id, version, objects;
    /* One view of all three: beside an engine that is just making the file they would not belong together. */
    if (db_begin(db, false, e) != 0)
        return -1;
    int rc = db_number(db, "PRAGMA application_id", 0, &id, e) != 0 ||
                     db_number(db, "PRAGMA user_version", 0, &version, e) != 0 ||
                     db_number(db, "SELECT count(*) FROM sqlite_schema", 0, &objects, e) != 0
                 ? -1
                 : 0;
    db_rollback(db); /* nothing was written */
    if (rc != 0)
        return -1;
    *empty_r = id == 0 && version == 0 && objects == 0;
    *version_r = version;
    if (*empty_r)
        return 0;
    if (id != SCHEMA_APPLICATION_ID)
        return err_set(e, ERR_INVALID,
                       "%s: a database of another program (application_id %lld); choose another file with "
                       "--store sqlite:PATH",
                       db->path, (long long)id);
    if (version > newest)
        return err_set(e, ERR_INVALID,
                       "%s: written by a newer alertspawner (schema %lld, this one knows %d); upgrade, or choose "
                       "another file with --store sqlite:PATH",
                       db->path, (long long)version, newest);
    return 0;
}

static int step(struct db *db, const char *sql, int version, struct err *e)
{
    char pragmas[96];
    snprintf(pragmas, sizeof pragmas, "PRAGMA user_version = %d; PRAGMA application_id = %d;", version,
             SCHEMA_APPLICATION_ID);
    if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db->sql, pragmas, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    db_error(db, e);
    return err_wrap(e, "bringing the store to schema %d", version);
}

int schema_prepare(struct db *db, const char *const *steps, bool write, bool *empty_r, struct err *e)
{
    int newest = steps_count(steps);
    int64_t version;
    if (check(db, newest, &version, empty_r, e) != 0)
        return -1;
    if (!write) {
        if (!*empty_r && version < newest)
            return err_set(e, ERR_INVALID,
                           "%s: written by an older alertspawner (schema %lld, this one wants %d); `alertspawner "
                           "once` or `run` upgrades it",
                           db->path, (long long)version, newest);
        return 0;
    }
    if (sqlite3_exec(db->sql, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) != SQLITE_OK)
        return db_error(db, e);
    *empty_r = false;
    if (version == newest)
        return 0;
    /* All steps in one transaction: a reader that comes while a new file is made finds nothing or all of it, never the
     * file of an older version. */
    if (db_begin(db, true, e) != 0)
        return -1;
    for (int i = (int)version; i < newest; i++)
        if (step(db, steps[i], i + 1, e) != 0) {
            db_rollback(db);
            return -1;
        }
    return db_commit(db, e);
}

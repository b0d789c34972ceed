/* Rows of `states`: ctx.state of a key of a policy. See store.h. */
#include "base/mem.h"
#include "tasks/sqlite/local_db.h"

#include <stdlib.h>
#include <string.h>

/* How often a state is touched whose key is there all the time: a write an hour, not one a cycle. */
#define TOUCH_EVERY (3600 * MOMENT_SECOND)

int states_read(struct local_db *l, int64_t memory, struct spawner_memory *m, struct err *e)
{
    size_t cap = 0;
    /* Unsigned order: the identities with the highest bit set, which are negative here, come last. */
    sqlite3_stmt *st = db_query(&l->db, e,
                                "SELECT policy, identity, version, touched_at, item FROM states WHERE memory = ?1"
                                " ORDER BY policy, identity < 0, identity",
                                "i", memory);
    int rc = st == NULL ? -1 : 1;
    while (rc == 1 && (rc = db_row(&l->db, st, e)) == 1) {
        const void *item = sqlite3_column_blob(st, 4);
        size_t len = (size_t)sqlite3_column_bytes(st, 4);
        xgrow(&m->states, &cap, m->n_states + 1, sizeof *m->states);
        m->states[m->n_states++] = (struct state_fact){
            .policy = memory_policy(m, db_text(st, 0)),
            .identity = (uint64_t)sqlite3_column_int64(st, 1),
            .version = (uint32_t)sqlite3_column_int64(st, 2),
            .touched_at = sqlite3_column_int64(st, 3),
            .item = xstrndup(len > 0 ? item : "", len),
            .len = len,
        };
    }
    return rc;
}

static int write_one(struct local_db *l, int64_t memory, const struct store_state *s, moment_t now, struct err *e)
{
    if (s->len == 0)
        return db_run(&l->db, e, "DELETE FROM states WHERE memory = ?1 AND policy = ?2 AND identity = ?3", "iti",
                      memory, s->policy, (int64_t)s->identity);
    return db_run(&l->db, e,
                  "INSERT INTO states (memory, policy, identity, version, touched_at, item)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (memory, policy, identity)"
                  " DO UPDATE SET version = ?4, touched_at = ?5, item = ?6",
                  "itiiib", memory, s->policy, (int64_t)s->identity, (int64_t)s->version, (int64_t)now, s->item,
                  s->len);
}

struct ids {
    int64_t *ids;
    size_t n, cap;
};

static void ids_add(struct ids *list, int64_t id)
{
    xgrow(&list->ids, &list->cap, list->n + 1, sizeof *list->ids);
    list->ids[list->n++] = id;
}

static int remove_all(struct local_db *l, struct ids *list, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < list->n && rc == 0; i++)
        rc = db_run(&l->db, e, "DELETE FROM states WHERE id = ?1", "i", list->ids[i]);
    free(list->ids);
    *list = (struct ids){0};
    return rc;
}

/* Brings every policy under its ceiling. One query for all of them: mostly there is nothing to do. */
static int shrink(struct local_db *l, int64_t memory, struct err *e)
{
    struct ids gone = {0};
    int64_t over = 0;
    char *policy = xstrdup("");
    sqlite3_stmt *st = db_query(&l->db, e,
                                "WITH over AS (SELECT policy, sum(length(item)) - ?2 AS bytes FROM states"
                                " WHERE memory = ?1 GROUP BY policy HAVING bytes > 0)"
                                " SELECT s.policy, s.id, length(s.item), over.bytes FROM over"
                                " JOIN states s ON s.memory = ?1 AND s.policy = over.policy"
                                " ORDER BY s.policy, s.touched_at, s.id",
                                "ii", memory, (int64_t)STORE_STATE_POLICY_MAX);
    int rc = st == NULL ? -1 : 1;
    while (rc == 1 && (rc = db_row(&l->db, st, e)) == 1) {
        if (gone.n == 0 || strcmp(policy, db_text(st, 0)) != 0) {
            free(policy);
            policy = xstrdup(db_text(st, 0));
            over = sqlite3_column_int64(st, 3);
        }
        if (over > 0)
            ids_add(&gone, sqlite3_column_int64(st, 1));
        over -= sqlite3_column_int64(st, 2);
    }
    free(policy);
    if (rc != 0) {
        free(gone.ids);
        return -1;
    }
    return remove_all(l, &gone, e);
}

int states_write(struct local_db *l, int64_t memory, const struct store_changes *changes,
                 const struct store_result *results, moment_t now, struct err *e)
{
    size_t written = 0;
    for (size_t i = 0; i < changes->n_states; i++) {
        const struct store_state *s = &changes->states[i];
        if (s->create >= 0 && (size_t)s->create >= changes->n_creates)
            return err_set(e, ERR_BUG, "a state depends on creation %d of %zu", (int)s->create, changes->n_creates);
        if (s->create >= 0 && results[s->create].outcome != STORE_CREATED)
            continue;
        if (write_one(l, memory, s, now, e) != 0)
            return -1;
        written++;
    }
    return written > 0 ? shrink(l, memory, e) : 0;
}

int states_prune(struct local_db *l, int64_t memory, const struct episodes *eps, moment_t now, struct err *e)
{
    struct ids seen = {0}, gone = {0};
    /* A clock that has stepped back: what lies in the future is now. */
    if (db_run(&l->db, e, "UPDATE states SET touched_at = ?2 WHERE memory = ?1 AND touched_at > ?2", "ii", memory,
               (int64_t)now) != 0)
        return -1;
    sqlite3_stmt *st = db_query(&l->db, e,
                                "SELECT id, identity, touched_at FROM states WHERE memory = ?1 AND touched_at <= ?2",
                                "ii", memory, (int64_t)(now - TOUCH_EVERY));
    int rc = st == NULL ? -1 : 1;
    while (rc == 1 && (rc = db_row(&l->db, st, e)) == 1) {
        bool present;
        episodes_identity_known(eps, (uint64_t)sqlite3_column_int64(st, 1), &present);
        if (present)
            ids_add(&seen, sqlite3_column_int64(st, 0));
        else if (now - sqlite3_column_int64(st, 2) >= STORE_STATE_KEEP + TOUCH_EVERY)
            ids_add(&gone, sqlite3_column_int64(st, 0));
    }
    for (size_t i = 0; i < seen.n && rc == 0; i++)
        rc = db_run(&l->db, e, "UPDATE states SET touched_at = ?2 WHERE id = ?1", "ii", seen.ids[i], (int64_t)now);
    free(seen.ids);
    if (rc != 0) {
        free(gone.ids);
        return -1;
    }
    return remove_all(l, &gone, e);
}

/* Rows of `episodes`, and their counters in `memory`. See alerts/episode.h. */
#include "base/mem.h"
#include "tasks/sqlite/local_db.h"

#include <stdlib.h>

enum { SLOTS = sizeof ((struct episode *)0)->flaps };

static int64_t pack(const uint8_t flaps[SLOTS])
{
    int64_t packed = 0;
    for (int i = SLOTS; i > 0; i--)
        packed = packed << 8 | flaps[i - 1];
    return packed;
}

static int read_counters(struct local_db *l, int64_t memory, struct episode_counters *c, struct err *e)
{
    *c = (struct episode_counters){.polled_at = MOMENT_NONE, .frozen_since = MOMENT_NONE};
    sqlite3_stmt *st = db_query(&l->db, e,
                                "SELECT polls, alerts, alerts_frozen, polled_at, frozen_since FROM memory WHERE id = ?1",
                                "i", memory);
    int rc = st == NULL ? -1 : db_row(&l->db, st, e);
    if (rc != 1)
        return rc;
    c->polls = (uint32_t)sqlite3_column_int64(st, 0);
    c->alerts = (uint32_t)sqlite3_column_int64(st, 1);
    c->alerts_frozen = (uint32_t)sqlite3_column_int64(st, 2);
    c->polled_at = db_moment(st, 3);
    c->frozen_since = db_moment(st, 4);
    db_end(st);
    return 0;
}

static uint32_t number(sqlite3_stmt *st, int column)
{
    return (uint32_t)sqlite3_column_int64(st, column);
}

int episodes_read(struct local_db *l, int64_t memory, struct episodes *eps, struct err *e)
{
    struct episode_counters counters;
    struct episode *rows = NULL;
    size_t n = 0, cap = 0;
    if (read_counters(l, memory, &counters, e) != 0)
        return -1;
    sqlite3_stmt *st = db_query(&l->db, e,
                                "SELECT fingerprint, identity, first_seen, starts_at, first_poll, last_poll, last_seen,"
                                " absent_s, flap_slot, flaps, number, missed FROM episodes WHERE memory = ?1",
                                "i", memory);
    int rc = st == NULL ? -1 : 1;
    while (rc == 1 && (rc = db_row(&l->db, st, e)) == 1) {
        xgrow(&rows, &cap, n + 1, sizeof *rows);
        struct episode *row = &rows[n++];
        *row = (struct episode){
            .fingerprint = (uint64_t)sqlite3_column_int64(st, 0),
            .identity = (uint64_t)sqlite3_column_int64(st, 1),
            .first_seen = number(st, 2),
            .starts_at = number(st, 3),
            .first_poll = number(st, 4),
            .last_poll = number(st, 5),
            .last_seen = number(st, 6),
            .absent_s = number(st, 7),
            .flap_slot = number(st, 8),
            .number = (uint16_t)number(st, 10),
            .missed = (uint8_t)number(st, 11),
        };
        uint64_t flaps = (uint64_t)sqlite3_column_int64(st, 9);
        for (int i = 0; i < SLOTS; i++)
            row->flaps[i] = (uint8_t)(flaps >> 8 * i);
    }
    if (rc == 0)
        episodes_load(eps, rows, n, &counters);
    free(rows);
    return rc;
}

static int write_row(struct local_db *l, int64_t memory, const struct episode *row, struct err *e)
{
    return db_run(&l->db, e,
                  "INSERT OR REPLACE INTO episodes (memory, fingerprint, identity, first_seen, starts_at, first_poll,"
                  " last_poll, last_seen, absent_s, flap_slot, flaps, number, missed)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                  "iiiiiiiiiiiii", memory, (int64_t)row->fingerprint, (int64_t)row->identity, (int64_t)row->first_seen,
                  (int64_t)row->starts_at, (int64_t)row->first_poll, (int64_t)row->last_poll, (int64_t)row->last_seen,
                  (int64_t)row->absent_s, (int64_t)row->flap_slot, pack(row->flaps), (int64_t)row->number,
                  (int64_t)row->missed);
}

int episodes_write(struct local_db *l, int64_t memory, const struct episodes *eps, struct err *e)
{
    struct episode_counters c;
    const uint64_t *gone;
    size_t n_gone = episodes_forgotten(eps, &gone), n = episodes_len(eps);
    int rc = 0;
    for (size_t i = 0; i < n_gone && rc == 0; i++)
        rc = db_run(&l->db, e, "DELETE FROM episodes WHERE memory = ?1 AND fingerprint = ?2", "ii", memory,
                    (int64_t)gone[i]);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (episodes_changed(eps, i))
            rc = write_row(l, memory, episodes_at(eps, i), e);
    if (rc != 0)
        return -1;
    episodes_counters(eps, &c);
    return db_run(&l->db, e,
                  "UPDATE memory SET polls = ?2, alerts = ?3, alerts_frozen = ?4, polled_at = ?5, frozen_since = ?6"
                  " WHERE id = ?1",
                  "iiiinn", memory, (int64_t)c.polls, (int64_t)c.alerts, (int64_t)c.alerts_frozen,
                  (int64_t)c.polled_at, (int64_t)c.frozen_since);
}

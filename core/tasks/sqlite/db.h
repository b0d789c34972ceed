/* One connection to SQLite: settings, statements, transactions, and errors as sentences. It knows no tables.
 *
 * Statements are kept prepared, by the address of their text: pass string literals only. `types` says what follows:
 * t text (NULL: SQL NULL), i int64_t, n int64_t where INT64_MIN (MOMENT_NONE) is SQL NULL, b bytes (const void *, then
 * size_t). */
#pragma once

#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    DB_STATEMENTS_MAX = 96,
    DB_BUSY_MS = 5000, /* a writer waits so long for another writer */
};

struct db {
    sqlite3 *sql; /* NULL: not open */
    char *path;
    struct {
        const char *text;
        sqlite3_stmt *st;
    } cache[DB_STATEMENTS_MAX];
    int n_cache;
};

enum db_mode { DB_CREATE, DB_WRITE, DB_READ, DB_MEMORY };

/* `path` is absolute. DB_READ of a file that has no -wal beside it (a copy, read-only media) is opened as immutable, so
 * that nothing is written anywhere. DB_MEMORY: a database of its own in memory; `path` is its name in sentences. */
int db_open(struct db *db, const char *path, enum db_mode mode, struct err *e);
void db_close(struct db *db);

/* A statement without rows. */
int db_run(struct db *db, struct err *e, const char *text, const char *types, ...);
/* A query: NULL on error. Then db_row until it is not 1 (0: no more, -1: error), which ends it; db_end ends it early.
 * A query that is left open holds its snapshot. */
sqlite3_stmt *db_query(struct db *db, struct err *e, const char *text, const char *types, ...);
int db_row(struct db *db, sqlite3_stmt *st, struct err *e);
void db_end(sqlite3_stmt *st);
/* One number: the first column of the first row, or `otherwise`. */
int db_number(struct db *db, const char *text, int64_t otherwise, int64_t *n_r, struct err *e);
const char *db_text(sqlite3_stmt *st, int column);    /* "" for NULL; until the next db_row */
int64_t db_moment(sqlite3_stmt *st, int column);      /* MOMENT_NONE for NULL */

int db_begin(struct db *db, bool write, struct err *e);
int db_commit(struct db *db, struct err *e); /* rolls back when it fails */
void db_rollback(struct db *db);             /* no transaction: nothing */
/* True when an error has ended the transaction, or must: the disk, the file, memory. Otherwise it is the statement's
 * own. */
bool db_broken(struct db *db);
/* The connection's last error as a sentence that names the file and what to do; -1. */
int db_error(struct db *db, struct err *e);

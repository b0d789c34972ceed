/* One connection to SQLite: see db.h. */
#include "tasks/sqlite/db.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/moment.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int db_error(struct db *db, struct err *e)
{
    int code = db->sql != NULL ? sqlite3_errcode(db->sql) : SQLITE_NOMEM;
    const char *what = db->sql != NULL ? sqlite3_errmsg(db->sql) : "out of memory";
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_TIMEOUT, "%s: another process has kept the database for %d s; try again", db->path,
                       DB_BUSY_MS / 1000);
    case SQLITE_FULL:
        return err_set(e, ERR_IO, "%s: the disk is full; nothing was changed, free some space", db->path);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return err_set(e, ERR_INVALID,
                       "%s: damaged, or no database (%s); move it away, or choose another file with "
                       "--store sqlite:PATH",
                       db->path, what);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return err_set(e, ERR_IO, "%s: %s (%s); check that you may write the file and its directory", db->path, what,
                       strerror(db->sql != NULL ? sqlite3_system_errno(db->sql) : 0));
    case SQLITE_IOERR:
        return err_set(e, ERR_IO, "%s: %s; check the disk and the free space", db->path, what);
    default:
        return err_set(e, ERR_IO, "%s: %s", db->path, what);
    }
}

bool db_broken(struct db *db)
{
    switch (sqlite3_errcode(db->sql) & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_BUSY:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        return true;
    default:
        return sqlite3_get_autocommit(db->sql) != 0;
    }
}

/* A path as an SQLite URI. */
static char *uri(const char *path, const char *query)
{
    struct buf b = {0};
    buf_adds(&b, "file:");
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if (*p == '%' || *p == '?' || *p == '#')
            buf_addf(&b, "%%%02x", *p);
        else
            buf_addc(&b, (char)*p);
    }
    buf_adds(&b, query);
    return buf_take(&b);
}

/* Writers leave -wal and -shm in place (SQLITE_FCNTL_PERSIST_WAL), so readers need not create them. Where they are
 * missing all the same, nobody has the file open for writing. */
static bool without_wal(const char *path)
{
    char *wal = xasprintf("%s-wal", path), *shm = xasprintf("%s-shm", path);
    struct stat w, s;
    bool no_wal = stat(wal, &w) != 0, no_shm = stat(shm, &s) != 0;
    bool empty = no_wal || (w.st_size == 0 && no_shm);
    free(wal);
    free(shm);
    return empty;
}

static int settings(struct db *db, enum db_mode mode, struct err *e)
{
    sqlite3_busy_timeout(db->sql, DB_BUSY_MS);
    sqlite3_extended_result_codes(db->sql, 1);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* 512 KiB of pages: the kernel keeps them too, and a cycle of 100,000 alerts needs the memory for what is remembered
     * of each. */
    const char *sql = "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON; PRAGMA cache_size = -512;";
    if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_error(db, e);
    if (mode == DB_READ || mode == DB_MEMORY)
        return 0;
    int on = 1;
    sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
    sql = "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304;";
    if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_error(db, e);
    return 0;
}

int db_open(struct db *db, const char *path, enum db_mode mode, struct err *e)
{
    *db = (struct db){.path = xstrdup(path)};
    /* SQLite makes -wal and -shm with the mode of the database, so it is enough to make that one private. O_EXCL: the
     * descriptor of a file that others in this process have open must never be closed, POSIX locks go with it. */
    if (mode == DB_CREATE) {
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
            close(fd);
    }
    int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    flags |= mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    char *name = mode == DB_MEMORY ? xstrdup(":memory:") : uri(path, mode == DB_READ && without_wal(path) ? "?immutable=1" : "");
    int rc = sqlite3_open_v2(name, &db->sql, flags, NULL);
    free(name);
    if ((rc != SQLITE_OK && db_error(db, e) != 0) || settings(db, mode, e) != 0) {
        db_close(db);
        return -1;
    }
    return 0;
}

void db_close(struct db *db)
{
    for (int i = 0; i < db->n_cache; i++)
        sqlite3_finalize(db->cache[i].st);
    sqlite3_close(db->sql);
    free(db->path);
    *db = (struct db){0};
}

static sqlite3_stmt *prepared(struct db *db, const char *text, struct err *e)
{
    for (int i = 0; i < db->n_cache; i++)
        if (db->cache[i].text == text)
            return db->cache[i].st;
    if (db->n_cache == DB_STATEMENTS_MAX) {
        err_set(e, ERR_BUG, "more than %d statements", DB_STATEMENTS_MAX);
        return NULL;
    }
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v3(db->sql, text, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK) {
        db_error(db, e);
        return NULL;
    }
    db->cache[db->n_cache].text = text;
    db->cache[db->n_cache++].st = st;
    return st;
}

static sqlite3_stmt *bound(struct db *db, struct err *e, const char *text, const char *types, va_list ap)
{
    sqlite3_stmt *st = prepared(db, text, e);
    if (st == NULL)
        return NULL;
    for (int i = 1; *types != '\0'; types++, i++) {
        int rc;
        int64_t n;
        const void *bytes;
        switch (*types) {
        case 'b':
            bytes = va_arg(ap, const void *);
            rc = sqlite3_bind_blob64(st, i, bytes, va_arg(ap, size_t), SQLITE_STATIC);
            break;
        case 't':
            /* The caller's text lives until the query is ended; db_end unbinds. */
            rc = sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
            break;
        default:
            n = va_arg(ap, int64_t);
            rc = *types == 'n' && n == MOMENT_NONE ? sqlite3_bind_null(st, i) : sqlite3_bind_int64(st, i, n);
        }
        if (rc != SQLITE_OK) {
            db_error(db, e);
            db_end(st);
            return NULL;
        }
    }
    return st;
}

int db_run(struct db *db, struct err *e, const char *text, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *st = bound(db, e, text, types, ap);
    va_end(ap);
    int rc;
    if (st == NULL)
        return -1;
    while ((rc = db_row(db, st, e)) == 1) {
    }
    return rc;
}

sqlite3_stmt *db_query(struct db *db, struct err *e, const char *text, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *st = bound(db, e, text, types, ap);
    va_end(ap);
    return st;
}

int db_row(struct db *db, sqlite3_stmt *st, struct err *e)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        db_error(db, e);
    db_end(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

void db_end(sqlite3_stmt *st)
{
    if (st == NULL)
        return;
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
}

int db_number(struct db *db, const char *text, int64_t otherwise, int64_t *n_r, struct err *e)
{
    *n_r = otherwise;
    sqlite3_stmt *st = db_query(db, e, text, "");
    int rc = st == NULL ? -1 : db_row(db, st, e);
    if (rc == 1) {
        *n_r = sqlite3_column_type(st, 0) == SQLITE_NULL ? otherwise : sqlite3_column_int64(st, 0);
        db_end(st);
        return 0;
    }
    return rc;
}

const char *db_text(sqlite3_stmt *st, int column)
{
    const char *s = (const char *)sqlite3_column_text(st, column);
    return s != NULL ? s : "";
}

int64_t db_moment(sqlite3_stmt *st, int column)
{
    return sqlite3_column_type(st, column) == SQLITE_NULL ? MOMENT_NONE : sqlite3_column_int64(st, column);
}

int db_begin(struct db *db, bool write, struct err *e)
{
    /* IMMEDIATE: a transaction that will write waits for its turn at the start, where waiting works, never at its
     * first write, where a snapshot that is too old could only fail. */
    return write ? db_run(db, e, "BEGIN IMMEDIATE", "") : db_run(db, e, "BEGIN", "");
}

int db_commit(struct db *db, struct err *e)
{
    if (db_run(db, e, "COMMIT", "") == 0)
        return 0;
    db_rollback(db);
    return -1;
}

void db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(db->sql))
        db_run(db, NULL, "ROLLBACK", "");
}

/* Noticing Tasks that finished or went, whoever did it. Every such change moves its spawner's `ended` counter in the
 * same transaction; `PRAGMA data_version` says cheaply whether another process wrote anything at all. */
#include "base/log.h"
#include "base/mem.h"
#include "tasks/sqlite/local_db.h"

#include <stdlib.h>
#include <string.h>

struct watched {
    char *ns, *name;
    int64_t ended;
};

static void watched_free(struct watched *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(w[i].ns);
        free(w[i].name);
    }
    free(w);
}

static int read_counters(struct local_db *l, struct watched **list_r, size_t *n_r, struct err *e)
{
    size_t cap = 0;
    *list_r = NULL;
    *n_r = 0;
    sqlite3_stmt *st = db_query(&l->db, e, "SELECT ns, name, ended FROM spawners ORDER BY ns, name", "");
    int rc = st == NULL ? -1 : 1;
    while (rc == 1 && (rc = db_row(&l->db, st, e)) == 1) {
        xgrow(list_r, &cap, *n_r + 1, sizeof **list_r);
        (*list_r)[(*n_r)++] =
            (struct watched){xstrdup(db_text(st, 0)), xstrdup(db_text(st, 1)), sqlite3_column_int64(st, 2)};
    }
    return rc;
}

static int64_t seen_before(const struct watched *seen, size_t n, const struct watched *w)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(seen[i].ns, w->ns) == 0 && strcmp(seen[i].name, w->name) == 0)
            return seen[i].ended;
    return 0; /* a spawner's row begins with 0 */
}

static void look(struct local_db *l)
{
    struct err e;
    int64_t version;
    if (db_number(&l->db, "PRAGMA data_version", 0, &version, &e) != 0) {
        log_warn(NULL, "looking for changes of the store: %s", e.msg);
        return;
    }
    if (version == l->data_version && !l->own_change)
        return;
    struct watched *now;
    size_t n;
    if (read_counters(l, &now, &n, &e) != 0) {
        log_warn(NULL, "looking for changes of the store: %s", e.msg);
        watched_free(now, n);
        return; /* and again next time */
    }
    l->data_version = version;
    l->own_change = false;
    struct watched *before = l->seen;
    size_t n_before = l->n_seen;
    l->seen = now;
    l->n_seen = n;
    bool any = false;
    /* A copy of what to tell, because `changed` may do anything, close the store included. */
    struct watched *tell = xcalloc(n, sizeof *tell);
    size_t n_tell = 0;
    for (size_t i = 0; i < n; i++)
        if (now[i].ended != seen_before(before, n_before, &now[i])) {
            tell[n_tell++] = (struct watched){xstrdup(now[i].ns), xstrdup(now[i].name), 0};
            any = true;
        }
    watched_free(before, n_before);
    for (size_t i = 0; i < n_tell && l->changed != NULL; i++)
        l->changed(l->changed_arg, tell[i].ns, tell[i].name);
    if (any && l->ended != NULL)
        l->ended(l->ended_arg);
    watched_free(tell, n_tell);
}

static void on_watch(uv_timer_t *timer)
{
    look(timer->data);
}

static void watch_start(struct local_db *l)
{
    struct err e;
    if (l->watching || l->loop == NULL || l->db.sql == NULL)
        return;
    l->watching = true;
    if (db_number(&l->db, "PRAGMA data_version", 0, &l->data_version, &e) != 0 ||
        read_counters(l, &l->seen, &l->n_seen, &e) != 0)
        log_warn(NULL, "looking for changes of the store: %s", e.msg);
    uv_timer_start(&l->watch, on_watch, LOCAL_WATCH_MS, LOCAL_WATCH_MS);
}

void local_watch(struct store *s, void (*changed)(void *arg, const char *ns, const char *spawner), void *arg)
{
    struct local_db *l = ((struct local_store *)s)->db;
    l->changed = changed;
    l->changed_arg = arg;
    watch_start(l);
}

void local_watch_ended(struct local_db *l, void (*ended)(void *arg), void *arg)
{
    l->ended = ended;
    l->ended_arg = arg;
    if (ended != NULL)
        watch_start(l);
}

void watch_own_change(struct local_db *l)
{
    l->own_change = true;
    if (l->watching)
        uv_timer_start(&l->watch, on_watch, 0, LOCAL_WATCH_MS);
}

void watch_free(struct local_db *l)
{
    watched_free(l->seen, l->n_seen);
    l->seen = NULL;
    l->n_seen = 0;
    l->changed = NULL;
    l->ended = NULL;
}

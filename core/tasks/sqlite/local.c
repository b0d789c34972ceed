/* Opening and closing the local store. See local.h. */
#include "tasks/sqlite/local.h"

#include "base/mem.h"
#include "tasks/sqlite/local_db.h"
#include "tasks/sqlite/path.h"
#include "tasks/sqlite/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_close(struct store *s)
{
    struct local_store *local = (struct local_store *)s;
    local_close(&local);
}

static const struct store_ops ops = {
    .facts = local_facts,
    .memory = local_memory,
    .apply = local_apply,
    .watch = local_watch,
    .close = on_close,
};

static int open_memory(struct local_db *l, struct err *e)
{
    bool empty;
    l->path = xstrdup("the store in memory");
    return db_open(&l->db, l->path, DB_MEMORY, e) != 0 ? -1 : schema_prepare(&l->db, schema_steps, true, &empty, e);
}

static int open_file(struct local_db *l, struct err *e)
{
    static const enum db_mode modes[] = {
        [LOCAL_ENGINE] = DB_CREATE, [LOCAL_WRITE] = DB_WRITE, [LOCAL_READ] = DB_READ};
    struct stat st;
    bool empty, missing = stat(l->path, &st) != 0 && errno == ENOENT;
    if (missing && l->mode == LOCAL_READ)
        return 0;
    if (missing && l->mode == LOCAL_WRITE)
        return err_set(e, ERR_NOT_FOUND, "%s: there is no store; `alertspawner once` or `run` makes it, --store names "
                                         "another", l->path);
    if (l->mode == LOCAL_ENGINE && path_lock(l->path, &l->lock_fd, e) != 0)
        return -1;
    if (db_open(&l->db, l->path, modes[l->mode], e) != 0)
        return -1;
    if (schema_prepare(&l->db, schema_steps, l->mode == LOCAL_ENGINE, &empty, e) != 0)
        return -1;
    if (!empty)
        return 0;
    if (l->mode == LOCAL_WRITE)
        return err_set(e, ERR_NOT_FOUND, "%s: there is nothing in the store yet", l->path);
    db_close(&l->db);
    return 0;
}

static void free_all(struct local_db *l)
{
    db_close(&l->db);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
    watch_free(l);
    free(l->path);
    free(l->owner);
    free(l);
}

int local_open(const char *spec, enum local_mode mode, uv_loop_t *loop, struct local_store **store_r, struct err *e)
{
    struct local_db *l = xcalloc(1, sizeof *l);
    l->mode = mode;
    l->lock_fd = -1;
    *store_r = NULL;
    int rc = mode == LOCAL_MEMORY ? open_memory(l, e) : path_resolve(spec, mode == LOCAL_ENGINE, &l->path, e);
    if (rc == 0 && mode != LOCAL_MEMORY)
        rc = open_file(l, e);
    if (rc != 0) {
        free_all(l);
        return -1;
    }
    l->owner = xcalloc(1, sizeof *l->owner);
    *l->owner = (struct local_store){.store = {&ops}, .db = l};
    if (loop != NULL) {
        l->loop = loop;
        uv_timer_init(loop, &l->turn);
        uv_timer_init(loop, &l->watch);
        l->turn.data = l->watch.data = l;
        l->open_handles = 2;
    }
    *store_r = l->owner;
    return 0;
}

static void on_handle_closed(uv_handle_t *h)
{
    struct local_db *l = h->data;
    if (--l->open_handles > 0)
        return;
    turn_drop(l);
    free_all(l);
}

/* File and lock are let go at once; memory, and the completions of what was waiting, follow in the loop. */
void local_close(struct local_store **store)
{
    if (*store == NULL)
        return;
    struct local_db *l = (*store)->db;
    *store = NULL;
    db_close(&l->db);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
    l->lock_fd = -1;
    watch_free(l);
    if (l->loop == NULL) {
        free_all(l);
        return;
    }
    uv_close((uv_handle_t *)&l->turn, on_handle_closed);
    uv_close((uv_handle_t *)&l->watch, on_handle_closed);
}

const char *local_path(const struct local_store *s)
{
    return s->db->path;
}

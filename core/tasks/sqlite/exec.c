/* Which Tasks run, and when: see exec.h. How one runs is run.c. */
#include "tasks/sqlite/exec.h"

#include "base/log.h"
#include "base/mem.h"
#include "tasks/sqlite/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RETRY_MS = 1000 };

struct exec {
    uv_loop_t *loop;
    struct local_store *store;
    struct exec_options options; /* owns its texts */
    struct run *runs;
    uv_timer_t retry, stop; /* the store did not take something; the grace of exec_stop */
    int open_handles;
    bool stopping, freed, killed;
    void (*done)(void *arg);
    void *done_arg;
};

/* A Task that may run, as far as its columns say. */
struct candidate {
    char *ns, *name, *spawner;
    int64_t max_concurrency;
};

static void maybe_gone(struct exec *x)
{
    if (!x->freed || x->runs != NULL || x->open_handles > 0)
        return;
    free((char *)x->options.command);
    free((char *)x->options.output_dir);
    free((char *)x->options.guard_path);
    free(x);
}

static void on_stopped(uv_timer_t *timer)
{
    struct exec *x = timer->data;
    void (*done)(void *) = x->done;
    x->done = NULL;
    if (done != NULL)
        done(x->done_arg);
}

static void on_grace_over(uv_timer_t *timer)
{
    struct exec *x = timer->data;
    x->killed = true;
    for (struct run *r = x->runs; r != NULL; r = r->next)
        run_kill(r);
}

static void run_gone(struct run *r)
{
    struct exec *x = r->x;
    struct run **p = &x->runs;
    while (*p != r)
        p = &(*p)->next;
    *p = r->next;
    run_free(r);
    if (x->freed)
        maybe_gone(x);
    else if (x->stopping && x->runs == NULL)
        uv_timer_start(&x->stop, on_stopped, 0, 0);
    else if (!x->stopping)
        exec_poke(x);
}

static void on_retry(uv_timer_t *timer);

static void retry_later(struct exec *x)
{
    if (!uv_is_active((uv_handle_t *)&x->retry))
        uv_timer_start(&x->retry, on_retry, RETRY_MS, 0);
}

/* Writes down how it ended. A Task that is gone, another one, or finished by somebody else: theirs stays. */
static void run_store(struct run *r)
{
    struct exec *x = r->x;
    struct err e;
    r->stored = true;
    if (task_finish(x->store->db, r->ns, r->name, r->uid, r->phase, r->message, moment_now(), &e) == 0 ||
        e.kind == ERR_NOT_FOUND || e.kind == ERR_CONFLICT)
        return;
    char *who = xasprintf("%s/%s", r->ns, r->spawner);
    log_error(who, "Task %s ended (%s), which could not be stored: %s", r->name, task_phase_name(r->phase), e.msg);
    free(who);
    if (x->stopping)
        return; /* Running, and so Failed at the next start */
    r->stored = false;
    retry_later(x);
}

static void on_run_over(struct run *r)
{
    if (r->x->stopping && r->asked_to_end) {
        r->phase = TASK_FAILED;
        snprintf(r->message, sizeof r->message, "the engine was stopped");
    }
    run_store(r);
    run_close(r);
}

static void on_run_closed(struct run *r)
{
    if (r->stored || r->x->freed)
        run_gone(r);
}

static void on_retry(uv_timer_t *timer)
{
    struct exec *x = timer->data;
    for (struct run *r = x->runs, *next; r != NULL; r = next) {
        next = r->next;
        if (!r->over || r->stored)
            continue;
        run_store(r);
        if (r->stored && r->open_handles == 0)
            run_gone(r); /* which pokes; the list before `next` may have grown, not behind it */
    }
    exec_poke(x);
}

static int running(const struct exec *x, const char *ns, const char *spawner)
{
    int n = 0;
    for (const struct run *r = x->runs; r != NULL; r = r->next)
        n += spawner == NULL || (strcmp(r->ns, ns) == 0 && strcmp(r->spawner, spawner) == 0);
    return n;
}

enum dependencies { DEPS_DONE, DEPS_WAIT, DEPS_FAILED, DEPS_ERROR };

static enum dependencies check_dependencies(struct local_db *l, const struct task_row *task, char *why, size_t size,
                                            struct err *e)
{
    const cJSON *d, *spec = cJSON_GetObjectItemCaseSensitive(task->object, "spec");
    enum dependencies result = DEPS_DONE;
    cJSON_ArrayForEach(d, cJSON_GetObjectItemCaseSensitive(spec, "dependsOn"))
    {
        const char *name = cJSON_GetStringValue(d);
        if (name == NULL)
            continue;
        sqlite3_stmt *st =
            db_query(&l->db, e, "SELECT phase FROM tasks WHERE ns = ?1 AND name = ?2", "tt", task->ns, name);
        int rc = st == NULL ? -1 : db_row(&l->db, st, e);
        if (rc < 0)
            return DEPS_ERROR;
        enum task_phase phase = TASK_NEW;
        if (rc == 1) {
            task_phase_parse(db_text(st, 0), &phase);
            db_end(st);
        }
        if (phase == TASK_FAILED) {
            snprintf(why, size, "Dependency \"%s\" failed", name);
            return DEPS_FAILED;
        }
        if (phase != TASK_SUCCEEDED && result == DEPS_DONE) {
            snprintf(why, size, rc == 1 ? "Waiting for dependency \"%s\"" : "Waiting for dependency \"%s\" to be created",
                     name);
            result = DEPS_WAIT;
        }
    }
    return result;
}

/* The Task is Running in the store from here on: whatever fails now fails the Task. */
static void start(struct exec *x, struct task_row *task)
{
    struct err e;
    int output = -1;
    bool closing = false;
    struct run *r = xcalloc(1, sizeof *r);
    r->x = x;
    r->ns = xstrdup(task->ns);
    r->name = xstrdup(task->name);
    r->uid = xstrdup(task->uid);
    r->spawner = xstrdup(task->spawner);
    r->on_over = on_run_over;
    r->on_closed = on_run_closed;
    r->next = x->runs;
    x->runs = r;
    if (output_open(x->options.output_dir, task, moment_now(), &output, &e) == 0 &&
        run_start(r, x->loop, &x->options, task, output, &closing, &e) == 0) {
        close(output);
        return;
    }
    if (output >= 0)
        close(output);
    r->over = true;
    r->phase = TASK_FAILED;
    snprintf(r->message, sizeof r->message, "%s", e.msg);
    run_store(r);
    if (!closing && r->stored) {
        x->runs = r->next; /* it is the first: nothing ran in between */
        run_free(r);
    }
}

/* -1: the store does not work now. */
static int consider(struct exec *x, const struct candidate *c, struct err *e)
{
    struct local_db *l = x->store->db;
    struct task_row task;
    char why[400] = "";
    if (c->max_concurrency > 0 && running(x, c->ns, c->spawner) >= c->max_concurrency)
        return 0;
    if (task_load(l, c->ns, c->name, &task, e) != 0)
        return e->kind == ERR_NOT_FOUND || e->kind == ERR_INVALID ? 0 : -1;
    int rc = 0;
    switch (check_dependencies(l, &task, why, sizeof why, e)) {
    case DEPS_ERROR:
        rc = -1;
        break;
    case DEPS_FAILED:
        rc = task_finish(l, c->ns, c->name, task.uid, TASK_FAILED, why, moment_now(), e);
        break;
    case DEPS_WAIT:
        rc = task_wait(l, c->ns, c->name, why, moment_now(), e);
        break;
    case DEPS_DONE:
        rc = local_start_task(x->store, c->ns, c->name, moment_now(), e);
        if (rc == 0)
            start(x, &task);
        break;
    }
    task_row_free(&task);
    return rc != 0 && (e->kind == ERR_NOT_FOUND || e->kind == ERR_CONFLICT) ? 0 : rc;
}

static int read_candidates(struct exec *x, struct candidate **list_r, size_t *n_r, struct err *e)
{
    struct db *db = &x->store->db->db;
    size_t cap = 0;
    *list_r = NULL;
    *n_r = 0;
    sqlite3_stmt *st = db_query(db, e,
                                "SELECT t.ns, t.name, t.spawner, s.max_concurrency FROM tasks t"
                                " JOIN spawners s ON s.ns = t.ns AND s.name = t.spawner"
                                " WHERE t.phase NOT IN ('Succeeded', 'Failed') AND t.phase <> 'Running'"
                                " ORDER BY t.id",
                                "");
    int rc = st == NULL ? -1 : 1;
    while (rc == 1 && (rc = db_row(db, st, e)) == 1) {
        xgrow(list_r, &cap, *n_r + 1, sizeof **list_r);
        (*list_r)[(*n_r)++] = (struct candidate){xstrdup(db_text(st, 0)), xstrdup(db_text(st, 1)),
                                                 xstrdup(db_text(st, 2)), sqlite3_column_int64(st, 3)};
    }
    return rc;
}

void exec_poke(struct exec *x)
{
    struct err e;
    struct candidate *list;
    size_t n;
    if (x->stopping || x->freed || running(x, NULL, NULL) >= x->options.max_parallel)
        return;
    int rc = read_candidates(x, &list, &n, &e);
    for (size_t i = 0; i < n && rc == 0 && running(x, NULL, NULL) < x->options.max_parallel; i++)
        rc = consider(x, &list[i], &e);
    for (size_t i = 0; i < n; i++) {
        free(list[i].ns);
        free(list[i].name);
        free(list[i].spawner);
    }
    free(list);
    if (rc != 0) {
        log_error(NULL, "starting Tasks: %s", e.msg);
        retry_later(x);
    }
}

/* Is the Task that this command works for still its own? */
static bool still_running(struct local_db *l, const struct run *r)
{
    sqlite3_stmt *st = db_query(&l->db, NULL,
                                "SELECT 1 FROM tasks WHERE ns = ?1 AND name = ?2 AND uid = ?3 AND phase = 'Running'",
                                "ttt", r->ns, r->name, r->uid);
    int rc = st == NULL ? -1 : db_row(&l->db, st, NULL);
    if (rc == 1)
        db_end(st);
    return rc != 0; /* no answer is no reason to kill */
}

static void on_ended(void *arg)
{
    struct exec *x = arg;
    for (struct run *r = x->runs; r != NULL; r = r->next)
        if (!r->over && !r->asked_to_end && !still_running(x->store->db, r))
            run_term(r);
    exec_poke(x);
}

int exec_create(uv_loop_t *loop, struct local_store *store, const struct exec_options *options, struct exec **exec_r,
                struct err *e)
{
    *exec_r = NULL;
    if (access(EXEC_SHELL, X_OK) != 0)
        return err_set(e, ERR_INVALID,
                       "--exec runs commands by " EXEC_SHELL ", and there is none here; the container image has no "
                       "shell on purpose: run the engine outside of it, or let Kelos run the Tasks");
    char *dir = options->output_dir != NULL ? xstrdup(options->output_dir)
                                            : xasprintf("%s.output", local_path(store));
    if (store->db->mode != LOCAL_ENGINE || store->db->loop == NULL || output_directory(dir, e) != 0) {
        free(dir);
        return store->db->mode == LOCAL_ENGINE && store->db->loop != NULL
                   ? -1
                   : err_set(e, ERR_BUG, "only an engine's store runs commands");
    }
    struct exec *x = xcalloc(1, sizeof *x);
    x->loop = loop;
    x->store = store;
    x->options = *options;
    x->options.command = xstrdup(options->command);
    x->options.guard_path = xstrdup(options->guard_path);
    x->options.output_dir = dir;
    if (x->options.max_parallel <= 0) {
        int processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
        x->options.max_parallel = processors < 2 ? 2 : processors;
    }
    uv_timer_init(loop, &x->retry);
    uv_timer_init(loop, &x->stop);
    x->retry.data = x->stop.data = x;
    x->open_handles = 2;
    output_prune(dir, store->db, moment_now());
    local_watch_ended(store->db, on_ended, x);
    *exec_r = x;
    return 0;
}

void exec_stop(struct exec *x, int64_t grace_us, void (*done)(void *arg), void *arg)
{
    x->stopping = true;
    x->done = done;
    x->done_arg = arg;
    uv_timer_stop(&x->retry);
    for (struct run *r = x->runs, *next; r != NULL; r = next) {
        next = r->next;
        if (!r->over) {
            grace_us > 0 ? run_term(r) : run_kill(r);
        } else if (!r->stored) {
            run_store(r); /* its last chance */
            r->stored = true;
            if (r->open_handles == 0)
                run_gone(r);
        }
    }
    if (x->runs == NULL)
        uv_timer_start(&x->stop, on_stopped, 0, 0);
    else if (grace_us > 0)
        uv_timer_start(&x->stop, on_grace_over, (uint64_t)(grace_us + 999) / 1000, 0);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct exec *x = h->data;
    x->open_handles--;
    maybe_gone(x);
}

void exec_free(struct exec **exec)
{
    struct exec *x = *exec;
    *exec = NULL;
    if (x == NULL)
        return;
    local_watch_ended(x->store->db, NULL, NULL);
    x->freed = true;
    uv_close((uv_handle_t *)&x->retry, on_handle_closed);
    uv_close((uv_handle_t *)&x->stop, on_handle_closed);
    for (struct run *r = x->runs, *next; r != NULL; r = next) {
        next = r->next;
        if (r->open_handles == 0)
            run_gone(r); /* ended, but never stored */
        else if (!uv_is_closing((uv_handle_t *)&r->process))
            run_close(r); /* closing the socket is the guard's order to kill */
    }
}

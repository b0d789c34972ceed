/* Following a directory of policies: when to read it, and what was read goes through a worker before it serves. See
 * policy_set.h.
 *
 *   idle ---- event or timer, and the reading is not the one taken last ----> settling
 *   settling ---- POLICY_SET_SETTLE_MS later the reading is the same -------> examining (another one: settling again)
 *   examining ---- the worker has loaded it --------------------------------> taken, idle
 *
 * What happens during an examination is looked at afterwards, and what happens right after a look a little later:
 * somebody may write a log into the directory. */
#include "policy/policy_set_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "policy/policy_examine.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* What the directory said when it was read: files, or why not. */
struct reading {
    struct policy_files *files; /* NULL: `e` says why */
    struct err e;
    uint64_t hash; /* of the one or the other */
};

/* Outlives its set by the moment that closing takes. */
struct follower {
    uv_fs_event_t events;
    uv_timer_t every, settle;
    int open;
    struct policy_set *set;
    struct worker_pool *pool;
    struct judge_limits limits;
    void (*changed)(void *arg);
    void *arg;

    bool watching, deaf; /* deaf: no events can be had, which was said */
    bool settling, waiting; /* the settle timer runs: for the second reading, or to look again */
    uint64_t looked_at;     /* uv_now */
    uint64_t candidate;     /* the last reading's hash */
    struct policy_examination *examination;
    const struct policy_files *examined;
    struct policy_files *owned; /* == examined, unless that is the generation that serves */
    uint64_t examined_hash;
    bool again; /* something happened meanwhile */
    bool has_taken;
    uint64_t taken; /* hash of the reading that was taken last */
    uint64_t tried_at; /* uv_now */
    char **lints; /* that were logged */
    size_t n_lints;
};

static void look(struct follower *f);

static void read_dir(const struct follower *f, struct reading *r)
{
    *r = (struct reading){0};
    if (policy_files_read(f->set->dir, &r->files, &r->e) != 0)
        r->hash = ~XXH3_64bits(r->e.msg, strlen(r->e.msg));
    else
        r->hash = r->files->hash;
}

static void tell(struct follower *f, bool changed)
{
    if (changed)
        f->changed(f->arg);
}

/* ---- examining ---- */

static void end_examination(struct follower *f)
{
    policy_examination_free(&f->examination);
    if (f->examined != NULL && f->owned == NULL)
        policy_set_put(f->set, f->examined);
    policy_files_free(&f->owned);
    f->examined = NULL;
}

/* Warnings that the last reading did not have. */
static void log_lints(struct follower *f)
{
    const struct judge *j = policy_examination_judge(f->examination);
    size_t n = judge_lints(j) < POLICY_SET_LINTS_MAX ? judge_lints(j) : POLICY_SET_LINTS_MAX;
    char **lints = xcalloc(n + 1, sizeof *lints);
    for (size_t i = 0; i < n; i++) {
        struct policy_lint l = judge_lint(j, i);
        bool known = false;
        lints[i] = xasprintf("%s:%u: %s", l.file, l.line, l.sentence);
        for (size_t k = 0; k < f->n_lints && !known; k++)
            known = strcmp(f->lints[k], lints[i]) == 0;
        if (!known)
            log_warn(NULL, "policies: %s", lints[i]);
    }
    for (size_t k = 0; k < f->n_lints; k++)
        free(f->lints[k]);
    free(f->lints);
    f->lints = lints;
    f->n_lints = n;
}

static void on_examined(void *arg, const struct err *e)
{
    struct follower *f = arg;
    bool changed;
    if (e != NULL) { /* tried again at the next tick */
        struct err why = *e;
        err_wrap(&why, "trying the policies in %s", f->set->dir);
        changed = policy_set_note_trouble(f->set, &why);
    } else {
        changed = policy_set_take(f->set, f->examined, policy_examination_verdicts(f->examination), moment_now());
        log_lints(f);
        f->has_taken = true;
        f->taken = f->examined_hash;
    }
    end_examination(f);
    tell(f, changed);
    if (f->set != NULL && f->again) /* `changed` may have stopped us */
        look(f);
}

static void examine(struct follower *f, const struct policy_files *files, uint64_t hash)
{
    struct err e;
    f->examined = files;
    f->examined_hash = hash;
    f->again = f->has_taken = false;
    f->tried_at = uv_now(f->every.loop);
    if (policy_examination_start(f->pool, &f->limits, files, f->set->memory, on_examined, f, &f->examination, &e) == 0)
        return;
    err_wrap(&e, "trying the policies in %s", f->set->dir);
    bool changed = policy_set_note_trouble(f->set, &e);
    end_examination(f);
    tell(f, changed);
}

/* ---- looking ---- */

/* Two readings were the same. */
static void take(struct follower *f, struct reading *r)
{
    if (r->files == NULL) {
        f->has_taken = true;
        f->taken = r->hash;
        tell(f, policy_set_note_trouble(f->set, &r->e));
        return;
    }
    f->owned = r->files;
    examine(f, r->files, r->hash);
}

static void on_settle(uv_timer_t *t);

/* A reading that is news is taken when the next one is the same. */
static void settle_on(struct follower *f, uint64_t hash)
{
    if (f->has_taken && hash == f->taken)
        return;
    f->settling = true;
    f->candidate = hash;
    uv_timer_start(&f->settle, on_settle, POLICY_SET_SETTLE_MS, 0);
}

static void on_settle(uv_timer_t *t)
{
    struct follower *f = t->data;
    struct reading r;
    bool again = f->waiting;
    f->settling = f->waiting = false;
    if (again) {
        look(f);
        return;
    }
    f->looked_at = uv_now(t->loop);
    read_dir(f, &r);
    if (r.hash == f->candidate) {
        take(f, &r);
        return;
    }
    policy_files_free(&r.files);
    settle_on(f, r.hash);
}

static void look(struct follower *f)
{
    struct reading r;
    if (f->examination != NULL)
        f->again = true;
    if (f->examination != NULL || f->settling)
        return;
    if (f->waiting)
        uv_timer_stop(&f->settle);
    f->waiting = false;
    f->looked_at = uv_now(f->settle.loop);
    read_dir(f, &r);
    policy_files_free(&r.files);
    settle_on(f, r.hash);
}

static void on_event(uv_fs_event_t *h, const char *name, int events, int status)
{
    (void)name, (void)events, (void)status; /* whatever it was: the files say it better */
    struct follower *f = h->data;
    uint64_t since = uv_now(h->loop) - f->looked_at;
    if (since >= POLICY_SET_SETTLE_MS || f->examination != NULL || f->settling) {
        look(f);
    } else if (!f->waiting) {
        f->waiting = true;
        uv_timer_start(&f->settle, on_settle, POLICY_SET_SETTLE_MS - since, 0);
    }
}

/* A directory that was removed and made anew is another one, of which the old watch hears nothing: so it is watched
 * anew at every tick, before it is read. */
static void watch(struct follower *f)
{
    if (f->watching)
        uv_fs_event_stop(&f->events);
    int rc = uv_fs_event_start(&f->events, on_event, f->set->dir, 0);
    f->watching = rc == 0;
    if (rc != 0 && rc != UV_ENOENT && !f->deaf) {
        log_warn(NULL, "policies: no events can be had for %s (%s): changes are seen every %d s", f->set->dir,
                 uv_strerror(rc), POLICY_SET_EVERY_MS / 1000);
        f->deaf = true;
    }
}

static void on_every(uv_timer_t *t)
{
    struct follower *f = t->data;
    watch(f);
    if (policy_set_problems(f->set) > 0 && uv_now(t->loop) - f->tried_at >= POLICY_SET_RETRY_MS)
        f->has_taken = false;
    look(f);
}

/* ---- beginning and end ---- */

int policy_set_follow(struct policy_set *set, uv_loop_t *loop, struct worker_pool *pool,
                      const struct judge_limits *limits, void (*changed)(void *arg), void *arg, struct err *e)
{
    if (set->dir == NULL)
        return 0;
    struct follower *f = xcalloc(1, sizeof *f);
    *f = (struct follower){.set = set, .pool = pool, .limits = *limits, .changed = changed, .arg = arg};
    int rc = uv_fs_event_init(loop, &f->events);
    if (rc != 0) {
        free(f);
        return err_set(e, ERR_IO, "policies in %s: %s", set->dir, uv_strerror(rc));
    }
    uv_timer_init(loop, &f->every);
    uv_timer_init(loop, &f->settle);
    f->events.data = f->every.data = f->settle.data = f;
    f->open = 3;
    set->follower = f;
    watch(f);
    uv_timer_start(&f->every, on_every, POLICY_SET_EVERY_MS, POLICY_SET_EVERY_MS);
    const struct policy_files *files = policy_set_get(set);
    examine(f, files, files->hash);
    f->again = true; /* it was read a while ago */
    return 0;
}

/* ---- once ---- */

struct waiting {
    bool done;
    struct err e;
    uv_loop_t *loop;
};

static void on_waited(void *arg, const struct err *e)
{
    struct waiting *w = arg;
    w->done = true;
    if (e != NULL)
        w->e = *e;
    uv_stop(w->loop);
}

int policy_set_examine(struct policy_set *set, struct worker_pool *pool, const struct judge_limits *limits, struct err *e)
{
    struct waiting w = {.loop = worker_pool_loop(pool)};
    struct policy_examination *x = NULL;
    const struct policy_files *files = policy_set_get(set);
    bool specs = files->n_beside > 0;
    int rc = 0;
    if (specs)
        rc = policy_examination_start(pool, limits, files, set->memory, on_waited, &w, &x, e);
    while (specs && rc == 0 && !w.done)
        uv_run(w.loop, UV_RUN_DEFAULT);
    if (rc == 0 && w.e.kind != ERR_NONE) {
        *e = w.e;
        rc = -1;
    }
    if (rc == 0 && specs)
        policy_set_take(set, files, policy_examination_verdicts(x), moment_now());
    policy_examination_free(&x);
    policy_set_put(set, files);
    return rc == 0 ? 0 : err_wrap(e, "trying the policies in %s", set->dir);
}

static void on_closed(uv_handle_t *h)
{
    struct follower *f = h->data;
    if (--f->open > 0)
        return;
    for (size_t i = 0; i < f->n_lints; i++)
        free(f->lints[i]);
    free(f->lints);
    free(f);
}

void policy_set_stop(struct policy_set *set)
{
    struct follower *f = set->follower;
    if (f == NULL)
        return;
    end_examination(f);
    uv_close((uv_handle_t *)&f->events, on_closed);
    uv_close((uv_handle_t *)&f->every, on_closed);
    uv_close((uv_handle_t *)&f->settle, on_closed);
    f->set = NULL;
    set->follower = NULL;
}

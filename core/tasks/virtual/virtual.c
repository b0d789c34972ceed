/* Tasks of a virtual clock: see virtual.h. */
#include "tasks/virtual/virtual.h"

#include "base/mem.h"
#include "spawner/spawner.h"
#include "tasks/sqlite/local.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* What will happen to one Task. They are few: those that run, and those that wait for their TTL. */
struct due {
    moment_t at;
    enum virtual_event event;
    uint64_t order; /* of creation: decides when two are due at once */
    char *ns, *name, *spawner;
    moment_t ends_at;
    bool fails;
    int64_t ttl_s; /* -1: none */
};

struct virtual_store {
    struct store store; /* first: the interface */
    struct local_store *local;
    struct virtual_options options;
    struct due *due; /* a heap, the earliest first */
    size_t n_due, cap_due;
    uint64_t order;
    void (*changed)(void *arg, const char *ns, const char *spawner);
    void *changed_arg;
};

/* ---- the heap ---- */

static bool sooner(const struct due *x, const struct due *y)
{
    return x->at != y->at ? x->at < y->at : x->order < y->order;
}

static void sink(struct virtual_store *v, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < v->n_due; i = child) {
        if (child + 1 < v->n_due && sooner(&v->due[child + 1], &v->due[child]))
            child++;
        if (!sooner(&v->due[child], &v->due[i]))
            return;
        struct due swap = v->due[i];
        v->due[i] = v->due[child];
        v->due[child] = swap;
    }
}

static void rise(struct virtual_store *v, size_t i)
{
    for (size_t up; i > 0 && sooner(&v->due[i], &v->due[up = (i - 1) / 2]); i = up) {
        struct due swap = v->due[i];
        v->due[i] = v->due[up];
        v->due[up] = swap;
    }
}

static void due_add(struct virtual_store *v, const struct due *d)
{
    xgrow(&v->due, &v->cap_due, v->n_due + 1, sizeof *v->due);
    v->due[v->n_due] = *d;
    rise(v, v->n_due++);
}

static struct due due_take(struct virtual_store *v, size_t i)
{
    struct due d = v->due[i];
    v->due[i] = v->due[--v->n_due];
    if (i < v->n_due) {
        rise(v, i);
        sink(v, i);
    }
    return d;
}

static void due_deinit(struct due *d)
{
    free(d->ns);
    free(d->name);
    free(d->spawner);
}

/* What was to happen to a Task that is no more. */
static void due_forget(struct virtual_store *v, const char *ns, const char *name)
{
    for (size_t i = 0; i < v->n_due; i++)
        if (strcmp(v->due[i].name, name) == 0 && strcmp(v->due[i].ns, ns) == 0) {
            struct due d = due_take(v, i);
            due_deinit(&d);
            return; /* there is one for each Task at most */
        }
}

/* ---- what is created ---- */

static int64_t ttl_of(const cJSON *task)
{
    const cJSON *ttl = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(task, "spec"),
                                                        "ttlSecondsAfterFinished");
    return cJSON_IsNumber(ttl) && ttl->valuedouble >= 0 ? (int64_t)ttl->valuedouble : -1;
}

static bool fails(const struct virtual_store *v, const char *ns, const char *name, moment_t at)
{
    char *text = xasprintf("%s/%s/%lld", ns, name, (long long)at);
    bool failed = XXH3_64bits(text, strlen(text)) % 1000000 < v->options.failures_ppm;
    free(text);
    return failed;
}

static void on_created(struct virtual_store *v, const char *ns, const char *spawner, const struct store_create *c,
                       moment_t now)
{
    struct due d = {.at = now + v->options.start_us,
                    .event = VIRTUAL_STARTED,
                    .order = v->order++,
                    .ns = xstrdup(ns),
                    .name = xstrdup(c->name),
                    .spawner = xstrdup(spawner),
                    .ends_at = now + v->options.start_us + v->options.duration_us,
                    .fails = fails(v, ns, c->name, now),
                    .ttl_s = ttl_of(c->task)};
    due_add(v, &d);
}

/* ---- the interface: the local store's, but for what an apply made and unmade ---- */

struct applying {
    struct virtual_store *v;
    char *ns, *spawner;
    struct store_changes changes; /* what it points to is the caller's until done */
    moment_t now;
    store_apply_cb *done;
    void *arg;
};

static void say(const struct virtual_store *v, enum virtual_event event, const char *ns, const char *name, moment_t at)
{
    if (v->options.event != NULL)
        v->options.event(v->options.arg, event, ns, name, at);
}

static void on_applied(void *arg, const struct store_result *results, size_t n, const struct err *e)
{
    struct applying *a = arg;
    const struct store_changes *ch = &a->changes;
    for (size_t i = 0; e == NULL && i < n; i++) {
        bool creation = i < ch->n_creates;
        const char *name = creation ? ch->creates[i].name : ch->cancels[i - ch->n_creates].name;
        if (results[i].outcome != STORE_CREATED)
            continue;
        if (!creation || ch->creates[i].replace) {
            due_forget(a->v, a->ns, name);
            say(a->v, creation ? VIRTUAL_REPLACED : VIRTUAL_CANCELLED, a->ns, name, a->now);
        }
        if (creation)
            on_created(a->v, a->ns, a->spawner, &ch->creates[i], a->now);
    }
    a->done(a->arg, results, n, e);
    free(a->ns);
    free(a->spawner);
    free(a);
}

static int virtual_apply(struct store *s, const struct spawner *sp, const struct store_changes *changes, moment_t now,
                         store_apply_cb *done, void *arg, struct err *e)
{
    struct virtual_store *v = (struct virtual_store *)s;
    struct applying *a = xcalloc(1, sizeof *a);
    *a = (struct applying){.v = v, .ns = xstrdup(sp->ns), .spawner = xstrdup(sp->name), .changes = *changes, .now = now,
                           .done = done, .arg = arg};
    int rc = v->local->store.ops->apply(&v->local->store, sp, changes, now, on_applied, a, e);
    if (rc != 0) {
        free(a->ns);
        free(a->spawner);
        free(a);
    }
    return rc;
}

static int virtual_memory(struct store *s, const struct spawner *sp, moment_t now, store_memory_cb *done, void *arg,
                          struct err *e)
{
    struct store *local = &((struct virtual_store *)s)->local->store;
    return local->ops->memory(local, sp, now, done, arg, e);
}

static int virtual_facts(struct store *s, const struct spawner *sp, store_facts_cb *done, void *arg, struct err *e)
{
    struct store *local = &((struct virtual_store *)s)->local->store;
    return local->ops->facts(local, sp, done, arg, e);
}

static void virtual_watch(struct store *s, void (*changed)(void *arg, const char *ns, const char *spawner), void *arg)
{
    struct virtual_store *v = (struct virtual_store *)s;
    v->changed = changed;
    v->changed_arg = arg;
}

static void on_close(struct store *s)
{
    struct virtual_store *v = (struct virtual_store *)s;
    virtual_close(&v);
}

static const struct store_ops ops = {
    .memory = virtual_memory,
    .facts = virtual_facts,
    .apply = virtual_apply,
    .watch = virtual_watch,
    .close = on_close,
};

int virtual_open(uv_loop_t *loop, const struct virtual_options *options, struct virtual_store **store_r, struct err *e)
{
    struct virtual_store *v = xcalloc(1, sizeof *v);
    v->store.ops = &ops;
    v->options = *options;
    *store_r = NULL;
    if (local_open(NULL, LOCAL_MEMORY, loop, &v->local, e) != 0) {
        free(v);
        return -1;
    }
    *store_r = v;
    return 0;
}

void virtual_close(struct virtual_store **store)
{
    struct virtual_store *v = *store;
    if (v == NULL)
        return;
    *store = NULL;
    local_close(&v->local);
    for (size_t i = 0; i < v->n_due; i++)
        due_deinit(&v->due[i]);
    free(v->due);
    free(v);
}

struct store *virtual_interface(struct virtual_store *store)
{
    return &store->store;
}

/* ---- time ---- */

moment_t virtual_next(const struct virtual_store *v)
{
    return v->n_due > 0 ? v->due[0].at : MOMENT_NONE;
}

/* The TTL counts from the completionTime, which has whole seconds. */
static int finish(struct virtual_store *v, const struct due *d, struct err *e)
{
    enum task_phase phase = d->fails ? TASK_FAILED : TASK_SUCCEEDED;
    if (local_finish_task(v->local, d->ns, d->name, phase, NULL, d->at, e) != 0)
        return -1;
    say(v, d->event, d->ns, d->name, d->at);
    if (d->ttl_s < 0)
        return 0;
    struct due gone = *d;
    gone.at = d->at - d->at % MOMENT_SECOND + d->ttl_s * MOMENT_SECOND;
    gone.event = VIRTUAL_EXPIRED;
    gone.ns = xstrdup(d->ns);
    gone.name = xstrdup(d->name);
    gone.spawner = xstrdup(d->spawner);
    due_add(v, &gone);
    return 0;
}

static int expire(struct virtual_store *v, const struct due *d, struct err *e)
{
    size_t n;
    moment_t next;
    /* Others that are due at the same moment go along; each has its own turn all the same, to be told of. */
    if (local_expire(v->local, d->at, &n, &next, e) != 0)
        return -1;
    say(v, VIRTUAL_EXPIRED, d->ns, d->name, d->at);
    return 0;
}

static int happen(struct virtual_store *v, const struct due *d, struct err *e)
{
    struct due next = *d;
    switch (d->event) {
    case VIRTUAL_STARTED:
        if (local_start_task(v->local, d->ns, d->name, d->at, e) != 0)
            return -1;
        say(v, VIRTUAL_STARTED, d->ns, d->name, d->at);
        next.at = d->ends_at;
        next.event = d->fails ? VIRTUAL_FAILED : VIRTUAL_SUCCEEDED;
        next.ns = xstrdup(d->ns);
        next.name = xstrdup(d->name);
        next.spawner = xstrdup(d->spawner);
        due_add(v, &next);
        return 0;
    case VIRTUAL_EXPIRED:
        if (expire(v, d, e) != 0)
            return -1;
        break;
    default:
        if (finish(v, d, e) != 0)
            return -1;
    }
    if (v->changed != NULL)
        v->changed(v->changed_arg, d->ns, d->spawner);
    return 0;
}

int virtual_advance(struct virtual_store *v, moment_t now, struct err *e)
{
    int rc = 0;
    while (rc == 0 && v->n_due > 0 && v->due[0].at <= now) {
        struct due d = due_take(v, 0);
        rc = happen(v, &d, e);
        due_deinit(&d);
    }
    return rc;
}

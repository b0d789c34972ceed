/* memory, facts and apply as operations of the loop: they wait for the next turn, in order, and their completion is
 * never called from inside the start. */
#include "base/mem.h"
#include "spawner/spawner.h"
#include "tasks/sqlite/local_db.h"

#include <stdlib.h>

struct operation {
    struct operation *next;
    struct spawner_ref sp;
    store_memory_cb *on_memory; /* one of the three */
    store_facts_cb *on_facts;
    store_apply_cb *on_apply;
    void *arg;
    struct store_changes changes; /* what it points to is the caller's, but for: */
    struct cycle_status status;   /* owns its texts and conditions */
    moment_t now;
};

static void operation_free(struct operation *o)
{
    free(o->sp.ns);
    free(o->sp.name);
    free(o->sp.uid);
    free(o->sp.kind);
    free((char *)o->status.phase);
    free((char *)o->status.message);
    cJSON_Delete(o->status.conditions);
    free(o);
}

static struct operation *enqueue(struct local_db *l, const struct spawner *sp, void *arg)
{
    struct operation *o = xcalloc(1, sizeof *o);
    o->sp = (struct spawner_ref){
        .ns = xstrdup(sp->ns),
        .name = xstrdup(sp->name),
        .uid = xstrdup(sp->uid != NULL ? sp->uid : ""),
        .kind = xstrdup(sp->kind != NULL ? sp->kind : "TaskSpawner"),
        .max_concurrency = sp->max_concurrency,
    };
    o->arg = arg;
    if (l->last != NULL)
        l->last->next = o;
    else
        l->first = o;
    l->last = o;
    if (!uv_is_active((uv_handle_t *)&l->turn))
        uv_timer_start(&l->turn, turn_run, 0, 0);
    return o;
}

static int usable(struct local_db *l, struct err *e)
{
    return l->loop != NULL ? 0 : err_set(e, ERR_BUG, "%s was opened without a loop", l->path);
}

int local_facts(struct store *s, const struct spawner *sp, store_facts_cb *done, void *arg, struct err *e)
{
    struct local_db *l = ((struct local_store *)s)->db;
    if (usable(l, e) != 0)
        return -1;
    enqueue(l, sp, arg)->on_facts = done;
    return 0;
}

int local_memory(struct store *s, const struct spawner *sp, moment_t now, store_memory_cb *done, void *arg,
                 struct err *e)
{
    struct local_db *l = ((struct local_store *)s)->db;
    if (usable(l, e) != 0)
        return -1;
    struct operation *o = enqueue(l, sp, arg);
    o->on_memory = done;
    o->now = now;
    return 0;
}

int local_apply(struct store *s, const struct spawner *sp, const struct store_changes *changes, moment_t now,
                store_apply_cb *done, void *arg, struct err *e)
{
    const struct cycle_status *status = changes->status;
    struct local_db *l = ((struct local_store *)s)->db;
    if (usable(l, e) != 0)
        return -1;
    struct operation *o = enqueue(l, sp, arg);
    o->on_apply = done;
    o->changes = *changes;
    o->now = now;
    if (status != NULL) {
        o->changes.status = &o->status;
        o->status = *status;
        o->status.phase = xstrdup(status->phase);
        o->status.message = xstrdup(status->message);
        o->status.conditions = status->conditions != NULL ? cJSON_Duplicate(status->conditions, 1) : NULL;
    }
    return 0;
}

static struct operation *dequeue(struct local_db *l)
{
    struct operation *o = l->first;
    l->first = o->next;
    if (l->first == NULL)
        l->last = NULL;
    return o;
}

static void run(struct local_db *l, struct operation *o)
{
    struct err e = {0};
    if (o->on_memory != NULL) {
        struct spawner_memory *memory = NULL;
        int rc = memory_read(l, &o->sp, o->now, &memory, &e);
        o->on_memory(o->arg, memory, rc == 0 ? NULL : &e);
        return;
    }
    if (o->on_facts != NULL) {
        struct spawner_facts *facts = NULL;
        int rc = facts_read(l, &o->sp, &facts, &e);
        o->on_facts(o->arg, facts, rc == 0 ? NULL : &e);
        return;
    }
    size_t n = o->changes.n_creates + o->changes.n_cancels;
    struct store_result *results = xcalloc(n, sizeof *results);
    int rc = apply_run(l, &o->sp, &o->changes, o->now, results, &e);
    o->on_apply(o->arg, rc == 0 ? results : NULL, rc == 0 ? n : 0, rc == 0 ? NULL : &e);
    free(results);
}

/* One operation a turn, so that others on the loop get theirs. The timer is set before the completion, which may close
 * the store. */
void turn_run(uv_timer_t *timer)
{
    struct local_db *l = timer->data;
    struct operation *o = dequeue(l);
    if (l->first != NULL)
        uv_timer_start(&l->turn, turn_run, 0, 0);
    run(l, o);
    operation_free(o);
}

void turn_drop(struct local_db *l)
{
    while (l->first != NULL) {
        struct operation *o = dequeue(l);
        struct err e;
        err_set(&e, ERR_UNREACHABLE, "the store was closed");
        if (o->on_memory != NULL)
            o->on_memory(o->arg, NULL, &e);
        else if (o->on_facts != NULL)
            o->on_facts(o->arg, NULL, &e);
        else
            o->on_apply(o->arg, NULL, 0, &e);
        operation_free(o);
    }
}

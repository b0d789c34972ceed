/* The empty store: see no_store.h. It answers from the loop, as any store. */
#include "cli/no_store.h"

#include "base/mem.h"

#include <stdlib.h>

struct no_store {
    struct store store; /* first */
    uv_loop_t *loop;
};

struct pending {
    uv_timer_t timer;
    store_memory_cb *memory;
    store_facts_cb *facts;
    void *arg;
};

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

static void on_turn(uv_timer_t *t)
{
    struct pending *p = t->data;
    if (p->memory != NULL) {
        struct spawner_memory *m = xcalloc(1, sizeof *m);
        m->episodes = episodes_create();
        p->memory(p->arg, m, NULL);
    } else {
        p->facts(p->arg, xcalloc(1, sizeof(struct spawner_facts)), NULL);
    }
    uv_close((uv_handle_t *)t, on_closed);
}

static int answer_later(struct store *s, store_memory_cb *memory, store_facts_cb *facts, void *arg)
{
    struct pending *p = xcalloc(1, sizeof *p);
    p->memory = memory;
    p->facts = facts;
    p->arg = arg;
    uv_timer_init(((struct no_store *)s)->loop, &p->timer);
    p->timer.data = p;
    uv_timer_start(&p->timer, on_turn, 0, 0);
    return 0;
}

static int memory(struct store *s, const struct spawner *sp, moment_t now, store_memory_cb *done, void *arg, struct err *e)
{
    (void)sp, (void)now, (void)e;
    return answer_later(s, done, NULL, arg);
}

static int facts(struct store *s, const struct spawner *sp, store_facts_cb *done, void *arg, struct err *e)
{
    (void)sp, (void)e;
    return answer_later(s, NULL, done, arg);
}

static int apply(struct store *s, const struct spawner *sp, const struct store_changes *changes, moment_t now,
                 store_apply_cb *done, void *arg, struct err *e)
{
    (void)s, (void)sp, (void)changes, (void)now, (void)done, (void)arg;
    return err_set(e, ERR_BUG, "there is no store to write to");
}

static void watch(struct store *s, void (*changed)(void *arg, const char *ns, const char *spawner), void *arg)
{
    (void)s, (void)changed, (void)arg;
}

static void no_store_close(struct store *s)
{
    free(s);
}

struct store *no_store_open(uv_loop_t *loop)
{
    static const struct store_ops ops = {.memory = memory, .facts = facts, .apply = apply, .watch = watch, .close = no_store_close};
    struct no_store *s = xcalloc(1, sizeof *s);
    s->store.ops = &ops;
    s->loop = loop;
    return &s->store;
}

/* Operations and the index: see kube_store.h. */
#include "tasks/kube/kube_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "spawner/spawner.h"
#include "tasks/kube/task_extract.h"

#include <stdlib.h>
#include <string.h>

const struct kube_resource kube_alert_spawners = {"alerts.kelos.dev", "v1alpha1", "alertspawners", "AlertSpawner", false,
                                                  "kubectl apply -k deploy/crd installs it"};
const struct kube_resource kube_task_spawners = {"kelos.dev", "v1alpha2", "taskspawners", "TaskSpawner", false,
                                                 "Kelos brings it"};

static void operation_step(struct operation *op);

/* ---- the index ---- */

static struct namespace_watch *watch_find(const struct kube_store *s, const char *ns)
{
    for (struct namespace_watch *w = s->watches; w != NULL; w = w->next)
        if (w->ns[0] == '\0' || strcmp(w->ns, ns) == 0)
            return w;
    return NULL;
}

struct informer *store_tasks(const struct kube_store *s, const char *ns)
{
    struct namespace_watch *w = watch_find(s, ns);
    return w != NULL ? w->tasks : NULL;
}

static void *on_extract(void *arg, const cJSON *object)
{
    (void)arg;
    return task_extract(object);
}

static void on_discard(void *arg, void *kept)
{
    struct task_extract *t = kept;
    (void)arg;
    task_extract_free(&t);
}

/* Operations that wait for something of this namespace look again. */
static void wake(const struct kube_store *s, const char *ns)
{
    for (struct slot *slot = s->slots; slot != NULL; slot = slot->next)
        if (slot->first != NULL && uv_is_active((uv_handle_t *)&slot->first->timer) &&
            (ns[0] == '\0' || strcmp(slot->ns, ns) == 0))
            uv_timer_start(&slot->first->timer, slot->first->timer.timer_cb, 0, 0);
}

static void on_timer(uv_timer_t *t);

static void on_change(void *arg, const struct informer_entry *now, const struct informer_entry *before)
{
    struct namespace_watch *w = arg;
    struct kube_store *s = w->store;
    const struct informer_entry *entry = now != NULL ? now : before;
    const struct task_extract *is = now != NULL ? now->kept : NULL, *was = before != NULL ? before->kept : NULL;
    bool other = now != NULL && before != NULL && strcmp(now->uid, before->uid) != 0;
    bool ended = was != NULL && (is == NULL || other ||
                                 (task_phase_terminal(is->phase) && !task_phase_terminal(was->phase)));
    if (!ended)
        return;
    wake(s, entry->ns);
    if (s->changed != NULL && !s->quiet)
        s->changed(s->changed_arg, entry->ns, (is != NULL ? is : was)->spawner);
}

static void on_synced(void *arg)
{
    struct namespace_watch *w = arg;
    wake(w->store, w->ns);
}

static void on_trouble(void *arg, const struct err *e)
{
    struct namespace_watch *w = arg;
    const char *where = w->ns[0] != '\0' ? w->ns : "all namespaces";
    if (e != NULL)
        log_warn(where, "watching Tasks: %s", e->msg);
    else if (w->trouble != NULL)
        log_info(where, "Tasks are watched again");
    free(w->trouble);
    w->trouble = e != NULL ? xstrdup(e->msg) : NULL;
}

/* Makes sure that the namespace's Tasks are watched. */
static int watch_start(struct kube_store *s, const char *ns, struct err *e)
{
    if (watch_find(s, ns) != NULL)
        return 0;
    struct namespace_watch *w = xcalloc(1, sizeof *w);
    *w = (struct namespace_watch){.next = s->watches, .store = s, .ns = xstrdup(ns)};
    struct informer_options o = {
        .resource = &kube_tasks,
        .ns = w->ns,
        .selection = {.labels = STORE_LABEL_SPAWNER},
        .extract = on_extract,
        .discard = on_discard,
        .on_change = on_change,
        .on_synced = on_synced,
        .on_trouble = on_trouble,
        .arg = w,
    };
    if (informer_create(s->loop, s->client, &o, &w->tasks, e) != 0) {
        free(w->ns);
        free(w);
        return -1;
    }
    s->watches = w;
    return 0;
}

void kube_store_hurry(struct kube_store *s)
{
    s->stopping = true;
}

bool kube_store_ready(const struct kube_store *s, const char **why_r)
{
    for (const struct namespace_watch *w = s->watches; w != NULL; w = w->next)
        if (!informer_synced(w->tasks)) {
            *why_r = w->trouble != NULL ? w->trouble : "the first list of Tasks has not come yet";
            return false;
        }
    *why_r = "";
    return true;
}

/* ---- facts ---- */

struct gathering {
    const struct operation *op;
    struct spawner_facts *facts;
    size_t cap;
};

static void gather(void *arg, const struct informer_entry *entry)
{
    struct gathering *g = arg;
    const struct slot *slot = g->op->slot;
    struct spawner_facts *f = g->facts;
    if (strcmp(entry->ns, slot->ns) != 0 || !task_extract_labelled(entry->kept, slot->name))
        return;
    xgrow(&f->tasks, &g->cap, f->n_tasks + 1, sizeof *f->tasks);
    f->tasks[f->n_tasks++] = task_extract_fact(entry->kept, entry->name, entry->uid, entry->resource_version, slot->name,
                                               g->op->uid);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct task_fact *)a)->name, ((const struct task_fact *)b)->name);
}

struct spawner_facts *store_facts(const struct operation *op)
{
    struct gathering g = {.op = op, .facts = xcalloc(1, sizeof *g.facts)};
    struct informer *tasks = store_tasks(op->store, op->slot->ns);
    if (tasks != NULL)
        informer_each(tasks, gather, &g);
    if (g.facts->n_tasks > 1)
        qsort(g.facts->tasks, g.facts->n_tasks, sizeof *g.facts->tasks, by_name);
    return g.facts;
}

/* ---- slots ---- */

void slot_forget(struct slot *slot)
{
    kept_free(&slot->kept);
    free(slot->map_version);
    free(slot->object_version);
    cJSON_Delete(slot->status);
    slot->map_version = slot->object_version = NULL;
    slot->status = NULL;
    slot->stale = false;
}

static void slot_remove(struct kube_store *s, struct slot *slot)
{
    struct slot **p = &s->slots;
    while (*p != slot)
        p = &(*p)->next;
    *p = slot->next;
    slot_forget(slot);
    for (size_t i = 0; i < sizeof slot->said / sizeof *slot->said; i++)
        free(slot->said[i]);
    free(slot->problem);
    free(slot->ns);
    free(slot->name);
    free(slot);
}

static struct slot *slot_get(struct kube_store *s, const char *ns, const char *name)
{
    for (struct slot *slot = s->slots; slot != NULL; slot = slot->next)
        if (strcmp(slot->name, name) == 0 && strcmp(slot->ns, ns) == 0)
            return slot;
    struct slot *slot = xcalloc(1, sizeof *slot);
    *slot = (struct slot){.next = s->slots, .ns = xstrdup(ns), .name = xstrdup(name)};
    s->slots = slot;
    return slot;
}

/* ---- operations ---- */

static void on_timer_closed(uv_handle_t *h)
{
    free(h->data);
}

static void operation_free(struct operation *op)
{
    op->orphan = op->call != NULL; /* its completion is still to come */
    if (op->orphan)
        return;
    free(op->uid);
    free(op->spawner_kind);
    free(op->api_version);
    free((char *)op->status.phase);
    free((char *)op->status.message);
    cJSON_Delete(op->status.conditions);
    cJSON_Delete(op->answer);
    cJSON_Delete(op->wanted);
    free(op->results);
    uv_close((uv_handle_t *)&op->timer, on_timer_closed);
}

static struct operation *operation_create(struct kube_store *s, enum operation_kind kind, const struct kube_spawner_ref *sp,
                                          bool in_cluster)
{
    struct operation *op = xcalloc(1, sizeof *op);
    *op = (struct operation){
        .store = s,
        .slot = slot_get(s, sp->ns, sp->name),
        .kind = kind,
        .uid = xstrdup(sp->uid),
        .spawner_kind = xstrdup(sp->kind),
        .api_version = xstrdup(sp->api_version),
        .generation = sp->generation,
        .in_cluster = in_cluster,
    };
    uv_timer_init(s->loop, &op->timer);
    op->timer.data = op;
    struct slot *slot = op->slot;
    slot->gone = false;
    if (slot->last != NULL)
        slot->last->next = op;
    else
        slot->first = op;
    slot->last = op;
    if (slot->first == op)
        uv_timer_start(&op->timer, on_timer, 0, 0);
    return op;
}

static struct operation *of_spawner(struct kube_store *s, enum operation_kind kind, const struct spawner *sp)
{
    struct kube_spawner_ref ref = {.api_version = sp->api_version, .kind = sp->kind, .ns = sp->ns, .name = sp->name,
                                   .uid = sp->uid, .generation = sp->generation};
    return operation_create(s, kind, &ref, sp->in_cluster);
}

/* Hands out the result; the next one of the spawner begins. */
static void operation_finish(struct operation *op)
{
    struct slot *slot = op->slot;
    struct kube_store *s = op->store;
    const struct err *e = op->failed ? &op->err : NULL;
    op->state = O_DONE;
    slot->first = op->next;
    if (slot->first == NULL)
        slot->last = NULL;
    else
        uv_timer_start(&slot->first->timer, on_timer, 0, 0);
    if (op->kind == OP_MEMORY) {
        op->on_memory(op->arg, e == NULL ? kept_memory(slot->kept, op->now) : NULL, e);
    } else if (op->kind == OP_FACTS) {
        struct spawner_facts *facts = e == NULL ? store_facts(op) : NULL;
        if (facts != NULL)
            kept_facts(slot->kept, facts);
        op->on_facts(op->arg, facts, e);
    } else if (op->kind == OP_APPLY) {
        op->on_apply(op->arg, op->results, op->changes.n_creates + op->changes.n_cancels, e);
    } else if (e != NULL) {
        log_error(slot->name, "writing the status of %s %s/%s: %s", op->spawner_kind, slot->ns, slot->name, e->msg);
    }
    operation_free(op);
    if (slot->gone && slot->first == NULL)
        slot_remove(s, slot);
}

static int sync_step(struct operation *op)
{
    struct namespace_watch *w = watch_find(op->store, op->slot->ns);
    if (informer_synced(w->tasks))
        return 1;
    if (operation_timed_out(op))
        return err_set(&op->err, ERR_UNREACHABLE, "the Tasks of namespace %s are not known: %s", op->slot->ns,
                       w->trouble != NULL ? w->trouble : "their first complete list has not come yet");
    operation_wait(op, KUBE_SYNC_MS);
    return 0;
}

/* What is done once all is known. */
static enum operation_state begin(struct operation *op)
{
    if (op->kind == OP_PROBLEM)
        return O_TELLING;
    struct spawner_facts *facts = store_facts(op);
    kept_adopt(op->slot->kept, facts->tasks, facts->n_tasks, op->now);
    spawner_facts_free(&facts);
    op->total = op->slot->kept->total;
    return op->kind == OP_APPLY ? O_ACTING : O_DONE;
}

static enum operation_state after(const struct operation *op)
{
    static const enum operation_state next[] = {
        [O_SYNCING] = O_LOADING, [O_ACTING] = O_KEEPING, [O_KEEPING] = O_TELLING, [O_TELLING] = O_DONE};
    return next[op->state];
}

/* The only place that decides what comes next. */
static void operation_step(struct operation *op)
{
    static int (*const steps[])(struct operation *) = {[O_SYNCING] = sync_step, [O_LOADING] = load_step,
                                                       [O_ACTING] = apply_step, [O_KEEPING] = keep_step,
                                                       [O_TELLING] = status_step};
    while (op->state != O_DONE) {
        int rc = op->store->closed ? err_set(&op->err, ERR_UNREACHABLE, "the store is closed") : steps[op->state](op);
        if (rc == 0)
            return;
        op->sub = op->tries = 0;
        op->i = 0;
        op->deadline = 0;
        op->failed = rc < 0;
        op->state = rc < 0 ? O_DONE : op->state == O_LOADING ? begin(op) : after(op);
    }
    if (op->kind == OP_APPLY && !op->failed)
        events_tell(op);
    operation_finish(op);
}

static void on_timer(uv_timer_t *t)
{
    operation_step(t->data);
}

void operation_wait(struct operation *op, uint64_t ms)
{
    uint64_t now = uv_now(op->store->loop);
    if (op->deadline == 0)
        op->deadline = now + ms;
    uv_timer_start(&op->timer, on_timer, op->deadline > now ? op->deadline - now : 0, 0);
}

bool operation_timed_out(const struct operation *op)
{
    return op->deadline != 0 && uv_now(op->store->loop) >= op->deadline;
}

void operation_answered(void *arg, cJSON *object, const struct err *e)
{
    struct operation *op = arg;
    op->call = NULL;
    if (op->orphan) {
        cJSON_Delete(object);
        operation_free(op);
        return;
    }
    op->answered = true;
    op->answer = object;
    op->why = e != NULL ? *e : (struct err){0};
    operation_step(op);
}

cJSON *operation_take(struct operation *op)
{
    cJSON *answer = op->answer;
    op->answer = NULL;
    op->answered = false;
    return answer;
}

bool operation_may_write(struct operation *op, struct err *e)
{
    struct kube_store *s = op->store;
    if (s->read_only) {
        err_set(e, ERR_BUG, "the store was opened for reading only");
        return false;
    }
    if (s->may_act == NULL || s->may_act(s->may_act_arg))
        return true;
    err_set(e, ERR_CONFLICT, "this replica does not lead any more");
    return false;
}

/* ---- the interface ---- */

static int usable(struct kube_store *s, const char *ns, struct err *e)
{
    if (s->closed)
        return err_set(e, ERR_UNREACHABLE, "the store is closed");
    return watch_start(s, ns, e);
}

static int on_memory(struct store *store, const struct spawner *sp, moment_t now, store_memory_cb *done, void *arg,
                     struct err *e)
{
    struct kube_store *s = (struct kube_store *)store;
    if (usable(s, sp->ns, e) != 0)
        return -1;
    struct operation *op = of_spawner(s, OP_MEMORY, sp);
    op->on_memory = done;
    op->arg = arg;
    op->now = now;
    return 0;
}

static int on_facts(struct store *store, const struct spawner *sp, store_facts_cb *done, void *arg, struct err *e)
{
    struct kube_store *s = (struct kube_store *)store;
    if (usable(s, sp->ns, e) != 0)
        return -1;
    struct operation *op = of_spawner(s, OP_FACTS, sp);
    op->on_facts = done;
    op->arg = arg;
    op->now = moment_now();
    return 0;
}

static int on_apply(struct store *store, const struct spawner *sp, const struct store_changes *changes, moment_t now,
                    store_apply_cb *done, void *arg, struct err *e)
{
    struct kube_store *s = (struct kube_store *)store;
    if (usable(s, sp->ns, e) != 0)
        return -1;
    struct operation *op = of_spawner(s, OP_APPLY, sp);
    op->on_apply = done;
    op->arg = arg;
    op->now = now;
    op->changes = *changes;
    op->results = xcalloc(changes->n_creates + changes->n_cancels + 1, sizeof *op->results);
    if (changes->status != NULL) {
        op->status = *changes->status;
        op->status.phase = xstrdup(changes->status->phase);
        op->status.message = xstrdup(changes->status->message);
        op->status.conditions = cJSON_Duplicate(changes->status->conditions, 1);
        op->changes.status = &op->status;
    }
    return 0;
}

static void on_watch(struct store *store, void (*changed)(void *arg, const char *ns, const char *spawner), void *arg)
{
    struct kube_store *s = (struct kube_store *)store;
    s->changed = changed;
    s->changed_arg = arg;
}

static void on_close(struct store *store)
{
    struct kube_store *s = (struct kube_store *)store;
    kube_store_free(&s);
}

static const struct store_ops ops = {
    .memory = on_memory, .facts = on_facts, .apply = on_apply, .watch = on_watch, .close = on_close};

int kube_store_create(uv_loop_t *loop, const struct kube_store_options *o, struct kube_store **store_r, struct err *e)
{
    struct kube_store *s = xcalloc(1, sizeof *s);
    *s = (struct kube_store){
        .store = {&ops},
        .loop = loop,
        .client = o->client,
        .events = o->events,
        .ns = xstrdup(o->ns),
        .read_only = o->read_only,
    };
    *store_r = s;
    if (watch_start(s, o->ns, e) == 0)
        return 0;
    kube_store_free(store_r);
    return -1;
}

struct store *kube_store_interface(struct kube_store *s)
{
    return &s->store;
}

void kube_store_free(struct kube_store **store)
{
    struct kube_store *s = *store;
    *store = NULL;
    if (s == NULL)
        return;
    s->closed = true;
    for (struct slot *slot = s->slots, *next; slot != NULL; slot = next) {
        next = slot->next;
        while (slot->first != NULL) {
            struct operation *op = slot->first;
            if (op->call != NULL)
                kube_cancel(op->call); /* its completion finds the store closed */
            err_set(&op->err, ERR_UNREACHABLE, "the store is closed");
            op->failed = true;
            operation_finish(op);
        }
    }
    while (s->slots != NULL)
        slot_remove(s, s->slots);
    while (s->watches != NULL) {
        struct namespace_watch *w = s->watches;
        s->watches = w->next;
        informer_free(&w->tasks);
        free(w->trouble);
        free(w->ns);
        free(w);
    }
    free(s->ns);
    free(s);
}

void kube_store_fence(struct kube_store *s, bool (*may_act)(void *arg), void *arg)
{
    s->may_act = may_act;
    s->may_act_arg = arg;
}

void kube_store_refresh(struct kube_store *s)
{
    for (struct slot *slot = s->slots; slot != NULL; slot = slot->next) {
        slot->stale = true;
        free(slot->problem); /* to be told again, by us */
        slot->problem = NULL;
    }
    for (struct namespace_watch *w = s->watches; w != NULL; w = w->next)
        informer_refresh(w->tasks);
}

void kube_store_problem(struct kube_store *s, const struct kube_spawner_ref *spawner, const char *problem)
{
    if (s->may_act != NULL && !s->may_act(s->may_act_arg))
        return; /* whoever leads tells */
    struct slot *slot = slot_get(s, spawner->ns, spawner->name);
    if (problem == NULL ? slot->problem == NULL : slot->problem != NULL && strcmp(problem, slot->problem) == 0)
        return;
    free(slot->problem);
    slot->problem = xstrdup(problem);
    struct err e;
    if (problem != NULL && !s->read_only && usable(s, spawner->ns, &e) == 0)
        operation_create(s, OP_PROBLEM, spawner, true)->now = moment_now();
}

void kube_store_drop(struct kube_store *s, const char *ns, const char *name)
{
    struct slot *slot = slot_get(s, ns, name);
    slot->gone = true;
    if (slot->first == NULL)
        slot_remove(s, slot);
}

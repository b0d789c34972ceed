/* Spawners that are objects of the API server: followed, handed out as documents, told what is wrong with them. See
 * cluster.h. */
#include "cli/cluster_private.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "spawner/spawner.h"
#include "tasks/object.h"

#include <stdlib.h>
#include <string.h>

#define ANN_ENGINE "alerts.kelos.dev/engine"
enum { SOON_MS = 20, WAIT_MS = 20000 };

/* What is kept of an object: its document without what others keep changing. */
struct spawner_text {
    char *label;  /* "AlertSpawner ns/name": a file's name, for sentences */
    char *json;
    size_t len;
    char *version; /* apiVersion */
    int64_t generation;
    bool pruned;  /* a TaskSpawner whose CRD does not know the field */
};

static const char *const pruned_sentence =
    "the cluster's TaskSpawner kind does not know spec.when.prometheusAlerts and has dropped it: apply the document as an "
    "AlertSpawner, or extend the kind's CustomResourceDefinition";

/* Only what a person wrote: a status, which our own cycles write, must not look like a change. */
static char *document_text(const cJSON *object)
{
    static const char *const kept[] = {"name", "namespace", "uid", "generation", "annotations", "labels"};
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");
    cJSON *doc = cJSON_CreateObject(), *meta;
    cJSON_AddStringToObject(doc, "apiVersion", object_text(object, "apiVersion"));
    cJSON_AddStringToObject(doc, "kind", object_text(object, "kind"));
    meta = cJSON_AddObjectToObject(doc, "metadata");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const cJSON *m = cJSON_GetObjectItemCaseSensitive(metadata, kept[i]);
        if (m != NULL)
            cJSON_AddItemToObject(meta, kept[i], cJSON_Duplicate(m, 1));
    }
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(object, "spec");
    if (spec != NULL)
        cJSON_AddItemToObject(doc, "spec", cJSON_Duplicate(spec, 1));
    char *text = cJSON_PrintUnformatted(doc);
    cJSON_Delete(doc);
    return text;
}

static void *on_extract(void *arg, const cJSON *object)
{
    const struct spawner_kind *kind = arg;
    bool theirs = kind->resource == &kube_task_spawners;
    if (kube_deleting(object) || (theirs && strcmp(kube_annotation(object, ANN_ENGINE), "alertspawner") != 0))
        return NULL;
    const cJSON *when = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(object, "spec"), "when");
    struct spawner_text *t = xcalloc(1, sizeof *t);
    t->label = xasprintf("%s %s/%s", kind->resource->kind, kube_namespace(object), kube_name(object));
    t->json = document_text(object);
    t->len = strlen(t->json);
    t->version = xstrdup(object_text(object, "apiVersion"));
    t->generation = object_int(cJSON_GetObjectItemCaseSensitive(object, "metadata"), "generation", 0);
    t->pruned = theirs && cJSON_GetArraySize(when) == 0;
    return t;
}

static void on_discard(void *arg, void *kept)
{
    struct spawner_text *t = kept;
    (void)arg;
    if (t == NULL)
        return;
    free(t->label);
    cJSON_free(t->json);
    free(t->version);
    free(t);
}

static void on_soon(uv_timer_t *timer)
{
    struct cluster *c = timer->data;
    if (c->changed != NULL)
        c->changed(c->changed_arg);
}

static void change_soon(struct cluster *c)
{
    if (c->soon != NULL && !uv_is_active((uv_handle_t *)c->soon))
        uv_timer_start(c->soon, on_soon, SOON_MS, 0);
}

static void on_change(void *arg, const struct informer_entry *now, const struct informer_entry *before)
{
    struct spawner_kind *kind = arg;
    const struct spawner_text *is = now != NULL ? now->kept : NULL, *was = before != NULL ? before->kept : NULL;
    if (is != NULL && was != NULL && strcmp(is->json, was->json) == 0)
        return;
    if (is == NULL && was != NULL)
        kube_store_drop(kind->cluster->store, before->ns, before->name);
    change_soon(kind->cluster);
}

static void on_synced(void *arg)
{
    struct spawner_kind *kind = arg;
    change_soon(kind->cluster);
}

static void on_trouble(void *arg, const struct err *e)
{
    struct spawner_kind *kind = arg;
    const char *plural = kind->resource->plural;
    if (e != NULL)
        log_warn(NULL, "watching %s: %s%s", plural, e->msg,
                 e->kind == ERR_NOT_FOUND ? " (documents of -f are watched nevertheless)" : "");
    else if (kind->trouble != NULL)
        log_info(NULL, "%s are watched again", plural);
    free(kind->trouble);
    kind->trouble = e != NULL ? xstrdup(e->msg) : NULL;
}

static int follow_kind(struct cluster *c, struct spawner_kind *kind, const struct kube_resource *resource, struct err *e)
{
    *kind = (struct spawner_kind){.cluster = c, .resource = resource};
    struct informer_options o = {
        .resource = resource,
        .ns = c->watched,
        .extract = on_extract,
        .discard = on_discard,
        .on_change = on_change,
        .on_synced = on_synced,
        .on_trouble = on_trouble,
        .arg = kind,
    };
    return informer_create(c->loop, c->client, &o, &kind->informer, e);
}

int cluster_follow(struct cluster *c, void (*changed)(void *arg), void *arg, struct err *e)
{
    c->changed = changed;
    c->changed_arg = arg;
    c->soon = xmalloc(sizeof *c->soon);
    uv_timer_init(c->loop, c->soon);
    c->soon->data = c;
    if (follow_kind(c, &c->kinds[0], &kube_alert_spawners, e) != 0)
        return -1;
    return c->take_task_spawners ? follow_kind(c, &c->kinds[1], &kube_task_spawners, e) : 0;
}

static void on_timer_closed(uv_handle_t *h)
{
    free(h);
}

void spawners_close(struct cluster *c)
{
    for (size_t i = 0; i < SPAWNER_KINDS; i++) {
        informer_free(&c->kinds[i].informer);
        free(c->kinds[i].trouble);
        c->kinds[i].trouble = NULL;
    }
    if (c->soon != NULL)
        uv_close((uv_handle_t *)c->soon, on_timer_closed);
    c->soon = NULL;
    free(c->objects);
    c->objects = NULL;
}

bool spawners_ready(const struct cluster *c, const char **why_r)
{
    for (size_t i = 0; i < SPAWNER_KINDS; i++) {
        const struct spawner_kind *kind = &c->kinds[i];
        if (kind->informer == NULL || informer_synced(kind->informer))
            continue;
        *why_r = kind->trouble != NULL ? kind->trouble : "the first list of spawners has not come yet";
        return false;
    }
    *why_r = "";
    return true;
}

/* ---- as documents ---- */

static void add_object(void *arg, const struct informer_entry *entry)
{
    struct cluster *c = arg;
    const struct spawner_text *t = entry->kept;
    if (t->pruned)
        return; /* cluster_tell says why */
    xgrow(&c->objects, &c->cap_objects, c->n_objects + 1, sizeof *c->objects);
    c->objects[c->n_objects++] = (struct spawner_object){.name = t->label, .json = t->json, .len = t->len};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct spawner_object *)a)->name, ((const struct spawner_object *)b)->name);
}

size_t cluster_objects(struct cluster *c, const struct spawner_object **objects_r)
{
    c->n_objects = 0;
    for (size_t i = 0; i < SPAWNER_KINDS; i++)
        if (c->kinds[i].informer != NULL)
            informer_each(c->kinds[i].informer, add_object, c);
    /* Two kinds of one name: the same one is the first whenever they are read. */
    if (c->n_objects > 1)
        qsort(c->objects, c->n_objects, sizeof *c->objects, by_name);
    *objects_r = c->objects;
    return c->n_objects;
}

/* ---- what is wrong with them ---- */

/* The set's sentences about that document, joined; NULL: none. free() */
static char *problems_of(const struct spawner_set *set, const char *label)
{
    struct buf all = {0};
    size_t n = strlen(label);
    for (size_t i = 0; i < set->n_problems; i++) {
        const char *p = set->problems[i];
        if (strncmp(p, label, n) == 0 && p[n] == ':')
            buf_addf(&all, "%s%s", all.len > 0 ? "; " : "", p + n + 1 + strspn(p + n + 1, " "));
    }
    return all.len > 0 ? buf_take(&all) : NULL;
}

struct telling {
    struct spawner_kind *kind;
    const struct spawner_set *set;
};

static void tell(void *arg, const struct informer_entry *entry)
{
    struct telling *telling = arg;
    const struct spawner_text *t = entry->kept;
    struct kube_spawner_ref ref = {
        .api_version = t->version,
        .kind = telling->kind->resource->kind,
        .ns = entry->ns,
        .name = entry->name,
        .uid = entry->uid,
        .generation = t->generation,
    };
    char *problem = t->pruned ? xstrdup(pruned_sentence) : problems_of(telling->set, t->label);
    kube_store_problem(telling->kind->cluster->store, &ref, problem);
    free(problem);
}

void cluster_tell(struct cluster *c, const struct spawner_set *set)
{
    for (size_t i = 0; i < SPAWNER_KINDS; i++) {
        struct telling telling = {&c->kinds[i], set};
        if (c->kinds[i].informer != NULL)
            informer_each(c->kinds[i].informer, tell, &telling);
    }
}

/* ---- once and plan ---- */

static void on_wait_over(uv_timer_t *timer)
{
    ((struct cluster *)timer->data)->timed_out = true;
}

int cluster_wait(struct cluster *c, struct err *e)
{
    const char *why = "";
    uv_timer_t *timer = xmalloc(sizeof *timer);
    uv_timer_init(c->loop, timer);
    timer->data = c;
    uv_timer_start(timer, on_wait_over, WAIT_MS, 0);
    while (!spawners_ready(c, &why) && !c->timed_out)
        uv_run(c->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)timer, on_timer_closed);
    return spawners_ready(c, &why) ? 0 : err_set(e, ERR_UNREACHABLE, "%s", why);
}

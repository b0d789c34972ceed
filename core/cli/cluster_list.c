/* get and delete in a cluster: one question each, with a loop of their own. See cluster.h. */
#include "cli/cluster_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "tasks/object.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 500 };

/* One question after the other; whoever waits runs the loop. */
struct asker {
    uv_loop_t loop;
    struct cluster *cluster;
    cJSON *list;
    char *more; /* continue token */
    bool done;
    struct err err; /* kind ERR_NONE: it went well */
};

static int asker_open(struct asker *a, const struct options *o, struct err *e)
{
    *a = (struct asker){.list = cJSON_CreateArray(), .more = xstrdup("")};
    if (uv_loop_init(&a->loop) != 0)
        return err_set(e, ERR_IO, "no event loop: too many open files?");
    return cluster_connect(&a->loop, o, &a->cluster, e);
}

static void asker_close(struct asker *a)
{
    cluster_close(&a->cluster);
    uv_run(&a->loop, UV_RUN_DEFAULT);
    uv_loop_close(&a->loop);
    cJSON_Delete(a->list);
    free(a->more);
}

static int answer_wait(struct asker *a, struct err *e)
{
    while (!a->done && uv_run(&a->loop, UV_RUN_ONCE))
        ;
    a->done = false;
    if (a->err.kind == ERR_NONE)
        return 0;
    *e = a->err;
    a->err = (struct err){0};
    return -1;
}

/* ---- lists ---- */

static int on_item(void *arg, cJSON *item, struct err *e)
{
    struct asker *a = arg;
    (void)e;
    cJSON_AddItemToArray(a->list, item);
    return 0;
}

static void on_page(void *arg, const struct kube_page *page, const struct err *e)
{
    struct asker *a = arg;
    a->done = true;
    free(a->more);
    a->more = xstrdup(page != NULL ? page->continue_token : "");
    if (e != NULL)
        a->err = *e;
}

static int list_all(struct asker *a, const struct options *o, const struct kube_resource *resource, const char *name,
                    const char *labels, struct err *e)
{
    char *fields = name != NULL ? xasprintf("metadata.name=%s", name) : NULL;
    struct kube_ref ref = {.resource = resource, .ns = o->all_namespaces ? "" : a->cluster->ns};
    int rc = 0;
    do {
        struct kube_list list = {.selection = {.labels = labels, .fields = fields}, .limit = PAGE,
                                 .continue_token = a->more, .on_item = on_item, .done = on_page, .arg = a};
        char *token = xstrdup(a->more);
        list.continue_token = token;
        rc = kube_list(a->cluster->client, &ref, &list, NULL, e);
        if (rc == 0)
            rc = answer_wait(a, e);
        free(token);
    } while (rc == 0 && a->more[0] != '\0');
    free(fields);
    return rc;
}

static int by_place(const void *a, const void *b)
{
    const cJSON *x = *(cJSON *const *)a, *y = *(cJSON *const *)b;
    int c = strcmp(kube_namespace(x), kube_namespace(y));
    return c != 0 ? c : strcmp(kube_name(x), kube_name(y));
}

/* managedFields are noise that kubectl hides, too. Sorted; a name that is not there is an error. */
static int hand_over(struct asker *a, const char *what, const char *name, cJSON **list_r, struct err *e)
{
    int n = cJSON_GetArraySize(a->list);
    if (n == 0 && name != NULL)
        return err_set(e, ERR_NOT_FOUND, "%s %s/%s is not in the cluster", what, a->cluster->ns, name);
    cJSON **items = xcalloc((size_t)n + 1, sizeof *items);
    for (int i = 0; i < n; i++) {
        items[i] = cJSON_DetachItemFromArray(a->list, 0);
        cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(items[i], "metadata"), "managedFields");
    }
    qsort(items, (size_t)n, sizeof *items, by_place);
    *list_r = cJSON_CreateArray();
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(*list_r, items[i]);
    free(items);
    return 0;
}

int cluster_list_tasks(const struct options *o, const char *name, cJSON **list_r, struct err *e)
{
    struct asker a;
    int rc = asker_open(&a, o, e);
    if (rc == 0)
        rc = list_all(&a, o, &kube_tasks, name, name == NULL ? STORE_LABEL_SPAWNER : NULL, e);
    if (rc == 0)
        rc = hand_over(&a, "Task", name, list_r, e);
    asker_close(&a);
    return rc;
}

/* A spawner from a file has no object; its ConfigMap says how it is. */
static void add_from_map(cJSON *list, const cJSON *map, const char *name)
{
    const char *spawner = kube_label(map, "alerts.kelos.dev/spawner"), *text = kube_text(map, "data", "status.json", NULL);
    cJSON *status = text[0] != '\0' ? cJSON_Parse(text) : NULL;
    if (!cJSON_IsObject(status) || (name != NULL && strcmp(name, spawner) != 0)) {
        cJSON_Delete(status);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    object_set_text(o, "apiVersion", "kelos.dev/v1alpha2");
    object_set_text(o, "kind", object_text(status, "kind")[0] != '\0' ? object_text(status, "kind") : "TaskSpawner");
    cJSON_DeleteItemFromObjectCaseSensitive(status, "kind");
    cJSON *metadata = object_at(o, "metadata");
    object_set_text(metadata, "name", spawner);
    object_set_text(metadata, "namespace", kube_namespace(map));
    object_set_time(metadata, "creationTimestamp",
                    object_time(cJSON_GetObjectItemCaseSensitive(map, "metadata"), "creationTimestamp"));
    cJSON_AddItemToObject(o, "status", status);
    cJSON_AddItemToArray(list, o);
}

/* What may be absent is said, and the rest is shown: not every cluster has our kind, not everybody may see ConfigMaps. */
static int list_some(struct asker *a, const struct options *o, const struct kube_resource *resource, const char *name,
                     const char *labels, enum err_kind absent, struct err *e)
{
    struct err why;
    if (list_all(a, o, resource, name, labels, &why) == 0)
        return 0;
    if (why.kind != absent) {
        *e = why;
        return -1;
    }
    log_warn(NULL, "%s are not shown: %s", resource->plural, why.msg);
    return 0;
}

static int add_maps(struct asker *a, const struct options *o, const char *name, struct err *e)
{
    cJSON *objects = a->list;
    a->list = cJSON_CreateArray();
    int rc = list_some(a, o, &kube_config_maps, NULL, "app.kubernetes.io/managed-by=alertspawner,alerts.kelos.dev/spawner",
                       ERR_FORBIDDEN, e);
    const cJSON *map;
    cJSON_ArrayForEach(map, a->list)
    {
        add_from_map(objects, map, name);
    }
    cJSON_Delete(a->list);
    a->list = objects;
    return rc;
}

int cluster_list_spawners(const struct options *o, const char *name, cJSON **list_r, struct err *e)
{
    struct asker a;
    int rc = asker_open(&a, o, e);
    if (rc == 0)
        rc = list_some(&a, o, &kube_alert_spawners, name, NULL, ERR_NOT_FOUND, e);
    if (rc == 0)
        rc = add_maps(&a, o, name, e);
    if (rc == 0)
        rc = hand_over(&a, "spawner", name, list_r, e);
    asker_close(&a);
    return rc;
}

/* ---- deletion ---- */

static void on_deleted(void *arg, cJSON *object, const struct err *e)
{
    struct asker *a = arg;
    a->done = true;
    if (e != NULL)
        a->err = *e;
    cJSON_Delete(object);
}

int cluster_delete_task(const struct options *o, const char *name, struct err *e)
{
    struct asker a;
    int rc = asker_open(&a, o, e);
    if (rc == 0) {
        struct kube_ref ref = {.resource = &kube_tasks, .ns = a.cluster->ns, .name = name};
        struct kube_options options = {.propagation = "Background"};
        rc = kube_delete(a.cluster->client, &ref, &options, on_deleted, &a, NULL, e);
    }
    if (rc == 0)
        rc = answer_wait(&a, e);
    asker_close(&a);
    return rc;
}

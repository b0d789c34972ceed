/* `get`, `finish` and `delete`: people's hands on the local store, beside a running engine if there is one. */
#include "base/buf.h"
#include "base/mem.h"
#include "cli/cluster.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "spawner/yaml_out.h"
#include "tasks/sqlite/local.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The string at a path of members ("status", "phase"), or "". */
static const char *text_at(const cJSON *o, const char *a, const char *b, const char *c)
{
    const char *path[] = {a, b, c};
    for (size_t i = 0; i < 3 && path[i] != NULL; i++)
        o = cJSON_GetObjectItemCaseSensitive(o, path[i]);
    return cJSON_IsString(o) ? o->valuestring : "";
}

static void ago(const char *since, moment_t until, char out[MOMENT_TEXT])
{
    moment_t t;
    out[0] = '\0';
    if (moment_parse(since, strlen(since), &t) == 0 && until >= t)
        duration_format((until - t) / MOMENT_SECOND * MOMENT_SECOND, out);
    if (strcmp(out, "0ms") == 0)
        strcpy(out, "0s");
}

/* As kubectl: the two largest units. */
static void shorten(char *s)
{
    char *p = s;
    for (int units = 0; *p; p++)
        if (*p >= 'a' && ++units == 2)
            break;
    if (*p)
        p[1] = '\0';
}

static void task_row(struct table *t, const cJSON *o, moment_t now)
{
    char age[MOMENT_TEXT], took[MOMENT_TEXT] = "";
    moment_t end = now;
    const char *done = text_at(o, "status", "completionTime", NULL);
    const char *start = text_at(o, "status", "startTime", NULL);
    if (done[0] != '\0')
        moment_parse(done, strlen(done), &end);
    ago(text_at(o, "metadata", "creationTimestamp", NULL), now, age);
    if (start[0] != '\0')
        ago(start, end, took);
    shorten(age);
    shorten(took);
    const char *type = text_at(o, "spec", "worker", "type");
    const char *cells[] = {text_at(o, "metadata", "namespace", NULL),
                           text_at(o, "metadata", "name", NULL),
                           type[0] ? type : text_at(o, "spec", "type", NULL),
                           text_at(o, "status", "phase", NULL),
                           text_at(o, "spec", "branch", NULL),
                           text_at(o, "spec", "workspaceRef", "name"),
                           took,
                           age};
    table_add(t, cells);
}

static void number_at(const cJSON *o, const char *member, char out[32])
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(o, "status"), member);
    snprintf(out, 32, "%.0f", cJSON_IsNumber(n) ? n->valuedouble : 0.0);
}

static void spawner_row(struct table *t, const cJSON *o, moment_t now)
{
    char active[32], discovered[32], total[32], last[MOMENT_TEXT];
    number_at(o, "activeTasks", active);
    number_at(o, "totalDiscovered", discovered);
    number_at(o, "totalTasksCreated", total);
    ago(text_at(o, "status", "lastDiscoveryTime", NULL), now, last);
    shorten(last);
    const char *cells[] = {text_at(o, "metadata", "namespace", NULL),
                           text_at(o, "metadata", "name", NULL),
                           "prometheusAlerts",
                           text_at(o, "status", "phase", NULL),
                           active,
                           discovered,
                           total,
                           last,
                           text_at(o, "status", "message", NULL)};
    table_add(t, cells);
}

static void print_table(enum noun noun, const cJSON *items)
{
    static const char *const tasks[] = {"NAMESPACE", "NAME", "TYPE", "PHASE", "BRANCH", "WORKSPACE", "DURATION", "AGE"};
    static const char *const spawners[] = {"NAMESPACE",  "NAME",  "SOURCE",    "PHASE",  "ACTIVE",
                                           "DISCOVERED", "TASKS", "LAST POLL", "MESSAGE"};
    if (cJSON_GetArraySize(items) == 0) {
        fputs("No resources found.\n", stderr);
        return;
    }
    struct table *t = noun == NOUN_TASK ? table_create(tasks, 8) : table_create(spawners, 9);
    moment_t now = moment_now();
    const cJSON *o;
    cJSON_ArrayForEach(o, items)
    {
        if (noun == NOUN_TASK)
            task_row(t, o, now);
        else
            spawner_row(t, o, now);
    }
    table_print(t, "");
    table_free(&t);
}

static void print_object(const cJSON *o, enum output format)
{
    if (format == OUTPUT_YAML) {
        struct buf b = {0};
        yaml_out(o, &b);
        fputs(b.data, stdout);
        buf_free(&b);
        return;
    }
    char *text = cJSON_Print(o);
    puts(text);
    free(text);
}

/* What `get NAME -o json` prints is the object, without a name a v1 List. */
static void print_items(cJSON *items, bool named, enum output format)
{
    if (named) {
        print_object(cJSON_GetArrayItem(items, 0), format);
        return;
    }
    cJSON *list = cJSON_CreateObject();
    cJSON_AddStringToObject(list, "apiVersion", "v1");
    cJSON_AddItemReferenceToObject(list, "items", items);
    cJSON_AddStringToObject(list, "kind", "List");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(list, "metadata"), "resourceVersion", "");
    print_object(list, format);
    cJSON_Delete(list);
}

/* A name is unique in a namespace; without -n it is looked for in all, as long as that is unambiguous. */
static int check_unique(const cJSON *items, const char *name, struct err *e)
{
    if (cJSON_GetArraySize(items) <= 1)
        return 0;
    return err_set(e, ERR_USAGE, "%s is in more than one namespace: say which with -n", name);
}

int verb_get(const struct options *o)
{
    struct err e = {0};
    struct local_store *store = NULL;
    enum noun noun;
    cJSON *items = NULL;
    const char *name = o->n_args > 1 ? o->args[1] : NULL;
    int rc = noun_parse(o->args[0], &noun, &e);
    if (rc == 0 && cluster_wanted(o)) {
        rc = (noun == NOUN_TASK ? cluster_list_tasks : cluster_list_spawners)(o, name, &items, &e);
    } else if (rc == 0) {
        rc = local_open(o->store, LOCAL_READ, NULL, &store, &e);
        if (rc == 0)
            rc = (noun == NOUN_TASK ? local_list_tasks : local_list_spawners)(store, o->ns, name, &items, &e);
    }
    if (rc == 0 && name != NULL)
        rc = check_unique(items, name, &e);
    if (rc == 0 && o->output == OUTPUT_TABLE)
        print_table(noun, items);
    else if (rc == 0)
        print_items(items, name != NULL, o->output);
    cJSON_Delete(items);
    local_close(&store);
    return rc == 0 ? EXIT_DONE : verb_fail(&e);
}

/* Opens the store for a Task that people name, and finds its namespace when -n does not say. */
static int open_task(const struct options *o, struct local_store **store_r, char **ns_r, struct err *e)
{
    enum noun noun;
    cJSON *items = NULL;
    if (noun_parse(o->args[0], &noun, e) != 0)
        return -1;
    if (noun != NOUN_TASK)
        return err_set(e, ERR_USAGE, "only tasks can be finished or deleted");
    if (local_open(o->store, LOCAL_WRITE, NULL, store_r, e) != 0)
        return -1;
    if (local_list_tasks(*store_r, o->ns, o->args[1], &items, e) != 0)
        return -1;
    int rc = check_unique(items, o->args[1], e);
    *ns_r = xstrdup(text_at(cJSON_GetArrayItem(items, 0), "metadata", "namespace", NULL));
    cJSON_Delete(items);
    return rc;
}

int verb_finish(const struct options *o)
{
    struct err e = {0};
    struct local_store *store = NULL;
    char *ns = NULL;
    enum task_phase phase;
    int rc;
    if (o->phase == NULL || task_phase_parse(o->phase, &phase) != 0 || !task_phase_terminal(phase))
        rc = err_set(&e, ERR_USAGE, "--phase must be Succeeded or Failed");
    else if (cluster_wanted(o))
        rc = err_set(&e, ERR_USAGE, "finish is for Tasks of a local store: in a cluster the Kelos controller says how a "
                                    "Task ended");
    else
        rc = open_task(o, &store, &ns, &e);
    if (rc == 0)
        rc = local_finish_task(store, ns, o->args[1], phase, o->message != NULL ? o->message : "finished by hand",
                               moment_now(), &e);
    if (rc == 0)
        printf("task/%s %s\n", o->args[1], task_phase_name(phase));
    free(ns);
    local_close(&store);
    return rc == 0 ? EXIT_DONE : verb_fail(&e);
}

static int delete_from_cluster(const struct options *o, struct err *e)
{
    enum noun noun;
    if (noun_parse(o->args[0], &noun, e) != 0)
        return -1;
    if (noun != NOUN_TASK)
        return err_set(e, ERR_USAGE, "only tasks can be deleted here; kubectl deletes spawners");
    return cluster_delete_task(o, o->args[1], e);
}

int verb_delete(const struct options *o)
{
    struct err e = {0};
    struct local_store *store = NULL;
    char *ns = NULL;
    int rc;
    if (cluster_wanted(o)) {
        rc = delete_from_cluster(o, &e);
    } else {
        rc = open_task(o, &store, &ns, &e);
        if (rc == 0)
            rc = local_delete_task(store, ns, o->args[1], &e);
    }
    if (rc == 0)
        printf("task/%s deleted\n", o->args[1]);
    free(ns);
    local_close(&store);
    return rc == 0 ? EXIT_DONE : verb_fail(&e);
}

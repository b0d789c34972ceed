/* A checked document becomes plain data with every default filled in: see document.h and spawner.h. */
#include "spawner/spawner.h"

#include "base/mem.h"
#include "spawner/checks.h"
#include "spawner/document.h"
#include "spawner/fields.h"
#include "spawner/schema.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static void read_strings(const struct node *list, char ***v_r, size_t *n_r)
{
    if (list == NULL || list->n == 0)
        return;
    *v_r = xcalloc(list->n, sizeof **v_r);
    for (size_t i = 0; i < list->n; i++)
        (*v_r)[(*n_r)++] = xstrdup(list->items[i]->text);
}

static void read_labels(const struct node *map, struct label_pair **v_r, size_t *n_r)
{
    if (map == NULL || map->n == 0)
        return;
    *v_r = xcalloc(map->n, sizeof **v_r);
    for (size_t i = 0; i < map->n; i++)
        (*v_r)[(*n_r)++] = (struct label_pair){xstrdup(map->keys[i]), xstrdup(map->items[i]->text)};
}

static void read_templates(const struct node *map, struct template_pair **v_r, size_t *n_r)
{
    if (map == NULL || map->n == 0)
        return;
    *v_r = xcalloc(map->n, sizeof **v_r);
    for (size_t i = 0; i < map->n; i++)
        (*v_r)[(*n_r)++] = (struct template_pair){xstrdup(map->keys[i]), xstrdup(map->items[i]->text)};
}

static int64_t read_interval(const struct node *spec, const struct node *source)
{
    const char *text = schema_text(source, "pollInterval");
    int64_t us = SPAWNER_POLL_DEFAULT_S * MOMENT_SECOND;
    if (text == NULL)
        text = schema_text(spec, "pollInterval");
    if (text)
        duration_parse(text, &us, NULL);
    return us;
}

static void read_source(struct spawner *s, const struct node *spec)
{
    const struct node *a = schema_has(schema_has(spec, "when"), "prometheusAlerts");
    s->url = xstrdup(schema_text(a, "url"));
    read_strings(schema_has(a, "alertNames"), &s->selector.alert_names, &s->selector.n_alert_names);
    read_labels(schema_has(a, "labels"), &s->selector.labels, &s->selector.n_labels);
    read_labels(schema_has(a, "excludeLabels"), &s->selector.exclude_labels, &s->selector.n_exclude_labels);
    read_strings(schema_has(a, "severities"), &s->selector.severities, &s->selector.n_severities);
    read_strings(schema_has(a, "priorityLabels"), &s->priority_labels, &s->n_priority_labels);
    s->poll_interval_us = read_interval(spec, a);
    s->secret_name = xstrdup(schema_text(schema_has(a, "secretRef"), "name"));
}

/* What the table knows of the template; the rest (prompt, branch, metadata ...) is ours. */
static cJSON *task_spec_json(const struct node *t)
{
    cJSON *j = schema_json(t, &fields_task_spec);
    const struct node *ref = schema_has(t, "agentConfigRef");
    if (ref) {
        cJSON *list = cJSON_AddArrayToObject(j, "agentConfigRefs");
        cJSON_AddItemToArray(list, schema_json(ref, &fields_ref));
    }
    return j;
}

static void warn(struct spawner *s, const char *sentence)
{
    s->warnings = xrealloc(s->warnings, (s->n_warnings + 1) * sizeof *s->warnings);
    s->warnings[s->n_warnings++] = xstrdup(sentence);
}

static void read_template(struct spawner *s, const struct node *t)
{
    const char *prompt = schema_text(t, "promptTemplate");
    const struct node *meta = schema_has(t, "metadata");
    s->prompt_template = xstrdup(prompt ? prompt : "{{.Title}}");
    s->branch_template = xstrdup(schema_text(t, "branch"));
    s->name_template = xstrdup(schema_text(t, "nameTemplate"));
    read_templates(schema_has(meta, "labels"), &s->labels, &s->n_labels);
    read_templates(schema_has(meta, "annotations"), &s->annotations, &s->n_annotations);
    s->task_spec = task_spec_json(t);
    if (s->branch_template && !schema_has(t, "workspaceRef") &&
        !schema_has(schema_has(t, "worker"), "workspaceRef"))
        warn(s, "branch without workspaceRef: there is no repository to make it in");
    if (prompt == NULL)
        warn(s, "empty promptTemplate: the agent is told the alert's name and nothing else");
}

static int32_t read_limit(const struct node *spec, const char *key)
{
    const struct node *n = schema_has(spec, key);
    return n ? (int32_t)n->integer : 0;
}

static void read_limits(struct spawner *s, const struct node *limits)
{
    const struct node *reserve = schema_has(limits, "reserve");
    s->limits = (struct spawner_limits){
        .per_hour = (uint32_t)read_limit(limits, "perHour"),
        .per_day = (uint32_t)read_limit(limits, "perDay"),
        .ramp = (uint32_t)read_limit(limits, "ramp"),
        .reserve_slots = (uint32_t)read_limit(reserve, "slots"),
        .reserve_priority = (int16_t)read_limit(reserve, "priority"),
    };
    if (s->limits.reserve_slots > 0 && s->max_concurrency == 0)
        warn(s, "limits.reserve without maxConcurrency: there are no places to keep");
}

/* Of what a person wrote: not of what the API server keeps changing. */
static uint64_t document_hash(const struct node *doc)
{
    static const char *const written[] = {"creationTimestamp", "generation",
                                          "resourceVersion",   "managedFields",
                                          "ownerReferences",   "finalizers",
                                          "selfLink",          "generateName",
                                          "deletionTimestamp", "deletionGracePeriodSeconds"};
    cJSON *j = node_to_json(doc);
    cJSON_DeleteItemFromObjectCaseSensitive(j, "status");
    cJSON *meta = cJSON_GetObjectItemCaseSensitive(j, "metadata");
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(meta, written[i]);
    char *text = cJSON_PrintUnformatted(j);
    if (text == NULL)
        abort();
    uint64_t hash = XXH3_64bits(text, strlen(text));
    cJSON_free(text);
    cJSON_Delete(j);
    return hash;
}

struct spawner *document_to_spawner(const struct node *doc, const char *file, const char *ns)
{
    struct spawner *s = xcalloc(1, sizeof *s);
    const struct node *meta = schema_has(doc, "metadata"), *spec = schema_has(doc, "spec"), *n;
    const struct node *annotations = schema_has(meta, "annotations");
    const char *own_ns = schema_text(meta, "namespace"), *uid = schema_text(meta, "uid");
    s->file = xstrdup(file);
    s->line = doc->line;
    s->kind = xstrdup(schema_text(doc, "kind"));
    s->api_version = xstrdup(schema_text(doc, "apiVersion"));
    s->name = xstrdup(schema_text(meta, "name"));
    s->ns = xstrdup(own_ns ? own_ns : ns && *ns ? ns : "default");
    s->who = xasprintf("%s/%s", s->ns, s->name);
    s->uid = xstrdup(uid ? uid : "");
    s->generation = (n = schema_has(meta, "generation")) ? n->integer : 0;
    s->hash = document_hash(doc);
    read_source(s, spec);
    s->max_concurrency = read_limit(spec, "maxConcurrency");
    s->max_total_tasks = read_limit(spec, "maxTotalTasks");
    read_limits(s, schema_has(spec, "limits"));
    s->suspend = (n = schema_has(spec, "suspend")) && n->boolean;
    s->policy = xstrdup(schema_text(annotations, ANNOTATION_POLICY));
    if ((n = schema_has(annotations, ANNOTATION_POLICY_CONFIG)))
        s->policy_config = cJSON_ParseWithOpts(n->text, NULL, true);
    read_template(s, schema_has(spec, "taskTemplate"));
    if ((n = schema_has(spec, "credentials")))
        s->credentials = node_to_json(n);
    return s;
}

static void free_strings(char **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(v[i]);
    free(v);
}

static void free_templates(struct template_pair *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].key);
        free(v[i].template);
    }
    free(v);
}

void spawner_free(struct spawner **sp)
{
    struct spawner *s = *sp;
    if (s == NULL)
        return;
    char *strings[] = {s->file,
                       s->kind,
                       s->api_version,
                       s->name,
                       s->ns,
                       s->who,
                       s->uid,
                       s->url,
                       s->secret_name,
                       s->policy,
                       s->prompt_template,
                       s->branch_template,
                       s->name_template};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        free(strings[i]);
    selector_deinit(&s->selector);
    free_strings(s->priority_labels, s->n_priority_labels);
    free_strings(s->warnings, s->n_warnings);
    free_templates(s->labels, s->n_labels);
    free_templates(s->annotations, s->n_annotations);
    cJSON_Delete(s->policy_config);
    cJSON_Delete(s->task_spec);
    cJSON_Delete(s->credentials);
    free(s);
    *sp = NULL;
}

const char *spawner_who(const struct spawner *s)
{
    return s->who ? s->who : s->name;
}

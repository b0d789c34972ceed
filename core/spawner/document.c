/* What a document is, and whether it is right: see document.h. */
#include "spawner/document.h"

#include "base/mem.h"
#include "spawner/fields.h"
#include "spawner/rules.h"
#include "spawner/schema.h"
#include "spawner/secret.h"

#include <string.h>

enum { SPAWNERS_MAX = 10000, SECRETS_MAX = 10000, SHOWN_MAX = 80 };

static const struct kind {
    const char *kind, *api_version;
    const struct schema_type *type;
    bool v1alpha1;
} kinds[] = {
    {"TaskSpawner", "kelos.dev/v1alpha1", &fields_taskspawner, true},
    {"TaskSpawner", "kelos.dev/v1alpha2", &fields_taskspawner_latest, false},
    {"AlertSpawner", "alerts.kelos.dev/v1alpha1", &fields_alertspawner, false},
};

static const struct kind *kind_of(const char *kind, const char *api_version)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, kind) == 0 && strcmp(kinds[i].api_version, api_version) == 0)
            return &kinds[i];
    return NULL;
}

static void unknown_kind(struct report *r, const struct node *doc, const char *kind, const char *api_version)
{
    const struct node *at = node_get(doc, "apiVersion"), *k = node_get(doc, "kind");
    if (strcmp(kind, "TaskSpawner") == 0)
        report_add(r, at->line, at->column, "apiVersion",
                   "\"%.*s\" has no TaskSpawner: write kelos.dev/v1alpha1 or kelos.dev/v1alpha2", SHOWN_MAX,
                   api_version);
    else if (strcmp(kind, "AlertSpawner") == 0)
        report_add(r, at->line, at->column, "apiVersion",
                   "\"%.*s\" has no AlertSpawner: write alerts.kelos.dev/v1alpha1", SHOWN_MAX, api_version);
    else if (strcmp(kind, "Secret") == 0 || strcmp(kind, "List") == 0)
        report_add(r, at->line, at->column, "apiVersion", "\"%.*s\" has no %s: write v1", SHOWN_MAX,
                   api_version, kind);
    else
        report_add(r, k->line, k->column, "kind",
                   "\"%.*s\" is not taken here: TaskSpawner, AlertSpawner, Secret or a List of them",
                   SHOWN_MAX, kind);
}

static void add_spawner(struct loader *l, const struct node *doc, const struct kind *kind)
{
    size_t before = l->report.here;
    schema_check(&l->report, "", doc, kind->type);
    rules_check(&l->report, schema_has(doc, "spec"), kind->v1alpha1);
    if (l->report.here != before)
        return;
    struct spawner_set *set = l->set;
    const struct node *meta = schema_has(doc, "metadata"), *name = schema_has(meta, "name");
    if (set->n >= SPAWNERS_MAX) {
        report_add(&l->report, doc->line, doc->column, NULL, "more than %d spawners", SPAWNERS_MAX);
        return;
    }
    struct spawner *s = document_to_spawner(doc, l->report.file, l->ns),
                   *other = spawner_set_find(set, s->ns, s->name);
    s->in_cluster = l->in_cluster;
    if (other) {
        report_add(&l->report, name->line, name->column, "metadata.name", "%s/%s is already defined at %s:%d",
                   s->ns, s->name, other->file, other->line);
        spawner_free(&s);
        return;
    }
    xgrow(&set->spawners, &l->cap_spawners, set->n + 1, sizeof *set->spawners);
    set->spawners[set->n++] = s;
}

static void add_secret(struct loader *l, const struct node *doc)
{
    size_t before = l->report.here;
    schema_check(&l->report, "", doc, &fields_secret);
    if (l->report.here != before)
        return;
    struct spawner_set *set = l->set;
    const struct node *name = schema_has(schema_has(doc, "metadata"), "name");
    if (set->n_secrets >= SECRETS_MAX) {
        report_add(&l->report, doc->line, doc->column, NULL, "more than %d Secrets", SECRETS_MAX);
        return;
    }
    struct secret *s = secret_from_document(doc, l->ns);
    if (secret_find(set, s->ns, s->name)) {
        report_add(&l->report, name->line, name->column, "metadata.name",
                   "the Secret %s/%s is already defined", s->ns, s->name);
        secret_free(&s);
        return;
    }
    xgrow(&set->secrets, &l->cap_secrets, set->n_secrets + 1, sizeof *set->secrets);
    set->secrets[set->n_secrets++] = s;
}

static const char *head(struct report *r, const struct node *doc, const char *key)
{
    const struct node *n = schema_has(doc, key);
    if (n == NULL || n->type != NODE_STRING)
        report_add(r, n ? n->line : doc->line, n ? n->column : doc->column, key, "%s",
                   n ? "expected a string" : "required, but missing: is this a Kubernetes document?");
    return n && n->type == NODE_STRING ? n->text : NULL;
}

void document_load(struct loader *l, const struct node *doc)
{
    struct report *r = &l->report;
    report_document(r);
    if (doc->type != NODE_MAP) {
        report_add(r, doc->line, doc->column, NULL, "expected a document like a TaskSpawner, got %s",
                   node_type_name(doc->type));
        return;
    }
    const char *api_version = head(r, doc, "apiVersion"), *kind = head(r, doc, "kind");
    if (api_version == NULL || kind == NULL)
        return;
    const struct kind *k = kind_of(kind, api_version);
    bool core = strcmp(api_version, "v1") == 0;
    if (k) {
        add_spawner(l, doc, k);
    } else if (core && strcmp(kind, "Secret") == 0) {
        add_secret(l, doc);
    } else if (core && strcmp(kind, "List") == 0) {
        schema_check(r, "", doc, &fields_list);
        const struct node *items = schema_has(doc, "items");
        for (size_t i = 0; items && items->type == NODE_LIST && i < items->n; i++)
            if (items->items[i]->type == NODE_MAP)
                document_load(l, items->items[i]);
    } else {
        unknown_kind(r, doc, kind, api_version);
    }
}

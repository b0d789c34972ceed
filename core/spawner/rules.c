/* Cross-field rules: see rules.h. has() is CEL's: a member that is there, be it empty, unless it is null. */
#include "spawner/rules.h"

#include "spawner/schema.h"

#include <string.h>

#define TEMPLATE "spec.taskTemplate"

static const struct node *has(const struct node *map, const char *key)
{
    return schema_has(map, key);
}

/* Reports at the member that breaks the rule. */
static void broken(struct report *r, const struct node *at, const char *where, const char *sentence)
{
    report_add(r, at->line, at->column, where, "%s", sentence);
}

static bool is_empty(const struct node *n)
{
    return (n->type == NODE_STRING && n->text[0] == '\0') ||
           ((n->type == NODE_LIST || n->type == NODE_MAP) && n->n == 0);
}

static bool needs_secret(const struct node *credentials)
{
    const char *type = schema_text(credentials, "type");
    return type && strcmp(type, "none") != 0 && !has(credentials, "secretRef");
}

/* What a pool brings itself. `empty_ok`: the rule is about size(), not about has(). */
static void check_pool(struct report *r, const struct node *t)
{
    static const struct {
        const char *name, *shown;
        bool empty_ok;
    } members[] = {
        {"image", "image", true},
        {"workspaceRef", "workspaceRef", false},
        {"agentConfigRefs", "agentConfigRefs", true},
        {"agentConfigRef", "agentConfigRefs", false}, /* it is folded into the list */
        {"dependsOn", "dependsOn", true},
        {"branch", "branch", true},
        {"ttlSecondsAfterFinished", "ttlSecondsAfterFinished", false},
        {"podOverrides", "podOverrides", false},
        {"podFailurePolicy", "podFailurePolicy", false},
    };
    const struct node *worker = has(t, "worker"), *flat = has(t, "type");
    if (flat == NULL)
        flat = has(t, "credentials");
    if (flat)
        broken(r, flat, TEMPLATE, "workerPoolRef is mutually exclusive with inline type/credentials");
    if (worker)
        broken(
            r, worker, TEMPLATE,
            "workerPoolRef is mutually exclusive with inline worker (per-task overrides not yet supported)");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct node *n = has(t, members[i].name);
        if (n && !(members[i].empty_ok && is_empty(n)))
            report_add(r, n->line, n->column, TEMPLATE, "%s is not supported with workerPoolRef",
                       members[i].shown);
    }
}

static void check_template(struct report *r, const struct node *t)
{
    const struct node *worker = has(t, "worker"), *n;
    if (!has(t, "workerPoolRef") && !schema_text(worker, "type") && !schema_text(t, "type"))
        broken(r, t, TEMPLATE, "either workerPoolRef, worker with type, or type is required");
    if (has(t, "workerPoolRef"))
        check_pool(r, t);
    if (worker && ((n = has(t, "type")) || (n = has(t, "credentials"))))
        broken(r, n, TEMPLATE, "worker is mutually exclusive with legacy type/credentials fields");
    if ((n = has(t, "credentials")) && needs_secret(n))
        broken(r, n, TEMPLATE ".credentials", "secretRef is required for api-key and oauth credential types");
    if ((n = has(worker, "credentials")) && needs_secret(n))
        broken(r, n, TEMPLATE ".worker",
               "credentials.secretRef is required for api-key and oauth credential types");
    if ((n = has(t, "agentConfigRef")) && has(t, "agentConfigRefs"))
        broken(r, n, TEMPLATE, "agentConfigRef and agentConfigRefs are mutually exclusive");
}

static void check_credentials(struct report *r, const struct node *spec, const struct node *t)
{
    const struct node *worker = has(t, "worker"), *list = has(spec, "credentials"),
                      *pool = has(t, "workerPoolRef");
    const struct node *own = has(worker, "credentials") ? has(worker, "credentials") : has(t, "credentials");
    bool inline_ok = (worker && (has(worker, "credentials") || list)) ||
                     (has(t, "type") && (has(t, "credentials") || list));
    if (!pool && !inline_ok)
        broken(r, t, "spec", "inline task templates require taskTemplate credentials or spec.credentials");
    if (list && (pool || own))
        broken(r, list, "spec",
               "spec.credentials is mutually exclusive with taskTemplate credentials and workerPoolRef");
}

/* Only v1alpha1 says so. */
static void check_volumes(struct report *r, const struct node *overrides)
{
    const struct node *volumes = has(overrides, "volumes");
    for (size_t i = 0; volumes && volumes->type == NODE_LIST && i < volumes->n; i++) {
        const char *name = schema_text(volumes->items[i], "name");
        if (name && (strcmp(name, "workspace") == 0 || strncmp(name, "kelos-", 6) == 0))
            broken(r, volumes->items[i], TEMPLATE ".podOverrides.volumes",
                   "volumes[].name must not be 'workspace' or use the reserved 'kelos-' prefix");
    }
}

void rules_check(struct report *r, const struct node *spec, bool v1alpha1)
{
    const struct node *t = has(spec, "taskTemplate");
    if (t == NULL || t->type != NODE_MAP)
        return;
    check_template(r, t);
    check_credentials(r, spec, t);
    if (v1alpha1)
        check_volumes(r, has(t, "podOverrides"));
}

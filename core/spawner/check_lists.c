/* Lists and maps that must hold together as a whole: see checks.h. */
#include "spawner/checks.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_NAME_MAX = 63, KEY_PREFIX_MAX = 253, SHOWN_MAX = 80 };

/* Kubernetes' qualified name: [prefix/]name. Upper case is allowed in the name, and in the prefix of
 * annotations. */
static bool name_is_qualified(const char *key)
{
    const char *slash = strchr(key, '/'), *name = slash ? slash + 1 : key;
    static const char ends[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char inner[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t len = strlen(name);
    if (len == 0 || len > KEY_NAME_MAX || name[strspn(name, inner)] != '\0' || !strchr(ends, name[0]) ||
        !strchr(ends, name[len - 1]))
        return false;
    if (slash == NULL)
        return true;
    char *prefix = xstrndup(key, (size_t)(slash - key));
    bool ok = name_is_subdomain(prefix, KEY_PREFIX_MAX);
    free(prefix);
    return ok;
}

void check_label_keys(struct report *r, const char *path, const struct node *n)
{
    for (size_t i = 0; i < n->n; i++)
        if (!name_is_qualified(n->keys[i])) {
            char *at = schema_path(path, n->keys[i]);
            report_add(r, n->key_lines[i], n->key_columns[i], at,
                       "the key is none that Kubernetes takes: [prefix/]name, where name has at most %d "
                       "letters, digits, "
                       "\"-\", \"_\" and \".\"",
                       KEY_NAME_MAX);
            free(at);
        }
}

void check_no_empty_key(struct report *r, const char *path, const struct node *n)
{
    for (size_t i = 0; i < n->n; i++)
        if (n->keys[i][0] == '\0')
            report_add(r, n->key_lines[i], n->key_columns[i], path, "a label's name must not be empty");
}

void check_secret_keys(struct report *r, const char *path, const struct node *n)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    for (size_t i = 0; i < n->n; i++)
        if (n->keys[i][0] == '\0' || n->keys[i][strspn(n->keys[i], plain)] != '\0')
            report_add(r, n->key_lines[i], n->key_columns[i], path,
                       "a key may hold letters, digits, \"-\", \"_\" and \".\" only");
}

static void check_config(struct report *r, const char *path, const struct node *n)
{
    const char *end = NULL;
    cJSON *j = cJSON_ParseWithOpts(n->text, &end, true);
    if (j == NULL) {
        int line = 1;
        for (const char *c = n->text; end && c < end && *c; c++)
            line += *c == '\n';
        report_add(r, n->line, n->column, path, "broken JSON, in line %d of it", line);
    }
    cJSON_Delete(j);
}

void check_our_annotations(struct report *r, const char *path, const struct node *n)
{
    const struct node *policy = schema_has(n, ANNOTATION_POLICY),
                      *config = schema_has(n, ANNOTATION_POLICY_CONFIG);
    char *at = schema_path(path, ANNOTATION_POLICY), *at_config = schema_path(path, ANNOTATION_POLICY_CONFIG);
    if (policy && policy->type == NODE_STRING && policy->text[0] == '\0')
        report_add(r, policy->line, policy->column, at, "must not be empty: name a policy or leave it out");
    if (config && config->type == NODE_STRING) {
        if (strlen(config->text) > ANNOTATION_TEXT_MAX)
            report_add(r, config->line, config->column, at_config, "larger than %d KiB",
                       ANNOTATION_TEXT_MAX / 1024);
        else
            check_config(r, at_config, config);
    }
    free(at);
    free(at_config);
}

void check_unique_names(struct report *r, const char *path, const struct node *n)
{
    for (size_t i = 1; i < n->n; i++) {
        const char *name = schema_text(n->items[i], "name");
        for (size_t k = 0; name && k < i; k++) {
            const char *other = schema_text(n->items[k], "name");
            if (other == NULL || strcmp(name, other) != 0)
                continue;
            report_add(r, n->items[i]->line, n->items[i]->column, path, "two entries are named \"%.*s\"",
                       SHOWN_MAX, name);
            break;
        }
    }
}

static bool is_reserved(const char *name)
{
    static const char *const taken[] = {"git-clone",       "remote-setup", "branch-setup",
                                        "workspace-files", "plugin-setup", "skills-install"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return true;
    return strncmp(name, "kelos-", 6) == 0;
}

/* The sentences are those of the CRD. */
static void container_names(struct report *r, const char *path, const struct node *n, const char *list)
{
    for (size_t i = 0; i < n->n; i++) {
        const struct node *name = schema_has(n->items[i], "name");
        if (name == NULL || name->type != NODE_STRING)
            continue;
        if (name->text[0] == '\0')
            report_add(r, name->line, name->column, path, "%s[].name must not be empty", list);
        else if (is_reserved(name->text))
            report_add(
                r, name->line, name->column, path,
                "%s[].name must not use the reserved 'kelos-' prefix or a built-in init container name",
                list);
    }
    check_unique_names(r, path, n);
}

void check_container_names(struct report *r, const char *path, const struct node *n)
{
    container_names(r, path, n, "extraContainers");
}

void check_init_container_names(struct report *r, const char *path, const struct node *n)
{
    container_names(r, path, n, "extraInitContainers");
}

void check_failure_rules(struct report *r, const char *path, const struct node *n)
{
    for (size_t i = 0; i < n->n; i++) {
        const char *action = schema_text(n->items[i], "action");
        if (action && strcmp(action, "FailIndex") == 0)
            report_add(r, n->items[i]->line, n->items[i]->column, path,
                       "podFailurePolicy.rules[].action FailIndex is not supported for Task Jobs");
    }
}

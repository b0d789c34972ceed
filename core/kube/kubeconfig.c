/* Kubeconfig files: see kubeconfig.h. */
#include "kube/kubeconfig.h"

#include "base/base64.h"
#include "base/mem.h"
#include "yaml/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    char *name; /* for sentences; its directory is where relative paths begin */
    struct node **docs;
    size_t n_docs;
};

/* One cluster, user or context: where it stands. */
struct named {
    const char *name;
    const struct node *body; /* NULL: it is null in the file */
    const struct file *file;
    int line;
};

struct names {
    struct named *v;
    size_t n, cap;
};

struct kubeconfig_set {
    struct file **files;
    size_t n_files, cap_files;
    struct names clusters, users, contexts;
    const char *current;
};

/* ---- reading ---- */

static int fail(const struct file *f, int line, struct err *e, const char *sentence)
{
    return err_set(e, ERR_INVALID, "%s:%d: %s", f->name, line, sentence);
}

static const struct node *member(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n == NULL || n->type == NODE_NULL ? NULL : n;
}

static int want(const struct file *f, const struct node *n, enum node_type type, const char *what, struct err *e)
{
    if (n == NULL || n->type == type)
        return 0;
    return err_set(e, ERR_INVALID, "%s:%d: %s must be %s, not %s", f->name, n->line, what, node_type_name(type),
                   node_type_name(n->type));
}

/* A string member. *text_r is NULL when it is absent or empty. */
static int text(const struct file *f, const struct node *map, const char *key, const char **text_r, struct err *e)
{
    const struct node *n = member(map, key);
    *text_r = NULL;
    if (want(f, n, NODE_STRING, key, e) != 0)
        return -1;
    if (n != NULL && n->text[0] != '\0')
        *text_r = n->text;
    return 0;
}

static int line_of(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n == NULL ? 1 : n->line;
}

static const struct named *find(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->v[i].name, name) == 0)
            return &names->v[i];
    return NULL;
}

static int add_names(struct names *names, const struct file *f, const struct node *doc, const char *list,
                     const char *body, struct err *e)
{
    const struct node *items = member(doc, list);
    if (want(f, items, NODE_LIST, list, e) != 0)
        return -1;
    for (size_t i = 0; items != NULL && i < items->n; i++) {
        const struct node *item = items->items[i], *b;
        const char *name;
        if (want(f, item, NODE_MAP, "an entry", e) != 0 || text(f, item, "name", &name, e) != 0)
            return -1;
        if (name == NULL)
            return err_set(e, ERR_INVALID, "%s:%d: an entry of %s without a name", f->name, item->line, list);
        b = member(item, body);
        if (want(f, b, NODE_MAP, body, e) != 0)
            return -1;
        const struct named *other = find(names, name);
        if (other != NULL && other->file == f)
            return err_set(e, ERR_INVALID, "%s:%d: the name \"%.200s\" is already in %s, in line %d", f->name,
                           item->line, name, list, other->line);
        if (other != NULL)
            continue;
        xgrow(&names->v, &names->cap, names->n + 1, sizeof *names->v);
        names->v[names->n++] = (struct named){name, b, f, item->line};
    }
    return 0;
}

static int check_kind(const struct file *f, const struct node *doc, struct err *e)
{
    const char *kind, *version;
    if (want(f, doc, NODE_MAP, "a kubeconfig", e) != 0 || text(f, doc, "kind", &kind, e) != 0 ||
        text(f, doc, "apiVersion", &version, e) != 0)
        return -1;
    if ((kind != NULL && strcmp(kind, "Config") != 0) || (version != NULL && strcmp(version, "v1") != 0))
        return fail(f, line_of(doc, kind != NULL && strcmp(kind, "Config") != 0 ? "kind" : "apiVersion"), e,
                    "this is no kubeconfig (want apiVersion v1, kind Config)");
    return 0;
}

struct kubeconfig_set *kubeconfig_set_create(void)
{
    return xcalloc(1, sizeof(struct kubeconfig_set));
}

int kubeconfig_set_add(struct kubeconfig_set *s, const char *name, const char *bytes, size_t len, struct err *e)
{
    struct file *f = xcalloc(1, sizeof *f);
    f->name = xstrdup(name);
    xgrow(&s->files, &s->cap_files, s->n_files + 1, sizeof *s->files);
    s->files[s->n_files++] = f;
    if (nodes_parse(name, bytes, len, &f->docs, &f->n_docs, e) != 0)
        return -1;
    if (f->n_docs == 0)
        return 0; /* an empty file is an empty kubeconfig, as for kubectl */
    const struct node *doc = f->docs[0];
    if (check_kind(f, doc, e) != 0 || add_names(&s->clusters, f, doc, "clusters", "cluster", e) != 0 ||
        add_names(&s->users, f, doc, "users", "user", e) != 0 ||
        add_names(&s->contexts, f, doc, "contexts", "context", e) != 0)
        return -1;
    const char *current;
    if (text(f, doc, "current-context", &current, e) != 0)
        return -1;
    if (s->current == NULL)
        s->current = current;
    return 0;
}

void kubeconfig_set_free(struct kubeconfig_set **sp)
{
    struct kubeconfig_set *s = *sp;
    *sp = NULL;
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_files; i++) {
        nodes_free(&s->files[i]->docs, s->files[i]->n_docs);
        free(s->files[i]->name);
        free(s->files[i]);
    }
    free(s->files);
    free(s->clusters.v);
    free(s->users.v);
    free(s->contexts.v);
    free(s);
}

/* ---- one context ---- */

static char *beside(const struct file *f, const char *path)
{
    const char *slash = strrchr(f->name, '/');
    if (path[0] == '/' || slash == NULL)
        return xstrdup(path);
    return xasprintf("%.*s/%s", (int)(slash - f->name), f->name, path);
}

/* PEM from `KEY-data` (base64) or from the file that `KEY` names. Both at once are refused, as by kubectl. */
static int pem(const struct named *at, const char *key, char **pem_r, size_t *len_r, struct err *e)
{
    const struct file *f = at->file;
    char *data_key = xasprintf("%s-data", key);
    const char *data, *path;
    int rc = -1, line = line_of(at->body, data_key);
    struct buf out = {0};
    if (text(f, at->body, data_key, &data, e) != 0 || text(f, at->body, key, &path, e) != 0)
        goto out;
    if (data != NULL && path != NULL) {
        err_set(e, ERR_INVALID, "%s:%d: %s and %s are both given: leave one out", f->name, line, key, data_key);
        goto out;
    }
    if (data != NULL) {
        buf_reserve(&out, strlen(data) + 1); /* all of it at once: growing would leave copies behind */
        if (base64_decode(data, &out) != 0) {
            err_set(e, ERR_INVALID, "%s:%d: %s is no base64", f->name, line, data_key);
            goto out;
        }
        *len_r = out.len;
        *pem_r = buf_take(&out);
    } else if (path != NULL) {
        char *full = beside(f, path);
        line = line_of(at->body, key);
        rc = secret_read_file(full, KUBE_CREDENTIAL_BYTES_MAX, pem_r, len_r, e);
        free(full);
        if (rc != 0) {
            err_wrap(e, "%s:%d: %s", f->name, line, key);
            goto out;
        }
        rc = -1;
    }
    if (*pem_r != NULL && memmem(*pem_r, *len_r, "-----BEGIN ", 11) == NULL) {
        err_set(e, ERR_INVALID, "%s:%d: %s holds no PEM (no \"-----BEGIN\" line)", f->name, line, key);
        goto out;
    }
    rc = 0;
out:
    secret_free_bytes(out.data, out.cap);
    free(data_key);
    return rc;
}

static int boolean(const struct named *at, const char *key, bool *b_r, struct err *e)
{
    const struct node *n = member(at->body, key);
    if (want(at->file, n, NODE_BOOL, key, e) != 0)
        return -1;
    *b_r = n != NULL && n->boolean;
    return 0;
}

static int copy_text(const struct named *at, const char *key, char **to, struct err *e)
{
    const char *s;
    if (text(at->file, at->body, key, &s, e) != 0)
        return -1;
    *to = xstrdup(s);
    return 0;
}

static int take_server(const struct named *at, struct kube_config *c, struct err *e)
{
    const char *server;
    if (text(at->file, at->body, "server", &server, e) != 0)
        return -1;
    if (server == NULL)
        return err_set(e, ERR_INVALID, "%s:%d: the cluster \"%.200s\" has no server", at->file->name, at->line, at->name);
    size_t n = strlen(server);
    while (n > 0 && server[n - 1] == '/')
        n--;
    /* as kubectl: without a scheme it is HTTPS when there is anything about TLS, else HTTP */
    const char *scheme = strstr(server, "://") != NULL ? "" : c->ca_pem != NULL || c->insecure ? "https://" : "http://";
    if (*scheme == '\0' && strncmp(server, "http://", 7) != 0 && strncmp(server, "https://", 8) != 0)
        return fail(at->file, line_of(at->body, "server"), e, "server must begin with https:// or http://");
    const char *authority = strstr(server, "://") != NULL ? strstr(server, "://") + 3 : server;
    if (strcspn(authority, "@") < strcspn(authority, "/?#"))
        return fail(at->file, line_of(at->body, "server"), e, "server must hold no user or password");
    if (strpbrk(server, "?#") != NULL)
        return fail(at->file, line_of(at->body, "server"), e, "server must hold no query or fragment");
    c->server = xasprintf("%s%.*s", scheme, (int)n, server);
    return 0;
}

static int take_cluster(const struct named *at, struct kube_config *c, struct err *e)
{
    if (pem(at, "certificate-authority", &c->ca_pem, &c->ca_len, e) != 0 ||
        boolean(at, "insecure-skip-tls-verify", &c->insecure, e) != 0 ||
        copy_text(at, "tls-server-name", &c->tls_server_name, e) != 0 ||
        copy_text(at, "proxy-url", &c->proxy_url, e) != 0)
        return -1;
    if (c->insecure && c->ca_pem != NULL)
        return fail(at->file, line_of(at->body, "insecure-skip-tls-verify"), e,
                    "insecure-skip-tls-verify and a certificate-authority cannot both be given");
    static const char *const proxies[] = {"http://", "https://", "socks5://", "socks5h://"};
    bool good = c->proxy_url == NULL;
    for (size_t i = 0; !good && i < sizeof proxies / sizeof *proxies; i++)
        good = strncmp(c->proxy_url, proxies[i], strlen(proxies[i])) == 0;
    if (!good)
        return fail(at->file, line_of(at->body, "proxy-url"), e,
                    "proxy-url must begin with http://, https:// or socks5://");
    return take_server(at, c, e);
}

/* ---- who we are ---- */

static int exec_env(const struct file *f, const struct node *list, struct kube_exec *x, struct err *e)
{
    if (want(f, list, NODE_LIST, "env", e) != 0)
        return -1;
    if (list == NULL)
        return 0;
    x->env = xcalloc(list->n + 1, sizeof *x->env);
    for (size_t i = 0; i < list->n; i++) {
        const char *name, *value;
        if (want(f, list->items[i], NODE_MAP, "an entry of env", e) != 0 ||
            text(f, list->items[i], "name", &name, e) != 0 || text(f, list->items[i], "value", &value, e) != 0)
            return -1;
        if (name == NULL || strchr(name, '=') != NULL)
            return fail(f, list->items[i]->line, e, "an entry of env needs a name");
        x->env[x->n_env].name = xstrdup(name);
        x->env[x->n_env++].value = xstrdup(value == NULL ? "" : value);
    }
    return 0;
}

static int exec_args(const struct file *f, const struct node *list, struct kube_exec *x, struct err *e)
{
    if (want(f, list, NODE_LIST, "args", e) != 0)
        return -1;
    if (list == NULL)
        return 0;
    x->args = xcalloc(list->n + 1, sizeof *x->args);
    for (size_t i = 0; i < list->n; i++) {
        if (want(f, list->items[i], NODE_STRING, "an entry of args", e) != 0)
            return -1;
        x->args[x->n_args++] = xstrdup(list->items[i]->text);
    }
    return 0;
}

static int interactive(const struct file *f, const struct node *n, const char *mode, struct kube_exec *x, struct err *e)
{
    if (mode == NULL && strstr(x->api_version, "/v1beta1") == NULL)
        return fail(f, n->line, e, "interactiveMode must be given with client.authentication.k8s.io/v1");
    x->interactive = mode == NULL || strcmp(mode, "IfAvailable") == 0 || strcmp(mode, "Always") == 0;
    x->needs_interactive = mode != NULL && strcmp(mode, "Always") == 0;
    if (!x->interactive && strcmp(mode, "Never") != 0)
        return fail(f, line_of(n, "interactiveMode"), e, "interactiveMode must be Never, IfAvailable or Always");
    return 0;
}

static int take_exec(const struct named *at, const struct node *n, struct kube_config *c, struct err *e)
{
    const struct file *f = at->file;
    const char *command, *version, *hint, *mode;
    const struct node *info = member(n, "provideClusterInfo");
    if (want(f, n, NODE_MAP, "exec", e) != 0 || text(f, n, "command", &command, e) != 0 ||
        text(f, n, "apiVersion", &version, e) != 0 || text(f, n, "installHint", &hint, e) != 0 ||
        text(f, n, "interactiveMode", &mode, e) != 0 || want(f, info, NODE_BOOL, "provideClusterInfo", e) != 0)
        return -1;
    if (command == NULL)
        return fail(f, n->line, e, "exec needs a command");
    if (version == NULL || (strcmp(version, "client.authentication.k8s.io/v1") != 0 &&
                            strcmp(version, "client.authentication.k8s.io/v1beta1") != 0))
        return fail(f, version == NULL ? n->line : line_of(n, "apiVersion"), e,
                    "exec needs apiVersion client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1");
    struct kube_exec *x = c->exec = xcalloc(1, sizeof *x);
    x->command = strchr(command, '/') != NULL ? beside(f, command) : xstrdup(command);
    x->api_version = xstrdup(version);
    x->install_hint = xstrdup(hint);
    x->cluster_info = info != NULL && info->boolean;
    if (exec_args(f, member(n, "args"), x, e) != 0 || exec_env(f, member(n, "env"), x, e) != 0)
        return -1;
    return interactive(f, n, mode, x, e);
}

static int take_impersonation(const struct named *at, struct kube_config *c, struct err *e)
{
    const struct node *groups = member(at->body, "as-groups"), *extra = member(at->body, "as-user-extra");
    if (copy_text(at, "as", &c->as_user, e) != 0 || copy_text(at, "as-uid", &c->as_uid, e) != 0 ||
        want(at->file, groups, NODE_LIST, "as-groups", e) != 0)
        return -1;
    if (extra != NULL && extra->n > 0)
        return fail(at->file, extra->line, e, "as-user-extra is not supported here");
    c->as_groups = xcalloc((groups == NULL ? 0 : groups->n) + 1, sizeof *c->as_groups);
    for (size_t i = 0; groups != NULL && i < groups->n; i++) {
        if (want(at->file, groups->items[i], NODE_STRING, "an entry of as-groups", e) != 0)
            return -1;
        c->as_groups[c->n_as_groups++] = xstrdup(groups->items[i]->text);
    }
    if (c->as_user == NULL && (c->as_uid != NULL || c->n_as_groups > 0))
        return fail(at->file, at->line, e, "as-uid and as-groups need as");
    return 0;
}

static void make_beside(const struct file *f, char **path)
{
    if (*path == NULL)
        return;
    char *full = beside(f, *path);
    free(*path);
    *path = full;
}

static int take_user(const struct named *at, struct kube_config *c, struct err *e)
{
    if (pem(at, "client-certificate", &c->cert_pem, &c->cert_len, e) != 0 ||
        pem(at, "client-key", &c->key_pem, &c->key_len, e) != 0 || copy_text(at, "token", &c->token, e) != 0 ||
        copy_text(at, "tokenFile", &c->token_file, e) != 0 || copy_text(at, "username", &c->user, e) != 0 ||
        copy_text(at, "password", &c->password, e) != 0 || take_impersonation(at, c, e) != 0)
        return -1;
    make_beside(at->file, &c->token_file);
    if ((c->cert_pem == NULL) != (c->key_pem == NULL))
        return fail(at->file, at->line, e, c->key_pem == NULL ? "client-certificate without client-key"
                                                              : "client-key without client-certificate");
    bool token = c->token != NULL || c->token_file != NULL, basic = c->user != NULL || c->password != NULL;
    if (token && basic)
        return fail(at->file, at->line, e, "both a token and username and password are given: only one is allowed");
    if (c->user == NULL && c->password != NULL)
        return fail(at->file, at->line, e, "password without username");
    if (member(at->body, "auth-provider") != NULL)
        return fail(at->file, line_of(at->body, "auth-provider"), e,
                    "auth-provider is no longer supported (nor by kubectl): use exec");
    const struct node *exec = member(at->body, "exec");
    return exec == NULL ? 0 : take_exec(at, exec, c, e);
}

/* What the cluster has for plugins: the extension of this name, handed on as it is. */
static void take_exec_config(const struct named *cluster, struct kube_exec *x)
{
    const struct node *list = member(cluster->body, "extensions");
    for (size_t i = 0; list != NULL && list->type == NODE_LIST && i < list->n; i++) {
        const struct node *name = member(list->items[i], "name"), *config = member(list->items[i], "extension");
        if (name == NULL || name->type != NODE_STRING || config == NULL || x->cluster_config != NULL ||
            strcmp(name->text, "client.authentication.k8s.io/exec") != 0)
            continue;
        cJSON *json = node_to_json(config);
        x->cluster_config = cJSON_PrintUnformatted(json);
        cJSON_Delete(json);
    }
}

/* ---- the context ---- */

static void list_names(const struct names *names, struct err *e)
{
    size_t at = strlen(e->msg);
    for (size_t i = 0; i < names->n && at < sizeof e->msg - 1; i++) {
        int n = snprintf(e->msg + at, sizeof e->msg - at, "%s%.100s", i == 0 ? " (there are: " : ", ", names->v[i].name);
        at += n > 0 ? (size_t)n : 0;
    }
    if (names->n > 0 && at < sizeof e->msg - 1)
        snprintf(e->msg + at, sizeof e->msg - at, ")");
}

static int refer(const struct named *context, const char *key, const struct names *names, const struct named **found_r,
                 struct err *e)
{
    const char *name;
    *found_r = NULL;
    if (text(context->file, context->body, key, &name, e) != 0)
        return -1;
    if (name == NULL)
        return strcmp(key, "user") == 0 ? 0 /* anonymous */
                                        : err_set(e, ERR_INVALID, "%s:%d: the context \"%.200s\" names no %s",
                                                  context->file->name, context->line, context->name, key);
    *found_r = find(names, name);
    if (*found_r != NULL && (*found_r)->body != NULL)
        return 0;
    err_set(e, ERR_INVALID, "%s:%d: the context \"%.200s\" names the %s \"%.200s\", which is not there",
            context->file->name, line_of(context->body, key), context->name, key, name);
    return -1;
}

static int find_context(const struct kubeconfig_set *s, const char *name, const struct named **found_r, struct err *e)
{
    const char *first = s->n_files > 0 ? s->files[0]->name : "the kubeconfig";
    if (name == NULL || *name == '\0')
        name = s->current;
    if (name == NULL)
        err_set(e, ERR_INVALID, "%s: no current-context: give --context", first);
    else if ((*found_r = find(&s->contexts, name)) == NULL)
        err_set(e, ERR_NOT_FOUND, "%s: no context \"%.200s\"", first, name);
    else if ((*found_r)->body == NULL)
        return err_set(e, ERR_INVALID, "%s:%d: the context \"%.200s\" is empty", (*found_r)->file->name,
                       (*found_r)->line, name);
    else
        return 0;
    list_names(&s->contexts, e);
    return -1;
}

int kubeconfig_set_resolve(const struct kubeconfig_set *s, const char *name, struct kube_config **config_r,
                           struct err *e)
{
    const struct named *context = NULL, *cluster, *user;
    if (find_context(s, name, &context, e) != 0 || refer(context, "cluster", &s->clusters, &cluster, e) != 0 ||
        refer(context, "user", &s->users, &user, e) != 0)
        return -1;
    struct kube_config *c = xcalloc(1, sizeof *c);
    c->context = xstrdup(context->name);
    c->origin = xasprintf("the context \"%s\" of %s", context->name, context->file->name);
    if (take_cluster(cluster, c, e) != 0 || (user != NULL && take_user(user, c, e) != 0) ||
        copy_text(context, "namespace", &c->ns, e) != 0) {
        kube_config_free(&c);
        return -1;
    }
    if (c->ns == NULL)
        c->ns = xstrdup("default");
    if (c->exec != NULL && c->exec->cluster_info)
        take_exec_config(cluster, c->exec);
    *config_r = c;
    return 0;
}

int kube_config_parse(const char *name, const char *bytes, size_t len, const char *context,
                      struct kube_config **config_r, struct err *e)
{
    struct kubeconfig_set *s = kubeconfig_set_create();
    int rc = kubeconfig_set_add(s, name, bytes, len, e);
    if (rc == 0)
        rc = kubeconfig_set_resolve(s, context, config_r, e);
    kubeconfig_set_free(&s);
    return rc;
}

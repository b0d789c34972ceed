/* Where the configuration comes from: see config.h. kubeconfig.c reads what is found. */
#include "kube/config.h"

#include "base/mem.h"
#include "kube/kubeconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POD_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

/* ---- files with secrets ---- */

void secret_free_bytes(char *bytes, size_t len)
{
    if (bytes != NULL)
        explicit_bzero(bytes, len);
    free(bytes);
}

void secret_free_text(char *text)
{
    secret_free_bytes(text, text == NULL ? 0 : strlen(text));
}

int secret_read_file(const char *path, size_t max, char **bytes_r, size_t *len_r, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    char *bytes = xmalloc(max + 2); /* at once: growing would leave copies behind */
    size_t len = 0;
    ssize_t n = 1;
    while (n > 0 && len <= max) {
        n = read(fd, bytes + len, max + 1 - len);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            len += (size_t)n;
    }
    int saved = errno;
    close(fd);
    if (n < 0 || len > max) {
        secret_free_bytes(bytes, len);
        return n < 0 ? err_set(e, ERR_IO, "%s: %s", path, strerror(saved))
                     : err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", path, max);
    }
    bytes[len] = '\0';
    *bytes_r = xstrndup(bytes, len);
    *len_r = len;
    secret_free_bytes(bytes, len);
    return 0;
}

/* ---- in a pod ---- */

static bool in_pod(void)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    return host != NULL && *host != '\0' && port != NULL && *port != '\0' && access(POD_DIR "/token", F_OK) == 0;
}

static int pod_config(struct kube_config **config_r, struct err *e)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    struct kube_config *c = xcalloc(1, sizeof *c);
    char *ns = NULL;
    size_t ns_len = 0;
    bool v6 = strchr(host, ':') != NULL;
    c->in_cluster = true;
    c->context = xstrdup("");
    c->origin = xstrdup("the pod's service account");
    c->server = xasprintf("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    c->token_file = xstrdup(POD_DIR "/token");
    if (secret_read_file(POD_DIR "/ca.crt", KUBE_CREDENTIAL_BYTES_MAX, &c->ca_pem, &c->ca_len, e) != 0) {
        kube_config_free(&c);
        return err_wrap(e, "the pod's service account");
    }
    if (secret_read_file(POD_DIR "/namespace", 1024, &ns, &ns_len, e) == 0)
        ns[strcspn(ns, "\r\n")] = '\0';
    c->ns = ns != NULL && *ns != '\0' ? ns : xstrdup("default");
    if (c->ns != ns)
        free(ns);
    *config_r = c;
    return 0;
}

/* ---- kubeconfig files ---- */

/* 1: read; 0: not there; -1. */
static int add_file(struct kubeconfig_set *s, const char *path, struct err *e)
{
    char *bytes;
    size_t len;
    if (secret_read_file(path, KUBECONFIG_BYTES_MAX, &bytes, &len, e) != 0)
        return e->kind == ERR_NOT_FOUND ? 0 : -1;
    int rc = kubeconfig_set_add(s, path, bytes, len, e);
    secret_free_bytes(bytes, len);
    return rc == 0 ? 1 : -1;
}

/* Every file of the list that is there, each once. How many; -1. */
static int add_list(struct kubeconfig_set *s, const char *list, struct err *e)
{
    char *copy = xstrdup(list), *rest = copy, *path;
    int n = 0, rc = 0;
    while (rc >= 0 && (path = strsep(&rest, ":")) != NULL) {
        bool again = *path == '\0';
        for (char *p = copy; !again && p < path; p += strlen(p) + 1)
            again = strcmp(p, path) == 0;
        rc = again ? 0 : add_file(s, path, e);
        n += rc > 0;
    }
    free(copy);
    return rc < 0 ? -1 : n;
}

static char *home_config(void)
{
    const char *home = getenv("HOME");
    return home == NULL || *home == '\0' ? NULL : xasprintf("%s/.kube/config", home);
}

/* How many files were read; -1. */
static int find_files(const struct kube_config_source *source, struct kubeconfig_set *s, struct err *e)
{
    const char *list = getenv("KUBECONFIG");
    if (source->kubeconfig != NULL) {
        int rc = add_file(s, source->kubeconfig, e);
        return rc == 0 ? err_wrap(e, "--kubeconfig") : rc; /* a file that was asked for must be there */
    }
    if (list != NULL && *list != '\0')
        return add_list(s, list, e);
    char *home = home_config();
    int rc = home == NULL ? 0 : add_file(s, home, e);
    free(home);
    return rc;
}

int kube_config_load(const struct kube_config_source *source, struct kube_config **config_r, struct err *e)
{
    struct kubeconfig_set *s = kubeconfig_set_create();
    int n = find_files(source, s, e), rc = -1;
    if (n > 0)
        rc = kubeconfig_set_resolve(s, source->context, config_r, e);
    else if (n == 0 && in_pod())
        rc = pod_config(config_r, e);
    else if (n == 0)
        err_set(e, ERR_NOT_FOUND,
                "no way to the API server: neither a kubeconfig (--kubeconfig, $KUBECONFIG, ~/.kube/config) nor a pod's "
                "service account is there");
    kubeconfig_set_free(&s);
    return rc;
}

static void exec_free(struct kube_exec *x)
{
    if (x == NULL)
        return;
    for (size_t i = 0; i < x->n_args; i++)
        secret_free_text(x->args[i]);
    for (size_t i = 0; i < x->n_env; i++) {
        free(x->env[i].name);
        secret_free_text(x->env[i].value);
    }
    free(x->args);
    free(x->env);
    free(x->api_version);
    free(x->command);
    free(x->install_hint);
    free(x->cluster_config);
    free(x);
}

void kube_config_free(struct kube_config **config)
{
    struct kube_config *c = *config;
    *config = NULL;
    if (c == NULL)
        return;
    secret_free_text(c->token);
    secret_free_text(c->user);
    secret_free_text(c->password);
    secret_free_text(c->proxy_url); /* it may hold a password */
    secret_free_bytes(c->key_pem, c->key_len);
    for (size_t i = 0; i < c->n_as_groups; i++)
        free(c->as_groups[i]);
    free(c->as_groups);
    char *plain[] = {c->server, c->ns, c->context, c->origin, c->ca_pem, c->tls_server_name, c->cert_pem, c->token_file,
                     c->as_user, c->as_uid};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        free(plain[i]);
    exec_free(c->exec);
    free(c);
}

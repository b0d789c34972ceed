/* Credential plugins: see exec_plugin.h. */
#include "kube/exec_plugin.h"

#include "base/base64.h"
#include "base/mem.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

enum { DRAIN_MS = 1000 }; /* after its end, for what it left in the pipe */

struct exec_plugin {
    const struct kube_config *config;
    uv_process_t process;
    uv_pipe_t out;
    uv_timer_t timer;
    char *bytes; /* EXEC_PLUGIN_OUTPUT_MAX: never grown, so that no copies stay behind */
    size_t len;
    exec_plugin_cb *done; /* NULL once called or cancelled */
    void *arg;
    int64_t timeout_us;
    int64_t exit_code;
    int exit_signal;
    int handles; /* open */
    bool exited, drained, late, too_much, own_group;
};

void exec_result_deinit(struct exec_result *r)
{
    secret_free_text(r->token);
    secret_free_text(r->key_pem);
    free(r->cert_pem);
    *r = (struct exec_result){.expires = MOMENT_NONE};
}

/* ---- what it printed ---- */

static void wipe_json(cJSON *o)
{
    for (cJSON *i = o; i != NULL; i = i->next) {
        if (i->valuestring != NULL)
            explicit_bzero(i->valuestring, strlen(i->valuestring));
        wipe_json(i->child);
    }
}

static int take_status(const cJSON *status, struct exec_result *r, struct err *e)
{
    const char *token = kube_text(status, "token", NULL), *cert = kube_text(status, "clientCertificateData", NULL);
    const char *key = kube_text(status, "clientKeyData", NULL), *expires = kube_text(status, "expirationTimestamp", NULL);
    *r = (struct exec_result){.expires = MOMENT_NONE};
    if (*token == '\0' && *cert == '\0')
        return err_set(e, ERR_INVALID, "it printed neither a token nor a client certificate");
    if ((*cert == '\0') != (*key == '\0'))
        return err_set(e, ERR_INVALID, "it printed a client certificate without its key, or a key alone");
    if (*expires != '\0' && moment_parse(expires, strlen(expires), &r->expires) != 0)
        return err_set(e, ERR_INVALID, "its expirationTimestamp is no RFC 3339 time");
    r->token = *token != '\0' ? xstrdup(token) : NULL;
    r->cert_pem = *cert != '\0' ? xstrdup(cert) : NULL;
    r->key_pem = *key != '\0' ? xstrdup(key) : NULL;
    return 0;
}

int exec_result_parse(const char *text, size_t len, const struct kube_exec *x, struct exec_result *r, struct err *e)
{
    cJSON *o = len > 0 ? cJSON_ParseWithLength(text, len) : NULL;
    const char *version = kube_text(o, "apiVersion", NULL);
    int rc = -1;
    if (!cJSON_IsObject(o))
        err_set(e, ERR_INVALID, "it printed no ExecCredential in JSON");
    else if (strcmp(kube_text(o, "kind", NULL), "ExecCredential") != 0 || strcmp(version, x->api_version) != 0)
        err_set(e, ERR_INVALID, "it did not print an ExecCredential of %s, as the kubeconfig wants", x->api_version);
    else
        rc = take_status(cJSON_GetObjectItemCaseSensitive(o, "status"), r, e);
    wipe_json(o);
    cJSON_Delete(o);
    return rc;
}

/* ---- its environment ---- */

static char *exec_info(const struct kube_config *c, bool terminal)
{
    cJSON *o = cJSON_CreateObject(), *spec, *cluster;
    cJSON_AddStringToObject(o, "kind", "ExecCredential");
    cJSON_AddStringToObject(o, "apiVersion", c->exec->api_version);
    spec = cJSON_AddObjectToObject(o, "spec");
    if (c->exec->cluster_info) {
        cluster = cJSON_AddObjectToObject(spec, "cluster");
        cJSON_AddStringToObject(cluster, "server", c->server);
        if (c->tls_server_name != NULL)
            cJSON_AddStringToObject(cluster, "tls-server-name", c->tls_server_name);
        if (c->insecure)
            cJSON_AddTrueToObject(cluster, "insecure-skip-tls-verify");
        if (c->proxy_url != NULL)
            cJSON_AddStringToObject(cluster, "proxy-url", c->proxy_url);
        if (c->ca_pem != NULL) {
            struct buf b = {0};
            base64_encode(c->ca_pem, c->ca_len, &b);
            cJSON_AddStringToObject(cluster, "certificate-authority-data", b.data);
            buf_free(&b);
        }
        if (c->exec->cluster_config != NULL)
            cJSON_AddItemToObject(cluster, "config", cJSON_CreateRaw(c->exec->cluster_config));
    }
    cJSON_AddBoolToObject(spec, "interactive", terminal);
    char *text = cJSON_PrintUnformatted(o), *line = xasprintf("KUBERNETES_EXEC_INFO=%s", text);
    cJSON_free(text);
    cJSON_Delete(o);
    return line;
}

static bool is_overridden(const char *entry, const struct kube_exec *x)
{
    if (strncmp(entry, "KUBERNETES_EXEC_INFO=", 21) == 0 || strncmp(entry, "ALERTMANAGER_", 13) == 0)
        return true;
    for (size_t i = 0; i < x->n_env; i++) {
        size_t n = strlen(x->env[i].name);
        if (strncmp(entry, x->env[i].name, n) == 0 && entry[n] == '=')
            return true;
    }
    return false;
}

static char **make_environment(const struct kube_config *c, bool terminal)
{
    const struct kube_exec *x = c->exec;
    char **env = NULL;
    size_t n = 0, cap = 0;
    for (char **p = environ; *p != NULL; p++) {
        if (is_overridden(*p, x))
            continue;
        xgrow(&env, &cap, n + 1, sizeof *env);
        env[n++] = xstrdup(*p);
    }
    xgrow(&env, &cap, n + x->n_env + 2, sizeof *env);
    for (size_t i = 0; i < x->n_env; i++)
        env[n++] = xasprintf("%s=%s", x->env[i].name, x->env[i].value);
    env[n++] = exec_info(c, terminal);
    env[n] = NULL;
    return env;
}

/* ---- its life ---- */

static void on_closed(uv_handle_t *h)
{
    struct exec_plugin *p = h->data;
    if (--p->handles > 0)
        return;
    secret_free_bytes(p->bytes, EXEC_PLUGIN_OUTPUT_MAX);
    free(p);
}

static void close_handle(uv_handle_t *h)
{
    if (h->type != UV_UNKNOWN_HANDLE && !uv_is_closing(h))
        uv_close(h, on_closed);
}

static void kill_all(struct exec_plugin *p)
{
    if (!p->exited && p->process.pid > 0)
        kill(p->own_group ? -p->process.pid : p->process.pid, SIGKILL);
}

static int judge(struct exec_plugin *p, struct exec_result *r, struct err *e)
{
    const struct kube_exec *x = p->config->exec;
    char took[MOMENT_TEXT];
    int rc = -1;
    if (p->late) {
        duration_format(p->timeout_us, took);
        err_set(e, ERR_TIMEOUT, "it did not end within %s", took);
    } else if (p->too_much)
        err_set(e, ERR_LIMIT, "it printed more than 1 MiB");
    else if (p->exit_signal != 0)
        err_set(e, ERR_FORBIDDEN, "it was ended by signal %d", p->exit_signal);
    else if (p->exit_code != 0)
        err_set(e, ERR_FORBIDDEN, "it ended with exit code %d; it says why on standard error", (int)p->exit_code);
    else
        rc = exec_result_parse(p->bytes, p->len, x, r, e);
    return rc == 0 ? 0 : err_wrap(e, "credential plugin %s", x->command);
}

static void end(struct exec_plugin *p)
{
    exec_plugin_cb *done = p->done;
    struct exec_result r;
    struct err e = {0};
    p->done = NULL;
    kill_all(p);
    close_handle((uv_handle_t *)&p->timer);
    close_handle((uv_handle_t *)&p->out);
    if (p->exited) /* else when it is reaped */
        close_handle((uv_handle_t *)&p->process);
    if (done == NULL)
        return;
    if (judge(p, &r, &e) == 0)
        done(p->arg, &r, NULL);
    else
        done(p->arg, NULL, &e);
}

static void on_timer(uv_timer_t *t)
{
    struct exec_plugin *p = t->data;
    p->late = !p->exited; /* else what it started holds the pipe: not our business */
    end(p);
}

static void on_ended(uv_process_t *process, int64_t code, int sig)
{
    struct exec_plugin *p = process->data;
    p->exited = true;
    p->exit_code = code;
    p->exit_signal = sig;
    if (p->done == NULL)
        close_handle((uv_handle_t *)&p->process);
    else if (p->drained)
        end(p);
    else
        uv_timer_start(&p->timer, on_timer, DRAIN_MS, 0);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    (void)hint;
    struct exec_plugin *p = h->data;
    *b = uv_buf_init(p->bytes + p->len, (unsigned)(EXEC_PLUGIN_OUTPUT_MAX - p->len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    (void)b;
    struct exec_plugin *p = s->data;
    if (n > 0)
        p->len += (size_t)n;
    if (n >= 0)
        return;
    p->too_much = n == UV_ENOBUFS;
    p->drained = true;
    uv_read_stop(s);
    if (p->exited || p->too_much)
        end(p);
}

/* libcurl's own socket pairs are not close-on-exec, and it makes new ones whenever it likes. */
static void keep_descriptors(void)
{
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    long n = sysconf(_SC_OPEN_MAX); /* an old kernel */
    for (int fd = 3; fd < (n > 0 && n < 65536 ? (int)n : 65536); fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int spawn(struct exec_plugin *p, struct err *e)
{
    const struct kube_exec *x = p->config->exec;
    bool terminal = x->interactive && isatty(0) == 1;
    if (x->needs_interactive && !terminal)
        return err_set(e, ERR_FORBIDDEN, "credential plugin %s wants to ask (interactiveMode Always), and there is no terminal",
                       x->command);
    char **argv = xcalloc(x->n_args + 2, sizeof *argv), **env = make_environment(p->config, terminal);
    argv[0] = x->command;
    for (size_t i = 0; i < x->n_args; i++)
        argv[i + 1] = x->args[i];
    uv_stdio_container_t streams[3] = {
        {.flags = terminal ? UV_INHERIT_FD : UV_IGNORE, .data.fd = 0},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&p->out},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };
    p->own_group = !terminal; /* on a terminal it must stay in the foreground's */
    uv_process_options_t o = {.file = x->command, .args = argv, .env = env, .stdio = streams, .stdio_count = 3,
                              .exit_cb = on_ended, .flags = p->own_group ? UV_PROCESS_DETACHED : 0};
    p->handles = 3;
    keep_descriptors();
    int rc = uv_spawn(p->out.loop, &p->process, &o);
    for (char **v = env; *v != NULL; v++)
        secret_free_text(*v);
    free(env);
    free(argv);
    if (rc == 0)
        return 0;
    p->exited = true;
    return err_set(e, rc == UV_ENOENT ? ERR_NOT_FOUND : ERR_IO, "credential plugin %s cannot be started: %s%s%s", x->command,
                   uv_strerror(rc), x->install_hint != NULL ? "; " : "", x->install_hint != NULL ? x->install_hint : "");
}

int exec_plugin_start(uv_loop_t *loop, const struct kube_config *config, int64_t timeout_us, exec_plugin_cb *done, void *arg,
                      struct exec_plugin **plugin_r, struct err *e)
{
    struct exec_plugin *p = xcalloc(1, sizeof *p);
    p->config = config;
    p->timeout_us = timeout_us;
    p->bytes = xmalloc(EXEC_PLUGIN_OUTPUT_MAX);
    uv_pipe_init(loop, &p->out, 0);
    uv_timer_init(loop, &p->timer);
    p->out.data = p->timer.data = p->process.data = p;
    p->handles = 2;
    if (spawn(p, e) != 0) {
        close_handle((uv_handle_t *)&p->timer);
        close_handle((uv_handle_t *)&p->out);
        close_handle((uv_handle_t *)&p->process);
        return -1;
    }
    p->done = done;
    p->arg = arg;
    uv_timer_start(&p->timer, on_timer, (uint64_t)(timeout_us / 1000), 0);
    uv_read_start((uv_stream_t *)&p->out, on_alloc, on_read);
    *plugin_r = p;
    return 0;
}

void exec_plugin_cancel(struct exec_plugin *p)
{
    p->done = NULL;
    end(p);
}

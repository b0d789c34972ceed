/* Credentials over time: see credential.h. */
#include "kube/credential.h"

#include "base/mem.h"
#include "base/moment.h"
#include "kube/backoff.h"
#include "kube/exec_plugin.h"
#include "kube/kubeconfig.h"

#include <stdlib.h>
#include <string.h>

enum {
    REREAD_S = 60, /* the kubelet rotates tokens long before they expire */
    FRESH_S = 1,   /* what a plugin gives is shown, however short it lasts */
};

struct credential {
    uv_loop_t *loop;
    const struct kube_config *config;
    void (*changed)(void *arg);
    void *arg;
    uint64_t generation;
    char *token;         /* from the file */
    int64_t read_at;     /* running clock; 0: it must be read */
    struct exec_plugin *plugin; /* running */
    struct exec_result result;
    int64_t fetched_at;  /* running clock */
    bool has_result, failed;
    struct err why;
};

struct credential *credential_create(uv_loop_t *loop, const struct kube_config *config, void (*changed)(void *arg),
                                     void *arg)
{
    struct credential *c = xcalloc(1, sizeof *c);
    c->loop = loop;
    c->config = config;
    c->changed = changed;
    c->arg = arg;
    c->result.expires = MOMENT_NONE;
    return c;
}

void credential_free(struct credential **cp)
{
    struct credential *c = *cp;
    *cp = NULL;
    if (c == NULL)
        return;
    if (c->plugin != NULL)
        exec_plugin_cancel(c->plugin);
    secret_free_text(c->token);
    exec_result_deinit(&c->result);
    free(c);
}

/* ---- a file ---- */

static int read_token(struct credential *c, struct err *e)
{
    int64_t now = clock_running();
    char *bytes;
    size_t len;
    if (c->read_at != 0 && now - c->read_at < REREAD_S * MOMENT_SECOND)
        return 0;
    if (secret_read_file(c->config->token_file, KUBE_CREDENTIAL_BYTES_MAX, &bytes, &len, e) != 0)
        return c->token != NULL && c->read_at != 0 ? 0 /* the one we have may still do */ : err_wrap(e, "the token");
    while (len > 0 && strchr(" \t\r\n", bytes[len - 1]) != NULL)
        bytes[--len] = '\0';
    if (len == 0) {
        free(bytes);
        return err_set(e, ERR_INVALID, "the token file %s is empty", c->config->token_file);
    }
    if (c->token == NULL || strcmp(c->token, bytes) != 0)
        c->generation++;
    secret_free_text(c->token);
    c->token = bytes;
    c->read_at = now;
    return 0;
}

/* ---- a plugin ---- */

static void on_plugin(void *arg, struct exec_result *r, const struct err *e)
{
    struct credential *c = arg;
    c->plugin = NULL;
    c->failed = e != NULL;
    if (e != NULL) {
        c->why = *e;
    } else {
        exec_result_deinit(&c->result);
        c->result = *r;
        c->has_result = true;
        c->fetched_at = clock_running();
        c->generation++;
    }
    c->changed(c->arg);
}

static int run_plugin(struct credential *c, struct err *e)
{
    if (c->plugin != NULL)
        return 1;
    if (c->failed) { /* told once; whoever asks next starts it anew */
        c->failed = false;
        *e = c->why;
        return -1;
    }
    if (c->has_result && (c->result.expires == MOMENT_NONE || moment_now() < c->result.expires ||
                          clock_running() - c->fetched_at < FRESH_S * MOMENT_SECOND))
        return 0;
    return exec_plugin_start(c->loop, c->config, EXEC_PLUGIN_TIMEOUT_S * MOMENT_SECOND, on_plugin, c, &c->plugin, e) == 0
               ? 1
               : -1;
}

/* ---- both ---- */

static bool needs_plugin(const struct kube_config *k)
{
    return k->exec != NULL && k->token == NULL && k->token_file == NULL && k->user == NULL; /* given ones win */
}

int credential_ready(struct credential *c, struct err *e)
{
    if (c->config->token_file != NULL)
        return read_token(c, e);
    return needs_plugin(c->config) ? run_plugin(c, e) : 0;
}

uint64_t credential_generation(const struct credential *c)
{
    return c->generation;
}

bool credential_refused(struct credential *c, uint64_t generation)
{
    if (generation != c->generation) /* there is another one already */
        return true;
    if (c->config->token_file != NULL) {
        struct err e;
        c->read_at = 0;
        return read_token(c, &e) == 0 && c->generation != generation;
    }
    if (!needs_plugin(c->config))
        return false;
    if (c->plugin == NULL) {
        exec_result_deinit(&c->result);
        c->has_result = false;
    }
    return true;
}

const char *credential_token(const struct credential *c)
{
    if (c->config->token_file != NULL)
        return c->token;
    return needs_plugin(c->config) ? c->result.token : c->config->token;
}

bool credential_certificate(const struct credential *c, const char **cert_r, const char **key_r)
{
    *cert_r = c->result.cert_pem;
    *key_r = c->result.key_pem;
    return c->has_result && c->result.cert_pem != NULL;
}

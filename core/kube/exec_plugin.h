/* Credential plugins (client.authentication.k8s.io/v1 and v1beta1): a command of the kubeconfig that prints an
 * ExecCredential. It gets standard streams and nothing else: standard error is ours, standard input only when it may ask
 * and there is a terminal. After EXEC_PLUGIN_TIMEOUT_S it is killed with all it started. Its output never gets into a
 * sentence. */
#pragma once

#include "base/err.h"
#include "base/moment.h"
#include "kube/config.h"

#include <uv.h>

enum { EXEC_PLUGIN_TIMEOUT_S = 60, EXEC_PLUGIN_OUTPUT_MAX = 1024 * 1024 };

struct exec_result {
    char *token;              /* NULL: none */
    char *cert_pem, *key_pem; /* both or neither */
    moment_t expires;         /* MOMENT_NONE: when the server refuses it */
};
void exec_result_deinit(struct exec_result *r); /* wipes */

/* Pure. What a plugin printed; `x` says which version was asked for. */
int exec_result_parse(const char *text, size_t len, const struct kube_exec *x, struct exec_result *r, struct err *e);

struct exec_plugin;
/* `r` is the receiver's, who must wipe it; NULL with an error. Once, from the loop. */
typedef void exec_plugin_cb(void *arg, struct exec_result *r, const struct err *e);
int exec_plugin_start(uv_loop_t *loop, const struct kube_config *config, int64_t timeout_us, exec_plugin_cb *done, void *arg,
                      struct exec_plugin **plugin_r, struct err *e);
void exec_plugin_cancel(struct exec_plugin *p); /* no completion; the loop must run on */

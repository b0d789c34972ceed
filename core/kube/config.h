/* Where the API server is and who we are: from a kubeconfig as kubectl reads it, or from the pod we run in.
 *
 * Order, as kubectl's: --kubeconfig; else $KUBECONFIG, a list of files separated by colons, merged (of every name the
 * first file's entry counts; files that are not there are passed over); else ~/.kube/config when it is there; else the
 * pod's service account (KUBERNETES_SERVICE_HOST and /var/run/secrets/kubernetes.io/serviceaccount). Relative paths in a
 * kubeconfig are relative to the file that holds them. Files are read with the engine's own YAML reader, so every error
 * has a file and a line. Secrets are wiped when freed, and in no sentence. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A credential plugin (client.authentication.k8s.io/v1, v1beta1): see exec_plugin.h. */
struct kube_exec {
    char *api_version, *command; /* the command with a slash in it is a path, made absolute; else found in $PATH */
    char **args;
    size_t n_args;
    struct kube_exec_env {
        char *name, *value;
    } *env;
    size_t n_env;
    char *install_hint;
    bool interactive;       /* interactiveMode IfAvailable (it may ask when there is a terminal) or Always */
    bool needs_interactive; /* Always */
    bool cluster_info;      /* provideClusterInfo */
    char *cluster_config;   /* the cluster's extension for plugins, as JSON; or NULL */
};

struct kube_config {
    char *server;          /* "https://10.0.0.1:6443[/prefix]", no slash at the end */
    char *ns;              /* namespace of the context or of the pod; "default" when it names none */
    char *context;         /* its name; "" in a pod */
    char *origin;          /* for sentences: "context \"prod\" of /home/me/.kube/config", "the pod's service account" */
    bool in_cluster;
    /* how the server is known */
    char *ca_pem;          /* NULL: the system's CAs */
    size_t ca_len;
    bool insecure;         /* insecure-skip-tls-verify */
    char *tls_server_name; /* NULL: the host of `server` */
    char *proxy_url;       /* NULL: the usual variables */
    /* who we are: a client certificate, and at most one of the others (kubectl's order: token, then user) */
    char *cert_pem, *key_pem;
    size_t cert_len, key_len;
    char *token;
    char *token_file;      /* re-read as it rotates; wins over token */
    char *user, *password;
    struct kube_exec *exec;
    /* impersonation: as, as-uid, as-groups */
    char *as_user, *as_uid;
    char **as_groups;
    size_t n_as_groups;
};

struct kube_config_source {
    const char *kubeconfig; /* --kubeconfig, or NULL */
    const char *context;    /* --context, or NULL: current-context */
};

enum { KUBECONFIG_BYTES_MAX = 4 * 1024 * 1024, KUBE_CREDENTIAL_BYTES_MAX = 1024 * 1024 };

/* -1: ERR_NOT_FOUND when there is neither a kubeconfig nor a pod; ERR_INVALID with file and line otherwise. */
int kube_config_load(const struct kube_config_source *source, struct kube_config **config_r, struct err *e);
/* One kubeconfig from memory: `name` is for sentences, relative paths are taken from its directory. */
int kube_config_parse(const char *name, const char *text, size_t len, const char *context,
                      struct kube_config **config_r, struct err *e);
void kube_config_free(struct kube_config **config); /* wipes */

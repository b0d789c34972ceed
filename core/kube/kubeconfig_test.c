/* Kubeconfigs and what plugins print: what is taken, and every complaint with its file and line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/exec_plugin.h"
#include "kube/kubeconfig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n  context: {cluster: k, user: u}\n"
#define CLUSTER "clusters:\n- name: k\n  cluster: {server: 'https://k:6443'}\n"
/* "-----BEGIN X-----" */
#define PEM64 "LS0tLS1CRUdJTiBYLS0tLS0="

static struct kube_config *parse(const char *text, struct err *e)
{
    struct kube_config *c = NULL;
    if (kube_config_parse("/d/config", text, strlen(text), NULL, &c, e) != 0)
        assert_null(c);
    return c;
}

static struct kube_config *good(const char *text)
{
    struct err e;
    struct kube_config *c = parse(text, &e);
    if (c == NULL)
        fail_msg("%s", e.msg);
    return c;
}

static void everything(void **state)
{
    (void)state;
    struct kube_config *c = good(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\npreferences: {}\n"
        "contexts:\n- name: other\n  context: {cluster: x}\n"
        "- name: prod\n  context: {cluster: k, user: u, namespace: alerts}\n"
        "clusters:\n- name: k\n  cluster:\n    server: https://10.0.0.1:6443/prefix/\n    certificate-authority-data: " PEM64 "\n"
        "    tls-server-name: kubernetes\n    proxy-url: http://u:pw@proxy:3128\n"
        "    extensions:\n    - {name: client.authentication.k8s.io/exec, extension: {audience: 7}}\n"
        "users:\n- name: u\n  user:\n    client-certificate-data: " PEM64 "\n    client-key-data: " PEM64 "\n    as: jane\n"
        "    as-groups: [a, b]\n    as-uid: '7'\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n"
        "      command: ./bin/login\n      args: [--cluster, k]\n      env: [{name: A, value: '1'}]\n"
        "      interactiveMode: IfAvailable\n      installHint: get it\n      provideClusterInfo: true\n");
    assert_string_equal(c->server, "https://10.0.0.1:6443/prefix");
    assert_string_equal(c->ns, "alerts");
    assert_string_equal(c->context, "prod");
    assert_string_equal(c->origin, "the context \"prod\" of /d/config");
    assert_string_equal(c->ca_pem, "-----BEGIN X-----");
    assert_string_equal(c->tls_server_name, "kubernetes");
    assert_string_equal(c->proxy_url, "http://u:pw@proxy:3128");
    assert_int_equal(c->cert_len, 17);
    assert_int_equal(c->key_len, 17);
    assert_string_equal(c->as_user, "jane");
    assert_string_equal(c->as_uid, "7");
    assert_int_equal(c->n_as_groups, 2);
    assert_string_equal(c->exec->command, "/d/./bin/login");
    assert_int_equal(c->exec->n_args, 2);
    assert_string_equal(c->exec->env[0].value, "1");
    assert_true(c->exec->interactive && !c->exec->needs_interactive && c->exec->cluster_info);
    assert_string_equal(c->exec->cluster_config, "{\"audience\":7}");
    assert_string_equal(c->exec->install_hint, "get it");
    kube_config_free(&c);
}

static void users(void **state)
{
    (void)state;
    struct kube_config *c = good(HEAD CLUSTER "users:\n- name: u\n  user: {token: t, tokenFile: sub/token}\n");
    assert_string_equal(c->token, "t");
    assert_string_equal(c->token_file, "/d/sub/token");
    assert_string_equal(c->ns, "default");
    kube_config_free(&c);
    c = good(HEAD CLUSTER "users:\n- name: u\n  user: {username: a, password: b}\n");
    assert_string_equal(c->user, "a");
    assert_string_equal(c->password, "b");
    kube_config_free(&c);
    c = good("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
             "clusters: [{name: k, cluster: {server: 'localhost:8080'}}]\n"); /* anonymous; no scheme, no TLS */
    assert_string_equal(c->server, "http://localhost:8080");
    kube_config_free(&c);
    c = good("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
             "clusters: [{name: k, cluster: {server: 'k:6443', insecure-skip-tls-verify: true}}]\n");
    assert_string_equal(c->server, "https://k:6443");
    assert_true(c->insecure);
    kube_config_free(&c);
}

static void complaints(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "/d/config: no current-context: give --context"},
        {"[]", "/d/config:1: a kubeconfig must be a map, not a list"},
        {"kind: Pod\n", "/d/config:1: this is no kubeconfig"},
        {"kind: Config\napiVersion: v2\n", "/d/config:2: this is no kubeconfig"},
        {"a: b\n\tc: d\n", "/d/config:2"},
        {"contexts: [{name: a, context: {cluster: k}}]\n", "no current-context: give --context (there are: a)"},
        {"current-context: z\ncontexts: [{name: a}, {name: b}]\n", "/d/config: no context \"z\" (there are: a, b)"},
        {"current-context: a\ncontexts: [{name: a}]\n", "/d/config:2: the context \"a\" is empty"},
        {"current-context: a\ncontexts: [{context: {}}]\n", "/d/config:2: an entry of contexts without a name"},
        {"contexts:\n- {name: a}\n- {name: a}\n", "/d/config:3: the name \"a\" is already in contexts, in line 2"},
        {"clusters: 7\n", "/d/config:1: clusters must be a list, not an integer"},
        {HEAD, "/d/config:6: the context \"c\" names the cluster \"k\", which is not there"},
        {HEAD CLUSTER, "/d/config:6: the context \"c\" names the user \"u\", which is not there"},
        {HEAD "clusters:\n- name: k\n  cluster: {}\nusers: [{name: u, user: {}}]\n",
         "/d/config:8: the cluster \"k\" has no server"},
        {HEAD "clusters:\n- name: k\n  cluster: {server: ftp://x}\nusers: [{name: u, user: {}}]\n",
         "/d/config:9: server must begin with https:// or http://"},
        {HEAD "clusters:\n- name: k\n  cluster: {server: 'https://a:s3cr3t@x'}\nusers: [{name: u, user: {}}]\n",
         "/d/config:9: server must hold no user or password"},
        {HEAD "clusters:\n- name: k\n  cluster: {server: 'https://x', certificate-authority-data: '@@'}\nusers: [{name: u, user: {}}]\n",
         "/d/config:9: certificate-authority-data is no base64"},
        {HEAD "clusters:\n- name: k\n  cluster: {server: 'https://x', certificate-authority-data: czNjcjN0}\nusers: [{name: u, user: {}}]\n",
         "/d/config:9: certificate-authority holds no PEM"},
        {HEAD "clusters:\n- name: k\n  cluster: {server: 'https://x', certificate-authority: none.pem}\nusers: [{name: u, user: {}}]\n",
         "/d/config:9: certificate-authority: /d/none.pem: No such file"},
        {HEAD "clusters:\n- name: k\n  cluster:\n    server: https://x\n    insecure-skip-tls-verify: true\n"
              "    certificate-authority-data: " PEM64 "\nusers: [{name: u, user: {}}]\n",
         "/d/config:11: insecure-skip-tls-verify and a certificate-authority cannot both be given"},
        {HEAD "clusters:\n- name: k\n  cluster: {server: 'https://x', insecure-skip-tls-verify: 'true'}\nusers: [{name: u, user: {}}]\n",
         "/d/config:9: insecure-skip-tls-verify must be a boolean, not a string"},
        {HEAD "clusters:\n- name: k\n  cluster: {server: 'https://x', proxy-url: 'gopher://s3cr3t@x'}\nusers: [{name: u, user: {}}]\n",
         "/d/config:9: proxy-url must begin with"},
        {HEAD CLUSTER "users:\n- name: u\n  user: {token: 7}\n", "/d/config:12: token must be a string, not an integer"},
        {HEAD CLUSTER "users:\n- name: u\n  user: {token: s3cr3t, username: a, password: s3cr3t}\n",
         "/d/config:11: both a token and username and password are given"},
        {HEAD CLUSTER "users:\n- name: u\n  user: {password: s3cr3t}\n", "/d/config:11: password without username"},
        {HEAD CLUSTER "users:\n- name: u\n  user: {client-key-data: " PEM64 "}\n",
         "/d/config:11: client-key without client-certificate"},
        {HEAD CLUSTER "users:\n- name: u\n  user: {client-certificate-data: " PEM64 ", client-certificate: x}\n",
         "/d/config:12: client-certificate and client-certificate-data are both given"},
        {HEAD CLUSTER "users:\n- name: u\n  user:\n    auth-provider: {name: gcp}\n",
         "/d/config:13: auth-provider is no longer supported"},
        {HEAD CLUSTER "users:\n- name: u\n  user: {as-groups: [x]}\n", "/d/config:11: as-uid and as-groups need as"},
        {HEAD CLUSTER "users:\n- name: u\n  user: {as: x, as-user-extra: {a: [b]}}\n", "as-user-extra is not supported"},
        {HEAD CLUSTER "users:\n- name: u\n  user:\n    exec: {apiVersion: client.authentication.k8s.io/v1}\n",
         "/d/config:13: exec needs a command"},
        {HEAD CLUSTER "users:\n- name: u\n  user:\n    exec:\n      command: x\n      apiVersion: client.authentication.k8s.io/v1alpha1\n",
         "/d/config:15: exec needs apiVersion"},
        {HEAD CLUSTER "users:\n- name: u\n  user:\n    exec: {command: x, apiVersion: client.authentication.k8s.io/v1}\n",
         "/d/config:13: interactiveMode must be given"},
        {HEAD CLUSTER "users:\n- name: u\n  user:\n    exec: {command: x, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Maybe}\n",
         "/d/config:13: interactiveMode must be Never, IfAvailable or Always"},
        {HEAD CLUSTER "users:\n- name: u\n  user:\n    exec: {command: x, apiVersion: client.authentication.k8s.io/v1beta1, env: [{value: s3cr3t}]}\n",
         "/d/config:13: an entry of env needs a name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        struct kube_config *c = parse(rows[i].text, &e);
        if (c != NULL || strstr(e.msg, rows[i].says) == NULL || strstr(e.msg, "s3cr3t") != NULL)
            fail_msg("%zu: \"%s\", not \"%s\"", i, c != NULL ? "taken" : e.msg, rows[i].says);
    }
}

/* ---- several files, and where they are looked for ---- */

static char dir[64];

static void write_file(const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(path);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/kubeconfig-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    char *kube = xasprintf("%s/.kube", dir);
    mkdir(kube, 0700);
    free(kube);
    write_file("a", "current-context: one\ncontexts: [{name: one, context: {cluster: x, user: me}}]\n"
                    "clusters: [{name: x, cluster: {server: 'https://from-a'}}]\n");
    write_file("b", "current-context: two\ncontexts: [{name: two, context: {cluster: z}}]\n"
                    "clusters: [{name: x, cluster: {server: 'https://from-b', tls-server-name: b}}, "
                    "{name: z, cluster: {server: 'https://z'}}]\n"
                    "users: [{name: me, user: {tokenFile: token}}]\n");
    write_file(".kube/config", "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
                               "clusters: [{name: k, cluster: {server: 'https://home'}}]\n");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", ".kube/config", ".kube", ""};
    for (size_t i = 0; i < 5; i++) {
        char *path = xasprintf("%s/%s", dir, names[i]);
        remove(path);
        free(path);
    }
    return 0;
}

static struct kube_config *load(const char *kubeconfig, const char *context, struct err *e)
{
    struct kube_config *c = NULL;
    const struct kube_config_source s = {.kubeconfig = kubeconfig, .context = context};
    if (kube_config_load(&s, &c, e) == 0)
        return c;
    print_message("%s\n", e->msg);
    return NULL;
}

static void where_it_is_looked_for(void **state)
{
    (void)state;
    struct err e;
    char *list = xasprintf("%s/none::%s/a:%s/b:%s/a", dir, dir, dir, dir), *b = xasprintf("%s/b", dir);
    char *token = xasprintf("%s/token", dir);
    setenv("HOME", dir, 1);
    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("KUBECONFIG");
    struct kube_config *c = load(NULL, NULL, &e);
    assert_string_equal(c->server, "https://home");
    kube_config_free(&c);
    setenv("KUBECONFIG", list, 1);
    c = load(NULL, NULL, &e); /* the first file's current-context and cluster, the second's user */
    assert_string_equal(c->server, "https://from-a");
    assert_null(c->tls_server_name);
    assert_string_equal(c->token_file, token); /* relative to the file that says it */
    kube_config_free(&c);
    c = load(NULL, "two", &e);
    assert_string_equal(c->server, "https://z");
    kube_config_free(&c);
    c = load(b, NULL, &e); /* --kubeconfig: that file alone */
    assert_string_equal(c->server, "https://z");
    kube_config_free(&c);
    assert_null(load("/nowhere/config", NULL, &e));
    assert_non_null(strstr(e.msg, "/nowhere/config: No such file"));
    setenv("KUBECONFIG", "/nowhere/a:/nowhere/b", 1);
    assert_null(load(NULL, NULL, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "--kubeconfig, $KUBECONFIG, ~/.kube/config"));
    unsetenv("KUBECONFIG");
    free(list);
    free(b);
    free(token);
}

/* ---- plugins ---- */

static void what_plugins_print(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says; /* NULL: good */
    } rows[] = {
        {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"v\",\"status\":{\"token\":\"s3cr3t\"}}", NULL},
        {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"v\",\"status\":{\"clientCertificateData\":\"a\",\"clientKeyData\":\"s3cr3t\"}}", NULL},
        {"", "no ExecCredential in JSON"},
        {"s3cr3t", "no ExecCredential in JSON"},
        {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"w\",\"status\":{\"token\":\"s3cr3t\"}}", "did not print an ExecCredential of v"},
        {"{\"kind\":\"Secret\",\"apiVersion\":\"v\"}", "did not print an ExecCredential"},
        {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"v\"}", "neither a token nor a client certificate"},
        {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"v\",\"status\":{\"clientKeyData\":\"s3cr3t\",\"token\":\"s3cr3t\"}}", "or a key alone"},
        {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"v\",\"status\":{\"token\":\"s3cr3t\",\"expirationTimestamp\":\"soon\"}}", "no RFC 3339"},
    };
    const struct kube_exec x = {.api_version = "v"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct exec_result r;
        struct err e = {0};
        int rc = exec_result_parse(rows[i].text, strlen(rows[i].text), &x, &r, &e);
        if (rc == 0)
            exec_result_deinit(&r);
        if ((rc == 0) != (rows[i].says == NULL) || (rc != 0 && strstr(e.msg, rows[i].says) == NULL) || strstr(e.msg, "s3cr3t"))
            fail_msg("%zu: %s", i, e.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything),
        cmocka_unit_test(users),
        cmocka_unit_test(complaints),
        cmocka_unit_test_setup_teardown(where_it_is_looked_for, make_dir, remove_dir),
        cmocka_unit_test(what_plugins_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

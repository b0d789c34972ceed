/* What comes from an API server or a kubeconfig: a list, a watch, a Status, a plugin's answer, a kubeconfig. The first
 * byte picks which and how the bytes are split. Lists and watches say the same however they are split. */
#include "base/buf.h"
#include "kube/answer.h"
#include "kube/config.h"
#include "kube/exec_plugin.h"
#include "kube/reader.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_item(void *arg, cJSON *item, struct err *e)
{
    (void)e;
    buf_addf(arg, "%s/%s ", kube_name(item), kube_version(item));
    cJSON_Delete(item);
    return 0;
}

static int on_event(void *arg, enum kube_event_type type, cJSON *object, struct err *e)
{
    buf_addf(arg, "%d:", type);
    return on_item(arg, object, e);
}

/* The bytes in pieces, each in memory of its own, so that reading past one is seen. */
static int feed(unsigned pick, struct list_reader *l, struct watch_reader *w, const char *in, size_t len, size_t piece,
                struct err *e)
{
    int rc = 0;
    for (size_t at = 0; at < len && rc == 0; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        char *copy = malloc(n);
        memcpy(copy, in + at, n);
        rc = pick == 0 ? list_reader_feed(l, copy, n, e) : watch_reader_feed(w, copy, n, e);
        free(copy);
    }
    return rc;
}

static int read_all(unsigned pick, const char *in, size_t len, size_t piece, struct buf *out, struct err *e)
{
    struct list_reader l;
    struct watch_reader w;
    list_reader_init(&l, on_item, out);
    watch_reader_init(&w, "GET /x", on_event, out);
    int rc = feed(pick, &l, &w, in, len, piece, e);
    if (rc == 0)
        rc = pick == 0 ? list_reader_end(&l, e) : watch_reader_end(&w, e);
    if (rc == 0 && pick == 0)
        buf_addf(out, "|%s|%s", l.page.resource_version, l.page.continue_token);
    list_reader_deinit(&l);
    watch_reader_deinit(&w);
    return rc;
}

static void split(unsigned pick, size_t piece, const char *in, size_t len)
{
    struct buf whole = {0}, parts = {0};
    struct err e1 = {0}, e2 = {0};
    int rc1 = read_all(pick, in, len, len > 0 ? len : 1, &whole, &e1);
    int rc2 = read_all(pick, in, len, piece, &parts, &e2);
    if (rc1 != rc2 || e1.kind != e2.kind || whole.len != parts.len ||
        (whole.len > 0 && memcmp(whole.data, parts.data, whole.len) != 0) || (rc1 != 0) != (e1.kind != ERR_NONE))
        abort();
    buf_free(&whole);
    buf_free(&parts);
}

static void plugin(const char *in, size_t len)
{
    const struct kube_exec x = {.api_version = "client.authentication.k8s.io/v1"};
    struct exec_result r;
    struct err e = {0};
    if (exec_result_parse(in, len, &x, &r, &e) == 0) {
        if (r.token == NULL && r.cert_pem == NULL)
            abort();
        exec_result_deinit(&r);
    }
}

static void kubeconfig(const char *in, size_t len)
{
    struct kube_config *c = NULL;
    struct err e = {0};
    if (kube_config_parse("/nowhere/config", in, len, NULL, &c, &e) == 0) {
        if (c->server == NULL || c->ns == NULL || (c->cert_pem == NULL) != (c->key_pem == NULL))
            abort();
        kube_config_free(&c);
    } else if (e.kind == ERR_NONE || c != NULL) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *in = (const char *)data + 1;
    struct err e = {0};
    switch (data[0] % 5) {
    case 0:
    case 1:
        split(data[0] % 5, 1 + data[0] / 5 % 20, in, size - 1);
        break;
    case 2:
        answer_error(data[0] % 2 ? 409 : 500, in, size - 1, "GET /x", &e);
        if (e.kind == ERR_NONE)
            abort();
        break;
    case 3:
        plugin(in, size - 1);
        break;
    default:
        kubeconfig(in, size - 1);
    }
    return 0;
}

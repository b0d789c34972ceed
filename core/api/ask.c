/* A question to a running engine: see ask.h. */
#include "api/ask.h"

#include "base/mem.h"
#include "base/moment.h"
#include "net/http.h"
#include "net/listen.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

struct answer {
    struct buf *body;
    long status;
    struct err err;
};

static int on_body(void *arg, const char *bytes, size_t n, struct err *e)
{
    (void)e;
    buf_add(((struct answer *)arg)->body, bytes, n);
    return 0;
}

static void on_done(void *arg, const struct http_response *r, const struct err *e)
{
    struct answer *a = arg;
    a->status = r->status;
    if (e != NULL)
        a->err = *e;
}

static int ask_at(const struct ask *a, const char *url, const char *unix_socket, struct answer *answer, struct err *e)
{
    uv_loop_t loop;
    struct http_client *client = NULL;
    struct http_client_options options = {.ca_file = a->ca_file, .user_agent = "alertspawner/" AS_VERSION};
    if (uv_loop_init(&loop) != 0)
        return err_set(e, ERR_IO, "no event loop: too many open files?");
    int rc = http_client_create(&loop, &options, &client, e);
    if (rc == 0) {
        struct http_handler handler = {NULL, on_body, on_done, answer};
        struct http_options get = {
            .url = url,
            .max_bytes = a->max_bytes != 0 ? a->max_bytes : UINT64_C(64) << 20,
            .timeout_us = a->timeout_us != 0 ? a->timeout_us : 35 * MOMENT_SECOND,
            .accept = "application/json",
            .unix_socket = unix_socket,
        };
        struct http_request *request = NULL;
        rc = http_start(client, &get, &handler, &request, e);
        while (rc == 0 && answer->status == 0 && answer->err.kind == ERR_NONE)
            uv_run(&loop, UV_RUN_ONCE);
    }
    http_client_free(&client);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    if (rc == 0 && answer->err.kind != ERR_NONE) {
        *e = answer->err;
        rc = -1;
    }
    return rc;
}

static int ask_store(const struct ask *a, const char *path, struct answer *answer, struct err *e)
{
    struct sockaddr_un address;
    int dir, rc = -1;
    char *socket_path = xasprintf("%s.sock", a->store_path), *url = xasprintf("http://localhost%s", path);
    if (access(socket_path, F_OK) != 0 && errno == ENOENT) {
        err_set(e, ERR_NOT_FOUND, "no engine runs on %s: there is no %s; start one with alertspawner run", a->store_path,
                socket_path);
    } else if (unix_address(socket_path, &address, &dir, e) == 0) {
        rc = ask_at(a, url, address.sun_path, answer, e);
        if (rc != 0 && e->kind == ERR_UNREACHABLE)
            err_wrap(e, "the engine of %s does not answer on its socket; if it has died, start it again", a->store_path);
        if (dir >= 0)
            close(dir);
    }
    free(socket_path);
    free(url);
    return rc;
}

int ask_engine(const struct ask *a, const char *path, struct buf *body, long *status_r, struct err *e)
{
    struct answer answer = {.body = body};
    buf_clear(body);
    buf_adds(body, "");
    int rc;
    if (a->store_path != NULL) {
        rc = ask_store(a, path, &answer, e);
    } else {
        size_t n = strlen(a->url);
        char *url = xasprintf("%.*s%s", (int)(n > 0 && a->url[n - 1] == '/' ? n - 1 : n), a->url, path);
        rc = ask_at(a, url, NULL, &answer, e);
        if (rc != 0)
            err_wrap(e, "%s", a->url);
        free(url);
    }
    *status_r = answer.status;
    return rc;
}

void ask_encode(struct buf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
        if (isalnum(*p) || strchr("-._~", *p) != NULL)
            buf_addc(out, (char)*p);
        else
            buf_addf(out, "%%%02X", *p);
}

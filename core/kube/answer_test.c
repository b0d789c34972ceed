/* Answers: Status objects to kinds and sentences; lists and watches cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "kube/answer.h"
#include "kube/reader.h"

#include <stdio.h>

#define STATUS(reason, code, more) "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"reason\":\"" reason "\",\"code\":" code more "}"

static void kinds(void **state)
{
    (void)state;
    static const struct {
        long status;
        const char *body;
        enum err_kind kind;
        const char *says;
    } rows[] = {
        {404, STATUS("NotFound", "404", ",\"message\":\"tasks \\\"x\\\" not found\""), ERR_NOT_FOUND, "W: tasks \"x\" not found (404 NotFound)"},
        {409, STATUS("AlreadyExists", "409", ",\"message\":\"m\""), ERR_EXISTS, "W: m (409 AlreadyExists)"},
        {409, STATUS("Conflict", "409", ",\"message\":\"m\""), ERR_CONFLICT, "(409 Conflict)"},
        {422, STATUS("Invalid", "422", ",\"message\":\"T is invalid: spec.a: Required value\",\"details\":{\"causes\":["
                                       "{\"field\":\"spec.a\",\"message\":\"Required value\"},{\"field\":\"spec.b\",\"message\":\"too long\"}]}"),
         ERR_INVALID, "W: T is invalid: spec.a: Required value; spec.b: too long (422 Invalid)"},
        {403, STATUS("Forbidden", "403", ",\"message\":\"no\""), ERR_FORBIDDEN, "no (403 Forbidden)"},
        {401, STATUS("Unauthorized", "401", ""), ERR_FORBIDDEN, "W: Unauthorized (401 Unauthorized)"},
        {410, STATUS("Expired", "410", ""), ERR_GONE, "Expired"},
        {504, STATUS("Timeout", "504", ",\"message\":\"Too large resource version: 9, current: 3\",\"details\":{\"causes\":["
                                       "{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}]}"),
         ERR_GONE, "Too large"},
        {504, STATUS("Timeout", "504", ""), ERR_TIMEOUT, "Timeout"},
        {429, STATUS("TooManyRequests", "429", ""), ERR_THROTTLED, "TooMany"},
        {500, STATUS("InternalError", "500", ",\"message\":\"\\u001b[2Jm\""), ERR_UNREACHABLE, "W: \\x1b[2Jm (500 InternalError)"},
        {503, "", ERR_UNREACHABLE, "W: the answer is 503: Service Unavailable"},
        {302, "<a href=s3cr3t>", ERR_INVALID, "a redirect, which is not followed"},
        {404, "<html>s3cr3t", ERR_NOT_FOUND, "is this address an API server?"},
        {401, "s3cr3t", ERR_FORBIDDEN, "these credentials are not accepted"},
        {409, "{}", ERR_CONFLICT, "409"},
        {418, "null", ERR_INVALID, "418: refused"},
        {599, "[]", ERR_UNREACHABLE, "599: the API server is in trouble"},
        {200, "", ERR_UNREACHABLE, "200: no success"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        assert_int_equal(answer_error(rows[i].status, rows[i].body, strlen(rows[i].body), "W", &e), -1);
        if (e.kind != rows[i].kind || strstr(e.msg, rows[i].says) == NULL || strstr(e.msg, "s3cr3t") != NULL)
            fail_msg("%zu: %s: %s", i, err_kind_name(e.kind), e.msg);
    }
}

static int take_item(void *arg, cJSON *item, struct err *e)
{
    buf_addf(arg, "%s ", kube_name(item));
    bool stop = strcmp(kube_name(item), "stop") == 0;
    cJSON_Delete(item);
    return stop ? err_set(e, ERR_LIMIT, "enough") : 0;
}

static int read_list(const char *text, size_t piece, struct buf *out, struct err *e)
{
    struct list_reader r;
    int rc = 0;
    list_reader_init(&r, take_item, out);
    for (size_t at = 0; at < strlen(text) && rc == 0; at += piece)
        rc = list_reader_feed(&r, text + at, strlen(text + at) < piece ? strlen(text + at) : piece, e);
    if (rc == 0)
        rc = list_reader_end(&r, e);
    if (rc == 0)
        buf_addf(out, "| %s %s %d", r.page.resource_version, r.page.continue_token, (int)r.page.remaining);
    list_reader_deinit(&r);
    return rc;
}

#define ITEM(name) "{\"metadata\":{\"name\":\"" name "\"}}"
static void lists(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* NULL: an error */
        enum err_kind kind;
    } rows[] = {
        {"{\"kind\":\"TaskList\",\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"c\",\"remainingItemCount\":3},\"items\":[" ITEM("a") "," ITEM("b") "]}\n", "a b | 7 c 3", ERR_NONE},
        {"{\"items\":null,\"metadata\":{\"resourceVersion\":\"7\"}}", "| 7  0", ERR_NONE},
        {"{\"items\":[" ITEM("a") "],\"metadata\":{\"resourceVersion\":\"7\"},\"x\":[{}]}", "a | 7  0", ERR_NONE},
        {"{\"items\":[" ITEM("a") "]}", NULL, ERR_INVALID},
        {"{\"items\":[7],\"metadata\":{\"resourceVersion\":\"7\"}}", NULL, ERR_INVALID},
        {"{\"items\":[{\"a\":}],\"metadata\":{\"resourceVersion\":\"7\"}}", NULL, ERR_INVALID},
        {"{\"metadata\":[],\"items\":[]}", NULL, ERR_INVALID},
        {"{\"metadata\":{\"resourceVersion\":\"7\"}}", NULL, ERR_INVALID},
        {"{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[" ITEM("a"), NULL, ERR_INVALID},
        {"<html>", NULL, ERR_INVALID},
        {"", NULL, ERR_INVALID},
        {"{\"items\":[" ITEM("stop") "," ITEM("b") "]}", NULL, ERR_LIMIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t piece = 1; piece < 200; piece += 1 + piece / 3) {
            struct buf out = {0};
            struct err e = {0};
            buf_adds(&out, "");
            int rc = read_list(rows[i].text, piece, &out, &e);
            if ((rc == 0) != (rows[i].want != NULL) || (rc == 0 && strcmp(out.data, rows[i].want) != 0) || e.kind != rows[i].kind)
                fail_msg("%zu in pieces of %zu: \"%s\" %s", i, piece, out.data, e.msg);
            buf_free(&out);
        }
}

static int take_event(void *arg, enum kube_event_type type, cJSON *object, struct err *e)
{
    (void)e;
    buf_addf(arg, "%d:%s:%s ", type, kube_name(object), kube_version(object));
    cJSON_Delete(object);
    return 0;
}

static void watches(void **state)
{
    (void)state;
#define OBJECT(name, version) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
    static const struct {
        const char *text, *want;
        enum err_kind kind;
    } rows[] = {
        {"{\"type\":\"ADDED\",\"object\":" OBJECT("a", "1") "}\n{\"type\":\"MODIFIED\",\"object\":" OBJECT("a", "2") "}\n"
         "{\"type\":\"DELETED\",\"object\":" OBJECT("a", "3") "}\n{\"type\":\"BOOKMARK\",\"object\":" OBJECT("", "9") "}\n",
         "0:a:1 1:a:2 2:a:3 3::9 ", ERR_NONE},
        {"", "", ERR_NONE},
        {"{\"type\":\"ERROR\",\"object\":" STATUS("Expired", "410", ",\"message\":\"too old resource version\"") "}\n", "", ERR_GONE},
        {"{\"type\":\"ADDED\",\"object\":" OBJECT("a", "1") "}\n{\"type\":\"MOD", "0:a:1 ", ERR_UNREACHABLE},
        {"{\"type\":\"SUNG\",\"object\":" OBJECT("a", "1") "}\n", "", ERR_INVALID},
        {"{\"type\":\"ADDED\"}\n", "", ERR_INVALID},
        {"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n", "", ERR_INVALID},
        {"{}\n", "", ERR_INVALID},
        {"[]\n", "", ERR_INVALID},
        {"\"ADDED\"\n", "", ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t piece = 1; piece < 200; piece += 1 + piece / 3) {
            struct watch_reader r;
            struct buf out = {0};
            struct err e = {0};
            const char *text = rows[i].text;
            int rc = 0;
            buf_adds(&out, "");
            watch_reader_init(&r, "W", take_event, &out);
            for (size_t at = 0; at < strlen(text) && rc == 0; at += piece)
                rc = watch_reader_feed(&r, text + at, strlen(text + at) < piece ? strlen(text + at) : piece, &e);
            if (rc == 0)
                rc = watch_reader_end(&r, &e);
            watch_reader_deinit(&r);
            if (strcmp(out.data, rows[i].want) != 0 || e.kind != rows[i].kind || (rc == 0) != (rows[i].kind == ERR_NONE))
                fail_msg("%zu in pieces of %zu: \"%s\" %s: %s", i, piece, out.data, err_kind_name(e.kind), e.msg);
            buf_free(&out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(lists),
        cmocka_unit_test(watches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

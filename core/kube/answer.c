/* Status objects and HTTP codes to errors: see answer.h. */
#include "kube/answer.h"

#include "base/buf.h"
#include "kube/client.h"

#include <string.h>

enum { SHOWN_MAX = 600 };

static const struct {
    const char *reason;
    enum err_kind kind;
} reasons[] = {
    {"NotFound", ERR_NOT_FOUND},      {"AlreadyExists", ERR_EXISTS},   {"Conflict", ERR_CONFLICT},
    {"Invalid", ERR_INVALID},         {"BadRequest", ERR_INVALID},     {"MethodNotAllowed", ERR_INVALID},
    {"NotAcceptable", ERR_INVALID},   {"Forbidden", ERR_FORBIDDEN},    {"Unauthorized", ERR_FORBIDDEN},
    {"Expired", ERR_GONE},            {"Gone", ERR_GONE},              {"TooManyRequests", ERR_THROTTLED},
    {"Timeout", ERR_TIMEOUT},         {"ServerTimeout", ERR_TIMEOUT},  {"InternalError", ERR_UNREACHABLE},
    {"RequestEntityTooLarge", ERR_INVALID}, {"UnsupportedMediaType", ERR_INVALID},
    {"ServiceUnavailable", ERR_UNREACHABLE},
};

static const struct {
    long from, to;
    enum err_kind kind;
    const char *says;
} codes[] = {
    {300, 399, ERR_INVALID, "a redirect, which is not followed: is this address an API server?"},
    {401, 401, ERR_FORBIDDEN, "Unauthorized: these credentials are not accepted"},
    {403, 403, ERR_FORBIDDEN, "Forbidden"},
    {404, 404, ERR_NOT_FOUND, "Not Found: is this address an API server?"},
    {407, 407, ERR_UNREACHABLE, "Proxy Authentication Required: check proxy-url or the proxy variables"},
    {409, 409, ERR_CONFLICT, "Conflict"},
    {410, 410, ERR_GONE, "Gone"},
    {429, 429, ERR_THROTTLED, "Too Many Requests"},
    {400, 499, ERR_INVALID, "refused"},
    {502, 502, ERR_UNREACHABLE, "Bad Gateway: what stands before the API server does not reach it"},
    {503, 503, ERR_UNREACHABLE, "Service Unavailable"},
    {504, 504, ERR_TIMEOUT, "Gateway Timeout"},
    {500, 599, ERR_UNREACHABLE, "the API server is in trouble"},
};

static enum err_kind kind_of(const char *reason, long code)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reasons[i].reason, reason) == 0)
            return reasons[i].kind;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (code >= codes[i].from && code <= codes[i].to)
            return codes[i].kind;
    return ERR_UNREACHABLE;
}

/* A resource version from the future: the server's storage was put back in time. Only a new list helps. */
static bool has_cause(const cJSON *status, const char *reason)
{
    const cJSON *details = cJSON_GetObjectItemCaseSensitive(status, "details"), *cause;
    cJSON_ArrayForEach(cause, cJSON_GetObjectItemCaseSensitive(details, "causes"))
        if (strcmp(kube_text(cause, "reason", NULL), reason) == 0)
            return true;
    return false;
}

/* The server's own sentence already holds the causes of an Invalid one; of others they are added. */
static void add_causes(struct buf *b, const cJSON *status, const char *message)
{
    const cJSON *details = cJSON_GetObjectItemCaseSensitive(status, "details"), *cause;
    cJSON_ArrayForEach(cause, cJSON_GetObjectItemCaseSensitive(details, "causes")) {
        const char *says = kube_text(cause, "message", NULL), *field = kube_text(cause, "field", NULL);
        if (*says == '\0' || strstr(message, says) != NULL || b->len > SHOWN_MAX)
            continue;
        buf_adds(b, "; ");
        if (*field != '\0') {
            buf_add_visible(b, field);
            buf_adds(b, ": ");
        }
        buf_add_visible(b, says);
    }
}

int answer_status(const cJSON *status, const char *what, struct err *e)
{
    const char *reason = kube_text(status, "reason", NULL), *message = kube_text(status, "message", NULL);
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(status, "code");
    long code = cJSON_IsNumber(number) ? (long)number->valueint : 0;
    enum err_kind kind = has_cause(status, "ResourceVersionTooLarge") ? ERR_GONE : kind_of(reason, code);
    struct buf b = {0};
    buf_adds(&b, "");
    buf_add_visible(&b, *message != '\0' ? message : *reason != '\0' ? reason : "no reason given");
    add_causes(&b, status, message);
    err_set(e, kind, "%s: %.*s%s (%ld%s%.60s)", what, (int)(b.len < SHOWN_MAX ? b.len : SHOWN_MAX), b.data,
            b.len > SHOWN_MAX ? "..." : "", code, *reason != '\0' ? " " : "", reason);
    buf_free(&b);
    return -1;
}

int answer_error(long status, const char *body, size_t len, const char *what, struct err *e)
{
    cJSON *object = len > 0 ? cJSON_ParseWithLength(body, len) : NULL;
    if (strcmp(kube_text(object, "kind", NULL), "Status") == 0) {
        if (cJSON_GetObjectItemCaseSensitive(object, "code") == NULL)
            cJSON_AddNumberToObject(object, "code", (double)status);
        answer_status(object, what, e);
    } else {
        const char *says = "no success";
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
            if (status >= codes[i].from && status <= codes[i].to) {
                says = codes[i].says;
                break;
            }
        err_set(e, kind_of("", status), "%s: the answer is %ld: %s", what, status, says);
    }
    cJSON_Delete(object);
    return -1;
}

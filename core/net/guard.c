/* Browsers and strangers' pages: see guard.h. */
#include "net/guard.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { HOST_MAX = 255 };

/* The name without port and brackets. False: that is no Host. */
static bool host_name(const char *host, char name[HOST_MAX + 1], bool *v6_r)
{
    size_t n;
    const char *rest;
    *v6_r = host[0] == '[';
    if (*v6_r) {
        const char *end = strchr(host, ']');
        if (end == NULL)
            return false;
        n = (size_t)(end - ++host);
        rest = end + 1;
    } else {
        n = strcspn(host, ":");
        rest = host + n;
    }
    if (n == 0 || n > HOST_MAX)
        return false;
    memcpy(name, host, n);
    name[n] = '\0';
    if (*rest == '\0')
        return true;
    size_t digits = strspn(rest + 1, "0123456789");
    return *rest == ':' && digits <= 5 && rest[1 + digits] == '\0';
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n > m && strcasecmp(s + n - m, end) == 0;
}

bool guard_host(const char *host, const char *const names[])
{
    static const char *const private[] = {".localhost", ".svc", ".cluster.local", ".internal"};
    char name[HOST_MAX + 1];
    struct in_addr v4;
    struct in6_addr v6;
    bool bracketed;
    if (host == NULL)
        return true;
    if (!host_name(host, name, &bracketed))
        return false;
    if (bracketed)
        return inet_pton(AF_INET6, name, &v6) == 1;
    if (inet_pton(AF_INET, name, &v4) == 1)
        return true;
    size_t n = strlen(name);
    if (n > 1 && name[n - 1] == '.')
        name[--n] = '\0'; /* "localhost.": the root of DNS said aloud */
    if (strchr(name, '.') == NULL)
        return true; /* localhost, a service in our namespace, a machine beside us */
    for (size_t i = 0; i < sizeof private / sizeof *private; i++)
        if (ends_with(name, private[i]))
            return true;
    for (; names != NULL && *names != NULL; names++)
        if (strcasecmp(name, *names) == 0)
            return true;
    return false;
}

bool guard_origin(const char *origin, const char *host, const char *site, const char *mode)
{
    if (origin != NULL) {
        const char *at = strstr(origin, "://");
        return at != NULL && host != NULL && strcasecmp(at + 3, host) == 0;
    }
    if (site == NULL || strcasecmp(site, "same-origin") == 0 || strcasecmp(site, "none") == 0)
        return true;
    return mode != NULL && strcasecmp(mode, "navigate") == 0;
}

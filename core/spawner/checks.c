/* Values of the tables that must look like something: see checks.h. */
#include "spawner/checks.h"

#include "base/base64.h"
#include "base/moment.h"
#include "spawner/fields.h"
#include "spawner/spawner.h"

#include <stdlib.h>
#include <string.h>

enum { SUBDOMAIN_MAX = 253, LABEL_MAX = 63, PORT_MAX = 65535, SHOWN_MAX = 80 };

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* One label of a DNS-1123 name that ends at a '.' or the end; its length, 0 if it is none. */
static size_t label_len(const char *s)
{
    size_t n = 0;
    while (is_alnum(s[n]) || s[n] == '-')
        n++;
    return n > 0 && is_alnum(s[0]) && is_alnum(s[n - 1]) ? n : 0;
}

bool name_is_label(const char *s)
{
    size_t n = label_len(s);
    return n > 0 && n <= LABEL_MAX && s[n] == '\0';
}

bool name_is_subdomain(const char *s, size_t max)
{
    if (strlen(s) > max)
        return false;
    for (;;) {
        size_t n = label_len(s);
        if (n == 0 || (s[n] != '.' && s[n] != '\0'))
            return false;
        if (s[n] == '\0')
            return true;
        s += n + 1;
    }
}

void check_spawner_name(struct report *r, const char *path, const struct node *n)
{
    if (strlen(n->text) > FIELDS_NAME_MAX)
        report_add(r, n->line, n->column, path,
                   "has %zu characters, %d are allowed: it becomes the value of a label", strlen(n->text),
                   FIELDS_NAME_MAX);
    else if (!name_is_subdomain(n->text, FIELDS_NAME_MAX))
        report_add(r, n->line, n->column, path,
                   "\"%s\" is no name: lower case letters, digits, \"-\" and \".\", with a letter or digit "
                   "at both ends",
                   n->text);
}

static void check_at_most(struct report *r, const char *path, const struct node *n, int64_t max)
{
    if (n->integer > max)
        report_add(r, n->line, n->column, path, "must be at most %lld, is %lld", (long long)max, (long long)n->integer);
}

void check_rate(struct report *r, const char *path, const struct node *n)
{
    check_at_most(r, path, n, CHECK_RATE_MAX);
}

void check_slots(struct report *r, const char *path, const struct node *n)
{
    check_at_most(r, path, n, CHECK_SLOTS_MAX);
}

void check_subdomain(struct report *r, const char *path, const struct node *n)
{
    if (!name_is_subdomain(n->text, SUBDOMAIN_MAX))
        report_add(r, n->line, n->column, path,
                   "\"%.*s\" is no name: lower case letters, digits, \"-\" and \".\", with a letter or digit "
                   "at both ends",
                   SHOWN_MAX, n->text);
}

void check_label_name(struct report *r, const char *path, const struct node *n)
{
    if (!name_is_label(n->text))
        report_add(r, n->line, n->column, path,
                   "\"%.*s\" is no name: at most %d lower case letters, digits and \"-\", with a letter or "
                   "digit at both "
                   "ends",
                   SHOWN_MAX, n->text, LABEL_MAX);
}

void check_namespace(struct report *r, const char *path, const struct node *n)
{
    if (n->text[0])
        check_label_name(r, path, n);
}

static int port_check(const char *s, size_t len)
{
    long port = 0;
    if (len == 0 || len > 5)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        port = port * 10 + (s[i] - '0');
    }
    return port >= 1 && port <= PORT_MAX ? 0 : -1;
}

/* host, host:port, [v6] or [v6]:port */
static int authority_check(const char *s, size_t len, struct err *e)
{
    static const char host_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t host;
    if (len > 0 && s[0] == '[') {
        host = 1 + strspn(s + 1, "0123456789abcdefABCDEF:.");
        if (host < 3 || host >= len || s[host] != ']')
            return err_set(e, ERR_INVALID, "has no host: an IPv6 address is written [::1]");
        host++;
    } else {
        host = strspn(s, host_chars);
        if (host > len)
            host = len;
        size_t dots = strspn(s, "._-");
        if (host == 0 || dots >= host)
            return err_set(e, ERR_INVALID, "has no host: write http://alertmanager.monitoring:9093");
    }
    if (host < len && (s[host] != ':' || port_check(s + host + 1, len - host - 1) != 0))
        return err_set(e, ERR_INVALID,
                       s[host] == ':' ? "has no port from 1 to 65535 after the host's \":\""
                                      : "has a character in its host that no host name has");
    return 0;
}

int url_check(const char *url, struct err *e)
{
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0)
        return err_set(e, ERR_INVALID, "must begin with http:// or https://");
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || strchr("\"<>\\^`{|}", *c))
            return err_set(e, ERR_INVALID, "has a character that no URL has: write it as %%20 and so on");
    const char *host = url + scheme;
    size_t len = strcspn(host, "/?#");
    if (memchr(host, '@', len))
        return err_set(e, ERR_INVALID, "must not hold a user or password: use secretRef");
    if (strpbrk(host, "?#"))
        return err_set(e, ERR_INVALID,
                       "must not hold a query (?) or fragment (#): /api/v2/alerts is put behind it");
    return authority_check(host, len, e);
}

void check_url(struct report *r, const char *path, const struct node *n)
{
    struct err e;
    if (url_check(n->text, &e) != 0)
        report_add(r, n->line, n->column, path, "%s", e.msg);
}

void check_interval(struct report *r, const char *path, const struct node *n)
{
    struct err e;
    int64_t us;
    if (n->text[0] == '\0')
        return;
    if (duration_parse(n->text, &us, &e) != 0)
        report_add(r, n->line, n->column, path, "%s", e.msg);
    else if (us < SPAWNER_POLL_MIN_S * MOMENT_SECOND)
        report_add(r, n->line, n->column, path, "\"%.40s\" is too short: at least %ds", n->text,
                   SPAWNER_POLL_MIN_S);
}

void check_base64(struct report *r, const char *path, const struct node *n)
{
    struct buf out = {0};
    if (base64_decode(n->text, &out) != 0)
        report_add(r, n->line, n->column, path, "is no base64; plain text goes into stringData");
    if (out.data)
        explicit_bzero(out.data, out.cap);
    buf_free(&out);
}

/* TLS from memory: see tls.h. */
#include "net/tls.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_identity {
    int refs;
    char *ca_pem, *cert_pem, *key_pem, *server_name;
    size_t ca_len, cert_len, key_len;
    bool insecure;
};

static char *copy(const char *s, size_t n)
{
    return s == NULL ? NULL : xstrndup(s, n);
}

struct tls_identity *tls_identity_create(const struct http_tls *tls)
{
    struct tls_identity *t = xcalloc(1, sizeof *t);
    t->refs = 1;
    t->ca_pem = copy(tls->ca_pem, tls->ca_len);
    t->cert_pem = copy(tls->cert_pem, tls->cert_len);
    t->key_pem = copy(tls->key_pem, tls->key_len);
    t->ca_len = tls->ca_len;
    t->cert_len = tls->cert_len;
    t->key_len = tls->key_len;
    t->server_name = xstrdup(tls->server_name);
    t->insecure = tls->insecure;
    return t;
}

struct tls_identity *tls_identity_ref(struct tls_identity *t)
{
    if (t != NULL)
        t->refs++;
    return t;
}

void tls_identity_unref(struct tls_identity *t)
{
    if (t == NULL || --t->refs > 0)
        return;
    if (t->key_pem != NULL)
        explicit_bzero(t->key_pem, t->key_len);
    free(t->ca_pem);
    free(t->cert_pem);
    free(t->key_pem);
    free(t->server_name);
    free(t);
}

/* libcurl expects the URL's host in the certificate. So the URL gets the expected name, the connection goes to the real
 * host all the same (CONNECT_TO), and the Host header stays what it was. */
static CURLcode expect_name(const struct tls_identity *t, CURL *easy, const char *url,
                            struct curl_slist **connect_to_r, struct curl_slist **headers)
{
    CURLU *u = curl_url();
    char *host = NULL, *port = NULL, *given_port = NULL, *renamed = NULL;
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    if (u == NULL || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK) {
        rc = CURLE_URL_MALFORMAT;
        goto out;
    }
    curl_url_get(u, CURLUPART_PORT, &given_port, 0); /* absent: NULL */
    char *to = xasprintf("::%s:%s", host, port);
    *connect_to_r = curl_slist_append(NULL, to);
    free(to);
    char *line = xasprintf("Host: %s%s%s", host, given_port != NULL ? ":" : "", given_port != NULL ? given_port : "");
    *headers = curl_slist_append(*headers, line);
    free(line);
    if (curl_url_set(u, CURLUPART_HOST, t->server_name, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_URL, &renamed, 0) != CURLUE_OK) {
        rc = CURLE_URL_MALFORMAT;
        goto out;
    }
    rc = curl_easy_setopt(easy, CURLOPT_URL, renamed);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_CONNECT_TO, *connect_to_r);
out:
    curl_free(host);
    curl_free(port);
    curl_free(given_port);
    curl_free(renamed);
    curl_url_cleanup(u);
    return rc;
}

static CURLcode set_blob(CURL *easy, CURLoption option, char *bytes, size_t len)
{
    struct curl_blob blob = {.data = bytes, .len = len, .flags = CURL_BLOB_NOCOPY};
    return bytes == NULL ? CURLE_OK : curl_easy_setopt(easy, option, &blob);
}

CURLcode tls_identity_apply(const struct tls_identity *t, CURL *easy, const char *url,
                            struct curl_slist **connect_to_r, struct curl_slist **headers)
{
    CURLcode rc = set_blob(easy, CURLOPT_CAINFO_BLOB, t->ca_pem, t->ca_len);
    if (rc == CURLE_OK && t->ca_pem != NULL) /* instead of the system's, not beside them */
        rc = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (rc == CURLE_OK)
        rc = set_blob(easy, CURLOPT_SSLCERT_BLOB, t->cert_pem, t->cert_len);
    if (rc == CURLE_OK)
        rc = set_blob(easy, CURLOPT_SSLKEY_BLOB, t->key_pem, t->key_len);
    if (rc == CURLE_OK && t->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (rc == CURLE_OK && t->server_name != NULL)
        rc = expect_name(t, easy, url, connect_to_r, headers);
    return rc;
}

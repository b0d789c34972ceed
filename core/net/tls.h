/* How a client proves who it is and knows whom it talks to: CA and client certificate from memory (never from a file
 * that we would have to write), the name to expect. Private to core/net, but for struct http_tls. */
#pragma once

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

struct http_tls {
    const char *ca_pem; /* NULL: the system's CAs, or ca_file */
    size_t ca_len;
    const char *cert_pem, *key_pem; /* both or neither */
    size_t cert_len, key_len;
    const char *server_name; /* the server's certificate must hold this name instead of the URL's host */
    bool insecure;           /* take any certificate */
};

/* A copy that several requests share: one that is in flight keeps the identity it began with. Wiped with the last. */
struct tls_identity;
struct tls_identity *tls_identity_create(const struct http_tls *tls);
struct tls_identity *tls_identity_ref(struct tls_identity *t); /* NULL stays NULL */
void tls_identity_unref(struct tls_identity *t);

/* Puts it on a handle whose URL is `url`. What *connect_to_r and *headers hold must live as long as the handle. */
CURLcode tls_identity_apply(const struct tls_identity *t, CURL *easy, const char *url,
                            struct curl_slist **connect_to_r, struct curl_slist **headers);

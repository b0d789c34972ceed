/* How a spawner shows Alertmanager who it is: see spawner_auth in spawner.h. */
#include "alerts/poll.h"
#include "base/buf.h"
#include "base/mem.h"
#include "spawner/secret.h"
#include "spawner/spawner.h"

#include <stdlib.h>
#include <string.h>

#define KEY_TOKEN    "ALERTMANAGER_TOKEN"
#define KEY_USER     "ALERTMANAGER_USER"
#define KEY_PASSWORD "ALERTMANAGER_PASSWORD"

enum { KEYS_SHOWN_MAX = 300 };

/* "its keys are A, B": the names alone. */
static void list_keys(const struct secret *s, struct buf *out)
{
    if (s->n == 0)
        buf_adds(out, "it has no keys");
    for (size_t i = 0; i < s->n; i++) {
        if (out->len > KEYS_SHOWN_MAX) {
            buf_adds(out, ", ...");
            return;
        }
        buf_addf(out, "%s%.100s", i ? ", " : s->n == 1 ? "its key is " : "its keys are ", s->entries[i].key);
    }
}

static int wrong_keys(const struct secret *s, const char *what, struct err *e)
{
    struct buf keys = {0};
    list_keys(s, &keys);
    err_set(e, ERR_INVALID, "%s; %s. It takes " KEY_TOKEN " alone, or " KEY_USER " and " KEY_PASSWORD, what,
            keys.data);
    buf_free(&keys);
    return -1;
}

static int take(const struct secret *s, const char *key, char **value_r, struct err *e)
{
    const struct secret_entry *entry = secret_get(s, key);
    size_t len = entry->len;
    if (len > 0 && entry->value[len - 1] == '\n')
        len -= len > 1 && entry->value[len - 2] == '\r' ? 2 : 1;
    if (len == 0)
        return err_set(e, ERR_INVALID, "%s is empty", key);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)entry->value[i] < 0x20 || entry->value[i] == 0x7f)
            return err_set(e, ERR_INVALID, "%s holds a line break or another control character", key);
    *value_r = xstrndup(entry->value, len);
    return 0;
}

static int choose(const struct secret *s, struct poll_auth *auth_r, struct err *e)
{
    bool token = secret_get(s, KEY_TOKEN), user = secret_get(s, KEY_USER),
         password = secret_get(s, KEY_PASSWORD);
    if (token && (user || password))
        return wrong_keys(s, "holds a token and a user or password", e);
    if (token)
        return take(s, KEY_TOKEN, &auth_r->bearer, e);
    if (!user && !password)
        return wrong_keys(s, "holds no credentials for Alertmanager", e);
    if (!user || !password)
        return wrong_keys(s, user ? KEY_PASSWORD " is missing" : KEY_USER " is missing", e);
    if (take(s, KEY_USER, &auth_r->user, e) != 0 || take(s, KEY_PASSWORD, &auth_r->password, e) != 0)
        return -1;
    if (strchr(auth_r->user, ':'))
        return err_set(e, ERR_INVALID, KEY_USER " holds a \":\", which Basic authentication cannot say");
    return 0;
}

int spawner_auth_of(const struct secret *secret, struct poll_auth *auth_r, struct err *e)
{
    *auth_r = (struct poll_auth){0};
    if (choose(secret, auth_r, e) == 0)
        return 0;
    poll_auth_deinit(auth_r);
    return err_wrap(e, "the Secret %s/%s", secret->ns, secret->name);
}

int spawner_auth(const struct spawner_set *set, const struct spawner *s, const char *secrets_dir,
                 struct poll_auth *auth_r, struct err *e)
{
    *auth_r = (struct poll_auth){0};
    if (s->secret_name == NULL)
        return 0;
    const struct secret *secret = secret_find(set, s->ns, s->secret_name);
    struct secret *mounted = NULL;
    if (secret == NULL && secrets_dir) {
        struct err why;
        if (secret_from_dir(secrets_dir, s->ns, s->secret_name, &mounted, &why) != 0 &&
            why.kind != ERR_NOT_FOUND)
            return err_set(e, why.kind, "the Secret %s/%s: %s", s->ns, s->secret_name, why.msg);
        secret = mounted;
    }
    if (secret == NULL) {
        if (secrets_dir)
            return err_set(e, ERR_NOT_FOUND,
                           "no Secret %s/%s: neither a document of -f nor the directory %s/%s", s->ns,
                           s->secret_name, secrets_dir, s->secret_name);
        return err_set(e, ERR_NOT_FOUND,
                       "no Secret %s/%s: give it as a document of -f, or as a directory with --secrets",
                       s->ns, s->secret_name);
    }
    int rc = spawner_auth_of(secret, auth_r, e);
    secret_free(&mounted);
    return rc;
}

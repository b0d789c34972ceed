/* Secrets: see secret.h. */
#include "spawner/secret.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "spawner/checks.h"
#include "spawner/schema.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct secret *secret_create(const char *ns, const char *name)
{
    struct secret *s = xcalloc(1, sizeof *s);
    s->ns = xstrdup(ns);
    s->name = xstrdup(name);
    return s;
}

static void wipe(char *value, size_t len)
{
    if (value)
        explicit_bzero(value, len);
    free(value);
}

/* Takes the value. */
static void put(struct secret *s, const char *key, char *value, size_t len)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->entries[i].key, key) == 0) {
            wipe(s->entries[i].value, s->entries[i].len);
            s->entries[i].value = value;
            s->entries[i].len = len;
            return;
        }
    s->entries = xrealloc(s->entries, (s->n + 1) * sizeof *s->entries);
    s->entries[s->n++] = (struct secret_entry){xstrdup(key), value, len};
}

/* Decodes one value; its base64 is wiped. */
static int put_base64(struct secret *s, const char *key, char *text)
{
    struct buf out = {0};
    /* Room for all of it at once: growing would leave copies behind. */
    buf_reserve(&out, strlen(text) + 1);
    int rc = base64_decode(text, &out);
    explicit_bzero(text, strlen(text));
    size_t len = out.len;
    put(s, key, buf_take(&out), len);
    return rc;
}

int secret_from_object(cJSON *object, struct secret **secret_r, struct err *e)
{
    const cJSON *meta = cJSON_GetObjectItemCaseSensitive(object, "metadata");
    const char *ns = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(meta, "namespace")),
               *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(meta, "name"));
    struct secret *s = secret_create(ns != NULL ? ns : "", name != NULL ? name : "");
    int rc = 0;
    cJSON *value;
    cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(object, "data"))
    {
        if (cJSON_IsString(value) && put_base64(s, value->string, value->valuestring) != 0)
            rc = err_set(e, ERR_INVALID, "the Secret %s/%s: its key %s holds no base64", s->ns, s->name, value->string);
    }
    if (rc != 0)
        secret_free(&s);
    *secret_r = s;
    return rc;
}

struct secret *secret_from_document(const struct node *doc, const char *ns)
{
    const struct node *meta = schema_has(doc, "metadata"), *data = schema_has(doc, "data");
    const struct node *text = schema_has(doc, "stringData");
    const char *own_ns = schema_text(meta, "namespace");
    struct secret *s = secret_create(own_ns ? own_ns : ns && *ns ? ns : "default", schema_text(meta, "name"));
    for (size_t i = 0; data && i < data->n; i++) {
        struct buf out = {0};
        /* Room for all of it at once: growing would leave copies behind. */
        buf_reserve(&out, strlen(data->items[i]->text) + 1);
        base64_decode(data->items[i]->text, &out);
        size_t len = out.len;
        put(s, data->keys[i], buf_take(&out), len);
    }
    for (size_t i = 0; text && i < text->n; i++)
        put(s, text->keys[i], xstrdup(text->items[i]->text), strlen(text->items[i]->text));
    return s;
}

static int read_key(int dir, const char *path, const char *key, struct secret *s, struct err *e)
{
    struct stat st;
    int fd = openat(dir, key, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int saved = errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, ERR_IO, "%s/%s: %s", path, key, strerror(saved));
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return 0; /* a directory beside the keys is none */
    }
    char *value = xmalloc(SECRET_BYTES_MAX + 1);
    size_t len = 0;
    ssize_t n = 1;
    while (n > 0 && len <= SECRET_BYTES_MAX) {
        n = read(fd, value + len, SECRET_BYTES_MAX + 1 - len);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            len += (size_t)n;
    }
    int saved = errno;
    close(fd);
    if (n < 0 || len > SECRET_BYTES_MAX) {
        wipe(value, len);
        return err_set(e, n < 0 ? ERR_IO : ERR_LIMIT, "%s/%s: %s", path, key,
                       n < 0 ? strerror(saved) : "larger than 1 MiB, as no key of a Secret is");
    }
    char *exact = xstrndup(value, len);
    wipe(value, len);
    put(s, key, exact, len);
    return 0;
}

int secret_from_dir(const char *dir, const char *ns, const char *name, struct secret **secret_r,
                    struct err *e)
{
    char *path = xasprintf("%s/%s", dir, name);
    struct secret *s = NULL;
    int rc = -1, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        goto out;
    }
    s = secret_create(ns, name);
    for (struct dirent *at; (at = readdir(d)) != NULL;) {
        if (at->d_name[0] == '.' && (at->d_name[1] == '\0' || at->d_name[1] == '.'))
            continue;
        if (s->n >= SECRET_KEYS_MAX) {
            err_set(e, ERR_LIMIT, "%s: more than %d keys", path, SECRET_KEYS_MAX);
            goto out;
        }
        if (read_key(dirfd(d), path, at->d_name, s, e) != 0)
            goto out;
    }
    *secret_r = s;
    s = NULL;
    rc = 0;
out:
    if (d)
        closedir(d);
    secret_free(&s);
    free(path);
    return rc;
}

struct secret *secret_find(const struct spawner_set *set, const char *ns, const char *name)
{
    for (size_t i = 0; i < set->n_secrets; i++)
        if (strcmp(set->secrets[i]->ns, ns) == 0 && strcmp(set->secrets[i]->name, name) == 0)
            return set->secrets[i];
    return NULL;
}

const struct secret_entry *secret_get(const struct secret *s, const char *key)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->entries[i].key, key) == 0)
            return &s->entries[i];
    return NULL;
}

void secret_free(struct secret **sp)
{
    struct secret *s = *sp;
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        wipe(s->entries[i].value, s->entries[i].len);
        free(s->entries[i].key);
    }
    free(s->entries);
    free(s->ns);
    free(s->name);
    free(s);
    *sp = NULL;
}

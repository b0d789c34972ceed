/* The table of pseudonyms: see pseudonyms.h. */
#include "replay/pseudonyms.h"

#include "base/buf.h"
#include "base/mem.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { BUCKETS_FIRST = 256 };

struct entry {
    char *name, *value, *as;
};

struct pseudonyms {
    char *path;
    int fd;
    struct entry *entries;
    size_t n, cap;
    uint32_t *buckets; /* number of the entry + 1 */
    size_t n_buckets;
};

static size_t find(const struct pseudonyms *p, const char *name, const char *value)
{
    uint64_t seed = XXH3_64bits(name, strlen(name));
    size_t b = (size_t)XXH3_64bits_withSeed(value, strlen(value), seed) & (p->n_buckets - 1);
    for (; p->buckets[b] != 0; b = (b + 1) & (p->n_buckets - 1)) {
        const struct entry *x = &p->entries[p->buckets[b] - 1];
        if (strcmp(x->value, value) == 0 && strcmp(x->name, name) == 0)
            break;
    }
    return b;
}

static const struct entry *entry_add(struct pseudonyms *p, const char *name, const char *value, const char *as)
{
    if ((p->n + 1) * 2 > p->n_buckets) {
        free(p->buckets);
        p->n_buckets = p->n_buckets == 0 ? BUCKETS_FIRST : 2 * p->n_buckets;
        p->buckets = xcalloc(p->n_buckets, sizeof *p->buckets);
        for (size_t i = 0; i < p->n; i++)
            p->buckets[find(p, p->entries[i].name, p->entries[i].value)] = (uint32_t)i + 1;
    }
    size_t b = find(p, name, value);
    xgrow(&p->entries, &p->cap, p->n + 1, sizeof *p->entries);
    p->entries[p->n] = (struct entry){xstrdup(name), xstrdup(value), xstrdup(as)};
    p->buckets[b] = (uint32_t)++p->n;
    return &p->entries[p->n - 1];
}

/* One line of the table; what is none ends it with a sentence. */
static int line_take(struct pseudonyms *p, const char *line, struct err *e)
{
    cJSON *o = cJSON_Parse(line);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "name"));
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "value"));
    const char *as = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "as"));
    int rc = name != NULL && value != NULL && as != NULL ? 0 : err_set(e, ERR_INVALID, "%s: line %zu is none of ours", p->path, p->n + 1);
    if (rc == 0)
        entry_add(p, name, value, as);
    cJSON_Delete(o);
    return rc;
}

static int table_read(struct pseudonyms *p, struct err *e)
{
    FILE *f = fdopen(dup(p->fd), "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    off_t good = 0;
    int rc = f == NULL ? err_set(e, ERR_IO, "%s: %s", p->path, strerror(errno)) : 0;
    while (rc == 0 && (n = getline(&line, &cap, f)) > 0) {
        if (line[n - 1] != '\n')
            break; /* cut */
        rc = line_take(p, line, e);
        good += n;
    }
    free(line);
    if (f != NULL)
        fclose(f);
    if (rc == 0 && (ftruncate(p->fd, good) != 0 || lseek(p->fd, 0, SEEK_END) < 0))
        rc = err_set(e, ERR_IO, "%s: %s", p->path, strerror(errno));
    return rc;
}

int pseudonyms_open(const char *dir, struct pseudonyms **p_r, struct err *e)
{
    struct pseudonyms *p = xcalloc(1, sizeof *p);
    *p_r = NULL;
    p->path = xasprintf("%s/pseudonyms.jsonl", dir);
    p->n_buckets = BUCKETS_FIRST;
    p->buckets = xcalloc(p->n_buckets, sizeof *p->buckets);
    p->fd = mkdir(dir, 0700) == 0 || errno == EEXIST ? open(p->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (p->fd < 0 ? err_set(e, ERR_IO, "%s: %s", p->path, strerror(errno)) != 0 : table_read(p, e) != 0) {
        pseudonyms_close(&p);
        return -1;
    }
    *p_r = p;
    return 0;
}

void pseudonyms_close(struct pseudonyms **pseudonyms)
{
    struct pseudonyms *p = *pseudonyms;
    if (p == NULL)
        return;
    *pseudonyms = NULL;
    if (p->fd >= 0)
        close(p->fd);
    for (size_t i = 0; i < p->n; i++) {
        free(p->entries[i].name);
        free(p->entries[i].value);
        free(p->entries[i].as);
    }
    free(p->entries);
    free(p->buckets);
    free(p->path);
    free(p);
}

static int line_write(struct pseudonyms *p, const char *name, const char *value, const char *as, struct err *e)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", name);
    cJSON_AddStringToObject(o, "value", value);
    cJSON_AddStringToObject(o, "as", as);
    char *text = cJSON_PrintUnformatted(o), *line = xasprintf("%s\n", text);
    size_t len = strlen(line);
    off_t end = lseek(p->fd, 0, SEEK_END);
    ssize_t n = write(p->fd, line, len);
    int why = errno;
    cJSON_free(text);
    cJSON_Delete(o);
    free(line);
    if (n == (ssize_t)len)
        return 0;
    bool whole = end >= 0 && ftruncate(p->fd, end) == 0; /* half a line must not stay, or the table is lost */
    return err_set(e, ERR_IO, "%s: %s%s", p->path, n < 0 ? strerror(why) : "the disk is full",
                   whole ? "" : "; its last line is cut");
}

const char *pseudonyms_get(struct pseudonyms *p, const char *name, const char *value, struct err *e)
{
    uint32_t known = p->buckets[find(p, name, value)];
    if (known != 0)
        return p->entries[known - 1].as;
    size_t number = 1;
    for (size_t i = 0; i < p->n; i++)
        number += strcmp(p->entries[i].name, name) == 0;
    char *as = xasprintf("%s-%zu", name, number);
    const struct entry *x = line_write(p, name, value, as, e) == 0 ? entry_add(p, name, value, as) : NULL;
    free(as);
    return x != NULL ? x->as : NULL;
}

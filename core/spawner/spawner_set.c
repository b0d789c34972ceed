/* Reading every document that -f names: see spawner_set_load in spawner.h. */
#include "base/buf.h"
#include "base/mem.h"
#include "spawner/checks.h"
#include "spawner/document.h"
#include "spawner/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 10000 /* of one directory */ };

static void parse_problem(void *arg, const struct err *e)
{
    struct loader *l = arg; /* the parser's sentence has the place in it */
    struct report *r = &l->report;
    xgrow(&r->problems, &r->cap, r->n + 1, sizeof *r->problems);
    r->problems[r->n++] = xstrdup(e->msg);
}

static void load_text(struct loader *l, const char *name, const char *text, size_t len)
{
    struct node **docs;
    size_t n;
    l->report.file = name;
    nodes_parse_each(name, text, len, &docs, &n, parse_problem, l);
    for (size_t i = 0; i < n; i++)
        document_load(l, docs[i]);
    nodes_free(&docs, n);
}

/* Up to one byte more than a document may have: the parser says that it is too large. The buffer is never
 * moved, for a document may be a Secret. */
static int read_all(int fd, const char *name, char **text_r, size_t *len_r, struct err *e)
{
    char *text = xmalloc(DOCUMENT_BYTES_MAX + 1);
    size_t len = 0;
    while (len <= DOCUMENT_BYTES_MAX) {
        ssize_t n = read(fd, text + len, DOCUMENT_BYTES_MAX + 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_set(e, ERR_IO, "%s: %s", name, strerror(errno));
            explicit_bzero(text, len);
            free(text);
            return -1;
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *text_r = text;
    *len_r = len;
    return 0;
}

static int load_fd(struct loader *l, int fd, const char *name, struct err *e)
{
    char *text;
    size_t len;
    if (read_all(fd, name, &text, &len, e) != 0)
        return -1;
    load_text(l, name, text, len);
    explicit_bzero(text, len);
    free(text);
    return 0;
}

static int load_file(struct loader *l, const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    int rc = load_fd(l, fd, path, e);
    close(fd);
    return rc;
}

static bool is_document_name(const char *name)
{
    static const char *const ends[] = {".yaml", ".yml", ".json"};
    size_t len = strlen(name);
    for (size_t i = 0; name[0] != '.' && i < sizeof ends / sizeof *ends; i++)
        if (len > strlen(ends[i]) && strcmp(name + len - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int load_dir(struct loader *l, const char *path, struct err *e)
{
    char **names = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;
    DIR *d = opendir(path);
    if (d == NULL)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    for (struct dirent *at; (at = readdir(d)) != NULL && rc == 0;) {
        if (!is_document_name(at->d_name))
            continue;
        if (n >= FILES_MAX) {
            rc = err_set(e, ERR_LIMIT, "%s: more than %d documents in one directory", path, FILES_MAX);
            break;
        }
        xgrow(&names, &cap, n + 1, sizeof *names);
        names[n++] = xstrdup(at->d_name);
    }
    closedir(d);
    if (n > 0)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        char *file = xasprintf("%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", names[i]);
        struct stat st;
        struct err why;
        bool regular =
            stat(file, &st) != 0 || S_ISREG(st.st_mode); /* a dangling link is a problem worth a sentence */
        if (rc == 0 && regular && load_file(l, file, &why) != 0)
            parse_problem(l, &why);
        free(file);
        free(names[i]);
    }
    free(names);
    return rc;
}

static int load_path(struct loader *l, const struct spawner_source *source, const char *path, struct err *e)
{
    struct stat st;
    if (strcmp(path, "-") == 0) {
        if (source->stdin_text == NULL)
            return load_fd(l, STDIN_FILENO, "stdin", e);
        load_text(l, "stdin", source->stdin_text, source->stdin_len);
        return 0;
    }
    if (stat(path, &st) != 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    return S_ISDIR(st.st_mode) ? load_dir(l, path, e) : load_file(l, path, e);
}

int spawner_set_load(const struct spawner_source *source, struct spawner_set **set_r, struct err *e)
{
    struct loader l = {.set = xcalloc(1, sizeof *l.set), .ns = source->ns};
    int rc = 0;
    for (size_t i = 0; i < source->n_paths && rc == 0; i++)
        rc = load_path(&l, source, source->paths[i], e);
    l.in_cluster = l.report.placeless = true;
    for (size_t i = 0; i < source->n_objects && rc == 0; i++)
        load_text(&l, source->objects[i].name, source->objects[i].json, source->objects[i].len);
    l.set->problems = l.report.problems;
    l.set->n_problems = l.report.n;
    if (rc != 0)
        spawner_set_free(&l.set);
    *set_r = l.set;
    return rc;
}

void spawner_set_free(struct spawner_set **setp)
{
    struct spawner_set *set = *setp;
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->n; i++)
        spawner_free(&set->spawners[i]);
    for (size_t i = 0; i < set->n_secrets; i++)
        secret_free(&set->secrets[i]);
    for (size_t i = 0; i < set->n_problems; i++)
        free(set->problems[i]);
    free(set->spawners);
    free(set->secrets);
    free(set->problems);
    free(set);
    *setp = NULL;
}

struct spawner *spawner_set_find(const struct spawner_set *set, const char *ns, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->spawners[i]->ns, ns) == 0 && strcmp(set->spawners[i]->name, name) == 0)
            return set->spawners[i];
    return NULL;
}

int spawner_set_override_url(struct spawner_set *set, const char *url, struct err *e)
{
    struct err why;
    if (url_check(url, &why) != 0)
        return err_set(e, ERR_USAGE, "--alertmanager: the URL %s", why.msg);
    for (size_t i = 0; i < set->n; i++) {
        free(set->spawners[i]->url);
        set->spawners[i]->url = xstrdup(url);
    }
    return 0;
}

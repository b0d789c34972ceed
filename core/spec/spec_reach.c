/* See spec_reach.h. */
#include "spec/spec_reach.h"

#include "base/beneath.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const module_dirs[] = {"/usr/local/share/lua", "/usr/share/lua"};
enum { PLACES_MAX = 64 };

/* Directories in which a name is looked for, in order. */
struct places {
    char *dirs[PLACES_MAX];
    size_t n;
};

void spec_reach_add_root(struct spec_reach *r, const char *dir)
{
    for (size_t i = 0; i < r->n_roots; i++)
        if (strcmp(r->roots[i], dir) == 0)
            return;
    r->roots = xrealloc(r->roots, (r->n_roots + 1) * sizeof *r->roots);
    r->roots[r->n_roots++] = xstrdup(dir);
}

void spec_reach_add_lpath(struct spec_reach *r, const char *pattern)
{
    const char *mark = strchr(pattern, '?');
    size_t n = mark != NULL ? (size_t)(mark - pattern) : strlen(pattern);
    while (n > 1 && pattern[n - 1] == '/')
        n--;
    r->lpath = xrealloc(r->lpath, (r->n_lpath + 1) * sizeof *r->lpath);
    r->lpath[r->n_lpath++] = n > 0 ? xstrndup(pattern, n) : xstrdup(".");
}

void spec_reach_deinit(struct spec_reach *r)
{
    for (size_t i = 0; i < r->n_roots; i++)
        free(r->roots[i]);
    for (size_t i = 0; i < r->n_lpath; i++)
        free(r->lpath[i]);
    free(r->roots);
    free(r->lpath);
    *r = (struct spec_reach){0};
}

char *spec_dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

/* ---- where to look ---- */

static void add_place(struct places *p, char *dir)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->dirs[i], dir) == 0 || p->n == PLACES_MAX) {
            free(dir);
            return;
        }
    p->dirs[p->n++] = dir;
}

static void add_roots(struct places *p, const struct spec_reach *r, const char *sub)
{
    for (size_t i = 0; i < r->n_roots; i++)
        add_place(p, xasprintf("%s%s", r->roots[i], sub));
}

static void find_places(const struct spec_reach *r, const char *spec_file, const char *how, struct places *p)
{
    char *beside = spec_dir_of(spec_file);
    if (strcmp(how, "module") == 0) {
        add_place(p, xstrdup("."));
        add_roots(p, r, "");
        for (size_t i = 0; i < r->n_lpath; i++)
            add_place(p, xstrdup(r->lpath[i]));
        for (size_t i = 0; i < sizeof module_dirs / sizeof *module_dirs; i++)
            add_place(p, xstrdup(module_dirs[i]));
    } else if (strcmp(how, "golden") == 0) {
        add_place(p, xstrdup(beside));
    } else {
        if (strcmp(how, "policy") == 0 && r->policies != NULL)
            add_place(p, xstrdup(r->policies));
        if (strcmp(how, "fixture") == 0)
            add_place(p, xasprintf("%s/fixtures", beside));
        add_place(p, xstrdup(beside));
        if (strcmp(how, "policy") == 0)
            add_place(p, xstrdup("./policies"));
        if (strcmp(how, "fixture") == 0)
            add_roots(p, r, "/fixtures");
        add_roots(p, r, "");
        add_place(p, xstrdup("."));
    }
    free(beside);
}

static void free_places(struct places *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->dirs[i]);
}

/* What follows the directory in the name, when the name begins with it: "./src/x.lua" in "./src" is "x.lua". NULL: it
 * does not stand there. A relative name stands in every directory. */
static const char *name_in(const char *dir, const char *name, bool whole)
{
    size_t n = strlen(dir);
    bool below = strncmp(name, dir, n) == 0 && (name[n] == '/' || n == 0);
    if (below) {
        name += n;
        while (*name == '/')
            name++;
        return *name != '\0' ? name : NULL;
    }
    if (name[0] == '/' || (whole && strcmp(dir, ".") != 0))
        return NULL;
    return name;
}

/* ---- reading ---- */

static int read_all(int fd, struct buf *b)
{
    for (;;) {
        buf_reserve(b, 65536);
        ssize_t n = read(fd, b->data + b->len, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        b->len += (size_t)n;
        b->data[b->len] = '\0';
        if (n == 0)
            return 0;
        if (b->len > SPEC_FILE_MAX)
            return EFBIG;
    }
}

/* Takes the descriptor. */
static int read_file(int fd, const char *path, struct buf *bytes_r, struct err *e)
{
    struct stat st;
    int failed = fstat(fd, &st) != 0 ? errno : 0;
    if (!failed && !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(e, ERR_INVALID, "%s: is %s", path, S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
    }
    if (!failed)
        failed = read_all(fd, bytes_r);
    close(fd);
    if (failed == EFBIG)
        return err_set(e, ERR_LIMIT, "%s: is larger than %d MiB", path, SPEC_FILE_MAX / (1024 * 1024));
    return failed ? err_set(e, ERR_IO, "%s: %s", path, strerror(failed)) : 0;
}

/* 1: it was found and read; 0: it is not there; -1. */
static int try_place(const char *dir, const char *name, struct buf *bytes_r, struct buf *found_r, struct err *e)
{
    int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return 0;
    /* O_NONBLOCK: opening a FIFO must not wait for somebody to write into it */
    int fd = beneath_open(at, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    int failed = errno;
    close(at);
    if (fd < 0 && (failed == ENOENT || failed == ENOTDIR))
        return 0;
    char *path = strcmp(dir, ".") == 0 ? xstrdup(name) : xasprintf("%s/%s", dir, name);
    int rc = 1;
    if (fd < 0 && failed == EXDEV)
        rc = err_set(e, ERR_INVALID, "%s: leads out of %s", path, dir);
    else if (fd < 0)
        rc = err_set(e, ERR_IO, "%s: %s", path, strerror(failed));
    else if (read_file(fd, path, bytes_r, e) != 0)
        rc = -1;
    else
        buf_adds(found_r, path);
    free(path);
    return rc;
}

/* "spec/fixtures, spec" */
static void name_places(const struct places *p, struct buf *b)
{
    for (size_t i = 0; i < p->n; i++)
        buf_addf(b, "%s%s", i == 0 ? "" : ", ", p->dirs[i]);
}

int spec_reach_read(const struct spec_reach *r, const char *spec_file, const char *how, const char *name,
                    struct buf *bytes_r, struct buf *found_r, struct err *e)
{
    struct places p = {0};
    int rc = 0;
    find_places(r, spec_file, how, &p);
    for (size_t i = 0; i < p.n && rc == 0; i++) {
        const char *rest = name_in(p.dirs[i], name, strcmp(how, "module") == 0);
        if (rest == NULL)
            continue;
        struct err why;
        rc = try_place(p.dirs[i], rest, bytes_r, found_r, &why);
        if (rc < 0 && i + 1 < p.n && why.kind == ERR_INVALID) {
            *e = why; /* another place may have it */
            rc = 0;
        } else if (rc < 0) {
            *e = why;
        }
    }
    if (rc == 0) {
        struct buf where = {0};
        name_places(&p, &where);
        if (e->kind == ERR_NONE)
            err_set(e, ERR_NOT_FOUND, "%s: is not in %s", name, where.data);
        buf_free(&where);
    }
    free_places(&p);
    return rc > 0 ? 0 : -1;
}

int spec_file_read(const char *path, struct buf *bytes_r, struct err *e)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    return read_file(fd, path, bytes_r, e);
}

/* ---- writing ---- */

static int write_all(int fd, struct wire_text t)
{
    while (t.len > 0) {
        ssize_t n = write(fd, t.s, t.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        t.s += n;
        t.len -= (size_t)n;
    }
    return 0;
}

/* Beside the file first, then in its place: nobody ever sees half of it. */
static int replace_file(int dir, const char *name, struct wire_text bytes)
{
    char temporary[300];
    int n = snprintf(temporary, sizeof temporary, ".%s.new", name);
    if (n < 0 || (size_t)n >= sizeof temporary)
        return ENAMETOOLONG;
    unlinkat(dir, temporary, 0);
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    int failed = write_all(fd, bytes);
    if (close(fd) != 0 && !failed)
        failed = errno;
    if (!failed && renameat(dir, temporary, dir, name) != 0)
        failed = errno;
    if (failed)
        unlinkat(dir, temporary, 0);
    return failed;
}

int spec_reach_write(const struct spec_reach *r, const char *spec_file, const char *name, struct wire_text bytes,
                     struct err *e)
{
    if (!r->update_golden)
        return err_set(e, ERR_INVALID, "%s: goldens are written only with --update-golden", name);
    char *beside = spec_dir_of(spec_file);
    const char *slash = strrchr(name, '/'), *last = slash != NULL ? slash + 1 : name;
    char *parent = slash != NULL ? xstrndup(name, (size_t)(slash - name)) : xstrdup(".");
    int failed = 0, at = open(beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int dir = at >= 0 ? beneath_open(at, parent, O_RDONLY | O_DIRECTORY, 0) : -1;
    if (dir < 0)
        failed = errno;
    else if (last[0] == '\0' || strcmp(last, "..") == 0 || strcmp(last, ".") == 0)
        failed = EISDIR;
    else
        failed = replace_file(dir, last, bytes);
    if (dir >= 0)
        close(dir);
    if (at >= 0)
        close(at);
    if (failed)
        err_set(e, ERR_IO, "%s/%s: %s", beside, name, failed == EXDEV ? "leads out of the spec's directory" : strerror(failed));
    free(parent);
    free(beside);
    return failed ? -1 : 0;
}

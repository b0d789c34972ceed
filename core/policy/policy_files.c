/* Reading --policies DIR: see policy_files.h. */
#include "policy/policy_files.h"

#include "base/beneath.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "policy/library_name.h"

#include "bundled_hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_FILE "default.lua"
#define DATA_LINK    "..data"

enum { READ_TRIES = 3 };

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_policy(const char *name)
{
    return name[0] != '.' && ends_with(name, ".lua") && !ends_with(name, "_spec.lua");
}

static bool is_library(const char *name)
{
    return strncmp(name, LIBRARY_PREFIX, strlen(LIBRARY_PREFIX)) == 0;
}

/* May include name it? */
static bool is_includable(const char *name)
{
    return library_name_legal(name, strlen(name) - strlen(".lua"));
}

/* Bytes of a descriptor, one more than allowed at most. Returns 0 or errno. */
static int read_bytes(int fd, struct buf *b)
{
    for (;;) {
        buf_reserve(b, WIRE_SOURCE_MAX + 1);
        ssize_t n = read(fd, b->data + b->len, WIRE_SOURCE_MAX + 1 - b->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        b->len += (size_t)n;
        b->data[b->len] = '\0';
        if (n == 0 || b->len > WIRE_SOURCE_MAX)
            return 0;
    }
}

/* NULL when the file can be used (its source is in `b`), else what is wrong with it. */
static char *read_source(int dir, const char *name, struct buf *b)
{
    if (utf8_valid(name, strlen(name)) != strlen(name))
        return xstrdup("its name is not UTF-8");
    /* O_NONBLOCK: opening a FIFO must not wait for somebody to write into it */
    int fd = beneath_open(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 && errno == EXDEV)
        return xstrdup("is a link that leads out of the directory");
    if (fd < 0)
        return xasprintf("cannot be opened: %s", strerror(errno));
    struct stat st;
    int failed = fstat(fd, &st) != 0 ? errno : 0;
    bool regular = !failed && S_ISREG(st.st_mode);
    if (regular)
        failed = read_bytes(fd, b);
    close(fd);
    if (failed)
        return xasprintf("cannot be read: %s", strerror(failed));
    if (!regular)
        return xstrdup("is no regular file");
    if (b->len == 0)
        return xstrdup("is empty");
    if (b->len > WIRE_SOURCE_MAX)
        return xasprintf("is larger than %d KiB", WIRE_SOURCE_MAX / 1024);
    size_t valid = utf8_valid(b->data, b->len);
    if (valid != b->len)
        return xasprintf("is not UTF-8 (byte %zu)", valid + 1);
    if (memchr(b->data, '\0', b->len) != NULL)
        return xstrdup("holds a NUL byte");
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of policies and libraries in the directory, sorted. */
static int list_names(int dir, char ***names_r, size_t *n_r, struct err *e)
{
    int fd = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        err_set(e, ERR_IO, "%s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    char **names = NULL;
    size_t n = 0, cap = 0;
    struct dirent *entry;
    while ((errno = 0, entry = readdir(d)) != NULL)
        if (is_policy(entry->d_name) && n <= 2 * POLICY_FILES_MAX + 1) { /* one for default.lua, one too many */
            xgrow(&names, &cap, n + 1, sizeof *names);
            names[n++] = xstrdup(entry->d_name);
        }
    int failed = errno;
    closedir(d);
    if (n > 1)
        qsort(names, n, sizeof *names, compare_names);
    *names_r = names;
    *n_r = n;
    return failed ? err_set(e, ERR_IO, "%s", strerror(failed)) : 0;
}

static int read_file(struct policy_files *f, int dir, const char *name, struct err *e)
{
    bool lib = is_library(name);
    struct policy_file **list = lib ? &f->libs : &f->files;
    size_t *n = lib ? &f->n_libs : &f->n;
    if (*n == POLICY_FILES_MAX)
        return err_set(e, ERR_LIMIT, "holds more than %d %s", POLICY_FILES_MAX, lib ? "libraries" : "policies");
    struct buf b = {0};
    char *problem = lib && !is_includable(name)
                        ? xstrdup("cannot be included by that name: use letters, digits, \".\", \"_\" and \"-\"")
                        : read_source(dir, name, &b);
    if (problem != NULL) {
        policy_files_add_problem(f, name, problem);
        buf_clear(&b);
    }
    free(problem);
    *list = xrealloc(*list, (*n + 1) * sizeof **list);
    struct policy_file *file = &(*list)[(*n)++];
    *file = (struct policy_file){.name = xstrdup(name), .len = b.len};
    file->source = xstrndup(b.data != NULL ? b.data : "", b.len); /* exact: `b` has room for the largest */
    buf_free(&b);
    return 0;
}

/* Every policy may include every library. */
static void link_libraries(struct policy_files *f)
{
    for (size_t i = 0; i < f->n && f->n_libs > 0; i++) {
        struct policy_file *file = &f->files[i];
        file->libs = xcalloc(f->n_libs, sizeof *file->libs);
        for (; file->n_libs < f->n_libs; file->n_libs++)
            file->libs[file->n_libs] = (uint32_t)file->n_libs;
    }
}

/* What the directory's ..data stands for, or the directory itself. Takes it over. */
static int open_generation(int dir, struct err *e)
{
    struct stat st;
    int data = beneath_open(dir, DATA_LINK, O_RDONLY | O_DIRECTORY, 0), failed = errno;
    if (data < 0 && fstatat(dir, DATA_LINK, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return dir;
    close(dir);
    if (data < 0)
        return failed == EXDEV ? err_set(e, ERR_IO, DATA_LINK " is a link that leads out of the directory")
                               : err_set(e, ERR_IO, DATA_LINK " cannot be opened: %s", strerror(failed));
    return data;
}

/* The bundled policy itself, as it lies among the ready-made ones, does no harm. Any other would be mistaken for it. */
static void look_at_default(struct policy_files *f, int dir)
{
    struct buf b = {0};
    char hash[POLICY_HASH];
    char *problem = read_source(dir, DEFAULT_FILE, &b);
    if (problem == NULL)
        policy_hash_bundled(b.data, b.len, hash);
    if (problem != NULL || strcmp(hash, BUNDLED_HASH) != 0)
        policy_files_add_problem(f, DEFAULT_FILE,
                                 "is left out: the name belongs to the bundled default policy; give the file "
                                 "another name");
    free(problem);
    buf_free(&b);
}

static int read_open_dir(int fd, struct policy_files *f, struct err *e)
{
    char **names = NULL;
    size_t n = 0;
    int rc = list_names(fd, &names, &n, e);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (strcmp(names[i], DEFAULT_FILE) == 0)
            look_at_default(f, fd);
        else
            rc = read_file(f, fd, names[i], e);
    if (rc == 0)
        rc = policy_beside_read(fd, f, e);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return rc;
}

/* *moved_r: the directory is no longer the one that was read; an old one may have been half deleted. */
static int read_dir(const char *dir, struct policy_files *f, bool *moved_r, struct err *e)
{
    struct stat read, now;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", strerror(errno));
    fd = open_generation(fd, e);
    if (fd < 0)
        return -1;
    int rc = read_open_dir(fd, f, e);
    char *data = xasprintf("%s/" DATA_LINK, dir);
    if (stat(data, &now) == 0 || stat(dir, &now) == 0)
        *moved_r = fstat(fd, &read) == 0 && (read.st_ino != now.st_ino || read.st_dev != now.st_dev);
    free(data);
    close(fd);
    return rc;
}

int policy_files_read(const char *dir, struct policy_files **files_r, struct err *e)
{
    struct policy_files *f = NULL;
    bool moved = true;
    int rc = 0;
    for (int i = 0; i < READ_TRIES && moved; i++) {
        policy_files_free(&f);
        f = xcalloc(1, sizeof *f);
        moved = false;
        rc = dir != NULL ? read_dir(dir, f, &moved, e) : 0;
    }
    if (rc != 0) {
        policy_files_free(&f);
        return err_wrap(e, "policies in %s", dir);
    }
    link_libraries(f);
    f->hash = policy_files_hash(f);
    *files_r = f;
    return 0;
}

/* Reading --policies DIR: see policy_files.h. */
#include "policy/policy_files.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define DEFAULT_FILE "default.lua"

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_policy(const char *name)
{
    return name[0] != '.' && ends_with(name, ".lua") && !ends_with(name, "_spec.lua");
}

static void add_problem(struct policy_files *f, const char *file, char *sentence)
{
    f->problems = xrealloc(f->problems, (f->n_problems + 1) * sizeof *f->problems);
    f->problems[f->n_problems++] = (struct policy_problem){xstrdup(file), sentence};
}

/* Bytes of a descriptor, one more than allowed at most. Returns 0 or errno. */
static int read_bytes(int fd, struct buf *b)
{
    for (;;) {
        buf_reserve(b, POLICY_SOURCE_MAX + 1);
        ssize_t n = read(fd, b->data + b->len, POLICY_SOURCE_MAX + 1 - b->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        b->len += (size_t)n;
        b->data[b->len] = '\0';
        if (n == 0 || b->len > POLICY_SOURCE_MAX)
            return 0;
    }
}

/* NULL when the file can be used (its source is in `b`), else what is wrong with it. */
static char *read_source(int dir, const char *name, struct buf *b)
{
    if (utf8_valid(name, strlen(name)) != strlen(name))
        return xstrdup("its name is not UTF-8");
    /* O_NONBLOCK: opening a FIFO must not wait for somebody to write into it */
    int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
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
    if (b->len > POLICY_SOURCE_MAX)
        return xasprintf("is larger than %d KiB", POLICY_SOURCE_MAX / 1024);
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

/* Names of policies in the directory, sorted. Takes over the descriptor. */
static int list_names(int fd, char ***names_r, size_t *n_r, struct err *e)
{
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        err_set(e, ERR_IO, "%s", strerror(errno));
        close(fd);
        return -1;
    }
    char **names = NULL;
    size_t n = 0, cap = 0;
    struct dirent *entry;
    while ((errno = 0, entry = readdir(d)) != NULL)
        if (is_policy(entry->d_name) && n <= POLICY_FILES_MAX + 1) { /* one for default.lua */
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

static void read_file(struct policy_files *f, int dir, const char *name)
{
    struct buf b = {0};
    char *problem = read_source(dir, name, &b);
    if (problem != NULL) {
        add_problem(f, name, problem);
        buf_clear(&b);
    }
    f->files = xrealloc(f->files, (f->n + 1) * sizeof *f->files);
    struct policy_file *file = &f->files[f->n++];
    *file = (struct policy_file){.name = xstrdup(name), .len = b.len};
    file->source = xstrndup(b.data != NULL ? b.data : "", b.len); /* exact: `b` has room for the largest */
    buf_free(&b);
}

static uint64_t hash_files(const struct policy_files *f)
{
    XXH3_state_t *x = XXH3_createState();
    XXH3_64bits_reset(x);
    for (size_t i = 0; i < f->n; i++) {
        uint64_t len = f->files[i].len;
        XXH3_64bits_update(x, f->files[i].name, strlen(f->files[i].name) + 1);
        XXH3_64bits_update(x, &len, sizeof len);
        XXH3_64bits_update(x, f->files[i].source, f->files[i].len);
    }
    for (size_t i = 0; i < f->n_problems; i++) {
        XXH3_64bits_update(x, f->problems[i].file, strlen(f->problems[i].file) + 1);
        XXH3_64bits_update(x, f->problems[i].sentence, strlen(f->problems[i].sentence) + 1);
    }
    uint64_t hash = XXH3_64bits_digest(x);
    XXH3_freeState(x);
    return hash;
}

/* The directory itself, or what its ..data stands for. */
static int open_generation(const char *dir, struct err *e)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", strerror(errno));
    int data = openat(fd, "..data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data < 0)
        return fd;
    close(fd);
    return data;
}

static int read_dir(const char *dir, struct policy_files *f, struct err *e)
{
    char **names = NULL;
    size_t n = 0;
    int fd = open_generation(dir, e);
    if (fd < 0)
        return -1;
    int rc = list_names(fcntl(fd, F_DUPFD_CLOEXEC, 0), &names, &n, e);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (strcmp(names[i], DEFAULT_FILE) == 0)
            add_problem(f, DEFAULT_FILE,
                        xstrdup("is left out: the name belongs to the bundled default policy; give "
                                "the file another name"));
        else if (f->n == POLICY_FILES_MAX)
            rc = err_set(e, ERR_LIMIT, "holds more than %d policies", POLICY_FILES_MAX);
        else
            read_file(f, fd, names[i]);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    close(fd);
    return rc;
}

int policy_files_read(const char *dir, struct policy_files **files_r, struct err *e)
{
    struct policy_files *f = xcalloc(1, sizeof *f);
    if (dir != NULL && read_dir(dir, f, e) != 0) {
        policy_files_free(&f);
        return err_wrap(e, "policies in %s", dir);
    }
    f->hash = hash_files(f);
    *files_r = f;
    return 0;
}

void policy_files_free(struct policy_files **files)
{
    struct policy_files *f = *files;
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->n; i++) {
        free(f->files[i].name);
        free(f->files[i].source);
    }
    for (size_t i = 0; i < f->n_problems; i++) {
        free(f->problems[i].file);
        free(f->problems[i].sentence);
    }
    free(f->files);
    free(f->problems);
    free(f);
    *files = NULL;
}

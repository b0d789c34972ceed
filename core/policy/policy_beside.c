/* What lies beside policies for their specs: see policy_files.h. */
#include "policy/policy_files.h"

#include "base/beneath.h"
#include "base/buf.h"
#include "base/mem.h"
#include "policy/library_name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static bool ends_with(const char *s, const char *end, size_t *rest_r)
{
    size_t n = strlen(s), m = strlen(end);
    if (n <= m || strcmp(s + n - m, end) != 0)
        return false;
    *rest_r = n - m;
    return true;
}

bool policy_beside_is_spec(const char *name, size_t *len_r)
{
    return ends_with(name, "_spec.lua", len_r) || ends_with(name, "_cases.json", len_r);
}

const struct policy_beside *policy_beside_find(const struct policy_files *f, const char *name)
{
    for (size_t i = 0; i < f->n_beside; i++)
        if (strcmp(f->beside[i].name, name) == 0)
            return &f->beside[i];
    return NULL;
}

uint64_t policy_beside_proof(const struct policy_files *f, size_t file)
{
    const char *policy = f->files[file].name;
    XXH3_state_t *x = XXH3_createState();
    bool any = false;
    XXH3_64bits_reset(x);
    for (size_t i = 0; i < f->n_beside; i++) {
        const struct policy_beside *b = &f->beside[i];
        size_t n;
        if (!policy_beside_is_spec(b->name, &n))
            continue;
        bool own = strlen(policy) == n + 4 && strncmp(policy, b->name, n) == 0; /* ".lua" */
        if (!own && strncmp(b->name, LIBRARY_PREFIX, strlen(LIBRARY_PREFIX)) != 0)
            continue;
        any = true;
        XXH3_64bits_update(x, b->name, strlen(b->name) + 1);
        XXH3_64bits_update(x, b->bytes, b->len);
        XXH3_64bits_update(x, "", 1);
    }
    uint64_t hash = any ? XXH3_64bits_digest(x) | 1 : 0;
    XXH3_freeState(x);
    return hash;
}

/* ---- reading ---- */

static bool is_beside(const char *name)
{
    size_t n;
    return name[0] != '.' && (!ends_with(name, ".lua", &n) || policy_beside_is_spec(name, &n));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct policy_beside *)a)->name, ((const struct policy_beside *)b)->name);
}

/* The names, sorted; nothing when there is no spec among them. */
static int list(int dir, struct policy_files *f, struct err *e)
{
    int fd = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        err_set(e, ERR_IO, "%s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    rewinddir(d);
    size_t cap = 0, n;
    bool specs = false;
    struct dirent *entry;
    while ((errno = 0, entry = readdir(d)) != NULL) {
        bool spec = policy_beside_is_spec(entry->d_name, &n) && entry->d_name[0] != '.';
        specs = specs || spec;
        if (!is_beside(entry->d_name) || (f->n_beside >= POLICY_BESIDE_MAX && !spec))
            continue;
        xgrow(&f->beside, &cap, f->n_beside + 1, sizeof *f->beside);
        f->beside[f->n_beside++] = (struct policy_beside){.name = xstrdup(entry->d_name)};
    }
    int failed = errno;
    closedir(d);
    if (!specs)
        policy_beside_free(f);
    if (f->n_beside > 1)
        qsort(f->beside, f->n_beside, sizeof *f->beside, compare_names);
    return failed ? err_set(e, ERR_IO, "%s", strerror(failed)) : 0;
}

/* Returns 0 or errno. */
static int read_bytes(int fd, struct buf *b)
{
    for (;;) {
        buf_reserve(b, 65536);
        ssize_t n = read(fd, b->data + b->len, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        b->len += (size_t)n;
        if (n == 0 || b->len > POLICY_BESIDE_BYTES_MAX)
            return 0;
    }
}

static char *read_one(int dir, struct policy_beside *file, struct buf *b)
{
    struct stat st;
    /* O_NONBLOCK: opening a FIFO must not wait for somebody to write into it */
    int fd = beneath_open(dir, file->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 && errno == EXDEV)
        return xstrdup("is a link that leads out of the directory");
    if (fd < 0)
        return xasprintf("cannot be opened: %s", strerror(errno));
    int failed = fstat(fd, &st) != 0 ? errno : 0;
    bool regular = !failed && S_ISREG(st.st_mode);
    if (regular)
        failed = read_bytes(fd, b);
    close(fd);
    if (failed)
        return xasprintf("cannot be read: %s", strerror(failed));
    if (!regular)
        return xstrdup("is no regular file");
    if (b->len > POLICY_BESIDE_BYTES_MAX)
        return xasprintf("is larger than %d KiB", POLICY_BESIDE_BYTES_MAX / 1024);
    return NULL;
}

int policy_beside_read(int dir, struct policy_files *f, struct err *e)
{
    size_t all = 0;
    if (list(dir, f, e) != 0)
        return -1;
    for (size_t i = 0; i < f->n_beside; i++) {
        struct policy_beside *file = &f->beside[i];
        struct buf b = {0};
        file->problem = all > POLICY_BESIDE_ALL_MAX ? xstrdup("is left out: the files beside the policies are too large")
                                                    : read_one(dir, file, &b);
        if (file->problem != NULL)
            buf_clear(&b);
        file->bytes = xstrndup(b.data != NULL ? b.data : "", b.len);
        file->len = b.len;
        all += b.len;
        buf_free(&b);
    }
    return 0;
}

void policy_beside_free(struct policy_files *f)
{
    for (size_t i = 0; i < f->n_beside; i++) {
        free(f->beside[i].name);
        free(f->beside[i].bytes);
        free(f->beside[i].problem);
    }
    free(f->beside);
    f->beside = NULL;
    f->n_beside = 0;
}

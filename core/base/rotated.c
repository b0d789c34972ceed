/* Lines in a file that is rotated: see rotated.h. */
#include "base/rotated.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIPE_PATIENCE_MS = 1000 }; /* for whoever reads at the other end of a pipe, each write */

struct rotated {
    char *path;
    uint64_t max_bytes, size;
    unsigned keep;
    int fd;            /* -1: closed; the next write opens it */
    bool regular;      /* a pipe or a terminal is neither rotated nor looked after */
    bool standard;     /* standard output: not ours to close */
    bool stuck;        /* the last rotation failed, so the next is tried when as much has been added again */
    uint64_t stuck_at;
    bool torn;         /* a pipe was given half a line */
};

/* A line that an earlier process did not finish is ended, so that ours begins at its beginning. */
static void end_last_line(struct rotated *f)
{
    char last;
    int fd = f->size > 0 ? open(f->path, O_RDONLY | O_CLOEXEC) : -1;
    bool half = fd >= 0 && pread(fd, &last, 1, (off_t)f->size - 1) == 1 && last != '\n';
    if (fd >= 0)
        close(fd);
    if (half && write(f->fd, "\n", 1) == 1)
        f->size++;
}

static int file_open(struct rotated *f, struct err *e)
{
    struct stat st;
    if (f->standard) {
        f->fd = STDOUT_FILENO;
        return 0;
    }
    f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (f->fd < 0 || fstat(f->fd, &st) != 0)
        return err_set(e, ERR_IO, "%s: %s", f->path, strerror(errno));
    f->regular = S_ISREG(st.st_mode);
    f->size = f->regular ? (uint64_t)st.st_size : 0;
    f->stuck = false;
    if (f->regular)
        end_last_line(f);
    return 0;
}

static void file_close(struct rotated *f)
{
    if (f->fd >= 0 && !f->standard)
        close(f->fd);
    f->fd = -1;
}

int rotated_open(const char *path, uint64_t max_bytes, unsigned keep, struct rotated **file_r, struct err *e)
{
    struct rotated *f = xcalloc(1, sizeof *f);
    f->path = xstrdup(path);
    f->max_bytes = max_bytes;
    f->keep = keep;
    f->fd = -1;
    f->standard = strcmp(path, "-") == 0;
    if (file_open(f, e) != 0) {
        rotated_close(&f);
        return -1;
    }
    *file_r = f;
    return 0;
}

void rotated_close(struct rotated **fp)
{
    struct rotated *f = *fp;
    *fp = NULL;
    if (f == NULL)
        return;
    file_close(f);
    free(f->path);
    free(f);
}

void rotated_reopen(struct rotated *f)
{
    file_close(f);
}

/* ---- rotating ---- */

static int rotate(struct rotated *f, struct err *e)
{
    int rc = 0;
    for (unsigned i = f->keep; i > 0 && rc == 0; i--) {
        char *from = i > 1 ? xasprintf("%s.%u", f->path, i - 1) : xstrdup(f->path), *to = xasprintf("%s.%u", f->path, i);
        if (rename(from, to) != 0 && errno != ENOENT)
            rc = err_set(e, ERR_IO, "%s cannot be rotated (it grows on): %s to %s: %s", f->path, from, to, strerror(errno));
        free(from);
        free(to);
    }
    if (rc == 0 && f->keep == 0 && unlink(f->path) != 0 && errno != ENOENT)
        rc = err_set(e, ERR_IO, "%s cannot be removed (it grows on): %s", f->path, strerror(errno));
    if (rc != 0) {
        f->stuck = true;
        f->stuck_at = f->size;
        return -1;
    }
    file_close(f);
    return file_open(f, e);
}

/* Is there no room for a line, once `ahead` bytes more are there? One line fits into any file. */
static bool is_full(const struct rotated *f, size_t ahead, size_t line)
{
    uint64_t begin = f->stuck ? f->stuck_at : 0, size = f->size + ahead;
    return f->regular && size > begin && size + line > f->max_bytes + begin;
}

/* ---- writing ---- */

static bool moved_away(const struct rotated *f)
{
    struct stat ours, there;
    return f->regular && (stat(f->path, &there) != 0 || fstat(f->fd, &ours) != 0 || there.st_ino != ours.st_ino ||
                          there.st_dev != ours.st_dev);
}

/* Bytes written. A pipe is given as much as it takes for sure, so that nobody who does not read holds us up. */
static size_t write_some(const struct rotated *f, const char *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        size_t n = len - done;
        if (!f->regular) {
            struct pollfd p = {.fd = f->fd, .events = POLLOUT};
            if (poll(&p, 1, PIPE_PATIENCE_MS) <= 0) {
                errno = ETIMEDOUT;
                break;
            }
            n = n < PIPE_BUF ? n : PIPE_BUF;
        }
        ssize_t w = write(f->fd, bytes + done, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            break;
        done += (size_t)w;
    }
    return done;
}

static size_t count_lines(const char *bytes, size_t len)
{
    size_t n = 0;
    for (const char *p = bytes; (p = memchr(p, '\n', len - (size_t)(p - bytes))) != NULL; p++)
        n++;
    return n;
}

/* Of a run of lines that goes into one file; how many bytes are there for good. */
static size_t write_run(struct rotated *f, const char *bytes, size_t len, struct err *e)
{
    size_t done = write_some(f, bytes, len);
    int why = errno;
    if (done < len) {
        size_t whole = done;
        while (whole > 0 && bytes[whole - 1] != '\n')
            whole--;
        /* what stands there of a line that did not fit is taken back; in a pipe it cannot be */
        if (f->regular && whole < done && ftruncate(f->fd, (off_t)(f->size + whole)) != 0)
            whole = done;
        f->torn = !f->regular && whole < done;
        done = whole;
        err_set(e, ERR_IO, "%s: %s", f->path, strerror(why));
    }
    f->size += done;
    return done;
}

/* The lines that fit into the file as it is. */
static size_t run_of(const struct rotated *f, const char *bytes, size_t len)
{
    size_t n = 0;
    while (n < len) {
        size_t line = (size_t)((const char *)memchr(bytes + n, '\n', len - n) - (bytes + n)) + 1;
        if (n > 0 && is_full(f, n, line))
            break;
        n += line;
    }
    return n;
}

int rotated_write(struct rotated *f, const char *bytes, size_t len, size_t *lost_r, struct err *e)
{
    int rc = 0;
    *lost_r = 0;
    if (f->fd >= 0 && moved_away(f))
        file_close(f);
    if (f->fd < 0 && file_open(f, e) != 0) {
        *lost_r = count_lines(bytes, len);
        return -1;
    }
    if (f->torn && write_some(f, "\n", 1) == 1)
        f->torn = false;
    for (size_t at = 0; at < len;) {
        const char *end = memchr(bytes + at, '\n', len - at);
        if (is_full(f, 0, (size_t)(end - (bytes + at)) + 1) && rotate(f, e) != 0) {
            rc = -1;
            if (f->fd < 0) { /* what was rotated away is not followed by a new one */
                *lost_r += count_lines(bytes + at, len - at);
                return -1;
            }
        }
        size_t n = run_of(f, bytes + at, len - at), done = write_run(f, bytes + at, n, e);
        at += done;
        if (done < n) {
            *lost_r += count_lines(bytes + at, len - at);
            return -1;
        }
    }
    return rc;
}

/* The spool: see spool.h.
 *
 *   small:   offset 0 | chunks in memory                          size |
 *   large:   offset 0 | the unlinked file    flushed | tail in memory  |
 *
 * When the memory is full everything moves to the file and the memory is given back: who has so many alerts needs it for
 * what is remembered of each. The tail gathers small appends, so that an alert does not cost a system call. */
#include "alerts/spool.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, CHUNKS = SPOOL_MEMORY / CHUNK, TAIL = 64 * 1024 };

struct spool {
    char *chunks[CHUNKS]; /* allocated when the first byte of each arrives */
    uint64_t size;
    uint64_t flushed; /* end of what is in the file */
    char *tail;       /* TAIL bytes from `flushed` */
    int fd;           /* -1 until memory is full */
};

struct spool *spool_create(void)
{
    struct spool *s = xcalloc(1, sizeof *s);
    s->fd = -1;
    return s;
}

void spool_free(struct spool **s)
{
    if (*s == NULL)
        return;
    for (size_t i = 0; i < CHUNKS; i++)
        free((*s)->chunks[i]);
    free((*s)->tail);
    if ((*s)->fd >= 0)
        close((*s)->fd);
    free(*s);
    *s = NULL;
}

uint64_t spool_size(const struct spool *s)
{
    return s->size;
}

static const char *directory(void)
{
    const char *dir = getenv("TMPDIR");
    return dir != NULL && *dir != '\0' ? dir : "/tmp";
}

static int open_file(struct spool *s, struct err *e)
{
    s->fd = open(directory(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (s->fd < 0) { /* not every file system has O_TMPFILE */
        char *path = xasprintf("%s/alertspawner-XXXXXX", directory());
        s->fd = mkostemp(path, O_CLOEXEC);
        if (s->fd >= 0)
            unlink(path);
        free(path);
    }
    if (s->fd < 0)
        return err_set(e, ERR_IO, "no temporary file in %s (%s): set TMPDIR to a directory that can be written",
                       directory(), strerror(errno));
    s->tail = xmalloc(TAIL);
    return 0;
}

static int write_file(struct spool *s, const char *bytes, size_t n, struct err *e)
{
    size_t done = 0;
    while (done < n) {
        ssize_t w = pwrite(s->fd, bytes + done, n - done, (off_t)(s->flushed + done));
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return err_set(e, ERR_IO, "the temporary file for %llu MiB of alerts in %s: %s: free some space or set TMPDIR",
                           (unsigned long long)(s->size >> 20), directory(), strerror(w < 0 ? errno : ENOSPC));
        done += (size_t)w;
    }
    s->flushed += n;
    return 0;
}

static int move_to_file(struct spool *s, struct err *e)
{
    if (open_file(s, e) != 0)
        return -1;
    for (size_t i = 0; i < CHUNKS; i++) {
        if (write_file(s, s->chunks[i], CHUNK, e) != 0)
            return -1;
        free(s->chunks[i]);
        s->chunks[i] = NULL;
    }
    return 0;
}

int spool_append(struct spool *s, const void *data, size_t len, uint64_t *offset_r, struct err *e)
{
    const char *p = data;
    if (offset_r != NULL)
        *offset_r = s->size;
    while (len > 0) {
        size_t n;
        if (s->size < SPOOL_MEMORY) {
            size_t i = (size_t)(s->size / CHUNK), at = (size_t)(s->size % CHUNK);
            if (s->chunks[i] == NULL)
                s->chunks[i] = xmalloc(CHUNK);
            n = CHUNK - at < len ? CHUNK - at : len;
            memcpy(s->chunks[i] + at, p, n);
        } else {
            if (s->fd < 0 && move_to_file(s, e) != 0)
                return -1;
            if (s->size - s->flushed == TAIL && write_file(s, s->tail, TAIL, e) != 0)
                return -1;
            size_t at = (size_t)(s->size - s->flushed);
            n = TAIL - at < len ? TAIL - at : len;
            memcpy(s->tail + at, p, n);
        }
        s->size += n;
        p += n;
        len -= n;
    }
    return 0;
}

static int read_file(struct spool *s, uint64_t offset, char *to, size_t len, struct err *e)
{
    while (len > 0) {
        ssize_t n = pread(s->fd, to, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, ERR_IO, "reading the temporary file of alerts: %s",
                           n < 0 ? strerror(errno) : "it is too short");
        to += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int spool_read(struct spool *s, uint64_t offset, size_t len, struct buf *out, struct err *e)
{
    buf_clear(out);
    if (offset > s->size || len > s->size - offset)
        return err_set(e, ERR_BUG, "read of %zu bytes at %llu of a spool of %llu", len, (unsigned long long)offset,
                       (unsigned long long)s->size);
    buf_reserve(out, len);
    while (len > 0) {
        size_t n = len;
        if (s->fd < 0) {
            size_t at = (size_t)(offset % CHUNK);
            n = CHUNK - at < n ? CHUNK - at : n;
            buf_add(out, s->chunks[offset / CHUNK] + at, n);
        } else if (offset >= s->flushed) {
            buf_add(out, s->tail + (offset - s->flushed), n);
        } else {
            n = s->flushed - offset < n ? (size_t)(s->flushed - offset) : n;
            if (read_file(s, offset, out->data + out->len, n, e) != 0)
                return -1;
            out->len += n;
            out->data[out->len] = '\0';
        }
        offset += n;
        len -= n;
    }
    return 0;
}

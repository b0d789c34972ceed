/* Reading a time zone's file: see zone_files.h. */
#include "policy/zone_files.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONES_DIR "/usr/share/zoneinfo"
enum { TZIF_HEADER = 44 };

const char *zone_files_dir(void)
{
    const char *dir = secure_getenv("TZDIR");
    return dir != NULL && dir[0] == '/' ? dir : ZONES_DIR;
}

/* One byte more than allowed at most. Returns 0 or errno. */
static int read_bytes(int fd, struct buf *b)
{
    size_t start = b->len, most = ZONE_FILE_MAX + 1;
    while (b->len - start < most) {
        size_t want = most - (b->len - start) < 8192 ? most - (b->len - start) : 8192;
        buf_reserve(b, want);
        ssize_t n = read(fd, b->data + b->len, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            return 0;
        b->len += (size_t)n;
    }
    return 0;
}

static int read_zone(int fd, const char *path, struct buf *bytes, struct err *e)
{
    struct stat st;
    size_t start = bytes->len;
    if (fstat(fd, &st) != 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, "%s is no regular file", path);
    int failed = read_bytes(fd, bytes);
    if (failed)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(failed));
    if (bytes->len - start > ZONE_FILE_MAX)
        return err_set(e, ERR_LIMIT, "%s is larger than %d KiB", path, ZONE_FILE_MAX / 1024);
    if (bytes->len - start < TZIF_HEADER || memcmp(bytes->data + start, "TZif", 4) != 0)
        return err_set(e, ERR_INVALID, "%s is no time zone file", path);
    return 0;
}

int zone_file_read(const char *dir, const char *name, size_t len, struct buf *bytes, struct err *e)
{
    if (!zone_name_legal(name, len))
        return err_set(e, ERR_INVALID, "no time zone has such a name");
    char *path = xasprintf("%s/%.*s", dir, (int)len, name);
    size_t start = bytes->len;
    int rc = -1;
    /* O_NONBLOCK: opening a FIFO must not wait for somebody to write into it */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    } else {
        rc = read_zone(fd, path, bytes, e);
        close(fd);
    }
    if (rc != 0)
        bytes->len = start;
    free(path);
    return rc;
}

/* See beneath.h. */
#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int beneath_open(int dir, const char *name, int flags, unsigned mode)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .mode = (flags & O_CREAT) != 0 ? mode : 0,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, dir, name, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) /* EPERM: an old container runtime's filter */
        return (int)fd;
    if (strchr(name, '/') != NULL || strcmp(name, "..") == 0) {
        errno = ENOSYS;
        return -1;
    }
    return openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

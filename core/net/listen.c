/* Sockets that listen: see listen.h. */
#include "net/listen.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 64 };

int unix_address(const char *path, struct sockaddr_un *a, int *dir_r, struct err *e)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    *dir_r = -1;
    if (strlen(path) < sizeof a->sun_path) {
        strcpy(a->sun_path, path);
        return 0;
    }
    char *d = xstrdup(path), *b = xstrdup(path);
    const char *dir = dirname(d), *base = basename(b);
    int rc = 0, fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        rc = err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
    else if ((size_t)snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", fd, base) >= sizeof a->sun_path)
        rc = err_set(e, ERR_LIMIT, "%s: too long for the name of a socket (at most about 85 bytes); choose a shorter "
                                   "name for the store", base);
    if (rc == 0)
        *dir_r = fd;
    else if (fd >= 0)
        close(fd);
    free(d);
    free(b);
    return rc;
}

static int unix_connect(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    int rc = connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 ? 0 : errno;
    close(fd);
    return rc;
}

/* Makes room for a new socket: removes one that nobody listens on. */
static int clear_stale(const char *path, const struct sockaddr_un *a, struct err *e)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, ERR_INVALID, "%s is there and is no socket; it is left alone", path);
    int why = unix_connect(a);
    if (why == 0 || why == EAGAIN) /* EAGAIN: its queue is full, so somebody listens */
        return err_set(e, ERR_CONFLICT, "%s: another process answers there", path);
    if (why != ECONNREFUSED)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(why));
    return unlink(path) == 0 || errno == ENOENT ? 0 : err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

int listen_unix(const char *path, int *fd_r, struct err *e)
{
    struct sockaddr_un a;
    int dir, rc = 0;
    if (unix_address(path, &a, &dir, e) != 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (clear_stale(path, &a, e) != 0)
        rc = -1;
    else if (fd < 0 || fchmod(fd, 0600) != 0 || /* before bind: the file is never there with another mode */
             bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, BACKLOG) != 0)
        rc = err_set(e, errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO, "%s: %s", path, strerror(errno));
    if (dir >= 0)
        close(dir);
    if (rc == 0)
        *fd_r = fd;
    else if (fd >= 0)
        close(fd);
    return rc;
}

void unlisten_unix(const char *path, int fd)
{
    /* A socket's own inode is not its file's, so whether the file is still ours is asked of who answers: after
     * our end has been closed, nobody does. */
    struct sockaddr_un a;
    struct stat st;
    int dir;
    close(fd);
    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode) || unix_address(path, &a, &dir, NULL) != 0)
        return;
    if (unix_connect(&a) == ECONNREFUSED)
        unlink(path);
    if (dir >= 0)
        close(dir);
}

/* ---- TCP ---- */

/* "HOST:PORT" into its parts. */
static int split(const char *address, char **host_r, const char **port_r, struct err *e)
{
    const char *colon = strrchr(address, ':');
    const char *host = address;
    size_t n = colon != NULL ? (size_t)(colon - address) : 0;
    if (colon == NULL || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strlen(colon + 1) > 5 || atoi(colon + 1) > 65535)
        return err_set(e, ERR_USAGE, "\"%s\" is no address to listen on: write HOST:PORT, [::1]:PORT or :PORT", address);
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    } else if (memchr(host, ':', n) != NULL) {
        return err_set(e, ERR_USAGE, "\"%s\": an IPv6 address stands in brackets: [::1]:8080", address);
    }
    *host_r = xstrndup(host, n);
    *port_r = colon + 1;
    return 0;
}

/* -1: errno says why. */
static int listen_on(const struct addrinfo *a, bool both_families)
{
    int on = 1, off = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, both_families ? &off : &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port : ((struct sockaddr_in *)&a)->sin_port);
}

int listen_tcp(const char *address, int *fd_r, char **host_r, int *port_r, struct err *e)
{
    char *host;
    const char *port;
    if (split(address, &host, &port, e) != 0)
        return -1;
    bool every = host[0] == '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *all = NULL;
    int rc = getaddrinfo(every ? "::" : host, port, &hints, &all);
    if (rc != 0 && every) /* no IPv6 here */
        rc = getaddrinfo("0.0.0.0", port, &hints, &all);
    if (rc != 0) {
        err_set(e, ERR_USAGE, "\"%s\": %s: %s", address, host, gai_strerror(rc));
        free(host);
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *a = all; a != NULL && fd < 0; a = a->ai_next)
        fd = listen_on(a, every);
    freeaddrinfo(all);
    if (fd < 0 && every && errno == EAFNOSUPPORT && getaddrinfo("0.0.0.0", port, &hints, &all) == 0) {
        fd = listen_on(all, false);
        freeaddrinfo(all);
    }
    if (fd < 0) {
        err_set(e, errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO, "cannot listen on %s: %s", address, strerror(errno));
        free(host);
        return -1;
    }
    *fd_r = fd;
    *host_r = host;
    *port_r = port_of(fd);
    return 0;
}

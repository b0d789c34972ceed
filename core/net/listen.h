/* Sockets that listen, close-on-exec and non-blocking; and where a Unix socket is, however long its path. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/un.h>

/* A path for sockaddr_un. One that does not fit there (108 bytes) is reached through a descriptor of its directory,
 * "/proc/self/fd/N/name"; *dir_r is that descriptor, to be closed after bind or connect, or -1. */
int unix_address(const char *path, struct sockaddr_un *address_r, int *dir_r, struct err *e);

/* See http_server_listen_unix. */
int listen_unix(const char *path, int *fd_r, struct err *e);
/* Removes the socket, if it is still the one that was made. */
void unlisten_unix(const char *path, int fd);

/* See http_server_listen_tcp. *host_r is the host that was named, "" for none; *port_r the port. free(*host_r). */
int listen_tcp(const char *address, int *fd_r, char **host_r, int *port_r, struct err *e);

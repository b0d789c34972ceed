/* Where the store's file is, and its lock: see path.h. */
#include "tasks/sqlite/path.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "sqlite:"

static int default_path(char **path_r, struct err *e)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state != NULL && state[0] == '/') /* a relative one is to be ignored, says the XDG specification */
        *path_r = xasprintf("%s/alertspawner/tasks.db", state);
    else if (home != NULL && home[0] == '/')
        *path_r = xasprintf("%s/.local/state/alertspawner/tasks.db", home);
    else
        return err_set(e, ERR_USAGE,
                       "no place for the store: neither XDG_STATE_HOME nor HOME is set; use --store sqlite:PATH");
    return 0;
}

/* mkdir -p, mode 0700 for what is new. */
static int make_directories(const char *dir, struct err *e)
{
    char *p = xstrdup(dir);
    for (char *s = p + 1;; s++) {
        if (*s != '/' && *s != '\0')
            continue;
        char c = *s;
        *s = '\0';
        if (mkdir(p, 0700) != 0 && errno != EEXIST) {
            err_set(e, ERR_IO, "%s: cannot make this directory for the store: %s; use --store sqlite:PATH", p,
                    strerror(errno));
            free(p);
            return -1;
        }
        *s = c;
        if (c == '\0')
            break;
    }
    free(p);
    return 0;
}

/* Of a file that may not exist yet. */
static int real_path(const char *path, char **real_r, struct err *e)
{
    struct stat st;
    if (stat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            return err_set(e, ERR_INVALID, "%s: not a regular file; --store sqlite:PATH names the database file",
                           path);
        if (st.st_nlink > 1)
            return err_set(e, ERR_INVALID,
                           "%s: has %lu hard links, which SQLite cannot protect; copy it and use the copy", path,
                           (unsigned long)st.st_nlink);
        *real_r = realpath(path, NULL);
        return *real_r != NULL ? 0 : err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (errno != ENOENT)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (lstat(path, &st) == 0)
        return err_set(e, ERR_IO, "%s: a symbolic link to nothing; remove it or make its target", path);
    char *d = xstrdup(path), *b = xstrdup(path), *dir = realpath(dirname(d), NULL);
    const char *base = basename(b);
    int rc = 0;
    if (dir == NULL)
        rc = err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                     "%s: the directory of the store cannot be used: %s; make it first", d, strerror(errno));
    else if (strcmp(base, ".") == 0 || strcmp(base, "..") == 0 || strcmp(base, "/") == 0)
        rc = err_set(e, ERR_USAGE, "%s: no file name; --store sqlite:PATH names the database file", path);
    else
        *real_r = xasprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, base);
    free(dir);
    free(d);
    free(b);
    return rc;
}

int path_resolve(const char *spec, bool create, char **path_r, struct err *e)
{
    *path_r = NULL;
    char *path = NULL;
    if (spec == NULL) {
        if (default_path(&path, e) != 0)
            return -1;
        char *d = xstrdup(path);
        int rc = create ? make_directories(dirname(d), e) : 0;
        free(d);
        if (rc != 0) {
            free(path);
            return -1;
        }
    } else if (strncmp(spec, PREFIX, sizeof PREFIX - 1) == 0 && spec[sizeof PREFIX - 1] != '\0') {
        path = xstrdup(spec + sizeof PREFIX - 1);
    } else {
        return err_set(e, ERR_USAGE, "\"%s\" names no store; write sqlite:PATH", spec);
    }
    int rc = real_path(path, path_r, e);
    /* Reading where nothing was ever made is reading an empty store. */
    if (rc != 0 && !create && spec == NULL && access(path, F_OK) != 0 && errno == ENOENT) {
        *path_r = xstrdup(path);
        rc = 0;
    }
    free(path);
    return rc;
}

int path_lock(const char *path, int *fd_r, struct err *e)
{
    char *name = xasprintf("%s.lock", path);
    int rc = 0, fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        rc = err_set(e, ERR_IO, "%s: cannot make the engine's lock: %s", name, strerror(errno));
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        char pid[24] = "";
        ssize_t n = errno == EWOULDBLOCK ? pread(fd, pid, sizeof pid - 1, 0) : -1;
        if (n < 0)
            rc = err_set(e, ERR_IO, "%s: cannot lock: %s", name, strerror(errno));
        else
            rc = err_set(e, ERR_CONFLICT,
                         "%s is in use by alertspawner (pid %s); stop that one first, or choose another file with "
                         "--store sqlite:PATH",
                         path, strspn(pid, "0123456789") > 0 ? strtok(pid, "\n") : "unknown");
        close(fd);
    } else {
        /* The number is for the message only; the flock is the lock. */
        char pid[24];
        int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
        if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
        }
        *fd_r = fd;
    }
    free(name);
    return rc;
}

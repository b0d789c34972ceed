/* The files that keep what commands print. See exec.h and run.h. */
#include "base/log.h"
#include "base/mem.h"
#include "tasks/sqlite/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".log"

int output_directory(const char *dir, struct err *e)
{
    if (mkdir(dir, 0700) == 0 || errno == EEXIST)
        return 0;
    return err_set(e, ERR_IO, "%s: cannot make this directory for the commands' output: %s", dir, strerror(errno));
}

int output_open(const char *dir, const struct task_row *task, moment_t now, int *fd_r, struct err *e)
{
    /* Names that the store accepts are safe as file names; a file that somebody changed by hand may hold others. */
    if (strchr(task->ns, '/') != NULL || strchr(task->name, '/') != NULL || task->ns[0] == '.' || task->name[0] == '.')
        return err_set(e, ERR_INVALID, "Task %s/%s: no name for a file of output", task->ns, task->name);
    char *sub = xasprintf("%s/%s", dir, task->ns), *path = xasprintf("%s/%s" SUFFIX, sub, task->name);
    int rc = output_directory(sub, e), fd = -1;
    if (rc == 0) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0)
            rc = err_set(e, ERR_IO, "%s: cannot keep the command's output there: %s", path, strerror(errno));
    }
    if (rc == 0) {
        char when[MOMENT_TEXT];
        moment_format_s(now, when);
        dprintf(fd, "=== %s Task %s/%s %s\n", when, task->ns, task->name, task->uid);
        *fd_r = fd;
    }
    free(sub);
    free(path);
    return rc;
}

static bool task_gone(struct local_db *l, const char *ns, const char *name)
{
    sqlite3_stmt *st = db_query(&l->db, NULL, "SELECT 1 FROM tasks WHERE ns = ?1 AND name = ?2", "tt", ns, name);
    int rc = st == NULL ? -1 : db_row(&l->db, st, NULL);
    if (rc == 1)
        db_end(st);
    return rc == 0;
}

static void prune_namespace(int fd, const char *ns, struct local_db *l, moment_t now)
{
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        close(fd);
        return;
    }
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        struct stat st;
        size_t n = strlen(f->d_name);
        if (n <= sizeof SUFFIX - 1 || strcmp(f->d_name + n - (sizeof SUFFIX - 1), SUFFIX) != 0 ||
            fstatat(fd, f->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
            st.st_mtime * MOMENT_SECOND > now - EXEC_OUTPUT_KEEP)
            continue;
        char *name = xstrndup(f->d_name, n - (sizeof SUFFIX - 1));
        if (task_gone(l, ns, name))
            unlinkat(fd, f->d_name, 0);
        free(name);
    }
    closedir(d);
}

void output_prune(const char *dir, struct local_db *l, moment_t now)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return;
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        if (f->d_name[0] == '.')
            continue;
        int fd = openat(dirfd(d), f->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0)
            prune_namespace(fd, f->d_name, l, now);
    }
    closedir(d);
}

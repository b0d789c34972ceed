/* Every descendant of this process, however far it has moved: a subreaper inherits orphans, so all that a command has
 * started hangs below the guard in the tree of parents, whatever its group or session. See guard.h. */
#include "tasks/sqlite/guard.h"

#include "base/mem.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct process {
    pid_t pid, parent;
    bool zombie, ours;
};

/* "PID (NAME) STATE PPID ...": the name may hold anything, so what counts is after its last ')'. */
static bool read_stat(const char *pid, struct process *p)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *end = strrchr(text, ')');
    char state;
    int parent;
    if (end == NULL || sscanf(end + 1, " %c %d", &state, &parent) != 2)
        return false;
    *p = (struct process){.pid = atoi(pid), .parent = parent, .zombie = state == 'Z' || state == 'X'};
    return true;
}

int descendants_kill(int sig)
{
    struct process *all = NULL;
    size_t n = 0, cap = 0;
    DIR *proc = opendir("/proc");
    if (proc == NULL)
        return 0;
    for (struct dirent *d; (d = readdir(proc)) != NULL;) {
        if (!isdigit((unsigned char)d->d_name[0]))
            continue;
        xgrow(&all, &cap, n + 1, sizeof *all);
        if (read_stat(d->d_name, &all[n]))
            n++;
    }
    closedir(proc);
    int found = 0;
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < n; i++) {
            if (all[i].ours)
                continue;
            bool child = all[i].parent == getpid();
            for (size_t j = 0; j < n && !child; j++)
                child = all[j].ours && all[j].pid == all[i].parent;
            if (!child)
                continue;
            all[i].ours = more = true;
            if (!all[i].zombie) {
                kill(all[i].pid, sig);
                found++;
            }
        }
    }
    free(all);
    return found;
}

int children_kill(int sig)
{
    static char path[64]; /* the guard has one thread */
    char text[4096];
    if (path[0] == '\0')
        snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC), found = 0;
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    char *p = text, *end;
    for (long pid; (pid = strtol(p, &end, 10)) > 1 && *end == ' '; p = end) { /* a cut last number has no space */
        kill((pid_t)pid, sig);
        found++;
    }
    return found;
}

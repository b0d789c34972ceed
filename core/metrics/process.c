/* What the kernel knows of the engine, under the names that every client library of Prometheus uses. */
#include "metrics/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* Fields of /proc/self/stat that follow the name in parentheses, which may hold anything. */
static bool read_stat(unsigned long long *start_r, unsigned long *vsize_r, long *rss_r)
{
    char text[2048];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *p = strrchr(text, ')');
    return p != NULL && sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu %lu %ld",
                               start_r, vsize_r, rss_r) == 3;
}

static long open_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    long n = -3; /* ".", ".." and the one that reads */
    if (d == NULL)
        return 0;
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

/* The start in ticks since boot, as seconds since 1970. */
static double started(unsigned long long ticks)
{
    struct timespec boot, now;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &now);
    double since_boot = (double)boot.tv_sec + (double)boot.tv_nsec / 1e9;
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - since_boot + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

void metrics_process(struct metrics *m)
{
    struct rusage self, children;
    struct rlimit fds;
    unsigned long long start;
    unsigned long vsize;
    long rss;
    if (getrusage(RUSAGE_SELF, &self) == 0)
        metrics_set(m, METRIC_CPU, seconds(self.ru_utime) + seconds(self.ru_stime), NO_LABELS);
    if (getrusage(RUSAGE_CHILDREN, &children) == 0)
        metrics_set(m, METRIC_WORKER_CPU, seconds(children.ru_utime) + seconds(children.ru_stime), NO_LABELS);
    if (getrlimit(RLIMIT_NOFILE, &fds) == 0)
        metrics_set(m, METRIC_MAX_FDS, (double)fds.rlim_cur, NO_LABELS);
    metrics_set(m, METRIC_OPEN_FDS, (double)open_fds(), NO_LABELS);
    if (!read_stat(&start, &vsize, &rss))
        return;
    metrics_set(m, METRIC_RSS, (double)rss * (double)sysconf(_SC_PAGESIZE), NO_LABELS);
    metrics_set(m, METRIC_VSIZE, (double)vsize, NO_LABELS);
    metrics_set(m, METRIC_STARTED, started(start), NO_LABELS);
}

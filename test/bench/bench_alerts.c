/* What one poll costs without the network: bytes of a file through cutter, index, selector and spool.
 *
 *   test/bench/alerts.py 100000 > /tmp/alerts.json
 *   build/release/bench_alerts /tmp/alerts.json [all]
 *
 * Pieces of 256 KiB, as libcurl hands them out. Without `all` a selector keeps about one alert in twenty. */
#include "alerts/alert_set.h"
#include "alerts/selector.h"
#include "base/cutter.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, ROUNDS = 5 };
enum mode { READ_ONLY, CUT, INDEX, WHOLE, MODES };
static const char *const names[MODES] = {"read()", "+ cutter", "+ index", "+ selector, set and spool"};

struct run {
    enum mode mode;
    const struct selector *selector;
    struct alert_set *set;
    struct buf index;
    size_t n;
};

static int on_element(void *arg, size_t i, const char *bytes, size_t len, struct err *e)
{
    (void)i;
    struct run *r = arg;
    r->n++;
    if (r->mode == INDEX)
        return alert_index(bytes, len, &r->index, e) == ALERT_OK ? 0 : -1;
    return r->mode == WHOLE ? alert_set_add(r->set, r->selector, bytes, len, e) : 0;
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double once(const char *path, struct run *r, char *piece)
{
    struct err e = {0};
    struct cutter c;
    double t = now();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    cutter_init(&c, CUT_ARRAY, 4 << 20, on_element, r);
    r->set = alert_set_create();
    r->n = 0;
    while ((n = read(fd, piece, PIECE)) > 0)
        if (r->mode != READ_ONLY && cutter_feed(&c, piece, (size_t)n, &e) != 0)
            break;
    if (fd < 0 || n < 0 || e.kind != ERR_NONE || (r->mode != READ_ONLY && cutter_end(&c, &e) != 0)) {
        fprintf(stderr, "%s: %s\n", path, e.kind == ERR_NONE ? "cannot be read" : e.msg);
        exit(1);
    }
    t = now() - t;
    close(fd);
    cutter_deinit(&c);
    return t;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_alerts FILE [all]\n");
        return 2;
    }
    char *alertnames[] = {(char *)"KubePodCrashLooping", (char *)"KubeContainerOOMKilled", (char *)"HighErrorRate"};
    char *severities[] = {(char *)"critical", (char *)"warning"};
    struct label_pair labels[] = {{(char *)"cluster", (char *)"prod-eu-1"}};
    struct label_pair excluded[] = {{(char *)"namespace", (char *)"kube-system"}};
    struct selector some = {alertnames, 3, labels, 1, excluded, 1, severities, 2}, all = {0};
    struct run r = {.selector = argc > 2 ? &all : &some};
    char *piece = xmalloc(PIECE);
    double best[MODES];
    size_t kept = 0;
    for (int m = 0; m < MODES; m++) {
        best[m] = 1e18;
        for (int i = 0; i < ROUNDS; i++) {
            r.mode = (enum mode)m;
            double t = once(argv[1], &r, piece);
            best[m] = t < best[m] ? t : best[m];
            kept = alert_set_kept(r.set);
            alert_set_free(&r.set);
        }
    }
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%zu alerts, %zu kept, best of %d rounds, ns an alert:\n", r.n, kept, ROUNDS);
    for (int m = 0; m < MODES; m++)
        printf("  %-28s %6.0f\n", names[m], best[m] / (double)r.n);
    printf("peak RSS %.1f MiB\n", (double)u.ru_maxrss / 1024);
    buf_free(&r.index);
    free(piece);
    return 0;
}

/* alertspawner-worker: judges alerts by Lua policies and renders templates, for one cycle of one spawner. It
 * reads frames from descriptor 0 and writes answers to descriptor 1 (policy/wire.h); at the end of its input
 * it exits.
 *
 * Exit: 0 the input ended, 1 a wall could not be built or the engine is gone, 2 wrong usage, 3 the input is
 * nonsense. */
#include "confine.h"
#include "session.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef AS_SANITIZED
/* The leak check forks and traces, which the walls forbid; sessions are checked for leaks in the tests' own
 * process. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:allocator_may_return_null=1";
}
#endif

static const char usage[] =
    "usage: alertspawner-worker [--self-test | --version | --help]\n"
    "\n"
    "Started by alertspawner, without arguments: reads questions about alerts from standard\n"
    "input and writes answers to standard output, confined so that it can do nothing else.\n"
    "\n"
    "  --self-test   try what the confinement must refuse; exit 0 only if all is refused\n"
    "  --version     print the version\n"
    "  --help        print this\n";

/* The last words: one line, whatever the message holds. */
static _Noreturn void die(int code, const char *sentence)
{
    char line[1200];
    int n = snprintf(line, sizeof line, "alertspawner-worker: %s\n", sentence);
    if (write(2, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1) < 0)
        _exit(code);
    _exit(code);
}

static void write_out(void *arg, struct buf *out)
{
    (void)arg;
    for (size_t done = 0; done < out->len;) {
        ssize_t n = write(1, out->data + done, out->len - done);
        if (n < 0 && errno != EINTR)
            _exit(1); /* nobody listens */
        if (n > 0)
            done += (size_t)n;
    }
    buf_clear(out);
    if (out->cap > 4 * SESSION_FLUSH)
        buf_free(out);
}

/* Handles every whole frame in `in` and keeps the rest. */
static void take_frames(struct session *session, struct buf *in)
{
    enum wire_type type;
    struct wire_reader fields;
    size_t used, done = 0;
    struct err e;
    int rc;
    while ((rc = wire_frame(in->data + done, in->len - done, &type, &fields, &used)) == 1) {
        if (session_frame(session, type, &fields, &e) < 0)
            die(3, e.msg);
        done += used;
    }
    if (rc < 0)
        die(3, "the input is no frame");
    memmove(in->data, in->data + done, in->len - done);
    in->len -= done;
    if (in->len == 0 && in->cap > 16 * SESSION_FLUSH)
        buf_free(in); /* SETUP is large, and comes once */
}

static _Noreturn void serve(void)
{
    volatile struct black_box *box = confine_black_box();
    struct err e;
    if (confine_process(&e) < 0)
        die(1, e.msg);
    struct session *session = session_create(box, write_out, NULL);
    struct buf in = {0};
    session_hello(session);
    for (;;) {
        buf_reserve(&in, SESSION_FLUSH);
        ssize_t n = read(0, in.data + in.len, SESSION_FLUSH);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            die(1, "standard input cannot be read");
        if (n == 0)
            break;
        in.len += (size_t)n;
        take_frames(session, &in);
    }
    if (in.len)
        die(3, "the input ended inside a frame");
    _exit(0); /* no tidying up: what a policy has left behind is nobody's business any more */
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("alertspawner-worker " AS_VERSION);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (argc == 2 && strcmp(argv[1], "--self-test") == 0)
        return confine_self_test();
    if (argc != 1) {
        fprintf(stderr, "alertspawner-worker: unknown argument '%s'; see --help\n", argv[1]);
        return 2;
    }
    if (isatty(0) || isatty(1)) {
        fputs("alertspawner-worker is started by alertspawner and speaks to it over pipes; there is nothing "
              "to type here.\n"
              "Try --help, or --self-test to see what it cannot do.\n",
              stderr);
        return 2;
    }
    serve();
}

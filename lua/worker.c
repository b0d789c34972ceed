/* alertspawner-worker: judges alerts by Lua policies and renders templates, for one cycle of one spawner; or, when the
 * first frame says so, runs one file of specs (spec.h). It reads frames from descriptor 0 and writes answers to descriptor 1 (policy/wire.h); at the end of its input
 * it exits.
 *
 * Exit: 0 the input ended, 1 a wall could not be built or the engine is gone, 2 wrong usage, 3 the input is
 * nonsense. */
#include "confine.h"
#include "session.h"
#include "spec.h"

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

/* What has come and was not yet taken. */
struct input {
    struct buf bytes;
    size_t taken;
};

static void read_more(struct input *in)
{
    if (in->taken)
        memmove(in->bytes.data, in->bytes.data + in->taken, in->bytes.len - in->taken);
    in->bytes.len -= in->taken;
    in->taken = 0;
    if (in->bytes.len == 0 && in->bytes.cap > 16 * SESSION_FLUSH)
        buf_free(&in->bytes); /* SETUP is large, and comes once */
    buf_reserve(&in->bytes, SESSION_FLUSH);
    ssize_t n;
    do
        n = read(0, in->bytes.data + in->bytes.len, SESSION_FLUSH);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        die(1, "standard input cannot be read");
    if (n == 0 && in->bytes.len)
        die(3, "the input ended inside a frame");
    if (n == 0)
        _exit(0); /* no tidying up: what a policy has left behind is nobody's business any more */
    in->bytes.len += (size_t)n;
}

/* The next frame, valid until the next call. At the end of the input the worker ends. */
static int next_frame(void *arg, enum wire_type *type_r, struct wire_reader *fields_r)
{
    struct input *in = arg;
    size_t used;
    for (;;) {
        const char *p = in->bytes.data ? in->bytes.data + in->taken : "";
        int rc = wire_frame(p, in->bytes.len - in->taken, type_r, fields_r, &used);
        if (rc < 0)
            die(3, "the input is no frame");
        if (rc == 1) {
            in->taken += used;
            return 0;
        }
        read_more(in);
    }
}

/* Judging alerts, from SETUP on. */
static _Noreturn void judge(struct session *session, struct input *in, enum wire_type type, struct wire_reader fields)
{
    struct err e;
    do
        if (session_frame(session, type, &fields, &e) < 0)
            die(3, e.msg);
    while (next_frame(in, &type, &fields) == 0);
    _exit(0);
}

/* One file of specs. */
static _Noreturn void run_specs(volatile struct black_box *box, struct input *in, struct wire_reader fields)
{
    const struct spec_io io = {write_out, next_frame, in};
    struct err e;
    if (spec_serve(box, &io, &fields, &e) < 0)
        die(3, e.msg);
    enum wire_type type;
    next_frame(in, &type, &fields);
    die(3, "nothing may follow SPEC");
}

/* The first frame says what this worker is for, once and for all. */
static _Noreturn void serve(void)
{
    volatile struct black_box *box = confine_black_box();
    struct err e;
    if (confine_process(&e) < 0)
        die(1, e.msg);
    struct session *session = session_create(box, write_out, NULL);
    struct input in = {0};
    enum wire_type type;
    struct wire_reader fields;
    session_hello(session);
    next_frame(&in, &type, &fields);
    if (type == WIRE_SPEC)
        run_specs(box, &in, fields);
    judge(session, &in, type, fields);
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

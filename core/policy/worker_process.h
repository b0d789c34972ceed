/* One worker: a process that holds no credentials and runs policies. Started with two pipes, a captured
 * stderr, the black box as descriptor 3, no environment, no other descriptor, and "/" as its directory.
 *
 * A worker has one owner at a time, who hears of it through struct worker_owner, always from the loop. It
 * ends by itself, by worker_kill or by worker_drop; it is reaped in every case, and its memory goes after its
 * last handle. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "policy/wire.h"

#include <stdint.h>
#include <uv.h>

enum {
    WORKER_START_MS = 10 * 1000, /* until HELLO */
    WORKER_STDERR_SHOWN = 300,   /* bytes of the last thing it said, in an obituary */
    WORKER_READ = 64 * 1024,
};

enum worker_end {
    WORKER_DIED,     /* of itself: a signal, an exit status */
    WORKER_TIMEOUT,  /* killed: its time was up */
    WORKER_NONSENSE, /* killed: what it said was no message, or not its turn */
    WORKER_WRONG,    /* killed: speaks another version */
};

/* What the owner learns of a death. */
struct worker_death {
    enum worker_end end;
    const char
        *how; /* "was killed by signal 11 (Segmentation fault); it last said: ..." valid in the callback */
    struct black_box box; /* what it was doing; untrusted */
};

struct worker;
struct worker_owner {
    void (*started)(void *arg, struct worker *w); /* HELLO came and fits */
    /* One frame. -1 with `e`: nonsense; the worker is killed and says `e` in its obituary. May drop the
     * worker. */
    int (*frame)(void *arg, struct worker *w, enum wire_type type, struct wire_reader *fields, struct err *e);
    /* Everything it wrote has been handed over. The pointer is gone after this. */
    void (*dead)(void *arg, struct worker *w, const struct worker_death *d);
};

/* -1: it cannot be started, nothing calls back. */
int worker_start(uv_loop_t *loop, const char *path, const struct worker_owner *owner, void *arg,
                 struct worker **w_r, struct err *e);
void worker_own(struct worker *w, const struct worker_owner *owner, void *arg); /* a new owner */
void worker_send(struct worker *w, struct buf *frames);                         /* takes the bytes */
struct black_box worker_box(const struct worker *w);
/* Processor time that it has used, in microseconds; -1: it has ended. */
int64_t worker_cpu_us(const struct worker *w);
/* Lets every other process go first from now on. */
void worker_be_nice(struct worker *w);
/* `dead` follows later. Frames that had been written are still handed over, except after WORKER_NONSENSE. */
void worker_kill(struct worker *w, enum worker_end end, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Nothing calls back any more; the worker is killed, reaped and freed. NULLs the pointer; NULL is fine. */
void worker_drop(struct worker **w);

/* Appends at most `max` bytes of `s` as one line that cannot forge another: control bytes become blanks, what
 * is not UTF-8 becomes '?'. */
void sentence_add(struct buf *b, const char *s, size_t len, size_t max);

/* One worker process: see worker_process.h. */
#include "policy/worker_process.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    BOX_BYTES = 4096,
    STDERR_KEPT = 4096,
    DRAIN_MS =
        200,     /* after the exit, for what is still in the pipes: somebody else may hold their other end */
    HANDLES = 5, /* process, three pipes, timer */
};

struct worker {
    uv_process_t process;
    uv_pipe_t in, out, err; /* as the worker sees them: in is what we write */
    uv_timer_t timer;       /* until HELLO; then, after the exit, until the pipes are given up */
    int open;               /* handles not yet closed */
    bool running, greeted, out_open, err_open, closing;
    const struct worker_owner *owner; /* NULL: dropped */
    void *arg;
    struct buf read; /* an unfinished frame */
    struct buf said; /* the end of what came on stderr */
    char *why;       /* set by worker_kill */
    enum worker_end end;
    int64_t exit_status;
    int term_signal;
    const struct black_box *box;
};

void sentence_add(struct buf *b, const char *s, size_t len, size_t max)
{
    size_t start = b->len;
    for (size_t i = 0; i < len && b->len - start < max;) {
        size_t n = utf8_len(s + i, len - i);
        if (n == 0)
            buf_addc(b, '?');
        else if (n == 1)
            buf_addc(b, (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? ' ' : s[i]);
        else if (b->len - start + n > max)
            return;
        else if (n == 2 && (unsigned char)s[i] == 0xc2 && (unsigned char)s[i + 1] < 0xa0)
            buf_addc(b, ' '); /* C1 controls: some terminals obey them */
        else
            buf_add(b, s + i, n);
        i += n > 0 ? n : 1;
    }
}

/* Largest frame of each kind that a worker has reason to send: nobody makes the engine hold more than that.
 */
static size_t frame_max(char type)
{
    switch (type) {
    case WIRE_HELLO:
    case WIRE_DONE:
        return 1024;
    case WIRE_READY:
    case WIRE_COMPOSED:
        return 4 * 1024 * 1024;
    case WIRE_JUDGED:
    case WIRE_RETRIGGERED:
    case WIRE_RESOLVED:
        return 256 * 1024; /* with a chain */
    case WIRE_WANT:
        return 32 * 1024;
    case WIRE_NEED:
    case WIRE_TELL:
        return 4 * 1024 * 1024;
    default:
        return 0; /* the engine's own words */
    }
}

static void on_closed(uv_handle_t *h)
{
    struct worker *w = h->data;
    if (--w->open > 0)
        return;
    buf_free(&w->read);
    buf_free(&w->said);
    free(w->why);
    if (w->box != NULL)
        munmap((void *)w->box, BOX_BYTES);
    free(w);
}

static void close_all(struct worker *w)
{
    if (w->closing)
        return;
    w->closing = true;
    uv_close((uv_handle_t *)&w->process, on_closed);
    uv_close((uv_handle_t *)&w->in, on_closed);
    uv_close((uv_handle_t *)&w->out, on_closed);
    uv_close((uv_handle_t *)&w->err, on_closed);
    uv_close((uv_handle_t *)&w->timer, on_closed);
}

struct black_box worker_box(const struct worker *w)
{
    const volatile struct black_box *b = w->box;
    return (struct black_box){.calls = b->calls,
                              .id = b->id,
                              .hook = b->hook,
                              .policy = b->policy,
                              .instructions = b->instructions};
}

int64_t worker_cpu_us(const struct worker *w)
{
    clockid_t clock;
    struct timespec t;
    /* not reaped: the number is still its own */
    if (!w->running || clock_getcpuclockid(w->process.pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return -1;
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void worker_be_nice(struct worker *w)
{
    if (w->running) /* not reaped: the number is still its own */
        setpriority(PRIO_PROCESS, (id_t)w->process.pid, 19);
}

/* The last line it said, which need not be the last bytes. */
static void add_last_words(struct buf *b, const struct buf *said)
{
    size_t end = said->len;
    while (end > 0 && (said->data[end - 1] == '\n' || said->data[end - 1] == '\r'))
        end--;
    if (end == 0)
        return;
    size_t start = end;
    while (start > 0 && said->data[start - 1] != '\n' && end - start < WORKER_STDERR_SHOWN)
        start--;
    buf_adds(b, "; it last said: ");
    sentence_add(b, said->data + start, end - start, WORKER_STDERR_SHOWN);
}

static void tell_death(struct worker *w)
{
    struct buf how = {0};
    if (w->why != NULL)
        buf_adds(&how, w->why);
    else if (w->term_signal != 0)
        buf_addf(&how, "was killed by signal %d (%s)", w->term_signal, strsignal(w->term_signal));
    else
        buf_addf(&how, "exited with status %d", (int)w->exit_status);
    add_last_words(&how, &w->said);
    struct worker_death d = {w->end, how.data, worker_box(w)};
    const struct worker_owner *owner = w->owner;
    w->owner = NULL;
    if (owner != NULL)
        owner->dead(w->arg, w, &d);
    buf_free(&how);
    close_all(w);
}

/* Dead is: reaped, and both pipes read to their ends. */
static void worker_step(struct worker *w)
{
    if (!w->closing && !w->running && !w->out_open && !w->err_open)
        tell_death(w);
}

static void on_drained(uv_timer_t *t)
{
    struct worker *w = t->data;
    w->out_open = w->err_open = false;
    worker_step(w);
}

static void on_ended(uv_process_t *p, int64_t status, int term_signal)
{
    struct worker *w = p->data;
    w->running = false;
    w->exit_status = status;
    w->term_signal = term_signal;
    if (w->owner == NULL)
        close_all(w);
    else
        uv_timer_start(&w->timer, on_drained, DRAIN_MS, 0);
    worker_step(w);
}

void worker_kill(struct worker *w, enum worker_end end, const char *fmt, ...)
{
    if (w->why != NULL)
        return;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&w->why, fmt, ap) < 0)
        w->why = xstrdup("was killed");
    va_end(ap);
    w->end = end;
    if (w->running)
        uv_process_kill(&w->process, SIGKILL);
}

void worker_drop(struct worker **wp)
{
    struct worker *w = *wp;
    *wp = NULL;
    if (w == NULL)
        return;
    w->owner = NULL;
    if (w->running) { /* on_ended closes */
        uv_read_stop((uv_stream_t *)&w->out);
        uv_read_stop((uv_stream_t *)&w->err);
        uv_process_kill(&w->process, SIGKILL);
    } else {
        close_all(w);
    }
}

static int check_hello(struct worker *w, enum wire_type type, struct wire_reader *r)
{
    struct wire_text magic = wire_get_text(r);
    uint32_t version = wire_get_u32(r);
    if (type != WIRE_HELLO || magic.len != strlen(WIRE_MAGIC) ||
        memcmp(magic.s, WIRE_MAGIC, magic.len) != 0) {
        worker_kill(w, WORKER_WRONG, "is no %s: its first words are no greeting", WIRE_MAGIC);
        return -1;
    }
    if (!r->bad && version != WIRE_VERSION) { /* what follows the version may differ too */
        worker_kill(w, WORKER_WRONG, "speaks version %u, the engine %d: install both from one build", version,
                    WIRE_VERSION);
        return -1;
    }
    wire_get_text(r);
    if (!wire_at_end(r)) {
        worker_kill(w, WORKER_WRONG, "is no %s: its greeting is broken", WIRE_MAGIC);
        return -1;
    }
    w->greeted = true;
    uv_timer_stop(&w->timer);
    if (w->owner != NULL)
        w->owner->started(w->arg, w);
    return 0;
}

static int take_frame(struct worker *w, enum wire_type type, struct wire_reader *r)
{
    struct err e = {0};
    if (!w->greeted)
        return check_hello(w, type, r);
    if (w->owner->frame(w->arg, w, type, r, &e) == 0)
        return 0;
    worker_kill(w, WORKER_NONSENSE, "talked nonsense: %s", e.msg);
    return -1;
}

/* Hands over whole frames. -1: the rest is not to be read. */
static int take_frames(struct worker *w)
{
    size_t at = 0;
    int rc = 0;
    while (rc == 0 && w->owner != NULL) {
        enum wire_type type;
        struct wire_reader fields;
        size_t used;
        const char *p = w->read.data + at;
        size_t len = w->read.len - at;
        int got = wire_frame(p, len, &type, &fields, &used);
        if (got >= 0 && len >= 5) {
            uint32_t n = (uint32_t)(unsigned char)p[0] | (uint32_t)(unsigned char)p[1] << 8 |
                         (uint32_t)(unsigned char)p[2] << 16 | (uint32_t)(unsigned char)p[3] << 24;
            if (n > frame_max(p[4]))
                got = -1;
        }
        if (got < 0) {
            if (w->greeted)
                worker_kill(w, WORKER_NONSENSE, "talked nonsense: no message starts like that");
            else
                worker_kill(w, WORKER_WRONG, "is no %s: its first words are no greeting", WIRE_MAGIC);
            rc = -1;
        }
        if (got <= 0)
            break;
        at += used;
        rc = take_frame(w, type, &fields);
    }
    if (at > 0) {
        memmove(w->read.data, w->read.data + at, w->read.len - at);
        w->read.len -= at;
    }
    return rc;
}

static void on_mute(uv_timer_t *t)
{
    worker_kill(t->data, WORKER_NONSENSE, "closed its pipe and lived on");
}

static void on_out_space(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct worker *w = h->data;
    (void)hint;
    buf_reserve(&w->read, WORKER_READ);
    *buf = uv_buf_init(w->read.data + w->read.len, WORKER_READ);
}

static void on_out(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct worker *w = s->data;
    (void)buf;
    if (n > 0) {
        w->read.len += (size_t)n;
        if (take_frames(w) == 0)
            return;
    }
    if (n == 0 || w->closing)
        return;
    uv_read_stop(s);
    w->out_open = false;
    if (w->running) /* as a rule the end of a dying process, whose exit tells more */
        uv_timer_start(&w->timer, on_mute, DRAIN_MS, 0);
    worker_step(w);
}

static void on_err_space(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct worker *w = h->data;
    (void)hint;
    if (w->said.len > STDERR_KEPT) {
        memmove(w->said.data, w->said.data + w->said.len - STDERR_KEPT, STDERR_KEPT);
        w->said.len = STDERR_KEPT;
    }
    buf_reserve(&w->said, STDERR_KEPT);
    *buf = uv_buf_init(w->said.data + w->said.len, STDERR_KEPT);
}

static void on_err(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct worker *w = s->data;
    (void)buf;
    if (n > 0)
        w->said.len += (size_t)n;
    if (n >= 0)
        return;
    uv_read_stop(s);
    w->err_open = false;
    worker_step(w);
}

static void on_late(uv_timer_t *t)
{
    worker_kill(t->data, WORKER_WRONG, "has not greeted within %d s of its start", WORKER_START_MS / 1000);
}

struct sending {
    uv_write_t req;
    char *bytes;
};

static void on_sent(uv_write_t *req, int status)
{
    struct sending *s = (struct sending *)req;
    (void)status; /* a worker that no longer reads is dying or will be killed: that is told elsewhere */
    free(s->bytes);
    free(s);
}

void worker_send(struct worker *w, struct buf *frames)
{
    struct sending *s = xmalloc(sizeof *s);
    uv_buf_t b = uv_buf_init(NULL, (unsigned)frames->len);
    b.base = s->bytes = buf_take(frames);
    if (uv_write(&s->req, (uv_stream_t *)&w->in, &b, 1, on_sent) != 0)
        on_sent(&s->req, -1);
}

/* A page that cannot shrink under the engine's reads. */
static int box_create(const struct black_box **box_r, struct err *e)
{
    int fd = memfd_create("black_box", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_set(e, ERR_IO, "black box: %m");
    void *p = MAP_FAILED;
    if (ftruncate(fd, BOX_BYTES) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        p = mmap(NULL, BOX_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        err_set(e, ERR_IO, "black box: %m");
        close(fd);
        return -1;
    }
    *box_r = p;
    return fd;
}

static int spawn(uv_loop_t *loop, const char *path, struct worker *w, int box)
{
    uv_stdio_container_t stdio[4] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&w->in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&w->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&w->err},
        {.flags = UV_INHERIT_FD, .data.fd = box},
    };
    char *args[] = {(char *)WIRE_MAGIC, NULL};
#ifdef AS_SANITIZED
    char *env[] = {(char *)"ASAN_OPTIONS=detect_leaks=0", NULL};
#else
    char *env[] = {NULL};
#endif
    uv_process_options_t options = {
        .exit_cb = on_ended,
        .file = path,
        .args = args,
        .env = env,
        .cwd = "/",
        .stdio_count = 4,
        .stdio = stdio,
    };
    return uv_spawn(loop, &w->process, &options);
}

static void init_handles(uv_loop_t *loop, struct worker *w)
{
    uv_pipe_init(loop, &w->in, 0);
    uv_pipe_init(loop, &w->out, 0);
    uv_pipe_init(loop, &w->err, 0);
    uv_timer_init(loop, &w->timer);
    w->process.data = w->in.data = w->out.data = w->err.data = w->timer.data = w;
    w->open = HANDLES;
}

int worker_start(uv_loop_t *loop, const char *path, const struct worker_owner *owner, void *arg,
                 struct worker **w_r, struct err *e)
{
    struct worker *w = xcalloc(1, sizeof *w);
    int box = box_create(&w->box, e);
    if (box < 0) {
        free(w);
        return err_wrap(e, "starting %s", path);
    }
    init_handles(loop, w);
    w->owner = owner;
    w->arg = arg;
    int rc = spawn(loop, path, w, box);
    close(box);
    if (rc != 0) {
        close_all(w);
        return err_set(e, rc == UV_ENOENT || rc == UV_EACCES ? ERR_NOT_FOUND : ERR_IO, "starting %s: %s",
                       path, uv_strerror(rc));
    }
    w->running = w->out_open = w->err_open = true;
    uv_read_start((uv_stream_t *)&w->out, on_out_space, on_out);
    uv_read_start((uv_stream_t *)&w->err, on_err_space, on_err);
    uv_timer_start(&w->timer, on_late, WORKER_START_MS, 0);
    *w_r = w;
    return 0;
}

void worker_own(struct worker *w, const struct worker_owner *owner, void *arg)
{
    w->owner = owner;
    w->arg = arg;
}

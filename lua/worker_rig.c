#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker_rig.h"

#include "alerts/alert.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void reap(struct rig *r)
{
    char text[1000];
    ssize_t n;
    while (waitpid(r->pid, &r->status, 0) < 0 && errno == EINTR)
        continue;
    while ((n = read(r->err, text, sizeof text)) > 0)
        buf_add(&r->stderr_text, text, (size_t)n);
    r->dead = true;
}

void rig_start(struct rig *r)
{
    int in[2], out[2], err[2];
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    int page = memfd_create("black box", MFD_CLOEXEC);
    assert_int_equal(ftruncate(page, 4096), 0);
    r->box = mmap(NULL, 4096, PROT_READ, MAP_SHARED, page, 0);
    assert_true(r->box != MAP_FAILED);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        int spare =
            fcntl(page, F_DUPFD, 10); /* without close-on-exec, as a careless engine might leave some */
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        dup2(spare, 3);
        execl(WORKER_PATH, WORKER_PATH, (char *)NULL);
        _exit(127);
    }
    close(page);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    r->in = in[1];
    r->out = out[0];
    r->err = err[0];
    fcntl(r->in, F_SETFL, O_NONBLOCK);
    struct buf nothing = {0};
    assert_true(rig_exchange(r, &nothing, WIRE_HELLO));
}

void rig_stop(struct rig *r)
{
    if (r->in >= 0)
        close(r->in);
    r->in = -1;
    if (!r->dead)
        reap(r);
    close(r->out);
    close(r->err);
    munmap((void *)r->box, 4096);
    buf_free(&r->answers);
    buf_free(&r->stderr_text);
}

/* Is there a whole frame of that type in the answers? Looks at frames from *from on. */
static bool find_frame(const struct rig *r, enum wire_type until, size_t *from)
{
    enum wire_type type;
    struct wire_reader fields;
    size_t used;
    int rc;
    while ((rc = wire_frame(r->answers.data + *from, r->answers.len - *from, &type, &fields, &used)) == 1) {
        *from += used;
        if (type == until || (type == WIRE_WANT && until == WIRE_READY))
            return true;
    }
    assert_int_equal(rc, 0);
    return false;
}

bool rig_exchange(struct rig *r, const struct buf *request, enum wire_type until)
{
    size_t sent = 0, from = 0;
    int64_t patience = r->patience_ms ? r->patience_ms : 60000, since = now_ms();
    buf_clear(&r->answers);
    if (r->dead)
        return false;
    for (;;) {
        struct pollfd fds[] = {{r->out, POLLIN, 0}, {sent < request->len ? r->in : -1, POLLOUT, 0}};
        poll(fds, 2, 100);
        if (fds[1].revents) {
            ssize_t n = write(r->in, request->data + sent, request->len - sent);
            if (n > 0)
                sent += (size_t)n, since = now_ms();
            else if (errno != EAGAIN)
                sent = request->len; /* it has closed its end; what it said may still come */
        }
        if (fds[0].revents) {
            buf_reserve(&r->answers, 65536);
            ssize_t n = read(r->out, r->answers.data + r->answers.len, 65536);
            if (n <= 0) {
                reap(r);
                return false;
            }
            r->answers.len += (size_t)n;
            since = now_ms();
            if (find_frame(r, until, &from))
                return true;
        } else if (now_ms() - since > patience) {
            kill(r->pid, SIGKILL);
            r->hung = true;
            reap(r);
            return false;
        }
    }
}

static void write_keyed(struct buf *b, const char *key, const char *text)
{
    wire_str(b, key);
    wire_str(b, text);
}

static void write_scalar(struct buf *b, const struct rig_scalar *v)
{
    wire_u8(b, (uint8_t)v->tag);
    if (v->tag == 'i')
        wire_i64(b, v->i);
    else if (v->tag == 's')
        wire_str(b, v->s);
}

static void write_remembered(struct buf *b, const struct rig_setup *s)
{
    uint32_t n = 0, m;
    while (n < RIG_TEXTS_MAX && s->creations[n].policy)
        n++;
    wire_u32(b, n);
    for (uint32_t i = 0; i < n; i++) {
        wire_str(b, s->creations[i].policy);
        for (m = 0; m < RIG_TEXTS_MAX && s->creations[i].at[m];)
            m++;
        wire_u32(b, m);
        for (uint32_t k = 0; k < m; k++)
            wire_i64(b, s->creations[i].at[k]);
    }
    for (n = 0; n < RIG_TEXTS_MAX && s->states[n].policy;)
        n++;
    wire_u32(b, n);
    for (uint32_t i = 0; i < n; i++) {
        wire_str(b, s->states[i].policy);
        wire_u64(b, s->states[i].identity);
        wire_u32(b, s->states[i].version ? s->states[i].version : 1);
        for (m = 0; m < RIG_TEXTS_MAX && s->states[i].values[m].name;)
            m++;
        wire_u8(b, 'm');
        wire_u32(b, m);
        for (uint32_t k = 0; k < m; k++) {
            wire_str(b, s->states[i].values[k].name);
            write_scalar(b, &s->states[i].values[k]);
        }
    }
}

void rig_write_seen(struct buf *b, const struct rig_seen *seen)
{
    static const struct rig_seen never = {.first = MOMENT_NONE, .polls = 1, .episode = 1};
    if (!seen)
        seen = &never;
    wire_i64(b, seen->first);
    wire_u32(b, seen->polls);
    wire_u32(b, seen->flaps);
    wire_i64(b, seen->absent);
    wire_u32(b, seen->episode);
}

static void write_key(struct buf *b, const char *key)
{
    wire_u8(b, key != NULL);
    wire_str(b, key);
}

static void write_last(struct buf *b, const struct rig_last *last)
{
    static const struct rig_last none = {.task = "", .created = MOMENT_NONE, .completed = MOMENT_NONE, .starts_at = MOMENT_NONE};
    if (!last)
        last = &none;
    wire_str(b, last->task);
    wire_u8(b, last->phase);
    wire_u8(b, last->gone);
    wire_i64(b, last->created);
    wire_i64(b, last->completed);
    wire_i64(b, last->starts_at);
    wire_i64(b, last->trigger_at != 0 ? last->trigger_at : MOMENT_NONE);
    wire_u32(b, last->attempts);
}

void rig_write_setup(struct buf *b, const struct rig_setup *s)
{
    size_t mark = wire_begin(b, WIRE_SETUP);
    wire_i64(b, s->now ? s->now : 1795000000 * (int64_t)1000000);
    wire_str(b, "oom-remediator");
    wire_str(b, "monitoring");
    wire_str(b, s->named);
    if (s->config)
        buf_add(b, s->config->data, s->config->len);
    else
        wire_u8(b, 'z');
    wire_i64(b, 120 * (int64_t)1000000);
    uint32_t n = 0;
    while (n < RIG_TEXTS_MAX && s->priority_labels[n])
        n++;
    wire_u32(b, n);
    for (uint32_t i = 0; i < n; i++)
        wire_str(b, s->priority_labels[i]);
    wire_str(b, s->prompt);
    wire_str(b, s->branch);
    wire_str(b, s->name);
    for (n = 0; n < RIG_TEXTS_MAX && s->labels[n].key;)
        n++;
    wire_u32(b, n);
    for (uint32_t i = 0; i < n; i++)
        write_keyed(b, s->labels[i].key, s->labels[i].text);
    for (n = 0; n < RIG_TEXTS_MAX && s->annotations[n].key;)
        n++;
    wire_u32(b, n);
    for (uint32_t i = 0; i < n; i++)
        write_keyed(b, s->annotations[i].key, s->annotations[i].text);
    uint32_t n_libraries = 0;
    while (n_libraries < RIG_TEXTS_MAX && s->libraries[n_libraries].file)
        n_libraries++;
    wire_u32(b, n_libraries);
    for (uint32_t i = 0; i < n_libraries; i++)
        write_keyed(b, s->libraries[i].file, s->libraries[i].source);
    for (n = 0; n < RIG_POLICIES_MAX && s->policies[n].file;)
        n++;
    wire_u32(b, n);
    for (uint32_t i = 0; i < n; i++) {
        wire_str(b, s->policies[i].file);
        wire_text(b, s->policies[i].source,
                  s->policies[i].len ? s->policies[i].len : strlen(s->policies[i].source));
        wire_u32(b, n_libraries);
        for (uint32_t k = 0; k < n_libraries; k++)
            wire_u32(b, k);
    }
    wire_u64(b, s->hook_instructions ? s->hook_instructions : 2000000);
    wire_u64(b, s->cycle_instructions ? s->cycle_instructions : 2000000000);
    wire_u64(b, s->memory ? s->memory : 16 * 1024 * 1024);
    for (n = 0; n < RIG_TEXTS_MAX && s->quarantined[n];)
        n++;
    wire_u32(b, n);
    for (uint32_t i = 0; i < n; i++)
        wire_u32(b, s->quarantined[i] - 1);
    wire_u8(b, s->lint | s->explain);
    if (s->explain & 4) {
        for (n = 0; n < RIG_TEXTS_MAX && s->explained[n];)
            n++;
        wire_u32(b, n);
        for (uint32_t i = 0; i < n; i++)
            wire_u64(b, s->explained[i]);
    }
    write_remembered(b, s);
    wire_end(b, mark);
}

static void add_alert_texts(struct buf *b, const char *json)
{
    struct buf index = {0};
    struct err e;
    if (alert_index(json, strlen(json), &index, &e) != ALERT_OK)
        fail_msg("the test's alert is none: %s", e.msg);
    wire_text(b, json, strlen(json));
    wire_text(b, index.data, index.len);
    buf_free(&index);
}

void rig_add_alert(struct buf *b, uint32_t id, const char *json)
{
    wire_u32(b, id);
    add_alert_texts(b, json);
}

/* Answers a WANT that is the last thing that came. */
static bool write_zones(const struct rig *r, const struct rig_setup *setup, struct buf *b)
{
    enum wire_type type = WIRE_HELLO;
    struct wire_reader fields = {0};
    size_t used;
    for (size_t at = 0; wire_frame(r->answers.data + at, r->answers.len - at, &type, &fields, &used) == 1;)
        at += used;
    if (r->dead || type != WIRE_WANT)
        return false;
    uint32_t n = wire_get_u32(&fields);
    size_t mark = wire_begin(b, WIRE_ZONES);
    wire_u32(b, n);
    for (uint32_t i = 0; i < n; i++) {
        struct wire_text name = wire_get_text(&fields);
        const char *data = NULL;
        size_t len = 0;
        for (size_t k = 0; k < RIG_TEXTS_MAX && setup->zones[k].name; k++) {
            if (strlen(setup->zones[k].name) != name.len || memcmp(setup->zones[k].name, name.s, name.len) != 0)
                continue;
            data = setup->zones[k].data;
            len = data && !setup->zones[k].len ? strlen(data) : setup->zones[k].len;
        }
        wire_text(b, name.s, name.len);
        wire_u8(b, data != NULL);
        wire_text(b, data ? data : "", len);
    }
    wire_end(b, mark);
    return true;
}

void rig_ready(struct rig *r, const struct rig_setup *setup, struct buf *text)
{
    struct buf b = {0}, zones = {0};
    rig_write_setup(&b, setup);
    rig_converse(r, &b, WIRE_READY, text);
    if (write_zones(r, setup, &zones))
        rig_converse(r, &zones, WIRE_READY, text);
    buf_free(&zones);
    buf_free(&b);
}

void rig_judge(struct rig *r, const char *const *alerts, size_t n, struct buf *text)
{
    struct buf b = {0};
    size_t mark = wire_begin(&b, WIRE_JUDGE);
    wire_u32(&b, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        rig_add_alert(&b, (uint32_t)i, alerts[i]);
        rig_write_seen(&b, r->seen);
    }
    wire_end(&b, mark);
    rig_converse(r, &b, WIRE_DONE, text);
    buf_free(&b);
}

void rig_survey(struct rig *r, const char *const *alerts, size_t n, struct buf *text)
{
    struct buf b = {0};
    size_t mark = wire_begin(&b, WIRE_SURVEY);
    wire_u32(&b, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        add_alert_texts(&b, alerts[i]);
    wire_end(&b, mark);
    rig_converse(r, &b, WIRE_DONE, text);
    buf_free(&b);
}

void rig_retrigger(struct rig *r, const char *alert, const struct rig_last *last, struct buf *text)
{
    struct buf b = {0};
    size_t mark = wire_begin(&b, WIRE_RETRIGGER);
    wire_u32(&b, 1);
    rig_add_alert(&b, 7, alert);
    rig_write_seen(&b, r->seen);
    write_key(&b, r->key);
    write_last(&b, last);
    wire_end(&b, mark);
    rig_converse(r, &b, WIRE_DONE, text);
    buf_free(&b);
}

void rig_resolve(struct rig *r, const char *policy, const char *alert, const struct rig_last *last, struct buf *text)
{
    struct buf b = {0};
    size_t mark = wire_begin(&b, WIRE_RESOLVE);
    wire_u32(&b, 1);
    wire_u32(&b, 7);
    wire_str(&b, policy);
    add_alert_texts(&b, alert);
    write_key(&b, r->key);
    write_last(&b, last);
    wire_end(&b, mark);
    rig_converse(r, &b, WIRE_DONE, text);
    buf_free(&b);
}

void rig_compose(struct rig *r, const char *alert, const char *key, struct buf *text)
{
    struct buf b = {0};
    size_t mark = wire_begin(&b, WIRE_COMPOSE);
    wire_u32(&b, 1);
    rig_add_alert(&b, 7, alert);
    write_key(&b, key);
    rig_write_seen(&b, r->seen);
    write_last(&b, r->last);
    wire_u32(&b, (uint32_t)(r->n_group ? r->n_group : 1));
    wire_u32(&b, (uint32_t)r->n_members);
    for (size_t i = 0; i < r->n_members; i++)
        add_alert_texts(&b, r->members[i]);
    wire_end(&b, mark);
    rig_converse(r, &b, WIRE_DONE, text);
    buf_free(&b);
}

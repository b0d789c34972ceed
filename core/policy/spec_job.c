/* One worker, one file of specs: see spec_job.h. */
#include "policy/spec_job.h"

#include "base/mem.h"
#include "policy/wire_json.h"
#include "policy/zone_files.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 50, KIND_MAX = 32, NAME_MAX_BYTES = 4096 };

/* The timers outlive the job by the moment that their closing takes. */
struct job_clock {
    uv_timer_t tick;
    struct spec_job *job; /* NULL: it is gone */
};

struct spec_job {
    struct worker_pool *pool;
    const struct spec_job_owner *owner;
    void *arg;
    struct job_clock *clock;
    struct worker_ticket ticket;
    bool waiting; /* for a worker */
    struct worker *worker;
    struct buf setup; /* SPEC, until it is sent */
    int64_t test_us, whole_us, hook_us;

    bool done, ended;
    size_t events;
    uint64_t told;

    bool in_test;
    uint64_t looked_at, began_at; /* uv_hrtime / 1000 */
    struct black_box box;                   /* as last seen */
    int64_t still_us; /* since it was heard of, or its box moved */
    int64_t moved_at; /* the worker's processor time then */
};

static uint64_t clock_us(void)
{
    return uv_hrtime() / 1000;
}

static void end(struct spec_job *j, const struct err *e)
{
    if (j->ended)
        return;
    j->ended = true;
    uv_timer_stop(&j->clock->tick);
    j->owner->ended(j->arg, e);
}

/* ---- frames ---- */

static int refuse(struct err *e, const char *what)
{
    return err_set(e, ERR_INVALID, "%s is not as wire.h has it", what);
}

static char *get_string(struct wire_reader *r, size_t max)
{
    struct wire_text t = wire_get_text(r);
    if (t.len > max || memchr(t.s, '\0', t.len) != NULL)
        r->bad = true;
    return r->bad ? NULL : xstrndup(t.s, t.len);
}

static int take_tell(struct spec_job *j, struct wire_reader *r, struct err *e)
{
    j->told += (uint64_t)(r->end - r->p);
    if (++j->events > SPEC_EVENTS_MAX || j->told > SPEC_TOLD_MAX)
        return err_set(e, ERR_LIMIT, "it tells more than %d MiB or %d events", SPEC_TOLD_MAX / (1024 * 1024),
                       SPEC_EVENTS_MAX);
    char *kind = get_string(r, KIND_MAX);
    cJSON *members = kind != NULL ? wire_json_read(r) : NULL;
    if (members == NULL || !wire_at_end(r)) {
        free(kind);
        cJSON_Delete(members);
        return refuse(e, "TELL");
    }
    if (strcmp(kind, "test_start") == 0)
        j->in_test = true;
    else if (strcmp(kind, "test_end") == 0)
        j->in_test = false;
    j->owner->told(j->arg, kind, members);
    free(kind);
    return 0;
}

static int look_up(struct spec_job *j, enum wire_need need, const char *how, const char *name, struct wire_text bytes,
                   struct buf *bytes_r, struct buf *found_r, struct err *e)
{
    if (need != NEED_ZONE)
        return j->owner->need(j->arg, need, how, name, bytes, bytes_r, found_r, e);
    return zone_file_read(zone_files_dir(), name, strlen(name), bytes_r, e);
}

static int take_need(struct spec_job *j, struct wire_reader *r, struct err *e)
{
    uint8_t need = wire_get_u8(r);
    char *how = get_string(r, KIND_MAX), *name = get_string(r, NAME_MAX_BYTES);
    struct wire_text bytes = wire_get_text(r);
    int rc = -1;
    if (!wire_at_end(r) || need > NEED_ZONE || name[0] == '\0') {
        refuse(e, "NEED");
    } else {
        struct buf frame = {0}, found_bytes = {0}, found = {0};
        struct err why = {0};
        bool ok = look_up(j, (enum wire_need)need, how, name, bytes, &found_bytes, &found, &why) == 0;
        size_t mark = wire_begin(&frame, WIRE_GIVE);
        wire_u8(&frame, ok);
        wire_text(&frame, ok ? found_bytes.data : why.msg, ok ? found_bytes.len : strlen(why.msg));
        wire_text(&frame, found.data, ok ? found.len : 0);
        wire_end(&frame, mark);
        worker_send(j->worker, &frame);
        buf_free(&found_bytes);
        buf_free(&found);
        rc = 0;
    }
    free(how);
    free(name);
    return rc;
}

static int on_frame(void *arg, struct worker *w, enum wire_type type, struct wire_reader *r, struct err *e)
{
    struct spec_job *j = arg;
    j->still_us = 0;
    j->moved_at = worker_cpu_us(w);
    if (j->done)
        return err_set(e, ERR_INVALID, "it goes on after DONE");
    if (type == WIRE_TELL)
        return take_tell(j, r, e);
    if (type == WIRE_NEED)
        return take_need(j, r, e);
    if (type != WIRE_DONE)
        return err_set(e, ERR_INVALID, "a '%c' frame is not its turn", (char)type);
    wire_get_u32(r);
    if (!wire_at_end(r))
        return refuse(e, "DONE");
    j->done = true;
    worker_drop(&j->worker);
    end(j, NULL);
    return 0;
}

static void on_dead(void *arg, struct worker *w, const struct worker_death *d)
{
    struct spec_job *j = arg;
    struct err e;
    (void)w;
    j->worker = NULL;
    err_set(&e, d->end == WORKER_TIMEOUT ? ERR_TIMEOUT : ERR_IO, "%s", d->how);
    if (d->box.hook != HOOK_NONE && d->box.hook < HOOK_COUNT && d->end != WORKER_NONSENSE)
        err_set(&e, e.kind, "%s, in the hook %s of a policy", d->how, black_box_hook_name(d->box.hook));
    end(j, &e);
}

static const struct worker_owner worker_owner = {NULL, on_frame, on_dead};

static void on_worker(void *arg, struct worker *w, const struct err *e)
{
    struct spec_job *j = arg;
    j->waiting = false;
    if (w == NULL) {
        struct err why = *e;
        why.kind = ERR_UNREACHABLE;
        end(j, &why);
        return;
    }
    j->worker = w;
    worker_own(w, &worker_owner, j);
    worker_send(w, &j->setup);
    j->began_at = j->looked_at = clock_us();
}

/* ---- time ---- */

/* What hangs in C is ended: a hook as in production, a test a little after its time is up. Its processor time counts, since
 * the black box moved last: that the machine has other things to do is not the worker's fault. */
static void look_at_worker(struct spec_job *j, int64_t passed)
{
    struct black_box box = worker_box(j->worker);
    bool moved = box.calls != j->box.calls || box.instructions != j->box.instructions || box.hook != j->box.hook;
    int64_t cpu = worker_cpu_us(j->worker);
    if (moved || cpu < 0)
        j->moved_at = cpu;
    j->still_us = moved ? 0 : j->still_us + passed;
    j->box = box;
    int64_t stuck = cpu < 0 ? 0 : cpu - j->moved_at;
    char span[MOMENT_TEXT];
    if (box.hook != HOOK_NONE && j->hook_us > 0 && stuck >= j->hook_us) {
        duration_format(j->hook_us, span);
        worker_kill(j->worker, WORKER_TIMEOUT, "used more than %s", span);
    } else if (j->in_test && j->test_us > 0 && stuck >= j->test_us + SPEC_GRACE_US) {
        duration_format(j->test_us, span);
        worker_kill(j->worker, WORKER_TIMEOUT, "ran longer than %s and had to be killed", span);
    } else if (j->still_us >= SPEC_STILL_US) {
        worker_kill(j->worker, WORKER_TIMEOUT, "hung and had to be killed");
    } else if (j->whole_us > 0 &&
               (cpu >= j->whole_us || (int64_t)(clock_us() - j->began_at) >= SPEC_WALL_FACTOR * j->whole_us)) {
        duration_format(j->whole_us, span);
        worker_kill(j->worker, WORKER_TIMEOUT, "took longer than %s and had to be killed", span);
    }
}

static void on_tick(uv_timer_t *t)
{
    struct spec_job *j = ((struct job_clock *)t->data)->job;
    uint64_t now = clock_us();
    int64_t passed = (int64_t)(now - j->looked_at);
    j->looked_at = now;
    if (passed > 4 * TICK_MS * 1000) /* our own loop was busy: not all of it is the worker's */
        passed = 4 * TICK_MS * 1000;
    if (j->worker != NULL)
        look_at_worker(j, passed);
    else if (!j->waiting && !j->ended)
        worker_pool_take(j->pool, &j->ticket), j->waiting = j->worker == NULL && !j->ended;
}

/* ---- beginning and end ---- */

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

struct spec_job *spec_job_start(const struct spec_job_setup *setup, const struct spec_job_owner *owner, void *arg)
{
    struct spec_job *j = xcalloc(1, sizeof *j);
    *j = (struct spec_job){.pool = setup->pool, .owner = owner, .arg = arg, .test_us = setup->test_us,
                           .whole_us = setup->whole_us, .hook_us = setup->limits.hook_us,
                           .ticket = {.got = on_worker, .arg = j}};
    size_t mark = wire_begin(&j->setup, WIRE_SPEC);
    wire_u64(&j->setup, setup->limits.hook_instructions);
    wire_u64(&j->setup, setup->limits.cycle_instructions);
    wire_u64(&j->setup, setup->limits.memory_bytes);
    wire_json_write(&j->setup, setup->options);
    wire_end(&j->setup, mark);
    j->clock = xcalloc(1, sizeof *j->clock);
    uv_timer_init(worker_pool_loop(j->pool), &j->clock->tick);
    j->clock->tick.data = j->clock;
    j->clock->job = j;
    j->looked_at = clock_us();
    uv_timer_start(&j->clock->tick, on_tick, 0, TICK_MS); /* its first turn takes a worker */
    return j;
}

void spec_job_free(struct spec_job **jobp)
{
    struct spec_job *j = *jobp;
    *jobp = NULL;
    if (j == NULL)
        return;
    if (j->waiting)
        worker_pool_cancel(j->pool, &j->ticket);
    worker_drop(&j->worker);
    uv_timer_stop(&j->clock->tick);
    j->clock->job = NULL;
    uv_close((uv_handle_t *)&j->clock->tick, on_closed);
    buf_free(&j->setup);
    free(j);
}

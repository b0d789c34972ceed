/* One cycle's judging: see judge.h. Callbacks note what happened and end in judge_step, which alone decides.
 */
#include "policy/judge_private.h"

#include "base/mem.h"
#include "spawner/spawner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The timers, which outlive the judge by the moment that their closing takes. */
struct judge_clock {
    uv_timer_t tick;  /* looks at the black box */
    uv_timer_t later; /* takes a start's first step out of the start */
    struct judge *j;
    int open;
};

enum { TICK_MIN_MS = 10, TICK_MAX_MS = 200 };

static void judge_step(struct judge *j);

struct judge_limits judge_limits_default(void)
{
    return (struct judge_limits){
        .hook_instructions = 2 * 1000 * 1000,
        .cycle_instructions = 2ull * 1000 * 1000 * 1000,
        .memory_bytes = 16 * 1024 * 1024,
        .hook_us = 2 * MOMENT_SECOND,
        .cycle_us = 60 * MOMENT_SECOND,
    };
}

static bool time_is_up(const struct judge *j)
{
    return j->used_us >= j->setup.limits.cycle_us;
}

/* Ends the open question. The receiver may free the judge: nothing may follow. */
static void finish(struct judge *j, const struct err *e)
{
    judge_done_cb *done = j->done;
    uv_timer_stop(&j->clock->tick);
    uv_timer_stop(&j->clock->later);
    worker_pool_cancel(j->pool, &j->ticket);
    if (j->state == WORKER_WAITING)
        j->state = WORKER_NONE;
    free(j->answered);
    j->answered = NULL;
    j->task = ASK_NOTHING;
    j->done = NULL;
    done(j->arg, e);
}

static void on_dead(void *arg, struct worker *w, const struct worker_death *d)
{
    struct judge *j = arg;
    bool asking = j->asking, loading = j->state == WORKER_SETUP;
    (void)w;
    j->worker = NULL;
    j->state = WORKER_NONE;
    j->asking = false;
    if (j->done != NULL && time_is_up(j)) {
        /* nobody in particular is to blame */
    } else if (asking) {
        judge_died_asking(j, d);
    } else if (loading) {
        judge_died_loading(j, d);
    } else {
        char *text = xasprintf("a worker %s while it had nothing to do", d->how);
        judge_note_add(j, text);
        free(text);
    }
    judge_step(j);
}

/* --- answers --- */

static int take_done(struct judge *j, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (!wire_at_end(r) || n != j->n_batch || j->n_got != j->n_batch)
        return err_set(e, ERR_INVALID, "done with %u of %zu, after %zu answers", n, j->n_batch, j->n_got);
    j->asking = false;
    return 0;
}

static int on_frame(void *arg, struct worker *w, enum wire_type type, struct wire_reader *fields,
                    struct err *e)
{
    struct judge *j = arg;
    (void)w;
    j->stalled_us = 0;
    if (j->state == WORKER_SETUP && type == WIRE_READY) {
        if (judge_read_ready(j, fields, e) != 0)
            return -1;
        j->state = WORKER_READY;
        j->loaded = true;
    } else if (j->asking && type == WIRE_DONE) {
        if (take_done(j, fields, e) != 0)
            return -1;
    } else if (j->asking) {
        return judge_read_answer(j, type, fields, e);
    } else {
        return err_set(e, ERR_INVALID, "a message out of turn");
    }
    judge_step(j);
    return 0;
}

static void on_started(void *arg, struct worker *w)
{
    (void)arg, (void)w; /* it was, before it came to us */
}

static const struct worker_owner judge_owner = {on_started, on_frame, on_dead};

/* --- what is next --- */

static void on_worker(void *arg, struct worker *w, const struct err *e)
{
    struct judge *j = arg;
    j->state = WORKER_NONE;
    if (w == NULL) {
        finish(j, e);
        return;
    }
    struct buf b = {0};
    worker_own(w, &judge_owner, j);
    j->worker = w;
    j->state = WORKER_SETUP;
    j->stalled_us = 0;
    j->calls = worker_box(w).calls;
    judge_write_setup(j, &b);
    worker_send(w, &b);
}

static void ask(struct judge *j)
{
    struct buf b = {0};
    struct err e = {0};
    if (judge_write_batch(j, &b, &e) != 0) {
        buf_free(&b);
        err_wrap(&e, "reading an alert back");
        finish(j, &e);
        return;
    }
    assert(j->n_batch > 0);
    j->asking = true;
    j->stalled_us = 0;
    worker_send(j->worker, &b);
}

/* Is it of use to go on? If not, every open item is answered with why. */
static bool give_up(struct judge *j)
{
    char *text = NULL;
    char span[MOMENT_TEXT];
    enum reason reason = REASON_POLICY_KILLED;
    if (time_is_up(j)) {
        duration_format(j->setup.limits.cycle_us, span);
        reason = REASON_POLICY_TIMEOUT;
        text = xasprintf("not judged: the cycle's %s of evaluation are used up", span);
    } else if (j->unexplained >= JUDGE_DEATHS_UNEXPLAINED_MAX) {
        text = xasprintf("not judged: %u workers have died and nobody knows of what", j->unexplained);
    } else if (j->template_deaths >= JUDGE_DEATHS_MAX) {
        reason = REASON_ERROR_TEMPLATE;
        text = xasprintf("not judged: rendering templates has killed %u workers", j->template_deaths);
    }
    if (text == NULL)
        return false;
    if (j->left > 0) {
        judge_note_add(j, text);
        judge_refuse_rest(j, reason, text);
    }
    free(text);
    return true;
}

static void judge_step(struct judge *j)
{
    if (j->done == NULL || j->asking)
        return;
    bool over = give_up(j);
    if (over &&
        !j->loaded) { /* nothing is known of the policies: that is more than alerts without an answer */
        struct err e = j->last_death;
        if (e.kind == ERR_NONE)
            err_set(&e, ERR_TIMEOUT, "the policies could not be loaded in the time of the cycle");
        finish(j, &e);
    } else if (j->left == 0 && j->loaded) {
        finish(j, NULL);
    } else if (j->state == WORKER_NONE) {
        j->state = WORKER_WAITING;
        worker_pool_take(j->pool, &j->ticket);
    } else if (j->state == WORKER_READY) {
        ask(j);
    }
}

static void on_later(uv_timer_t *t)
{
    judge_step(((struct judge_clock *)t->data)->j);
}

/* --- time --- */

static uint64_t clock_us(void)
{
    return uv_hrtime() / 1000;
}

static uint64_t tick_ms(const struct judge *j)
{
    int64_t ms = j->setup.limits.hook_us / 8000;
    return ms < TICK_MIN_MS ? TICK_MIN_MS : ms > TICK_MAX_MS ? TICK_MAX_MS : (uint64_t)ms;
}

static void look_at_box(struct judge *j, int64_t passed)
{
    uint64_t calls = worker_box(j->worker).calls;
    char span[MOMENT_TEXT];
    j->stalled_us = calls == j->calls ? j->stalled_us + passed : 0;
    j->calls = calls;
    if (j->stalled_us < j->setup.limits.hook_us)
        return;
    duration_format(j->setup.limits.hook_us, span);
    worker_kill(j->worker, WORKER_TIMEOUT, "used more than %s", span);
}

static void on_tick(uv_timer_t *t)
{
    struct judge *j = ((struct judge_clock *)t->data)->j;
    uint64_t now = clock_us();
    int64_t passed = (int64_t)(now - j->looked_at), most = (int64_t)tick_ms(j) * 2000;
    j->looked_at = now;
    /* A loop that was busy elsewhere has not looked: what passed meanwhile is not all the worker's. */
    if (passed > most)
        passed = most;
    j->used_us += passed;
    if (time_is_up(j)) {
        if (j->worker != NULL) {
            worker_kill(j->worker, WORKER_TIMEOUT, "has used up the time of the cycle"); /* on_dead goes on */
        } else {
            worker_pool_cancel(j->pool, &j->ticket);
            j->state = WORKER_NONE;
            judge_step(j);
        }
    } else if (j->worker != NULL && (j->asking || j->state == WORKER_SETUP)) {
        look_at_box(j, passed);
    }
}

/* --- questions --- */

static void begin(struct judge *j, enum judge_task task, size_t n, judge_done_cb *done, void *arg)
{
    assert(j->done == NULL); /* one question at a time */
    j->task = task;
    j->n = j->left = n;
    j->first = j->solo_until = 0;
    j->answered = xcalloc(n / 8 + 1, 1);
    j->done = done;
    j->arg = arg;
    j->looked_at = clock_us();
    uv_timer_start(&j->clock->tick, on_tick, tick_ms(j), tick_ms(j));
    uv_timer_start(&j->clock->later, on_later, 0, 0);
}

static struct judge_clock *clock_create(uv_loop_t *loop, struct judge *j)
{
    struct judge_clock *c = xcalloc(1, sizeof *c);
    uv_timer_init(loop, &c->tick);
    uv_timer_init(loop, &c->later);
    c->tick.data = c->later.data = c;
    c->j = j;
    c->open = 2;
    return c;
}

static void on_clock_closed(uv_handle_t *h)
{
    struct judge_clock *c = h->data;
    if (--c->open == 0)
        free(c);
}

int judge_start(struct worker_pool *pool, const struct judge_setup *setup, judge_done_cb *done, void *arg,
                struct judge **judge_r, struct err *e)
{
    static const struct policy_files no_files;
    size_t n = setup->set != NULL ? alert_set_len(setup->set) : 0;
    if (n >= UINT32_MAX)
        return err_set(e, ERR_LIMIT, "too many alerts to judge: %zu", n);
    struct judge *j = xcalloc(1, sizeof *j);
    j->pool = pool;
    j->setup = *setup;
    if (j->setup.files == NULL)
        j->setup.files = &no_files;
    const struct policy_files *f = j->setup.files;
    j->clock = clock_create(worker_pool_loop(pool), j);
    j->ticket = (struct worker_ticket){.got = on_worker, .arg = j};
    j->judgements = xcalloc(n + 1, sizeof *j->judgements);
    j->left_out = xcalloc(f->n + 1, sizeof *j->left_out);
    j->quarantined = xcalloc(f->n + 1, sizeof *j->quarantined);
    judge_name_number(j, "default");
    for (size_t i = 0; i < f->n_problems; i++) {
        char *text = xasprintf("%s %s", f->problems[i].file, f->problems[i].sentence);
        sentences_add(&j->problems, SIZE_MAX, text);
        free(text);
    }
    begin(j, ASK_JUDGE, n, done, arg);
    for (size_t i = 0; i < n; i++)
        if (alert_set_at(j->setup.set, i)->reason != REASON_NONE)
            judge_mark(j, i);
    *judge_r = j;
    return 0;
}

int judge_retrigger(struct judge *j, const struct retrigger_question *questions, size_t n,
                    struct retrigger_answer *answers, judge_done_cb *done, void *arg, struct err *e)
{
    (void)e;
    j->questions = questions;
    j->answers = answers;
    begin(j, ASK_RETRIGGER, n, done, arg);
    return 0;
}

int judge_compose(struct judge *j, const struct compose_question *questions, size_t n, struct composition *compositions,
                  judge_done_cb *done, void *arg, struct err *e)
{
    (void)e;
    j->winners = questions;
    j->compositions = compositions;
    begin(j, ASK_COMPOSE, n, done, arg);
    return 0;
}

void judge_free(struct judge **jp)
{
    struct judge *j = *jp;
    *jp = NULL;
    if (j == NULL)
        return;
    worker_pool_cancel(j->pool, &j->ticket);
    worker_drop(&j->worker);
    uv_close((uv_handle_t *)&j->clock->tick, on_clock_closed);
    uv_close((uv_handle_t *)&j->clock->later, on_clock_closed);
    policies_free(j);
    for (size_t i = 0; i < j->n_names; i++)
        free(j->names[i]);
    free(j->names);
    free(j->deaths);
    free(j->answered);
    free(j->judgements);
    free(j->left_out);
    free(j->quarantined);
    buf_free(&j->space);
    texts_deinit(&j->texts);
    sentences_free(&j->problems);
    sentences_free(&j->notes);
    free(j);
}

/* --- what is known --- */

const struct judgement *judge_at(const struct judge *j, size_t alert)
{
    return &j->judgements[alert];
}

const char *judge_policy_name(const struct judge *j, uint32_t policy)
{
    return policy < j->n_names ? j->names[policy] : "";
}

const struct policy_info *judge_policy_named(const struct judge *j, const char *name)
{
    for (size_t i = 0; i < j->n_policies; i++)
        if (strcmp(j->policies[i].name, name) == 0)
            return judge_policy_info(j, j->policies[i].name_number);
    return NULL;
}

size_t judge_problems(const struct judge *j)
{
    return sentences_len(&j->problems);
}

/* The lists make what they show when they are asked; nobody can tell. */
const char *judge_problem(const struct judge *j, size_t i)
{
    return sentences_at(&((struct judge *)j)->problems, i);
}

size_t judge_notes(const struct judge *j)
{
    return sentences_len(&j->notes);
}

const char *judge_note(const struct judge *j, size_t i)
{
    return sentences_at(&((struct judge *)j)->notes, i);
}

size_t judge_policies(const struct judge *j)
{
    return j->n_policies;
}

void judge_policy(const struct judge *j, size_t i, const char **name_r, const char **file_r,
                  const char **match_r)
{
    *name_r = j->policies[i].name;
    *file_r = j->policies[i].file;
    *match_r = j->policies[i].match;
}

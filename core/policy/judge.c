/* One cycle's judging: see judge.h. Callbacks note what happened and end in judge_step, which alone decides.
 */
#include "policy/judge_private.h"

#include "base/mem.h"
#include "spawner/spawner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct judge_limits judge_limits_default(void)
{
    return (struct judge_limits){
        .hook_instructions = 2 * 1000 * 1000,
        .cycle_instructions = 2ull * 1000 * 1000 * 1000,
        .memory_bytes = 16 * 1024 * 1024,
        .hook_us = 2 * MOMENT_SECOND,
        .cycle_us = 60 * MOMENT_SECOND,
        .text_bytes = 128 * 1024 * 1024,
        .composed_bytes = 256 * 1024 * 1024,
    };
}

/* Ends the open question. The receiver may free the judge: nothing may follow. */
static void finish(struct judge *j, const struct err *e)
{
    judge_done_cb *done = j->done;
    judge_clock_stop(j);
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
    bool asking = j->asking;
    worker_pool_note_death(j->pool, d->end);
    enum worker_state state = j->state;
    (void)w;
    j->worker = NULL;
    j->state = WORKER_NONE;
    j->asking = false;
    if (j->done != NULL && judge_time_is_up(j)) {
        /* nobody in particular is to blame */
    } else if (asking && state == WORKER_SURVEY) {
        judge_died_surveying(j, d);
    } else if (asking) {
        judge_died_asking(j, d);
    } else if (state == WORKER_SETUP) {
        judge_died_loading(j, d);
    } else {
        char *text = xasprintf("a worker %s while it had nothing to do", d->how);
        judge_note_add(j, text);
        free(text);
    }
    judge_step(j);
}

void judge_change_worker(struct judge *j)
{
    worker_drop(&j->worker);
    j->state = WORKER_NONE;
    j->asking = false;
}

/* --- answers --- */

static int take_done(struct judge *j, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    size_t owed = j->state == WORKER_SURVEY ? 0 : j->n_batch;
    if (!wire_at_end(r) || n != j->n_batch || j->n_got != owed)
        return err_set(e, ERR_INVALID, "done with %u of %zu, after %zu answers", n, j->n_batch, j->n_got);
    j->asking = false;
    return 0;
}

static int take_want(struct judge *j, struct wire_reader *r, struct err *e)
{
    struct buf zones = {0};
    if (judge_read_want(j, r, &zones, e) != 0)
        return -1;
    j->wanted = true;
    worker_send(j->worker, &zones);
    return 0;
}

static int take_ready(struct judge *j, struct wire_reader *r, struct err *e)
{
    if (judge_read_ready(j, r, e) != 0)
        return -1;
    j->state = j->survey ? WORKER_SURVEY : WORKER_READY;
    j->loaded = true;
    if (judge_quarantine_known(j))
        j->outdated = true;
    return 0;
}

static int on_frame(void *arg, struct worker *w, enum wire_type type, struct wire_reader *fields,
                    struct err *e)
{
    struct judge *j = arg;
    int rc;
    (void)w;
    j->stalled_us = 0;
    if (j->state == WORKER_SETUP && type == WIRE_WANT && !j->wanted)
        return take_want(j, fields, e);
    if (j->state == WORKER_SETUP && type == WIRE_READY)
        rc = take_ready(j, fields, e);
    else if (j->asking && type == WIRE_DONE)
        rc = take_done(j, fields, e);
    else if (j->asking && j->state == WORKER_READY)
        rc = judge_read_answer(j, type, fields, e);
    else
        return err_set(e, ERR_INVALID, "a message out of turn");
    if (rc != 0)
        return -1;
    if (j->asking && j->outdated && j->left > 0) /* it would go on asking a policy that has just been silenced */
        j->asking = false;
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
    j->wanted = j->survey = j->outdated = j->nice = false;
    j->survey_first = 0;
    j->stalled_us = 0;
    j->calls = worker_box(w).calls;
    judge_clock_be_nice(j);
    judge_write_setup(j, &b);
    if (b.len > WIRE_FRAME_MAX) {
        struct err large;
        err_set(&large, ERR_LIMIT,
                "the policies, their libraries and what is remembered are %zu bytes, more than %d: a worker cannot "
                "be told all of it",
                b.len, WIRE_FRAME_MAX);
        buf_free(&b);
        judge_change_worker(j);
        finish(j, &large);
        return;
    }
    worker_send(w, &b);
}

/* The next request, of a survey or of the open question. */
static void ask(struct judge *j)
{
    struct buf b = {0};
    struct err e = {0};
    int rc = 0;
    j->n_batch = j->n_got = 0;
    if (j->state == WORKER_SURVEY) {
        rc = judge_write_survey(j, &b, &e);
        if (rc == 0 && j->n_batch == 0)
            j->state = WORKER_READY;
    }
    if (rc == 0 && j->state == WORKER_READY)
        rc = judge_write_batch(j, &b, &e);
    if (rc != 0) {
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
    if (judge_time_is_up(j)) {
        duration_format(j->setup.limits.cycle_us, span);
        reason = REASON_POLICY_TIMEOUT;
        text = xasprintf("not judged: the cycle's %s of evaluation are used up", span);
    } else if (judge_composed_enough(j)) {
        reason = REASON_ERROR_TASK;
        text = xstrdup(j->composed_full);
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

void judge_step(struct judge *j)
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
    } else {
        if (j->outdated && j->worker != NULL)
            judge_change_worker(j);
        if (j->state == WORKER_NONE) {
            j->state = WORKER_WAITING;
            worker_pool_take(j->pool, &j->ticket);
        } else if (j->state == WORKER_SURVEY || j->state == WORKER_READY) {
            ask(j);
        }
    }
}

/* --- questions --- */

void judge_begin(struct judge *j, enum judge_task task, size_t n, judge_done_cb *done, void *arg)
{
    assert(j->done == NULL); /* one question at a time */
    j->task = task;
    j->n = j->left = n;
    j->first = j->solo_until = 0;
    j->composed_bytes = 0;
    j->answered = xcalloc(n / 8 + 1, 1);
    j->done = done;
    j->arg = arg;
    judge_clock_start(j);
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
    j->clock = judge_clock_create(worker_pool_loop(pool), j);
    j->ticket = (struct worker_ticket){.got = on_worker, .arg = j};
    j->judgements = xcalloc(n + 1, sizeof *j->judgements);
    j->left_out = xcalloc(f->n + 1, sizeof *j->left_out);
    j->quarantined = xcalloc(f->n + 1, sizeof *j->quarantined);
    j->file_problems = xcalloc(f->n + 1, sizeof *j->file_problems);
    j->health = setup->health != NULL ? setup->health : (j->own_health = policy_health_create());
    j->texts_full = xasprintf("left out: names, details, notes and state of this cycle's answers are more than %llu KiB",
                              (unsigned long long)setup->limits.text_bytes / 1024);
    j->composed_full = xasprintf("not composed: this cycle's new Tasks have %llu KiB of text already; the next cycle goes on",
                                 (unsigned long long)setup->limits.composed_bytes / 1024);
    judge_name_number(j, "default");
    for (size_t i = 0; i < f->n_problems; i++) {
        char *text = policy_problem_text(&f->problems[i]);
        size_t file = judge_find_file(j, f->problems[i].file);
        sentences_add(&j->problems, SIZE_MAX, text);
        if (file < f->n && j->file_problems[file] == NULL)
            j->file_problems[file] = xstrdup(text);
        free(text);
    }
    judge_begin(j, ASK_JUDGE, n, done, arg);
    for (size_t i = 0; i < n; i++)
        if (alert_set_at(j->setup.set, i)->reason != REASON_NONE)
            judge_mark(j, i);
    judge_refuse_poisoned(j);
    *judge_r = j;
    return 0;
}

int judge_retrigger(struct judge *j, const struct retrigger_question *questions, size_t n,
                    struct retrigger_answer *answers, judge_done_cb *done, void *arg, struct err *e)
{
    (void)e;
    j->questions = questions;
    j->answers = answers;
    judge_begin(j, ASK_RETRIGGER, n, done, arg);
    return 0;
}

int judge_compose(struct judge *j, const struct compose_question *questions, size_t n, struct composition *compositions,
                  judge_done_cb *done, void *arg, struct err *e)
{
    (void)e;
    j->winners = questions;
    j->compositions = compositions;
    judge_begin(j, ASK_COMPOSE, n, done, arg);
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
    judge_clock_close(j);
    judge_free_policies(j);
    for (size_t i = 0; i < j->n_names; i++) {
        free(j->names[i]->name);
        free(j->names[i]);
    }
    for (size_t i = 0; i < j->setup.files->n; i++)
        free(j->file_problems[i]);
    free(j->names);
    free(j->file_problems);
    free(j->answered);
    free(j->judgements);
    free(j->left_out);
    free(j->quarantined);
    free(j->texts_full);
    free(j->composed_full);
    policy_health_free(&j->own_health);
    judge_free_extras(j);
    buf_free(&j->space);
    texts_deinit(&j->texts);
    free(j->words);
    sentences_free(&j->problems);
    sentences_free(&j->notes);
    free(j);
}

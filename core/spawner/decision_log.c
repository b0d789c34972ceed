/* Decisions as JSON lines: see decision_log.h. One batch is with the thread pool, the next one gathers here. */
#include "spawner/decision_log.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rotated.h"
#include "metrics/metrics.h"
#include "spawner/decision.h"
#include "spawner/decision_seen.h"
#include "spawner/spawner.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { BATCH_MAX = 16 * 1024 * 1024 }; /* bytes after which writing begins in the middle of a cycle */

struct decision_log {
    uv_loop_t *loop;
    struct rotated *file; /* the thread's while `busy` */
    struct metrics *metrics;
    struct decision_seen *seen;
    bool all, busy, closing, reopen;

    struct buf waiting;
    size_t n_waiting; /* lines */
    struct buf writing; /* the thread's while `busy` */
    size_t n_writing;
    uv_work_t work;
    size_t lost; /* of the last batch */
    int rc;
    struct err why;

    bool in_trouble; /* which was said */
    uint64_t lost_in_trouble;
};

/* ---- what came of a batch ---- */

static void note_lost(struct decision_log *log, size_t n, const char *why)
{
    metrics_add(log->metrics, METRIC_LOG_LOST, (double)n, NO_LABELS);
    log->lost_in_trouble += n;
    if (!log->in_trouble)
        log_error(NULL, "decision log: %s; %zu line%s lost so far, this is said again when lines are written again", why, n,
                  n == 1 ? " is" : "s are");
    log->in_trouble = true;
}

static void note_batch(struct decision_log *log)
{
    metrics_add(log->metrics, METRIC_LOG_LINES, (double)(log->n_writing - log->lost), NO_LABELS);
    if (log->rc != 0)
        note_lost(log, log->lost, log->why.msg);
    else if (log->in_trouble) {
        log_info(NULL, "decision log: lines are written again; %llu were lost", (unsigned long long)log->lost_in_trouble);
        log->in_trouble = false;
        log->lost_in_trouble = 0;
    }
    buf_free(&log->writing); /* a first cycle may have had much to say */
    log->n_writing = 0;
}

/* ---- writing ---- */

static void write_batch(struct decision_log *log)
{
    log->rc = rotated_write(log->file, log->writing.data, log->writing.len, &log->lost, &log->why);
}

static void on_work(uv_work_t *w)
{
    write_batch(w->data);
}

static void take_batch(struct decision_log *log)
{
    struct buf empty = log->writing;
    log->writing = log->waiting;
    log->waiting = empty;
    log->n_writing = log->n_waiting;
    log->n_waiting = 0;
    if (log->reopen)
        rotated_reopen(log->file);
    log->reopen = false;
}

static void log_free(struct decision_log *log)
{
    rotated_close(&log->file);
    decision_seen_free(&log->seen);
    buf_free(&log->waiting);
    buf_free(&log->writing);
    free(log);
}

/* What is left goes out here and now: nobody waits for the loop any more. */
static void finish(struct decision_log *log)
{
    if (log->n_waiting > 0) {
        take_batch(log);
        write_batch(log);
        note_batch(log);
    }
    log_free(log);
}

static void log_step(struct decision_log *log);

static void on_written(uv_work_t *w, int status)
{
    struct decision_log *log = w->data;
    (void)status; /* nobody cancels it */
    log->busy = false;
    note_batch(log);
    if (log->closing)
        finish(log);
    else
        log_step(log);
}

static void log_step(struct decision_log *log)
{
    if (log->busy || log->n_waiting == 0)
        return;
    take_batch(log);
    log->busy = true;
    log->work.data = log;
    if (uv_queue_work(log->loop, &log->work, on_work, on_written) == 0)
        return;
    log->busy = false; /* no thread can be had */
    write_batch(log);
    note_batch(log);
}

/* ---- choosing ---- */

static bool always(enum verdict v)
{
    return v == VERDICT_CREATE || v == VERDICT_RETRIGGER || v == VERDICT_CANCEL;
}

/* Not its detail: that may hold a time, and say the same anew in every cycle. */
static uint64_t hash_of(const struct cycle_row *row)
{
    uint64_t h = XXH3_64bits_withSeed(row->reason, strlen(row->reason), (uint64_t)row->verdict);
    return XXH3_64bits_withSeed(row->policy_hash, strlen(row->policy_hash), h);
}

/* An alert that has no fingerprint is told apart by what is wrong with it. */
static uint64_t alert_of(const struct cycle_row *row)
{
    const char *s = row->fingerprint[0] != '\0' ? row->fingerprint : row->detail;
    return XXH3_64bits_withSeed(s, strlen(s), row->verdict == VERDICT_CANCEL);
}

static void add_line(struct decision_log *log, struct cycle *c, size_t row)
{
    if (log->waiting.len > DECISION_LOG_WAITING_MAX) {
        note_lost(log, 1, "lines come faster than they can be written");
        return;
    }
    decision_line(c, row, &log->waiting);
    log->n_waiting++;
    if (log->waiting.len > BATCH_MAX)
        log_step(log);
}

void decision_log_cycle(struct decision_log *log, struct cycle *c)
{
    const struct spawner *s = cycle_spawner(c);
    struct cycle_row row;
    size_t n = cycle_rows(c);
    if (cycle_error(c) != NULL || s->suspend)
        return; /* nothing was decided; what was before still stands */
    decision_seen_begin(log->seen, s->ns, s->name, n);
    for (size_t i = 0; i < n; i++) {
        cycle_row(c, i, &row);
        bool news = decision_seen_is_news(log->seen, alert_of(&row), hash_of(&row));
        if (news || log->all || always(row.verdict))
            add_line(log, c, i);
    }
    decision_seen_end(log->seen);
    log_step(log);
}

/* ---- */

int decision_log_open(uv_loop_t *loop, const struct decision_log_options *o, struct metrics *m, struct decision_log **log_r,
                      struct err *e)
{
    struct rotated *file;
    if (rotated_open(o->path, o->max_bytes, o->keep, &file, e) != 0)
        return err_wrap(e, "--decision-log");
    struct decision_log *log = xcalloc(1, sizeof *log);
    log->loop = loop;
    log->file = file;
    log->metrics = m;
    log->all = o->all;
    log->seen = decision_seen_create();
    *log_r = log;
    return 0;
}

void decision_log_reopen(struct decision_log *log)
{
    log->reopen = true;
}

void decision_log_close(struct decision_log **logp)
{
    struct decision_log *log = *logp;
    *logp = NULL;
    if (log == NULL)
        return;
    log->closing = true;
    if (!log->busy)
        finish(log);
}

/* What judge.c (decides), judge_write.c (asks), judge_ready.c and judge_read.c (check answers), judge_death.c
 * (blames) and judge_answer.c share. Nobody else includes it. */
#pragma once

#include "policy/judge.h"
#include "policy/judge_text.h"

/* Which question is open. */
enum judge_task { ASK_NOTHING, ASK_JUDGE, ASK_RETRIGGER, ASK_COMPOSE };

enum worker_state { WORKER_NONE, WORKER_WAITING, WORKER_SETUP, WORKER_READY };

/* A policy as the worker at hand numbers it (READY's second list), and what it has done in this cycle. */
struct policy {
    char *name, *file, *match;
    uint32_t name_number; /* in judge->names */
};

struct judge {
    struct worker_pool *pool;
    struct judge_setup setup;
    struct judge_clock *clock;
    judge_done_cb *done; /* owed; NULL: none */
    void *arg;

    /* the worker */
    enum worker_state state;
    struct worker *worker;
    struct worker_ticket ticket;
    bool loaded; /* a READY came in this cycle */

    /* the open question: its items are 0..n-1, and these numbers are the ids on the wire */
    enum judge_task task;
    size_t n;
    uint8_t *answered; /* a bit for each item */
    size_t left;       /* not yet answered */
    size_t first;      /* every item before it is answered */
    size_t solo_until; /* items before it are asked one at a time: a worker died there and nobody knows of
                          what */
    const struct retrigger_question *questions;
    struct retrigger_answer *answers;
    const struct compose_question *winners;
    struct composition *compositions;

    /* the request in flight: a batch of items */
    bool asking;
    uint32_t batch[JUDGE_BATCH_ALERTS];
    size_t n_batch, n_got;
    struct buf space; /* one alert on its way */

    /* time */
    uint64_t calls;     /* the black box as last seen */
    uint64_t looked_at; /* uv_hrtime / 1000 of the last look */
    int64_t stalled_us; /* since the box moved, in looks: a loop that stood still is not the worker's fault */
    int64_t used_us;    /* of limits.cycle_us */

    /* the answers */
    struct judgement *judgements;
    struct texts texts;

    /* what is known of policies */
    struct policy *policies;
    size_t n_policies;
    char **names;     /* number -> name; 0 is "default" */
    uint32_t *deaths; /* by name number */
    size_t n_names;
    bool *left_out;    /* by file: loading it killed a worker */
    bool *quarantined; /* by file; [n_files] is the default policy */
    uint32_t unexplained, template_deaths;
    struct err last_death; /* of a worker that was not yet ready */
    struct sentences problems, notes;
};

enum { POLICY_BASE = UINT32_MAX };

/* judge_write.c: frames */
void judge_write_setup(const struct judge *j, struct buf *b);
/* Fills batch, n_batch and a frame from the items that are open. */
int judge_write_batch(struct judge *j, struct buf *b, struct err *e);

/* judge_ready.c and judge_read.c: each checks everything before it changes anything; -1 = nonsense, `e` says
 * what. */
int judge_read_ready(struct judge *j, struct wire_reader *r, struct err *e);
int judge_read_answer(struct judge *j, enum wire_type type, struct wire_reader *r, struct err *e);
void policies_free(struct judge *j);
enum { POLICY_NAME_MAX = 100, TASK_TEXT_MAX = 256 * 1024 /* one label or annotation */ };
/* A text of at most `max` bytes, UTF-8 without NUL. */
int judge_get_text(struct wire_reader *r, size_t max, const char *what, struct wire_text *t_r, struct err *e);
bool wire_text_is(struct wire_text t, const char *s);
int judge_check_end(const struct wire_reader *r, const char *what, struct err *e);

/* judge_death.c: the alert or the file that a dead worker had in hand pays for it. */
void judge_died_asking(struct judge *j, const struct worker_death *d);
void judge_died_loading(struct judge *j, const struct worker_death *d);
void judge_note_add(struct judge *j, const char *text);

/* judge_answer.c: answers that the engine gives itself */
void judge_mark(struct judge *j, size_t item);
bool judge_is_open(const struct judge *j, size_t item);
/* An error as the answer for an open item. `policy` is a name number. */
void judge_refuse(struct judge *j, size_t item, enum reason reason, uint32_t policy, const char *detail);
void judge_refuse_rest(struct judge *j, enum reason reason, const char *detail);
/* "HighErrorRate (fingerprint 0123456789abcdef)" of an open question's item. */
void judge_describe(const struct judge *j, size_t item, struct buf *b);
uint32_t judge_name_number(struct judge *j, const char *name); /* adds it when new */

/* What the judge's files share; nobody else includes it.
 *
 *   judge.c          decides what is next            judge_clock.c    time: who stalls, whose time is up
 *   judge_write.c    asks: SETUP and the batches     judge_remember.c what SETUP says of memory and of an alert's past
 *   judge_ready.c    checks READY, judge_policies.c its policies, judge_want.c WANT
 *   judge_read.c     checks answers
 *   judge_extras.c   notes, state and chains in answers      judge_resolve.c  on_resolve
 *   judge_death.c    blames                          judge_breaker.c  what failures cost beyond their own alert
 *   judge_answer.c   answers that the engine gives   judge_info.c     what is known */
#pragma once

#include "policy/judge.h"
#include "policy/judge_text.h"
#include "policy/policy_health.h"

/* Which question is open. */
enum judge_task { ASK_NOTHING, ASK_JUDGE, ASK_RETRIGGER, ASK_RESOLVE, ASK_COMPOSE };

enum worker_state { WORKER_NONE, WORKER_WAITING, WORKER_SETUP, WORKER_SURVEY, WORKER_READY };

/* A policy as the worker at hand numbers it (READY's second list). */
struct policy {
    struct policy_info info;
    uint32_t name_number; /* in judge->names */
    uint32_t *libs;       /* that it included, in order of their names */
    size_t n_libs;
};

/* A name that a policy of this cycle has or had; 0 is "default". Its address stays. */
struct policy_name {
    char *name;
    uint32_t deaths;
    size_t file;             /* number in setup.files; n for the default policy */
    struct policy_info info; /* `file` is "" when it is not loaded */
};

/* What hooks wrote beside their answers: of which alert, and after how many others. */
struct noted {
    uint32_t alert, order;
    struct alert_note note;
};
struct changed {
    uint32_t alert, order;
    struct state_change change;
};

struct judge_clock;

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
    bool loaded;         /* a READY came in this cycle */
    bool wanted;         /* this worker has asked for its time zones */
    bool outdated;       /* this worker's SETUP does not say what has been quarantined since */
    bool survey;         /* this worker wants to see every alert first */
    size_t survey_first; /* alerts before it have been shown to it */

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
    const struct resolve_question *resolved;
    struct resolve_answer *resolve_answers;
    const struct compose_question *winners;
    struct composition *compositions;

    /* the request in flight: a batch of items, or of a survey */
    bool asking;
    uint32_t batch[JUDGE_BATCH_ALERTS];
    size_t n_batch, n_got;
    struct buf space; /* one alert on its way */

    /* time */
    uint64_t calls;     /* the black box as last seen */
    uint64_t looked_at; /* uv_hrtime / 1000 of the last look */
    int64_t stalled_us; /* since the box moved, in looks: a loop that stood still is not the worker's fault */
    int64_t used_us;    /* of limits.cycle_us */
    int64_t busy_us;    /* of that: a worker had something to do */
    bool nice;          /* this worker has been told to let others go first */

    /* the answers */
    struct judgement *judgements;
    struct texts texts;
    const char **words; /* of judgement.word; [0] is NULL */
    size_t n_words, words_cap;
    struct noted *noted;     /* sorted by alert when `sorted` */
    struct changed *changed; /* likewise */
    struct state_change *shown; /* `changed` without its numbers, when `sorted` */
    size_t n_noted, cap_noted, n_changed, cap_changed;
    struct chained {
        uint32_t alert;
        struct chain chain;
    } *chains; /* by alert */
    size_t n_chains, cap_chains, chain_bytes;
    size_t composed_bytes; /* of the compositions of the question at hand */
    char *texts_full, *composed_full; /* what is said when limits.text_bytes, composed_bytes are used up */
    bool sorted;

    /* what is known of policies */
    struct policy *policies;
    size_t n_policies;
    struct policy_name **names;
    size_t n_names;
    char **file_problems; /* by file; NULL: none */
    bool *left_out;       /* by file: loading it killed a worker */
    bool *quarantined;    /* by file; [n_files] is the default policy */
    struct policy_health *health, *own_health; /* own: when the caller has none */
    uint32_t unexplained, template_deaths;
    struct err last_death; /* of a worker that was not yet ready */
    struct sentences problems, notes;
    struct lint {
        char *file, *sentence;
        uint32_t line;
    } *lints;
    size_t n_lints;
};

enum { POLICY_BASE = UINT32_MAX };

/* judge.c */
void judge_step(struct judge *j);
void judge_begin(struct judge *j, enum judge_task task, size_t n, judge_done_cb *done, void *arg);
/* Takes leave of a worker that has done nothing wrong but has read too old a SETUP. */
void judge_change_worker(struct judge *j);

/* judge_clock.c. The clock runs while a question is open; its first turn is judge_step. */
struct judge_clock *judge_clock_create(uv_loop_t *loop, struct judge *j);
void judge_clock_start(struct judge *j);
void judge_clock_stop(struct judge *j);
void judge_clock_close(struct judge *j); /* the memory goes with its last handle */
bool judge_time_is_up(const struct judge *j);
/* A worker of a cycle that has taken long already stands behind those of other cycles. */
void judge_clock_be_nice(struct judge *j);

/* judge_write.c: frames */
void judge_write_setup(struct judge *j, struct buf *b);
/* Fills batch, n_batch and a frame from the items that are open. */
int judge_write_batch(struct judge *j, struct buf *b, struct err *e);
/* The next SURVEY; n_batch 0 and no frame when every alert has been shown. */
int judge_write_survey(struct judge *j, struct buf *b, struct err *e);
/* Bytes and index of one alert of the set. */
int judge_write_alert(struct judge *j, size_t alert, struct buf *b, struct err *e);

/* judge_remember.c */
void judge_write_creations(const struct judge *j, struct buf *b);
void judge_write_states(struct judge *j, struct buf *b);
void judge_write_seen(const struct judge *j, size_t alert, struct buf *b);

/* judge_ready.c and judge_read.c: each checks everything before it changes anything; -1 = nonsense, `e` says
 * what. */
int judge_read_ready(struct judge *j, struct wire_reader *r, struct err *e);
/* READY's second list. `take` false: only checks. */
int judge_read_policies(struct judge *j, struct wire_reader *r, bool take, struct err *e);
/* Numbers in setup.files and setup.files->libs; -1: it was not given. */
int64_t judge_given_file(const struct judge *j, struct wire_text name);
int64_t judge_given_lib(const struct judge *j, struct wire_text name);
/* Every name is given the info of its policy. */
void judge_index_policies(struct judge *j, const char *default_hash);
/* Checks WANT and writes the ZONES that answers it. */
int judge_read_want(struct judge *j, struct wire_reader *r, struct buf *b, struct err *e);
int judge_read_answer(struct judge *j, enum wire_type type, struct wire_reader *r, struct err *e);
void judge_free_policies(struct judge *j);
enum { POLICY_NAME_MAX = 100, TASK_TEXT_MAX = 256 * 1024 /* one label or annotation */ };
/* A text of at most `max` bytes, UTF-8 without NUL. */
int judge_get_text(struct wire_reader *r, size_t max, const char *what, struct wire_text *t_r, struct err *e);
bool wire_text_is(struct wire_text t, const char *s);
char *wire_text_dup(struct wire_text t); /* NULL for "" */
int judge_check_end(const struct wire_reader *r, const char *what, struct err *e);
/* The next item that an answer is owed for. */
int judge_get_item(struct judge *j, struct wire_reader *r, uint32_t *item_r, struct err *e);
/* A reason as the worker may give it: without an error "", `word` or a code of the policy's own (*own_r). */
int judge_get_reason(struct wire_reader *r, bool error, enum reason word, enum reason *reason_r,
                     struct wire_text *own_r, struct err *e);

/* judge_extras.c: what hooks wrote beside their answer. Views into the frame until they are kept. */
struct extras {
    struct wire_reader notes; /* at the first of n_notes */
    uint32_t n_notes;
    bool has_state;
    struct chain chain;
    struct wire_text key, changes; /* changes: u32 n and the pairs */
};
/* Of an answer that `hooks` hooks had a part in; the last of its fields. The chain is the receiver's: judge_keep_extras
 * takes it. */
int judge_get_extras(struct judge *j, struct wire_reader *r, unsigned hooks, struct extras *x_r, struct err *e);
/* Is there room for more text than keys? When there is not, it says so among the notes: texts_full. */
bool judge_has_room(struct judge *j);
void judge_keep_extras(struct judge *j, struct extras *x, size_t alert, uint32_t policy);
/* The same of an answer to RESOLVE. */
void judge_keep_resolve_extras(struct judge *j, struct extras *x, uint64_t identity, uint32_t policy,
                               struct resolve_answer *a);
void judge_free_extras(struct judge *j);

/* state_item.c: is this a tree 'm' of scalars, each name once, no number that is none, within `names_max` names and
 * WIRE_STATE_* ? NULL, or what is wrong. `nulls`: names may also be removed. */
const char *state_item_wrong(const char *tree, size_t len, size_t names_max, bool nulls);

/* Texts of new Tasks are kept until they are created: so many, and no more in one cycle. */
static inline bool judge_composed_enough(const struct judge *j)
{
    return j->task == ASK_COMPOSE && j->composed_bytes > j->setup.limits.composed_bytes;
}

/* judge_resolve.c */
int judge_write_resolve(struct judge *j, size_t item, struct buf *b, struct err *e);
int judge_read_resolved(struct judge *j, struct wire_reader *r, struct err *e);

/* judge_death.c: the alert or the file that a dead worker had in hand pays for it. */
void judge_died_asking(struct judge *j, const struct worker_death *d);
void judge_died_loading(struct judge *j, const struct worker_death *d);
void judge_died_surveying(struct judge *j, const struct worker_death *d);
void judge_note_add(struct judge *j, const char *text);

/* judge_breaker.c */
/* Refuses what is known to cost a worker; once, when the question begins. */
void judge_refuse_poisoned(struct judge *j);
/* After READY: quarantines what earlier cycles have found out. true: the worker at hand does not know of it. */
bool judge_quarantine_known(struct judge *j);
/* The worker has answered with this reason (REASON_NONE: as it should). `policy` is a name number. */
void judge_report_answer(struct judge *j, uint32_t policy, enum reason reason, struct wire_text detail);
/* A worker has died in a hook of this policy: its `deaths`th of the cycle. */
void judge_report_death(struct judge *j, const struct policy_info *p, uint32_t deaths);
/* That alert has cost a worker, and nothing but its policy can be to blame. */
void judge_report_poison(struct judge *j, size_t item);
/* With policy.quarantined *detail becomes what the worker does not know: until when. free() what is returned when
 * *detail is no longer needed. */
char *judge_explain_quarantine(const struct judge *j, uint32_t policy, enum reason reason, struct wire_text *detail);
size_t judge_find_file(const struct judge *j, const char *file); /* setup.files->n for the default policy's */

/* judge_answer.c: answers that the engine gives itself */
void judge_mark(struct judge *j, size_t item);
bool judge_is_open(const struct judge *j, size_t item);
/* An error as the answer for an open item. `policy` is a name number. */
void judge_refuse(struct judge *j, size_t item, enum reason reason, uint32_t policy, const char *detail);
void judge_refuse_rest(struct judge *j, enum reason reason, const char *detail);
/* The alert that an item is about; not with ASK_RESOLVE. */
size_t judge_alert_of(const struct judge *j, size_t item);
/* What stands for the item in messages and among poison: the fingerprint, or what its Task tells. */
uint64_t judge_fingerprint_of(const struct judge *j, size_t item);
/* "HighErrorRate (fingerprint 0123456789abcdef)" of an open question's item. */
void judge_describe(const struct judge *j, size_t item, struct buf *b);
uint32_t judge_word_number(struct judge *j, const char *text); /* kept by `texts`; NULL is 0 */
uint32_t judge_name_number(struct judge *j, const char *name); /* adds it when new */

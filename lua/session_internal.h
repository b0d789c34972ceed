/* What the session's files share: session.c (frames), session_setup.c and session_ready.c (SETUP to READY),
 * session_choose.c (whose alert it is), session_lint.c, session_question.c (reading and asking), session_judge.c and
 * session_compose.c (questions and answers). */
#pragma once

#include "chain_maker.h"
#include "extras.h"
#include "policy.h"
#include "remembered.h"
#include "render.h"
#include "session.h"
#include "survey.h"

enum session_state { SESSION_NEW, SESSION_AWAITS_ZONES, SESSION_READY };

/* Which alerts SETUP wants explained. */
enum session_explains { EXPLAINS_NOTHING, EXPLAINS_LISTED, EXPLAINS_ALL };

/* A lint warning of READY. */
struct lint_warning {
    char *file;
    uint32_t line;
    char *sentence;
};

struct session {
    volatile struct black_box *box;
    session_output_cb *on_output;
    void *arg;
    struct buf out;
    struct buf setup; /* SETUP's fields: sources, templates, states are read in place */
    struct buf zone_data; /* ZONES' fields */
    enum session_state state;
    bool judged; /* JUDGE has come: no more SURVEY */

    struct policy_cycle cycle;
    struct remembered memory;
    struct survey *survey;
    uint64_t total_used;
    struct wire_text named;
    struct policy base;      /* the default policy, in a VM that no file has touched */
    struct policy *policies; /* the files, in their order */
    size_t n_policies;
    struct chain_maker *maker; /* of chains */
    enum session_explains explains;
    enum chain_how explains_how;
    uint64_t *explained; /* EXPLAINS_LISTED: fingerprints, ascending */
    size_t n_explained;
    struct zones wanted; /* what WANT asked for, of all policies */

    bool lint; /* SETUP wants warnings */
    struct lint_warning *lints; /* by file and line */
    size_t n_lints;
    char **library_problems; /* the first lint error of each library, or NULL; NULL: there was no lint */

    struct render_template *templates; /* prompt, branch, name, labels, annotations */
    char **template_texts;             /* what `which` and `label` of templates point to */
    size_t n_templates, n_labels, n_annotations;
    struct render *render;
    uint64_t serial;
    bool costly; /* the answer in hand tells of a budget that was used up */

    /* the alert in hand */
    struct buf index; /* aligned */
    struct buf member_indexes;
    struct extras extras;
    struct policy_answer answer;
    struct buf title, body, id, rendered, fallback;
};
enum { TEMPLATE_PROMPT, TEMPLATE_BRANCH, TEMPLATE_NAME, TEMPLATE_FIRST_LABEL };

/* Which policy an alert belongs to. */
struct choice {
    struct policy *policy; /* NULL: none can judge it */
    const char *failed;    /* then: "policy.load", "policy.missing", "policy.quarantined" */
    const char *name;      /* of the policy; "" when it has none */
    char detail[WIRE_TEXT_SHOWN];
};
void session_choose(struct session *s, const struct alert *alert, struct choice *c);
/* The same, and how every match did goes into the chain. */
void session_choose_explained(struct session *s, const struct alert *alert, struct choice *c);
/* The policy of that name, for RESOLVE; c->policy NULL and c->failed NULL: there is none any more. */
void session_choose_by_name(struct session *s, struct wire_text name, struct choice *c);
/* Keeps all policies' VMs together within bounds. */
void session_trim(struct session *s);

/* "Running" of an enum task_phase; "" for TASK_NEW and for what is none. */
const char *session_phase_name(uint8_t phase);

/* Reading: groups of fields. -1: nonsense. */
int session_read_alert(struct session *s, struct wire_reader *r, struct alert *a, struct err *e);
void session_read_seen(struct wire_reader *r, struct policy_seen *seen);
void session_read_last(struct wire_reader *r, const struct alert *a, struct policy_last *last);
/* The key group; begins the answer's extras, whose identity it tells. */
void session_read_key(struct session *s, struct wire_reader *r, const struct alert *a, struct wire_text *key_r,
                      bool *has_key_r);

/* Asks title or body; when that fails the base answers and s->fallback says so. */
void session_ask_text(struct session *s, struct policy *p, enum policy_hook hook, uint32_t id,
                      const struct policy_scene *scene, struct buf *out);
/* Is the base there to answer for a policy that failed? */
bool session_base_answers(const struct session *s);
void session_note_fallback(struct session *s, const struct policy_answer *a);
/* ID and Number, by the fingerprint or by the policy's key (NULL). */
void session_identify(struct session *s, const struct alert *a, const char *key, size_t key_len,
                      struct render_data *data);
/* Is this alert explained? Then its answer's chain begins; else NULL. After session_read_alert. */
struct chain_maker *session_explain(struct session *s, const struct alert *a);
void session_close_alert(struct session *s, struct policy *p);

/* Writing. */
/* Hands answers on when enough have gathered. */
void session_flush(struct session *s, size_t at_least);
/* A text for people: at most WIRE_TEXT_SHOWN bytes, and no half character at its end. */
void session_write_sentence(struct session *s, const char *text, size_t len);
/* The code of a failure. The engine hears of a costly one at once: it may silence the policy before the batch is over. */
void session_write_failed(struct session *s, const char *code);
/* "policy.noise" and its text, or `none` when the policy gave no reason. */
void session_write_reason(struct session *s, const struct policy_answer *a, const char *none);

/* SETUP, and ZONES when WANT asked for them; both end with READY or with an error. */
int session_setup(struct session *s, struct wire_reader *r, struct err *e);
int session_zones(struct session *s, struct wire_reader *r, struct err *e);
/* session_ready.c: what follows SETUP. */
void session_load(struct session *s);
/* ZONES' fields into the policies: -1: nonsense. */
int session_take_zones(struct session *s, struct wire_reader *r, struct err *e);
void session_write_want(struct session *s);
void session_ready(struct session *s);

/* Each reads what follows the id of one question, and writes what follows the id of its answer. */
typedef int session_answer_fn(struct session *s, struct wire_reader *r, uint32_t id, struct err *e);
session_answer_fn session_judge, session_retrigger, session_resolve, session_compose;

/* Looks through all files when SETUP wants it, before they are loaded: warnings into s->lints, errors into the policies'
 * problems. */
void session_lint(struct session *s);
/* After they are loaded: refuses the policies that include a library with errors. */
void session_lint_included(struct session *s);
void session_lint_deinit(struct session *s);

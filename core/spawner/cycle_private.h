/* Inside of a cycle. Shared by cycle.c (the steps), cycle_memory.c (what is remembered of alerts and
 * policies), cycle_plan.c (from judgements to a plan), cycle_resolve.c (Tasks whose alerts have resolved),
 * cycle_task.c (from a plan to Tasks), cycle_state.c (ctx.state), cycle_policy.c (what is wrong with the
 * policies), cycle_row.c (the report) and cycle_log.c. */
#pragma once

#include "spawner/cycle.h"

#include "base/arena.h"
#include "policy/judge_text.h"
#include "spawner/secret.h"
#include "spawner/spawner.h"
#include "spawner/status.h"

enum cycle_state {
    C_START,
    C_REMEMBERING, /* the store is asked what is remembered */
    C_SECRET,    /* the API server is asked for the Alertmanager's credentials */
    C_POLLING,   /* Alertmanager is asked */
    C_JUDGING,   /* the worker filters */
    C_FACTS,     /* the store is asked what is there */
    C_ASKING,    /* the worker is asked about alerts that fire again */
    C_RESOLVING, /* the worker is asked about waiting Tasks whose alerts have resolved */
    C_COMPOSING, /* the worker writes title, body and prompt of the winners */
    C_APPLYING,  /* the store carries the plan out */
    C_NOTING,    /* the store notes how it went, when that was not part of applying */
    C_DONE,
};

/* What became of one work of the plan after it was composed and applied. */
struct outcome {
    enum verdict verdict;
    enum reason reason;
    char *detail; /* or NULL */
    cJSON *task;  /* what was to be created; NULL when it could not be built */
};

/* A Task that has not started and whose alerts have resolved: its policy cancels it, or failed to say. */
struct ending {
    const struct task_fact *task; /* in the facts */
    enum verdict verdict;
    enum reason reason;
    const char *detail; /* into the answer, or the arena */
    const struct resolve_answer *answer;
};

struct cycle {
    struct cycle_env env;
    const struct spawner_set *spawners;
    const struct spawner *spawner;
    const char *who;
    enum cycle_mode mode;
    struct spawner_run *run; /* or NULL */
    cycle_done_cb *done;
    void *arg;

    enum cycle_state state;
    bool cancelled;
    moment_t now;          /* one time for the whole cycle */
    uv_timer_t *later;     /* first step and done are never inside a caller */
    uint64_t began, ended;  /* uv_hrtime; ended 0: not yet */
    uint64_t polling_since; /* uv_hrtime */
    int64_t poll_us;        /* -1: no answer and no failure yet */
    moment_t polled_at;     /* a complete answer; MOMENT_NONE */
    struct err err;
    bool failed, source_failed;

    const struct policy_files *files; /* of env.policies */
    struct spawner_memory *memory; /* its episodes are never NULL */
    struct secret *secret;         /* between C_SECRET and the request; else NULL */
    struct poll *poll;
    struct alert_set *set;
    struct judge *judge;
    struct spawner_facts *facts;

    struct arena *strings;  /* Task names and the like */
    struct texts beginnings; /* of Task names, before the digits: few and shared */
    struct item *items;    /* alerts that the policy kept, in order of arrival */
    char **name_errors;    /* by item, NULL unless nameTemplate is used; entries NULL when fine */
    size_t n_items;
    struct policy_limits *policies; /* by item.policy: of the policies that kept an alert */
    uint32_t *policy_numbers;       /* parallel: for judge_policy_name */
    size_t n_policies;
    moment_t *created;              /* what policies[].created points into */
    struct policy_limits own_limits; /* the document's, over all policies */
    moment_t *all_created;           /* what own_limits.created is */
    struct plan *plan;

    size_t *asked; /* items */
    uint32_t *asked_of; /* by item: number in asked + 1, or 0; NULL when nothing was asked */
    struct retrigger_question *questions;
    struct retrigger_answer *answers;
    size_t n_asked;

    struct resolve_question *resolve_questions;
    struct resolve_answer *resolve_answers;
    const struct task_fact **resolve_tasks; /* parallel */
    size_t n_resolve;
    struct ending *endings; /* of those that are not kept */
    size_t n_endings;
    struct store_cancel *cancels;
    size_t *cancel_ending; /* parallel to cancels: number in endings */
    size_t n_cancels;

    struct compose_question *winners; /* parallel to plan->work */
    size_t *members;                  /* what their groups point into */
    size_t n_made;                    /* works that have become Tasks, or have failed to */
    uint32_t promotions;              /* times that others were let in for them: at most PROMOTIONS_MAX */
    struct composition *compositions;
    struct outcome *outcomes; /* parallel to plan->work */

    struct store_create *creates;
    size_t *create_work; /* parallel to creates: number in plan->work */
    size_t n_creates;
    struct store_state *states; /* items are freed with them */
    size_t n_states, states_cap;
    struct status status;

    char **notes;
    size_t n_notes, notes_cap;
    struct buf row_detail, row_reason;
    char row_task[ITEM_NAME];
};

/* cycle_row.c: false when no decision is an error. */
bool cycle_first_error(struct cycle *c, struct cycle_row *row_r);

/* cycle_memory.c */
void cycle_observe(struct cycle *c);       /* a complete poll: its alerts are seen */
void cycle_keep(struct cycle *c);          /* after judging: under which keys alerts are kept */
void cycle_make_policies(struct cycle *c); /* limits of the policies of the items, and what they have had */
/* The sentence that nothing is taken as resolved now, or NULL; free(). */
char *cycle_frozen(const struct cycle *c);

/* cycle_plan.c: pure but for reading the alert_set's spool. */
int cycle_make_items(struct cycle *c, struct err *e);     /* judgements -> items */
void cycle_make_questions(struct cycle *c);               /* plan -> questions */
void cycle_decide(struct cycle *c);                       /* answers -> decisions, winners */
/* Of the works from `from` on, those that failed make room for what waits for a limit. Returns how many works came. */
size_t cycle_promote(struct cycle *c, size_t from);
enum { PROMOTIONS_MAX = 100 };
const struct retrigger_answer *cycle_answer(const struct cycle *c, size_t item); /* NULL: it was not asked */
const struct item *cycle_item(const struct cycle *c, size_t alert, size_t *i_r); /* NULL: the policy did not keep it */

/* cycle_resolve.c */
void cycle_make_resolve_questions(struct cycle *c);
void cycle_take_resolve_answers(struct cycle *c); /* -> endings, cancels */
void cycle_take_cancelled(struct cycle *c, const struct store_result *results); /* n_cancels of them */

/* cycle_task.c */
int cycle_make_tasks(struct cycle *c, size_t from, struct err *e); /* compositions from `from` on -> Tasks, creates */
void cycle_take_results(struct cycle *c, const struct store_result *results, size_t n);
void cycle_make_status(struct cycle *c);

/* cycle_state.c: after cycle_make_tasks. */
void cycle_make_states(struct cycle *c);
void cycle_states_free(struct cycle *c);

/* cycle_log.c: one line for each Task, one for the cycle. */
void cycle_log(struct cycle *c);

void cycle_add_note(struct cycle *c, char *sentence); /* takes the string */
/* cycle_policy.c: what is wrong with the policies, as their set and this cycle's worker know it */
void cycle_note_problems(struct cycle *c);
const char *cycle_policy_problem(struct cycle *c); /* for the status; NULL: nothing. Lives as long as the cycle */

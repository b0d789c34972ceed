/* The engine's side of the wall: asks workers to judge the alerts of one cycle of one spawner, survives
 * whatever they do, and hands back checked answers. One `struct judge` is one cycle: judge_start, then any
 * number of retrigger and compose questions, then judge_free. A worker that dies, hangs, or talks nonsense is
 * killed and obituarised; the alert in its hands becomes policy.killed (or policy.timeout), the rest is asked
 * of a new one. */
#pragma once

#include "alerts/alert_set.h"
#include "base/err.h"
#include "policy/chain.h"
#include "policy/policy_files.h"
#include "policy/wire.h"
#include "policy/worker_pool.h"
#include "reconcile/reason.h"
#include "tasks/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum {
    JUDGE_BATCH_ALERTS = 256,
    JUDGE_BATCH_BYTES = 256 * 1024,
    JUDGE_DEATHS_MAX =
        3, /* workers that one policy may kill in one cycle; then it is quarantined for the cycle */
    JUDGE_DEATHS_UNEXPLAINED_MAX =
        16,                  /* deaths of nobody's doing in one cycle; then what is left is policy.killed */
    JUDGE_CODE_MAX = 64,
    JUDGE_NOTES_MAX = 100, /* different sentences; the rest is counted */
    JUDGE_LINTS_MAX = 1000,
    JUDGE_MEMBERS_BYTES_MAX = 4 * 1024 * 1024, /* of a group's members in one COMPOSE: the list ends where they do not fit */
    JUDGE_STATES_BYTES_MAX = 8 * 1024 * 1024,  /* of ctx.state in SETUP; the least recently touched stay here */
    JUDGE_STATE_CHANGES_MAX = 4 * WIRE_STATE_NAMES_MAX, /* names that one answer may write or remove */
    JUDGE_NICE_US = 250 * 1000, /* a cycle that has judged for so long lets the workers of others go first */
};

struct judge_limits {
    uint64_t hook_instructions;  /* default 2,000,000 */
    uint64_t cycle_instructions; /* default 2,000,000,000: of all hooks of one worker */
    uint64_t memory_bytes;       /* default 16 MiB: the policies' VM */
    int64_t hook_us;             /* default 2 s: the wall clock that kills, per call */
    int64_t cycle_us;            /* default 60 s: all evaluation of one cycle */
    /* What the engine itself keeps. */
    uint64_t text_bytes;     /* default 128 MiB: names, details, notes and state of one cycle's answers. What comes later is
                                judged without them; but a Task needs its name (error.name) */
    uint64_t composed_bytes; /* default 256 MiB: texts of one cycle's new Tasks; the rest (error.task) is the next one's */
};
struct judge_limits judge_limits_default(void);

struct judge;
struct policy_health;

/* The policy's answer for one kept alert. Plain data in an array of alert_set_len() entries, those of alerts
 * that are not kept stay zeroed. Small on purpose: there may be 100,000. Strings are owned by the judge, NULL
 * when empty. */
struct judgement {
    uint64_t identity;      /* the fingerprint, or XXH3-64 of the key */
    union {
        const char *key;    /* JUDGED_KEEP: only when the policy gave one that is not the fingerprint */
        const char *detail; /* JUDGED_DROP, JUDGED_ERROR: free text, error text */
    };
    uint32_t word;          /* for judge_name or judge_code; 0: none */
    uint32_t policy : 10;   /* number for judge_policy_name */
    uint32_t priority : 11; /* 0..1000, lower first */
    uint32_t answer : 2;    /* enum wire_judgement */
    uint32_t reason : 8;    /* enum reason, when dropped or error */
};
/* JUDGED_KEEP: the nameTemplate rendered, not sanitised; NULL without nameTemplate. */
const char *judge_name(const struct judge *j, const struct judgement *v);
/* JUDGED_DROP, JUDGED_ERROR: a policy's own code, without "policy."; only with REASON_POLICY_CODE, else NULL. */
const char *judge_code(const struct judge *j, const struct judgement *v);

/* What a hook wrote into ctx.state, for the engine to keep when the decision was carried out. `changes` is a wire tree
 * 'm' of scalars ('z': the name goes), as the worker said it, checked; it stays until judge_free. */
struct state_change {
    uint64_t identity;
    uint32_t policy; /* number for judge_policy_name */
    const char *changes;
    size_t len;
};
/* Of the alert's answers so far, in the order judge, retrigger, compose; NULL: none. Valid until the next question. */
const struct state_change *judge_state(const struct judge *j, size_t alert, size_t *n_r);
/* Appends `item` (len 0: nothing was there; what is no tree of scalars counts as nothing) with `changes` applied: a wire
 * tree 'm' sorted by name, or no bytes when nothing is left. An item of another state_version is not to be handed over.
 * -1: more than WIRE_STATE_*: nothing is appended, the old item stays and `e` says why. */
int state_item_apply(const char *item, size_t item_len, const char *changes, size_t changes_len, struct buf *out,
                     struct err *e);

/* ctx.note of the alert's hooks: number of notes, in the order they were made. The strings stay until judge_free. */
struct alert_note {
    const char *name, *value;
};
size_t judge_alert_notes(const struct judge *j, size_t alert);
void judge_alert_note(const struct judge *j, size_t alert, size_t i, const char **name_r, const char **value_r);

/* What the policy of an answer is, beside its name. */
struct policy_info {
    const char *name, *file, *match; /* file "default.lua" for the bundled one */
    char hash[POLICY_HASH]; /* policy_hash_unit; the bundled policy's comes from the worker. "" when it is not loaded */
    uint32_t per_hour, per_day, ramp, reserve_slots;
    int16_t reserve_priority;
    bool shadow, on_resolve;
    uint32_t state_version;
};
/* By the number of judge_policy_name; a policy that is not loaded has only a name. Stays until judge_free. */
const struct policy_info *judge_policy_info(const struct judge *j, uint32_t policy);
/* By name, as a Task names it; NULL: no such policy is loaded. */
const struct policy_info *judge_policy_named(const struct judge *j, const char *name);

/* How the alert's answers came about, all of them in the order judge, retrigger, compose: only of explained alerts, else
 * NULL. Valid until the next question. */
const struct chain *judge_chain(const struct judge *j, size_t alert);

struct retrigger_question {
    size_t alert;     /* in the alert_set */
    const char *task; /* name */
    enum task_phase phase;
    bool gone;
    moment_t created_at, completed_at, starts_at; /* of that Task */
    moment_t trigger_at; /* since when the alert fires: the earliest startsAt of its group */
    uint32_t attempts;
};
struct retrigger_answer {
    enum wire_answer answer;
    moment_t at;         /* ANSWER_AT */
    enum reason reason;  /* REASON_NONE, POLICY_RETRIGGER, POLICY_CODE or an error */
    char *code, *detail; /* as in judgement */
};

/* A key whose alerts have resolved while its Task has not started. */
struct resolve_question {
    const char *policy;    /* that its Task names */
    const char *alertname; /* what is known of the alert, which is gone */
    uint64_t identity;
    moment_t starts_at;    /* MOMENT_NONE: unknown */
    const char *task;
    enum task_phase phase;
    moment_t created_at;
    uint32_t attempts;
};
struct resolve_answer {
    enum wire_resolve answer;
    enum reason reason;  /* REASON_NONE, POLICY_CODE or an error */
    char *code, *detail; /* as in judgement */
    struct state_change *state; /* one, or NULL; what it and the notes point to stays until judge_free */
    struct alert_note *notes;
    size_t n_notes;
    struct chain *chain; /* NULL: nobody asked */
};

struct composition {
    bool ok;
    enum reason reason; /* when not ok */
    char *detail;
    char *title, *body, *prompt, *branch; /* branch NULL: none */
    size_t prompt_len;
    char **labels, **annotations; /* in the order of the spawner's */
    size_t n_labels, n_annotations;
};

/* Whose answers come with a chain: how they came about. Of an ordinary cycle nobody's. */
enum judge_explains {
    EXPLAIN_NOTHING,
    EXPLAIN_LISTED,   /* of the alerts with these fingerprints */
    EXPLAIN_ALL,      /* of every alert: memory for each (within limits.text_bytes) and ten times the time */
    MEASURE_ALL,      /* of every alert, but only values and figures, as true as can be: `bench` */
};
struct judge_explain {
    enum judge_explains which;
    bool trace;                   /* with every line that was executed */
    const uint64_t *fingerprints; /* EXPLAIN_LISTED: ascending, each once */
    size_t n;
};

struct judge_setup {
    const struct spawner *spawner;
    const struct policy_files *files;
    struct alert_set *set; /* NULL: only load (for `check`) */
    moment_t now;
    struct judge_limits limits;
    const struct spawner_memory *memory; /* ctx.seen, ctx.rate, ctx.state; NULL: nothing is remembered */
    struct policy_health *health;        /* what earlier cycles of this spawner learned; NULL: this one starts anew */
    struct judge_explain explain;
    bool lint;                           /* look for what is legal but probably wrong: judge_lints */
}; /* what it points to stays the caller's and outlives the judge */

/* Each start: -1 = nothing calls back; else `done` exactly once, never from inside. `e` != NULL only when
 * judging is impossible altogether (no worker can be started); what goes wrong with single alerts is in their
 * answers. */
typedef void judge_done_cb(void *arg, const struct err *e);

int judge_start(struct worker_pool *pool, const struct judge_setup *setup, judge_done_cb *done, void *arg,
                struct judge **judge_r, struct err *e);
const struct judgement *judge_at(const struct judge *j, size_t alert);
const char *judge_policy_name(const struct judge *j, uint32_t policy); /* "default" for the bundled one */

/* What READY said, plus the problems of policy_files. Loud: these go to log and status. */
size_t judge_problems(const struct judge *j);
const char *judge_problem(const struct judge *j,
                          size_t i); /* "payments.lua:31: ..." or "promptTemplate: ..." */
/* Fallbacks and deaths of this cycle, one sentence each (deduplicated, with a count): for the log. */
size_t judge_notes(const struct judge *j);
const char *judge_note(const struct judge *j, size_t i);
uint64_t judge_note_times(const struct judge *j, size_t i); /* how often it came */
/* Lint: warnings by file and line, only with setup.lint. */
struct policy_lint {
    const char *file;
    uint32_t line;
    const char *sentence; /* "`annotation.summary` may be nil here; ..." */
};
size_t judge_lints(const struct judge *j);
struct policy_lint judge_lint(const struct judge *j, size_t i);
/* What is wrong with a file of setup.files; NULL: it could be loaded. After judge_start's done. */
const char *judge_file_problem(const struct judge *j, size_t file);
/* Numbers (in setup.files->libs) of the libraries that a file's policy included; n_r. Empty when it could not be loaded. */
const uint32_t *judge_file_libs(const struct judge *j, size_t file, size_t *n_r);
/* Loaded policies in the order of choice, for `check`. */
size_t judge_policies(const struct judge *j);
void judge_policy(const struct judge *j, size_t i, const char **name_r, const char **file_r,
                  const char **match_r);

/* answers: n entries, owned by the caller (zeroed before; retrigger_answer_deinit). */
int judge_retrigger(struct judge *j, const struct retrigger_question *questions, size_t n,
                    struct retrigger_answer *answers, judge_done_cb *done, void *arg, struct err *e);
/* answers: as those of judge_retrigger (resolve_answer_deinit). */
int judge_resolve(struct judge *j, const struct resolve_question *questions, size_t n, struct resolve_answer *answers,
                  judge_done_cb *done, void *arg, struct err *e);
void resolve_answer_deinit(struct resolve_answer *a);

/* The group that a winner leads: its members (alerts in the set, the leader first), at most WIRE_MEMBERS_MAX of them. */
struct compose_question {
    size_t alert;
    const size_t *members; /* NULL: it is alone */
    size_t n_members, n_group;
    const struct retrigger_question *last; /* its earlier Task, or NULL */
};
/* compositions: n entries, owned by the caller. */
int judge_compose(struct judge *j, const struct compose_question *questions, size_t n, struct composition *compositions,
                  judge_done_cb *done, void *arg, struct err *e);
void retrigger_answer_deinit(struct retrigger_answer *a);
void composition_deinit(struct composition *c);

/* Kills the worker if there is one; a done that is still owed is not called. */
void judge_free(struct judge **j);

/* One policy: a file's source in a VM of its own, on top of the bundled default, and its hooks as C functions
 * with checked answers. The default policy alone is one too (without a source). */
#pragma once

#include "bind_alert.h"
#include "matcher.h"
#include "vm.h"
#include "zones.h"

#include "alerts/alert.h"
#include "base/moment.h"
#include "policy/policy_hash.h"
#include "policy/wire.h"

#include <stdbool.h>

enum policy_hook {
    ASK_FILTER,
    ASK_KEY,
    ASK_PRIORITY,
    ASK_TITLE,
    ASK_BODY,
    ASK_RETRIGGER,
    ASK_RESOLVE,
    ASK_HOOKS
};
const char *policy_hook_name(enum policy_hook hook); /* "filter", ... */

enum {
    TITLE_MAX = 200,
    RETRIGGER_AHEAD_DAYS = 30,
};

/* Members of ctx that are about the alert in hand. */
enum ctx_part { CTX_SEEN, CTX_LAST, CTX_GROUP, CTX_STATE, CTX_PARTS };

struct chain_maker;
struct extras;
struct remembered;
struct survey;
struct ctx_box;

/* lib_*.lua, shared by the policies of its generation. */
struct policy_library {
    char *file; /* "lib_hours.lua" */
    struct wire_text source;
};

/* What all questions of one cycle have in common. Borrowed by the policies. */
struct policy_cycle {
    moment_t now;
    struct wire_text spawner, ns;
    int64_t poll_interval;
    struct wire_text config; /* a wire_tree; empty: none */
    struct wire_text *priority_labels;
    size_t n_priority_labels;
    struct policy_library *libraries;
    size_t n_libraries;
    const struct remembered *memory; /* NULL: nothing is */
    struct survey *survey;           /* NULL: no policy wants one */
    struct vm_limits limits;
    volatile struct black_box *box;
};

/* The earlier Task: ctx.last. */
struct policy_last {
    struct wire_text task;
    const char *phase;
    bool gone;
    moment_t created_at, completed_at, starts_at;
    moment_t trigger_at; /* since when the alert, or the earliest of its group, fires */
    uint32_t attempts;
};

/* What is remembered of the alert: ctx.seen. */
struct policy_seen {
    moment_t first;
    uint32_t polls, flaps;
    int64_t absent; /* microseconds */
    uint32_t episode;
};

/* What the questions about one alert have in common. It stays the same until policy_close_alert. */
struct policy_scene {
    const struct alert *alert;
    const struct policy_seen *seen; /* NULL: it was never seen before */
    const struct policy_last *last; /* NULL: there is no earlier Task, or it does not matter here */
    const struct alert *members;    /* of its group, the leader first; NULL: it is alone */
    size_t n_members;
    uint32_t n_group; /* all of them, 1 when alone */
    struct extras *extras; /* where notes and ctx.state go; whose state it is */
    struct chain_maker *chain; /* how the answer comes about is written down there; NULL: nobody asks */
    bool stand_in;         /* the base is asked because the alert's own policy failed */
};

/* What a file declares beside its hooks. 0: no such limit. */
struct policy_terms {
    uint32_t per_hour, per_day, ramp, reserve_slots, reserve_priority;
    bool shadow;
    uint32_t state_version;
};

struct policy_answer;

struct policy {
    /* as it came; `source` empty for the default policy */
    const struct policy_cycle *cycle;
    char *file;
    struct wire_text source;
    uint32_t *libraries; /* numbers of those that it may include */
    size_t n_libraries;
    uint32_t file_number; /* in SETUP */
    uint32_t number;      /* in READY's list of good ones; UINT32_MAX: the default */
    bool quarantined;
    /* once it has been loaded */
    char *name;
    char *match_text; /* NULL: acts only when named */
    struct matcher *match;
    char *problem;            /* a sentence: it cannot be used */
    char *written[ASK_HOOKS]; /* "payments.lua:14", where the hook is written; NULL: the base's */
    struct policy_terms terms;
    struct zones zones; /* that it names; the session adds those of the config, and their data */
    size_t n_own_zones; /* how many of them are its own */
    bool *included;     /* of `libraries` */
    bool uses_firing;   /* the word stands in its source or in that of an included library */
    /* while it is in memory */
    struct vm *vm;
    int hook[ASK_HOOKS]; /* references in the registry */
    int alert_ref, ctx_ref, parts_ref, reasons_ref, libraries_ref, explain_ref;
    bool loading;        /* its top level runs: include works */
    uint8_t *lib_state;  /* of `libraries`, enum in policy_include.c */
    uint32_t *lib_parent; /* which of `libraries` ran it first; UINT32_MAX: the policy */
    /* the question in hand; only while a hook runs */
    const struct policy_scene *scene;
    enum policy_hook asked;
    struct chain_maker *chain; /* scene->chain */
    bool explained;            /* its layers have been told to tell */
    struct alert_box *alert_box;
    struct ctx_box *boxes[CTX_PARTS]; /* ctx's objects about this alert, made when somebody looks: bind_ctx.h */
    bool key_known;        /* it was asked already, because ctx.state was touched */
    struct policy_answer *key_answer;
};

/* A hook's checked answer. Texts live in the buffers until the next question. */
struct policy_answer {
    /* the value: */
    bool keep;                /* filter */
    int priority;             /* priority */
    enum wire_answer when;    /* retrigger */
    moment_t at;              /* retrigger, ANSWER_AT */
    enum wire_resolve resolve; /* on_resolve */
    struct buf text;          /* key, title, body */
    bool has_key;             /* key: it is not the fingerprint */
    bool from_base;           /* the value is the base's own, unchanged */
    /* why: */
    bool has_reason; /* the policy gave one */
    bool declared;   /* ... and it is a declared code, in `code` */
    struct buf code; /* "noise" */
    struct buf detail;
    char place[VM_PLACE_MAX];
    /* when it failed: "policy.error" and so on; detail and place say the rest */
    const char *failed;
};
void policy_answer_deinit(struct policy_answer *a);

/* Loads the file, checks it, and keeps it in memory. -1: p->problem says why it cannot be used. */
int policy_load(struct policy *p);
/* Forgets the VM; the next question loads it again. */
void policy_unload(struct policy *p);
size_t policy_memory(const struct policy *p);
/* It loads, but cannot be used after all; takes `problem` (malloc'ed). */
void policy_refuse(struct policy *p, char *problem);
/* One more time zone that it may use; once each. */
void policy_add_zone(struct policy *p, const char *name);
void policy_deinit(struct policy *p);
/* policy_hash_bundled of default.lua. */
void policy_default_hash(char out[POLICY_HASH]);
const char *policy_default_source(size_t *len_r); /* default.lua */
/* policy_hash_unit of a loaded policy. */
void policy_version(const struct policy *p, char out[POLICY_HASH]);

/* One question. 0, or -1 with answer->failed set. */
int policy_ask(struct policy *p, enum policy_hook hook, uint32_t id, const struct policy_scene *scene,
               struct policy_answer *answer);
/* What hooks got of this alert is gone for them. */
void policy_close_alert(struct policy *p);

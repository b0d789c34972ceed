/* One policy: a file's source in a VM of its own, on top of the bundled default, and its hooks as C functions
 * with checked answers. The default policy alone is one too (without a source). */
#pragma once

#include "bind_alert.h"
#include "matcher.h"
#include "vm.h"

#include "alerts/alert.h"
#include "base/moment.h"
#include "policy/wire.h"

#include <stdbool.h>

enum policy_hook { ASK_FILTER, ASK_KEY, ASK_PRIORITY, ASK_TITLE, ASK_BODY, ASK_RETRIGGER, ASK_HOOKS };

enum {
    KEY_MAX = 200,
    PRIORITY_MAX = 1000,
    TITLE_MAX = 200,
    BODY_MAX = 64 * 1024,
    POLICY_TEXT_MAX = 64 * 1024, /* of a source */
    RETRIGGER_AHEAD_DAYS = 30,
};

/* What all questions of one cycle have in common: ctx. Borrowed by the policies. */
struct policy_cycle {
    moment_t now;
    struct wire_text spawner, ns;
    int64_t poll_interval;
    struct wire_text config; /* a wire_tree; empty: none */
    struct wire_text *priority_labels;
    size_t n_priority_labels;
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

struct policy {
    /* as it came; `source` empty for the default policy */
    const struct policy_cycle *cycle;
    char *file;
    struct wire_text source;
    uint32_t file_number; /* in SETUP */
    uint32_t number;      /* in READY's list of good ones; UINT32_MAX: the default */
    bool quarantined;
    /* once it has been loaded */
    char *name;
    char *match_text; /* NULL: acts only when named */
    struct matcher *match;
    char *problem;            /* a sentence: it cannot be used */
    char *written[ASK_HOOKS]; /* "payments.lua:14", where the hook is written; NULL: the base's */
    /* while it is in memory */
    struct vm *vm;
    int hook[ASK_HOOKS]; /* references in the registry */
    int alert_ref, ctx_ref, ctx_table, reasons_ref, readonly_ref;
    bool last_set; /* ctx.last is some Task, not the empty one */
    struct alert_box *alert_box;
};

/* A hook's checked answer. Texts live in the buffers until the next question. */
struct policy_answer {
    /* the value: */
    bool keep;             /* filter */
    int priority;          /* priority */
    enum wire_answer when; /* retrigger */
    moment_t at;           /* retrigger, ANSWER_AT */
    struct buf text;       /* key, title, body */
    bool from_base;        /* the value is the base's own, unchanged */
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

/* One question. `last` only matters to retrigger (NULL: empty). 0, or -1 with answer->failed set. The alert
 * must stay the same until policy_close_alert. */
int policy_ask(struct policy *p, enum policy_hook hook, uint32_t id, const struct alert *alert,
               const struct policy_last *last, struct policy_answer *answer);
void policy_close_alert(struct policy *p);
void policy_deinit(struct policy *p);

/* wanted x existing x limits -> plan. Pure: no I/O, no clock, no globals.
 *
 * In: the wanted items (alerts that the policy kept), what the store holds, what the policy said about re-firing ones,
 * the limits and the time. Out: one decision an item. Items are taken by (priority, order of arrival). A reserved slot
 * or a full limit makes an item wait, it never stops the loop; the reason is the first that fails of total, rate, ramp,
 * concurrency. Limits are checked before an old Task is deleted. */
#pragma once

#include "reconcile/reason.h"
#include "tasks/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One alert the policy kept. */
struct item {
    uint64_t fingerprint;   /* of the alert itself: breaks ties in a group */
    uint64_t identity;
    moment_t starts_at;
    const char *name;       /* the Task name, already legal; NULL: error.name (detail says why). See item_name */
    uint32_t alert;         /* number in the alert_set: the order of arrival */
    int16_t priority;       /* lower first */
    uint8_t policy;         /* number in plan_limits.policies */
    bool digits;            /* "-" and the identity's 16 hex digits follow `name`: 100,000 items share a few beginnings */
};
enum { ITEM_NAME = 64 };    /* bytes that item_name may need */
/* The whole Task name: `name` itself, or made in `space`. NULL when there is none. */
const char *item_name(const struct item *item, char space[ITEM_NAME]);

/* What became of an item. plan_create fills it in, before the policy is asked about re-firing; plan_decide adds
 * MATCH_NAME. */
enum item_match {
    MATCH_NONE,     /* never had a Task */
    MATCH_MEMBER,   /* of a group led by another: decided */
    MATCH_NAME,     /* another item of this cycle takes that Task name: decided */
    MATCH_ACTIVE,   /* its Task has not finished: decided */
    MATCH_DELETING, /* its Task is being deleted: decided */
    MATCH_FOREIGN,  /* a Task of that name is not ours: decided */
    MATCH_FINISHED, /* its Task is terminal: ask retrigger */
    MATCH_GONE,     /* it had a Task that is gone: ask retrigger */
    MATCH_BAD_NAME, /* no name: decided */
};

struct plan_answer {       /* the policy's word on MATCH_FINISHED and MATCH_GONE */
    enum { PLAN_NEVER, PLAN_NOW, PLAN_AT, PLAN_ERROR } kind;
    moment_t at;
    enum reason reason;    /* why never, or the error; REASON_NONE: the base rule spoke */
};

struct decision {
    enum verdict verdict : 8; /* packed: there may be 100,000 */
    enum reason reason : 8;
    enum item_match match : 8;
    uint32_t leader;       /* MATCH_MEMBER, MATCH_NAME: number of the item that leads; else private */
    uint32_t earliest;     /* of a leader: the item of its group with the earliest startsAt, see plan_trigger_time */
    uint32_t existing;     /* see plan_existing: number in the facts' tasks + 1, or 0 */
    moment_t eligible_at;  /* verdict wait: when it may come again, if nothing else is in its way; MOMENT_NONE: unknown */
};

/* What a policy wants of its own Tasks (`limits`, `mode`), and what it has had. 0: no such limit. An item is held to the
 * limits of the policy that judged it; the slots of a reserve are counted over all unfinished Tasks of the spawner. */
struct policy_limits {
    uint32_t per_hour, per_day; /* Tasks created in a sliding hour and day, retriggers included */
    uint32_t ramp;              /* Tasks in the first cycle after the start; twice as many in each that follows */
    uint32_t reserve_slots;     /* of maxConcurrency: only for items with priority <= reserve_priority */
    int16_t reserve_priority;
    bool shadow;                /* decides, but gets no Task: what would be created is skip policy.shadow */
    const moment_t *created;    /* when its Tasks of the last 24 hours were created, oldest first */
    size_t n_created;
};

struct plan_limits {
    int32_t max_concurrency, max_total_tasks; /* 0: unlimited */
    int64_t poll_interval_us;                 /* recreate.gone at most once in it */
    const struct policy_limits *spawner;      /* over all policies, or NULL. The stricter of the two counts */
    const struct policy_limits *policies;     /* by item.policy; NULL: none has any */
    size_t n_policies;
    uint32_t cycles;                          /* complete cycles of this spawner since the engine started: the ramp's */
};
enum { RAMP_CYCLES_MAX = 16 };                /* after so many cycles the ramp is over */

struct policy_use; /* see policy_use.h */
struct plan {
    struct decision *decisions;  /* one per item, same order as the items */
    uint32_t *order;             /* item numbers by (priority, arrival); NULL once decided */
    size_t n;
    size_t *work;                /* items to create or retrigger, in order; n_work of them */
    size_t n_work, work_cap;
    size_t n_failed;             /* of them came to nothing: plan_promote */
    size_t active;               /* owned Tasks before this cycle that are unfinished or being deleted */
    struct policy_use *use;      /* by plan_limits.policies, once decided */
    struct policy_use *spawner_use; /* of plan_limits.spawner, once decided; else NULL */
    size_t n_policies;
    const struct spawner_facts *facts;
};

/* Step 1: groups (one leader per identity by (priority, startsAt, fingerprint); its place in the order is its own) and
 * the join with the store. A Task is the item's when it bears its name (upstream's rule), or is ours and has its
 * identity: a nameTemplate that was edited must not make a second Task beside one that still runs. `facts` must outlive
 * the plan. */
struct plan *plan_create(const struct item *items, size_t n, const struct spawner_facts *facts);
/* Numbers of the items whose match asks for the policy's retrigger, best first, for plan_decide's `answers` (same
 * order). items_r may be NULL: only count. */
size_t plan_questions(const struct plan *p, size_t *items_r /* room for n */);
/* Step 2, once. `answers` runs parallel to plan_questions. Of items that share a Task name, the first in the order that
 * may have a new Task (even if a limit makes it wait) takes the name, as upstream's first Create does. */
void plan_decide(struct plan *p, const struct item *items, const struct spawner_facts *facts,
                 const struct plan_answer *answers, const struct plan_limits *limits, moment_t now);
/* When what the item leads began: the earliest startsAt of its group. */
moment_t plan_trigger_time(const struct plan *p, const struct item *items, size_t item);
/* MATCH_ACTIVE, MATCH_DELETING, MATCH_FOREIGN: the Task in the way. MATCH_FINISHED: the one to ask the policy about (of all
 * finished ones with the item's name or identity, the last to complete). Else NULL. Which Task a retrigger replaces is
 * another question: plan_replaces. */
const struct task_fact *plan_existing(const struct plan *p, size_t item);
/* Number in plan.work, once decided; PLAN_NO_WORK for the others. */
enum { PLAN_NO_WORK = -1 };
int32_t plan_work(const struct plan *p, size_t item);
/* Some of the work came to nothing (its text cannot be rendered, its Task would not be valid): the places that it held go
 * to those who wait for a limit, or one such alert would stand in the way of all others in every cycle. `failed`: numbers
 * in `work`, each told once. `answer_of`: by item, its number in `answers` + 1, or 0; NULL without answers. Returns how many
 * works were added at the end of `work`. */
size_t plan_promote(struct plan *p, const struct item *items, const struct spawner_facts *facts,
                    const struct plan_answer *answers, const uint32_t *answer_of, const struct plan_limits *limits,
                    moment_t now, const size_t *failed, size_t n_failed);
/* The finished Task that creating this work must delete first: ours, and of the item's name. NULL: the name is free. */
const struct task_fact *plan_replaces(const struct item *item, const struct spawner_facts *facts);
void plan_free(struct plan **p);
/* Names of verdicts and reasons: see reason.h. */

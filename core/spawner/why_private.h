/* What why.c (the steps), why_lookup.c (is it there?), why_remember.c (what the store knows of one that is gone) and
 * why_text.c share. */
#pragma once

#include "spawner/decision_private.h"
#include "spawner/nearest.h"
#include "spawner/why.h"

enum why_state { W_LOOKING, W_PLANNING, W_REMEMBERING, W_FACTS, W_DONE };

/* One Alertmanager as one set of credentials sees it. */
struct why_source {
    size_t target;          /* the first that asks it */
    struct alert_set *set;  /* the wanted alerts; NULL: it has not answered */
    struct err err;
    size_t wanted;          /* alerts that were; those beyond WHY_ALERTS_MAX are not in the set */
    size_t seen;            /* alerts that it returned */
    bool wide;              /* it has been asked for all alerts: by name it had none */
};

struct why {
    struct why_host host;
    struct cycle_env env;
    char *name, *ns, *spawner; /* of the question; may be NULL */
    bool trace;
    void (*done)(void *arg, struct why *w);
    void *arg;
    enum why_state state;
    bool freed;        /* nobody waits any more */
    uv_timer_t *later;
    moment_t now;

    struct why_source *sources;
    size_t n_sources, source; /* the one that is asked */
    struct poll *poll;
    poll_done_cb *found;
    size_t *source_of;        /* by target; n_sources: it is not asked about */
    size_t target;            /* the one whose plan is made, or whose memory is read */
    uint64_t *explained;      /* fingerprints of that plan, ascending */
    size_t n_explained;
    struct spawner_memory *memory;
    struct spawner_facts *facts;

    cJSON *answer, *alerts;   /* alerts: a member of answer */
    size_t n_remembered;
    struct nearest near_name;
    char near[WHY_NEAR_MAX][80];
    size_t n_near;
    struct buf space;
};

void why_destroy(struct why *w); /* of one that was freed while it waited */
bool why_target_asked(const struct why *w, size_t target);
/* Is it the beginning of a fingerprint, or one? */
bool why_is_digits(const char *name);

/* why_lookup.c: asks w->sources[w->source]; on_done as a poll's. -1: it cannot be asked. */
int why_lookup(struct why *w, poll_done_cb *done, struct err *e);
/* The entry of that alert in the answer, with its labels; made when it is new. */
cJSON *why_alert(struct why *w, const struct why_source *s, size_t i);
cJSON *why_alert_find(const struct why *w, const char *fingerprint);
/* The decision of a spawner that does not take it; NULL: it does. */
cJSON *why_excluded(struct why *w, const struct spawner *s, const struct why_source *source, size_t i);
/* "spawner X: <sentence>" among the answer's problems. */
void why_problem(struct why *w, const struct spawner *s, const char *sentence);

/* why_remember.c: memory and facts of w->target -> entries of alerts that are gone. */
void why_remember(struct why *w);

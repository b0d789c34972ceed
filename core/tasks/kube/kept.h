/* What is kept of one spawner beside its Tasks: episodes, keys, creations, ctx.state, the counter. In memory here; one
 * ConfigMap a spawner holds it across restarts and changes of leader (kept_text.h). Pure.
 *
 * Tasks say again what a crash may have taken: each carries its key's fingerprint, its ordinal, its policy and when it
 * was created, so kept_adopt finds every creation that never reached the ConfigMap. */
#pragma once

#include "tasks/store.h"

struct kept_key {
    struct key_fact fact;
    uint64_t ordinal;     /* of its last Task */
    moment_t touched_at;
};
struct kept_creation {
    moment_t at;
    uint64_t ordinal;     /* 0: it bore none */
    uint32_t policy;      /* number in kept.policies */
};

struct kept {
    char *uid;            /* of the spawner; "" when it is no object */
    uint64_t total;       /* Tasks created so far, as far as is known */
    struct episode *episodes;
    size_t n_episodes;
    struct episode_counters counters;
    char **policies;
    size_t n_policies;
    struct kept_key *keys; /* by identity */
    size_t n_keys, cap_keys;
    struct kept_creation *creations; /* oldest first */
    size_t n_creations, cap_creations;
    struct state_fact *states; /* in any order; policy: number in kept.policies */
    size_t n_states, cap_states;
    cJSON *status;        /* of a spawner that is no object: what its status would be; else NULL */
    bool changed;         /* since it was read or written */
    moment_t written_at;  /* MOMENT_NONE: never; private to the store */
};

enum { KEPT_KEYS_MAX = 20000 };
#define KEPT_KEY_KEEP     (90 * 24 * 3600 * MOMENT_SECOND) /* an untouched key whose Task is gone */
#define KEPT_REFRESH      (3600 * MOMENT_SECOND) /* what changes with every poll (its number, its time) is written so often */

struct kept *kept_create(void);
void kept_free(struct kept **k);

/* The store's answers; both are the receiver's. */
struct spawner_memory *kept_memory(const struct kept *k, moment_t now);
void kept_facts(const struct kept *k, struct spawner_facts *facts); /* adds keys and total to the Tasks that are there */

/* Tasks that are there (by name) and of which less is known than they say: their creations, phases, ordinals. */
void kept_adopt(struct kept *k, const struct task_fact *tasks, size_t n, moment_t now);
/* A Task was created. */
struct kept_birth {
    uint64_t identity, ordinal;
    const char *task, *policy;
    moment_t created_at, starts_at;
};
void kept_born(struct kept *k, const struct kept_birth *birth);
/* What the cycle says of alerts and states; `results` of the creations that states may depend on. */
void kept_take(struct kept *k, const struct store_changes *changes, const struct store_result *results, moment_t now);
/* Lets go what has been kept long enough. `tasks` as for kept_adopt: keys of Tasks that are there stay. */
void kept_prune(struct kept *k, const struct task_fact *tasks, size_t n, moment_t now);

/* Somebody else has written meanwhile: `k` becomes what both know. Counters are never the smaller one, keys those of the
 * later Task, creations and states those of both; episodes of whoever has polled last. */
void kept_merge(struct kept *k, const struct kept *other);
uint32_t kept_policy(struct kept *k, const char *name); /* number; the list grows */

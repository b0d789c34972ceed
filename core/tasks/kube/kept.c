/* What is kept of a spawner: see kept.h. */
#include "tasks/kube/kept.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define DAY         (24 * 3600 * MOMENT_SECOND)
#define TOUCH_EVERY (3600 * MOMENT_SECOND) /* as often a state is touched whose key is there all the time */

struct kept *kept_create(void)
{
    struct kept *k = xcalloc(1, sizeof *k);
    k->uid = xstrdup("");
    k->counters.polled_at = k->counters.frozen_since = k->written_at = MOMENT_NONE;
    return k;
}

void kept_free(struct kept **kept)
{
    struct kept *k = *kept;
    *kept = NULL;
    if (k == NULL)
        return;
    for (size_t i = 0; i < k->n_policies; i++)
        free(k->policies[i]);
    for (size_t i = 0; i < k->n_keys; i++)
        free(k->keys[i].fact.task);
    for (size_t i = 0; i < k->n_states; i++)
        free(k->states[i].item);
    free(k->policies);
    free(k->keys);
    free(k->creations);
    free(k->states);
    free(k->episodes);
    free(k->uid);
    cJSON_Delete(k->status);
    free(k);
}

uint32_t kept_policy(struct kept *k, const char *name)
{
    for (size_t i = 0; i < k->n_policies; i++)
        if (strcmp(k->policies[i], name) == 0)
            return (uint32_t)i;
    k->policies = xrealloc(k->policies, (k->n_policies + 1) * sizeof *k->policies);
    k->policies[k->n_policies] = xstrdup(name);
    return (uint32_t)k->n_policies++;
}

/* --- the store's answers --- */

static int by_policy_and_identity(const void *a, const void *b, void *policies)
{
    const struct state_fact *x = a, *y = b;
    char **names = policies;
    int names_differ = strcmp(names[x->policy], names[y->policy]);
    return names_differ != 0 ? names_differ : (x->identity > y->identity) - (x->identity < y->identity);
}

struct spawner_memory *kept_memory(const struct kept *k, moment_t now)
{
    struct spawner_memory *m = xcalloc(1, sizeof *m);
    m->episodes = episodes_create();
    episodes_load(m->episodes, k->episodes, k->n_episodes, &k->counters);
    m->policies = xcalloc(k->n_policies + 1, sizeof *m->policies);
    for (size_t i = 0; i < k->n_policies; i++)
        m->policies[m->n_policies++] = xstrdup(k->policies[i]);
    m->creations = xcalloc(k->n_creations + 1, sizeof *m->creations);
    for (size_t i = 0; i < k->n_creations; i++) {
        moment_t at = k->creations[i].at;
        if (at > now - DAY) /* a clock that has stepped back: what lies in the future is now */
            m->creations[m->n_creations++] =
                (struct creation_fact){.at = at < now ? at : now, .policy = k->creations[i].policy};
    }
    m->states = xcalloc(k->n_states + 1, sizeof *m->states);
    for (size_t i = 0; i < k->n_states; i++) {
        m->states[i] = k->states[i];
        m->states[i].item = xstrndup(k->states[i].item, k->states[i].len);
    }
    m->n_states = k->n_states;
    if (m->n_states > 1)
        qsort_r(m->states, m->n_states, sizeof *m->states, by_policy_and_identity, m->policies);
    return m;
}

void kept_facts(const struct kept *k, struct spawner_facts *f)
{
    f->keys = xcalloc(k->n_keys + 1, sizeof *f->keys);
    for (size_t i = 0; i < k->n_keys; i++) {
        f->keys[i] = k->keys[i].fact;
        f->keys[i].task = xstrdup(k->keys[i].fact.task);
    }
    f->n_keys = k->n_keys;
    f->total_created = k->total;
}

/* --- keys and creations --- */

/* Where the identity is, or belongs. */
static size_t key_place(const struct kept *k, uint64_t identity)
{
    size_t low = 0, high = k->n_keys;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (k->keys[mid].fact.identity < identity)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct kept_key *key_find(const struct kept *k, uint64_t identity)
{
    size_t i = key_place(k, identity);
    return i < k->n_keys && k->keys[i].fact.identity == identity ? &k->keys[i] : NULL;
}

static struct kept_key *key_make(struct kept *k, uint64_t identity)
{
    size_t i = key_place(k, identity);
    if (i < k->n_keys && k->keys[i].fact.identity == identity)
        return &k->keys[i];
    xgrow(&k->keys, &k->cap_keys, k->n_keys + 1, sizeof *k->keys);
    memmove(&k->keys[i + 1], &k->keys[i], (k->n_keys++ - i) * sizeof *k->keys);
    k->keys[i] = (struct kept_key){.fact = {.identity = identity,
                                            .task = xstrdup(""),
                                            .created_at = MOMENT_NONE,
                                            .completed_at = MOMENT_NONE,
                                            .starts_at = MOMENT_NONE}};
    return &k->keys[i];
}

/* Kept in order; a Task is counted once, however often its creation is told. */
static void creation_add(struct kept *k, moment_t at, uint64_t ordinal, uint32_t policy)
{
    size_t i = k->n_creations;
    for (size_t j = 0; j < k->n_creations && ordinal != 0; j++)
        if (k->creations[j].ordinal == ordinal && k->creations[j].at == at)
            return;
    while (i > 0 && k->creations[i - 1].at > at)
        i--;
    xgrow(&k->creations, &k->cap_creations, k->n_creations + 1, sizeof *k->creations);
    memmove(&k->creations[i + 1], &k->creations[i], (k->n_creations++ - i) * sizeof *k->creations);
    k->creations[i] = (struct kept_creation){.at = at, .ordinal = ordinal, .policy = policy};
}

void kept_born(struct kept *k, const struct kept_birth *b)
{
    struct kept_key *key = key_make(k, b->identity);
    free(key->fact.task);
    key->fact = (struct key_fact){
        .identity = b->identity,
        .task = xstrdup(b->task),
        .created_at = b->created_at,
        .completed_at = MOMENT_NONE,
        .phase = TASK_NEW,
        .starts_at = b->starts_at,
        .attempts = key->fact.attempts < UINT32_MAX ? key->fact.attempts + 1 : UINT32_MAX,
    };
    key->ordinal = b->ordinal;
    key->touched_at = b->created_at;
    creation_add(k, b->created_at, b->ordinal, kept_policy(k, b->policy));
    if (b->ordinal > k->total)
        k->total = b->ordinal;
    k->changed = true;
}

/* Is this Task a later one than the key knows? Two of one second are told apart by their ordinals. */
static bool later(const struct task_fact *t, const struct kept_key *key)
{
    if (key == NULL || t->created_at != key->fact.created_at)
        return key == NULL || t->created_at > key->fact.created_at;
    return t->ordinal > key->ordinal;
}

void kept_adopt(struct kept *k, const struct task_fact *tasks, size_t n, moment_t now)
{
    for (size_t i = 0; i < n; i++) {
        const struct task_fact *t = &tasks[i];
        if (!t->owned)
            continue;
        if (t->ordinal > k->total) {
            k->total = t->ordinal;
            k->changed = true;
        }
        if (t->identity == 0)
            continue;
        struct kept_key *key = key_find(k, t->identity);
        if (later(t, key)) {
            struct kept_birth b = {.identity = t->identity,
                                   .ordinal = t->ordinal,
                                   .task = t->name,
                                   .policy = t->policy,
                                   .created_at = t->created_at,
                                   .starts_at = t->starts_at};
            kept_born(k, &b);
            key = key_find(k, t->identity);
        }
        if (strcmp(key->fact.task, t->name) != 0 || t->created_at != key->fact.created_at ||
            (key->fact.phase == t->phase && key->fact.completed_at == t->completed_at))
            continue;
        /* Between its birth and its end a Task has no phase that is worth a write. */
        if (task_phase_terminal(t->phase)) {
            key->touched_at = now;
            k->changed = true;
        }
        key->fact.phase = t->phase;
        key->fact.completed_at = t->completed_at;
    }
}

/* --- episodes and states --- */

static bool counters_differ(const struct episode_counters *a, const struct episode_counters *b)
{
    return a->alerts != b->alerts || a->alerts_frozen != b->alerts_frozen || a->frozen_since != b->frozen_since;
}

static void take_episodes(struct kept *k, const struct episodes *eps, moment_t now)
{
    const uint64_t *gone;
    struct episode_counters counters;
    size_t n = episodes_len(eps);
    episodes_counters(eps, &counters);
    bool changed = episodes_forgotten(eps, &gone) > 0 || counters_differ(&counters, &k->counters) ||
                   k->written_at == MOMENT_NONE || now - k->written_at >= KEPT_REFRESH || k->written_at > now;
    for (size_t i = 0; i < n && !changed; i++)
        changed = episodes_changed(eps, i);
    k->counters = counters;
    if (!changed)
        return;
    k->changed = true;
    k->episodes = n > 0 ? xrealloc(k->episodes, n * sizeof *k->episodes) : (free(k->episodes), NULL);
    for (size_t i = 0; i < n; i++)
        k->episodes[i] = *episodes_at(eps, i);
    k->n_episodes = n;
}

static struct state_fact *state_find(const struct kept *k, uint32_t policy, uint64_t identity)
{
    for (size_t i = 0; i < k->n_states; i++)
        if (k->states[i].identity == identity && k->states[i].policy == policy)
            return &k->states[i];
    return NULL;
}

static void state_remove(struct kept *k, struct state_fact *s)
{
    free(s->item);
    *s = k->states[--k->n_states];
}

static struct state_fact *state_make(struct kept *k, uint32_t policy, uint64_t identity)
{
    struct state_fact *s = state_find(k, policy, identity);
    if (s != NULL)
        return s;
    xgrow(&k->states, &k->cap_states, k->n_states + 1, sizeof *k->states);
    s = &k->states[k->n_states++];
    *s = (struct state_fact){.policy = policy, .identity = identity};
    return s;
}

static void take_state(struct kept *k, const struct store_state *from, moment_t now)
{
    uint32_t policy = kept_policy(k, from->policy);
    struct state_fact *s = state_find(k, policy, from->identity);
    if (from->len == 0) {
        if (s == NULL)
            return;
        state_remove(k, s);
    } else {
        s = state_make(k, policy, from->identity);
        free(s->item);
        s->item = xstrndup(from->item, from->len);
        s->len = from->len;
        s->version = from->version;
        s->touched_at = now;
    }
    k->changed = true;
}

static void age_states(struct kept *k, const struct episodes *eps, moment_t now)
{
    for (size_t i = 0; i < k->n_states;) {
        struct state_fact *s = &k->states[i];
        bool present;
        if (s->touched_at > now)
            s->touched_at = now;
        if (s->touched_at > now - TOUCH_EVERY) {
            i++;
            continue;
        }
        episodes_identity_known(eps, s->identity, &present);
        if (!present && now - s->touched_at < STORE_STATE_KEEP + TOUCH_EVERY) {
            i++;
            continue;
        }
        k->changed = true;
        if (present)
            s->touched_at = now, i++;
        else
            state_remove(k, s);
    }
}

void kept_take(struct kept *k, const struct store_changes *changes, const struct store_result *results, moment_t now)
{
    for (size_t i = 0; i < changes->n_states; i++) {
        const struct store_state *s = &changes->states[i];
        if (s->create < 0 || results[s->create].outcome == STORE_CREATED)
            take_state(k, s, now);
    }
    if (changes->episodes == NULL)
        return;
    age_states(k, changes->episodes, now);
    take_episodes(k, changes->episodes, now);
}

/* --- letting go --- */

static bool is_there(const struct task_fact *tasks, size_t n, const char *name)
{
    const struct spawner_facts f = {.tasks = (struct task_fact *)tasks, .n_tasks = n};
    return spawner_facts_task(&f, name) != NULL;
}

static int older(const void *a, const void *b)
{
    moment_t x = *(const moment_t *)a, y = *(const moment_t *)b;
    return (x > y) - (x < y);
}

/* The time before which keys must go, so that at most KEPT_KEYS_MAX stay. */
static moment_t oldest_to_stay(const struct kept *k)
{
    if (k->n_keys <= KEPT_KEYS_MAX)
        return MOMENT_NONE;
    moment_t *times = xcalloc(k->n_keys, sizeof *times);
    for (size_t i = 0; i < k->n_keys; i++)
        times[i] = k->keys[i].touched_at;
    qsort(times, k->n_keys, sizeof *times, older);
    moment_t t = times[k->n_keys - KEPT_KEYS_MAX];
    free(times);
    return t;
}

void kept_prune(struct kept *k, const struct task_fact *tasks, size_t n_tasks, moment_t now)
{
    moment_t oldest = oldest_to_stay(k);
    size_t n = 0, old = 0;
    for (size_t i = 0; i < k->n_keys; i++) {
        moment_t touched = k->keys[i].touched_at;
        if ((touched < oldest || touched < now - KEPT_KEY_KEEP) && !is_there(tasks, n_tasks, k->keys[i].fact.task))
            free(k->keys[i].fact.task);
        else
            k->keys[n++] = k->keys[i];
    }
    k->changed = k->changed || n != k->n_keys;
    k->n_keys = n;
    /* Creations that no limit counts any more go with the next write; they are not worth one. */
    while (old < k->n_creations &&
           (k->creations[old].at <= now - DAY || k->n_creations - old > STORE_CREATIONS_MAX))
        old++;
    if (old == 0)
        return;
    k->n_creations -= old;
    memmove(k->creations, k->creations + old, k->n_creations * sizeof *k->creations);
}

/* --- two who wrote --- */

static void merge_key(struct kept *k, const struct kept_key *theirs)
{
    struct kept_key *mine = key_make(k, theirs->fact.identity);
    uint32_t attempts =
        mine->fact.attempts > theirs->fact.attempts ? mine->fact.attempts : theirs->fact.attempts;
    moment_t touched = mine->touched_at > theirs->touched_at ? mine->touched_at : theirs->touched_at;
    bool same = strcmp(mine->fact.task, theirs->fact.task) == 0 && mine->fact.created_at == theirs->fact.created_at;
    if (theirs->fact.created_at > mine->fact.created_at ||
        (same && !task_phase_terminal(mine->fact.phase) && task_phase_terminal(theirs->fact.phase))) {
        free(mine->fact.task);
        *mine = *theirs;
        mine->fact.task = xstrdup(theirs->fact.task);
    }
    mine->fact.attempts = attempts;
    mine->touched_at = touched;
}

static void merge_episodes(struct kept *k, const struct kept *other)
{
    uint32_t polls = k->counters.polls > other->counters.polls ? k->counters.polls : other->counters.polls;
    if (other->counters.polled_at > k->counters.polled_at) {
        k->counters = other->counters;
        k->episodes = other->n_episodes > 0 ? xrealloc(k->episodes, other->n_episodes * sizeof *k->episodes)
                                            : (free(k->episodes), NULL);
        if (other->n_episodes > 0)
            memcpy(k->episodes, other->episodes, other->n_episodes * sizeof *k->episodes);
        k->n_episodes = other->n_episodes;
    }
    k->counters.polls = polls;
}

void kept_merge(struct kept *k, const struct kept *other)
{
    for (size_t i = 0; i < other->n_keys; i++)
        merge_key(k, &other->keys[i]);
    for (size_t i = 0; i < other->n_creations; i++)
        creation_add(k, other->creations[i].at, other->creations[i].ordinal,
                     kept_policy(k, other->policies[other->creations[i].policy]));
    for (size_t i = 0; i < other->n_states; i++) {
        const struct state_fact *theirs = &other->states[i];
        struct state_fact *mine = state_make(k, kept_policy(k, other->policies[theirs->policy]), theirs->identity);
        if (mine->item != NULL && mine->touched_at >= theirs->touched_at)
            continue;
        uint32_t policy = mine->policy;
        free(mine->item);
        *mine = *theirs;
        mine->policy = policy;
        mine->item = xstrndup(theirs->item, theirs->len);
    }
    merge_episodes(k, other);
    if (other->total > k->total)
        k->total = other->total;
    k->changed = true;
}

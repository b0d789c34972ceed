/* The circuit breaker: see policy_health.h. */
#include "policy/policy_health.h"

#include "base/mem.h"
#include "policy/policy_hash.h"

#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 256 }; /* files with failures remembered; the one that has been here longest goes first */

struct record {
    char *file;
    char hash[POLICY_HASH];
    uint32_t failures; /* costly ones since the last success */
    moment_t until;    /* MOMENT_NONE: not quarantined; in the past: half open */
};

struct poison {
    uint64_t fingerprint, generation;
    moment_t at;
};

struct policy_health {
    struct record *records; /* oldest first; only of files that have failed */
    size_t n;
    struct poison *poison; /* by fingerprint */
    size_t n_poison;
};

struct policy_health *policy_health_create(void)
{
    return xcalloc(1, sizeof(struct policy_health));
}

static void forget(struct policy_health *h, size_t i)
{
    free(h->records[i].file);
    h->n--;
    memmove(h->records + i, h->records + i + 1, (h->n - i) * sizeof *h->records);
}

void policy_health_free(struct policy_health **hp)
{
    struct policy_health *h = *hp;
    *hp = NULL;
    if (h == NULL)
        return;
    while (h->n > 0)
        forget(h, h->n - 1);
    free(h->records);
    free(h->poison);
    free(h);
}

/* NULL: nothing bad is known of this version. What is known of another one is forgotten. */
static struct record *find(struct policy_health *h, const char *file, const char *hash)
{
    for (size_t i = 0; i < h->n; i++) {
        if (strcmp(h->records[i].file, file) != 0)
            continue;
        if (strcmp(h->records[i].hash, hash) == 0)
            return &h->records[i];
        forget(h, i);
        return NULL;
    }
    return NULL;
}

static struct record *find_or_add(struct policy_health *h, const char *file, const char *hash)
{
    struct record *r = find(h, file, hash);
    if (r != NULL)
        return r;
    if (h->n == FILES_MAX)
        forget(h, 0);
    h->records = xrealloc(h->records, (h->n + 1) * sizeof *h->records);
    r = &h->records[h->n++];
    *r = (struct record){.file = xstrdup(file), .until = MOMENT_NONE};
    strncpy(r->hash, hash, sizeof r->hash - 1);
    return r;
}

/* A clock that was set back must not make a wait longer than it is. */
static moment_t soonest(moment_t until, moment_t now)
{
    return until > now + HEALTH_RETRY ? now + HEALTH_RETRY : until;
}

static enum health_state state_of(struct record *r, moment_t now)
{
    if (r == NULL || r->until == MOMENT_NONE)
        return HEALTH_GOOD;
    r->until = soonest(r->until, now);
    return now < r->until ? HEALTH_QUARANTINED : HEALTH_HALF_OPEN;
}

enum health_state policy_health_state(struct policy_health *h, const char *file, const char *hash, moment_t now,
                                      moment_t *until_r)
{
    struct record *r = find(h, file, hash);
    enum health_state state = state_of(r, now);
    if (state == HEALTH_QUARANTINED)
        *until_r = r->until;
    return state;
}

void policy_health_success(struct policy_health *h, const char *file, const char *hash)
{
    struct record *r = find(h, file, hash);
    if (r != NULL)
        forget(h, (size_t)(r - h->records));
}

bool policy_health_failure(struct policy_health *h, const char *file, const char *hash, moment_t now)
{
    struct record *r = find_or_add(h, file, hash);
    enum health_state state = state_of(r, now);
    r->failures++;
    if (state == HEALTH_QUARANTINED)
        return true;
    if (state == HEALTH_GOOD && r->failures < HEALTH_FAILURES_MAX)
        return false;
    r->until = now + HEALTH_RETRY;
    return true;
}

void policy_health_quarantine(struct policy_health *h, const char *file, const char *hash, moment_t now)
{
    find_or_add(h, file, hash)->until = now + HEALTH_RETRY;
}

/* Where the alert is, or would be. */
static size_t poison_place(const struct policy_health *h, uint64_t fingerprint)
{
    size_t lo = 0, hi = h->n_poison;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (h->poison[mid].fingerprint < fingerprint)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void forget_oldest_poison(struct policy_health *h)
{
    size_t oldest = 0;
    for (size_t i = 1; i < h->n_poison; i++)
        if (h->poison[i].at < h->poison[oldest].at)
            oldest = i;
    h->n_poison--;
    memmove(h->poison + oldest, h->poison + oldest + 1, (h->n_poison - oldest) * sizeof *h->poison);
}

void policy_health_poison(struct policy_health *h, uint64_t fingerprint, uint64_t generation, moment_t now)
{
    size_t i = poison_place(h, fingerprint);
    if (i == h->n_poison || h->poison[i].fingerprint != fingerprint) {
        if (h->n_poison == HEALTH_POISON_MAX)
            forget_oldest_poison(h);
        i = poison_place(h, fingerprint);
        h->poison = xrealloc(h->poison, (h->n_poison + 1) * sizeof *h->poison);
        memmove(h->poison + i + 1, h->poison + i, (h->n_poison - i) * sizeof *h->poison);
        h->n_poison++;
    }
    h->poison[i] = (struct poison){fingerprint, generation, now};
}

bool policy_health_poisoned(struct policy_health *h, uint64_t fingerprint, uint64_t generation, moment_t now,
                            moment_t *until_r)
{
    size_t i = poison_place(h, fingerprint);
    if (i == h->n_poison || h->poison[i].fingerprint != fingerprint || h->poison[i].generation != generation)
        return false;
    if (h->poison[i].at > now)
        h->poison[i].at = now;
    *until_r = h->poison[i].at + HEALTH_RETRY;
    return now < *until_r;
}

size_t policy_health_quarantined(const struct policy_health *h, moment_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += h->records[i].until != MOMENT_NONE && now < h->records[i].until;
    return n;
}

/* Rows sorted by fingerprint; a poll is a merge of the sorted sightings with them. See episode.h. */
#include "alerts/episode.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SLOT_S = 600, SLOTS = 6 };

struct episodes {
    struct episode *rows;
    size_t n, cap;
    uint64_t *forgotten;
    size_t n_forgotten, cap_forgotten;
    struct episode_counters c;
    uint32_t *by_identity; /* row numbers, sorted by identity; NULL: to be made when it is asked for */
};

struct episodes *episodes_create(void)
{
    struct episodes *eps = xcalloc(1, sizeof *eps);
    eps->c.polled_at = eps->c.frozen_since = MOMENT_NONE;
    return eps;
}

void episodes_free(struct episodes **eps)
{
    struct episodes *p = *eps;
    *eps = NULL;
    if (p == NULL)
        return;
    free(p->rows);
    free(p->forgotten);
    free(p->by_identity);
    free(p);
}

static void identities_changed(struct episodes *eps)
{
    free(eps->by_identity);
    eps->by_identity = NULL;
}

/* --- loading --- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static bool rows_sorted(const struct episode *rows, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (rows[i - 1].fingerprint >= rows[i].fingerprint)
            return false;
    return true;
}

/* Of pointers into one array: equal fingerprints stay in their order. */
static int compare_rows(const void *a, const void *b)
{
    const struct episode *x = *(const struct episode *const *)a, *y = *(const struct episode *const *)b;
    return x->fingerprint != y->fingerprint ? compare_numbers(x->fingerprint, y->fingerprint) : x < y ? -1 : x > y;
}

static void copy_sorted(struct episodes *eps, const struct episode *rows, size_t n)
{
    const struct episode **order = xmalloc(n * sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = &rows[i];
    qsort(order, n, sizeof *order, compare_rows);
    for (size_t i = 0; i < n; i++) {
        if (eps->n > 0 && eps->rows[eps->n - 1].fingerprint == order[i]->fingerprint)
            eps->n--;
        eps->rows[eps->n++] = *order[i];
    }
    free(order);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

void episodes_load(struct episodes *eps, const struct episode *rows, size_t n, const struct episode_counters *counters)
{
    identities_changed(eps);
    free(eps->rows);
    eps->rows = n > 0 ? xmalloc(n * sizeof *rows) : NULL;
    eps->n = 0;
    eps->cap = n;
    eps->n_forgotten = 0;
    eps->c = *counters;
    if (n > 0 && rows_sorted(rows, n)) {
        memcpy(eps->rows, rows, n * sizeof *rows);
        eps->n = n;
    } else if (n > 0) {
        copy_sorted(eps, rows, n);
    }
    for (size_t i = 0; i < eps->n; i++) {
        struct episode *row = &eps->rows[i];
        row->changed = false;
        row->first_poll = larger(row->first_poll, 1);
        /* A counter that was lost must not make polls negative. */
        eps->c.polls = larger(eps->c.polls, larger(row->first_poll, row->last_poll));
    }
}

/* --- one alert --- */

static uint32_t seconds(moment_t t)
{
    if (t == MOMENT_NONE || t < 0)
        return 0;
    return t / MOMENT_SECOND < UINT32_MAX ? (uint32_t)(t / MOMENT_SECOND) : UINT32_MAX;
}

/* What one poll is to all rows. */
struct poll {
    uint32_t number, now, before; /* its number and time, and the time of the one before it */
    bool frozen;
};

static void flap(struct episode *row, const struct poll *p)
{
    uint32_t slot = p->now / SLOT_S, age = slot > row->flap_slot ? slot - row->flap_slot : 0;
    uint8_t old[SLOTS];
    memcpy(old, row->flaps, sizeof old);
    for (uint32_t i = 0; i < SLOTS; i++)
        row->flaps[i] = i >= age ? old[i - age] : 0;
    row->flap_slot = slot;
    if (row->flaps[0] < UINT8_MAX)
        row->flaps[0]++;
}

static void begin(struct episode *row, const struct poll *p)
{
    row->first_seen = p->now;
    row->first_poll = p->number;
    if (row->number < UINT16_MAX)
        row->number++;
}

/* The clock has stepped back: what lies in the future is now. */
static void correct(struct episode *row, const struct poll *p)
{
    bool any = false;
    for (int i = 0; i < SLOTS; i++)
        any = any || row->flaps[i] > 0;
    if (row->first_seen <= p->now && row->last_seen <= p->now && (!any || row->flap_slot <= p->now / SLOT_S))
        return;
    if (row->first_seen > p->now)
        row->first_seen = p->now;
    if (row->last_seen > p->now)
        row->last_seen = p->now;
    if (row->flap_slot > p->now / SLOT_S)
        row->flap_slot = p->now / SLOT_S;
    row->changed = true;
}

static void hold(struct episode *row, uint32_t starts_at, const struct poll *p)
{
    bool away = row->last_poll != 0, later = row->starts_at != 0 && starts_at > row->starts_at;
    if (!away && starts_at <= row->starts_at)
        return; /* the ordinary case */
    if (row->missed > 0)
        row->absent_s = p->now - row->last_seen; /* after correct(): not negative */
    if (away)
        row->first_poll += p->number - row->last_poll - 1;
    if (later)
        flap(row, p);
    if (later && row->missed >= EPISODES_RESOLVED_POLLS)
        begin(row, p);
    row->last_poll = row->last_seen = 0;
    row->missed = 0;
    row->starts_at = larger(row->starts_at, starts_at);
    row->changed = true;
}

/* False: it is forgotten. */
static bool miss(struct episode *row, const struct poll *p)
{
    if (row->missed >= EPISODES_RESOLVED_POLLS)
        return p->now - row->last_seen < EPISODES_KEEP / MOMENT_SECOND;
    if (row->last_poll == 0) {
        row->last_poll = p->number - 1;
        row->last_seen = p->before;
        row->changed = true;
    }
    if (!p->frozen) {
        row->missed++;
        row->changed = true;
    }
    return true;
}

/* --- one poll --- */

static int compare_sighting(const void *a, const void *b)
{
    const struct sighting *x = a, *y = b;
    if (x->fingerprint != y->fingerprint)
        return compare_numbers(x->fingerprint, y->fingerprint);
    return x->starts_at < y->starts_at ? -1 : x->starts_at > y->starts_at;
}

static size_t sort_sightings(struct sighting *s, size_t n)
{
    size_t out = 0;
    if (n > 0)
        qsort(s, n, sizeof *s, compare_sighting);
    for (size_t i = 0; i < n; i++) {
        if (out > 0 && s[out - 1].fingerprint == s[i].fingerprint)
            out--;
        s[out++] = s[i];
    }
    return out;
}

static bool collapsed(uint32_t before, size_t n)
{
    return before >= EPISODES_COLLAPSE_MIN ? 2 * n < before : before >= 2 && n == 0;
}

/* Is this poll frozen? */
static bool freeze(struct episode_counters *c, size_t n, moment_t now)
{
    if (c->frozen_since != MOMENT_NONE && c->frozen_since > now)
        c->frozen_since = now; /* the clock has stepped back: the deadline is never further away than it was */
    bool over = c->frozen_since != MOMENT_NONE && now - c->frozen_since >= EPISODES_FREEZE;
    if (!over && collapsed(c->alerts, n)) {
        if (c->frozen_since == MOMENT_NONE)
            c->frozen_since = now;
        c->alerts_frozen = (uint32_t)n;
        return true;
    }
    c->frozen_since = MOMENT_NONE;
    c->alerts_frozen = 0;
    c->alerts = (uint32_t)n;
    return false;
}

static void forget(struct episodes *eps, uint64_t fingerprint)
{
    xgrow(&eps->forgotten, &eps->cap_forgotten, eps->n_forgotten + 1, sizeof *eps->forgotten);
    eps->forgotten[eps->n_forgotten++] = fingerprint;
}

/* Every row learns whether the poll holds it; those that are forgotten go. How many sightings have no row. */
static size_t merge(struct episodes *eps, const struct sighting *s, size_t n, const struct poll *p)
{
    size_t kept = 0, strangers = n, j = 0;
    for (size_t i = 0; i < eps->n; i++) {
        struct episode *row = &eps->rows[i];
        bool stays = true;
        correct(row, p);
        while (j < n && s[j].fingerprint < row->fingerprint)
            j++;
        if (j < n && s[j].fingerprint == row->fingerprint) {
            hold(row, seconds(s[j].starts_at), p);
            strangers--;
        } else {
            stays = miss(row, p);
        }
        if (!stays)
            forget(eps, row->fingerprint);
        else if (kept++ != i)
            eps->rows[kept - 1] = *row;
    }
    eps->n = kept;
    return strangers;
}

static int compare_away(const void *a, const void *b)
{
    const struct episode *x = *(struct episode *const *)a, *y = *(struct episode *const *)b;
    return x->last_poll != y->last_poll ? compare_numbers(x->last_poll, y->last_poll)
                                        : compare_numbers(x->fingerprint, y->fingerprint);
}

/* `over` of the rows that are away, those longest away first, or as many as there are. */
static void evict(struct episodes *eps, size_t over)
{
    struct episode **away = xmalloc(eps->n * sizeof(struct episode *));
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < eps->n; i++)
        if (eps->rows[i].last_poll != 0)
            away[n++] = &eps->rows[i];
    if (n > 0)
        qsort(away, n, sizeof(struct episode *), compare_away);
    for (size_t i = 0; i < n && i < over; i++) {
        forget(eps, away[i]->fingerprint);
        away[i]->first_poll = 0; /* polls are numbered from 1: the mark of those that go */
    }
    free(away);
    for (size_t i = 0; i < eps->n; i++)
        if (eps->rows[i].first_poll != 0)
            eps->rows[kept++] = eps->rows[i];
    eps->n = kept;
}

/* Merges `strangers` of the sightings into the rows, from the back, so that it needs no second array. */
static void insert(struct episodes *eps, const struct sighting *s, size_t n, size_t strangers, const struct poll *p)
{
    size_t room = EPISODES_MAX > eps->n ? EPISODES_MAX - eps->n : 0, skip = strangers > room ? strangers - room : 0;
    size_t row = eps->n, out = eps->n + strangers - skip;
    if (out > eps->cap) {
        eps->cap = out + out / 16;
        eps->rows = xrealloc(eps->rows, eps->cap * sizeof *eps->rows);
    }
    eps->n = out;
    for (size_t i = n; i > 0; i--) {
        uint64_t fingerprint = s[i - 1].fingerprint;
        while (row > 0 && eps->rows[row - 1].fingerprint > fingerprint)
            eps->rows[--out] = eps->rows[--row];
        if (row > 0 && eps->rows[row - 1].fingerprint == fingerprint)
            continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        eps->rows[--out] = (struct episode){
            .fingerprint = fingerprint,
            .first_seen = p->now,
            .starts_at = seconds(s[i - 1].starts_at),
            .first_poll = p->number,
            .number = 1,
            .changed = true,
        };
    }
}

void episodes_observe(struct episodes *eps, struct sighting *sightings, size_t n, moment_t now)
{
    identities_changed(eps);
    n = sort_sightings(sightings, n);
    moment_t before = eps->c.polled_at == MOMENT_NONE || eps->c.polled_at > now ? now : eps->c.polled_at;
    struct poll p = {.number = ++eps->c.polls, .now = seconds(now), .before = seconds(before)};
    p.frozen = freeze(&eps->c, n, now);
    eps->c.polled_at = now;
    size_t strangers = merge(eps, sightings, n, &p);
    if (eps->n + strangers > EPISODES_MAX)
        evict(eps, eps->n + strangers - EPISODES_MAX);
    if (strangers > 0)
        insert(eps, sightings, n, strangers, &p);
}

/* --- questions --- */

static int compare_fingerprint(const void *fingerprint, const void *row)
{
    return compare_numbers(*(const uint64_t *)fingerprint, ((const struct episode *)row)->fingerprint);
}

static struct episode *find(const struct episodes *eps, uint64_t fingerprint)
{
    return eps->n == 0 ? NULL : bsearch(&fingerprint, eps->rows, eps->n, sizeof *eps->rows, compare_fingerprint);
}

void episodes_seen(const struct episodes *eps, uint64_t fingerprint, moment_t now, struct alert_seen *seen_r)
{
    const struct episode *row = find(eps, fingerprint);
    *seen_r = (struct alert_seen){.first = MOMENT_NONE};
    if (row == NULL)
        return;
    moment_t first = row->first_seen * MOMENT_SECOND, last = row->last_seen * MOMENT_SECOND;
    uint32_t last_poll = row->last_poll != 0 ? row->last_poll : eps->c.polls;
    uint32_t slot = seconds(now) / SLOT_S, age = slot > row->flap_slot ? slot - row->flap_slot : 0;
    seen_r->first = first < now ? first : now;
    seen_r->polls = last_poll > row->first_poll ? last_poll - row->first_poll + 1 : 1;
    for (uint32_t i = 0; i < SLOTS && i + age < SLOTS; i++)
        seen_r->flaps += row->flaps[i];
    if (row->missed == 0)
        seen_r->absent_us = row->absent_s * MOMENT_SECOND;
    else
        seen_r->absent_us = now > last ? now - last : 0;
    seen_r->episode = row->number;
}

void episodes_keep(struct episodes *eps, uint64_t fingerprint, uint64_t identity)
{
    struct episode *row = find(eps, fingerprint);
    uint64_t stored = identity != fingerprint ? identity : 0;
    if (row == NULL || row->identity == stored)
        return;
    row->identity = stored;
    row->changed = true;
    identities_changed(eps);
}

static uint64_t identity_of(const struct episode *row)
{
    return row->identity != 0 ? row->identity : row->fingerprint;
}

static int compare_identity(const void *a, const void *b, void *rows)
{
    const struct episode *r = rows;
    return compare_numbers(identity_of(&r[*(const uint32_t *)a]), identity_of(&r[*(const uint32_t *)b]));
}

/* The rows of an identity: numbers in by_identity from the result on. Made at the first question after a change: there
 * are many questions, then none for a cycle. */
static const uint32_t *of_identity(const struct episodes *eps, uint64_t identity, size_t *n_r)
{
    *n_r = 0;
    if (eps->n == 0)
        return NULL;
    if (eps->by_identity == NULL) {
        struct episodes *cache = (struct episodes *)eps;
        cache->by_identity = xmalloc(eps->n * sizeof *cache->by_identity);
        for (size_t i = 0; i < eps->n; i++)
            cache->by_identity[i] = (uint32_t)i;
        qsort_r(cache->by_identity, eps->n, sizeof *cache->by_identity, compare_identity, eps->rows);
    }
    size_t lo = 0, hi = eps->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (identity_of(&eps->rows[eps->by_identity[mid]]) < identity)
            lo = mid + 1;
        else
            hi = mid;
    }
    while (lo + *n_r < eps->n && identity_of(&eps->rows[eps->by_identity[lo + *n_r]]) == identity)
        (*n_r)++;
    return eps->by_identity + lo;
}

bool episodes_identity_resolved(const struct episodes *eps, uint64_t identity)
{
    size_t n, resolved = 0;
    const uint32_t *rows = of_identity(eps, identity, &n);
    while (resolved < n && eps->rows[rows[resolved]].missed >= EPISODES_RESOLVED_POLLS)
        resolved++;
    return n > 0 && resolved == n;
}

bool episodes_identity_known(const struct episodes *eps, uint64_t identity, bool *present_r)
{
    size_t n;
    const uint32_t *rows = of_identity(eps, identity, &n);
    *present_r = false;
    for (size_t i = 0; i < n && !*present_r; i++)
        *present_r = eps->rows[rows[i]].last_poll == 0;
    return n > 0;
}

bool episodes_frozen(const struct episodes *eps, moment_t *since_r, uint32_t *before_r, uint32_t *now_r)
{
    *since_r = eps->c.frozen_since;
    *before_r = eps->c.alerts;
    *now_r = eps->c.frozen_since != MOMENT_NONE ? eps->c.alerts_frozen : eps->c.alerts;
    return eps->c.frozen_since != MOMENT_NONE;
}

size_t episodes_forgotten(const struct episodes *eps, const uint64_t **fingerprints_r)
{
    *fingerprints_r = eps->forgotten;
    return eps->n_forgotten;
}

size_t episodes_len(const struct episodes *eps)
{
    return eps->n;
}

const struct episode *episodes_at(const struct episodes *eps, size_t i)
{
    return &eps->rows[i];
}

bool episodes_changed(const struct episodes *eps, size_t i)
{
    return eps->rows[i].changed;
}

void episodes_counters(const struct episodes *eps, struct episode_counters *counters_r)
{
    *counters_r = eps->c;
}

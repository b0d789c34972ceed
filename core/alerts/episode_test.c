/* episodes: timelines, poll by poll; a random one against a model that keeps the whole history; ceilings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/episode.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define BASE INT64_C(1764000000) /* a multiple of 600 */

/* What a store would have: kept up to date by what episodes.h says must be written, and nothing else. */
struct disk {
    struct episode rows[4096];
    size_t n;
    struct episode_counters counters;
    size_t written;
};

static void disk_remove(struct disk *d, uint64_t fingerprint)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->rows[i].fingerprint == fingerprint)
            d->rows[i--] = d->rows[--d->n];
}

static void disk_save(struct disk *d, const struct episodes *eps)
{
    const uint64_t *gone;
    size_t n = episodes_forgotten(eps, &gone);
    d->written = n;
    for (size_t i = 0; i < n; i++)
        disk_remove(d, gone[i]);
    for (size_t i = 0; i < episodes_len(eps); i++)
        if (episodes_changed(eps, i)) {
            disk_remove(d, episodes_at(eps, i)->fingerprint);
            assert_true(d->n < 4096);
            d->rows[d->n++] = *episodes_at(eps, i);
            d->written++;
        }
    episodes_counters(eps, &d->counters);
}

static struct episodes *disk_load(const struct disk *d)
{
    struct episodes *eps = episodes_create();
    episodes_load(eps, d->rows, d->n, &d->counters);
    return eps;
}

/* --- timelines --- */

/* One text a poll: what it holds, "|", what is then so. Polls are a minute apart.
 *
 *   a10      alert a, whose startsAt is second 10; a? cannot be read      *20:5   20 more alerts, startsAt 5
 *   @-3600   the clock, instead of the minute
 *   a=POLLS,FLAPS,EPISODE,ABSENT,FIRST,r   seconds; first seen since the timeline began; r resolved, - not
 *   a=none   not remembered        frozen, thawed        written=N   rows to write since the poll before */
struct timeline {
    const char *name;
    const char *polls[32];
};

static const struct timeline timelines[] = {
    {"steady", {"a5 | a=1,0,1,0,60,- written=1", "a5 | a=2,0,1,0,60,- written=0", "a5 | a=3,0,1,0,60,- written=0"}},
    {"an empty first poll", {"| a=none thawed", "| thawed", "a5 | a=1,0,1,0,180,-"}},
    {"resolved after two", {"a5 |", "| a=1,0,1,60,60,- written=1", "| a=1,0,1,120,60,r written=1",
                            "| a=1,0,1,180,60,r written=0"}},
    {"away for one poll, same startsAt", {"a5 |", "| a=1,0,1,60,60,-", "a5 | a=2,0,1,120,60,-", "a5 | a=3,0,1,120,60,-"}},
    {"resolved, same startsAt: it went on",
     {"a5 |", "a5 |", "|", "| a=2,0,1,120,60,r", "|", "a5 | a=3,0,1,240,60,-", "| a=3,0,1,60,60,-", "| a=3,0,1,120,60,r",
      "a5 | a=4,0,1,180,60,-"}},
    {"resolved, later startsAt: a new one",
     {"a5 |", "|", "|", "a200 | a=1,1,2,180,240,-", "a200 | a=2,1,2,180,240,-", "|", "|", "a500 | a=1,2,3,180,480,-"}},
    {"resolved, earlier startsAt: it went on", {"a50 |", "|", "|", "a5 | a=2,0,1,180,60,-"}},
    {"away for one poll, later startsAt: a flap", {"a5 |", "|", "a100 | a=2,1,1,120,60,-"}},
    {"startsAt moves forward", {"a5 |", "a65 | a=2,1,1,0,60,-", "a65 | a=3,1,1,0,60,-", "a185 | a=4,2,1,0,60,-"}},
    {"startsAt moves back", {"a65 |", "a5 | a=2,0,1,0,60,- written=0", "a5 | a=3,0,1,0,60,-"}},
    {"two servers that disagree", {"a5 |", "a65 | a=2,1,1,0,60,-", "a5 |", "a65 |", "a5 |", "a65 | a=6,1,1,0,60,-",
                                   "a66 | a=7,2,1,0,60,-"}},
    {"startsAt that cannot be read", {"a? |", "a? | written=0", "a5 | a=3,0,1,0,60,- written=1", "a? | a=4,0,1,0,60,-",
                                      "|", "|", "a? | a=5,0,1,180,60,-", "a400 | a=6,1,1,180,60,-"}},
    {"duplicates", {"a5 a9 a5 | a=1,0,1,0,60,-", "a9 a5 | a=2,0,1,0,60,- written=0", "a10 a? a5 | a=3,1,1,0,60,-"}},
    {"flaps pass", {"a1 |", "a2 | a=2,1,1,0,60,-", "@600 a3 | a=3,2,1,0,60,-", "@2700 a3 | a=4,2,1,0,60,-",
                    "@300 a3 | a=5,1,1,0,60,-", "@600 a3 | a=6,0,1,0,60,-", "a4 | a=7,1,1,0,60,-"}},
    {"two alerts", {"a5 b6 |", "a5 |", "a5 | b=1,0,1,120,60,r a=3,0,1,0,60,-", "b6 a5 | b=2,0,1,180,60,- a=4,0,1,0,60,-"}},
    {"forgotten", {"a5 |", "|", "| a=1,0,1,120,60,r", "@86000 | a=1,0,1,86120,60,r", "@279 | a=1,0,1,86399,60,r",
                   "@1 | a=none written=1", "a5 | a=1,0,1,0,86520,-"}},
    {"an engine that slept: resolved before it is forgotten",
     {"a5 b5 |", "@200000 b5 | a=1,0,1,200000,60,-", "b5 | a=1,0,1,200060,60,r", "b5 | a=none"}},
    {"an engine that slept: still there", {"a5 |", "@200000 a5 | a=2,0,1,0,60,-"}},
    {"collapse, and back", {"a5 *9:5 |", "*2:5 | a=1,0,1,0,60,- frozen written=8", "| frozen a=1,0,1,0,60,- written=2",
                            "*9:5 | thawed a=1,0,1,180,60,-", "a5 *9:5 | a=2,0,1,240,60,-"}},
    {"collapse: nothing happened to what is back", {"a5 *9:5 |", "| frozen", "| frozen", "| frozen",
                                                    "a5 *9:5 | thawed a=2,0,1,0,60,-", "a5 *9:5 | a=3,0,1,0,60,- written=0"}},
    {"collapse: back in the freeze", {"a5 *9:5 |", "| frozen", "a5 | frozen a=2,0,1,0,60,-", "a5 | frozen a=3,0,1,0,60,-",
                                      "*9:5 | thawed a=3,0,1,60,60,-"}},
    {"collapse: a later startsAt is a flap", {"a5 *9:5 |", "| frozen", "| frozen", "a300 *9:5 | thawed a=2,1,1,0,60,-"}},
    {"collapse: missed once before it", {"a5 *9:5 |", "*9:5 | a=1,0,1,60,60,-", "| frozen a=1,0,1,120,60,-",
                                         "| frozen a=1,0,1,180,60,-", "*9:5 | thawed a=1,0,1,240,60,r"}},
    {"collapse: resolved before it", {"a5 *9:5 |", "*9:5 |", "*9:5 | a=1,0,1,120,60,r", "| frozen a=1,0,1,180,60,r",
                                      "a300 | frozen a=1,1,2,240,300,-"}},
    {"collapse: it lasts", {"a5 *9:5 |", "| frozen", "@899 | frozen a=1,0,1,0,60,-", "@1 | thawed a=1,0,1,960,60,-",
                            "| thawed a=1,0,1,1020,60,r"}},
    {"collapse: new alerts in it", {"*9:5 |", "a70 | frozen a=1,0,1,0,120,-", "a70 | frozen a=2,0,1,0,120,-",
                                    "| frozen a=2,0,1,0,120,-", "@900 a70 | thawed a=3,0,1,0,120,-"}},
    {"collapse: fewer are too few", {"a5 b5 c5 |", "a5 | thawed b=1,0,1,60,60,-", "| thawed", "b9 |"}},
    {"collapse: all of 2", {"a5 b5 |", "| frozen", "| frozen", "@900 | thawed a=1,0,1,1020,60,-"}},
    {"collapse: all of 3, one is back", {"a5 b5 c5 |", "| frozen", "a5 | thawed a=2,0,1,0,60,- b=1,0,1,120,60,-",
                                         "| thawed b=1,0,1,180,60,r"}},
    {"collapse: 1 is none", {"a5 |", "| thawed"}},
    {"collapse: half is none", {"*10:5 |", "*5:5 | thawed", "*2:5 | frozen", "*3:5 | thawed"}},
    {"collapse: 1 of 4", {"*4:5 |", "*1:5 | frozen", "*2:5 | thawed"}},
    {"collapse: again after the first", {"*10:5 |", "| frozen", "*10:5 | thawed", "| frozen", "@899 | frozen", "@1 | thawed"}},
    {"collapse: the clock steps back in it",
     {"a5 *9:5 |", "| frozen", "@-3600 | frozen", "@899 | frozen", "@1 | thawed a=1,0,1,900,-3480,-"}},
    {"the clock steps back while it fires",
     {"a5 |", "@1800 a5 | a=2,0,1,0,60,-", "@-3600 a5 | a=3,0,1,0,-1740,- written=1", "a5 | a=4,0,1,0,-1740,- written=0"}},
    {"the clock steps back while it is away",
     {"a5 b5 |", "b5 | a=1,0,1,60,60,-", "@-3600 b5 | a=1,0,1,0,-3480,r", "b5 | a=1,0,1,60,-3480,r",
      "a5 b5 | a=2,0,1,120,-3480,-"}},
    {"the clock steps back as it goes", {"a5 b5 |", "@-3600 b5 | a=1,0,1,0,-3540,-", "b5 | a=1,0,1,60,-3540,r"}},
    {"the clock steps back: flaps pass all the same",
     {"a1 |", "a2 | a=2,1,1,0,60,-", "@-36000 a2 | a=3,1,1,0,-35880,-", "@3600 a2 | a=4,0,1,0,-35880,-"}},
    {"the clock was years ahead", {"@400000000 a5 b5 |", "b5 |", "b5 | a=1,0,1,120,400000000,r",
                                   "@-400000000 b5 | a=1,0,1,0,120,r", "@86399 b5 | a=1,0,1,86399,120,r",
                                   "@1 b5 | a=none"}},
};

static uint64_t named(char c)
{
    /* spread, so that their order is none of the names' */
    return (uint64_t)c * UINT64_C(0x9e3779b97f4a7c15);
}

static void expect(const char *name, size_t poll, const char *word, const char *got)
{
    if (strcmp(word, got) != 0)
        fail_msg("%s, poll %zu: got %s, want %s", name, poll + 1, got, word);
}

static void check_word(const struct timeline *t, size_t poll, const char *word, const struct episodes *eps, moment_t now,
                       size_t written)
{
    char got[160];
    if (strcmp(word, "frozen") == 0 || strcmp(word, "thawed") == 0) {
        moment_t since;
        uint32_t before, few;
        bool frozen = episodes_frozen(eps, &since, &before, &few);
        assert_int_equal(frozen, since != MOMENT_NONE);
        expect(t->name, poll, word, frozen ? "frozen" : "thawed");
        return;
    }
    if (strncmp(word, "written=", 8) == 0) {
        snprintf(got, sizeof got, "written=%zu", written);
        expect(t->name, poll, word, got);
        return;
    }
    struct alert_seen seen;
    episodes_seen(eps, named(word[0]), now, &seen);
    if (seen.first == MOMENT_NONE)
        snprintf(got, sizeof got, "%c=none", word[0]);
    else
        snprintf(got, sizeof got, "%c=%u,%u,%u,%lld,%lld,%c", word[0], seen.polls, seen.flaps, seen.episode,
                 (long long)(seen.absent_us / MOMENT_SECOND), (long long)(seen.first / MOMENT_SECOND - BASE),
                 episodes_identity_resolved(eps, named(word[0])) ? 'r' : '-');
    expect(t->name, poll, word, got);
}

/* `restart`: the engine is a new one at every poll, and has only what was written. */
static void run_timeline(const struct timeline *t, bool restart)
{
    static struct disk disk;
    disk = (struct disk){.counters = {.polled_at = MOMENT_NONE, .frozen_since = MOMENT_NONE}};
    struct episodes *eps = episodes_create();
    moment_t now = BASE * MOMENT_SECOND;
    for (size_t i = 0; t->polls[i] != NULL; i++) {
        char *text = xstrdup(t->polls[i]), *save = NULL;
        struct sighting s[64];
        size_t n = 0;
        bool observed = false;
        int64_t step = 60;
        for (char *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
            if (word[0] == '@') {
                step = atoll(word + 1);
            } else if (word[0] == '*') {
                for (int k = atoi(word + 1); k > 0; k--)
                    s[n++] = (struct sighting){(uint64_t)k, (BASE + atoi(strchr(word, ':') + 1)) * MOMENT_SECOND};
            } else if (word[0] == '|') {
                now += step * MOMENT_SECOND;
                episodes_observe(eps, s, n, now);
                observed = true;
                disk_save(&disk, eps);
                if (restart || t->polls[i + 1] == NULL) {
                    episodes_free(&eps);
                    eps = disk_load(&disk);
                }
            } else if (!observed) {
                moment_t at = word[1] == '?' ? MOMENT_NONE : (BASE + atoll(word + 1)) * MOMENT_SECOND + 999999;
                s[n++] = (struct sighting){named(word[0]), at};
            } else if (restart || strncmp(word, "written=", 8) != 0) {
                check_word(t, i, word, eps, now, disk.written);
            }
        }
        assert_true(observed);
        free(text);
    }
    episodes_free(&eps);
}

static void test_timelines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof timelines / sizeof timelines[0]; i++) {
        run_timeline(&timelines[i], false);
        run_timeline(&timelines[i], true);
    }
}

/* --- a model that keeps the whole history --- */

enum { M_ALERTS = 14, M_POLLS = 400, M_ROUNDS = 60 };

struct model_poll {
    int64_t now; /* s */
    bool frozen;
    int64_t starts_at[M_ALERTS]; /* -1: not held; 0: unreadable */
};

struct model {
    struct model_poll polls[M_POLLS];
    int n;
};

/* The time of poll i, as poll n - 1 knows it: never later than any clock since. */
static int64_t model_time(const struct model *m, int i)
{
    int64_t t = m->polls[i].now;
    for (int k = i; k < m->n; k++)
        t = m->polls[k].now < t ? m->polls[k].now : t;
    return t;
}

static int model_count(const struct model_poll *p)
{
    int n = 0;
    for (int a = 0; a < M_ALERTS; a++)
        n += p->starts_at[a] >= 0;
    return n;
}

/* Sets `frozen` of every poll, from the first. */
static void model_freeze(struct model *m)
{
    int before = 0;
    int64_t since = -1;
    for (int i = 0; i < m->n; i++) {
        struct model_poll *p = &m->polls[i];
        int n = model_count(p);
        if (since > p->now)
            since = p->now;
        bool few = before >= 4 ? n * 2 < before : before >= 2 && n == 0;
        p->frozen = few && (since < 0 || p->now - since < 900);
        if (p->frozen && since < 0)
            since = p->now;
        if (!p->frozen) {
            since = -1;
            before = n;
        }
    }
}

struct model_seen {
    bool known, resolved;
    int64_t first, absent;
    uint32_t polls, flaps, episode;
};

/* All that is to be known of an alert after the first `n` polls, told from the beginning. */
static struct model_seen model_seen(const struct model *whole, int n, int a)
{
    struct model_seen r = {0};
    static struct model m;
    int first = -1, last = -1, missed = 0, n_flaps = 0;
    int64_t latest = 0, flaps[M_POLLS];
    int64_t absent = 0;
    m.n = 0;
    for (int i = 0; i < n; i++) {
        struct model_poll *p = &m.polls[m.n++];
        *p = whole->polls[i];
        int64_t slot = p->now / 600;
        if (n_flaps > 0 && flaps[n_flaps - 1] > slot)
            for (int k = n_flaps - 1, by = (int)(flaps[k] - slot); k >= 0; k--)
                flaps[k] -= by;
        int64_t at = p->starts_at[a];
        if (at < 0) {
            bool was = missed >= 2;
            if (last >= 0 && !p->frozen)
                missed++;
            if (last >= 0 && was && p->now - model_time(&m, last) >= 86400) {
                last = first = -1; /* forgotten */
                missed = n_flaps = 0;
                latest = absent = 0;
                r = (struct model_seen){0};
            }
            continue;
        }
        if (last < 0) {
            first = i;
            r.episode = 1;
            r.polls = 0;
        } else {
            if (missed > 0)
                absent = p->now - model_time(&m, last);
            if (at > latest && latest > 0) {
                flaps[n_flaps++] = slot;
                if (missed >= 2) {
                    r.episode++;
                    r.polls = 0;
                    first = i;
                }
            }
        }
        missed = 0;
        latest = at > latest ? at : latest;
        last = i;
        r.polls++;
    }
    r.known = last >= 0;
    if (!r.known)
        return r;
    int64_t now = m.polls[n - 1].now;
    r.resolved = missed >= 2;
    r.first = model_time(&m, first);
    r.absent = missed > 0 ? now - model_time(&m, last) : absent;
    for (int k = 0; k < n_flaps; k++)
        r.flaps += now / 600 - flaps[k] < 6;
    return r;
}

static uint32_t seed;
static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* A poll that follows from the one before as alerts do, with trouble now and then. */
static void model_next(struct model *m)
{
    struct model_poll *p = &m->polls[m->n];
    const struct model_poll *old = m->n > 0 ? p - 1 : NULL;
    int64_t now = old != NULL ? old->now : BASE;
    uint32_t trouble = dice(40);
    now += trouble == 0 ? 60000 : trouble == 1 ? -3600 : trouble == 2 ? 700 : 60;
    bool gone = trouble == 3 || (old != NULL && old->frozen && dice(3) > 0);
    *p = (struct model_poll){.now = now};
    for (int a = 0; a < M_ALERTS; a++) {
        int64_t before = -1; /* the startsAt it had last */
        for (int i = m->n - 1; i >= 0 && before < 0; i--)
            before = m->polls[i].starts_at[a];
        bool held = old != NULL && old->starts_at[a] >= 0;
        bool hold = gone ? dice(6) == 0 : held ? dice(8) > 0 : dice(a % 2 == 0 ? 4 : 30) == 0;
        int64_t at = before < 0 || dice(6) == 0 ? now - 50 + dice(60) : before;
        p->starts_at[a] = !hold ? -1 : dice(30) == 0 ? 0 : dice(20) == 0 ? at - 500 : at;
    }
    m->n++;
    model_freeze(m);
}

static void test_model(void **state)
{
    (void)state;
    static struct model m;
    static struct disk disk;
    size_t frozen = 0, resolved = 0, forgotten = 0;
    uint32_t episodes = 0;
    for (uint32_t round = 0; round < M_ROUNDS; round++) {
        seed = round + 1;
        m.n = 0;
        disk = (struct disk){.counters = {.polled_at = MOMENT_NONE, .frozen_since = MOMENT_NONE}};
        struct episodes *eps = episodes_create();
        while (m.n < (round == 0 ? M_POLLS : 60)) {
            struct sighting s[M_ALERTS * 2];
            size_t n = 0;
            model_next(&m);
            const struct model_poll *p = &m.polls[m.n - 1];
            for (int a = 0; a < M_ALERTS; a++)
                for (uint32_t twice = p->starts_at[a] < 0 ? 0 : 1 + (dice(5) == 0); twice > 0; twice--)
                    s[n++] = (struct sighting){named((char)('a' + a)), p->starts_at[a] == 0
                                                                          ? MOMENT_NONE
                                                                          : p->starts_at[a] * MOMENT_SECOND + dice(1000000)};
            for (size_t i = n; i > 1; i--) {
                size_t k = dice((uint32_t)i);
                struct sighting x = s[k];
                s[k] = s[i - 1];
                s[i - 1] = x;
            }
            if (dice(2) == 0) { /* otherwise one engine goes on, over several polls without a save */
                disk_save(&disk, eps);
                episodes_free(&eps);
                eps = disk_load(&disk);
            }
            episodes_observe(eps, s, n, p->now * MOMENT_SECOND + 5);
            moment_t since;
            uint32_t before, few;
            assert_int_equal(episodes_frozen(eps, &since, &before, &few), p->frozen);
            assert_int_equal(few, model_count(p));
            frozen += p->frozen;
            for (int a = 0; a < M_ALERTS; a++) {
                struct alert_seen got;
                struct model_seen want = model_seen(&m, m.n, a);
                uint64_t fingerprint = named((char)('a' + a));
                bool present;
                episodes_seen(eps, fingerprint, p->now * MOMENT_SECOND + 5, &got);
                bool known = episodes_identity_known(eps, fingerprint, &present);
                forgotten += !want.known && m.n > 1 && model_seen(&m, m.n - 1, a).known;
                if (known != want.known || present != (p->starts_at[a] >= 0) ||
                    episodes_identity_resolved(eps, fingerprint) != want.resolved ||
                    (known && (got.first != want.first * MOMENT_SECOND || got.polls != want.polls ||
                               got.flaps != want.flaps || got.episode != want.episode ||
                               got.absent_us / MOMENT_SECOND != want.absent)))
                    fail_msg("round %u, poll %d, alert %c: known %d/%d first %lld/%lld polls %u/%u flaps %u/%u episode "
                             "%u/%u absent %lld/%lld",
                             round, m.n, 'a' + a, known, want.known, (long long)got.first / MOMENT_SECOND,
                             (long long)want.first, got.polls, want.polls, got.flaps, want.flaps, got.episode,
                             want.episode, (long long)got.absent_us / MOMENT_SECOND, (long long)want.absent);
                resolved += want.resolved;
                episodes += want.episode > 1;
            }
        }
        episodes_free(&eps);
    }
    print_message("%zu frozen polls, %zu times resolved, %zu forgotten\n", frozen, resolved, forgotten);
    /* the dice came upon all of it */
    assert_true(frozen > 50 && resolved > 50 && forgotten > 10 && episodes > 50);
}

/* --- identities --- */

static void test_identities(void **state)
{
    (void)state;
    struct episodes *eps = episodes_create();
    struct sighting all[] = {{1, MOMENT_NONE}, {2, MOMENT_NONE}, {3, MOMENT_NONE}}, two[] = {{2, MOMENT_NONE}};
    bool present;
    assert_false(episodes_identity_resolved(eps, 1));
    assert_false(episodes_identity_known(eps, 1, &present));
    episodes_observe(eps, all, 3, BASE * MOMENT_SECOND);
    episodes_keep(eps, 1, 77);
    episodes_keep(eps, 2, 77);
    episodes_keep(eps, 3, 3);
    episodes_keep(eps, 4, 77); /* a stranger */
    assert_true(episodes_identity_known(eps, 77, &present));
    assert_true(present);
    assert_false(episodes_identity_known(eps, 1, &present)); /* kept under another */
    for (int i = 0; i < 2; i++)
        episodes_observe(eps, two, 1, BASE * MOMENT_SECOND);
    assert_true(episodes_identity_resolved(eps, 3));
    assert_false(episodes_identity_resolved(eps, 77)); /* 2 still fires */
    for (int i = 0; i < 2; i++)
        episodes_observe(eps, NULL, 0, BASE * MOMENT_SECOND);
    assert_true(episodes_identity_resolved(eps, 77));
    assert_true(episodes_identity_known(eps, 77, &present));
    assert_false(present);
    struct episode_counters counters;
    struct episode rows[3];
    episodes_counters(eps, &counters);
    for (size_t i = 0; i < 3; i++)
        rows[i] = *episodes_at(eps, i);
    episodes_load(eps, rows, 3, &counters);
    episodes_keep(eps, 2, 2); /* the policy changed its mind: its last key counts */
    episodes_keep(eps, 1, 77); /* nothing new */
    assert_true(!episodes_changed(eps, 0) && episodes_changed(eps, 1) && !episodes_changed(eps, 2));
    assert_true(episodes_identity_resolved(eps, 77));
    assert_true(episodes_identity_resolved(eps, 2));
    episodes_keep(eps, 2, 88);
    assert_true(episodes_identity_resolved(eps, 88));
    assert_false(episodes_identity_resolved(eps, 2));
    assert_false(episodes_identity_resolved(eps, 4));
    episodes_free(&eps);
    episodes_free(&eps);
}

/* --- ceilings --- */

static void test_ceilings(void **state)
{
    (void)state;
    struct episodes *eps = episodes_create();
    struct episode row = {.fingerprint = 5, .first_poll = 1, .number = UINT16_MAX, .starts_at = 10, .last_poll = 3,
                          .last_seen = 100, .missed = 2, .flaps = {255, 255, 255, 255, 255, 255}};
    struct episode twice[] = {row, row, {.fingerprint = 4, .number = 1}};
    struct episode_counters lost = {.polled_at = MOMENT_NONE, .frozen_since = MOMENT_NONE};
    struct alert_seen seen;
    twice[0].number = 7;
    episodes_load(eps, twice, 3, &lost);
    assert_int_equal(episodes_len(eps), 2);
    assert_int_equal(episodes_at(eps, 0)->fingerprint, 4);
    assert_int_equal(episodes_at(eps, 1)->number, UINT16_MAX); /* the last */
    struct sighting s[] = {{5, 200 * MOMENT_SECOND}};
    episodes_observe(eps, s, 1, 500 * MOMENT_SECOND);
    episodes_seen(eps, 5, 500 * MOMENT_SECOND, &seen);
    assert_int_equal(seen.episode, UINT16_MAX);
    assert_int_equal(seen.flaps, 6 * 255);
    assert_int_equal(seen.polls, 1);
    assert_int_equal(seen.absent_us, 400 * MOMENT_SECOND);
    assert_true(episodes_at(eps, 1)->last_seen == 0 && episodes_at(eps, 1)->last_poll == 0);
    /* asked with a clock that has stepped back since */
    episodes_observe(eps, NULL, 0, 600 * MOMENT_SECOND);
    episodes_seen(eps, 5, 400 * MOMENT_SECOND, &seen);
    assert_true(seen.first == 400 * MOMENT_SECOND && seen.absent_us == 0);
    /* times that no 32 bits hold */
    struct sighting far[] = {{6, INT64_MAX}, {7, -5}, {8, MOMENT_NONE}};
    episodes_observe(eps, far, 3, INT64_MAX);
    episodes_seen(eps, 6, INT64_MAX, &seen);
    assert_int_equal(seen.polls, 1);
    episodes_free(&eps);
}

static struct sighting *sightings(size_t n, uint64_t from)
{
    struct sighting *s = xcalloc(n, sizeof *s);
    for (size_t i = 0; i < n; i++)
        s[i] = (struct sighting){(from + i) * UINT64_C(0x9e3779b97f4a7c15), BASE * MOMENT_SECOND};
    return s;
}

static void test_many(void **state)
{
    (void)state;
    struct episodes *eps = episodes_create();
    struct alert_seen seen;
    const uint64_t *gone;
    moment_t now = BASE * MOMENT_SECOND;
    assert_true(sizeof(struct episode) <= 56);
    enum { HALF = EPISODES_MAX / 2 };
    struct sighting *first = sightings(HALF, 0), *second = sightings(HALF, HALF);
    episodes_observe(eps, first, HALF, now);
    episodes_observe(eps, second, HALF, now);
    assert_int_equal(episodes_len(eps), EPISODES_MAX);
    assert_int_equal(episodes_forgotten(eps, &gone), 0);
    for (size_t i = 1; i < EPISODES_MAX; i++)
        assert_true(episodes_at(eps, i - 1)->fingerprint < episodes_at(eps, i)->fingerprint);
    free(first);
    /* 1000 more: those longest away make room; the second half was there until now, but for 10 */
    episodes_observe(eps, second, HALF - 10, now);
    struct sighting *third = sightings(HALF + 1000, HALF);
    episodes_observe(eps, third + HALF, 1000, now);
    assert_int_equal(episodes_len(eps), EPISODES_MAX);
    assert_int_equal(episodes_forgotten(eps, &gone), 1000);
    free(third);
    third = sightings(HALF + 1000, HALF);
    for (size_t i = 0; i < HALF + 1000; i++) {
        episodes_seen(eps, third[i].fingerprint, now, &seen);
        assert_true(seen.polls >= 1);
    }
    free(second);
    free(third);
    /* more than all: the rest are strangers */
    struct sighting *all = sightings(EPISODES_MAX + 500, HALF);
    episodes_observe(eps, all, EPISODES_MAX + 500, now);
    assert_int_equal(episodes_len(eps), EPISODES_MAX);
    size_t strangers = 0;
    for (size_t i = 0; i < EPISODES_MAX + 500; i++) {
        episodes_seen(eps, all[i].fingerprint, now, &seen);
        strangers += seen.polls == 0;
    }
    assert_int_equal(strangers, 500);
    free(all);
    episodes_free(&eps);
    /* from nothing */
    all = sightings(EPISODES_MAX + 1, 0);
    eps = episodes_create();
    episodes_observe(eps, all, EPISODES_MAX + 1, now);
    assert_int_equal(episodes_len(eps), EPISODES_MAX);
    free(all);
    episodes_free(&eps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timelines), cmocka_unit_test(test_model), cmocka_unit_test(test_identities),
        cmocka_unit_test(test_ceilings),  cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the complete polls of one spawner tell about an alert over time. Three things that are easily confused:
 *
 *   fingerprint   the alert: the same labels, as Alertmanager counts it
 *   key           what the policy gives it; alerts with one key share a Task
 *   episode       one stretch of firing of a fingerprint
 *
 * Rules. An alert is away when a complete poll does not hold it; a failed poll says nothing. It is *resolved* once two
 * complete polls in a row did not hold it. When it is back with the startsAt it had before, it never stopped firing
 * (Alertmanager was restarted, a silence or a route hid it): the episode goes on. Back with a later startsAt: it came
 * back, which counts as a flap, and is a new episode if it was resolved. startsAt that moves forward from one poll to the
 * next is a flap within the episode (it resolved and fired again in between, or Prometheus was restarted); startsAt that
 * moves back is nothing. When a poll holds far fewer alerts than the one before (EPISODES_COLLAPSE), more likely
 * something went wrong on the way than everything got well: alerts do not become away by such a poll until either they
 * are back or EPISODES_FREEZE has passed; episodes_frozen says so.
 *
 * Pure: no I/O, the clock is an argument. Only changes need writing: a steadily firing alert costs no write a poll,
 * because polls are counted once for all. */
#pragma once

#include "base/moment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EPISODES_RESOLVED_POLLS = 2,
    EPISODES_COLLAPSE_MIN = 4,   /* alerts before; fewer are too few to call it a collapse, unless all of 2 or 3 go */
    EPISODES_MAX = 200000,       /* of one spawner; those longest away are forgotten first */
};
#define EPISODES_FREEZE (15 * 60 * MOMENT_SECOND)
#define EPISODES_KEEP   (24 * 3600 * MOMENT_SECOND) /* an alert that is away so long is forgotten */

/* One remembered fingerprint, as it is stored. Seconds where seconds do: there may be 100,000. */
struct episode {
    uint64_t fingerprint;
    uint64_t identity;    /* of the key it had when it was kept last; 0: its fingerprint, or never kept */
    uint32_t first_seen;  /* s since 1970: this episode began to be seen */
    uint32_t last_seen;   /* s: only while it is away (missed > 0): the last complete poll that held it */
    uint32_t starts_at;   /* s: as last told */
    uint32_t first_poll;  /* number of the complete poll in which the episode began */
    uint32_t absent_s;    /* how long it was away before it came back last; 0: never */
    uint32_t flap_slot;   /* 10-minute slot (s / 600) that flaps[0] counts */
    uint8_t flaps[6];     /* per slot, newest first, capped at 255 */
    uint16_t gaps;        /* complete polls of the episode that did not hold it */
    uint16_t number;      /* episodes so far */
    uint8_t missed;       /* complete polls in a row without it; 0: it is there */
    bool resolved;        /* the conclusion was drawn; told once by episodes_resolved */
};

struct alert_seen {       /* ctx.seen */
    moment_t first;
    uint32_t polls, flaps;
    int64_t absent_us;
    uint32_t episode;
};

struct episodes;
struct episodes *episodes_create(void);
/* What the store remembers: `polls` complete polls so far, the last of them with `alerts` alerts and, when the count had
 * collapsed, frozen since `frozen_since` (else MOMENT_NONE). Rows in any order; a fingerprint that comes twice: the last. */
void episodes_load(struct episodes *eps, const struct episode *rows, size_t n, uint32_t polls, uint32_t alerts,
                   moment_t frozen_since);
void episodes_free(struct episodes **eps);

struct sighting {
    uint64_t fingerprint;
    moment_t starts_at; /* MOMENT_NONE when unreadable */
};
/* One complete poll: every alert the source keeps. Sorts `sightings`; duplicates count once. */
void episodes_observe(struct episodes *eps, struct sighting *sightings, size_t n, moment_t now);
/* Of an alert of that poll (or of one that is away); zeroes and MOMENT_NONE for a stranger. */
void episodes_seen(const struct episodes *eps, uint64_t fingerprint, moment_t now, struct alert_seen *seen_r);
/* The policy kept the alert under this key: its identity. */
void episodes_keep(struct episodes *eps, uint64_t fingerprint, uint64_t identity);
/* Has every alert that was ever kept under this identity and is still remembered resolved, and at least one is
 * remembered? */
bool episodes_identity_resolved(const struct episodes *eps, uint64_t identity);
/* The count has collapsed and nothing is concluded from absence: since when, and from how many to how few. */
bool episodes_frozen(const struct episodes *eps, moment_t *since_r, uint32_t *before_r, uint32_t *now_r);

/* What to write: rows that changed since episodes_load, fingerprints that are forgotten, and the counters. */
size_t episodes_len(const struct episodes *eps);
const struct episode *episodes_at(const struct episodes *eps, size_t i); /* sorted by fingerprint */
bool episodes_changed(const struct episodes *eps, size_t i);
size_t episodes_forgotten(const struct episodes *eps, const uint64_t **fingerprints_r);
void episodes_counters(const struct episodes *eps, uint32_t *polls_r, uint32_t *alerts_r, moment_t *frozen_since_r);

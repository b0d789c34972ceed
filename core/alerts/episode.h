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
 * moves back is nothing, and forward again up to the latest that was told is nothing either (two servers that take turns
 * and disagree do not make a flapping alert). startsAt is compared in whole seconds; one that cannot be read, or is
 * before 1970, says nothing.
 *
 * Collapse. When a poll holds fewer than half of the alerts of the one before (none, of 2 or 3), more likely something
 * went wrong on the way than everything got well. Such a poll, and every one after it until one holds enough of the
 * count before the collapse again or EPISODES_FREEZE has passed, is frozen: an alert that it does not hold is not missed
 * by it. So to an alert that was there before the freeze and is there again nothing has happened (unless its startsAt is
 * later: a flap). What a frozen poll does hold is held as by any other, so that a new alert need not wait for the freeze
 * to end: `polls` counts the polls that held the alert, frozen or not. The poll that ends the freeze is not frozen, and
 * its count is the new measure: what it does not hold is missed for the first time (or, if it was missed once before the
 * freeze, for the second), and has been away since it was last seen.
 *
 * Clock. Wall-clock time, in whole seconds. When it steps back, what lies in the future is taken to be now: nothing
 * lasts less than no time, and nothing is forgotten for it.
 *
 * Pure: no I/O, the clock is an argument. Only changes need writing: a steadily firing alert costs no write a poll,
 * because polls are counted once for all, and neither does one that has been resolved. */
#pragma once

#include "base/moment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EPISODES_RESOLVED_POLLS = 2,
    EPISODES_COLLAPSE_MIN = 4,   /* alerts before; with 2 or 3 it is a collapse when all go, with 1 never */
    EPISODES_MAX = 200000,       /* of one spawner; those longest away are forgotten first, and when none is away the
                                    newest are strangers: those with the highest fingerprints */
};
#define EPISODES_FREEZE (15 * 60 * MOMENT_SECOND)
/* An alert that is away so long is forgotten, but not before a poll after the one by which it is resolved. */
#define EPISODES_KEEP   (24 * 3600 * MOMENT_SECOND)

/* One remembered fingerprint, as it is stored. Seconds where seconds do: there may be 100,000. */
struct episode {
    uint64_t fingerprint;
    uint64_t identity;    /* of the key it had when it was kept last; 0: its fingerprint, or never kept */
    uint32_t first_seen;  /* s since 1970: this episode began to be seen */
    uint32_t starts_at;   /* s: the latest told in this episode; 0: never told */
    uint32_t first_poll;  /* number of the complete poll in which the episode began; moved on, when the alert is back, by
                             the polls that did not hold it: those that did are the latest - first_poll + 1 */
    uint32_t last_poll;   /* 0: it is there. Else it is away, and this poll was the last that held it */
    uint32_t last_seen;   /* s: while it is away, the time of that poll; else 0 */
    uint32_t absent_s;    /* how long it was away before it came back last; 0: never */
    uint32_t flap_slot;   /* 10-minute slot (s / 600) that flaps[0] counts */
    uint8_t flaps[6];     /* per slot, newest first, capped at 255 */
    uint16_t number;      /* episodes so far, this one included; capped */
    uint8_t missed;       /* polls in a row that did not hold it, frozen ones not counted; it stops at
                             EPISODES_RESOLVED_POLLS: resolved */
    bool changed;         /* since episodes_load; not stored */
};

struct alert_seen {       /* ctx.seen */
    moment_t first;       /* never after the `now` that was asked with */
    uint32_t polls;       /* complete polls of the episode that held it */
    uint32_t flaps;       /* in the last hour, give or take ten minutes */
    int64_t absent_us;    /* of an alert that is there: how long it was away before it came back; of one that has been
                             missed: how long it has been away */
    uint32_t episode;
};

/* What is counted once for all alerts of a spawner, as it is stored. */
struct episode_counters {
    uint32_t polls;           /* complete polls so far; they are numbered from 1 */
    uint32_t alerts;          /* in the last that was not frozen */
    uint32_t alerts_frozen;   /* in the last one, while frozen */
    moment_t polled_at;       /* time of the last one; MOMENT_NONE: none yet */
    moment_t frozen_since;    /* MOMENT_NONE: not frozen */
};

struct episodes;
struct episodes *episodes_create(void);
/* What the store remembers. Replaces what was there; copies. Rows in any order; a fingerprint that comes twice: the
 * last. */
void episodes_load(struct episodes *eps, const struct episode *rows, size_t n, const struct episode_counters *counters);
void episodes_free(struct episodes **eps);

struct sighting {
    uint64_t fingerprint;
    moment_t starts_at; /* MOMENT_NONE when unreadable */
};
/* One complete poll: every alert the source keeps. Sorts `sightings`; duplicates count once, with the latest startsAt. */
void episodes_observe(struct episodes *eps, struct sighting *sightings, size_t n, moment_t now);
/* Of an alert of that poll (or of one that is away); zeroes and MOMENT_NONE for a stranger. */
void episodes_seen(const struct episodes *eps, uint64_t fingerprint, moment_t now, struct alert_seen *seen_r);
/* The policy kept the alert under this key: its identity. A stranger: nothing. */
void episodes_keep(struct episodes *eps, uint64_t fingerprint, uint64_t identity);
/* Has every alert that was kept last under this identity and is still remembered resolved, and at least one is
 * remembered? (An identity that is a fingerprint is also that alert's as long as it was kept under no other.) */
bool episodes_identity_resolved(const struct episodes *eps, uint64_t identity);
/* Is such an alert remembered at all; is one of them there? */
bool episodes_identity_known(const struct episodes *eps, uint64_t identity, bool *present_r);
/* The count has collapsed and nothing is concluded from absence: since when, and from how many to how few. */
bool episodes_frozen(const struct episodes *eps, moment_t *since_r, uint32_t *before_r, uint32_t *now_r);

/* What to write: fingerprints that are forgotten (their rows go first: one may have come back since), rows that changed
 * since episodes_load, and the counters. */
size_t episodes_forgotten(const struct episodes *eps, const uint64_t **fingerprints_r);
size_t episodes_len(const struct episodes *eps);
const struct episode *episodes_at(const struct episodes *eps, size_t i); /* sorted by fingerprint */
bool episodes_changed(const struct episodes *eps, size_t i);
void episodes_counters(const struct episodes *eps, struct episode_counters *counters_r);

/* Leader election: see lease_step.h and lease.h. The rules are those of client-go's leaderelection package. */
#include "kube/lease_step.h"

#include "kube/backoff.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define JITTER 1.2 /* client-go's JitterFactor */

void lease_state_init(struct lease_state *s, const char *identity, int64_t duration, int64_t renew_deadline,
                      int64_t retry_period)
{
    *s = (struct lease_state){.identity = identity, .duration = duration, .renew_deadline = renew_deadline,
                              .retry_period = retry_period};
}

/* metav1.MicroTime: Go reads it back only with exactly six digits. */
static void write_time(moment_t t, char out[LEASE_TIME_TEXT])
{
    time_t seconds = (time_t)(t / MOMENT_SECOND);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, LEASE_TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, LEASE_TIME_TEXT - n, ".%06dZ", (int)(t % MOMENT_SECOND));
}

static bool is_ours(const struct lease_state *s)
{
    return s->exists && strcmp(s->seen.holder, s->identity) == 0;
}

/* Somebody holds it, and has renewed it not too long ago by our clock. */
static bool is_held_by_another(const struct lease_state *s, int64_t now)
{
    if (!s->exists || s->seen.holder[0] == '\0' || is_ours(s))
        return false;
    int64_t lasts = s->seen.duration_s > 0 ? s->seen.duration_s * MOMENT_SECOND : s->duration;
    return now < s->seen_at + lasts;
}

bool lease_state_may_act(const struct lease_state *s, int64_t now)
{
    return s->leads && now < s->renewed_sent_at + s->renew_deadline;
}

static void make_record(struct lease_state *s, moment_t wall, bool release)
{
    struct lease_record *w = &s->writing;
    *w = (struct lease_record){.duration_s = release ? 1 : (s->duration + MOMENT_SECOND - 1) / MOMENT_SECOND};
    snprintf(w->holder, sizeof w->holder, "%s", release ? "" : s->identity);
    write_time(wall, w->renewed);
    write_time(wall, w->acquired);
    if (s->exists) /* a Lease that was released counts as another's */
        w->transitions = s->seen.transitions + (is_ours(s) ? 0 : 1);
    if (is_ours(s) && !release && s->seen.acquired[0] != '\0')
        memcpy(w->acquired, s->seen.acquired, sizeof w->acquired);
}

static struct lease_action send(struct lease_state *s, enum lease_do what, enum lease_flight flight, int64_t now)
{
    s->flight = flight;
    s->sent_at = now;
    return (struct lease_action){.what = what};
}

static struct lease_action stop(struct lease_state *s, int64_t now, moment_t wall)
{
    if (!s->leads || !s->fresh || !is_ours(s) || !lease_state_may_act(s, now)) {
        s->leads = false;
        s->stopped = true;
        return (struct lease_action){.what = LEASE_DONE};
    }
    make_record(s, wall, true);
    return send(s, LEASE_RELEASE, LEASE_RELEASING, now);
}

struct lease_action lease_step(struct lease_state *s, int64_t now, moment_t wall)
{
    int64_t lost_at = s->renewed_sent_at + s->renew_deadline;
    if (s->leads && now >= lost_at)
        s->leads = false;
    if (s->stopped)
        return (struct lease_action){.what = LEASE_DONE};
    if (s->flight != LEASE_IDLE)
        return (struct lease_action){.what = LEASE_NOTHING, .at = s->leads ? lost_at : INT64_MAX};
    if (s->stopping)
        return stop(s, now, wall);
    if (now < s->next)
        return (struct lease_action){.what = LEASE_WAIT, .at = s->leads && lost_at < s->next ? lost_at : s->next};
    if (!s->fresh)
        return send(s, LEASE_GET, LEASE_ASKING, now);
    make_record(s, wall, false);
    return send(s, s->exists ? LEASE_UPDATE : LEASE_CREATE, LEASE_WRITING, now);
}

/* When to try again: a leader after RetryPeriod, a candidate with jitter, so that they do not all come at once. */
static void try_later(struct lease_state *s, int64_t now, double roll)
{
    s->next = now + (s->leads ? s->retry_period : jitter(s->retry_period, JITTER, roll));
}

static bool same(const struct lease_record *a, const struct lease_record *b)
{
    return strcmp(a->holder, b->holder) == 0 && strcmp(a->renewed, b->renewed) == 0 &&
           strcmp(a->acquired, b->acquired) == 0 && a->duration_s == b->duration_s && a->transitions == b->transitions;
}

void lease_got(struct lease_state *s, const struct lease_record *record, int64_t now, double roll)
{
    s->flight = LEASE_IDLE;
    bool was = s->exists;
    s->exists = record != NULL;
    if (record != NULL && (!was || !same(&s->seen, record))) {
        s->seen = *record;
        s->seen_at = now;
    }
    if (s->leads && !is_ours(s))
        s->leads = false; /* somebody took it, or it was deleted */
    if (is_held_by_another(s, now)) {
        s->fresh = false;
        try_later(s, now, roll);
    } else {
        s->fresh = true; /* free, or ours: write at once */
        s->next = now;
    }
}

void lease_get_failed(struct lease_state *s, int64_t now, double roll)
{
    s->flight = LEASE_IDLE;
    s->fresh = false;
    try_later(s, now, roll);
}

void lease_wrote(struct lease_state *s, int64_t now)
{
    bool released = s->flight == LEASE_RELEASING;
    s->flight = LEASE_IDLE;
    s->exists = s->fresh = true;
    s->seen = s->writing;
    s->seen_at = now;
    s->leads = !released;
    s->stopped = released;
    s->renewed_sent_at = s->sent_at;
    s->next = now + s->retry_period;
}

void lease_write_failed(struct lease_state *s, bool taken, int64_t now, double roll)
{
    bool released = s->flight == LEASE_RELEASING;
    s->flight = LEASE_IDLE;
    s->fresh = false; /* also when no answer came: it may have been written */
    if (released) {
        s->leads = false;
        s->stopped = true;
        return;
    }
    if (taken)
        s->next = now;
    else
        try_later(s, now, roll);
}

/* What a candidate or leader does next. Pure: no I/O; `now` is the clock that counts suspension, `wall` only goes into
 * records. lease.h has the rules. */
#pragma once

#include "base/err.h"
#include "base/moment.h"

#include <stdbool.h>
#include <stdint.h>

enum { LEASE_HOLDER_MAX = 256, LEASE_TIME_TEXT = 40 };

/* The part of a Lease's spec that election is about. */
struct lease_record {
    char holder[LEASE_HOLDER_MAX];
    int64_t duration_s, transitions;
    char acquired[LEASE_TIME_TEXT], renewed[LEASE_TIME_TEXT]; /* as written; only compared for being the same */
};

enum lease_flight { LEASE_IDLE, LEASE_ASKING, LEASE_WRITING, LEASE_RELEASING };

struct lease_state {
    const char *identity;
    int64_t duration, renew_deadline, retry_period;
    bool leads, stopping, stopped;
    bool exists, fresh;         /* of the Lease: it is there; `seen` is what the server has, as far as we know */
    struct lease_record seen;
    int64_t seen_at;            /* when `seen` was first seen to be so */
    enum lease_flight flight;
    struct lease_record writing;
    int64_t sent_at;            /* when what is in flight was sent */
    int64_t renewed_sent_at;    /* when the last renewal that succeeded was sent */
    int64_t next;               /* when to try again */
};

enum lease_do { LEASE_WAIT, LEASE_NOTHING, LEASE_GET, LEASE_CREATE, LEASE_UPDATE, LEASE_RELEASE, LEASE_DONE };
struct lease_action {
    enum lease_do what;
    int64_t at; /* LEASE_WAIT, LEASE_NOTHING: look again then at the latest */
};

void lease_state_init(struct lease_state *s, const char *identity, int64_t duration, int64_t renew_deadline,
                      int64_t retry_period);
/* Decides. What it says to send counts as sent at `now`; s->writing is the record of a create, update or release. */
struct lease_action lease_step(struct lease_state *s, int64_t now, moment_t wall);

/* What came. `record` NULL: there is no Lease. */
void lease_got(struct lease_state *s, const struct lease_record *record, int64_t now, double roll);
void lease_get_failed(struct lease_state *s, int64_t now, double roll);
void lease_wrote(struct lease_state *s, int64_t now);
/* `taken`: somebody else wrote (conflict, already exists): look at once. */
void lease_write_failed(struct lease_state *s, bool taken, int64_t now, double roll);

/* The fence. */
bool lease_state_may_act(const struct lease_state *s, int64_t now);

/* How much of its limits a policy has used, and when there is room again: the rate and the ramp of reconcile. Pure.
 *
 * A rate counts the Tasks of a sliding window (now - window, now], those that this plan gives included. A creation that
 * lies further ahead than the window is a clock that was set back: it does not count, or the policy would be silent
 * until that time comes. */
#pragma once

#include "reconcile/plan.h"

struct policy_use {
    size_t hour, day;        /* Tasks in the windows before this plan */
    size_t given;            /* by this plan */
    size_t n_waiting;        /* items that wait for the rate */
    /* private */
    size_t hour_from, day_from; /* in policy_limits.created: the first that counts */
    moment_t *waiting;       /* when each of them has its turn, in order; freed with the last decision */
    size_t cap;
};

void policy_use_begin(struct policy_use *use, const struct policy_limits *limits, moment_t now);
void policy_use_end(struct policy_use *use); /* the counts stay */

/* LIMIT_RATE, LIMIT_RAMP, or REASON_NONE: one more Task may come. */
enum reason policy_use_refuses(const struct policy_use *use, const struct policy_limits *limits, uint32_t cycles);
/* One more item waits for the rate: when it has its turn, if those that wait before it take theirs as soon as they may.
 * MOMENT_NONE: nobody can say. */
moment_t policy_use_wait(struct policy_use *use, const struct policy_limits *limits, moment_t now);

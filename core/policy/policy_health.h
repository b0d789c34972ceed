/* What earlier cycles of one spawner have learned about its policies: the circuit breaker. Pure, in memory, one per
 * watched spawner; a new version of a policy (another hash) starts with a clean sheet.
 *
 * Costly failures are those that burn a worker or a whole budget: a kill, a timeout, memory used up. An ordinary Lua
 * error is not one of them: it is cheap, costs its own alert only, and must not let five bad alerts silence a policy.
 *
 *   one kill                      the alert that did it is not asked again under this policy for HEALTH_RETRY
 *   HEALTH_FAILURES_MAX costly failures with no success in between, or JUDGE_DEATHS_MAX kills in one cycle
 *                                 the policy is quarantined for HEALTH_RETRY; then it is half open: one costly failure
 *                                 quarantines it again, one success closes the matter
 *
 * Quarantined is failing closed: no Task, policy.quarantined, asked again later. */
#pragma once

#include "base/moment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HEALTH_FAILURES_MAX = 5,
    HEALTH_POISON_MAX = 1000, /* alerts remembered; the oldest are forgotten */
};
#define HEALTH_RETRY (10 * 60 * MOMENT_SECOND)

enum health_state { HEALTH_GOOD, HEALTH_HALF_OPEN, HEALTH_QUARANTINED };

struct policy_health;
struct policy_health *policy_health_create(void);
void policy_health_free(struct policy_health **h);
/* `file` is a policy's file name ("default.lua" for the bundled one), `hash` its reload unit's. */
enum health_state policy_health_state(struct policy_health *h, const char *file, const char *hash, moment_t now,
                                      moment_t *until_r /* when it is tried again; only QUARANTINED */);
void policy_health_success(struct policy_health *h, const char *file, const char *hash);
/* true: with this failure the policy is quarantined. */
bool policy_health_failure(struct policy_health *h, const char *file, const char *hash, moment_t now);
void policy_health_quarantine(struct policy_health *h, const char *file, const char *hash, moment_t now);
/* How many policies are quarantined at `now`. */
size_t policy_health_quarantined(const struct policy_health *h, moment_t now);
/* The alert cost a worker under some policy. Known poison is not asked while `generation` (policy_files.hash) stands. */
void policy_health_poison(struct policy_health *h, uint64_t fingerprint, uint64_t generation, moment_t now);
bool policy_health_poisoned(struct policy_health *h, uint64_t fingerprint, uint64_t generation, moment_t now,
                            moment_t *until_r);

/* Is the engine alive, is it ready: /healthz and /readyz, as text, or as JSON for `Accept: application/json` and ?format=json.
 *
 * The server turns on the same loop as everything else. So a loop that is stuck cannot answer at all: whoever probes runs
 * into its own time-out, and that is the honest answer; a thread that said "alive" beside a dead loop would lie. What is
 * said here on top of that: how late the loop was lately, and the conditions that other parts report.
 *
 * /healthz asks "would a restart help?": it fails only for conditions that were made with health_live. /readyz asks "does it do
 * its work, or could it at once?": it fails for any condition that does not hold. A replica that does not lead is
 * ready: it can take over (health_standby). */
#pragma once

#include "net/server.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HEALTH_TICK_MS = 500,        /* how often the loop's lag is measured */
    HEALTH_STALL_MS = 2000,      /* a lag that is counted as a stall, and logged */
    HEALTH_WINDOW_S = 60,        /* "lately" */
};

struct health;
struct health_condition;

/* Starts measuring the loop. */
struct health *health_create(uv_loop_t *loop);
void health_free(struct health **h); /* the loop must run on */
void health_routes(struct health *h, struct http_server *s);

/* A condition of readiness (or of being alive) that starts as not met, with a sentence why. `name` is a literal: a word for
 * programs, such as "spawners". Conditions live as long as `h`. */
struct health_condition *health_ready(struct health *h, const char *name, const char *why_not_yet);
struct health_condition *health_live(struct health *h, const char *name, const char *why_not_yet);
/* Says how it stands now. The sentence says what is, for a person, and holds no secret and nothing of an alert. */
void health_say(struct health_condition *c, bool met, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Or asked for when somebody asks: `look` calls health_say. */
void health_on_asked(struct health_condition *c, void (*look)(void *arg, struct health_condition *c), void *arg);
/* Not asked of a replica that only stands by. */
void health_of_leader(struct health_condition *c);
/* This replica does not lead (or does again: `why` NULL); why, for a person: "the lease is held by pod-b". */
void health_standby(struct health *h, const char *why);

struct health_lag {
    int64_t worst_us; /* within HEALTH_WINDOW_S */
    uint64_t stalls;  /* since the start */
    int64_t stalled_us; /* how long all of them took together */
};
struct health_lag health_lag(const struct health *h);

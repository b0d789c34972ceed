/* A replay: what an Alertmanager answered over time, given to the same cycles that a running engine runs, with a virtual
 * clock and virtual Tasks. Nothing here decides anything about an alert: cycle_start does, with its judge, its worker, its
 * plan. What is here is when: each spawner has a cycle for every recorded answer of its Alertmanager, but not more often
 * than its pollInterval, and one more when one of its Tasks has finished or gone, as watch.c has it. Between two answers
 * the last one stands, at most REPLAY_ANSWER_KEEP long: in a gap of the recording nothing is known, and no cycle is run.
 *
 * Several sides go through one recording together: each with its own documents, policies and Tasks, none knows of the
 * others. Two replays of the same things have the same histories. */
#pragma once

#include "policy/policy_set.h"
#include "policy/worker_pool.h"
#include "replay/history.h"
#include "replay/recording.h"
#include "spawner/cycle.h"
#include "spawner/spawner.h"
#include "tasks/virtual/virtual.h"

#include <uv.h>

#define REPLAY_ANSWER_KEEP (10 * 60 * MOMENT_SECOND)

/* What stays the caller's and outlives the replay. */
struct replay_side {
    const struct spawner_set *spawners;
    struct policy_set *policies;
};

struct replay_options {
    struct replay_side sides[2];
    size_t n_sides;
    struct worker_pool *pool;
    struct virtual_options tasks; /* but for its callback */
    struct judge_limits limits;
    struct judge_explain explain; /* of the cycles; zero: nothing is */
    /* Told of every row of every complete cycle, of all sides; may be NULL. */
    void (*row)(void *arg, struct cycle *c, size_t row);
    /* Called now and then, for a progress line; may be NULL. */
    void (*progress)(void *arg, moment_t now, uint32_t polls, uint64_t tasks);
    void *arg;
};

struct replay_result {
    struct history *sides[2];
    uint32_t polls, failed_polls;
    moment_t from, to;         /* of the polls; MOMENT_NONE: there was none */
    uint32_t gaps;             /* times without an answer for longer than REPLAY_ANSWER_KEEP */
    int64_t gaps_us;
};

/* Runs the loop until it is done. Cycles that fail are in the histories; -1: the recording cannot be read, no spawner's
 * Alertmanager is in it, or the store failed. Free the result in both cases. */
int replay_run(uv_loop_t *loop, struct recording *recording, const struct replay_options *options,
               struct replay_result *result_r, struct err *e);
void replay_result_deinit(struct replay_result *r);

/* --decision-log: decisions as JSON lines (spawner/decision.h) in a file that is rotated by size. Writing happens in
 * libuv's thread pool: a cycle never waits for a disk. Lines wait in memory meanwhile, up to a ceiling; what does not fit,
 * or cannot be written, is counted (metrics) and said once.
 *
 * Which decisions: all of `all`; otherwise what happened, not what stayed. Every created, retriggered and cancelled Task,
 * and everything else (skip, wait, error) when verdict, reason or the policy's version differ from what was written last
 * of that alert. An alert that was away is new when it comes back, and so is every alert after a restart. */
#pragma once

#include "base/err.h"
#include "spawner/cycle.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { DECISION_LOG_WAITING_MAX = 256 * 1024 * 1024 }; /* bytes that wait to be written */

struct decision_log_options {
    const char *path; /* "-": standard output */
    uint64_t max_bytes;
    unsigned keep;
    bool all;
};

struct decision_log;
struct metrics;
/* -1: the file cannot be opened. */
int decision_log_open(uv_loop_t *loop, const struct decision_log_options *o, struct metrics *m, struct decision_log **log_r,
                      struct err *e);
/* A cycle that is done. */
void decision_log_cycle(struct decision_log *log, struct cycle *c);
/* SIGHUP: the file is opened anew. */
void decision_log_reopen(struct decision_log *log);
/* Writes what waits; the loop must run on. */
void decision_log_close(struct decision_log **log);

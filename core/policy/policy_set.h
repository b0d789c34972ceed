/* The policies that serve: one generation at a time, never changed, shared by the cycles that began under it.
 *
 * A reload unit is a policy file with the lib_*.lua that it includes and its specs (policy_gate.h). When the files of
 * --policies change, every unit that changed is loaded in a worker first, and its specs run. One that loads and passes serves from
 * then on; one that does not keeps its last good version (with the libraries of then), and status, log and `check` say so; one that never
 * loaded is broken (policy.load: its alerts get no Task until somebody mends it). A unit whose file is gone is gone. So
 * a generation may hold different versions of one library, and a cycle never sees half of an update.
 *
 * Changes are noticed by the directory's events (a mounted ConfigMap: its ..data link moves) and, as a backstop, by
 * reading it every POLICY_SET_EVERY_MS; they are taken up once two readings in a row, POLICY_SET_SETTLE_MS apart, are
 * the same, so that a file that is being written is not taken half. */
#pragma once

#include "base/err.h"
#include "policy/judge.h"
#include "policy/policy_files.h"
#include "policy/worker_pool.h"

#include <stdbool.h>
#include <uv.h>

enum {
    POLICY_SET_EVERY_MS = 10 * 1000,
    POLICY_SET_SETTLE_MS = 200,
    POLICY_SET_RETRY_MS = 10 * 60 * 1000,
    POLICY_SET_LINTS_MAX = 100, /* different warnings of one reading that are logged */
};

struct policy_set;

/* Reads `dir` (NULL: no files) once. -1: it cannot be read at all. */
int policy_set_create(const char *dir, struct policy_set **set_r, struct err *e);
/* Before anything is judged: where specs lie beside the policies, loads them and runs those specs, and the loop with them.
 * What fails does not serve, and is logged. -1: it could not be tried. Nothing happens when there are no specs. */
int policy_set_examine(struct policy_set *set, struct worker_pool *pool, const struct judge_limits *limits, struct err *e);
/* `run` only: examines what was read, then follows changes, and logs both. `changed` is called when other versions
 * serve than before, or other problems are known: a reason for every spawner's cycle. Before the first examination
 * policy_set_get serves what was read. A directory that goes away, or that cannot be read, changes nothing but the
 * problems. What failed is tried again every POLICY_SET_RETRY_MS, too: a worker may have died of the machine's
 * troubles. */
int policy_set_follow(struct policy_set *set, uv_loop_t *loop, struct worker_pool *pool,
                      const struct judge_limits *limits, void (*changed)(void *arg), void *arg, struct err *e);
void policy_set_stop(struct policy_set *set); /* no more examinations; the loop must run on to close what is open */
/* Stops, too. Every generation has been given back. */
void policy_set_free(struct policy_set **set);

/* The generation that serves now. Give it back. */
const struct policy_files *policy_set_get(struct policy_set *set);
void policy_set_put(struct policy_set *set, const struct policy_files *files);

/* What is wrong with the files as they lie there now: "10-payments.lua:31: ...; its last good version 9f2c4e51a07b of
 * 2026-11-24T14:05:00Z serves", in order of files, after what concerns them all. Empty: the generation is what lies
 * there. Without policy_set_follow only what reading the files can tell. */
size_t policy_set_problems(const struct policy_set *set);
const char *policy_set_problem(const struct policy_set *set, size_t i);
/* When what lay there was last taken up without a problem; MOMENT_NONE: not yet. */
moment_t policy_set_good_at(const struct policy_set *set);
/* Has the set logged this sentence, as a problem that it has now? Then nobody else needs to. */
bool policy_set_logged(const struct policy_set *set, const char *sentence);

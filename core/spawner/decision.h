/* The decision record: all that is known of one decision, as one JSON object. Made here and nowhere else; `plan` and
 * `once -o json`, `why`, the decision log and the HTTP API print it. The names are a contract (docs/why.md).
 *
 * Always: time, spawner, namespace, fingerprint, alertname, startsAt, verdict, reason, detail, task, policy, policyHash,
 * generation (of all policy files). Where they are: key, identity, priority, eligibleAt, notes, existing (the Task that is
 * there, or was), leader (of its group, or who takes its Task name), limits (those that it is held to: how many of how
 * many are used, what this cycle creates included), would_change (a sentence: what would have to be otherwise). When it
 * was explained (cycle_env.explain): labels, seen (what is remembered of the alert), policies (how each policy's match did), chain (every hook that was called). */
#pragma once

#include "base/buf.h"
#include "spawner/cycle.h"

#include <cjson/cJSON.h>

struct chain;

/* Row i of a finished cycle (cycle_rows). The caller's. */
cJSON *decision_make(struct cycle *c, size_t row);
/* Appends it as one line with its newline: the decision log. */
void decision_line(struct cycle *c, size_t row, struct buf *line);

/* How it came about, as long as the cycle lives; NULL: it was not explained. */
const struct chain *decision_chain(const struct cycle *c, size_t row);

/* The members `policies`, `chain` and `trace`, for who has a chain without a cycle. With the alert, names that a hook read
 * in vain come with the one that they may mean; NULL: without. */
struct alert;
void decision_add_chain(cJSON *decision, const struct chain *chain, const struct alert *a);
/* The other way round, for who prints a record that came over HTTP; what is not there is left out. chain_clear */
void decision_take_chain(const cJSON *decision, struct chain *chain_r);

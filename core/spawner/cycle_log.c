/* What a cycle says in the log: see cycle_private.h. */
#include "spawner/cycle_private.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

/* A policy that does not load says the same of every alert: each sentence is logged once a cycle, and not more than so
 * many different ones. */
enum { ERRORS_LOGGED = 20 };

static void log_error_row(struct cycle *c, const struct cycle_row *row, uint64_t said[ERRORS_LOGGED], size_t *n_said)
{
    uint64_t h = XXH3_64bits_withSeed(row->detail, strlen(row->detail), XXH3_64bits(row->reason, strlen(row->reason)));
    for (size_t i = 0; i < *n_said; i++)
        if (said[i] == h)
            return;
    if (*n_said == ERRORS_LOGGED)
        return;
    said[(*n_said)++] = h;
    log_error(c->who, "alert %s (%s): %s: %s", row->alertname, row->fingerprint, row->reason, row->detail);
}

/* One line for each Task, one for the cycle: what an operator greps for. */
void cycle_log(struct cycle *c)
{
    size_t counts[VERDICT_COUNT], n_said = 0;
    uint64_t said[ERRORS_LOGGED];
    cycle_count(c, counts);
    struct cycle_row row;
    char cancelled[40] = "";
    if (counts[VERDICT_CANCEL] > 0)
        snprintf(cancelled, sizeof cancelled, ", %zu cancelled", counts[VERDICT_CANCEL]);
    for (size_t i = 0; i < cycle_rows(c); i++) {
        cycle_row(c, i, &row);
        if (row.verdict == VERDICT_CREATE || row.verdict == VERDICT_RETRIGGER)
            log_info(c->who, "%s Task %s for %s (%s): %s, policy %s %s",
                     row.verdict == VERDICT_CREATE ? "created" : "retriggered", row.task, row.alertname, row.fingerprint,
                     row.reason, row.policy, row.policy_hash);
        else if (row.verdict == VERDICT_CANCEL)
            log_info(c->who, "cancelled Task %s of %s (%s): %s, policy %s %s", row.task, row.alertname, row.fingerprint,
                     row.reason, row.policy, row.policy_hash);
        else if (row.verdict == VERDICT_ERROR)
            log_error_row(c, &row, said, &n_said);
        else
            log_debug(c->who, "alert %s (%s): %s %s %s", row.alertname, row.fingerprint, verdict_name(row.verdict),
                      row.reason, row.detail);
    }
    log_info(c->who, "cycle done: %zu alerts: %zu created, %zu retriggered, %zu skipped, %zu waiting, %zu errors%s",
             cycle_alerts(c), counts[VERDICT_CREATE], counts[VERDICT_RETRIGGER], counts[VERDICT_SKIP],
             counts[VERDICT_WAIT], counts[VERDICT_ERROR], cancelled);
}

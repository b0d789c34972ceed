/* The source's own selectors: which alerts of Alertmanager's answer belong to a spawner. Pure.
 *
 * alertNames: any equal. labels: all equal. severities: any equal to label "severity". excludeLabels: any equal
 * excludes. Groups are ANDed; exact and case-sensitive; an absent label equals "". State must be active or unprocessed
 * and nothing in silencedBy or inhibitedBy; endsAt is ignored (it lies in the future for firing alerts). */
#pragma once

#include "alerts/alert.h"
#include "reconcile/reason.h"

#include <stddef.h>

struct label_pair {
    char *name, *value;
};

struct selector {
    char **alert_names;
    size_t n_alert_names;
    struct label_pair *labels;
    size_t n_labels;
    struct label_pair *exclude_labels;
    size_t n_exclude_labels;
    char **severities;
    size_t n_severities;
};

/* REASON_NONE when the alert is selected, else the first of source.state, source.silenced, source.inhibited,
 * source.alertname, source.labels, source.severity, source.exclude_labels that fails, in this order. */
enum reason selector_judge(const struct selector *s, const struct alert *a);

/* Appends the query "active=true&silenced=false&inhibited=false&filter=..." : one percent-encoded, quoted matcher per
 * filter parameter, so that Alertmanager does the coarse work. Alternatives (alertNames, severities) become one anchored
 * regular expression with every RE2 metacharacter quoted. Matchers that this Alertmanager generation could misread
 * (a label name that is not [a-zA-Z_][a-zA-Z0-9_]*) are left out: selector_judge checks them again anyway. So is one
 * that would make the query longer than SELECTOR_QUERY_MAX: proxies refuse request lines of more than 8 KiB. */
enum { SELECTOR_QUERY_MAX = 6 * 1024 };
void selector_query(const struct selector *s, struct buf *query);
/* The query for alerts in whatever state, of this name (NULL: all): "active=true&silenced=true&...". */
void selector_lookup_query(const char *alertname, struct buf *query);
/* For a person: by which selector `reason` (of selector_judge) came, and what the alert has instead: "wants
 * namespace=production; it has "staging"". Alert text is not escaped. */
void selector_tell(const struct selector *s, const struct alert *a, enum reason reason, struct buf *b);
void selector_deinit(struct selector *s);

/* What was last written of each alert of each spawner, so that only news is written again. Pure; 16 bytes an alert. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decision_seen;
struct decision_seen *decision_seen_create(void);
void decision_seen_free(struct decision_seen **s);

/* A cycle of a spawner: begin, one question for each of at most `n` alerts, end. Alerts that were not asked about are
 * forgotten with the end. */
void decision_seen_begin(struct decision_seen *s, const char *ns, const char *name, size_t n);
/* Is `what` (a hash of what would be written) other than the last time? Remembers it. */
bool decision_seen_is_news(struct decision_seen *s, uint64_t alert, uint64_t what);
void decision_seen_end(struct decision_seen *s);
/* Everything is news again. */
void decision_seen_clear(struct decision_seen *s);

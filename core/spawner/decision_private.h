/* What decision.c (the record) and decision_change.c (what would have to be otherwise) share, and why.c uses. */
#pragma once

#include "spawner/cycle_private.h"
#include "spawner/decision.h"

/* Appends the sentence, or nothing when it has its Task. */
void decision_would_change(struct cycle *c, size_t n, const struct cycle_row *row, struct buf *b);
/* The member `labels`. */
void decision_add_labels(const struct alert *a, cJSON *o);
/* The sentence for a reason source.*: nothing else is known. */
const char *decision_source_change(enum reason reason);

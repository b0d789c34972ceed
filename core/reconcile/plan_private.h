/* What plan.c (who there is) and plan_decide.c (what becomes of them) share. */
#pragma once

#include "reconcile/plan.h"

/* qsort_r: item numbers by (priority, order of arrival); the last argument is the items. */
int plan_by_place(const void *a, const void *b, void *items);

static inline void decide(struct decision *d, enum verdict verdict, enum reason reason)
{
    d->verdict = verdict;
    d->reason = reason;
}

/* What plan.c (who there is) and plan_decide.c (what becomes of them) share. */
#pragma once

#include "reconcile/plan.h"

static inline void decide(struct decision *d, enum verdict verdict, enum reason reason)
{
    d->verdict = verdict;
    d->reason = reason;
}

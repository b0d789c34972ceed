/* Verdicts and reasons of decisions, generated from reasons.def: the closed list for logs, metrics, plan, and docs. */
#pragma once

enum reason {
    REASON_NONE = 0,
#define REASON(name, code, meaning) REASON_##name,
#include "reconcile/reasons.def"
#undef REASON
    REASON_COUNT
};

enum verdict {
    VERDICT_CREATE,
    VERDICT_RETRIGGER,
    VERDICT_SKIP,
    VERDICT_WAIT,
    VERDICT_ERROR,
    VERDICT_CANCEL, /* of a Task, not of an alert: it goes before it has started */
    VERDICT_COUNT
};

const char *reason_code(enum reason r);    /* "source.labels"; "" for REASON_NONE */
const char *reason_meaning(enum reason r);
int reason_parse(const char *code, enum reason *r_r); /* exact code; -1 if none */
const char *verdict_name(enum verdict v);  /* "create", "retrigger", "skip", "wait", "error", "cancel" */

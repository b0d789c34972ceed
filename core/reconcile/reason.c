/* Names of verdicts and reasons: see reason.h. */
#include "reconcile/reason.h"

#include <string.h>

static const struct {
    const char *code, *meaning;
} table[REASON_COUNT] = {
    [REASON_NONE] = {"", ""},
#define REASON(name, code, meaning) [REASON_##name] = {code, meaning},
#include "reconcile/reasons.def"
#undef REASON
};

const char *reason_code(enum reason r)
{
    return table[r].code;
}

const char *reason_meaning(enum reason r)
{
    return table[r].meaning;
}

int reason_parse(const char *code, enum reason *r_r)
{
    for (int i = 1; i < REASON_COUNT; i++)
        if (strcmp(table[i].code, code) == 0) {
            *r_r = (enum reason)i;
            return 0;
        }
    return -1;
}

const char *verdict_name(enum verdict v)
{
    static const char *const names[VERDICT_COUNT] = {"create", "retrigger", "skip", "wait", "error", "cancel"};
    return names[v];
}

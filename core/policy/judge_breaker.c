/* What costly failures cost beyond their own alert: the policy is silenced for a while (policy_health.h), the alert is
 * not asked again for a while. And what earlier cycles have found out is told to this one's workers. */
#include "policy/judge_private.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

size_t judge_find_file(const struct judge *j, const char *file)
{
    size_t i = 0;
    while (i < j->setup.files->n && strcmp(j->setup.files->files[i].name, file) != 0)
        i++;
    return i;
}

/* --- policies --- */

/* "until 2026-11-24T14:12:10Z"; what nobody remembers ends with the cycle. */
static char *until_text(const struct judge *j, const struct policy_info *p)
{
    char at[MOMENT_TEXT];
    moment_t until;
    if (j->own_health != NULL ||
        policy_health_state(j->health, p->file, p->hash, j->setup.now, &until) != HEALTH_QUARANTINED)
        return xstrdup("for this cycle");
    moment_format_s(until, at);
    return xasprintf("until %s", at);
}

static void quarantine(struct judge *j, const struct policy_info *p, const char *why)
{
    size_t i = judge_find_file(j, p->file);
    if (j->quarantined[i]) /* [n]: the default policy */
        return;
    j->quarantined[i] = true;
    j->outdated = true;
    char *until = until_text(j, p), *text = xasprintf("%s %s: it is quarantined %s", p->file, why, until);
    judge_note_add(j, text);
    free(text);
    free(until);
}

static bool quarantine_if_known(struct judge *j, const struct policy_info *p)
{
    moment_t until;
    if (j->quarantined[judge_find_file(j, p->file)] ||
        policy_health_state(j->health, p->file, p->hash, j->setup.now, &until) != HEALTH_QUARANTINED)
        return false;
    quarantine(j, p, "has cost too much in earlier cycles");
    return true;
}

bool judge_quarantine_known(struct judge *j)
{
    bool any = quarantine_if_known(j, &j->names[0]->info);
    for (size_t i = 0; i < j->n_policies; i++)
        any = quarantine_if_known(j, &j->policies[i].info) || any;
    return any;
}

char *judge_explain_quarantine(const struct judge *j, uint32_t policy, enum reason reason, struct wire_text *detail)
{
    const struct policy_info *p = &j->names[policy]->info;
    if (reason != REASON_POLICY_QUARANTINED || p->file[0] == '\0')
        return NULL;
    char *until = until_text(j, p), *text = xasprintf("%s has cost too much: it is quarantined %s", p->file, until);
    free(until);
    *detail = (struct wire_text){text, utf8_cut(text, strlen(text), WIRE_TEXT_SHOWN)};
    return text;
}

static bool contains(struct wire_text t, const char *part)
{
    return memmem(t.s, t.len, part, strlen(part)) != NULL;
}

void judge_report_answer(struct judge *j, uint32_t policy, enum reason reason, struct wire_text detail)
{
    const struct policy_info *p = &j->names[policy]->info;
    if (p->file[0] == '\0' || j->quarantined[j->names[policy]->file])
        return;
    switch (reason) {
    case REASON_NONE:
    case REASON_POLICY_FILTER:
    case REASON_POLICY_RETRIGGER:
    case REASON_POLICY_CODE:
        policy_health_success(j->health, p->file, p->hash);
        return;
    case REASON_POLICY_TIMEOUT:
        if (contains(detail, WIRE_ALL_HOOKS)) /* that is everybody's doing */
            return;
        break;
    case REASON_POLICY_MEMORY:
        if (contains(detail, WIRE_ALL_MEMORY))
            return;
        break;
    case REASON_POLICY_KILLED:
        break;
    default: /* an ordinary error is cheap */
        return;
    }
    if (policy_health_failure(j->health, p->file, p->hash, j->setup.now))
        quarantine(j, p, "has used up all of its time or memory again and again");
}

void judge_report_death(struct judge *j, const struct policy_info *p, uint32_t deaths)
{
    bool enough = policy_health_failure(j->health, p->file, p->hash, j->setup.now);
    if (deaths >= JUDGE_DEATHS_MAX) {
        char *why = xasprintf("has killed %d workers", JUDGE_DEATHS_MAX);
        policy_health_quarantine(j->health, p->file, p->hash, j->setup.now);
        quarantine(j, p, why);
        free(why);
    } else if (enough) {
        quarantine(j, p, "has cost a worker again");
    }
}

/* --- alerts --- */

void judge_report_poison(struct judge *j, size_t item)
{
    policy_health_poison(j->health, judge_fingerprint_of(j, item), j->setup.files->hash, j->setup.now);
}

void judge_refuse_poisoned(struct judge *j)
{
    if (j->own_health != NULL && j->task == ASK_JUDGE)
        return;
    for (size_t i = 0; i < j->n; i++) {
        char at[MOMENT_TEXT], again[MOMENT_TEXT];
        moment_t until;
        if (!judge_is_open(j, i) ||
            !policy_health_poisoned(j->health, judge_fingerprint_of(j, i), j->setup.files->hash, j->setup.now, &until))
            continue;
        moment_format_s(until - HEALTH_RETRY, at);
        moment_format_s(until, again);
        char *text = xasprintf("it cost a worker at %s; it is asked again at %s", at, again);
        judge_refuse(j, i, REASON_POLICY_QUARANTINED, judge_name_number(j, ""), text);
        free(text);
    }
}

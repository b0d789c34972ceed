/* What would have to be otherwise for an alert to get its Task: see decision.h. */
#include "spawner/decision_private.h"

#include "alerts/identity.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

const char *decision_source_change(enum reason reason)
{
    switch (reason) {
    case REASON_SOURCE_STATE:
        return "when Alertmanager says that it is active";
    case REASON_SOURCE_SILENCED:
        return "when the silence ends";
    case REASON_SOURCE_INHIBITED:
        return "when the alert that inhibits it has resolved";
    case REASON_SOURCE_ALERTNAME:
        return "if the document's alertNames held its name";
    case REASON_SOURCE_LABELS:
        return "if its labels, or the document's, were the same";
    case REASON_SOURCE_SEVERITY:
        return "if the document's severities held its severity";
    case REASON_SOURCE_EXCLUDE_LABELS:
        return "if the document's excludeLabels did not name it";
    default:
        return "";
    }
}

/* The layer that decided in a hook, or where it failed; NULL: nobody knows. */
static const struct chain_link *spoken(const struct cycle *c, size_t n, bool error, uint32_t hook)
{
    const struct chain *chain = decision_chain(c, n);
    for (size_t i = 0; chain != NULL && i < chain->n_links; i++) {
        const struct chain_link *l = &chain->links[i];
        if (error ? l->error[0] != '\0' : (l->bits & CHAIN_DECIDED) && l->hook == hook)
            return l;
    }
    return NULL;
}

/* "when retrigger (10-payments.lua:31) says otherwise" */
static void by_policy(const struct cycle *c, size_t n, uint32_t hook, struct buf *b)
{
    const struct chain_link *l = spoken(c, n, false, hook);
    if (l != NULL && l->by[0] != '\0')
        buf_addf(b, "when %s says otherwise (%s)", black_box_hook_name(hook), l->by);
    else
        buf_addf(b, "when the policy's %s says otherwise", black_box_hook_name(hook));
}

static void mended(const struct cycle *c, size_t n, struct buf *b)
{
    const struct chain_link *l = spoken(c, n, true, 0);
    if (l != NULL && l->by[0] != '\0')
        buf_addf(b, "when %s is mended: every cycle asks again", l->by);
    else if (judge_policy_info(c->judge, judge_at(c->judge, n)->policy)->file[0] != '\0')
        buf_addf(b, "when %s is mended: every cycle asks again",
                 judge_policy_info(c->judge, judge_at(c->judge, n)->policy)->file);
    else
        buf_adds(b, "when the policy is mended: every cycle asks again");
}

static void at(const struct cycle_row *row, const char *lead, struct buf *b)
{
    char text[MOMENT_TEXT];
    if (row->eligible_at == MOMENT_NONE) {
        buf_adds(b, "nobody can say when");
        return;
    }
    moment_format_s(moment_ceil_s(row->eligible_at), text);
    buf_addf(b, "%s %s", lead, text);
}

static void of_concurrency(const struct cycle *c, size_t item, struct buf *b)
{
    const struct policy_limits *own = &c->policies[c->items[item].policy];
    if (own->reserve_slots > 0 && c->items[item].priority > own->reserve_priority)
        buf_addf(b, "when one of the unfinished Tasks finishes, or with a priority of %" PRId16 " or lower (it has %" PRId16
                    "), for which %" PRIu32 " slots are reserved",
                 own->reserve_priority, c->items[item].priority, own->reserve_slots);
    else
        buf_addf(b, "when one of the %zu unfinished Tasks finishes (those of this cycle included), or with a larger "
                    "maxConcurrency than %" PRId32,
                 c->plan->active + c->plan->n_work - c->plan->n_failed, c->spawner->max_concurrency);
}

static void of_finished(const struct cycle *c, size_t n, size_t item, struct buf *b)
{
    char text[MOMENT_TEXT];
    const struct task_fact *t = plan_existing(c->plan, item);
    const struct chain_link *l = spoken(c, n, false, HOOK_RETRIGGER);
    if (t != NULL && t->completed_at != MOMENT_NONE) {
        moment_format_s(t->completed_at, text);
        buf_addf(b, "when it resolves and fires again after %s", text);
    } else {
        buf_adds(b, "when its Task is deleted");
    }
    if (l != NULL && l->by[0] != '\0')
        buf_addf(b, " (retrigger, %s)", l->by);
}

static void of_item(struct cycle *c, size_t n, size_t item, enum reason reason, const struct cycle_row *row, struct buf *b)
{
    const struct decision *d = &c->plan->decisions[item];
    char fp[IDENTITY_TEXT];
    switch (reason) {
    case REASON_GROUP_MEMBER:
        identity_format(c->items[d->leader].fingerprint, fp);
        buf_addf(b, "when alert %s, which leads its group, has resolved, or with another key", fp);
        break;
    case REASON_DEDUP_NAME:
        identity_format(c->items[d->leader].fingerprint, fp);
        buf_addf(b, "with another Task name than that of alert %s (nameTemplate)", fp);
        break;
    case REASON_DEDUP_ACTIVE:
        buf_addf(b, "when Task %s finishes, and it fires again after that", row->task);
        break;
    case REASON_DEDUP_FINISHED:
        of_finished(c, n, item, b);
        break;
    case REASON_WAIT_RECREATE:
    case REASON_WAIT_ELIGIBLE:
        at(row, "eligible again at", b);
        break;
    case REASON_WAIT_DELETION:
        buf_addf(b, "when Task %s is deleted for good", row->task);
        break;
    case REASON_LIMIT_TOTAL:
        buf_addf(b, "with a larger maxTotalTasks than %" PRId32, c->spawner->max_total_tasks);
        break;
    case REASON_LIMIT_RATE:
    case REASON_LIMIT_RAMP:
        at(row, "eligible at", b);
        break;
    case REASON_LIMIT_CONCURRENCY:
        of_concurrency(c, item, b);
        break;
    case REASON_POLICY_SHADOW:
        buf_addf(b, "without mode = \"shadow\" in %s", judge_policy_info(c->judge, judge_at(c->judge, n)->policy)->file);
        break;
    case REASON_POLICY_RETRIGGER:
    case REASON_POLICY_CODE:
        by_policy(c, n, HOOK_RETRIGGER, b);
        break;
    case REASON_ERROR_COLLISION:
        buf_addf(b, "when Task %s, which is another spawner's, is gone", row->task);
        break;
    case REASON_ERROR_NAME:
    case REASON_ERROR_TEMPLATE:
    case REASON_ERROR_TASK:
        buf_adds(b, "when the template, or what the alert puts into it, is mended: every cycle tries again");
        break;
    case REASON_ERROR_STORE:
        buf_adds(b, "the next cycle tries again");
        break;
    default:
        mended(c, n, b);
    }
}

static void of_judgement(struct cycle *c, size_t n, enum reason reason, struct buf *b)
{
    switch (reason) {
    case REASON_POLICY_FILTER:
    case REASON_POLICY_CODE:
        by_policy(c, n, HOOK_FILTER, b);
        break;
    case REASON_POLICY_QUARANTINED:
        buf_adds(b, "when the quarantine is over and its policy no longer costs a worker");
        break;
    case REASON_POLICY_MISSING:
        buf_addf(b, "when --policies holds a policy named '%s', or the document names another",
                 c->spawner->policy != NULL ? c->spawner->policy : "");
        break;
    case REASON_POLICY_LOAD:
        buf_adds(b, "when that file loads: no other policy may judge what might be its own");
        break;
    case REASON_ERROR_NAME:
        buf_adds(b, "when nameTemplate, or what the alert puts into it, is mended: every cycle tries again");
        break;
    default:
        mended(c, n, b);
    }
}

void decision_would_change(struct cycle *c, size_t n, const struct cycle_row *row, struct buf *b)
{
    enum reason reason;
    size_t item;
    if (n >= alert_set_len(c->set) || row->verdict == VERDICT_CREATE || row->verdict == VERDICT_RETRIGGER)
        return;
    if (reason_parse(row->reason, &reason) != 0)
        reason = REASON_POLICY_CODE;
    enum reason source = alert_set_at(c->set, n)->reason;
    if (source == REASON_ERROR_ALERT)
        buf_adds(b, "when Alertmanager sends it as an alert");
    else if (source != REASON_NONE)
        buf_adds(b, decision_source_change(source));
    else if (cycle_item(c, n, &item) != NULL)
        of_item(c, n, item, reason, row, b);
    else
        of_judgement(c, n, reason, b);
}

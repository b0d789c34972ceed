/* The report of a cycle: one decision for every alert that Alertmanager returned, made when somebody asks for it, so that
 * 100,000 of them need no memory of their own. */
#include "spawner/cycle_private.h"

#include "alerts/identity.h"
#include "reconcile/policy_use.h"

#include <inttypes.h>
#include <string.h>

size_t cycle_alerts(const struct cycle *c)
{
    return c->failed || c->plan == NULL ? 0 : alert_set_len(c->set);
}

size_t cycle_rows(const struct cycle *c)
{
    return c->failed || c->plan == NULL ? 0 : alert_set_len(c->set) + c->n_endings;
}

static void add_time(struct buf *b, const char *before, moment_t t)
{
    char text[MOMENT_TEXT];
    moment_format_s(t, text);
    buf_addf(b, "%s%s", before, text);
}

static void add_eligible(struct buf *b, const char *before, moment_t t)
{
    if (t != MOMENT_NONE)
        add_time(b, before, moment_ceil_s(t));
}

/* Which window is full; several may be. */
static void rate_detail(const struct policy_limits *limits, const struct policy_use *use, const char *hourly,
                        const char *daily, struct buf *b)
{
    if (use == NULL)
        return;
    size_t hour = use->hour + use->given, day = use->day + use->given;
    if (limits->per_hour > 0 && hour >= limits->per_hour)
        buf_addf(b, "%s%zu of %" PRIu32 " Tasks in the last hour (%s)", b->len > 0 ? ", " : "", hour, limits->per_hour, hourly);
    if (limits->per_day > 0 && day >= limits->per_day)
        buf_addf(b, "%s%zu of %" PRIu32 " Tasks in the last day (%s)", b->len > 0 ? ", " : "", day, limits->per_day, daily);
}

/* Which limit holds an item back, and until when. */
static void limit_detail(const struct cycle *c, const struct item *item, const struct decision *d, struct buf *b)
{
    const struct policy_limits *limits = &c->policies[item->policy];
    const struct policy_use *use = &c->plan->use[item->policy], *all = c->plan->spawner_use;
    if (d->reason == REASON_LIMIT_RATE) {
        rate_detail(limits, use, "per_hour", "per_day", b);
        rate_detail(&c->own_limits, all, "limits.perHour", "limits.perDay", b);
    } else if (d->reason == REASON_LIMIT_TOTAL)
        buf_addf(b, "maxTotalTasks is %" PRId32, c->spawner->max_total_tasks);
    else if (d->reason == REASON_LIMIT_RAMP && all != NULL && c->own_limits.ramp > 0 &&
             (limits->ramp == 0 || c->own_limits.ramp < limits->ramp))
        buf_addf(b, "%zu Tasks in this cycle, %" PRIu32 " complete before it (limits.ramp %" PRIu32 ")", all->given,
                 c->run != NULL ? c->run->cycles : 0, c->own_limits.ramp);
    else if (d->reason == REASON_LIMIT_RAMP)
        buf_addf(b, "%zu Tasks in this cycle, %" PRIu32 " complete before it (ramp %" PRIu32 ")", use->given,
                 c->run != NULL ? c->run->cycles : 0, limits->ramp);
    else if (c->own_limits.reserve_slots > limits->reserve_slots && item->priority > c->own_limits.reserve_priority)
        buf_addf(b, "maxConcurrency is %" PRId32 ", %" PRIu32 " of it reserved for priority %" PRId16 " and better (limits.reserve)",
                 c->spawner->max_concurrency, c->own_limits.reserve_slots, c->own_limits.reserve_priority);
    else if (limits->reserve_slots > 0 && item->priority > limits->reserve_priority)
        buf_addf(b, "maxConcurrency is %" PRId32 ", %" PRIu32 " of it reserved for priority %" PRId16 " and better (reserve)",
                 c->spawner->max_concurrency, limits->reserve_slots, limits->reserve_priority);
    else
        buf_addf(b, "maxConcurrency is %" PRId32, c->spawner->max_concurrency);
    add_eligible(b, "; eligible at ", d->eligible_at);
}

/* Words for what the plan decided. */
static void plan_detail(struct cycle *c, size_t i, const struct decision *d, struct buf *b)
{
    char fp[IDENTITY_TEXT];
    const struct retrigger_answer *a;
    const struct task_fact *existing = plan_existing(c->plan, i);
    switch (d->reason) {
    case REASON_GROUP_MEMBER:
    case REASON_DEDUP_NAME:
        identity_format(c->items[d->leader].fingerprint, fp);
        buf_addf(b, "%s leads", fp);
        break;
    case REASON_DEDUP_ACTIVE:
        if (existing != NULL)
            buf_addf(b, "its Task is %s",
                     existing->phase == TASK_NEW ? "new" : task_phase_name(existing->phase));
        break;
    case REASON_DEDUP_FINISHED:
        if (existing != NULL && existing->completed_at != MOMENT_NONE)
            add_time(b, "finished ", existing->completed_at);
        else if (existing != NULL)
            buf_adds(b, "finished without a completionTime");
        break;
    case REASON_RETRIGGER_REFIRED:
        add_time(b, "fires since ", plan_trigger_time(c->plan, c->items, i));
        if (existing != NULL && existing->completed_at != MOMENT_NONE)
            add_time(b, ", its Task finished ", existing->completed_at);
        break;
    case REASON_WAIT_RECREATE:
    case REASON_WAIT_ELIGIBLE:
        add_eligible(b, "eligible again at ", d->eligible_at);
        a = cycle_answer(c, i);
        if (d->reason == REASON_WAIT_ELIGIBLE && a != NULL && a->detail != NULL)
            buf_addf(b, ": %s", a->detail);
        break;
    case REASON_LIMIT_TOTAL:
    case REASON_LIMIT_RATE:
    case REASON_LIMIT_RAMP:
    case REASON_LIMIT_CONCURRENCY:
        limit_detail(c, &c->items[i], d, b);
        break;
    case REASON_ERROR_COLLISION:
        buf_adds(b, "that Task belongs to another spawner");
        break;
    case REASON_ERROR_NAME:
        if (c->name_errors != NULL && c->name_errors[i] != NULL)
            buf_adds(b, c->name_errors[i]);
        break;
    default:
        a = cycle_answer(c, i);
        if (a != NULL && a->detail != NULL)
            buf_adds(b, a->detail);
        break;
    }
}

static void set_reason(struct cycle *c, enum reason reason, const char *code, struct cycle_row *row)
{
    if (reason != REASON_POLICY_CODE || code == NULL) {
        row->reason = reason_code(reason);
        return;
    }
    buf_clear(&c->row_reason);
    buf_addf(&c->row_reason, "policy.%s", code);
    row->reason = c->row_reason.data;
}

/* What became of an item that the plan wanted done; NULL for the others. */
static const struct outcome *outcome_of(const struct cycle *c, size_t i)
{
    int32_t w = plan_work(c->plan, i);
    return w != PLAN_NO_WORK ? &c->outcomes[w] : NULL;
}

static enum verdict item_verdict(const struct cycle *c, size_t i)
{
    const struct outcome *o = outcome_of(c, i);
    return o != NULL ? o->verdict : c->plan->decisions[i].verdict;
}

static void planned_row(struct cycle *c, size_t i, struct cycle_row *row)
{
    const struct decision *d = &c->plan->decisions[i];
    const struct task_fact *existing = plan_existing(c->plan, i);
    const struct outcome *o = outcome_of(c, i);
    enum reason reason = o != NULL ? o->reason : d->reason;
    const struct retrigger_answer *a = reason == REASON_POLICY_CODE ? cycle_answer(c, i) : NULL;
    set_reason(c, reason, a != NULL ? a->code : NULL, row);
    const char *name = item_name(&c->items[d->match == MATCH_MEMBER ? d->leader : i], c->row_task);
    row->task = d->match == MATCH_ACTIVE && existing != NULL ? existing->name : name != NULL ? name : "";
    if (row->verdict == VERDICT_WAIT)
        row->eligible_at = d->eligible_at;
    if (o != NULL && o->detail != NULL)
        buf_adds(&c->row_detail, o->detail);
    else
        plan_detail(c, i, d, &c->row_detail);
}

/* A row's verdict without its words: counting 100,000 of them must not format 100,000 sentences. */
static enum verdict verdict_of(const struct cycle *c, size_t n)
{
    if (n >= alert_set_len(c->set))
        return c->endings[n - alert_set_len(c->set)].verdict;
    const struct alert_record *r = alert_set_at(c->set, n);
    size_t item;
    if (r->reason != REASON_NONE)
        return r->reason == REASON_ERROR_ALERT ? VERDICT_ERROR : VERDICT_SKIP;
    if (cycle_item(c, n, &item) != NULL)
        return item_verdict(c, item);
    return judge_at(c->judge, n)->answer == JUDGED_ERROR ? VERDICT_ERROR : VERDICT_SKIP;
}

static void policy_of_row(const struct cycle *c, uint32_t policy, struct cycle_row *row)
{
    row->policy = judge_policy_name(c->judge, policy);
    row->policy_hash = judge_policy_info(c->judge, policy)->hash;
    row->policy_file = judge_policy_info(c->judge, policy)->file;
    if (row->policy_file == NULL) /* one that is not loaded has only a name */
        row->policy_file = "";
}

/* A Task that its policy cancelled, or would not say. */
static void ending_row(struct cycle *c, const struct ending *end, struct cycle_row *row)
{
    const struct policy_info *policy = judge_policy_named(c->judge, end->task->policy);
    identity_format(end->task->identity, row->fingerprint);
    row->alertname = end->task->alertname != NULL ? end->task->alertname : "";
    row->task = end->task->name;
    row->starts_at = end->task->starts_at;
    row->policy = end->task->policy;
    if (policy != NULL) {
        row->policy_hash = policy->hash;
        row->policy_file = policy->file;
    }
    set_reason(c, end->reason, end->answer->code, row);
    row->notes = end->answer->n_notes;
    buf_adds(&c->row_detail, end->detail != NULL ? end->detail : "");
}

void cycle_row(struct cycle *c, size_t n, struct cycle_row *row)
{
    const char *detail = NULL;
    size_t item;
    *row = (struct cycle_row){.verdict = verdict_of(c, n),
                              .alertname = "",
                              .task = "",
                              .policy = "",
                              .policy_hash = "",
                              .policy_file = "",
                              .starts_at = MOMENT_NONE,
                              .eligible_at = MOMENT_NONE};
    buf_clear(&c->row_detail);
    buf_adds(&c->row_detail, "");
    if (n >= alert_set_len(c->set)) {
        ending_row(c, &c->endings[n - alert_set_len(c->set)], row);
        row->detail = c->row_detail.data;
        return;
    }
    const struct alert_record *r = alert_set_at(c->set, n);
    if (r->fingerprint != 0 || r->reason != REASON_ERROR_ALERT)
        identity_format(r->fingerprint, row->fingerprint);
    row->alertname = alert_set_alertname(c->set, r);
    row->starts_at = r->starts_at;
    if (r->reason != REASON_NONE) {
        row->reason = reason_code(r->reason);
        detail = alert_set_detail(c->set, r);
    } else {
        const struct judgement *j = judge_at(c->judge, n);
        policy_of_row(c, j->policy, row);
        row->notes = judge_alert_notes(c->judge, n);
        if (cycle_item(c, n, &item) != NULL) {
            planned_row(c, item, row);
        } else {
            set_reason(c, (enum reason)j->reason, judge_code(c->judge, j), row);
            detail = j->detail;
        }
    }
    if (detail != NULL)
        buf_adds(&c->row_detail, detail);
    row->detail = c->row_detail.data;
}

void cycle_row_note(const struct cycle *c, size_t n, size_t note, const char **name_r, const char **value_r)
{
    if (n < alert_set_len(c->set)) {
        judge_alert_note(c->judge, n, note, name_r, value_r);
        return;
    }
    const struct alert_note *of = &c->endings[n - alert_set_len(c->set)].answer->notes[note];
    *name_r = of->name;
    *value_r = of->value;
}

void cycle_count(const struct cycle *c, size_t counts[VERDICT_COUNT])
{
    memset(counts, 0, VERDICT_COUNT * sizeof *counts);
    for (size_t i = 0; i < cycle_rows(c); i++)
        counts[verdict_of(c, i)]++;
}

bool cycle_first_error(struct cycle *c, struct cycle_row *row_r)
{
    for (size_t i = 0; i < cycle_rows(c); i++)
        if (verdict_of(c, i) == VERDICT_ERROR) {
            cycle_row(c, i, row_r);
            return true;
        }
    return false;
}

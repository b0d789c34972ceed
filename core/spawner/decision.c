/* The decision record: see decision.h. What would have to change is in decision_change.c. */
#include "spawner/decision_private.h"

#include "alerts/identity.h"
#include "base/mem.h"
#include "reconcile/policy_use.h"
#include "spawner/nearest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void add_time(cJSON *o, const char *name, moment_t t)
{
    char text[MOMENT_TEXT];
    if (t == MOMENT_NONE)
        return;
    moment_format(t, text);
    cJSON_AddStringToObject(o, name, text);
}

static void add_count(cJSON *o, const char *name, uint64_t n)
{
    cJSON_AddNumberToObject(o, name, (double)n);
}

/* --- a chain --- */

static void add_value(cJSON *o, const struct chain_link *l)
{
    switch (l->tag) {
    case 'z':
        cJSON_AddNullToObject(o, "value");
        break;
    case 't':
    case 'f':
        cJSON_AddBoolToObject(o, "value", l->tag == 't');
        break;
    case 'n':
        cJSON_AddNumberToObject(o, "value", strtod(l->value, NULL));
        break;
    case '-': /* it never returned */
        break;
    default:
        cJSON_AddStringToObject(o, "value", l->value);
    }
}

static void add_text(cJSON *o, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        cJSON_AddStringToObject(o, name, text);
}

/* "labels.severity" for "labels.sevrity"; "" when nothing is near. */
static void near_name(const struct alert *a, const char *name, struct buf *b)
{
    static const char labels[] = "labels.", annotations[] = "annotations.";
    bool of_labels = strncmp(name, labels, sizeof labels - 1) == 0;
    const char *prefix = of_labels ? labels : annotations;
    const struct pair *pairs = of_labels ? a->labels : a->annotations;
    uint32_t n = of_labels ? a->index->n_labels : a->index->n_annotations;
    struct nearest nearest;
    buf_clear(b);
    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return;
    nearest_init(&nearest, name + strlen(prefix));
    for (uint32_t i = 0; i < n; i++) {
        buf_clear(b);
        buf_adds(b, "");
        alert_text(a, pairs[i].name, b);
        nearest_offer(&nearest, b->data);
    }
    buf_clear(b);
    if (nearest.best[0] != '\0')
        buf_addf(b, "%s%s", prefix, nearest.best);
}

static void add_reads(cJSON *o, const struct chain_link *l, const struct alert *a)
{
    cJSON *reads = cJSON_AddObjectToObject(o, "reads"), *near = NULL;
    struct buf b = {0};
    for (size_t i = 0; i < l->n_reads; i++) {
        const struct chain_read *r = &l->reads[i];
        if (r->value != NULL) {
            cJSON_AddStringToObject(reads, r->name, r->value);
            continue;
        }
        cJSON_AddNullToObject(reads, r->name);
        if (a != NULL)
            near_name(a, r->name, &b);
        if (b.len == 0)
            continue;
        if (near == NULL)
            near = cJSON_AddObjectToObject(o, "did_you_mean");
        cJSON_AddStringToObject(near, r->name, b.data);
    }
    buf_free(&b);
}

static cJSON *link_object(const struct chain_link *l, const struct alert *a)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "hook", black_box_hook_name(l->hook));
    cJSON_AddStringToObject(o, "by", l->by);
    add_value(o, l);
    add_text(o, "reason", l->reason);
    add_text(o, "detail", l->detail);
    add_text(o, "error", l->error);
    add_count(o, "us", l->us);
    add_count(o, "instr", l->instructions);
    add_count(o, "bytes", l->memory);
    add_text(o, "source", l->source);
    if (l->depth > 0)
        add_count(o, "depth", l->depth);
    if (l->bits & CHAIN_DECIDED)
        cJSON_AddTrueToObject(o, "decided");
    if (l->bits & CHAIN_PASSED_ON)
        cJSON_AddTrueToObject(o, "passedOn");
    if (l->bits & CHAIN_STAND_IN)
        cJSON_AddTrueToObject(o, "standIn");
    if (l->n_reads > 0)
        add_reads(o, l, a);
    return o;
}

static cJSON *choice_object(const struct chain_choice *k)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "file", k->file);
    add_text(o, "policy", k->policy);
    add_text(o, "match", k->match);
    cJSON_AddStringToObject(o, "fit", chain_fit_name(k->fit));
    add_text(o, "detail", k->detail);
    return o;
}

void decision_add_chain(cJSON *decision, const struct chain *chain, const struct alert *a)
{
    if (chain->n_choices > 0) {
        cJSON *policies = cJSON_AddArrayToObject(decision, "policies");
        for (size_t i = 0; i < chain->n_choices; i++)
            cJSON_AddItemToArray(policies, choice_object(&chain->choices[i]));
    }
    cJSON *links = cJSON_AddArrayToObject(decision, "chain");
    for (size_t i = 0; i < chain->n_links; i++)
        cJSON_AddItemToArray(links, link_object(&chain->links[i], a));
    if (chain->more_links > 0)
        add_count(decision, "chainMore", chain->more_links);
    if (chain->n_steps == 0)
        return;
    cJSON *trace = cJSON_AddArrayToObject(decision, "trace");
    for (size_t i = 0; i < chain->n_steps; i++) {
        cJSON *step = cJSON_CreateObject();
        cJSON_AddStringToObject(step, "at", chain->steps[i].place);
        cJSON_AddStringToObject(step, "source", chain->steps[i].source);
        add_text(step, "locals", chain->steps[i].locals);
        cJSON_AddItemToArray(trace, step);
    }
    if (chain->more_steps > 0)
        add_count(decision, "traceMore", chain->more_steps);
}

const struct chain *decision_chain(const struct cycle *c, size_t n)
{
    return n < alert_set_len(c->set) ? judge_chain(c->judge, n) : c->endings[n - alert_set_len(c->set)].answer->chain;
}

/* --- what the plan knows --- */

static void add_notes(const struct cycle *c, size_t n, size_t n_notes, cJSON *o)
{
    if (n_notes == 0)
        return;
    cJSON *notes = cJSON_AddObjectToObject(o, "notes");
    for (size_t k = 0; k < n_notes; k++) { /* of notes with one name, the last: later hooks know more */
        const char *name, *value;
        cycle_row_note(c, n, k, &name, &value);
        cJSON_DeleteItemFromObjectCaseSensitive(notes, name);
        cJSON_AddStringToObject(notes, name, value);
    }
}

static void add_existing(const struct cycle *c, size_t item, cJSON *o)
{
    const struct decision *d = &c->plan->decisions[item];
    const struct task_fact *t = plan_existing(c->plan, item);
    const struct key_fact *k = spawner_facts_key(c->facts, c->items[item].identity);
    if (t == NULL && (k == NULL || d->match == MATCH_MEMBER || d->match == MATCH_NAME))
        return;
    cJSON *x = cJSON_AddObjectToObject(o, "existing");
    cJSON_AddStringToObject(x, "task", t != NULL ? t->name : k->task != NULL ? k->task : "");
    cJSON_AddStringToObject(x, "phase", task_phase_name(t != NULL ? t->phase : k->phase));
    if (t == NULL)
        cJSON_AddTrueToObject(x, "gone");
    if (t != NULL && t->deleting)
        cJSON_AddTrueToObject(x, "deleting");
    if (t != NULL && !t->owned)
        cJSON_AddFalseToObject(x, "owned");
    add_time(x, "createdAt", t != NULL ? t->created_at : k->created_at);
    add_time(x, "completedAt", t != NULL ? t->completed_at : k->completed_at);
    add_time(x, "startsAt", t != NULL ? t->starts_at : k->starts_at);
    if (k != NULL)
        add_count(x, "attempts", k->attempts);
}

static void add_leader(const struct cycle *c, size_t item, cJSON *o)
{
    const struct decision *d = &c->plan->decisions[item];
    char fp[IDENTITY_TEXT];
    if (d->match != MATCH_MEMBER && d->match != MATCH_NAME)
        return;
    const struct item *leader = &c->items[d->leader];
    cJSON *x = cJSON_AddObjectToObject(o, "leader");
    identity_format(leader->fingerprint, fp);
    cJSON_AddStringToObject(x, "fingerprint", fp);
    cJSON_AddStringToObject(x, "alertname", alert_set_alertname(c->set, alert_set_at(c->set, leader->alert)));
}

static void add_limit(cJSON **limits, cJSON *o, const char *name, uint64_t used, uint64_t of)
{
    if (of == 0)
        return;
    if (*limits == NULL)
        *limits = cJSON_AddArrayToObject(o, "limits");
    cJSON *x = cJSON_CreateObject();
    cJSON_AddStringToObject(x, "limit", name);
    add_count(x, "used", used);
    add_count(x, "of", of);
    cJSON_AddItemToArray(*limits, x);
}

/* Only of those who are held to them. */
static void add_limits(const struct cycle *c, size_t item, const struct cycle_row *row, cJSON *o)
{
    bool held = row->verdict == VERDICT_CREATE || row->verdict == VERDICT_RETRIGGER ||
                (row->verdict == VERDICT_WAIT && strncmp(row->reason, "limit.", 6) == 0);
    if (!held)
        return;
    cJSON *limits = NULL;
    const struct policy_limits *own = &c->policies[c->items[item].policy];
    const struct policy_use *use = &c->plan->use[c->items[item].policy];
    size_t given = c->plan->n_work - c->plan->n_failed;
    add_limit(&limits, o, "maxTotalTasks", c->facts->total_created + given, (uint64_t)c->spawner->max_total_tasks);
    add_limit(&limits, o, "per_hour", use->hour + use->given, own->per_hour);
    add_limit(&limits, o, "per_day", use->day + use->given, own->per_day);
    uint32_t cycles = c->run != NULL ? c->run->cycles : 0;
    if (cycles < RAMP_CYCLES_MAX)
        add_limit(&limits, o, "ramp", use->given, (uint64_t)own->ramp << cycles);
    if (c->plan->spawner_use != NULL) { /* an AlertSpawner's, over all policies */
        const struct policy_limits *all = &c->own_limits;
        add_limit(&limits, o, "perHour", c->plan->spawner_use->hour + c->plan->spawner_use->given, all->per_hour);
        add_limit(&limits, o, "perDay", c->plan->spawner_use->day + c->plan->spawner_use->given, all->per_day);
        if (cycles < RAMP_CYCLES_MAX)
            add_limit(&limits, o, "spawnerRamp", c->plan->spawner_use->given, (uint64_t)all->ramp << cycles);
    }
    add_limit(&limits, o, "maxConcurrency", c->plan->active + given, (uint64_t)c->spawner->max_concurrency);
    if (own->reserve_slots > 0 && c->items[item].priority > own->reserve_priority)
        add_limit(&limits, o, "reserve", 0, own->reserve_slots);
}

static void add_planned(struct cycle *c, size_t n, const struct cycle_row *row, cJSON *o)
{
    const struct judgement *j = judge_at(c->judge, n);
    char identity[IDENTITY_TEXT];
    size_t item;
    if (cycle_item(c, n, &item) == NULL)
        return;
    if (j->key != NULL)
        cJSON_AddStringToObject(o, "key", j->key);
    identity_format(j->identity, identity);
    cJSON_AddStringToObject(o, "identity", identity);
    add_count(o, "priority", j->priority);
    add_existing(c, item, o);
    add_leader(c, item, o);
    add_limits(c, item, row, o);
}

/* --- the whole --- */

void decision_add_labels(const struct alert *a, cJSON *o)
{
    struct buf name = {0}, value = {0};
    cJSON *labels = cJSON_AddObjectToObject(o, "labels");
    for (uint32_t i = 0; i < a->index->n_labels; i++) {
        buf_clear(&name);
        buf_clear(&value);
        buf_adds(&value, "");
        alert_text(a, a->labels[i].name, &name);
        alert_text(a, a->labels[i].value, &value);
        cJSON_AddStringToObject(labels, name.data != NULL ? name.data : "", value.data);
    }
    buf_free(&name);
    buf_free(&value);
}

/* What is remembered of the alert: ctx.seen. */
static void add_seen(const struct cycle *c, size_t n, cJSON *o)
{
    struct alert_seen seen;
    episodes_seen(c->memory->episodes, alert_set_at(c->set, n)->fingerprint, c->now, &seen);
    cJSON *x = cJSON_AddObjectToObject(o, "seen");
    add_time(x, "first", seen.first);
    add_count(x, "polls", seen.polls);
    add_count(x, "flaps", seen.flaps);
    add_count(x, "episode", seen.episode);
}

static void add_explained(struct cycle *c, size_t n, cJSON *o)
{
    const struct chain *chain = decision_chain(c, n);
    struct buf space = {0};
    struct alert a;
    if (chain == NULL)
        return;
    if (n < alert_set_len(c->set))
        add_seen(c, n, o);
    bool there = n < alert_set_len(c->set) && alert_set_read(c->set, n, &space, &a, NULL) == 0;
    if (there)
        decision_add_labels(&a, o);
    decision_add_chain(o, chain, there ? &a : NULL);
    buf_free(&space);
}

cJSON *decision_make(struct cycle *c, size_t n)
{
    struct cycle_row row;
    cycle_row(c, n, &row);
    char generation[IDENTITY_TEXT];
    bool alert = n < alert_set_len(c->set);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "fingerprint", row.fingerprint);
    cJSON_AddStringToObject(o, "alertname", row.alertname);
    cJSON_AddStringToObject(o, "verdict", verdict_name(row.verdict));
    cJSON_AddStringToObject(o, "reason", row.reason);
    cJSON_AddStringToObject(o, "detail", row.detail);
    cJSON_AddStringToObject(o, "task", row.task);
    cJSON_AddStringToObject(o, "policy", row.policy);
    cJSON_AddStringToObject(o, "policyHash", row.policy_hash);
    add_time(o, "time", c->now);
    cJSON_AddStringToObject(o, "spawner", c->spawner->name);
    cJSON_AddStringToObject(o, "namespace", c->spawner->ns);
    add_time(o, "startsAt", alert ? alert_set_at(c->set, n)->starts_at : c->endings[n - alert_set_len(c->set)].task->starts_at);
    identity_format(c->files->hash, generation);
    cJSON_AddStringToObject(o, "generation", generation);
    if (alert && alert_set_at(c->set, n)->reason == REASON_NONE)
        add_planned(c, n, &row, o);
    add_time(o, "eligibleAt", row.eligible_at);
    add_notes(c, n, row.notes, o);
    struct buf change = {0};
    decision_would_change(c, n, &row, &change);
    if (change.len > 0)
        cJSON_AddStringToObject(o, "would_change", change.data);
    buf_free(&change);
    add_explained(c, n, o);
    return o;
}

void decision_line(struct cycle *c, size_t row, struct buf *line)
{
    cJSON *o = decision_make(c, row);
    char *text = cJSON_PrintUnformatted(o);
    buf_adds(line, text);
    buf_addc(line, '\n');
    free(text);
    cJSON_Delete(o);
}

/* The report of a replay for programs: see replay_report.h. Everything is in it, and two runs print the same bytes. */
#include "alerts/identity.h"
#include "base/buf.h"
#include "cli/replay_report.h"
#include "spawner/yaml_out.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static void add_text(cJSON *o, const char *name, const char *text)
{
    if (text != NULL && *text != '\0')
        cJSON_AddStringToObject(o, name, text);
}

static void add_time(cJSON *o, const char *name, moment_t t)
{
    char text[MOMENT_TEXT];
    if (t == MOMENT_NONE)
        return;
    moment_format(t, text);
    cJSON_AddStringToObject(o, name, text);
}

static void add_seconds(cJSON *o, const char *name, int64_t us)
{
    cJSON_AddNumberToObject(o, name, (double)us / MOMENT_SECOND);
}

static void add_fingerprint(cJSON *o, uint64_t fingerprint)
{
    char fp[IDENTITY_TEXT];
    identity_format(fingerprint, fp);
    cJSON_AddStringToObject(o, "fingerprint", fp);
}

static cJSON *task_object(const struct history *h, const struct task_history *t)
{
    static const char *const ends[] = {"", "Succeeded", "Failed", "Cancelled"};
    cJSON *o = cJSON_CreateObject();
    add_time(o, "time", t->at);
    cJSON_AddStringToObject(o, "spawner", h->spawners[t->spawner].who);
    cJSON_AddStringToObject(o, "task", t->name);
    add_fingerprint(o, h->alerts[t->alert].fingerprint);
    cJSON_AddStringToObject(o, "alertname", h->alerts[t->alert].alertname);
    add_time(o, "startsAt", t->starts_at);
    cJSON_AddStringToObject(o, "verdict", verdict_name(t->verdict));
    cJSON_AddStringToObject(o, "reason", t->reason);
    add_text(o, "detail", t->detail);
    cJSON_AddStringToObject(o, "policy", t->policy);
    add_text(o, "where", t->where);
    if (t->waited_us > 0)
        add_seconds(o, "waitedSeconds", t->waited_us);
    add_time(o, "started", t->started);
    add_time(o, "ended", t->ended);
    add_text(o, "phase", ends[t->end]);
    return o;
}

static cJSON *policies_list(const struct summary *s)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < s->n_policies; i++) {
        const struct policy_summary *p = &s->policies[i];
        cJSON *o = cJSON_CreateObject(), *hours = cJSON_CreateArray();
        cJSON_AddStringToObject(o, "policy", p->policy);
        cJSON_AddNumberToObject(o, "tasks", p->tasks);
        cJSON_AddNumberToObject(o, "retriggers", p->retriggers);
        cJSON_AddNumberToObject(o, "failed", p->failed);
        cJSON_AddNumberToObject(o, "cancelled", p->cancelled);
        cJSON_AddNumberToObject(o, "shadow", p->shadow);
        cJSON_AddNumberToObject(o, "busiestHour", p->most_hour);
        add_time(o, "busiestHourFrom", p->most_hour_at);
        for (size_t k = 0; k < s->n_hours; k++)
            cJSON_AddItemToArray(hours, cJSON_CreateNumber(s->hours[k * s->n_policies + i]));
        cJSON_AddItemToObject(o, "perHour", hours);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static cJSON *decisions_list(const struct history *h)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < h->n_counts; i++) {
        const struct decision_count *c = &h->counts[i];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "verdict", verdict_name(c->verdict));
        cJSON_AddStringToObject(o, "reason", c->reason);
        add_text(o, "policy", c->policy);
        cJSON_AddNumberToObject(o, "alerts", c->alerts);
        cJSON_AddNumberToObject(o, "decisions", (double)c->decisions);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static cJSON *waits_object(const struct summary *s)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "alerts", s->waits);
    cJSON_AddNumberToObject(o, "gotTask", s->waits_task);
    cJSON_AddNumberToObject(o, "wentBefore", s->waits_gone);
    add_seconds(o, "medianSeconds", s->wait_median_us);
    add_seconds(o, "longestSeconds", s->wait_max_us);
    return o;
}

static cJSON *storms_list(const struct summary *s)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < s->n_storms; i++) {
        cJSON *o = cJSON_CreateObject();
        add_time(o, "from", s->storms[i].from);
        add_time(o, "to", s->storms[i].to);
        cJSON_AddNumberToObject(o, "alerts", s->storms[i].alerts);
        cJSON_AddNumberToObject(o, "tasks", s->storms[i].tasks);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static cJSON *spawners_list(const struct history *h)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < h->n_spawners; i++) {
        const struct spawner_history *s = &h->spawners[i];
        cJSON *o = cJSON_CreateObject();
        moment_t at;
        cJSON_AddStringToObject(o, "spawner", s->who);
        cJSON_AddNumberToObject(o, "cycles", s->cycles);
        cJSON_AddNumberToObject(o, "failedCycles", s->failed);
        add_text(o, "firstFailure", s->first_failure);
        cJSON_AddNumberToObject(o, "peakTasks", history_peak(h, (uint32_t)i, &at));
        add_time(o, "peakAt", at);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static cJSON *side_object(const struct replay_report *r, size_t side)
{
    const struct history *h = r->result->sides[side];
    const struct summary *s = &r->summaries[side];
    cJSON *o = cJSON_CreateObject(), *tasks = cJSON_CreateArray(), *notes = cJSON_CreateArray();
    cJSON_AddStringToObject(o, "name", r->names[side]);
    cJSON_AddNumberToObject(o, "tasks", s->tasks);
    cJSON_AddNumberToObject(o, "shadowTasks", s->shadow);
    cJSON_AddNumberToObject(o, "peakTasks", s->peak);
    add_time(o, "peakAt", s->peak_at);
    add_time(o, "firstHour", s->first_hour);
    cJSON_AddItemToObject(o, "policies", policies_list(s));
    cJSON_AddItemToObject(o, "decisions", decisions_list(h));
    cJSON_AddItemToObject(o, "waits", waits_object(s));
    cJSON_AddItemToObject(o, "storms", storms_list(s));
    cJSON_AddItemToObject(o, "spawners", spawners_list(h));
    for (size_t i = 0; i < h->n_tasks; i++)
        cJSON_AddItemToArray(tasks, task_object(h, &h->tasks[i]));
    cJSON_AddItemToObject(o, "createdTasks", tasks);
    for (size_t i = 0; i < h->n_notes; i++)
        cJSON_AddItemToArray(notes, cJSON_CreateString(h->notes[i]));
    cJSON_AddItemToObject(o, "notes", notes);
    return o;
}

static cJSON *reason_object(const struct side_reason *s)
{
    cJSON *o = cJSON_CreateObject();
    if (s->unseen) {
        cJSON_AddTrueToObject(o, "unseen");
        return o;
    }
    if (s->task != NULL) {
        add_time(o, "time", s->task->at);
        cJSON_AddStringToObject(o, "task", s->task->name);
    }
    cJSON_AddStringToObject(o, "verdict", verdict_name(s->verdict));
    cJSON_AddStringToObject(o, "reason", s->reason);
    add_text(o, "detail", s->detail);
    add_text(o, "policy", s->policy);
    add_text(o, "where", s->where);
    return o;
}

static cJSON *differences_object(const struct replay_report *r)
{
    const struct differences *d = &r->differences;
    cJSON *o = cJSON_CreateObject(), *list = cJSON_CreateArray();
    for (int c = 0; c < CHANGE_COUNT; c++)
        cJSON_AddNumberToObject(o, change_name((enum change)c), (double)d->by_change[c]);
    for (size_t i = 0; i < d->n; i++) {
        const struct difference *x = &d->v[i];
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "change", change_name(x->change));
        add_time(one, "time", x->at);
        cJSON_AddStringToObject(one, "spawner", x->who);
        add_fingerprint(one, x->fingerprint);
        cJSON_AddStringToObject(one, "alertname", x->alertname);
        cJSON_AddItemToObject(one, "policies", reason_object(&x->ours));
        cJSON_AddItemToObject(one, "against", reason_object(&x->theirs));
        cJSON_AddItemToArray(list, one);
    }
    cJSON_AddItemToObject(o, "tasks", list);
    return o;
}

void replay_json(const struct replay_report *r, bool yaml)
{
    const struct replay_result *x = r->result;
    cJSON *o = cJSON_CreateObject(), *sides = cJSON_CreateArray();
    add_time(o, "from", x->from);
    add_time(o, "to", x->to);
    cJSON_AddNumberToObject(o, "polls", x->polls);
    cJSON_AddNumberToObject(o, "failedPolls", x->failed_polls);
    cJSON_AddNumberToObject(o, "gaps", x->gaps);
    add_seconds(o, "gapsSeconds", x->gaps_us);
    for (size_t i = 0; i < r->n_sides; i++)
        cJSON_AddItemToArray(sides, side_object(r, i));
    cJSON_AddItemToObject(o, "sides", sides);
    if (r->n_sides == 2)
        cJSON_AddItemToObject(o, "differences", differences_object(r));
    if (yaml) {
        struct buf b = {0};
        yaml_out(o, &b);
        fputs(b.data, stdout);
        buf_free(&b);
    } else {
        char *text = cJSON_Print(o);
        puts(text);
        cJSON_free(text);
    }
    cJSON_Delete(o);
}

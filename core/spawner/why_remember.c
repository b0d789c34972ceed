/* What the store remembers of an alert that does not fire any more: since when it is gone, and its last Task. */
#include "spawner/why_private.h"

#include "alerts/identity.h"
#include "base/mem.h"
#include "spawner/spawner.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void add_time(cJSON *o, const char *name, moment_t t)
{
    char text[MOMENT_TEXT];
    if (t == MOMENT_NONE)
        return;
    moment_format_s(t, text);
    cJSON_AddStringToObject(o, name, text);
}

/* The alert's entry; made when it is new. */
static cJSON *entry(struct why *w, uint64_t fingerprint, const char *alertname)
{
    char digits[IDENTITY_TEXT];
    identity_format(fingerprint, digits);
    cJSON *o = why_alert_find(w, digits);
    if (o == NULL) {
        o = cJSON_CreateObject();
        cJSON_AddItemToArray(w->alerts, o);
        cJSON_AddStringToObject(o, "fingerprint", digits);
        cJSON_AddStringToObject(o, "alertname", alertname);
        cJSON_AddFalseToObject(o, "firing");
        cJSON_AddArrayToObject(o, "decisions");
        cJSON_AddArrayToObject(o, "remembered");
    } else if (alertname[0] != '\0') {
        cJSON *name = cJSON_GetObjectItemCaseSensitive(o, "alertname");
        if (cJSON_GetStringValue(name) != NULL && cJSON_GetStringValue(name)[0] == '\0')
            cJSON_SetValuestring(name, alertname);
    }
    return o;
}

static void add_task(cJSON *o, const struct task_fact *t, const struct key_fact *k)
{
    cJSON *x = cJSON_AddObjectToObject(o, "task");
    cJSON_AddStringToObject(x, "name", t != NULL ? t->name : k->task);
    cJSON_AddStringToObject(x, "phase", task_phase_name(t != NULL ? t->phase : k->phase));
    if (t == NULL)
        cJSON_AddTrueToObject(x, "gone");
    add_time(x, "createdAt", t != NULL ? t->created_at : k->created_at);
    add_time(x, "completedAt", t != NULL ? t->completed_at : k->completed_at);
    add_time(x, "startsAt", t != NULL ? t->starts_at : k->starts_at);
    if (t != NULL && t->policy != NULL && t->policy[0] != '\0')
        cJSON_AddStringToObject(x, "policy", t->policy);
}

static const struct task_fact *task_of(const struct spawner_facts *f, uint64_t identity)
{
    const struct task_fact *last = NULL;
    for (size_t i = 0; i < f->n_tasks; i++) {
        const struct task_fact *t = &f->tasks[i];
        if (t->owned && t->identity == identity && (last == NULL || t->created_at > last->created_at))
            last = t;
    }
    return last;
}

/* Of one fingerprint, under the identity of its key. */
static void remember(struct why *w, uint64_t fingerprint, uint64_t identity, const struct episode *ep)
{
    const struct spawner *s = w->host.targets[w->target].spawner;
    const struct task_fact *t = task_of(w->facts, identity);
    const struct key_fact *k = spawner_facts_key(w->facts, identity);
    struct alert_seen seen;
    if (w->n_remembered++ >= WHY_ALERTS_MAX)
        return;
    cJSON *list = cJSON_GetObjectItemCaseSensitive(
        entry(w, fingerprint, t != NULL && t->alertname != NULL ? t->alertname : ""), "remembered");
    if (list == NULL)
        return; /* it fires, by another Alertmanager */
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(list, o);
    cJSON_AddStringToObject(o, "spawner", s->name);
    cJSON_AddStringToObject(o, "namespace", s->ns);
    if (ep != NULL) {
        episodes_seen(w->memory->episodes, fingerprint, w->now, &seen);
        add_time(o, "firstSeen", (moment_t)ep->first_seen * MOMENT_SECOND);
        if (ep->last_poll != 0)
            add_time(o, "lastSeen", (moment_t)ep->last_seen * MOMENT_SECOND);
        cJSON_AddBoolToObject(o, "resolved", ep->missed >= EPISODES_RESOLVED_POLLS);
        cJSON_AddNumberToObject(o, "polls", seen.polls);
        cJSON_AddNumberToObject(o, "flaps", seen.flaps);
        cJSON_AddNumberToObject(o, "episode", seen.episode);
    }
    if (k != NULL)
        cJSON_AddNumberToObject(o, "attempts", k->attempts);
    if (t != NULL || (k != NULL && k->task != NULL))
        add_task(o, t, k);
}

static bool digits_match(const struct why *w, uint64_t n)
{
    char digits[IDENTITY_TEXT];
    identity_format(n, digits);
    return w->name == NULL || (why_is_digits(w->name) && strncasecmp(digits, w->name, strlen(w->name)) == 0);
}

static const struct episode *episode_of(const struct why *w, uint64_t fingerprint)
{
    size_t low = 0, high = episodes_len(w->memory->episodes);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct episode *ep = episodes_at(w->memory->episodes, mid);
        if (ep->fingerprint == fingerprint)
            return ep;
        if (ep->fingerprint < fingerprint)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

void why_remember(struct why *w)
{
    struct episodes *eps = w->memory->episodes;
    bool by_digits = w->name != NULL && why_is_digits(w->name);
    for (size_t i = 0; by_digits && i < episodes_len(eps); i++) {
        const struct episode *ep = episodes_at(eps, i);
        if (digits_match(w, ep->fingerprint))
            remember(w, ep->fingerprint, ep->identity != 0 ? ep->identity : ep->fingerprint, ep);
    }
    for (size_t i = 0; i < w->facts->n_tasks; i++) {
        const struct task_fact *t = &w->facts->tasks[i];
        bool named = w->name != NULL && t->alertname != NULL && strcmp(t->alertname, w->name) == 0;
        if (!t->owned || t->identity == 0 || !(named || (by_digits && digits_match(w, t->identity))))
            continue;
        const struct episode *ep = episode_of(w, t->identity);
        if (named || ep == NULL) /* else it was told above */
            remember(w, t->identity, t->identity, ep);
    }
    for (size_t i = 0; by_digits && i < w->facts->n_keys; i++) { /* a Task that is gone, of an alert that is forgotten */
        uint64_t identity = w->facts->keys[i].identity;
        if (digits_match(w, identity) && episode_of(w, identity) == NULL && task_of(w->facts, identity) == NULL)
            remember(w, identity, identity, NULL);
    }
}

/* What is remembered of alerts and policies, brought up to this cycle: see cycle_private.h. */
#include "spawner/cycle_private.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Nothing is concluded from absence now: why, and until when. */
char *cycle_frozen(const struct cycle *c)
{
    moment_t since;
    uint32_t before, now;
    if (c->memory == NULL || !episodes_frozen(c->memory->episodes, &since, &before, &now))
        return NULL;
    char from[MOMENT_TEXT], until[MOMENT_TEXT];
    moment_format_s(since, from);
    moment_format_s(since + EPISODES_FREEZE, until);
    return xasprintf("the number of alerts fell from %" PRIu32 " to %" PRIu32 " at %s: nothing is taken as resolved until "
                     "they are back or %s",
                     before, now, from, until);
}

/* A log hears of it when it begins and when it ends; whoever asks for one cycle always does. */
static void freeze_note(struct cycle *c, bool was_frozen)
{
    char *frozen = cycle_frozen(c);
    if (frozen != NULL && !(was_frozen && c->env.logs)) {
        cycle_add_note(c, frozen);
        return;
    }
    if (frozen == NULL && was_frozen)
        cycle_add_note(c, xasprintf("the number of alerts is %zu now: what is gone is taken as resolved again",
                                    alert_set_kept(c->set)));
    free(frozen);
}

/* An alert that Alertmanager sent broken is there, too. */
static bool sighted(const struct alert_record *r)
{
    return r->reason == REASON_NONE || (r->reason == REASON_ERROR_ALERT && r->fingerprint != 0);
}

void cycle_observe(struct cycle *c)
{
    size_t n = alert_set_len(c->set), n_sighted = 0;
    for (size_t i = 0; i < n; i++)
        n_sighted += sighted(alert_set_at(c->set, i));
    struct sighting *sightings = xcalloc(n_sighted, sizeof *sightings);
    n_sighted = 0;
    for (size_t i = 0; i < n; i++) {
        const struct alert_record *r = alert_set_at(c->set, i);
        if (sighted(r))
            sightings[n_sighted++] = (struct sighting){.fingerprint = r->fingerprint, .starts_at = r->starts_at};
    }
    moment_t since;
    uint32_t before, now;
    bool was_frozen = episodes_frozen(c->memory->episodes, &since, &before, &now);
    episodes_observe(c->memory->episodes, sightings, n_sighted, c->now);
    free(sightings);
    freeze_note(c, was_frozen);
}

void cycle_keep(struct cycle *c)
{
    for (size_t i = 0; i < alert_set_len(c->set); i++) {
        const struct alert_record *r = alert_set_at(c->set, i);
        if (r->reason == REASON_NONE && judge_at(c->judge, i)->answer == JUDGED_KEEP)
            episodes_keep(c->memory->episodes, r->fingerprint, judge_at(c->judge, i)->identity);
    }
}

/* creations[] of the memory name policies by its numbers; ours are others. UINT8_MAX: it kept nothing in this cycle. */
static uint8_t *number_map(const struct cycle *c)
{
    const struct spawner_memory *m = c->memory;
    uint8_t *map = xcalloc(m->n_policies + 1, sizeof *map);
    for (size_t i = 0; i < m->n_policies; i++) {
        map[i] = UINT8_MAX;
        for (size_t k = 0; k < c->n_policies; k++)
            if (strcmp(m->policies[i], judge_policy_name(c->judge, c->policy_numbers[k])) == 0)
                map[i] = (uint8_t)k;
    }
    return map;
}

static void creations_sort(struct cycle *c)
{
    const struct spawner_memory *m = c->memory;
    uint8_t *map = number_map(c);
    c->created = xcalloc(m->n_creations + 1, sizeof *c->created);
    size_t n = 0;
    for (size_t k = 0; k < c->n_policies; k++) {
        struct policy_limits *p = &c->policies[k];
        p->created = c->created + n;
        for (size_t i = 0; i < m->n_creations; i++)
            if (m->creations[i].policy < m->n_policies && map[m->creations[i].policy] == k)
                c->created[n + p->n_created++] = m->creations[i].at;
        n += p->n_created;
    }
    free(map);
}

static void own_limits_make(struct cycle *c)
{
    const struct spawner_limits *from = &c->spawner->limits;
    const struct spawner_memory *m = c->memory;
    c->all_created = xcalloc(m->n_creations + 1, sizeof *c->all_created);
    for (size_t i = 0; i < m->n_creations; i++)
        c->all_created[i] = m->creations[i].at;
    c->own_limits = (struct policy_limits){
        .per_hour = from->per_hour,
        .per_day = from->per_day,
        .ramp = from->ramp,
        .reserve_slots = from->reserve_slots,
        .reserve_priority = from->reserve_priority,
        .created = c->all_created,
        .n_created = m->n_creations,
    };
}

void cycle_make_policies(struct cycle *c)
{
    own_limits_make(c);
    c->policies = xcalloc(c->n_policies, sizeof *c->policies);
    for (size_t i = 0; i < c->n_policies; i++) {
        const struct policy_info *info = judge_policy_info(c->judge, c->policy_numbers[i]);
        c->policies[i] = (struct policy_limits){
            .per_hour = info->per_hour,
            .per_day = info->per_day,
            .ramp = info->ramp,
            .reserve_slots = info->reserve_slots,
            .reserve_priority = info->reserve_priority,
            .shadow = info->shadow,
        };
    }
    creations_sort(c);
}

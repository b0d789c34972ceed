/* A spawner's status: see spawner_status.h. */
#include "tasks/kube/spawner_status.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "tasks/conditions.h"
#include "tasks/object.h"

#include <stdlib.h>
#include <string.h>

static void set_number(cJSON *object, const char *name, uint64_t n)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    cJSON_AddNumberToObject(object, name, (double)n);
}

static uint64_t larger(uint64_t n, const cJSON *old, const char *name)
{
    int64_t before = object_int(old, name, 0);
    return before > 0 && (uint64_t)before > n ? (uint64_t)before : n;
}

/* The pieces joined and cut at a character's boundary; free() */
static char *message(const char *problem, const char *said)
{
    char *all = problem == NULL ? xstrdup(said != NULL ? said : "")
                : said == NULL  ? xstrdup(problem)
                                : xasprintf("%s; the last good version goes on: %s", problem, said);
    all[utf8_cut(all, strlen(all), STATUS_MESSAGE_MAX)] = '\0';
    return all;
}

static void add_invalid(cJSON *conditions, const char *problem)
{
    cJSON *c;
    cJSON_ArrayForEach(c, conditions)
    {
        if (strcmp(object_text(c, "type"), "DiscoveryError") == 0)
            break;
    }
    if (c == NULL) {
        c = cJSON_CreateObject();
        object_set_text(c, "type", "DiscoveryError");
        cJSON_AddItemToArray(conditions, c);
    }
    object_set_text(c, "status", "True");
    object_set_text(c, "reason", "InvalidSpec");
    object_set_text(c, "message", problem);
}

static cJSON *conditions(const cJSON *old, const struct spawner_status_input *in)
{
    const cJSON *said = in->cycle != NULL ? in->cycle->conditions : NULL;
    cJSON *new = said != NULL ? cJSON_Duplicate(said, 1) : cJSON_CreateArray(), *c;
    if (in->problem != NULL)
        add_invalid(new, in->problem);
    cJSON_ArrayForEach(c, new)
    {
        char *text = message(object_text(c, "message"), NULL);
        object_set_text(c, "message", text);
        free(text);
        if (in->generation > 0)
            set_number(c, "observedGeneration", (uint64_t)in->generation);
    }
    const cJSON *there = cJSON_GetObjectItemCaseSensitive(old, "conditions");
    cJSON *before = cJSON_IsArray(there) ? cJSON_Duplicate(there, 1) : cJSON_CreateArray();
    cJSON *merged = conditions_merge(before, new, in->now);
    cJSON_Delete(before);
    cJSON_Delete(new);
    return merged;
}

cJSON *spawner_status_make(const cJSON *old, const struct spawner_status_input *in)
{
    const struct cycle_status *cycle = in->cycle;
    cJSON *status = cJSON_CreateObject();
    char *text = message(in->problem, cycle != NULL ? cycle->message : NULL);
    object_set_text(status, "phase", cycle != NULL && cycle->phase != NULL ? cycle->phase : "Failed");
    object_set_text(status, "message", text);
    free(text);
    if (in->generation > 0)
        set_number(status, "observedGeneration", (uint64_t)in->generation);
    set_number(status, "totalTasksCreated", larger(in->total, old, "totalTasksCreated"));
    set_number(status, "activeTasks", in->active);
    set_number(status, "completedPolls", larger(in->polls, old, "completedPolls"));
    if (cycle != NULL && cycle->discovered >= 0)
        set_number(status, "totalDiscovered", (uint64_t)cycle->discovered);
    if (cycle != NULL && cycle->last_success != MOMENT_NONE)
        object_set_time(status, "lastDiscoveryTime", cycle->last_success);
    cJSON *list = conditions(old, in);
    if (cJSON_GetArraySize(list) > 0)
        cJSON_AddItemToObject(status, "conditions", list);
    else
        cJSON_Delete(list);
    return status;
}

bool spawner_status_holds(const cJSON *old, const cJSON *status, bool times_may_differ)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, status)
    {
        bool time = strcmp(member->string, "lastDiscoveryTime") == 0 || strcmp(member->string, "completedPolls") == 0;
        if (!(time && times_may_differ) &&
            !cJSON_Compare(member, cJSON_GetObjectItemCaseSensitive(old, member->string), 1))
            return false;
    }
    return true;
}

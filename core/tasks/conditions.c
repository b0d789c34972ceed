/* Conditions of a status: see conditions.h. */
#include "tasks/conditions.h"

#include "tasks/object.h"

#include <string.h>

cJSON *conditions_merge(cJSON *old, const cJSON *new, moment_t now)
{
    cJSON *merged = cJSON_CreateArray(), *c;
    const cJSON *n;
    cJSON_ArrayForEach(n, new)
    {
        if (cJSON_GetArraySize(merged) == CONDITIONS_MAX)
            break;
        cJSON *copy = cJSON_Duplicate(n, 1);
        moment_t since = now;
        cJSON_ArrayForEach(c, old)
        {
            if (strcmp(object_text(c, "type"), object_text(n, "type")) != 0)
                continue;
            moment_t before = object_time(c, "lastTransitionTime");
            if (strcmp(object_text(c, "status"), object_text(n, "status")) == 0 && before != MOMENT_NONE)
                since = before;
            cJSON_Delete(cJSON_DetachItemViaPointer(old, c));
            break;
        }
        object_set_time(copy, "lastTransitionTime", since);
        cJSON_AddItemToArray(merged, copy);
    }
    while ((c = cJSON_DetachItemFromArray(old, 0)) != NULL) {
        if (cJSON_GetArraySize(merged) < CONDITIONS_MAX)
            cJSON_AddItemToArray(merged, c);
        else
            cJSON_Delete(c);
    }
    return merged;
}

/* Members of a Kubernetes object's JSON: see object.h. */
#include "tasks/object.h"

#include <string.h>

cJSON *object_at(cJSON *object, const char *name)
{
    cJSON *o = cJSON_GetObjectItemCaseSensitive(object, name);
    if (cJSON_IsObject(o))
        return o;
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    return cJSON_AddObjectToObject(object, name);
}

void object_set_text(cJSON *object, const char *name, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    if (value != NULL)
        cJSON_AddStringToObject(object, name, value);
}

void object_set_time(cJSON *object, const char *name, moment_t t)
{
    char text[MOMENT_TEXT];
    moment_format_s(t, text);
    object_set_text(object, name, t == MOMENT_NONE ? NULL : text);
}

const char *object_text(const cJSON *object, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return s != NULL ? s : "";
}

int64_t object_int(const cJSON *object, const char *name, int64_t otherwise)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(n) && n->valuedouble >= -9e15 && n->valuedouble <= 9e15 ? (int64_t)n->valuedouble
                                                                                 : otherwise;
}

moment_t object_time(const cJSON *object, const char *name)
{
    moment_t t;
    const char *s = object_text(object, name);
    return moment_parse(s, strlen(s), &t) == 0 ? t : MOMENT_NONE;
}

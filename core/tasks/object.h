/* Reading and writing members of a Kubernetes object's JSON. Pure. */
#pragma once

#include "base/moment.h"

#include <cjson/cJSON.h>
#include <stdint.h>

cJSON *object_at(cJSON *object, const char *name); /* the member, made when it is missing or no object */
void object_set_text(cJSON *object, const char *name, const char *value);    /* NULL: removes it */
void object_set_time(cJSON *object, const char *name, moment_t t);           /* MOMENT_NONE: removes it */
const char *object_text(const cJSON *object, const char *name);              /* "" when absent or no string */
int64_t object_int(const cJSON *object, const char *name, int64_t otherwise);
moment_t object_time(const cJSON *object, const char *name);

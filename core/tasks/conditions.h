/* Kubernetes conditions from one cycle to the next. Pure. */
#pragma once

#include "base/moment.h"

#include <cjson/cJSON.h>

enum { CONDITIONS_MAX = 32 }; /* of one spawner */

/* The new ones, then those of the old that are not mentioned. lastTransitionTime moves only when the status flips. Takes
 * members out of `old`, which stays the caller's. cJSON_Delete */
cJSON *conditions_merge(cJSON *old, const cJSON *new, moment_t now);

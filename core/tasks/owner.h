/* Whose a Task is, by Kelos' own rule: a controller reference decides, by uid; without one the label
 * kelos.dev/taskspawner does. Pure. */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

/* `controllers` as task_controllers makes it, `label` "" when absent; `uid` of the spawner, "" when it is no object. */
bool task_owned(const char *controllers, const char *label, const char *spawner, const char *uid);
/* The uids of controller references, each followed by a space; free(). */
char *task_controllers(const cJSON *object);

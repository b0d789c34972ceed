/* What a command is told in its environment. See exec.h and run.h. */
#include "tasks/sqlite/run.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

extern char **environ;

const char *spec_text(const cJSON *object, const char *name)
{
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(object, "spec");
    const char *s = object_text(cJSON_GetObjectItemCaseSensitive(spec, "worker"), name);
    return s[0] != '\0' ? s : object_text(spec, name);
}

int64_t spec_deadline_s(const cJSON *object)
{
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(object, "spec");
    const cJSON *worker = cJSON_GetObjectItemCaseSensitive(spec, "worker");
    int64_t s = object_int(cJSON_GetObjectItemCaseSensitive(worker, "podOverrides"), "activeDeadlineSeconds", 0);
    if (s <= 0)
        s = object_int(cJSON_GetObjectItemCaseSensitive(spec, "podOverrides"), "activeDeadlineSeconds", 0);
    return s > 0 ? s : 0;
}

enum { VARIABLES = 10 };
static const char *const names[VARIABLES] = {
    "KELOS_TASK_NAME", "KELOS_TASK_NAMESPACE", "KELOS_TASKSPAWNER",   "KELOS_AGENT_TYPE",        "KELOS_MODEL",
    "KELOS_EFFORT",    "KELOS_BRANCH",         "KELOS_UPSTREAM_REPO", "KELOS_ALERT_FINGERPRINT", "KELOS_ALERTNAME",
};

/* The engine's credentials, and whatever of ours the engine itself was started with. */
static bool withheld(const char *entry)
{
    if (strncmp(entry, "ALERTMANAGER_", 13) == 0)
        return true;
    for (int i = 0; i < VARIABLES; i++) {
        size_t n = strlen(names[i]);
        if (strncmp(entry, names[i], n) == 0 && entry[n] == '=')
            return true;
    }
    return false;
}

char **environment_make(const struct task_row *task)
{
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(task->object, "metadata");
    const cJSON *annotations = cJSON_GetObjectItemCaseSensitive(metadata, "annotations");
    const char *values[VARIABLES] = {
        task->name,
        task->ns,
        task->spawner,
        spec_text(task->object, "type"),
        spec_text(task->object, "model"),
        spec_text(task->object, "effort"),
        spec_text(task->object, "branch"),
        spec_text(task->object, "upstreamRepo"),
        object_text(annotations, STORE_ANN_FINGERPRINT),
        object_text(annotations, STORE_ANN_ALERTNAME),
    };
    char **env = NULL;
    size_t n = 0, cap = 0;
    for (char **p = environ; *p != NULL; p++) {
        if (withheld(*p))
            continue;
        xgrow(&env, &cap, n + 1, sizeof *env);
        env[n++] = xstrdup(*p);
    }
    for (int i = 0; i < VARIABLES; i++) {
        if (values[i][0] == '\0')
            continue;
        xgrow(&env, &cap, n + 1, sizeof *env);
        env[n++] = xasprintf("%s=%.*s", names[i], (int)utf8_cut(values[i], strlen(values[i]), EXEC_ENV_MAX), values[i]);
    }
    xgrow(&env, &cap, n + 1, sizeof *env);
    env[n] = NULL;
    return env;
}

void environment_free(char **env)
{
    for (char **p = env; p != NULL && *p != NULL; p++)
        free(*p);
    free(env);
}

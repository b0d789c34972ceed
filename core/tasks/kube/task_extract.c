/* A Task object, reduced: see task_extract.h. */
#include "tasks/kube/task_extract.h"

#include "base/mem.h"
#include "tasks/object.h"
#include "tasks/owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* All of the text must be the number; else 0, which stands for "absent or unreadable". */
static uint64_t number(const char *text, int base, size_t digits)
{
    char *end;
    if ((digits > 0 && strlen(text) != digits) || text[0] == '\0' || text[0] == '-' || text[0] == '+')
        return 0;
    errno = 0;
    uint64_t n = strtoull(text, &end, base);
    return errno == 0 && *end == '\0' ? n : 0;
}

struct task_extract *task_extract(const cJSON *object)
{
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata"),
                *status = cJSON_GetObjectItemCaseSensitive(object, "status"),
                *labels = cJSON_GetObjectItemCaseSensitive(metadata, "labels"),
                *annotations = cJSON_GetObjectItemCaseSensitive(metadata, "annotations");
    struct task_extract *t = xcalloc(1, sizeof *t);
    *t = (struct task_extract){
        .spawner = xstrdup(object_text(labels, STORE_LABEL_SPAWNER)),
        .controllers = task_controllers(object),
        .policy = xstrdup(object_text(annotations, STORE_ANN_POLICY)),
        .alertname = xstrdup(object_text(annotations, STORE_ANN_ALERTNAME)),
        .identity = number(object_text(annotations, STORE_ANN_FINGERPRINT), 16, 16),
        .ordinal = number(object_text(annotations, STORE_ANN_ORDINAL), 10, 0),
        .created_at = object_time(metadata, "creationTimestamp"),
        .starts_at = object_time(annotations, STORE_ANN_STARTS_AT),
        .completed_at = object_time(status, "completionTime"),
        .deleting = object_text(metadata, "deletionTimestamp")[0] != '\0',
    };
    /* A phase that we do not know is active, as in Kelos. */
    if (task_phase_parse(object_text(status, "phase"), &t->phase) != 0)
        t->phase = TASK_RUNNING;
    return t;
}

void task_extract_free(struct task_extract **extract)
{
    struct task_extract *t = *extract;
    *extract = NULL;
    if (t == NULL)
        return;
    free(t->spawner);
    free(t->controllers);
    free(t->policy);
    free(t->alertname);
    free(t);
}

bool task_extract_labelled(const struct task_extract *t, const char *spawner)
{
    return strcmp(t->spawner, spawner) == 0;
}

struct task_fact task_extract_fact(const struct task_extract *t, const char *name, const char *uid,
                                   const char *resource_version, const char *spawner, const char *spawner_uid)
{
    return (struct task_fact){
        .name = xstrdup(name),
        .uid = xstrdup(uid),
        .resource_version = xstrdup(resource_version),
        .identity = t->identity,
        .phase = t->phase,
        .owned = task_owned(t->controllers, t->spawner, spawner, spawner_uid),
        .deleting = t->deleting,
        .created_at = t->created_at,
        .completed_at = t->completed_at,
        .starts_at = t->starts_at,
        .ordinal = t->ordinal,
        .policy = xstrdup(t->policy),
        .alertname = xstrdup(t->alertname),
    };
}

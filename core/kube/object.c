/* What is read of every object, and the resources that every cluster has: see client.h. */
#include "kube/client.h"

#include <stdarg.h>
#include <string.h>

const struct kube_resource kube_tasks = {.group = "kelos.dev", .version = "v1alpha2", .plural = "tasks", .kind = "Task",
                                         .install = "install Kelos (https://github.com/kelos-dev/kelos)"};
const struct kube_resource kube_secrets = {.group = "", .version = "v1", .plural = "secrets", .kind = "Secret"};
const struct kube_resource kube_config_maps = {.group = "", .version = "v1", .plural = "configmaps", .kind = "ConfigMap"};
const struct kube_resource kube_events = {.group = "", .version = "v1", .plural = "events", .kind = "Event"};
const struct kube_resource kube_leases = {.group = "coordination.k8s.io", .version = "v1", .plural = "leases",
                                          .kind = "Lease"};

const char *kube_text(const cJSON *object, ...)
{
    va_list ap;
    va_start(ap, object);
    const char *key;
    while ((key = va_arg(ap, const char *)) != NULL)
        object = cJSON_GetObjectItemCaseSensitive(object, key);
    va_end(ap);
    return cJSON_IsString(object) ? object->valuestring : "";
}

const char *kube_name(const cJSON *object)
{
    return kube_text(object, "metadata", "name", NULL);
}

const char *kube_namespace(const cJSON *object)
{
    return kube_text(object, "metadata", "namespace", NULL);
}

const char *kube_uid(const cJSON *object)
{
    return kube_text(object, "metadata", "uid", NULL);
}

const char *kube_version(const cJSON *object)
{
    return kube_text(object, "metadata", "resourceVersion", NULL);
}

const char *kube_label(const cJSON *object, const char *key)
{
    return kube_text(object, "metadata", "labels", key, NULL);
}

const char *kube_annotation(const cJSON *object, const char *key)
{
    return kube_text(object, "metadata", "annotations", key, NULL);
}

bool kube_deleting(const cJSON *object)
{
    return *kube_text(object, "metadata", "deletionTimestamp", NULL) != '\0';
}

static bool is_number(const char *s)
{
    return *s >= '1' && *s <= '9' && s[strspn(s, "0123456789")] == '\0';
}

int kube_version_compare(const char *a, const char *b)
{
    if (!is_number(a) || !is_number(b))
        return strcmp(a, b) == 0 ? 0 : 1;
    size_t n = strlen(a), m = strlen(b);
    return n != m ? (n < m ? -1 : 1) : strcmp(a, b);
}

/* podOverrides and podFailurePolicy: see fields.h. What Kubernetes defines in them is in kube_types.h. */
#include "spawner/fields.h"

#include "spawner/checks.h"
#include "spawner/kube_types.h"

enum { CONTAINERS_MAX = 8 };

static const struct schema_field pod_overrides[] = {
    {.name = "labels", .container = SCHEMA_MAP},
    {.name = "resources", .shape = SCHEMA_OBJECT, .type = &kube_ResourceRequirements},
    {.name = "activeDeadlineSeconds",
     .shape = SCHEMA_INT64,
     .flags = SCHEMA_POINTER | SCHEMA_LIMITED,
     .min = 1},
    {.name = "env", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &kube_EnvVar},
    {.name = "nodeSelector", .container = SCHEMA_MAP},
    {.name = "tolerations", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &kube_Toleration},
    {.name = "affinity", .shape = SCHEMA_OBJECT, .type = &kube_Affinity},
    {.name = "imagePullSecrets", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &kube_LocalObjectReference},
    {.name = "serviceAccountName"},
    {.name = "volumes", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &kube_Volume},
    {.name = "volumeMounts", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &kube_VolumeMount},
    {.name = "podSecurityContext", .shape = SCHEMA_OBJECT, .type = &kube_PodSecurityContext},
    {.name = "containerSecurityContext", .shape = SCHEMA_OBJECT, .type = &kube_SecurityContext},
    {.name = "extraContainers",
     .shape = SCHEMA_OBJECT,
     .container = SCHEMA_LIST,
     .type = &kube_Container,
     .max_items = CONTAINERS_MAX,
     .check_all = check_container_names},
    {.name = "extraInitContainers",
     .shape = SCHEMA_OBJECT,
     .container = SCHEMA_LIST,
     .type = &kube_Container,
     .max_items = CONTAINERS_MAX,
     .check_all = check_init_container_names},
};
const struct schema_type fields_pod_overrides = SCHEMA_TYPE(pod_overrides);

static const struct schema_field on_exit_codes[] = {
    {.name = "containerName", .flags = SCHEMA_POINTER},
    {.name = "operator", .flags = SCHEMA_REQUIRED, .choices = "In|NotIn"},
    {.name = "values", .shape = SCHEMA_INT32, .container = SCHEMA_LIST, .flags = SCHEMA_REQUIRED},
};
static const struct schema_type type_on_exit_codes = SCHEMA_TYPE(on_exit_codes);

static const struct schema_field on_pod_condition[] = {
    {.name = "type", .flags = SCHEMA_REQUIRED},
    {.name = "status", .flags = SCHEMA_REQUIRED, .choices = "True|False|Unknown"},
};
static const struct schema_type type_on_pod_condition = SCHEMA_TYPE(on_pod_condition);

static const struct schema_field failure_rule[] = {
    {.name = "action", .flags = SCHEMA_REQUIRED, .choices = "FailJob|Ignore|Count|FailIndex"},
    {.name = "onExitCodes", .shape = SCHEMA_OBJECT, .type = &type_on_exit_codes},
    {.name = "onPodConditions",
     .shape = SCHEMA_OBJECT,
     .container = SCHEMA_LIST,
     .type = &type_on_pod_condition},
};
static const struct schema_type type_failure_rule = SCHEMA_TYPE(failure_rule);

static const struct schema_field pod_failure_policy[] = {
    {.name = "rules",
     .shape = SCHEMA_OBJECT,
     .container = SCHEMA_LIST,
     .flags = SCHEMA_REQUIRED,
     .type = &type_failure_rule,
     .check_all = check_failure_rules},
};
const struct schema_type fields_pod_failure_policy = SCHEMA_TYPE(pod_failure_policy);

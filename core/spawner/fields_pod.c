/* podOverrides and podFailurePolicy: see fields.h. What is deeper than these tables passes through as it
 * stands. */
#include "spawner/fields.h"

#include "spawner/checks.h"

static const struct schema_field resource_claim[] = {
    {.name = "name", .flags = SCHEMA_REQUIRED},
    {.name = "request"},
};
static const struct schema_type type_resource_claim = SCHEMA_TYPE(resource_claim);

static const struct schema_field resources[] = {
    {.name = "limits", .shape = SCHEMA_QUANTITY, .container = SCHEMA_MAP},
    {.name = "requests", .shape = SCHEMA_QUANTITY, .container = SCHEMA_MAP},
    {.name = "claims", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &type_resource_claim},
};
static const struct schema_type type_resources = SCHEMA_TYPE(resources);

static const struct schema_field resource_field_ref[] = {
    {.name = "containerName"},
    {.name = "resource", .flags = SCHEMA_REQUIRED},
    {.name = "divisor", .shape = SCHEMA_QUANTITY, .flags = SCHEMA_BY_VALUE},
};
static const struct schema_type type_resource_field_ref = SCHEMA_TYPE(resource_field_ref);

static const struct schema_field value_from[] = {
    {.name = "resourceFieldRef",
     .shape = SCHEMA_OBJECT,
     .flags = SCHEMA_POINTER,
     .type = &type_resource_field_ref},
};
static const struct schema_type type_value_from = SCHEMA_OPEN_TYPE(value_from);

static const struct schema_field env[] = {
    {.name = "name", .flags = SCHEMA_REQUIRED | SCHEMA_NONEMPTY},
    {.name = "value"},
    {.name = "valueFrom", .shape = SCHEMA_OBJECT, .flags = SCHEMA_POINTER, .type = &type_value_from},
};
static const struct schema_type type_env = SCHEMA_TYPE(env);

static const struct schema_field toleration[] = {
    {.name = "key"},
    {.name = "operator"},
    {.name = "value"},
    {.name = "effect"},
    {.name = "tolerationSeconds", .shape = SCHEMA_INT64, .flags = SCHEMA_POINTER},
};
static const struct schema_type type_toleration = SCHEMA_TYPE(toleration);

static const struct schema_field local_ref[] = {{.name = "name"}};
static const struct schema_type type_local_ref = SCHEMA_TYPE(local_ref);

static const struct schema_field empty_dir[] = {
    {.name = "medium"},
    {.name = "sizeLimit", .shape = SCHEMA_QUANTITY, .flags = SCHEMA_POINTER},
};
static const struct schema_type type_empty_dir = SCHEMA_TYPE(empty_dir);

static const struct schema_field claim_volume[] = {
    {.name = "claimName", .flags = SCHEMA_REQUIRED},
    {.name = "readOnly", .shape = SCHEMA_BOOL},
};
static const struct schema_type type_claim_volume = SCHEMA_TYPE(claim_volume);

static const struct schema_field volume[] = {
    {.name = "name", .flags = SCHEMA_REQUIRED | SCHEMA_NONEMPTY},
    {.name = "emptyDir", .shape = SCHEMA_OBJECT, .flags = SCHEMA_POINTER, .type = &type_empty_dir},
    {.name = "persistentVolumeClaim", .shape = SCHEMA_OBJECT, .type = &type_claim_volume},
};
static const struct schema_type type_volume = SCHEMA_OPEN_TYPE(volume);

static const struct schema_field volume_mount[] = {
    {.name = "name", .flags = SCHEMA_REQUIRED | SCHEMA_NONEMPTY},
    {.name = "readOnly", .shape = SCHEMA_BOOL},
    {.name = "recursiveReadOnly", .flags = SCHEMA_POINTER},
    {.name = "mountPath", .flags = SCHEMA_REQUIRED | SCHEMA_NONEMPTY},
    {.name = "subPath"},
    {.name = "mountPropagation", .flags = SCHEMA_POINTER},
    {.name = "subPathExpr"},
};
static const struct schema_type type_volume_mount = SCHEMA_TYPE(volume_mount);

static const struct schema_field port[] = {
    {.name = "name"},
    {.name = "hostPort", .shape = SCHEMA_INT32},
    {.name = "containerPort", .shape = SCHEMA_INT32, .flags = SCHEMA_REQUIRED},
    {.name = "protocol"},
    {.name = "hostIP"},
};
static const struct schema_type type_port = SCHEMA_TYPE(port);

static const struct schema_field container[] = {
    {.name = "name", .flags = SCHEMA_REQUIRED},
    {.name = "image"},
    {.name = "command", .container = SCHEMA_LIST},
    {.name = "args", .container = SCHEMA_LIST},
    {.name = "workingDir"},
    {.name = "ports", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &type_port},
    {.name = "envFrom", .shape = SCHEMA_ANY_MAP, .container = SCHEMA_LIST},
    {.name = "env", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &type_env},
    {.name = "resources", .shape = SCHEMA_OBJECT, .flags = SCHEMA_BY_VALUE, .type = &type_resources},
    {.name = "resizePolicy", .shape = SCHEMA_ANY_MAP, .container = SCHEMA_LIST},
    {.name = "restartPolicy", .flags = SCHEMA_POINTER},
    {.name = "restartPolicyRules", .shape = SCHEMA_ANY_MAP, .container = SCHEMA_LIST},
    {.name = "volumeMounts", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &type_volume_mount},
    {.name = "volumeDevices", .shape = SCHEMA_ANY_MAP, .container = SCHEMA_LIST},
    {.name = "livenessProbe", .shape = SCHEMA_ANY_MAP, .flags = SCHEMA_POINTER},
    {.name = "readinessProbe", .shape = SCHEMA_ANY_MAP, .flags = SCHEMA_POINTER},
    {.name = "startupProbe", .shape = SCHEMA_ANY_MAP, .flags = SCHEMA_POINTER},
    {.name = "lifecycle", .shape = SCHEMA_ANY_MAP, .flags = SCHEMA_POINTER},
    {.name = "terminationMessagePath"},
    {.name = "terminationMessagePolicy"},
    {.name = "imagePullPolicy"},
    {.name = "securityContext", .shape = SCHEMA_ANY_MAP, .flags = SCHEMA_POINTER},
    {.name = "stdin", .shape = SCHEMA_BOOL},
    {.name = "stdinOnce", .shape = SCHEMA_BOOL},
    {.name = "tty", .shape = SCHEMA_BOOL},
};
static const struct schema_type type_container = SCHEMA_TYPE(container);

enum { CONTAINERS_MAX = 8 };

static const struct schema_field pod_overrides[] = {
    {.name = "labels", .container = SCHEMA_MAP},
    {.name = "resources", .shape = SCHEMA_OBJECT, .type = &type_resources},
    {.name = "activeDeadlineSeconds",
     .shape = SCHEMA_INT64,
     .flags = SCHEMA_POINTER | SCHEMA_LIMITED,
     .min = 1},
    {.name = "env", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &type_env},
    {.name = "nodeSelector", .container = SCHEMA_MAP},
    {.name = "tolerations", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &type_toleration},
    {.name = "affinity", .shape = SCHEMA_ANY_MAP},
    {.name = "imagePullSecrets", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &type_local_ref},
    {.name = "serviceAccountName"},
    {.name = "volumes", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &type_volume},
    {.name = "volumeMounts", .shape = SCHEMA_OBJECT, .container = SCHEMA_LIST, .type = &type_volume_mount},
    {.name = "podSecurityContext", .shape = SCHEMA_ANY_MAP},
    {.name = "containerSecurityContext", .shape = SCHEMA_ANY_MAP},
    {.name = "extraContainers",
     .shape = SCHEMA_OBJECT,
     .container = SCHEMA_LIST,
     .type = &type_container,
     .max_items = CONTAINERS_MAX,
     .check_all = check_container_names},
    {.name = "extraInitContainers",
     .shape = SCHEMA_OBJECT,
     .container = SCHEMA_LIST,
     .type = &type_container,
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

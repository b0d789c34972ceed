/* The documents: see fields.h. */
#include "spawner/fields.h"

#include "spawner/checks.h"

#define AGENTS "claude-code|codex|gemini|opencode|cursor|"
#define OTHER_SOURCE                                                                                         \
    "not served here: `when` must hold prometheusAlerts and nothing else; leave this spawner to Kelos, or "  \
    "split it"

static const struct schema_field ref[] = {{.name = "name", .flags = SCHEMA_REQUIRED | SCHEMA_NONEMPTY}};
const struct schema_type fields_ref = SCHEMA_TYPE(ref);

static const struct schema_field credentials[] = {
    {.name = "type", .flags = SCHEMA_REQUIRED, .choices = "api-key|oauth|none"},
    {.name = "secretRef", .shape = SCHEMA_OBJECT, .type = &fields_ref},
};
const struct schema_type fields_credentials = SCHEMA_TYPE(credentials);

/* What worker and the flat template share. */
#define WORKER_FIELDS                                                                                        \
    {.name = "type", .choices = AGENTS},                                                                     \
        {.name = "credentials", .shape = SCHEMA_OBJECT, .type = &fields_credentials}, {.name = "model"},     \
        {.name = "effort"}, {.name = "image"},                                                               \
        {.name = "workspaceRef", .shape = SCHEMA_OBJECT, .type = &fields_ref},                               \
        {.name = "agentConfigRefs",                                                                          \
         .shape = SCHEMA_OBJECT,                                                                             \
         .container = SCHEMA_LIST,                                                                           \
         .flags = SCHEMA_NONEMPTY,                                                                           \
         .type = &fields_ref},                                                                               \
    {                                                                                                        \
        .name = "podOverrides", .shape = SCHEMA_OBJECT, .type = &fields_pod_overrides                        \
    }

static const struct schema_field worker[] = {WORKER_FIELDS};
static const struct schema_type type_worker = SCHEMA_TYPE(worker);

/* What goes into the Task as it is. */
#define TASK_FIELDS                                                                                          \
    WORKER_FIELDS, {.name = "worker", .shape = SCHEMA_OBJECT, .type = &type_worker},                         \
        {.name = "workerPoolRef", .shape = SCHEMA_OBJECT, .type = &fields_ref},                              \
        {.name = "dependsOn", .container = SCHEMA_LIST}, {.name = "upstreamRepo"},                           \
        {.name = "ttlSecondsAfterFinished",                                                                  \
         .shape = SCHEMA_INT32,                                                                              \
         .flags = SCHEMA_POINTER | SCHEMA_LIMITED},                                                          \
    {                                                                                                        \
        .name = "podFailurePolicy", .shape = SCHEMA_OBJECT, .type = &fields_pod_failure_policy               \
    }

static const struct schema_field task_spec[] = {TASK_FIELDS};
const struct schema_type fields_task_spec = SCHEMA_TYPE(task_spec);

static const struct schema_field template_metadata[] = {
    {.name = "labels", .container = SCHEMA_MAP, .check_all = check_label_keys},
    {.name = "annotations", .container = SCHEMA_MAP, .check_all = check_label_keys},
};
static const struct schema_type type_template_metadata = SCHEMA_TYPE(template_metadata);

static const struct schema_field task_template[] = {
    TASK_FIELDS,
    {.name = "agentConfigRef", .shape = SCHEMA_OBJECT, .type = &fields_ref},
    {.name = "branch"},
    {.name = "promptTemplate"},
    {.name = "nameTemplate"},
    {.name = "metadata", .shape = SCHEMA_OBJECT, .type = &type_template_metadata},
    {.name = "contextSources",
     .refused = "contextSources are not supported yet: remove them or let the agent fetch what it needs"},
};
static const struct schema_type type_task_template = SCHEMA_TYPE(task_template);

static const struct schema_field alert_secret_ref[] = {
    {.name = "name", .flags = SCHEMA_REQUIRED | SCHEMA_NONEMPTY, .check = check_subdomain},
};
static const struct schema_type type_alert_secret_ref = SCHEMA_TYPE(alert_secret_ref);

static const struct schema_field prometheus_alerts[] = {
    {.name = "url", .flags = SCHEMA_REQUIRED | SCHEMA_NONEMPTY, .check = check_url},
    {.name = "alertNames", .container = SCHEMA_LIST},
    {.name = "labels", .container = SCHEMA_MAP, .check_all = check_no_empty_key},
    {.name = "excludeLabels", .container = SCHEMA_MAP, .check_all = check_no_empty_key},
    {.name = "severities", .container = SCHEMA_LIST},
    {.name = "pollInterval", .check = check_interval},
    {.name = "secretRef", .shape = SCHEMA_OBJECT, .type = &type_alert_secret_ref},
    {.name = "priorityLabels", .container = SCHEMA_LIST},
};
static const struct schema_type type_prometheus_alerts = SCHEMA_TYPE(prometheus_alerts);

static const struct schema_field when[] = {
    {.name = "prometheusAlerts",
     .shape = SCHEMA_OBJECT,
     .flags = SCHEMA_REQUIRED,
     .type = &type_prometheus_alerts},
    {.name = "githubIssues", .refused = OTHER_SOURCE},
    {.name = "githubPullRequests", .refused = OTHER_SOURCE},
    {.name = "cron", .refused = OTHER_SOURCE},
    {.name = "jira", .refused = OTHER_SOURCE},
    {.name = "githubWebhook", .refused = OTHER_SOURCE},
    {.name = "linearWebhook", .refused = OTHER_SOURCE},
    {.name = "webhook", .refused = OTHER_SOURCE},
    {.name = "slack", .refused = OTHER_SOURCE},
};
static const struct schema_type type_when = SCHEMA_TYPE(when);

static const struct schema_field spawner_credential[] = {
    {.name = "name", .flags = SCHEMA_REQUIRED, .check = check_label_name},
    {.name = "type", .flags = SCHEMA_REQUIRED, .choices = "api-key|oauth"},
    {.name = "secretRef", .shape = SCHEMA_OBJECT, .flags = SCHEMA_REQUIRED, .type = &fields_ref},
};
static const struct schema_type type_spawner_credential = SCHEMA_TYPE(spawner_credential);

#define SPEC_FIELDS                                                                                          \
    {.name = "when", .shape = SCHEMA_OBJECT, .flags = SCHEMA_REQUIRED, .type = &type_when},                  \
        {.name = "taskTemplate",                                                                             \
         .shape = SCHEMA_OBJECT,                                                                             \
         .flags = SCHEMA_REQUIRED,                                                                           \
         .type = &type_task_template},                                                                       \
        {.name = "credentials",                                                                              \
         .shape = SCHEMA_OBJECT,                                                                             \
         .container = SCHEMA_LIST,                                                                           \
         .flags = SCHEMA_NONEMPTY,                                                                           \
         .type = &type_spawner_credential,                                                                   \
         .check_all = check_unique_names},                                                                   \
        {.name = "maxConcurrency", .shape = SCHEMA_INT32, .flags = SCHEMA_LIMITED},                          \
        {.name = "maxTotalTasks", .shape = SCHEMA_INT32, .flags = SCHEMA_LIMITED},                           \
    {                                                                                                        \
        .name = "suspend", .shape = SCHEMA_BOOL                                                              \
    }

static const struct schema_field reserve[] = {
    {.name = "slots", .shape = SCHEMA_INT32, .flags = SCHEMA_REQUIRED | SCHEMA_LIMITED, .min = 1, .check = check_slots},
    {.name = "priority", .shape = SCHEMA_INT32, .flags = SCHEMA_LIMITED, .check = check_slots},
};
static const struct schema_type type_reserve = SCHEMA_TYPE(reserve);
static const struct schema_field limits[] = {
    {.name = "perHour", .shape = SCHEMA_INT32, .flags = SCHEMA_LIMITED, .min = 1, .check = check_rate},
    {.name = "perDay", .shape = SCHEMA_INT32, .flags = SCHEMA_LIMITED, .min = 1, .check = check_rate},
    {.name = "ramp", .shape = SCHEMA_INT32, .flags = SCHEMA_LIMITED, .min = 1, .check = check_rate},
    {.name = "reserve", .shape = SCHEMA_OBJECT, .type = &type_reserve},
};
static const struct schema_type type_limits = SCHEMA_TYPE(limits);

static const struct schema_field spec_alertspawner[] = {
    SPEC_FIELDS,
    {.name = "pollInterval", .check = check_interval},
    {.name = "limits", .shape = SCHEMA_OBJECT, .type = &type_limits},
};
static const struct schema_type type_spec_alertspawner = SCHEMA_TYPE(spec_alertspawner);
static const struct schema_field spec[] = {SPEC_FIELDS, {.name = "pollInterval", .check = check_interval}};
static const struct schema_type type_spec = SCHEMA_TYPE(spec);
static const struct schema_field spec_latest[] = {
    SPEC_FIELDS,
    {.name = "pollInterval",
     .refused = "unknown field in kelos.dev/v1alpha2; put it in when.prometheusAlerts.pollInterval"},
};
static const struct schema_type type_spec_latest = SCHEMA_TYPE(spec_latest);

#define METADATA_FIELDS                                                                                      \
    {.name = "namespace", .check = check_namespace}, {.name = "uid"},                                        \
        {.name = "labels", .container = SCHEMA_MAP},                                                         \
        {.name = "annotations", .container = SCHEMA_MAP, .check_all = check_our_annotations},                \
        {.name = "creationTimestamp", .flags = SCHEMA_IGNORED},                                              \
        {.name = "generation", .flags = SCHEMA_IGNORED},                                                     \
        {.name = "resourceVersion", .flags = SCHEMA_IGNORED},                                                \
        {.name = "managedFields", .flags = SCHEMA_IGNORED},                                                  \
        {.name = "ownerReferences", .flags = SCHEMA_IGNORED},                                                \
        {.name = "finalizers", .flags = SCHEMA_IGNORED}, {.name = "selfLink", .flags = SCHEMA_IGNORED},      \
        {.name = "generateName", .flags = SCHEMA_IGNORED},                                                   \
        {.name = "deletionTimestamp", .flags = SCHEMA_IGNORED},                                              \
    {                                                                                                        \
        .name = "deletionGracePeriodSeconds", .flags = SCHEMA_IGNORED                                        \
    }

static const struct schema_field metadata[] = {
    {.name = "name", .flags = SCHEMA_REQUIRED | SCHEMA_NONEMPTY, .check = check_spawner_name},
    METADATA_FIELDS,
};
static const struct schema_type type_metadata = SCHEMA_TYPE(metadata);
static const struct schema_field secret_metadata[] = {
    {.name = "name", .flags = SCHEMA_REQUIRED | SCHEMA_NONEMPTY, .check = check_subdomain},
    METADATA_FIELDS,
};
static const struct schema_type type_secret_metadata = SCHEMA_TYPE(secret_metadata);

#define DOCUMENT_FIELDS(meta)                                                                                \
    {.name = "apiVersion"}, {.name = "kind"},                                                                \
    {                                                                                                        \
        .name = "metadata", .shape = SCHEMA_OBJECT, .flags = SCHEMA_REQUIRED, .type = &(meta)                \
    }

static const struct schema_field taskspawner[] = {
    DOCUMENT_FIELDS(type_metadata),
    {.name = "spec", .shape = SCHEMA_OBJECT, .flags = SCHEMA_REQUIRED, .type = &type_spec},
    {.name = "status", .flags = SCHEMA_IGNORED},
};
const struct schema_type fields_taskspawner = SCHEMA_TYPE(taskspawner);
static const struct schema_field taskspawner_latest[] = {
    DOCUMENT_FIELDS(type_metadata),
    {.name = "spec", .shape = SCHEMA_OBJECT, .flags = SCHEMA_REQUIRED, .type = &type_spec_latest},
    {.name = "status", .flags = SCHEMA_IGNORED},
};
const struct schema_type fields_taskspawner_latest = SCHEMA_TYPE(taskspawner_latest);

static const struct schema_field alertspawner[] = {
    DOCUMENT_FIELDS(type_metadata),
    {.name = "spec", .shape = SCHEMA_OBJECT, .flags = SCHEMA_REQUIRED, .type = &type_spec_alertspawner},
    {.name = "status", .flags = SCHEMA_IGNORED},
};
const struct schema_type fields_alertspawner = SCHEMA_TYPE(alertspawner);

static const struct schema_field list[] = {
    {.name = "apiVersion"},
    {.name = "kind"},
    {.name = "metadata", .flags = SCHEMA_IGNORED},
    {.name = "items", .shape = SCHEMA_ANY_MAP, .container = SCHEMA_LIST, .flags = SCHEMA_REQUIRED},
};
const struct schema_type fields_list = SCHEMA_TYPE(list);

static const struct schema_field secret[] = {
    DOCUMENT_FIELDS(type_secret_metadata),
    {.name = "data",
     .container = SCHEMA_MAP,
     .flags = SCHEMA_SECRET,
     .check = check_base64,
     .check_all = check_secret_keys},
    {.name = "stringData", .container = SCHEMA_MAP, .flags = SCHEMA_SECRET, .check_all = check_secret_keys},
    {.name = "type"},
    {.name = "immutable", .shape = SCHEMA_BOOL},
};
const struct schema_type fields_secret = SCHEMA_TYPE(secret);

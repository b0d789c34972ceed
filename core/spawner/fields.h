/* The tables of every document that is taken: what schema_check goes by. Source of the rules: the CRDs of
 * Kelos and the Go types behind them (k8s.io/api v0.35). Fields of v1alpha1 and v1alpha2 are taken in either
 * version, unless a rule forbids the combination; only spec.pollInterval belongs to v1alpha1 and AlertSpawner
 * alone. */
#pragma once

#include "spawner/schema.h"

/* A whole document. */
extern const struct schema_type fields_taskspawner;        /* with spec.pollInterval */
extern const struct schema_type fields_taskspawner_latest; /* v1alpha2: without */
extern const struct schema_type fields_alertspawner;       /* with spec.pollInterval and spec.limits */
extern const struct schema_type fields_list;
extern const struct schema_type fields_secret;

/* Members of taskTemplate that go into the Task's spec. */
extern const struct schema_type fields_task_spec;
extern const struct schema_type fields_pod_overrides;
extern const struct schema_type fields_pod_failure_policy;
extern const struct schema_type fields_credentials;
extern const struct schema_type fields_ref; /* {name} */

enum { FIELDS_NAME_MAX = 63 }; /* of a spawner: it becomes the value of a label */

/* A Task object out of a spawner's template and one composed alert. Pure.
 *
 * kelos.dev/v1alpha2; only non-empty optional members, so that it survives a decode/encode by Go; the label
 * kelos.dev/taskspawner and our annotations win over the template's. */
#pragma once

#include "base/err.h"
#include "base/moment.h"
#include "reconcile/reason.h"

#include <cjson/cJSON.h>
#include <stdint.h>

struct spawner;
struct composition;

struct task_doc_input {
    const struct spawner *spawner;
    const struct composition *composition;
    const char *name;
    uint64_t identity;
    const char *alertname;  /* "" when absent */
    moment_t starts_at;
    const char *policy;     /* which policy decided */
    const char *policy_hash; /* which version of it, or NULL */
    enum reason reason;     /* create.new, recreate.gone, retrigger.refired, or the policy's own: `reason_text` wins */
    const char *reason_text; /* "policy.<code>", or NULL */
    uint64_t credential_pick; /* chooses an entry of spec.credentials: any number, e.g. the identity */
};

enum {
    TASK_LABEL_MAX = 63,                   /* bytes of a label's value, and of the name part of a key */
    TASK_ANNOTATIONS_MAX = 256 * 1024,     /* bytes of all annotations, keys and values: what Kubernetes allows */
    TASK_PROMPT_MAX = 1024 * 1024,         /* bytes: etcd takes no object over 1.5 MiB */
};

/* *task_r: cJSON_Delete. *warning_r: NULL or a sentence (the branch was not legal and became ...); free(). -1, both NULL:
 * the Task would not be valid (a label value over 63 characters or with illegal characters, an invalid annotation key
 * ...: ERR_INVALID; its prompt is too long: ERR_LIMIT). NUL and bytes that are no UTF-8 become U+FFFD, as Go's encoder
 * would write them. The owner reference is there when the spawner has a uid. */
int task_doc_build(const struct task_doc_input *in, cJSON **task_r, char **warning_r, struct err *e);

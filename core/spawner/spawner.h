/* A checked TaskSpawner document whose `when` holds prometheusAlerts: what the engine works from. Plain data, read-only
 * after spawner_set_load; every default is filled in. */
#pragma once

#include "alerts/selector.h"
#include "base/err.h"
#include "base/moment.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPAWNER_POLL_DEFAULT_S = 120,
    SPAWNER_POLL_MIN_S = 5,
};

/* One templated label or annotation of taskTemplate.metadata. */
struct template_pair {
    char *key, *template;
};

struct spawner {
    /* where it came from */
    char *file;
    int line;
    char *kind;        /* "TaskSpawner" or "AlertSpawner" */
    char *api_version; /* as written */
    char *name, *ns;   /* ns: "default" when the document names none and -n gave none */
    char *who;         /* "namespace/name": spawner_who */
    char *uid;         /* metadata.uid, or "" */
    int64_t generation; /* metadata.generation, or 0 */
    bool in_cluster;   /* an object of the API server: it has a status, and may own Tasks */
    uint64_t hash;     /* XXH3-64 of the normalised document: a change means new work */

    /* when.prometheusAlerts */
    char *url;
    struct selector selector;
    char **priority_labels;
    size_t n_priority_labels;
    int64_t poll_interval_us;
    char *secret_name; /* secretRef.name, or NULL: anonymous */

    /* spec */
    int32_t max_concurrency, max_total_tasks; /* 0: unlimited */
    bool suspend;
    struct spawner_limits { /* spec.limits: over all policies, as a policy's own over its Tasks. 0: no such limit */
        uint32_t per_hour, per_day, ramp, reserve_slots;
        int16_t reserve_priority;
    } limits;

    /* annotations of ours on the document */
    char *policy;         /* alerts.kelos.dev/policy, or NULL */
    cJSON *policy_config; /* alerts.kelos.dev/policy-config, or NULL */

    /* taskTemplate */
    char *prompt_template; /* "{{.Title}}" when the document has none */
    char *branch_template; /* NULL: no branch */
    char *name_template;   /* NULL: <spawner>-<ID> */
    struct template_pair *labels, *annotations;
    size_t n_labels, n_annotations;
    cJSON *task_spec; /* the Task's v1alpha2 spec without prompt and branch: passed through, agentConfigRef folded,
                         quantities normalised, empty optional members left out */
    cJSON *credentials; /* spec.credentials: list of {name, type, secretRef}, or NULL */

    char **warnings; /* not wrong, but worth saying once: "branch without workspaceRef", "empty promptTemplate" */
    size_t n_warnings;
};

/* A Secret, from a `kind: Secret` document in -f or from --secrets DIR (DIR/<name>/<KEY>). Values are wiped when freed
 * and never printed. */
struct secret {
    char *ns, *name;
    struct secret_entry {
        char *key;
        char *value;
        size_t len;
    } *entries;
    size_t n;
};

struct spawner_set {
    struct spawner **spawners;
    size_t n;
    struct secret **secrets;
    size_t n_secrets;
    /* One bad document never stops the others: what was wrong, one sentence each, "file:line: ...". */
    char **problems;
    size_t n_problems;
};

struct spawner_source {
    const char *const *paths; /* -f: files, directories (every *.yaml, *.yml, *.json in it, not below), "-" */
    size_t n_paths;
    const char *ns;           /* -n, or NULL */
    const struct spawner_object { /* objects of the API server, after all that paths name */
        const char *name;     /* for sentences, in a file's place: "AlertSpawner ns/name" */
        const char *json;
        size_t len;
    } *objects;
    size_t n_objects;
    const char *stdin_text;   /* what "-" stood for, when it was read before; NULL: read standard input */
    size_t stdin_len;
};

/* Reads and checks everything. 0 even when documents are wrong (see problems); -1 when a path cannot be read at all.
 * Two documents with one namespace/name: the later one is a problem. Documents of other kinds are a problem too,
 * except Secret. */
int spawner_set_load(const struct spawner_source *source, struct spawner_set **set_r, struct err *e);
void spawner_set_free(struct spawner_set **set);
struct spawner *spawner_set_find(const struct spawner_set *set, const char *ns, const char *name);
/* "namespace/name", for logs. Valid until the spawner is freed. */
const char *spawner_who(const struct spawner *s);

/* --alertmanager URL: replaces the document's url in every spawner. -1: no URL. */
int spawner_set_override_url(struct spawner_set *set, const char *url, struct err *e);

/* The Alertmanager's credentials of a spawner, read anew at every call (mounted Secrets rotate). `secrets_dir` may be
 * NULL. 0 with auth_r zeroed when the spawner has no secretRef. -1: the Secret is missing or its keys are not exactly
 * ALERTMANAGER_TOKEN, or ALERTMANAGER_USER and ALERTMANAGER_PASSWORD: a configuration error, never an anonymous
 * request. A trailing newline of a file's value is taken off. */
struct poll_auth;
int spawner_auth(const struct spawner_set *set, const struct spawner *s, const char *secrets_dir,
                 struct poll_auth *auth_r, struct err *e);
/* The same, of a Secret that is at hand. */
int spawner_auth_of(const struct secret *secret, struct poll_auth *auth_r, struct err *e);

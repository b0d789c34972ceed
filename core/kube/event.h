/* Kubernetes Events, as `kubectl describe` and `kubectl get events` show them: core/v1, with counts.
 *
 * Deduplicated as client-go's recorder does: the same event again (object, type, reason, note) raises `count` of the one
 * that is there; more than 10 different notes of one reason within 10 minutes become one "(combined from similar
 * events)"; each object has a budget of 25 and then one every 5 minutes. Writing never holds anybody up: at most
 * EVENTS_QUEUED wait, the oldest go, what cannot be written is dropped and counted. event_step.h has the rules. */
#pragma once

#include "base/err.h"
#include "base/moment.h"
#include "kube/client.h"

#include <stdbool.h>
#include <stdint.h>

enum { EVENTS_QUEUED = 1000, EVENT_NOTE_MAX = 1024 };

struct kube_events;

/* What an event is about. */
struct kube_object_ref {
    const char *api_version, *kind, *ns, *name, *uid;
    const char *resource_version; /* or "" */
};

/* `component` is "alertspawner"; `instance` this process (lease_identity), for reportingInstance. */
struct kube_events *kube_events_create(uv_loop_t *loop, struct kube_client *client, const char *component,
                                       const char *instance);
void kube_events_free(struct kube_events **events); /* what waits is dropped; the loop must run on until it is empty */

/* type: "Normal" or "Warning"; reason: CamelCase, a closed list of the caller; note: a sentence (control characters are
 * escaped, cut to EVENT_NOTE_MAX). Copied. */
void kube_event(struct kube_events *events, const struct kube_object_ref *about, bool warning, const char *reason,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));

struct kube_events_status {
    uint64_t created, counted, dropped; /* written anew, count raised, not written */
    uint64_t waiting;                   /* still to be written */
};
struct kube_events_status kube_events_status(const struct kube_events *events);

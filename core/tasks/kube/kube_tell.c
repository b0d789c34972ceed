/* Events on the spawner: what `kubectl describe` tells of a cycle. Deduplicated here by what was said last, and by
 * kube/event.h as client-go does. */
#include "tasks/kube/kube_private.h"

#include "base/mem.h"
#include "tasks/object.h"

#include <stdlib.h>
#include <string.h>

enum { SAID_LIMIT, SAID_SOURCE, SAID_POLICY };
enum { TASKS_TOLD = 20 }; /* of one cycle, each with an event of its own */

static const cJSON *condition(const struct operation *op, const char *type)
{
    const cJSON *c;
    cJSON_ArrayForEach(c, op->status.conditions)
    {
        if (strcmp(object_text(c, "type"), type) == 0)
            return c;
    }
    return NULL;
}

/* `now` NULL: all is well. True when that is news. */
static bool is_news(struct operation *op, int what, const char *now)
{
    char **said = &op->slot->said[what];
    if (now == NULL ? *said == NULL : *said != NULL && strcmp(*said, now) == 0)
        return false;
    free(*said);
    *said = xstrdup(now);
    return true;
}

/* A condition that turns bad, says something else, or turns good again. */
static void tell_condition(struct operation *op, const struct kube_object_ref *about, int what, const char *type,
                           const char *bad, const char *good)
{
    const cJSON *c = condition(op, type);
    if (c == NULL)
        return;
    bool fine = strcmp(object_text(c, "status"), "True") == 0, before = op->slot->said[what] != NULL;
    if (!is_news(op, what, fine ? NULL : object_text(c, "message")))
        return;
    if (!fine)
        kube_event(op->store->events, about, true, bad, "%s", object_text(c, "message"));
    else if (before)
        kube_event(op->store->events, about, false, good, "%s", object_text(c, "message"));
}

static void tell_limit(struct operation *op, const struct kube_object_ref *about)
{
    bool limited = op->status.limited > 0;
    if (is_news(op, SAID_LIMIT, limited ? "limited" : NULL) && limited)
        kube_event(op->store->events, about, false, "LimitReached", "%llu alert%s for a limit: %s",
                   (unsigned long long)op->status.limited, op->status.limited == 1 ? " waits" : "s wait",
                   op->status.message);
}

static void tell_tasks(struct operation *op, const struct kube_object_ref *about)
{
    size_t told = 0, more = 0;
    for (size_t i = 0; i < op->changes.n_creates; i++) {
        const struct store_create *c = &op->changes.creates[i];
        const cJSON *annotations =
            cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(c->task, "metadata"), "annotations");
        const struct store_result *r = &op->results[i];
        if (r->outcome == STORE_CREATED && told++ < TASKS_TOLD)
            kube_event(op->store->events, about, false, c->replace ? "TaskRetriggered" : "TaskCreated",
                       "Task %s for %s (%s): %s", c->name, object_text(annotations, STORE_ANN_ALERTNAME),
                       object_text(annotations, STORE_ANN_FINGERPRINT), object_text(annotations, STORE_ANN_REASON));
        else if (r->outcome == STORE_CREATED)
            more++;
        else if (r->outcome == STORE_EXISTS_FOREIGN)
            kube_event(op->store->events, about, true, "TaskCollision", "%s", r->err.msg);
        else if (r->outcome == STORE_FAILED)
            kube_event(op->store->events, about, true, "TaskCreationFailed", "Task %s: %s", c->name, r->err.msg);
    }
    if (more > 0)
        kube_event(op->store->events, about, false, "TasksCreated", "and %zu Tasks more in the same cycle", more);
    for (size_t i = 0; i < op->changes.n_cancels; i++)
        if (op->results[op->changes.n_creates + i].outcome == STORE_CREATED)
            kube_event(op->store->events, about, false, "TaskCancelled", "Task %s: its alerts have resolved before it started",
                       op->changes.cancels[i].name);
}

void events_tell(struct operation *op)
{
    struct kube_object_ref about = {
        .api_version = op->api_version,
        .kind = op->spawner_kind,
        .ns = op->slot->ns,
        .name = op->slot->name,
        .uid = op->uid,
        .resource_version = "",
    };
    if (op->store->events == NULL || op->store->read_only || !op->in_cluster)
        return;
    tell_tasks(op, &about);
    if (op->changes.status == NULL)
        return;
    tell_condition(op, &about, SAID_SOURCE, "SourceReachable", "SourceUnreachable", "SourceReachable");
    tell_condition(op, &about, SAID_POLICY, "PolicyReady", "PolicyNotReady", "PolicyReady");
    if (op->changes.episodes != NULL)
        tell_limit(op, &about);
}

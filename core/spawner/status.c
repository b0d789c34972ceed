/* Status after a cycle: see status.h. */
#include "spawner/status.h"

#include "base/buf.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

static void add_condition(cJSON *list, const char *type, bool on, const char *reason, const char *message,
                          moment_t now)
{
    char when[MOMENT_TEXT];
    moment_format_s(now, when);
    cJSON *c = cJSON_CreateObject();
    cJSON_AddStringToObject(c, "type", type);
    cJSON_AddStringToObject(c, "status", on ? "True" : "False");
    cJSON_AddStringToObject(c, "reason", reason);
    cJSON_AddStringToObject(c, "message", message);
    cJSON_AddStringToObject(c, "lastTransitionTime", when); /* the store keeps the old one unless status flips */
    cJSON_AddItemToArray(list, c);
}

static void add_limit(cJSON *list, const struct status_input *in)
{
    bool reached = in->max_total_tasks > 0 && in->total_created >= (uint64_t)in->max_total_tasks;
    char *text = reached ? xasprintf("Total tasks created (%" PRIu64 ") has reached maxTotalTasks (%" PRId32 ")",
                                     in->total_created, in->max_total_tasks)
                         : xstrdup("maxTotalTasks limit has not been reached");
    /* The second is Kelos' older name for the first: it writes both. */
    add_condition(list, "MaxTotalTasksReached", reached, reached ? "LimitReached" : "LimitAvailable", text, in->now);
    add_condition(list, "TaskBudgetExhausted", reached, reached ? "LimitReached" : "LimitAvailable", text, in->now);
    free(text);
}

/* A cycle that got as far as judging alerts. */
static char *completed(const struct status_input *in, cJSON *list)
{
    struct buf m = {0};
    buf_addf(&m, "Discovered %" PRId64 " items, created %" PRIu64 " tasks total", in->discovered, in->total_created);
    if (in->n_errors > 0)
        buf_addf(&m, "; %" PRIu64 " error(s): %s", in->n_errors, in->first_error ? in->first_error : "");
    add_condition(list, "Suspended", false, "Running", "TaskSpawner is running", in->now);
    add_condition(list, "DiscoveryError", in->n_errors > 0, in->n_errors > 0 ? "TaskCreationFailed" : "NoErrors",
                  in->n_errors > 0 ? m.data : "Task creation succeeded for all discovered items", in->now);
    if (in->n_limited > 0) {
        char when[MOMENT_TEXT];
        moment_format_s(moment_ceil_s(in->next_eligible), when);
        buf_addf(&m, "; %" PRIu64 " wait%s for a limit%s%s", in->n_limited, in->n_limited == 1 ? "s" : "",
                 when[0] != '\0' ? ", the next may go at " : "", when);
    }
    if (in->frozen != NULL)
        buf_addf(&m, "; %s", in->frozen);
    if (in->policy_problem != NULL)
        buf_addf(&m, "; %s", in->policy_problem);
    add_condition(list, "SourceReachable", true, "PollSucceeded", "Alertmanager answered completely", in->now);
    add_limit(list, in);
    return buf_take(&m);
}

void status_make(const struct status_input *in, struct status *s)
{
    *s = (struct status){.conditions = cJSON_CreateArray(), .limited = in->n_limited};
    if (in->suspended) {
        s->phase = "Suspended";
        s->message = xstrdup("Suspended by user");
        add_condition(s->conditions, "Suspended", true, "UserSuspended", "TaskSpawner is suspended by user", in->now);
        return;
    }
    if (in->failure != NULL) {
        s->phase = "Failed";
        s->message = xstrdup(in->failure->msg);
        add_condition(s->conditions, "DiscoveryError", true, in->source_failed ? "SourceUnavailable" : "CycleFailed",
                      s->message, in->now);
        if (in->source_failed)
            add_condition(s->conditions, "SourceReachable", false, "PollFailed", s->message, in->now);
    } else {
        s->phase = "Running";
        s->message = completed(in, s->conditions);
    }
    if (in->failure == NULL || in->policy_problem != NULL)
        add_condition(s->conditions, "PolicyReady", in->policy_problem == NULL,
                      in->policy_problem == NULL ? "PoliciesLoaded" : "PolicyFailed",
                      in->policy_problem == NULL ? "all policies are loaded" : in->policy_problem, in->now);
}

void status_deinit(struct status *s)
{
    free(s->message);
    cJSON_Delete(s->conditions);
    *s = (struct status){0};
}

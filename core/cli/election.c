/* Taking part in the election: see election.h. */
#include "cli/election.h"

#include "api/health.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/config.h"
#include "kube/lease.h"
#include "metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct election {
    struct lease *lease; /* NULL: --lease none */
    char *where;         /* "NAMESPACE/NAME", for sentences */
    char *identity;
    struct health *health;
    struct health_condition *condition;
    char trouble[sizeof((struct err *)0)->msg]; /* with the Lease; "" for none */
    uv_timer_t soon; /* without a lease */
    void (*changed)(void *arg, bool leads);
    void *arg;
    void (*stopped)(void *arg);
    void *stopped_arg;
    bool leads;
};

static bool may_act(void *arg)
{
    const struct election *el = arg;
    return el->lease == NULL || lease_may_act(el->lease);
}

/* Readiness: a replica that stands by is ready, one that cannot reach its Lease is not. */
static void say_health(struct election *el, const char *holder)
{
    bool other = *holder != '\0' && strcmp(holder, el->identity) != 0;
    if (el->health == NULL)
        return;
    char *why = other ? xasprintf("%s leads (Lease %s)", holder, el->where)
                      : xasprintf("nobody is known to lead yet (Lease %s)", el->where);
    health_standby(el->health, el->leads ? NULL : why);
    if (el->trouble[0] != '\0')
        health_say(el->condition, false, "the Lease %s: %s", el->where, el->trouble);
    else if (el->leads)
        health_say(el->condition, true, "this replica leads (Lease %s)", el->where);
    else
        health_say(el->condition, other, "%s", why);
    free(why);
}

static void on_change(void *arg, bool leads, const char *holder)
{
    struct election *el = arg;
    bool turned = el->leads != leads;
    if (turned)
        log_info(NULL, leads ? "this replica leads (Lease %s)" : "this replica does not lead any more (Lease %s)", el->where);
    else if (!leads && *holder != '\0')
        log_info(NULL, "standing by: %s leads (Lease %s)", holder, el->where);
    el->leads = leads;
    say_health(el, holder);
    if (turned)
        el->changed(el->arg, leads);
}

static void on_trouble(void *arg, const struct err *e)
{
    struct election *el = arg;
    if (e != NULL)
        log_warn(NULL, "the Lease %s: %s", el->where, e->msg);
    else
        log_info(NULL, "the Lease %s can be reached again", el->where);
    snprintf(el->trouble, sizeof el->trouble, "%s", e != NULL ? e->msg : "");
    say_health(el, lease_holder(el->lease));
}

static void on_soon(uv_timer_t *t)
{
    struct election *el = t->data;
    if (el->stopped != NULL) {
        el->stopped(el->stopped_arg);
        return;
    }
    el->leads = true;
    el->changed(el->arg, true);
}

/* Of a pod: in its own namespace, where its Role is. Else beside the Tasks. */
static const char *lease_ns(struct cluster *c)
{
    const struct kube_config *config = kube_client_config(cluster_client(c));
    return config->in_cluster ? config->ns : cluster_ns(c);
}

int election_start(uv_loop_t *loop, struct cluster *cluster, const struct options *o,
                   void (*changed)(void *arg, bool leads), void *arg, struct election **election_r, struct err *e)
{
    struct election *el = xcalloc(1, sizeof *el);
    const char *name = o->lease != NULL ? o->lease : "alertspawner", *ns = lease_ns(cluster);
    *election_r = el;
    el->identity = lease_identity();
    el->where = xasprintf("%s/%s", ns, name);
    el->changed = changed;
    el->arg = arg;
    uv_timer_init(loop, &el->soon);
    el->soon.data = el;
    cluster_fence(cluster, may_act, el);
    if (strcmp(name, "none") == 0) {
        uv_timer_start(&el->soon, on_soon, 0, 0);
        return 0;
    }
    const struct lease_options options = {.ns = ns, .name = name, .identity = el->identity, .on_change = on_change,
                                          .on_trouble = on_trouble, .arg = el};
    return lease_create(loop, cluster_client(cluster), &options, &el->lease, e);
}

static void collect(void *arg, struct metrics *m)
{
    const struct election *el = arg;
    metrics_set(m, METRIC_LEADER, el->leads && may_act(arg), NO_LABELS);
}

void election_tell(struct election *el, struct health *health, struct metrics *metrics)
{
    metrics_on_collect(metrics, collect, el);
    if (el->lease == NULL)
        return;
    el->health = health;
    el->condition = health_ready(health, "lease", "");
    say_health(el, "");
}

void election_stop(struct election *el, void (*done)(void *arg), void *arg)
{
    el->stopped = done;
    el->stopped_arg = arg;
    if (el->lease != NULL)
        lease_stop(el->lease, done, arg);
    else
        uv_timer_start(&el->soon, on_soon, 0, 0);
}

static void on_closed(uv_handle_t *h)
{
    struct election *el = h->data;
    free(el->identity);
    free(el->where);
    free(el);
}

void election_free(struct election **elp)
{
    struct election *el = *elp;
    *elp = NULL;
    if (el == NULL)
        return;
    lease_free(&el->lease);
    uv_close((uv_handle_t *)&el->soon, on_closed);
}

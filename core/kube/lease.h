/* Leader election on a coordination.k8s.io/v1 Lease, with client-go's timing and fields, so that both can share a Lease.
 *
 * A candidate tries every RetryPeriod (with jitter): it takes a Lease that is free, released, or whose record has not
 * changed for LeaseDuration by its own clock (the times inside the record are never compared: clocks differ). The
 * leader renews every RetryPeriod, and has lost when no renewal succeeded for RenewDeadline.
 *
 * The fence. A process that was stopped (SIGSTOP, a frozen VM) wakes up believing that it leads. So before every write
 * the store asks lease_may_act(), which looks at the clock that also counts suspension (CLOCK_BOOTTIME): true only while
 * less than RenewDeadline has passed since the last renewal that succeeded was SENT. Others wait LeaseDuration from when
 * they saw it, which is later: between the two lies LeaseDuration - RenewDeadline (5 s) for a write that is in flight. A
 * write that is still later (stopped between the question and the socket; delayed in the network) cannot be fenced by
 * any clock: it is made harmless by names (a create answers AlreadyExists) and by uid and resourceVersion
 * preconditions. The store must write nothing that is not one of these two.
 *
 * lease_step.h decides, without I/O and with the clock as an argument. */
#pragma once

#include "base/err.h"
#include "base/moment.h"
#include "kube/client.h"

#include <stdbool.h>
#include <stdint.h>

struct lease;

struct lease_options {
    const char *ns, *name;   /* of the Lease; ns NULL: the client's */
    const char *identity;    /* who we are; unique per process: lease_identity() */
    int64_t duration_us;       /* LeaseDuration; 0: 15 s */
    int64_t renew_deadline_us; /* RenewDeadline; 0: 10 s */
    int64_t retry_period_us;   /* RetryPeriod; 0: 2 s */
    /* Leadership came (leads) or went. From the loop; `holder` is who leads now, "" when nobody. Also called when only
     * the holder changed. */
    void (*on_change)(void *arg, bool leads, const char *holder);
    void (*on_trouble)(void *arg, const struct err *e); /* once per change of the sentence; NULL: it works again */
    void *arg;
};

/* "<host name>_<random uuid>", as client-go's components do. free() */
char *lease_identity(void);

int lease_create(uv_loop_t *loop, struct kube_client *client, const struct lease_options *options,
                 struct lease **lease_r, struct err *e);
/* May this process write now? Cheap: call it before every single write. */
bool lease_may_act(const struct lease *l);
bool lease_leads(const struct lease *l);         /* as of the last turn of the loop */
const char *lease_holder(const struct lease *l); /* "" when not known */
/* A clean hand-over: no more renewals; when we lead, the Lease is released (only call this when nothing of ours is in
 * flight any more), so that another takes over within RetryPeriod. `done` is called once, from the loop. */
void lease_stop(struct lease *l, void (*done)(void *arg), void *arg);
void lease_free(struct lease **l); /* without a release; the loop must run on until it is empty */

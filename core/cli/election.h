/* Which replica acts: `run --store kube` takes part in the election of its Lease, and only the leader's cycles run. The
 * others stand by: they watch, so that they can take over at once. Every write of the store asks the fence (kube/lease.h). */
#pragma once

#include "base/err.h"
#include "cli/cluster.h"
#include "cli/options.h"

struct election;
struct health;
struct metrics;

/* `changed` is called from the loop when this replica begins to lead, and when it no longer does. Nobody leads before
 * the first call. With --lease none it leads from the start. */
int election_start(uv_loop_t *loop, struct cluster *cluster, const struct options *o,
                   void (*changed)(void *arg, bool leads), void *arg, struct election **election_r, struct err *e);
void election_tell(struct election *el, struct health *health, struct metrics *metrics);
/* The end of a clean life, nothing of ours in flight: hands over. `done` is called once, from the loop. */
void election_stop(struct election *el, void (*done)(void *arg), void *arg);
void election_free(struct election **el); /* the loop must run on until it is empty */

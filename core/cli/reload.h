/* Documents of -f (and objects of the cluster), read again every few seconds while the engine runs: what changed is taken up, what is gone is no
 * longer watched. By content, not by file times, so that a ConfigMap's swap of directories is seen too. A file that was
 * broken by an edit keeps its last good spawners. */
#pragma once

#include "base/err.h"
#include "cli/cluster.h"
#include "cli/options.h"
#include "spawner/watch.h"

#include <uv.h>

enum { RELOAD_EVERY_MS = 2000 };

struct reload;
/* Reads the documents for the first time. -1: not even one good spawner. With a cluster (else NULL) its spawners are
 * followed, too, a change acts at once, and none at all is no error: one may come. */
int reload_start(uv_loop_t *loop, const struct options *o, struct watches *watches, struct cluster *cluster,
                 struct reload **reload_r, struct err *e);
/* Once more, now: this replica has begun to lead. */
void reload_now(struct reload *r);
void reload_stop(struct reload *r);
void reload_free(struct reload **r); /* the loop must run on */

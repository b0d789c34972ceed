/* What the watched spawners and the parts of the engine mean for health and metrics. */
#pragma once

#include "cli/engine.h"

struct health;
struct watches;

struct serve_watch {
    struct engine *engine;
    struct health *health;
    const struct watches *watches; /* NULL: there are none yet */
};

/* Adds the conditions "polls" and "cycles" and the collector of gauges; `w` outlives both. */
void serve_watch_start(struct serve_watch *w);

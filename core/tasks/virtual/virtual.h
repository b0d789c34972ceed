/* A store for replays: Tasks that nobody runs, but that start, end and expire at times of a virtual clock.
 *
 * What is there and what is remembered lies in the local store's own tables, in memory: the semantics of facts, memory and
 * apply are those of tasks/sqlite because they are the same code. What is added here is time: a Task that was created at t
 * starts at t + start_us, ends at t + start_us + duration_us, and is deleted ttlSecondsAfterFinished later. Nothing happens
 * by itself: virtual_advance lets it.
 *
 * Which Tasks fail is a function of their name and the time of their creation, so that two replays agree. */
#pragma once

#include "tasks/store.h"

#include <uv.h>

struct virtual_store;

enum virtual_event { VIRTUAL_STARTED, VIRTUAL_SUCCEEDED, VIRTUAL_FAILED, VIRTUAL_EXPIRED, VIRTUAL_CANCELLED, VIRTUAL_REPLACED };

struct virtual_options {
    int64_t start_us;      /* from creation to Running */
    int64_t duration_us;   /* from Running to the end */
    uint32_t failures_ppm; /* of a million Tasks so many fail */
    /* Told of every event, or NULL. Cancelled and replaced: from inside apply's completion, before its caller hears. */
    void (*event)(void *arg, enum virtual_event event, const char *ns, const char *name, moment_t at);
    void *arg;
};

int virtual_open(uv_loop_t *loop, const struct virtual_options *options, struct virtual_store **store_r, struct err *e);
/* The loop must run on, as for local_close. Also the interface's close. */
void virtual_close(struct virtual_store **store);
struct store *virtual_interface(struct virtual_store *store);

/* When the next event is due; MOMENT_NONE: none is. */
moment_t virtual_next(const struct virtual_store *store);
/* Everything that is due until `now` happens, in order of time; the watcher (ops->watch) is told, from inside, of each
 * spawner of which a Task finished or went. No operation of the store may be under way. */
int virtual_advance(struct virtual_store *store, moment_t now, struct err *e);

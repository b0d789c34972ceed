/* The engine's side of spec mode: one worker that runs one file of specs (see wire.h: SPEC), from start to end, whatever it
 * does. What it tells is handed on as it comes; what it needs from disk its owner looks up. A worker that hangs in C, dies
 * or talks nonsense is killed, and the end says how. */
#pragma once

#include "base/err.h"
#include "policy/judge.h"
#include "policy/worker_pool.h"

#include <cjson/cJSON.h>

enum {
    SPEC_EVENTS_MAX = 200 * 1000,
    SPEC_TOLD_MAX = 64 * 1024 * 1024, /* bytes that one file may tell */
    SPEC_GRACE_US = 3 * 1000 * 1000,  /* beyond its time-out: then the worker itself has failed to end a test */
    SPEC_WALL_FACTOR = 6,
    SPEC_STILL_US = 60 * 1000 * 1000, /* of the wall clock without any sign of life */
};

struct spec_job_owner {
    /* `members` is the owner's from now on; never NULL. */
    void (*told)(void *arg, const char *kind, cJSON *members);
    /* NEED_FILE, NEED_GOLDEN: 0 with the bytes and where they were found, or -1 with a sentence. */
    int (*need)(void *arg, enum wire_need need, const char *how, const char *name, struct wire_text bytes,
                struct buf *bytes_r, struct buf *found_r, struct err *e);
    /* Once, the last call: NULL when DONE came. ERR_TIMEOUT: it was killed for hanging; ERR_UNREACHABLE: no worker could be
     * started; else it died ("was killed by signal 11 ..."). */
    void (*ended)(void *arg, const struct err *e);
};

struct spec_job_setup {
    struct worker_pool *pool;
    struct judge_limits limits;
    const cJSON *options; /* for the runner: see lua/spec/main.lua; only needed during the call */
    int64_t test_us;      /* of one test; 0: none */
    int64_t whole_us;     /* processor time of the whole file, and SPEC_WALL_FACTOR times as much of the wall clock; 0: no limit
                             but the kernel's on the worker's processor time */
};

struct spec_job;
/* `owner` must outlive the job. Nothing calls back before the loop runs. */
struct spec_job *spec_job_start(const struct spec_job_setup *setup, const struct spec_job_owner *owner, void *arg);
/* Kills the worker, if there is one; nothing calls back any more. */
void spec_job_free(struct spec_job **job);

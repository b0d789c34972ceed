/* A run of spec files: `alertspawner spec`. Each file has a worker of its own, a few at a time; what they tell is reported in
 * the order of the files, whoever is ready first. */
#pragma once

#include "policy/judge.h"
#include "policy/worker_pool.h"
#include "spec/spec_reach.h"
#include "spec/spec_report.h"

#include <cjson/cJSON.h>

struct spec_run_setup {
    uv_loop_t *loop;
    struct worker_pool *pool;
    struct judge_limits limits;
    /* What was asked for: the command line merged with .busted, by busted's long names ("exclude-tags", "shuffle-tests") and
     * ours ("timeout", "update-golden"). */
    const cJSON *options;
    const struct spec_reach *reach;
    char **files; /* in order */
    size_t n_files;
    struct spec_out *outs;
    size_t n_outs;
    size_t parallel;
    struct spec_coverage_sum *coverage; /* NULL: not counted */
    int64_t seed;
    bool list; /* only names */
    volatile bool *stop; /* set from outside: no more files, and no report. NULL: nobody does */
};

struct spec_run_end {
    struct spec_totals totals;   /* of the last round of --repeat */
    size_t n[SPEC_STATUSES], tests; /* of all rounds */
    bool bug;   /* the runner itself, or a worker that could not be started: what came of it means nothing */
    bool helper; /* the helper script has failed: nothing was tested */
    struct err e; /* then: why */
};

/* Runs the loop until all files are done. */
void spec_run(const struct spec_run_setup *setup, struct spec_run_end *end_r);

/* One question to the runner beside the specs: mode "config", "order" or "match" (lua/spec/main.lua). Takes the options; the
 * answer is the members of the event of that name. NULL: `e` says why. */
cJSON *spec_ask(const struct spec_run_setup *setup, cJSON *options, struct err *e);

/* One `alertspawner spec`, put together: spec.c (runs, reports, the exit code), spec_settings.c (what was asked for) and
 * spec_files.c (which files). */
#pragma once

#include "policy/worker_pool.h"
#include "spec/spec_run.h"
#include "spec/spec_select.h"

enum { OUTS_MAX = 16 };

/* One `alertspawner spec`. */
struct suite {
    uv_loop_t loop;
    struct worker_pool *pool;
    cJSON *options; /* merged */
    struct spec_reach reach;
    struct spec_selection found;
    char **files;
    size_t n_files;
    struct spec_out outs[OUTS_MAX];
    size_t n_outs;
    struct spec_coverage_sum *coverage;
    struct spec_run_setup setup;
};

/* Options by their long names; what is not there, or is something else, is `missing`. */
const cJSON *suite_option(const struct suite *s, const char *name);
bool suite_flag(const struct suite *s, const char *name, bool missing);
double suite_number(const struct suite *s, const char *name, double missing);
const char *suite_text(const struct suite *s, const char *name); /* or NULL */
void suite_set(struct suite *s, const char *name, cJSON *value); /* takes the value */

/* The command line, which stands in s->options, merged with .busted; files that it names are read. */
int suite_take_options(struct suite *s, struct err *e);

/* The files of the roots; those that the patterns want, into s->files; their order. */
int suite_find_files(struct suite *s, struct err *e);
int suite_match_files(struct suite *s, struct err *e);
int suite_order_files(struct suite *s, struct err *e);
void suite_forget_files(struct suite *s);

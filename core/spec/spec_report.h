/* What a run of specs is reported as. A format is a file (out_*.c) with three functions; it is told the events of all files in
 * order, each as the runner told it (lua/spec/main.lua lists them), and what the engine adds:
 *
 *   "problem"   also for a file whose worker died, with element "file"
 *   "print"     members is a string
 *
 * Texts of events are a worker's: nothing of them may move a cursor or forge a line, element or attribute. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct spec_coverage_sum;

enum spec_status { SPEC_SUCCESS, SPEC_FAILURE, SPEC_ERROR, SPEC_PENDING, SPEC_STATUSES };

struct spec_totals {
    size_t n[SPEC_STATUSES]; /* tests, and problems outside of tests; of this round */
    size_t tests;            /* that ran or are pending */
    size_t files;
    double seconds;
    int64_t seed;
    bool shuffled;
    bool stopped; /* by --no-keep-going */
    int run, runs; /* of --repeat, from 1 */
};

struct spec_out;
struct spec_format {
    const char *name, *help;
    void (*begin)(struct spec_out *o);
    void (*event)(struct spec_out *o, const char *kind, const cJSON *members);
    void (*end)(struct spec_out *o, const struct spec_totals *t, const struct spec_coverage_sum *c); /* c NULL: not counted */
};
extern const struct spec_format spec_format_terminal, spec_format_plain, spec_format_tap, spec_format_junit,
    spec_format_jsonl, spec_format_github;
/* NULL: none has that name. Busted's names are known, too. */
const struct spec_format *spec_format_find(const char *name);
void spec_format_names(struct buf *b); /* "terminal, plain, ..." */

/* One report, on its way to a file or to standard output. */
struct spec_out {
    const struct spec_format *format;
    FILE *f;
    char *path; /* NULL: standard output */
    bool colour, verbose, progress; /* progress: a terminal, on which a line may be overwritten */
    /* of the formats: */
    size_t n_tests, n_dots;
    struct buf later; /* what is written at the end */
    struct buf file;  /* the suite in hand */
    size_t n[SPEC_STATUSES], in_file, all[SPEC_STATUSES];
    double file_seconds, all_seconds;
    char *suite;
    bool shown; /* a line of progress stands there */
};

/* `what`: NAME or NAME:FILE. */
int spec_out_open(const char *what, struct spec_out *o, struct err *e);
/* -1: what was written did not all get there. */
int spec_out_close(struct spec_out *o, struct err *e);

/* Members. Never NULL: "" when it is not there, or no text. */
const char *member_text(const cJSON *members, const char *name);
double member_number(const cJSON *members, const char *name); /* 0 */
bool member_has_text(const cJSON *members, const char *name);
/* -1: this event is no result ("test_end", "problem"). */
int spec_event_status(const char *kind, const cJSON *members, enum spec_status *status_r);
const char *spec_status_name(enum spec_status s); /* "success" */

/* Text of several lines with whatever could move a cursor made visible. */
void spec_print_text(FILE *f, const char *text, const char *indent);

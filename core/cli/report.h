/* Decisions as people and programs read them: `once` and `plan`. Written as they are made, cycle by cycle. */
#pragma once

#include "cli/options.h"
#include "spawner/cycle.h"

#include <stddef.h>

struct report {
    enum output format;
    size_t cycles; /* printed so far */
    size_t failed; /* cycles that failed */
    size_t errors; /* decisions that are errors */
};

void report_begin(struct report *r, enum output format);
void report_cycle(struct report *r, struct cycle *c);
void report_end(struct report *r);

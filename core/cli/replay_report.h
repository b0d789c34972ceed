/* The reports of a replay: for people on a terminal, for programs, and as a page (replay_page.c). */
#pragma once

#include "replay/difference.h"
#include "replay/replay.h"
#include "replay/summary.h"

#include <stdio.h>

struct replay_report {
    const struct replay_result *result;
    const char *names[2];          /* of the sides: "policies.d", "the default policy" */
    struct summary summaries[2];
    struct differences differences; /* of two sides */
    size_t n_sides;
    const struct virtual_options *tasks;
};

void replay_report_make(const struct replay_result *result, size_t n_sides, struct replay_report *r_r);
void replay_report_deinit(struct replay_report *r);

void replay_text(const struct replay_report *r);
void replay_json(const struct replay_report *r, bool yaml);
/* One self-contained page. */
void replay_page(const struct replay_report *r, FILE *f);

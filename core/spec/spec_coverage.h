/* What all files of a run have covered together. Of lines: which of those that can be run have been. Of decisions: which
 * declared reasons no policy gave, and which matches fitted no alert that was asked about. */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

struct spec_coverage_sum;

struct spec_coverage_sum *spec_coverage_sum_create(void);
void spec_coverage_sum_free(struct spec_coverage_sum **sum);
/* Is it an event of coverage? Then it was taken. */
bool spec_coverage_take(struct spec_coverage_sum *sum, const char *kind, const cJSON *members);
/* Lines of specs themselves do not count. */
void spec_coverage_ignore(struct spec_coverage_sum *sum, const char *file);
/* Per cent of the lines, 0 to 100; 0 when there are none. */
double spec_coverage_percent(const struct spec_coverage_sum *sum);
void spec_coverage_print(const struct spec_coverage_sum *sum, FILE *f);
cJSON *spec_coverage_json(const struct spec_coverage_sum *sum);

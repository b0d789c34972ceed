/* What specs have run of the code under test: lines of policies, libraries and modules, and the decisions of policies.
 *
 * Lines are counted by a line hook. Which lines there are to be run is read from the compiled code: the active lines of all
 * functions, also of those that were never made; but not the end of a function, which is reached only without a return. */
#pragma once

#include "policy.h"

#include <lua.h>
#include <stddef.h>

struct spec_coverage;

struct spec_coverage *spec_coverage_create(void);
void spec_coverage_free(struct spec_coverage **coverage);
/* A source that may run from now on, by its chunk name ("@x.lua"); of a policies' VM, or of the spec's own. What has the
 * same name and other bytes is another file. */
void spec_coverage_code(struct spec_coverage *c, const char *source, size_t len, const char *chunk_name);
/* Counts the line that is about to be run. */
void spec_coverage_line(struct spec_coverage *c, lua_State *L, lua_Debug *ar);
/* The policies that the next alerts are put to: what they declare. */
void spec_coverage_policy(struct spec_coverage *c, struct policy *p);
/* An alert was put to it, and its filter or retrigger gave this reason ("policy.noise", "" for none). */
void spec_coverage_decision(struct spec_coverage *c, const struct policy *p, const struct alert *a, const char *reason);
void spec_coverage_tell(struct spec_coverage *c);

/* lua/spec_lines.c: the active lines of a chunk that lua_dump has written, ascending, once each. -1: that is no dump of
 * this Lua's. free(). */
int spec_lines(const char *dump, size_t len, uint32_t **lines_r, size_t *n_r);

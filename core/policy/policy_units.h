/* Reload units: of every policy file, the version that serves. Takes what was read and what a worker said of it, and
 * makes the generation that serves next. Pure: no files, no workers, the time is an argument.
 *
 *   the file loads, its specs pass    it serves from now on, with the libraries that it included
 *   it does not, but has before      its last good version serves, with the libraries of then, and a problem says so
 *   it never did                      it stands broken (length 0): nobody knows which alerts it would have claimed
 *   it is gone                        it is gone, and so is its last good version
 *
 * Names of policies are unique. Where a file that loads has the name of one that is kept, the kept one stays and the
 * other counts as a file that does not load: what serves is never lost to a newcomer. */
#pragma once

#include "base/err.h"
#include "base/moment.h"
#include "policy/policy_files.h"

enum {
    POLICY_UNITS_BYTES_MAX = 28 * 1024 * 1024, /* sources of one generation: they cross to a worker in one frame */
    POLICY_HASH_SHOWN = 12,                    /* digits of a version's hash in a sentence */
};

/* What a worker said of one policy file of a reading. */
struct policy_verdict {
    char *problem;  /* NULL: it loads */
    char *name;     /* the policy's, when it loads */
    uint32_t *libs; /* numbers (in the reading's libs) that it included */
    size_t n_libs;
    uint64_t proof; /* policy_beside_proof */
};

struct policy_change {
    size_t n;       /* policy files */
    size_t changed; /* that serve in a version they did not serve in before */
    size_t kept;    /* that do not load: their last good version serves */
    size_t broken;  /* that never loaded */
    size_t gone;
    char **problems; /* with the files' names, in order of files */
    size_t n_problems;
};

struct policy_units;
struct policy_units *policy_units_create(void);
void policy_units_free(struct policy_units **units);
/* `verdicts`: read->n. -1: the generation would be too large; the units stay as they are. */
int policy_units_take(struct policy_units *u, const struct policy_files *read, const struct policy_verdict *verdicts,
                      moment_t now, struct policy_files **served_r, struct policy_change *change_r, struct err *e);
void policy_change_deinit(struct policy_change *c);

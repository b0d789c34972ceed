/* What one set of policies (or documents) does otherwise than another with the same recording. Pure. */
#pragma once

#include "replay/history.h"

enum change { CHANGE_ADDED, CHANGE_REMOVED, CHANGE_RETIMED, CHANGE_COUNT };
const char *change_name(enum change c); /* "added", "removed", "retimed" */

/* Why a side has a Task, or has none. Strings are its history's. */
struct side_reason {
    const struct task_history *task; /* NULL: there is none */
    enum verdict verdict;
    const char *reason, *detail, *policy, *where;
    bool unseen; /* without a Task: its spawner had no complete cycle with this alert until then */
};

struct difference {
    enum change change;
    const char *who;       /* spawner */
    uint64_t fingerprint;
    const char *alertname;
    moment_t at;           /* of the Task: ours when we have one, else theirs */
    struct side_reason ours, theirs;
};

/* Of Tasks, not of what a policy in mode shadow would have made; why a side has none may be policy.shadow. */
struct differences {
    struct difference *v;  /* in the order of time */
    size_t n;
    size_t by_change[CHANGE_COUNT];
};

/* Tasks belong together when they are of one spawner, one alert and one startsAt; of several, those of one moment first,
 * then in order. Less than a second apart is the same time. */
void differences_make(const struct history *ours, const struct history *theirs, struct differences *d_r);
void differences_deinit(struct differences *d);

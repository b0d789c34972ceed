/* For tests and benchmarks: drives a real alertspawner-worker through its pipes. */
#pragma once

#include "base/buf.h"
#include "policy/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { RIG_POLICIES_MAX = 16, RIG_TEXTS_MAX = 8 };

struct rig_scalar {
    const char *name;
    char tag; /* as in wire_tree: 't', 'f', 'i', 's' */
    int64_t i;
    const char *s;
};

/* What to put into SETUP. Zeroed members mean the defaults of the engine. */
struct rig_setup {
    int64_t now;
    const char *named;
    const struct buf *config; /* a wire_tree */
    const char *priority_labels[RIG_TEXTS_MAX];
    const char *prompt, *branch, *name;
    struct {
        const char *key, *text;
    } labels[RIG_TEXTS_MAX], annotations[RIG_TEXTS_MAX];
    struct {
        const char *file, *source;
        size_t len; /* 0: strlen(source) */
    } policies[RIG_POLICIES_MAX];
    uint64_t hook_instructions, cycle_instructions, memory;
    uint32_t quarantined[RIG_TEXTS_MAX]; /* number + 1 */
    struct {
        const char *file, *source;
    } libraries[RIG_TEXTS_MAX]; /* every policy may include all of them */
    bool lint;
    uint8_t explain; /* SETUP's other bits: 2 all, 4 those listed, 8 traced, 16 measured */
    uint64_t explained[RIG_TEXTS_MAX]; /* with 4 */
    struct {
        const char *policy;
        int64_t at[RIG_TEXTS_MAX]; /* microseconds, ascending, until 0 */
    } creations[RIG_TEXTS_MAX];
    struct {
        const char *policy;
        uint64_t identity;
        uint32_t version;
        struct rig_scalar values[RIG_TEXTS_MAX];
    } states[RIG_TEXTS_MAX];
    struct {
        const char *name, *data; /* data NULL: there is no such zone. What is not listed is not there either */
        size_t len;              /* 0: strlen(data) */
    } zones[RIG_TEXTS_MAX];
};

struct rig_seen {
    int64_t first;
    uint32_t polls, flaps;
    int64_t absent;
    uint32_t episode;
};

struct rig {
    pid_t pid;
    int in, out, err;
    bool dead;  /* it has exited or was killed: see status */
    bool hung;  /* ... by us, because it took too long */
    int status; /* as waitpid gives it */
    volatile struct black_box *box;
    struct buf answers; /* bytes that came and were not yet read */
    struct buf stderr_text;
    int64_t patience_ms; /* default 60 s: silence that long means it hangs */
    char hash[64];       /* of the default policy, as READY said */
    /* what questions bring along, beside their arguments: */
    const struct rig_seen *seen; /* NULL: never seen before */
    const char *key;             /* of retrigger and resolve */
    const struct rig_last *last; /* of compose */
    const char *const *members;  /* of compose: the group, the leader first */
    size_t n_members, n_group;
};

void rig_start(struct rig *r); /* and takes HELLO */
void rig_stop(struct rig *r);  /* ends its input, waits */
/* Sends bytes and reads until a frame of type `until` has come whole (or the worker is gone: false). All
 * frames up to it are in r->answers. */
bool rig_exchange(struct rig *r, const struct buf *request, enum wire_type until);
void rig_write_setup(struct buf *b, const struct rig_setup *setup);
void rig_write_seen(struct buf *b, const struct rig_seen *seen); /* NULL: never */

/* Asks with alerts given as JSON; what the worker said as one line each of text, for tests:
 *
 *      ready      "load: payments.lua: ..."
 *                 "policy: payments 10.lua match" [" shadow"] [" on_resolve"] [" hour=N"] [" day=N"] [" ramp=N"]
 *                 [" reserve=SLOTS/PRIORITY"] [" version=N"] [" lib=N"]*
 *                 "lint: FILE:LINE: ..." "template: prompt: ..." "named: missing" "survey: wanted" "want: ZONE ZONE"
 *      judge      "judge: keep priority=1000" [" key=..."] [" name=..."] [" name error=..."] [" fallback=..."]
 *                 " by=default"; "judge: drop CODE [detail] by=POLICY at=PLACE"; "judge: error CODE [detail] by=..."
 *      retrigger  "retrigger: never|now|at SECONDS|error CODE [detail] by=..."
 *      resolve    "resolve: keep|cancel_pending|error CODE [detail] at=..."
 *      compose    "compose: ok title=[...] body=[...] prompt=[...] branch=[...] label=[...] annotation=[...]", or
 *                 "compose: error CODE [detail]"
 *      survey     "survey: N"
 *      "worker: hung", "worker: exit N", "worker: signal N", when it is gone
 *
 * and at the end of judge, retrigger, resolve and compose [" notes={a=1,b=2}"] [" state[KEY]={a=i1,b=z}"] [" chain:" and
 * lines as chain_text makes them]. */
/* Sends, then adds what came. */
void rig_converse(struct rig *r, const struct buf *request, enum wire_type until, struct buf *text);
void rig_ready(struct rig *r, const struct rig_setup *setup, struct buf *text);
void rig_judge(struct rig *r, const char *const *alerts, size_t n, struct buf *text);
struct rig_last {
    const char *task;
    uint8_t phase;
    bool gone;
    int64_t created, completed, starts_at;
    int64_t trigger_at; /* 0: the alert's own startsAt */
    uint32_t attempts;
};
void rig_retrigger(struct rig *r, const char *alert, const struct rig_last *last, struct buf *text);
void rig_compose(struct rig *r, const char *alert, const char *key, struct buf *text);
void rig_resolve(struct rig *r, const char *policy, const char *alert, const struct rig_last *last, struct buf *text);
void rig_survey(struct rig *r, const char *const *alerts, size_t n, struct buf *text);
/* Appends "u32 id, text bytes, text index" of an alert. */
void rig_add_alert(struct buf *b, uint32_t id, const char *json);

/* What the parts of policy-probe share: the request as frames (policy-probe-ask.c), a worker's frames as the answer
 * (policy-probe-take.c), and the conversation itself (policy-probe.c). */
#pragma once

#include "base/buf.h"
#include "base/moment.h"
#include "policy/wire.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

struct request {
    const cJSON *json;
    const cJSON *state; /* ctx.state as it was; NULL: nothing is remembered */
    uint64_t identity;  /* of the key that `state` belongs to */
    moment_t now;
};

/* Ends the program with a sentence: a request that is wrong is a mistake in a test. */
void probe_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Epoch seconds or RFC 3339. `missing` when there is no such member. */
moment_t probe_moment(const cJSON *object, const char *name, moment_t missing);
const char *probe_text(const cJSON *object, const char *name, const char *missing);
/* An alert as Alertmanager would return it: what the request leaves out is filled in. */
void probe_fill_alert(cJSON *alert, moment_t now);
uint64_t probe_fingerprint(const cJSON *alert);

/* Frames, each appended to an empty `b`. */
void probe_write_setup(struct buf *b, const struct request *q);
void probe_write_zones(struct buf *b, struct wire_reader want);
void probe_write_survey(struct buf *b, const struct request *q);
void probe_write_judge(struct buf *b, const struct request *q);
void probe_write_retrigger(struct buf *b, const struct request *q, const char *key);
void probe_write_resolve(struct buf *b, const struct request *q, const char *key, const char *policy);
void probe_write_compose(struct buf *b, const struct request *q, const char *key);

/* What a frame said, as members of the answer. */
void probe_take_ready(cJSON *answer, struct wire_reader *r, bool *survey_r);
cJSON *probe_take_judged(cJSON *answer, struct wire_reader *r); /* the member `judged` */
void probe_take_retriggered(cJSON *answer, struct wire_reader *r);
void probe_take_resolved(cJSON *answer, struct wire_reader *r);
void probe_take_composed(cJSON *answer, struct wire_reader *r);

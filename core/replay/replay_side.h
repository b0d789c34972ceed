/* One side of a replay: its spawners, their pace, its Tasks and its history. See replay.h. */
#pragma once

#include "replay/replay.h"

#include "base/buf.h"

/* What one Alertmanager answered last. Sides share it: it changes only while they are idle. */
struct last_answer {
    char *url;             /* without trailing slashes; "": everybody's */
    moment_t at;
    bool failed;
    struct err why;
    struct buf body;
};
struct last_answers {
    struct last_answer *v;
    size_t n, cap;
    bool one_url;          /* the recording holds no other: it is everybody's */
};
/* The spawner's, or NULL: there has been none. */
const struct last_answer *last_answer_of(const struct last_answers *a, const struct spawner *s);

struct side;
/* `idle` is called when the side has done what side_until or side_deliver asked for, perhaps from inside of them. */
int side_create(uv_loop_t *loop, struct worker_pool *pool, const struct replay_side *of, const struct replay_options *options,
                const struct last_answers *answers, void (*idle)(void *arg), void *arg, struct side **side_r, struct err *e);
void side_free(struct side **side); /* idle; the loop must run on */
/* What happens before `until`: Tasks start, end and go, and their spawners have cycles. */
void side_until(struct side *s, moment_t until);
/* A new answer has come, at its time: the spawners that it is for, and whose time it is, have their cycles. */
void side_deliver(struct side *s, const struct last_answer *answer);
const struct err *side_error(const struct side *s); /* NULL: none. A side that has failed does nothing more */
struct history *side_history(struct side *s);
/* The history is the caller's from here on. */
struct history *side_take_history(struct side *s, moment_t from, moment_t to);

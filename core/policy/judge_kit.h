/* For tests of judging: a loop, a pool, a spawner, policies from strings, alerts from names, and waiting for
 * done. */
#pragma once

#include "policy/judge.h"
#include "spawner/spawner.h"

struct kit {
    uv_loop_t loop;
    struct worker_pool *pool;
    struct spawner spawner;
    struct policy_file files[8];
    struct policy_file libs[4];
    struct policy_files policies;
    struct alert_set *set;
    struct judge_setup setup;
    struct judge *j;
    bool done;
    struct compose_question winners[16];
    struct err err;
};

void kit_open(struct kit *k, const char *worker, size_t ahead);
void kit_policy(struct kit *k, const char *file, const char *source); /* in the order of names */
void kit_lib(struct kit *k, const char *file, const char *source);    /* every policy may include it */
void kit_alert(struct kit *k, const char *alertname);
/* The extra labels as JSON members: "\"a\":\"b\"", or "". */
void kit_alert_with(struct kit *k, const char *alertname, const char *labels, const char *annotations);
void kit_judge(struct kit *k); /* start and wait; fails the test when the start fails */
void kit_retrigger(struct kit *k, const struct retrigger_question *q, size_t n, struct retrigger_answer *a);
void kit_resolve(struct kit *k, const struct resolve_question *q, size_t n, struct resolve_answer *a);
void kit_compose_questions(struct kit *k, const struct compose_question *q, size_t n, struct composition *c);
void kit_compose(struct kit *k, const size_t *alerts, size_t n, struct composition *c);
const char *kit_reason(struct kit *k, size_t alert); /* "keep", or the reason's code */
bool kit_noted(struct kit *k, const char *part);     /* is there such a note? */
bool kit_has_problem(struct kit *k, const char *part);
/* Frees the judge and the policies: the next cycle, with the same alerts. */
void kit_again(struct kit *k);
void assert_contains(const char *text, const char *part);
/* Frees everything, and fails the test on a handle left open or a process not reaped. */
void kit_close(struct kit *k);

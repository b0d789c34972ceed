/* plan: each rule as a row of a table, then random worlds against a slow and simple model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* most rows leave the last members of an item out */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#include "base/mem.h"
#include "reconcile/plan.h"

#include <stdio.h>
#include <stdlib.h>

#define S    MOMENT_SECOND
#define NONE MOMENT_NONE
enum { ROOM = 8 };
static const moment_t NOW = 10000 * S;
static const int64_t POLL = 120 * S;

_Static_assert(sizeof(struct decision) <= 24, "100,000 of them are in memory");

struct want {
    enum verdict verdict;
    enum reason reason;
    moment_t eligible_at; /* 0: MOMENT_NONE */
    const char *replaces; /* name of the Task deleted first */
};

#define OWN(n, id, ph, done) {.name = n, .identity = id, .phase = ph, .owned = true, .completed_at = done}
#define W(v, r, ...)         {.verdict = VERDICT_##v, .reason = REASON_##r, ##__VA_ARGS__}
/* One cycle. Items without identity, Tasks without name end their lists. Answers stand beside the items they are for. */
static const struct row {
    const char *what;
    struct item items[ROOM];
    struct plan_answer answers[ROOM];
    struct task_fact tasks[ROOM]; /* by name */
    struct key_fact keys[ROOM];   /* by identity */
    uint64_t total_created;
    int32_t max_concurrency, max_total;
    struct want want[ROOM];
} rows[] = {
    {.what = "first Task", .items = {{1, 1, 5 * S, "a", 0, 0}}, .want = {W(CREATE, CREATE_NEW)}},
    {.what = "no name", .items = {{1, 1, 5 * S, NULL, 0, 0}, {2, 2, 5 * S, "b", 1, 0}},
     .want = {W(ERROR, ERROR_NAME), W(CREATE, CREATE_NEW)}},
    {.what = "running", .items = {{1, 1, 5 * S, "a", 0, 0}}, .tasks = {OWN("a", 1, TASK_RUNNING, NONE)},
     .want = {W(SKIP, DEDUP_ACTIVE)}},
    {.what = "not yet seen by a controller", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .tasks = {OWN("a", 1, TASK_NEW, NONE)}, .want = {W(SKIP, DEDUP_ACTIVE)}},
    {.what = "running, of another alert, same name", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .tasks = {OWN("a", 9, TASK_WAITING, NONE)}, .want = {W(SKIP, DEDUP_ACTIVE)}},
    {.what = "running under the name of an older nameTemplate", .items = {{1, 1, 5 * S, "new", 0, 0}},
     .tasks = {OWN("old", 1, TASK_RUNNING, NONE)}, .want = {W(SKIP, DEDUP_ACTIVE)}},
    {.what = "a foreign Task of the same identity is none of ours", .items = {{1, 1, 5 * S, "new", 0, 0}},
     .tasks = {{.name = "old", .identity = 1, .phase = TASK_RUNNING}}, .want = {W(CREATE, CREATE_NEW)}},
    {.what = "a foreign Task has the name", .items = {{1, 1, 5 * S, "a", 0, 0}, {2, 2, 5 * S, "b", 1, 0}},
     .tasks = {{.name = "a", .identity = 1, .phase = TASK_SUCCEEDED, .deleting = true}},
     .want = {W(ERROR, ERROR_COLLISION), W(CREATE, CREATE_NEW)}},
    {.what = "being deleted", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .tasks = {{.name = "a", .identity = 1, .phase = TASK_FAILED, .owned = true, .deleting = true}},
     .want = {W(WAIT, WAIT_DELETION)}},
    {.what = "what is being deleted takes a slot", .items = {{1, 1, 5 * S, "a", 0, 0}}, .max_concurrency = 1,
     .tasks = {{.name = "b", .identity = 2, .phase = TASK_RUNNING, .owned = true, .deleting = true}},
     .want = {W(WAIT, LIMIT_CONCURRENCY)}},

    {.what = "finished, not fired again", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .tasks = {OWN("a", 1, TASK_SUCCEEDED, 6 * S)}, .answers = {{.kind = PLAN_NEVER}},
     .want = {W(SKIP, DEDUP_FINISHED)}},
    {.what = "finished, the policy says never", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .tasks = {OWN("a", 1, TASK_FAILED, 6 * S)}, .answers = {{.kind = PLAN_NEVER, .reason = REASON_POLICY_CODE}},
     .want = {W(SKIP, POLICY_CODE)}},
    {.what = "fired again", .items = {{1, 1, 7 * S, "a", 0, 0}}, .tasks = {OWN("a", 1, TASK_SUCCEEDED, 6 * S)},
     .answers = {{.kind = PLAN_NOW}}, .want = {W(RETRIGGER, RETRIGGER_REFIRED, .replaces = "a")}},
    {.what = "the policy says again", .items = {{1, 1, 5 * S, "a", 0, 0}}, .tasks = {OWN("a", 1, TASK_FAILED, 6 * S)},
     .answers = {{.kind = PLAN_NOW, .reason = REASON_POLICY_RETRIGGER}},
     .want = {W(RETRIGGER, POLICY_RETRIGGER, .replaces = "a")}},
    {.what = "the policy says later", .items = {{1, 1, 5 * S, "a", 0, 0}}, .tasks = {OWN("a", 1, TASK_FAILED, 6 * S)},
     .answers = {{.kind = PLAN_AT, .at = 10001 * S}}, .want = {W(WAIT, WAIT_ELIGIBLE, .eligible_at = 10001 * S)}},
    {.what = "later has come", .items = {{1, 1, 5 * S, "a", 0, 0}}, .tasks = {OWN("a", 1, TASK_FAILED, 6 * S)},
     .answers = {{.kind = PLAN_AT, .at = 10000 * S}}, .want = {W(RETRIGGER, RETRIGGER_REFIRED, .replaces = "a")}},
    {.what = "the policy failed", .items = {{1, 1, 5 * S, "a", 0, 0}}, .tasks = {OWN("a", 1, TASK_FAILED, 6 * S)},
     .answers = {{.kind = PLAN_ERROR, .reason = REASON_POLICY_TIMEOUT}},
     .want = {W(ERROR, POLICY_TIMEOUT)}},
    {.what = "finished under an older name: nothing to replace", .items = {{1, 1, 7 * S, "new", 0, 0}},
     .tasks = {OWN("old", 1, TASK_SUCCEEDED, 6 * S)}, .answers = {{.kind = PLAN_NOW}},
     .want = {W(RETRIGGER, RETRIGGER_REFIRED)}},
    {.what = "finished under both names: the one in the way goes", .items = {{1, 1, 7 * S, "new", 0, 0}},
     .tasks = {OWN("new", 9, TASK_FAILED, 3 * S), OWN("old", 1, TASK_SUCCEEDED, 6 * S)},
     .answers = {{.kind = PLAN_NOW}}, .want = {W(RETRIGGER, RETRIGGER_REFIRED, .replaces = "new")}},
    {.what = "a finished one takes no slot", .items = {{1, 1, 7 * S, "a", 0, 0}}, .max_concurrency = 1,
     .tasks = {OWN("a", 1, TASK_SUCCEEDED, 6 * S)}, .answers = {{.kind = PLAN_NOW}},
     .want = {W(RETRIGGER, RETRIGGER_REFIRED, .replaces = "a")}},
    {.what = "a retrigger takes a slot and counts", .max_concurrency = 1, .max_total = 3, .total_created = 1,
     .items = {{1, 1, 7 * S, "a", 0, 0}, {2, 2, 7 * S, "b", 1, 0}}, .tasks = {OWN("a", 1, TASK_SUCCEEDED, 6 * S)},
     .answers = {{.kind = PLAN_NOW}},
     .want = {W(RETRIGGER, RETRIGGER_REFIRED, .replaces = "a"), W(WAIT, LIMIT_CONCURRENCY)}},
    {.what = "a limit is asked before the old Task goes", .items = {{1, 1, 7 * S, "a", 0, 0}}, .max_total = 2,
     .total_created = 2, .tasks = {OWN("a", 1, TASK_SUCCEEDED, 6 * S)}, .answers = {{.kind = PLAN_NOW}},
     .want = {W(WAIT, LIMIT_TOTAL)}},

    {.what = "gone", .items = {{1, 1, 5 * S, "a", 0, 0}}, .keys = {{.identity = 1, .created_at = 9880 * S}},
     .answers = {{.kind = PLAN_NOW}}, .want = {W(CREATE, RECREATE_GONE)}},
    {.what = "gone, created less than a poll ago", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .keys = {{.identity = 1, .created_at = 9881 * S}}, .answers = {{.kind = PLAN_NOW}},
     .want = {W(WAIT, WAIT_RECREATE, .eligible_at = 10001 * S)}},
    {.what = "gone, a server's clock is a little ahead", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .keys = {{.identity = 1, .created_at = 10001 * S}}, .answers = {{.kind = PLAN_NOW}},
     .want = {W(WAIT, WAIT_RECREATE, .eligible_at = 10121 * S)}},
    {.what = "gone, our clock was set back", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .keys = {{.identity = 1, .created_at = 99999 * S}}, .answers = {{.kind = PLAN_NOW}},
     .want = {W(CREATE, RECREATE_GONE)}},
    {.what = "gone, nobody knows since when", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .keys = {{.identity = 1, .created_at = NONE}}, .answers = {{.kind = PLAN_NOW}},
     .want = {W(CREATE, RECREATE_GONE)}},
    {.what = "gone, the policy says never", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .keys = {{.identity = 1, .created_at = 9881 * S}}, .answers = {{.kind = PLAN_NEVER}},
     .want = {W(SKIP, DEDUP_FINISHED)}},
    {.what = "gone, the policy says later", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .keys = {{.identity = 1, .created_at = 0}}, .answers = {{.kind = PLAN_AT, .at = 20000 * S}},
     .want = {W(WAIT, WAIT_ELIGIBLE, .eligible_at = 20000 * S)}},
    {.what = "another key's Task is gone", .items = {{1, 1, 5 * S, "a", 0, 0}},
     .keys = {{.identity = 2, .created_at = 9999 * S}}, .want = {W(CREATE, CREATE_NEW)}},

    {.what = "a group: best priority leads", .items = {{1, 7, 1 * S, "a", 0, 5}, {2, 7, 9 * S, "a", 1, 3}},
     .want = {W(SKIP, GROUP_MEMBER), W(CREATE, CREATE_NEW)}},
    {.what = "a group: then the earliest", .items = {{1, 7, 9 * S, "a", 0, 3}, {2, 7, 8 * S, "a", 1, 3}},
     .want = {W(SKIP, GROUP_MEMBER), W(CREATE, CREATE_NEW)}},
    {.what = "a group: then the fingerprint", .items = {{2, 7, 9 * S, "a", 0, 3}, {1, 7, 9 * S, "a", 1, 3}},
     .want = {W(SKIP, GROUP_MEMBER), W(CREATE, CREATE_NEW)}},
    {.what = "one Task name: the first by priority has it", .items = {{1, 1, 1 * S, "a", 0, 5}, {2, 2, 9 * S, "a", 1, 3}},
     .want = {W(SKIP, DEDUP_NAME), W(CREATE, CREATE_NEW)}},
    {.what = "one Task name, a limit: it stays the first's", .max_total = 1, .total_created = 1,
     .items = {{1, 1, 1 * S, "a", 0, 3}, {2, 2, 9 * S, "a", 1, 3}},
     .want = {W(WAIT, LIMIT_TOTAL), W(SKIP, DEDUP_NAME)}},
    {.what = "one Task name, finished: whoever fired again has it", .tasks = {OWN("a", 1, TASK_SUCCEEDED, 6 * S)},
     .items = {{1, 1, 5 * S, "a", 0, 0}, {2, 2, 7 * S, "a", 1, 0}, {3, 3, 8 * S, "a", 2, 0}},
     .answers = {{.kind = PLAN_NEVER}, {.kind = PLAN_NOW}, {.kind = PLAN_NOW}},
     .want = {W(SKIP, DEDUP_FINISHED),
              W(RETRIGGER, RETRIGGER_REFIRED, .replaces = "a"),
              W(SKIP, DEDUP_NAME)}},

    {.what = "order: priority, then arrival", .max_concurrency = 2,
     .items = {{1, 1, 1 * S, "a", 0, 5}, {2, 2, 9 * S, "b", 2, 4}, {3, 3, 9 * S, "c", 1, 4}},
     .want = {W(WAIT, LIMIT_CONCURRENCY),
              W(CREATE, CREATE_NEW),
              W(CREATE, CREATE_NEW)}},
    {.what = "one Task left in all", .max_total = 4, .total_created = 3,
     .items = {{1, 1, 1 * S, "a", 0, 0}, {2, 2, 9 * S, "b", 1, 0}},
     .want = {W(CREATE, CREATE_NEW), W(WAIT, LIMIT_TOTAL)}},
    {.what = "both limits: total is the reason", .max_total = 4, .total_created = 4, .max_concurrency = 1,
     .items = {{1, 1, 1 * S, "a", 0, 0}}, .tasks = {OWN("b", 2, TASK_RUNNING, NONE)},
     .want = {W(WAIT, LIMIT_TOTAL)}},
    {.what = "a full limit does not stop the loop", .max_concurrency = 1,
     .items = {{1, 1, 1 * S, "a", 0, 0}, {2, 2, 9 * S, NULL, 1, 0}, {3, 3, 9 * S, "c", 2, 0}},
     .tasks = {OWN("c", 3, TASK_RUNNING, NONE)},
     .want = {W(WAIT, LIMIT_CONCURRENCY), W(ERROR, ERROR_NAME),
              W(SKIP, DEDUP_ACTIVE)}},
};

static void row_check(const struct row *r)
{
    size_t n = 0, questions[ROOM];
    struct spawner_facts facts = {.tasks = (void *)r->tasks, .keys = (void *)r->keys, .total_created = r->total_created};
    while (n < ROOM && r->items[n].identity != 0)
        n++;
    while (facts.n_tasks < ROOM && r->tasks[facts.n_tasks].name != NULL)
        facts.n_tasks++;
    while (facts.n_keys < ROOM && r->keys[facts.n_keys].identity != 0)
        facts.n_keys++;
    struct plan_limits limits = {r->max_concurrency, r->max_total, POLL};
    struct plan *p = plan_create(r->items, n, &facts);
    struct plan_answer answers[ROOM];
    size_t asked = plan_questions(p, questions);
    for (size_t i = 0; i < asked; i++)
        answers[i] = r->answers[questions[i]];
    plan_decide(p, r->items, &facts, answers, &limits, NOW);
    for (size_t i = 0; i < n; i++) {
        const struct want *w = &r->want[i];
        const struct decision *d = &p->decisions[i];
        if (d->verdict != w->verdict || d->reason != w->reason)
            fail_msg("%s: item %zu is %s %s, not %s %s", r->what, i, verdict_name(d->verdict), reason_code(d->reason),
                     verdict_name(w->verdict), reason_code(w->reason));
        if (d->eligible_at != (w->eligible_at != 0 ? w->eligible_at : NONE))
            fail_msg("%s: item %zu has a wrong eligible_at", r->what, i);
        if (w->verdict == VERDICT_CREATE || w->verdict == VERDICT_RETRIGGER) {
            const struct task_fact *old = plan_replaces(&r->items[i], &facts);
            assert_string_equal(old != NULL ? old->name : "", w->replaces != NULL ? w->replaces : "");
        }
    }
    plan_free(&p);
    assert_null(p);
    plan_free(&p);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        row_check(&rows[i]);
}

/* What the engine reads besides verdicts: the trigger time of a group, who leads, which Task to ask about. */
static void test_details(void **state)
{
    (void)state;
    struct item items[] = {
        {1, 7, 9 * S, "a", 0, 3}, {2, 7, 8 * S, "b", 1, 1}, {3, 7, 4 * S, "c", 2, 2}, {4, 8, 1 * S, "d", 3, 0}};
    struct task_fact tasks[] = {OWN("b", 7, TASK_SUCCEEDED, 2 * S), OWN("d", 8, TASK_SUCCEEDED, 3 * S),
                                OWN("old", 7, TASK_FAILED, 5 * S), OWN("run", 9, TASK_RUNNING, NONE)};
    struct spawner_facts facts = {.tasks = tasks, .n_tasks = 4};
    struct plan *p = plan_create(items, 4, &facts);
    size_t questions[4];
    assert_int_equal(p->active, 1);
    assert_int_equal(plan_questions(p, NULL), 2);
    assert_int_equal(plan_questions(p, questions), 2);
    assert_int_equal(questions[0], 3); /* best priority first */
    assert_int_equal(questions[1], 1);
    assert_int_equal(plan_trigger_time(p, items, 1), 4 * S);
    assert_ptr_equal(plan_existing(p, 1), &tasks[2]); /* finished later than the one that has the name */
    assert_ptr_equal(plan_existing(p, 3), &tasks[1]);
    assert_int_equal(p->decisions[0].match, MATCH_MEMBER);
    assert_int_equal(p->decisions[0].leader, 1);
    assert_int_equal(p->decisions[2].leader, 1);
    struct plan_answer answers[] = {{.kind = PLAN_NEVER}, {.kind = PLAN_NOW}};
    struct plan_limits limits = {.poll_interval_us = POLL};
    plan_decide(p, items, &facts, answers, &limits, NOW);
    assert_int_equal(p->n_work, 1);
    assert_int_equal(p->work[0], 1);
    assert_int_equal(plan_work(p, 1), 0);
    assert_int_equal(plan_work(p, 0), PLAN_NO_WORK);
    assert_int_equal(plan_work(p, 3), PLAN_NO_WORK);
    assert_int_equal(p->decisions[3].verdict, VERDICT_SKIP);
    plan_free(&p);

    /* A Task that finished without saying when counts as the last. */
    tasks[0].completed_at = NONE;
    p = plan_create(items, 4, &facts);
    assert_ptr_equal(plan_existing(p, 1), &tasks[0]);
    plan_free(&p);

    struct spawner_facts nothing = {0};
    p = plan_create(NULL, 0, &nothing);
    assert_int_equal(plan_questions(p, NULL), 0);
    plan_decide(p, NULL, &nothing, NULL, &limits, NOW);
    assert_int_equal(p->n_work, 0);
    plan_free(&p);
}

/* ---- the model: the rules again, each written as a search over everything ---- */

enum { WORLD = 24 };
struct world {
    struct item items[WORLD];
    struct plan_answer answers[WORLD]; /* of each item, asked or not */
    struct task_fact tasks[WORLD];
    struct key_fact keys[WORLD];
    struct spawner_facts facts;
    struct plan_limits limits;
    size_t n;
};
struct model {
    enum verdict verdict;
    enum reason reason;
};

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}
#define PICK(n) (random_next(seed) % (n))

static char names[10][4] = {"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"};

static void world_make(struct world *w, uint64_t *seed)
{
    memset(w, 0, sizeof *w);
    w->n = PICK(WORLD);
    for (size_t i = 0; i < w->n; i++) {
        w->items[i] = (struct item){.fingerprint = 1 + PICK(5), .identity = 1 + PICK(12), .priority = (int16_t)PICK(3),
                                    .starts_at = (moment_t)PICK(4) * S, .alert = (uint32_t)(WORLD - i),
                                    .name = PICK(12) == 0 ? NULL : names[PICK(10)]};
        w->answers[i].kind = PICK(4);
        w->answers[i].at = NOW + ((moment_t)PICK(3) - 1) * S;
        w->answers[i].reason = w->answers[i].kind == PLAN_ERROR ? REASON_POLICY_ERROR
                               : PICK(3) == 0                   ? REASON_POLICY_RETRIGGER
                                                                : REASON_NONE;
    }
    w->facts.tasks = w->tasks;
    for (size_t i = 0; i < 10; i++)
        if (PICK(3) == 0)
            w->tasks[w->facts.n_tasks++] =
                (struct task_fact){.name = names[i], .identity = PICK(13), .phase = PICK(3) ? TASK_FAILED : PICK(6),
                                   .owned = PICK(6) != 0, .deleting = PICK(8) == 0,
                                   .completed_at = PICK(5) == 0 ? NONE : (moment_t)PICK(4) * S};
    w->facts.keys = w->keys;
    for (uint64_t id = 1; id <= 12; id++)
        if (PICK(3) == 0)
            w->keys[w->facts.n_keys++] =
                (struct key_fact){.identity = id, .created_at = NOW - POLL + ((moment_t)PICK(3) - 1) * S};
    w->facts.total_created = PICK(4);
    w->limits = (struct plan_limits){.max_concurrency = (int32_t)PICK(6), .max_total_tasks = (int32_t)PICK(9),
                                     .poll_interval_us = POLL};
}

static bool leads(const struct item *x, const struct item *y)
{
    if (x->priority != y->priority)
        return x->priority < y->priority;
    if (x->starts_at != y->starts_at)
        return x->starts_at < y->starts_at;
    if (x->fingerprint != y->fingerprint)
        return x->fingerprint < y->fingerprint;
    return x->alert < y->alert;
}

static bool comes_before(const struct item *x, const struct item *y)
{
    return x->priority != y->priority ? x->priority < y->priority : x->alert < y->alert;
}

static void model_item(const struct world *w, size_t i, struct model *m, const bool *taken, size_t *total, size_t *active)
{
    const struct item *it = &w->items[i];
    bool running = false, deleting = false, finished = false, foreign = false, gone = false;
    moment_t created = NONE;
    for (size_t j = 0; j < w->n; j++)
        if (j != i && w->items[j].identity == it->identity && leads(&w->items[j], it)) {
            m[i] = (struct model){VERDICT_SKIP, REASON_GROUP_MEMBER};
            return;
        }
    if (it->name == NULL) {
        m[i] = (struct model){VERDICT_ERROR, REASON_ERROR_NAME};
        return;
    }
    for (size_t j = 0; j < w->facts.n_tasks; j++) {
        const struct task_fact *t = &w->tasks[j];
        bool same_name = strcmp(t->name, it->name) == 0;
        if (!t->owned) {
            foreign = foreign || same_name;
            continue;
        }
        if (!same_name && t->identity != it->identity)
            continue;
        bool done = t->phase == TASK_SUCCEEDED || t->phase == TASK_FAILED;
        running = running || (!done && !t->deleting);
        deleting = deleting || t->deleting;
        finished = finished || done;
    }
    for (size_t j = 0; j < w->facts.n_keys; j++)
        if (w->keys[j].identity == it->identity) {
            gone = true;
            created = w->keys[j].created_at;
        }
    const struct plan_answer *a = &w->answers[i];
    bool later = a->kind == PLAN_AT && a->at > NOW;
    bool asked = finished || gone;
    m[i].verdict = VERDICT_SKIP;
    if (foreign)
        m[i] = (struct model){VERDICT_ERROR, REASON_ERROR_COLLISION};
    else if (running)
        m[i].reason = REASON_DEDUP_ACTIVE;
    else if (deleting)
        m[i] = (struct model){VERDICT_WAIT, REASON_WAIT_DELETION};
    else if (taken[it->name[1] - '0'])
        m[i].reason = REASON_DEDUP_NAME;
    else if (asked && a->kind == PLAN_ERROR)
        m[i] = (struct model){VERDICT_ERROR, a->reason};
    else if (asked && a->kind == PLAN_NEVER)
        m[i].reason = a->reason != REASON_NONE ? a->reason : REASON_DEDUP_FINISHED;
    else if (asked && later)
        m[i] = (struct model){VERDICT_WAIT, REASON_WAIT_ELIGIBLE};
    else if (!finished && gone && NOW - created < POLL)
        m[i] = (struct model){VERDICT_WAIT, REASON_WAIT_RECREATE};
    else if (w->limits.max_total_tasks != 0 && *total >= (size_t)w->limits.max_total_tasks)
        m[i] = (struct model){VERDICT_WAIT, REASON_LIMIT_TOTAL};
    else if (w->limits.max_concurrency != 0 && *active >= (size_t)w->limits.max_concurrency)
        m[i] = (struct model){VERDICT_WAIT, REASON_LIMIT_CONCURRENCY};
    else {
        m[i].verdict = finished ? VERDICT_RETRIGGER : VERDICT_CREATE;
        m[i].reason = !asked                                   ? REASON_CREATE_NEW
                      : !finished                              ? REASON_RECREATE_GONE
                      : a->reason != REASON_NONE               ? a->reason
                                                               : REASON_RETRIGGER_REFIRED;
        ++*total;
        ++*active;
    }
}

static void model_run(const struct world *w, struct model *m)
{
    bool taken[10] = {0}, done[WORLD] = {0};
    size_t total = w->facts.total_created, active = 0;
    for (size_t j = 0; j < w->facts.n_tasks; j++)
        active += w->tasks[j].owned &&
                  (w->tasks[j].deleting || (w->tasks[j].phase != TASK_SUCCEEDED && w->tasks[j].phase != TASK_FAILED));
    for (size_t k = 0; k < w->n; k++) {
        size_t best = WORLD;
        for (size_t i = 0; i < w->n; i++)
            if (!done[i] && (best == WORLD || comes_before(&w->items[i], &w->items[best])))
                best = i;
        done[best] = true;
        model_item(w, best, m, taken, &total, &active);
        if (m[best].verdict == VERDICT_CREATE || m[best].verdict == VERDICT_RETRIGGER ||
            m[best].reason == REASON_LIMIT_TOTAL || m[best].reason == REASON_LIMIT_CONCURRENCY)
            taken[w->items[best].name[1] - '0'] = true;
    }
}

static struct plan *world_plan(const struct world *w)
{
    struct plan *p = plan_create(w->items, w->n, &w->facts);
    size_t questions[WORLD];
    struct plan_answer answers[WORLD];
    size_t asked = plan_questions(p, questions);
    for (size_t i = 0; i < asked; i++)
        answers[i] = w->answers[questions[i]];
    plan_decide(p, w->items, &w->facts, answers, &w->limits, NOW);
    return p;
}

static void world_check(const struct world *w, const struct plan *p, uint64_t seed)
{
    size_t creations = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct decision *d = &p->decisions[i];
        if (d->reason == REASON_NONE)
            fail_msg("seed %llu: item %zu has no decision", (unsigned long long)seed, i);
        creations += d->verdict == VERDICT_CREATE || d->verdict == VERDICT_RETRIGGER;
        assert_int_equal(d->eligible_at != NONE,
                         d->reason == REASON_WAIT_ELIGIBLE || d->reason == REASON_WAIT_RECREATE);
        if (d->match == MATCH_NAME)
            assert_string_equal(w->items[d->leader].name, w->items[i].name);
        if (d->match == MATCH_MEMBER)
            assert_int_equal(w->items[d->leader].identity, w->items[i].identity);
    }
    assert_int_equal(creations, p->n_work);
    if (w->limits.max_total_tasks != 0 && p->n_work > 0)
        assert_true(w->facts.total_created + p->n_work <= (size_t)w->limits.max_total_tasks);
    if (w->limits.max_concurrency != 0 && p->n_work > 0)
        assert_true(p->active + p->n_work <= (size_t)w->limits.max_concurrency);
    for (size_t i = 0; i < p->n_work; i++) {
        const struct item *x = &w->items[p->work[i]];
        const struct task_fact *old = plan_replaces(x, &w->facts);
        assert_true(old == NULL || (task_phase_terminal(old->phase) && !old->deleting));
        assert_true(old == NULL || p->decisions[p->work[i]].verdict == VERDICT_RETRIGGER);
        for (size_t j = i + 1; j < p->n_work; j++) {
            const struct item *y = &w->items[p->work[j]];
            assert_true(comes_before(x, y));
            assert_true(x->identity != y->identity);
            assert_string_not_equal(x->name, y->name);
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252;
    unsigned seen[REASON_COUNT] = {0};
    for (int round = 0; round < 20000; round++) {
        static struct world w;
        uint64_t at = seed;
        struct model m[WORLD] = {{0}};
        world_make(&w, &seed);
        struct plan *p = world_plan(&w), *again = world_plan(&w);
        world_check(&w, p, at);
        model_run(&w, m);
        for (size_t i = 0; i < w.n; i++) {
            const struct decision *d = &p->decisions[i];
            if (d->verdict != m[i].verdict || d->reason != m[i].reason)
                fail_msg("seed %llu: item %zu is %s %s, the model says %s %s", (unsigned long long)at, i,
                         verdict_name(d->verdict), reason_code(d->reason), verdict_name(m[i].verdict),
                         reason_code(m[i].reason));
            seen[d->reason]++;
        }
        assert_memory_equal(p->decisions, again->decisions, w.n * sizeof *p->decisions);
        plan_free(&p);
        plan_free(&again);
    }
    /* The worlds are varied enough to be worth something. */
    static const enum reason each[] = {
        REASON_GROUP_MEMBER, REASON_DEDUP_ACTIVE, REASON_DEDUP_FINISHED, REASON_DEDUP_NAME, REASON_CREATE_NEW,
        REASON_RECREATE_GONE, REASON_RETRIGGER_REFIRED, REASON_WAIT_RECREATE, REASON_WAIT_ELIGIBLE,
        REASON_WAIT_DELETION, REASON_LIMIT_TOTAL, REASON_LIMIT_CONCURRENCY, REASON_ERROR_NAME,
        REASON_ERROR_COLLISION, REASON_POLICY_ERROR, REASON_POLICY_RETRIGGER};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
        if (seen[each[i]] < 100)
            fail_msg("%s was seen %u times", reason_code(each[i]), seen[each[i]]);
}

/* 100,000 alerts, every one wanted: two in a group, some that share names, a fifth that have Tasks. */
static void test_many(void **state)
{
    (void)state;
    enum { N = 100000, TASKS = 10000 };
    struct item *items = xcalloc(N, sizeof *items);
    char(*text)[64] = xcalloc(N, sizeof *text);
    struct task_fact *tasks = xcalloc(TASKS, sizeof *tasks);
    for (size_t i = 0; i < N; i++) {
        uint64_t identity = 1 + (i % (N / 2)) * 7919 % (N / 2);
        snprintf(text[i], sizeof *text, "a-spawner-with-a-long-name-kubepodoomkilled-%016llx",
                 (unsigned long long)identity);
        items[i] = (struct item){i + 1, identity, (moment_t)(i % 13) * S, text[i], (uint32_t)i, (int16_t)(i % 11)};
    }
    for (size_t i = 0; i < TASKS; i++)
        tasks[i] = (struct task_fact){.name = xasprintf("a-spawner-with-a-long-name-kubepodoomkilled-%016zx", i + 1),
                                      .identity = i + 1, .owned = true, .phase = i % 2 ? TASK_RUNNING : TASK_FAILED};
    struct spawner_facts facts = {.tasks = tasks, .n_tasks = TASKS};
    struct plan *p = plan_create(items, N, &facts);
    size_t asked = plan_questions(p, NULL);
    assert_int_equal(asked, TASKS / 2);
    struct plan_answer *answers = xcalloc(asked, sizeof *answers);
    for (size_t i = 0; i < asked; i++)
        answers[i].kind = PLAN_NOW;
    struct plan_limits limits = {.max_concurrency = TASKS / 2 + 100};
    plan_decide(p, items, &facts, answers, &limits, NOW);
    assert_int_equal(p->active, TASKS / 2);
    assert_int_equal(p->n_work, 100);
    for (size_t i = 1; i < p->n_work; i++)
        assert_true(comes_before(&items[p->work[i - 1]], &items[p->work[i]]));
    plan_free(&p);
    for (size_t i = 0; i < TASKS; i++)
        free(tasks[i].name);
    free(tasks);
    free(answers);
    free(text);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

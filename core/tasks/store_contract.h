/* What every store keeps, whatever it is made of: the contract of store.h as tests. For tests only; a store's own test
 * includes it, says how to open one, and runs contract_tests. The store is empty at first; times are of a clock of its own,
 * from CONTRACT_NOW on. */
#pragma once

#include "base/mem.h"
#include "spawner/spawner.h"
#include "tasks/store.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define CONTRACT_NOW (INT64_C(1764000000) * MOMENT_SECOND)

struct contract {
    uv_loop_t *loop;
    struct store *store;
    void *self;
    /* What an agent's controller does: the Task runs, and ends, at that time. */
    void (*start)(void *self, const char *name, moment_t now);
    void (*finish)(void *self, const char *name, moment_t now);
};

struct contract_answer {
    int calls;
    struct spawner_facts *facts;
    struct spawner_memory *memory;
    enum store_outcome outcomes[8];
    size_t n;
    bool failed;
};

static inline void contract_on_facts(void *arg, struct spawner_facts *facts, const struct err *e)
{
    struct contract_answer *a = arg;
    a->calls++;
    a->facts = facts;
    a->failed = e != NULL;
}

static inline void contract_on_memory(void *arg, struct spawner_memory *memory, const struct err *e)
{
    struct contract_answer *a = arg;
    a->calls++;
    a->memory = memory;
    a->failed = e != NULL;
}

static inline void contract_on_apply(void *arg, const struct store_result *results, size_t n, const struct err *e)
{
    struct contract_answer *a = arg;
    a->calls++;
    a->n = n;
    for (size_t i = 0; i < n && i < 8; i++)
        a->outcomes[i] = results[i].outcome;
    a->failed = e != NULL;
}

static inline void contract_wait(const struct contract *c, const struct contract_answer *a)
{
    assert_int_equal(a->calls, 0); /* never from inside the start */
    while (a->calls == 0)
        uv_run(c->loop, UV_RUN_ONCE);
    assert_int_equal(a->calls, 1);
    assert_false(a->failed);
}

static inline struct spawner contract_spawner(const char *name)
{
    return (struct spawner){.kind = (char *)"TaskSpawner", .name = (char *)name, .ns = (char *)"default", .uid = (char *)""};
}

static inline struct spawner_facts *contract_facts(const struct contract *c, const struct spawner *sp)
{
    struct contract_answer a = {0};
    struct err e;
    assert_int_equal(c->store->ops->facts(c->store, sp, contract_on_facts, &a, &e), 0);
    contract_wait(c, &a);
    return a.facts;
}

static inline struct spawner_memory *contract_memory(const struct contract *c, const struct spawner *sp, moment_t now)
{
    struct contract_answer a = {0};
    struct err e;
    assert_int_equal(c->store->ops->memory(c->store, sp, now, contract_on_memory, &a, &e), 0);
    contract_wait(c, &a);
    return a.memory;
}

static inline struct contract_answer contract_apply(const struct contract *c, const struct spawner *sp,
                                                    const struct store_changes *changes, moment_t now)
{
    struct contract_answer a = {0};
    struct err e;
    assert_int_equal(c->store->ops->apply(c->store, sp, changes, now, contract_on_apply, &a, &e), 0);
    contract_wait(c, &a);
    return a;
}

/* A creation; with `replace`, in that Task's place. */
static inline enum store_outcome contract_create(const struct contract *c, const struct spawner *sp, const char *name,
                                                 uint64_t identity, const struct task_fact *replace, moment_t now)
{
    cJSON *task = cJSON_Parse("{\"apiVersion\":\"kelos.dev/v1alpha2\",\"kind\":\"Task\",\"spec\":{\"type\":\"codex\",\"prompt\":\"p\"},"
                              "\"metadata\":{\"annotations\":{\"alerts.kelos.dev/policy\":\"p1\"}}}");
    struct store_create create = {.identity = identity, .starts_at = now - MOMENT_SECOND, .policy = "p1", .name = name,
                                  .task = task, .replace = replace != NULL,
                                  .replace_uid = replace != NULL ? replace->uid : NULL,
                                  .replace_resource_version = replace != NULL ? replace->resource_version : NULL};
    struct store_changes changes = {.creates = &create, .n_creates = 1};
    struct contract_answer a = contract_apply(c, sp, &changes, now);
    cJSON_Delete(task);
    assert_int_equal(a.n, 1);
    return a.outcomes[0];
}

/* A Task's life: what was created is a fact, keeps its name, is replaced only while it is what was seen. */
static inline void contract_tasks(const struct contract *c)
{
    struct spawner sp = contract_spawner("sp"), other = contract_spawner("other");
    moment_t t = CONTRACT_NOW;
    assert_int_equal(contract_create(c, &sp, "one", 0xa1, NULL, t), STORE_CREATED);
    assert_int_equal(contract_create(c, &sp, "one", 0xa1, NULL, t), STORE_EXISTS_OURS);
    assert_int_equal(contract_create(c, &other, "one", 0xa1, NULL, t), STORE_EXISTS_FOREIGN);
    struct spawner_facts *before = contract_facts(c, &sp);
    const struct task_fact *one = spawner_facts_task(before, "one");
    assert_non_null(one);
    assert_true(one->owned);
    assert_false(task_phase_terminal(one->phase));
    assert_int_equal(one->identity, 0xa1);
    assert_int_equal(one->created_at, t);
    assert_int_equal(one->completed_at, MOMENT_NONE);
    assert_string_equal(one->policy, "p1");
    assert_int_equal(one->ordinal, 1);
    assert_int_equal(before->total_created, 1);
    c->start(c->self, "one", t + MOMENT_SECOND);
    c->finish(c->self, "one", t + 2 * MOMENT_SECOND);
    assert_int_equal(contract_create(c, &sp, "one", 0xa1, one, t + 3 * MOMENT_SECOND), STORE_CHANGED); /* it has run since */
    struct spawner_facts *after = contract_facts(c, &sp);
    one = spawner_facts_task(after, "one");
    assert_int_equal(one->phase, TASK_SUCCEEDED);
    assert_int_equal(one->completed_at, t + 2 * MOMENT_SECOND);
    assert_int_equal(contract_create(c, &sp, "one", 0xa1, one, t + 3 * MOMENT_SECOND), STORE_CREATED);
    struct spawner_facts *again = contract_facts(c, &sp);
    const struct key_fact *key = spawner_facts_key(again, 0xa1);
    assert_non_null(key);
    assert_int_equal(key->attempts, 2);
    assert_int_equal(key->created_at, t + 3 * MOMENT_SECOND);
    assert_string_not_equal(spawner_facts_task(again, "one")->uid, one->uid);
    assert_int_equal(again->total_created, 2);
    spawner_facts_free(&before);
    spawner_facts_free(&after);
    spawner_facts_free(&again);
}

/* Only what has not started is cancelled; its key is remembered. */
static inline void contract_cancel(const struct contract *c)
{
    struct spawner sp = contract_spawner("cancels");
    moment_t t = CONTRACT_NOW;
    assert_int_equal(contract_create(c, &sp, "waits", 0xb1, NULL, t), STORE_CREATED);
    assert_int_equal(contract_create(c, &sp, "runs", 0xb2, NULL, t), STORE_CREATED);
    c->start(c->self, "runs", t + MOMENT_SECOND);
    struct spawner_facts *f = contract_facts(c, &sp);
    struct store_cancel cancels[2];
    static const char *const names[] = {"waits", "runs"};
    for (int i = 0; i < 2; i++) {
        const struct task_fact *task = spawner_facts_task(f, names[i]);
        cancels[i] = (struct store_cancel){task->name, task->uid, task->resource_version};
    }
    struct contract_answer a = contract_apply(c, &sp, &(struct store_changes){.cancels = cancels, .n_cancels = 2},
                                              t + 2 * MOMENT_SECOND);
    assert_int_equal(a.outcomes[0], STORE_CREATED);
    assert_int_equal(a.outcomes[1], STORE_CHANGED);
    struct spawner_facts *after = contract_facts(c, &sp);
    assert_null(spawner_facts_task(after, "waits"));
    assert_non_null(spawner_facts_task(after, "runs"));
    assert_non_null(spawner_facts_key(after, 0xb1));
    spawner_facts_free(&f);
    spawner_facts_free(&after);
    c->finish(c->self, "runs", t + 3 * MOMENT_SECOND);
}

/* Episodes, creations of the last day, and ctx.state with its condition. */
static inline void contract_remembers(const struct contract *c)
{
    struct spawner sp = contract_spawner("remembers");
    moment_t t = CONTRACT_NOW;
    struct spawner_memory *m = contract_memory(c, &sp, t);
    assert_int_equal(episodes_len(m->episodes), 0);
    struct sighting seen = {.fingerprint = 0xc1, .starts_at = t - MOMENT_SECOND};
    episodes_observe(m->episodes, &seen, 1, t);
    episodes_keep(m->episodes, 0xc1, 0xc1);
    struct store_state states[2] = {{.policy = "p1", .identity = 0xc1, .version = 1, .item = "m1", .len = 2, .create = -1},
                                    {.policy = "p1", .identity = 0xc2, .version = 1, .item = "m2", .len = 2, .create = 0}};
    assert_int_equal(contract_create(c, &sp, "taken", 0xc1, NULL, t), STORE_CREATED);
    cJSON *task = cJSON_Parse("{\"spec\":{}}");
    struct store_create lost = {.identity = 0xc2, .starts_at = t, .policy = "p1", .name = "taken", .task = task};
    struct contract_answer a = contract_apply(c, &sp,
                                              &(struct store_changes){.creates = &lost, .n_creates = 1, .states = states,
                                                                      .n_states = 2, .episodes = m->episodes},
                                              t);
    assert_int_equal(a.outcomes[0], STORE_EXISTS_OURS);
    cJSON_Delete(task);
    spawner_memory_free(&m);
    m = contract_memory(c, &sp, t + MOMENT_SECOND);
    assert_int_equal(episodes_len(m->episodes), 1);
    assert_int_equal(m->n_creations, 1);
    assert_int_equal(m->creations[0].at, t);
    assert_string_equal(m->policies[m->creations[0].policy], "p1");
    assert_int_equal(m->n_states, 1); /* the other's creation did not come */
    assert_int_equal(m->states[0].identity, 0xc1);
    assert_memory_equal(m->states[0].item, "m1", 2);
    spawner_memory_free(&m);
    m = contract_memory(c, &sp, t + 25 * 3600 * MOMENT_SECOND);
    assert_int_equal(m->n_creations, 0);
    spawner_memory_free(&m);
}

static inline void contract_tests(const struct contract *c)
{
    contract_tasks(c);
    contract_cancel(c);
    contract_remembers(c);
}

/* What is kept of a spawner: what Tasks say again after a crash, merging, ageing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tasks/kube/kept.h"

#include <stdio.h>
#include <stdlib.h>

#define T(s) (INT64_C(1764000000) * MOMENT_SECOND + (s) * MOMENT_SECOND)

static struct task_fact task(const char *name, uint64_t identity, uint64_t ordinal, moment_t created)
{
    return (struct task_fact){.name = (char *)name,
                              .identity = identity,
                              .ordinal = ordinal,
                              .owned = true,
                              .policy = "p",
                              .created_at = created,
                              .completed_at = MOMENT_NONE,
                              .starts_at = created - MOMENT_SECOND};
}

static struct key_fact key_of(const struct kept *k, uint64_t identity)
{
    struct spawner_facts f = {0};
    kept_facts(k, &f);
    const struct key_fact *key = spawner_facts_key(&f, identity);
    struct key_fact copy = key != NULL ? *key : (struct key_fact){0};
    for (size_t i = 0; i < f.n_keys; i++)
        free(f.keys[i].task);
    free(f.keys);
    copy.task = NULL;
    return copy;
}

/* Killed after the creations, before the ConfigMap: the Tasks tell. */
static void test_adopts_what_was_not_written(void **state)
{
    (void)state;
    struct kept *k = kept_create();
    struct kept_birth b = {.identity = 7, .ordinal = 1, .task = "a", .policy = "p", .created_at = T(0), .starts_at = T(-1)};
    kept_born(k, &b);
    k->changed = false;
    struct task_fact tasks[] = {task("a", 7, 1, T(0)), task("b", 9, 2, T(5)), task("c", 9, 3, T(9))};
    kept_adopt(k, tasks, 3, T(10));
    assert_true(k->changed);
    assert_int_equal(k->total, 3);
    assert_int_equal(k->n_creations, 3);
    assert_int_equal(key_of(k, 7).attempts, 1);
    assert_int_equal(key_of(k, 9).attempts, 2);
    assert_true(key_of(k, 9).created_at == T(9));
    /* and told again, nothing is counted twice */
    k->changed = false;
    kept_adopt(k, tasks, 3, T(20));
    assert_false(k->changed);
    assert_int_equal(k->n_creations, 3);
    assert_int_equal(key_of(k, 9).attempts, 2);
    kept_free(&k);
}

static void test_foreign_tasks_say_nothing(void **state)
{
    (void)state;
    struct kept *k = kept_create();
    struct task_fact t = task("a", 7, 40, T(0));
    t.owned = false;
    kept_adopt(k, &t, 1, T(1));
    assert_int_equal(k->total, 0);
    assert_int_equal(k->n_keys, 0);
    assert_false(k->changed);
    kept_free(&k);
}

/* Only the end of a Task is worth a write. */
static void test_phases(void **state)
{
    (void)state;
    struct kept *k = kept_create();
    struct task_fact t = task("a", 7, 1, T(0));
    kept_adopt(k, &t, 1, T(0));
    k->changed = false;
    t.phase = TASK_RUNNING;
    kept_adopt(k, &t, 1, T(1));
    assert_false(k->changed);
    assert_int_equal(key_of(k, 7).phase, TASK_RUNNING);
    t.phase = TASK_SUCCEEDED;
    t.completed_at = T(2);
    kept_adopt(k, &t, 1, T(3));
    assert_true(k->changed);
    assert_true(key_of(k, 7).completed_at == T(2));
    kept_free(&k);
}

static void observe(struct kept *k, const uint64_t *fingerprints, size_t n, moment_t now)
{
    struct spawner_memory *m = kept_memory(k, now);
    struct sighting *s = xcalloc(n + 1, sizeof *s);
    for (size_t i = 0; i < n; i++)
        s[i] = (struct sighting){.fingerprint = fingerprints[i], .starts_at = T(0)};
    episodes_observe(m->episodes, s, n, now);
    struct store_changes changes = {.episodes = m->episodes};
    kept_take(k, &changes, NULL, now);
    free(s);
    spawner_memory_free(&m);
}

/* Alerts that go on firing cost no write, polls are counted nevertheless. */
static void test_steady_alerts_do_not_write(void **state)
{
    (void)state;
    struct kept *k = kept_create();
    uint64_t fps[] = {1, 2, 3};
    observe(k, fps, 3, T(0));
    assert_true(k->changed);
    k->changed = false;
    k->written_at = T(0);
    for (int i = 1; i <= 50; i++) {
        observe(k, fps, 3, T(60 * i));
        assert_false(k->changed);
    }
    assert_int_equal(k->counters.polls, 51);
    observe(k, fps, 3, T(3600)); /* what changes with every poll is written once an hour */
    assert_true(k->changed);
    k->changed = false;
    k->written_at = T(3600);
    observe(k, fps, 2, T(3660)); /* one is gone */
    assert_true(k->changed);
    struct spawner_memory *m = kept_memory(k, T(3661));
    struct alert_seen seen;
    episodes_seen(m->episodes, 1, T(3661), &seen);
    assert_int_equal(seen.polls, 53);
    spawner_memory_free(&m);
    kept_free(&k);
}

static void put_state(struct kept *k, const char *policy, uint64_t identity, const char *item, int32_t create,
                      enum store_outcome outcome, moment_t now)
{
    struct store_state s = {.policy = policy, .identity = identity, .version = 1, .item = item, .len = strlen(item),
                            .create = create};
    struct store_result r = {.outcome = outcome};
    struct store_changes changes = {.states = &s, .n_states = 1, .n_creates = create >= 0 ? 1 : 0};
    kept_take(k, &changes, &r, now);
}

static void test_states(void **state)
{
    (void)state;
    struct kept *k = kept_create();
    put_state(k, "b", 5, "xx", -1, STORE_CREATED, T(0));
    put_state(k, "a", 9, "yy", 0, STORE_CREATED, T(0));
    put_state(k, "a", 3, "no", 0, STORE_EXISTS_OURS, T(0)); /* its Task was not made */
    struct spawner_memory *m = kept_memory(k, T(1));
    assert_int_equal(m->n_states, 2);
    assert_string_equal(m->policies[m->states[0].policy], "a"); /* by name, as the interface says */
    assert_int_equal(m->states[1].identity, 5);
    spawner_memory_free(&m);
    k->changed = false;
    put_state(k, "nobody", 5, "", -1, STORE_CREATED, T(1)); /* what is not there goes without a write */
    assert_false(k->changed);
    put_state(k, "b", 5, "", -1, STORE_CREATED, T(1));
    assert_true(k->changed);
    assert_int_equal(k->n_states, 1);
    /* nobody sees its key for a day and an hour */
    observe(k, NULL, 0, T(24 * 3600));
    assert_int_equal(k->n_states, 1);
    observe(k, NULL, 0, T(25 * 3600));
    assert_int_equal(k->n_states, 0);
    kept_free(&k);
}

static void test_creations_of_a_day(void **state)
{
    (void)state;
    struct kept *k = kept_create();
    for (int i = 0; i < 3; i++) {
        struct kept_birth b = {.identity = (uint64_t)i + 1, .ordinal = (uint64_t)i + 1, .task = "t", .policy = "p",
                               .created_at = T(i * 12 * 3600), .starts_at = T(0)};
        kept_born(k, &b);
    }
    struct spawner_memory *m = kept_memory(k, T(24 * 3600));
    assert_int_equal(m->n_creations, 2);
    assert_true(m->creations[1].at == T(24 * 3600));
    spawner_memory_free(&m);
    m = kept_memory(k, T(20 * 3600)); /* the clock has stepped back */
    assert_int_equal(m->n_creations, 3);
    assert_true(m->creations[2].at == T(20 * 3600));
    spawner_memory_free(&m);
    kept_free(&k);
}

static void test_prune(void **state)
{
    (void)state;
    struct kept *k = kept_create();
    struct task_fact tasks[] = {task("a", 1, 1, T(0)), task("b", 2, 2, T(0))};
    kept_adopt(k, tasks, 2, T(0));
    k->changed = false;
    kept_prune(k, tasks, 1, T(89 * 24 * 3600));
    assert_int_equal(k->n_keys, 2);
    kept_prune(k, tasks, 1, T(91 * 24 * 3600)); /* a's Task is still there */
    assert_int_equal(k->n_keys, 1);
    assert_int_equal(k->keys[0].fact.identity, 1);
    assert_true(k->changed);
    kept_free(&k);
}

static void test_ceiling_of_keys(void **state)
{
    (void)state;
    struct kept *k = kept_create();
    char name[24];
    for (uint64_t i = 1; i <= KEPT_KEYS_MAX + 10; i++) {
        snprintf(name, sizeof name, "t%llu", (unsigned long long)i);
        struct kept_birth b = {.identity = i, .ordinal = i, .task = name, .policy = "p",
                               .created_at = T((int64_t)i), .starts_at = T(0)};
        kept_born(k, &b);
    }
    struct task_fact there = task("t1", 1, 1, T(1));
    kept_prune(k, &there, 1, T(KEPT_KEYS_MAX + 20));
    assert_int_equal(k->n_keys, KEPT_KEYS_MAX + 1); /* the oldest is there: it stays */
    assert_int_equal(k->keys[0].fact.identity, 1);
    assert_int_equal(k->keys[1].fact.identity, 11);
    assert_true(k->n_creations <= STORE_CREATIONS_MAX);
    kept_free(&k);
}

static void test_merge(void **state)
{
    (void)state;
    struct kept *a = kept_create(), *b = kept_create();
    struct kept_birth one = {.identity = 1, .ordinal = 1, .task = "one", .policy = "p", .created_at = T(0), .starts_at = T(0)},
                      two = {.identity = 2, .ordinal = 2, .task = "two", .policy = "q", .created_at = T(1), .starts_at = T(0)},
                      again = {.identity = 1, .ordinal = 3, .task = "one", .policy = "p", .created_at = T(9), .starts_at = T(8)};
    kept_born(a, &one);
    kept_born(b, &one);
    kept_born(a, &two);
    kept_born(b, &again);
    put_state(a, "p", 1, "old", -1, STORE_CREATED, T(1));
    put_state(b, "p", 1, "new", -1, STORE_CREATED, T(2));
    put_state(b, "q", 4, "more", -1, STORE_CREATED, T(2));
    uint64_t fps[] = {1, 2, 3};
    observe(a, fps, 1, T(3));
    observe(b, fps, 3, T(4));
    kept_merge(a, b);
    assert_int_equal(a->total, 3);
    assert_int_equal(a->n_keys, 2);
    assert_int_equal(key_of(a, 1).attempts, 2);
    assert_true(key_of(a, 1).created_at == T(9));
    assert_int_equal(a->n_creations, 3);
    assert_int_equal(a->n_states, 2);
    assert_memory_equal(a->states[0].item, "new", 3);
    assert_int_equal(a->n_episodes, 3);
    assert_true(a->changed);
    kept_merge(a, b); /* once more: nothing new */
    assert_int_equal(a->n_creations, 3);
    assert_int_equal(key_of(a, 1).attempts, 2);
    kept_free(&a);
    kept_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adopts_what_was_not_written),
        cmocka_unit_test(test_foreign_tasks_say_nothing),
        cmocka_unit_test(test_phases),
        cmocka_unit_test(test_steady_alerts_do_not_write),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_creations_of_a_day),
        cmocka_unit_test(test_prune),
        cmocka_unit_test(test_ceiling_of_keys),
        cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* When a policy is silenced, for how long, and what opens it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy_health.h"

#include <stdio.h>

#define NOW    (1700000000 * MOMENT_SECOND)
#define MINUTE (60 * MOMENT_SECOND)

static struct policy_health *h;

static int open_health(void **state)
{
    (void)state;
    h = policy_health_create();
    return 0;
}

static int close_health(void **state)
{
    (void)state;
    policy_health_free(&h);
    assert_null(h);
    policy_health_free(&h);
    return 0;
}

static enum health_state state_at(const char *file, const char *hash, moment_t now)
{
    moment_t until;
    return policy_health_state(h, file, hash, now, &until);
}

static void failures(size_t n, moment_t now)
{
    for (size_t i = 0; i < n; i++)
        policy_health_failure(h, "a.lua", "1", now);
}

static void failures_in_a_row(void **state)
{
    (void)state;
    assert_int_equal(state_at("a.lua", "1", NOW), HEALTH_GOOD);
    for (int i = 1; i < HEALTH_FAILURES_MAX; i++)
        assert_false(policy_health_failure(h, "a.lua", "1", NOW));
    assert_int_equal(state_at("a.lua", "1", NOW), HEALTH_GOOD);
    assert_true(policy_health_failure(h, "a.lua", "1", NOW));
    moment_t until = 0;
    assert_int_equal(policy_health_state(h, "a.lua", "1", NOW + MINUTE, &until), HEALTH_QUARANTINED);
    assert_int_equal(until, NOW + HEALTH_RETRY);
    assert_int_equal(state_at("a.lua", "1", NOW + HEALTH_RETRY - 1), HEALTH_QUARANTINED);
    assert_int_equal(state_at("a.lua", "1", NOW + HEALTH_RETRY), HEALTH_HALF_OPEN);
    assert_int_equal(state_at("b.lua", "1", NOW), HEALTH_GOOD);
}

static void a_success_starts_anew(void **state)
{
    (void)state;
    failures(HEALTH_FAILURES_MAX - 1, NOW);
    policy_health_success(h, "a.lua", "1");
    failures(HEALTH_FAILURES_MAX - 1, NOW);
    assert_int_equal(state_at("a.lua", "1", NOW), HEALTH_GOOD);
    failures(1, NOW);
    assert_int_equal(state_at("a.lua", "1", NOW), HEALTH_QUARANTINED);
}

static void half_open(void **state)
{
    (void)state;
    failures(HEALTH_FAILURES_MAX, NOW);
    moment_t later = NOW + HEALTH_RETRY + MINUTE;
    assert_true(policy_health_failure(h, "a.lua", "1", later)); /* the first is enough */
    assert_int_equal(state_at("a.lua", "1", later + HEALTH_RETRY - 1), HEALTH_QUARANTINED);
    later += HEALTH_RETRY;
    assert_int_equal(state_at("a.lua", "1", later), HEALTH_HALF_OPEN);
    policy_health_success(h, "a.lua", "1");
    assert_int_equal(state_at("a.lua", "1", later), HEALTH_GOOD);
    failures(HEALTH_FAILURES_MAX - 1, later); /* closed: it takes all of them again */
    assert_int_equal(state_at("a.lua", "1", later), HEALTH_GOOD);
}

static void quarantined_outright(void **state)
{
    (void)state;
    policy_health_quarantine(h, "default.lua", "d", NOW);
    assert_int_equal(state_at("default.lua", "d", NOW), HEALTH_QUARANTINED);
    assert_true(policy_health_failure(h, "default.lua", "d", NOW + MINUTE)); /* no longer for that */
    assert_int_equal(state_at("default.lua", "d", NOW + HEALTH_RETRY), HEALTH_HALF_OPEN);
}

static void another_version_has_a_clean_sheet(void **state)
{
    (void)state;
    failures(HEALTH_FAILURES_MAX, NOW);
    assert_int_equal(state_at("a.lua", "2", NOW), HEALTH_GOOD);
    assert_false(policy_health_failure(h, "a.lua", "2", NOW));
}

static void a_clock_set_back(void **state)
{
    (void)state;
    failures(HEALTH_FAILURES_MAX, NOW);
    policy_health_poison(h, 7, 1, NOW);
    moment_t before = NOW - 1000 * MINUTE, until = 0;
    assert_int_equal(policy_health_state(h, "a.lua", "1", before, &until), HEALTH_QUARANTINED);
    assert_int_equal(until, before + HEALTH_RETRY);
    assert_true(policy_health_poisoned(h, 7, 1, before, &until));
    assert_int_equal(until, before + HEALTH_RETRY);
    assert_int_equal(state_at("a.lua", "1", before + HEALTH_RETRY), HEALTH_HALF_OPEN);
}

static void poison(void **state)
{
    (void)state;
    moment_t until = 0;
    assert_false(policy_health_poisoned(h, 7, 1, NOW, &until));
    policy_health_poison(h, 7, 1, NOW);
    policy_health_poison(h, 3, 1, NOW);
    policy_health_poison(h, 9, 1, NOW);
    assert_true(policy_health_poisoned(h, 7, 1, NOW + MINUTE, &until));
    assert_int_equal(until, NOW + HEALTH_RETRY);
    assert_false(policy_health_poisoned(h, 8, 1, NOW, &until));
    assert_false(policy_health_poisoned(h, 7, 2, NOW, &until)); /* other policies */
    assert_false(policy_health_poisoned(h, 7, 1, NOW + HEALTH_RETRY, &until));
    policy_health_poison(h, 7, 2, NOW + MINUTE); /* again */
    assert_true(policy_health_poisoned(h, 7, 2, NOW + HEALTH_RETRY, &until));
    assert_int_equal(until, NOW + MINUTE + HEALTH_RETRY);
}

static void poison_has_a_ceiling(void **state)
{
    (void)state;
    moment_t until;
    for (uint64_t i = 0; i < HEALTH_POISON_MAX + 10; i++) /* in no order */
        policy_health_poison(h, (i * 7919) % 100003, 1, NOW + (moment_t)i);
    for (uint64_t i = 0; i < HEALTH_POISON_MAX + 10; i++)
        assert_int_equal(policy_health_poisoned(h, (i * 7919) % 100003, 1, NOW + MINUTE, &until), i >= 10);
}

static void files_have_a_ceiling(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%d.lua", i);
        policy_health_quarantine(h, name, "1", NOW);
    }
    assert_int_equal(state_at("0.lua", "1", NOW), HEALTH_GOOD);
    assert_int_equal(state_at("999.lua", "1", NOW), HEALTH_QUARANTINED);
    assert_int_equal(state_at("800.lua", "1", NOW), HEALTH_QUARANTINED);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_health, close_health)
    const struct CMUnitTest tests[] = {
        T(failures_in_a_row),
        T(a_success_starts_anew),
        T(half_open),
        T(quarantined_outright),
        T(another_version_has_a_clean_sheet),
        T(a_clock_set_back),
        T(poison),
        T(poison_has_a_ceiling),
        T(files_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What failures cost beyond their own alert, over several cycles that share one policy_health. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/judge_kit.h"

#include "policy/policy_health.h"

#include <stdlib.h>
#include <unistd.h>

static struct policy_health *health;

static struct kit k;

static int open_kit(void **state)
{
    (void)state;
    kit_open(&k, FAKE_WORKER, 1);
    health = k.setup.health = policy_health_create();
    k.setup.limits.hook_us = 60 * MOMENT_SECOND; /* only the tests of time want to wait */
    return 0;
}

static int close_kit(void **state)
{
    (void)state;
    kit_close(&k);
    policy_health_free(&health);
    return 0;
}

#define MINUTE (60 * MOMENT_SECOND)

/* The next cycle, `later` after the last, with this as the source of a.lua. */
static void cycle(int64_t later, const char *source)
{
    kit_again(&k);
    k.setup.now += later;
    kit_policy(&k, "a.lua", source);
    kit_policy(&k, "other.lua", "match Other");
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
}

static void assert_all(const char *alertname, const char *reason)
{
    for (size_t i = 0; i < alert_set_len(k.set); i++)
        if (strcmp(alert_set_alertname(k.set, alert_set_at(k.set, i)), alertname) == 0)
            assert_string_equal(kit_reason(&k, i), reason);
}

static void alerts(size_t n, const char *name)
{
    while (n-- > 0)
        kit_alert(&k, name);
}

/* --- poison --- */

static void poison_is_not_asked_again(void **state)
{
    (void)state;
    static const char source[] = "match Boom\nfilter Boom die 11";
    alerts(2, "Other");
    alerts(1, "Boom");
    alerts(2, "Other");
    cycle(0, source);
    assert_string_equal(kit_reason(&k, 2), "policy.killed");
    cycle(2 * MINUTE, source);
    assert_string_equal(kit_reason(&k, 2), "policy.quarantined");
    assert_string_equal(judge_at(k.j, 2)->detail,
                        "it cost a worker at 2023-11-14T22:13:20Z; it is asked again at 2023-11-14T22:23:20Z");
    assert_int_equal(judge_at(k.j, 2)->identity, 0xa2);
    assert_int_equal(judge_notes(k.j), 0); /* no worker has died */
    assert_all("Other", "keep");
    /* once more when its time has come, and then it waits again */
    cycle(8 * MINUTE, source);
    assert_string_equal(kit_reason(&k, 2), "policy.killed");
    cycle(2 * MINUTE, source);
    assert_string_equal(kit_reason(&k, 2), "policy.quarantined");
    /* other policies are another matter */
    k.policies.hash = 77;
    cycle(0, "match Boom");
    assert_string_equal(kit_reason(&k, 2), "keep");
}

static void a_hang_and_a_blind_death_poison_too(void **state)
{
    (void)state;
    k.setup.limits.hook_us = 300 * 1000;
    alerts(1, "Hang");
    alerts(1, "Blind");
    alerts(1, "Other");
    cycle(0, "match Hang\nmatch Blind\nfilter Hang hang\nfilter Blind blind-die 9");
    assert_string_equal(kit_reason(&k, 0), "policy.timeout");
    assert_string_equal(kit_reason(&k, 1), "policy.killed");
    cycle(MINUTE, "match Hang\nmatch Blind");
    assert_string_equal(kit_reason(&k, 0), "policy.quarantined");
    assert_string_equal(kit_reason(&k, 1), "policy.quarantined");
    assert_string_equal(kit_reason(&k, 2), "keep");
}

static void templates_poison_nobody(void **state)
{
    (void)state;
    alerts(1, "Boom");
    cycle(0, "match none\nname Boom die 9");
    assert_string_equal(kit_reason(&k, 0), "error.template");
    cycle(MINUTE, "match none");
    assert_string_equal(kit_reason(&k, 0), "keep");
}

static void a_task_whose_resolving_kills(void **state)
{
    (void)state;
    static const char source[] = "match A\non_resolve Boom die 11";
    struct resolve_question q[] = {{.policy = "a", .alertname = "Boom", .identity = 0x77, .task = "t"},
                                   {.policy = "a", .alertname = "Calm", .identity = 0x78, .task = "u"}};
    struct resolve_answer a[2] = {0};
    alerts(1, "A");
    for (int i = 0; i < 2; i++) {
        cycle(MINUTE, source);
        kit_resolve(&k, q, 2, a);
        assert_int_equal(a[0].answer, RESOLVE_ERROR);
        assert_int_equal(a[0].reason, i == 0 ? REASON_POLICY_KILLED : REASON_POLICY_QUARANTINED);
        assert_int_equal(a[1].answer, RESOLVE_KEEP);
        assert_int_equal(a[1].reason, REASON_NONE);
        resolve_answer_deinit(&a[0]);
        resolve_answer_deinit(&a[1]);
    }
}

/* --- policies --- */

static void one_that_kills_waits_for_ten_minutes(void **state)
{
    (void)state;
    static const char source[] = "match Boom\nfilter Boom die 11";
    alerts(5, "Boom");
    alerts(5, "Other");
    cycle(0, source);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(kit_reason(&k, i), i < JUDGE_DEATHS_MAX ? "policy.killed" : "policy.quarantined");
    assert_true(kit_noted(&k, "a.lua has killed 3 workers: it is quarantined until 2023-11-14T22:23:20Z"));
    assert_string_equal(judge_at(k.j, 4)->detail, "a.lua has cost too much: it is quarantined until 2023-11-14T22:23:20Z");
    assert_all("Other", "keep");
    cycle(9 * MINUTE, source);
    assert_all("Boom", "policy.quarantined");
    assert_all("Other", "keep");
    assert_true(kit_noted(&k, "a.lua has cost too much in earlier cycles: it is quarantined until 2023-11-14T22:23:20Z"));
    assert_int_equal(judge_notes(k.j), 1);
    /* half open: one more, and it is over */
    cycle(MINUTE, source);
    assert_string_equal(kit_reason(&k, 0), "policy.killed");
    for (size_t i = 1; i < 5; i++)
        assert_string_equal(kit_reason(&k, i), "policy.quarantined");
    assert_true(kit_noted(&k, "a.lua has cost a worker again: it is quarantined until 2023-11-14T22:33:20Z"));
    /* mended: another version has a clean sheet */
    k.policies.hash = 77;
    cycle(MINUTE, "match Boom");
    assert_all("Boom", "keep");
}

static void budgets_used_up_in_a_row(void **state)
{
    (void)state;
    moment_t until;
    static const char source[] = "match Boom\nfilter Boom fail policy.timeout used more than 2000000 instructions";
    alerts(8, "Boom");
    cycle(0, source);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(kit_reason(&k, i), i < HEALTH_FAILURES_MAX ? "policy.timeout" : "policy.quarantined");
    assert_true(kit_noted(&k, "a.lua has used up all of its time or memory again and again: it is quarantined until"));
    const struct policy_info *p = judge_policy_info(k.j, judge_at(k.j, 0)->policy);
    assert_int_equal(policy_health_state(health, "a.lua", p->hash, k.setup.now, &until), HEALTH_QUARANTINED);
    cycle(10 * MINUTE, source); /* half open */
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(kit_reason(&k, i), i < 1 ? "policy.timeout" : "policy.quarantined");
}

static void one_success_closes_the_matter(void **state)
{
    (void)state;
    static const char source[] = "match Boom\nmatch Fine\nfilter Boom fail policy.memory";
    moment_t until;
    alerts(6, "Boom");
    alerts(1, "Fine");
    cycle(0, source);
    assert_all("Fine", "policy.quarantined");
    k.setup.set = alert_set_create();
    struct alert_set *old = k.set;
    k.set = k.setup.set;
    alerts(1, "Fine");
    alerts(HEALTH_FAILURES_MAX - 1, "Boom");
    cycle(10 * MINUTE, source);
    assert_all("Fine", "keep");
    assert_all("Boom", "policy.memory");
    const char *hash = judge_policy_info(k.j, judge_at(k.j, 0)->policy)->hash;
    assert_int_equal(policy_health_state(health, "a.lua", hash, k.setup.now, &until), HEALTH_GOOD);
    judge_free(&k.j);
    alert_set_free(&old);
}

/* Cheap failures, and those that are everybody's doing, silence nobody. */
static void ordinary_errors_silence_nobody(void **state)
{
    (void)state;
    static const char *const kinds[] = {"policy.error oh", "policy.bad_return a table", "error.name",
                                        "policy.timeout " WIRE_ALL_HOOKS " 2000000000 instructions"};
    alerts(20, "Boom");
    for (size_t i = 0; i < 4; i++) {
        struct buf source = {0};
        buf_addf(&source, "match Boom\nfilter Boom fail %s", kinds[i]);
        cycle(MINUTE, source.data);
        for (size_t n = 0; n < 20; n++)
            assert_memory_equal(kit_reason(&k, n), kinds[i], strcspn(kinds[i], " "));
        buf_free(&source);
    }
}

static void the_default_policy_too(void **state)
{
    (void)state;
    moment_t until;
    alerts(6, "Plain");
    policy_health_quarantine(health, "default.lua", "0123456789abcdef0123456789abcdef", k.setup.now);
    cycle(MINUTE, "match Boom");
    assert_all("Plain", "policy.quarantined");
    assert_contains(judge_at(k.j, 0)->detail, "default.lua has cost too much");
    cycle(9 * MINUTE, "match Boom");
    assert_all("Plain", "keep");
    assert_int_equal(policy_health_state(health, "default.lua", "0123456789abcdef0123456789abcdef", k.setup.now, &until),
                     HEALTH_GOOD);
}

/* Also what was silenced in the middle of one question keeps silent in the next. */
static void retriggers_of_a_silenced_policy(void **state)
{
    (void)state;
    alerts(7, "Boom");
    cycle(0, "match Boom\nretrigger Boom die 11");
    assert_all("Boom", "keep");
    struct retrigger_question q[7];
    struct retrigger_answer a[7] = {0};
    for (size_t i = 0; i < 7; i++)
        q[i] = (struct retrigger_question){.alert = i, .task = "t"};
    kit_retrigger(&k, q, 3, a);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(a[i].reason, REASON_POLICY_KILLED);
    kit_retrigger(&k, q + 3, 4, a + 3);
    for (size_t i = 3; i < 7; i++)
        assert_int_equal(a[i].reason, REASON_POLICY_QUARANTINED);
    for (size_t i = 0; i < 7; i++)
        retrigger_answer_deinit(&a[i]);
}

static void resolves_of_a_silenced_policy(void **state)
{
    (void)state;
    static const char source[] = "match Boom\nfilter Boom fail policy.memory\non_resolve * cancel";
    struct resolve_question q = {.policy = "a", .alertname = "Calm", .identity = 0x78, .task = "u"};
    struct resolve_answer a = {0};
    alerts(6, "Boom");
    cycle(0, source);
    kit_resolve(&k, &q, 1, &a);
    assert_int_equal(a.answer, RESOLVE_ERROR);
    assert_int_equal(a.reason, REASON_POLICY_QUARANTINED);
    assert_string_equal(a.detail, "a.lua has cost too much: it is quarantined until 2023-11-14T22:23:20Z");
    resolve_answer_deinit(&a);
}

/* A hook that the base stands in for is neither a failure of that kind nor a success. */
static void fallbacks_close_nothing(void **state)
{
    (void)state;
    alerts(HEALTH_FAILURES_MAX - 1, "Boom");
    alerts(1, "Fine");
    alerts(2, "Boom");
    cycle(0, "match Boom\nmatch Fine\nfilter Boom fail policy.memory\nfilter Fine fallback");
    assert_string_equal(kit_reason(&k, HEALTH_FAILURES_MAX - 1), "keep");
    assert_string_equal(kit_reason(&k, HEALTH_FAILURES_MAX), "policy.memory");
    assert_string_equal(kit_reason(&k, HEALTH_FAILURES_MAX + 1), "policy.quarantined");
}

/* Without a memory of its own a cycle starts anew, and still stops what burns. */
static void without_a_memory(void **state)
{
    (void)state;
    k.setup.health = NULL;
    alerts(8, "Boom");
    for (int i = 0; i < 2; i++) {
        cycle(MINUTE, "match Boom\nfilter Boom fail policy.timeout x");
        assert_string_equal(kit_reason(&k, HEALTH_FAILURES_MAX - 1), "policy.timeout");
        assert_string_equal(kit_reason(&k, HEALTH_FAILURES_MAX), "policy.quarantined");
        assert_string_equal(judge_at(k.j, 7)->detail, "a.lua has cost too much: it is quarantined for this cycle");
    }
}

/* --- fairness --- */

static void who_burns_lets_others_go_first(void **state)
{
    (void)state;
    alerts(1, "Quick");
    alerts(1, "Burns"); /* until it is told to be nice; the cycle's minute is the end of waiting for that */
    cycle(0, "match *\nfilter Quick nice 0\nfilter Burns nice 19");
    assert_string_equal(judge_at(k.j, 0)->detail, "0");
    assert_string_equal(judge_at(k.j, 1)->detail, "19");
    /* the next cycle's worker starts like any other */
    k.setup.now += MINUTE;
    cycle(0, "match *\nfilter * nice 0");
    assert_string_equal(judge_at(k.j, 1)->detail, "0");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
    const struct CMUnitTest tests[] = {
        T(poison_is_not_asked_again),
        T(a_hang_and_a_blind_death_poison_too),
        T(templates_poison_nobody),
        T(a_task_whose_resolving_kills),
        T(one_that_kills_waits_for_ten_minutes),
        T(budgets_used_up_in_a_row),
        T(one_success_closes_the_matter),
        T(ordinary_errors_silence_nobody),
        T(the_default_policy_too),
        T(retriggers_of_a_silenced_policy),
        T(resolves_of_a_silenced_policy),
        T(fallbacks_close_nothing),
        T(without_a_memory),
        T(who_burns_lets_others_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

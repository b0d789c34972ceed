/* What is news about an alert. */
#include "spawner/decision_seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void news(void **state)
{
    (void)state;
    struct decision_seen *s = decision_seen_create();
    for (int cycle = 0; cycle < 3; cycle++) { /* only the first time */
        decision_seen_begin(s, "ns", "a", 3);
        assert_int_equal(decision_seen_is_news(s, 1, 10), cycle == 0);
        assert_int_equal(decision_seen_is_news(s, 2, 10), cycle == 0);
        decision_seen_end(s);
    }
    decision_seen_begin(s, "ns", "a", 3);
    assert_true(decision_seen_is_news(s, 1, 20)); /* it changed */
    decision_seen_end(s);                         /* 2 is away */
    decision_seen_begin(s, "ns", "b", 3);
    assert_true(decision_seen_is_news(s, 1, 20)); /* another spawner's alert */
    decision_seen_end(s);
    decision_seen_begin(s, "ns", "a", 3);
    assert_false(decision_seen_is_news(s, 1, 20));
    assert_true(decision_seen_is_news(s, 2, 10)); /* it is back */
    decision_seen_end(s);
    decision_seen_clear(s);
    decision_seen_begin(s, "ns", "a", 3);
    assert_true(decision_seen_is_news(s, 1, 20));
    decision_seen_end(s);
    decision_seen_free(&s);
}

static void many(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct decision_seen *s = decision_seen_create();
    for (int cycle = 0; cycle < 2; cycle++) {
        decision_seen_begin(s, "ns", "a", N);
        size_t n = 0;
        for (uint64_t i = 0; i < N; i++)
            n += decision_seen_is_news(s, i << 32, cycle == 1 && i % 1000 == 0 ? 7 : 3);
        assert_int_equal(n, cycle == 0 ? N : N / 1000);
        decision_seen_end(s);
    }
    char name[16];
    for (int i = 0; i < 2100; i++) { /* more spawners than are remembered; the last ones are */
        snprintf(name, sizeof name, "s%d", i);
        decision_seen_begin(s, "ns", name, 1);
        assert_true(decision_seen_is_news(s, 1, 1));
        decision_seen_end(s);
    }
    decision_seen_begin(s, "ns", "s2099", 1);
    assert_false(decision_seen_is_news(s, 1, 1));
    decision_seen_end(s);
    decision_seen_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(news), cmocka_unit_test(many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

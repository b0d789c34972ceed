/* base: times, durations, UTF-8, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/moment.h"
#include "base/utf8.h"

static void check_moment(const char *s, int rc, const char *want)
{
    moment_t t = 0;
    char out[MOMENT_TEXT];
    assert_int_equal(moment_parse(s, strlen(s), &t), rc);
    if (rc == 0) {
        moment_format(t, out);
        assert_string_equal(out, want);
    }
}

static void test_moment(void **state)
{
    (void)state;
    check_moment("2026-11-22T08:15:30.123Z", 0, "2026-11-22T08:15:30.123Z");
    check_moment("2026-11-22T08:15:30Z", 0, "2026-11-22T08:15:30.000Z");
    check_moment("2026-11-22t08:15:30.500+03:00", 0, "2026-11-22T05:15:30.500Z");
    check_moment("2026-11-22T08:15:30.123456789-00:30", 0, "2026-11-22T08:45:30.123456Z");
    check_moment("0001-01-01T00:00:00Z", 0, "0001-01-01T00:00:00.000Z");
    check_moment("2024-02-29T00:00:00Z", 0, "2024-02-29T00:00:00.000Z");
    check_moment("9999-12-31T23:59:59.999Z", 0, "9999-12-31T23:59:59.999Z");
    check_moment("2026-02-29T00:00:00Z", -1, NULL);
    check_moment("2026-11-22 08:15:30Z", -1, NULL);
    check_moment("2026-11-22T08:15:30", -1, NULL);
    check_moment("2026-11-22T08:15:30.Z", -1, NULL);
    check_moment("2026-11-22T24:00:00Z", -1, NULL);
    check_moment("2026-11-22T08:15:30Zx", -1, NULL);
    check_moment("", -1, NULL);
}

static void test_moment_ceil(void **state)
{
    (void)state;
    assert_int_equal(moment_ceil_s(0), 0);
    assert_int_equal(moment_ceil_s(1), MOMENT_SECOND);
    assert_int_equal(moment_ceil_s(MOMENT_SECOND), MOMENT_SECOND);
    assert_int_equal(moment_ceil_s(MOMENT_SECOND + 1), 2 * MOMENT_SECOND);
    assert_int_equal(moment_ceil_s(-1), 0);
    assert_int_equal(moment_ceil_s(-MOMENT_SECOND), -MOMENT_SECOND);
    assert_int_equal(moment_ceil_s(MOMENT_NONE), MOMENT_NONE);
    assert_int_equal(moment_ceil_s(INT64_MAX), INT64_MAX);
}

static void check_duration(const char *s, int rc, int64_t us)
{
    int64_t v = 0;
    struct err e;
    assert_int_equal(duration_parse(s, &v, &e), rc);
    if (rc == 0)
        assert_int_equal(v, us);
    else
        assert_non_null(strstr(e.msg, "no duration"));
}

static void test_duration(void **state)
{
    (void)state;
    check_duration("30s", 0, 30 * MOMENT_SECOND);
    check_duration("1h30m", 0, 5400 * MOMENT_SECOND);
    check_duration("1.5h", 0, 5400 * MOMENT_SECOND);
    check_duration("100ms", 0, 100000);
    check_duration("90", 0, 90 * MOMENT_SECOND);
    check_duration("+3", 0, 3 * MOMENT_SECOND);
    check_duration("-5", 0, -5 * MOMENT_SECOND);
    check_duration("0", 0, 0);
    check_duration("abc", -1, 0);
    check_duration("1d", -1, 0);
    check_duration("5 m", -1, 0);
    check_duration(" 30", -1, 0);
    check_duration("", -1, 0);
    check_duration("99999999999999999999", -1, 0);
    char out[MOMENT_TEXT];
    duration_format(5400 * MOMENT_SECOND, out);
    assert_string_equal(out, "1h30m");
    duration_format(250000, out);
    assert_string_equal(out, "250ms");
}

static void test_utf8(void **state)
{
    (void)state;
    assert_int_equal(utf8_valid("a\xc3\xa9z", 4), 4);
    assert_int_equal(utf8_valid("a\xc0\x80", 3), 1);         /* overlong NUL */
    assert_int_equal(utf8_valid("\xed\xa0\x80", 3), 0);      /* surrogate */
    assert_int_equal(utf8_valid("\xf4\x90\x80\x80", 4), 0);  /* above U+10FFFF */
    assert_int_equal(utf8_cut("a\xc3\xa9z", 4, 2), 1);
    assert_int_equal(utf8_cut("a\xc3\xa9z", 4, 3), 3);
}

static void test_visible(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_add_visible(&b, "a\xc3\xa9\n\x1b[31m\x7f\xc2\x9b\xe2\x80\xae\xff" "z");
    assert_string_equal(b.data, "a\xc3\xa9\\n\\x1b[31m\\x7f\\xc2\\x9b\\xe2\\x80\\xae\\xffz");
    buf_free(&b);
}

static void test_err(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(err_set(&e, ERR_TIMEOUT, "no answer in %d s", 5), -1);
    err_wrap(&e, "polling %s", "x");
    assert_string_equal(e.msg, "polling x: no answer in 5 s");
    assert_int_equal(e.kind, ERR_TIMEOUT);
    char longer[3000];
    memset(longer, 'x', sizeof longer);
    longer[2999] = '\0';
    err_wrap(&e, "%s", longer);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

static void test_base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "+//+"}};
    struct buf b = {0}, back = {0};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        buf_clear(&b);
        buf_clear(&back);
        base64_encode(pairs[i][0], strlen(pairs[i][0]), &b);
        assert_string_equal(b.data, pairs[i][1]);
        assert_int_equal(base64_decode(b.data, &back), 0);
        assert_int_equal(back.len, strlen(pairs[i][0]));
        assert_memory_equal(back.data, pairs[i][0], back.len);
    }
    buf_clear(&b);
    base64_encode("\0\0", 2, &b);
    assert_string_equal(b.data, "AAA=");
    assert_int_equal(base64_decode("Zg=", &back), -1);
    assert_int_equal(base64_decode("Zg==Zg==", &back), -1);
    buf_free(&b);
    buf_free(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moment),
        cmocka_unit_test(test_moment_ceil),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_visible),
        cmocka_unit_test(test_err),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

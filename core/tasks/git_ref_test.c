/* git_ref: branch names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tasks/git_ref.h"

/* Which of these texts are legal was asked of `git check-ref-format --branch` (2.39), and so was each result; both
 * agreed on 8,000 random texts out of such pieces. One difference is meant: git takes "@",
 * which its manual forbids, because everywhere else "@" is HEAD. */
static const struct {
    const char *text;
    const char *branch; /* NULL: nothing is left; same text: legal */
} cases[] = {
    {"main", "main"},
    {"fix/alert-KubePodOOMKilled-00c0ffee12345678", "fix/alert-KubePodOOMKilled-00c0ffee12345678"},
    {"a@b", "a@b"},
    {"a{b}", "a{b}"},
    {"a/-b", "a/-b"},
    {"a.lock.b/c", "a.lock.b/c"},
    {"a.LOCK", "a.LOCK"},
    {"h\303\251/\360\237\245\232", "h\303\251/\360\237\245\232"},
    {"head", "head"},
    {"x/HEAD", "x/HEAD"},
    {"fix/Disk Full", "fix/Disk-Full"},
    {"Disk Full: /dev/sda1", "Disk-Full-/dev/sda1"},
    {"a~^:?*[\\b", "a-b"},
    {"a\tb\177c\nd", "a-b-c-d"},
    {"a..b", "a-b"},
    {"a....b", "a-b"},
    {"a//b", "a-b"},
    {"a/.b", "a/-b"},
    {"a/./b", "a/-/b"},
    {"a/../b", "a/-/b"},
    {"a.", "a-"},
    {"a/", "a-"},
    {"a.lock", "a-lock"},
    {"a.lock/b", "a-lock/b"},
    {"a.lock.lock", "a.lock-lock"},
    {"a@{1}", "a-1}"},
    {"@{-1}", "1}"},
    {"a @{ .. b", "a-b"},
    {"a\377b\303", "a-b-"},
    {"a\355\240\200b", "a-b"}, /* a surrogate */
    {"-x", "x"},
    {"--x", "x"},
    {"/x", "x"},
    {".x", "x"},
    {" x", "x"},
    {"-.lock", "lock"},
    {" ./-a", "a"},
    {"HEAD", "HEAD-"},
    {"-HEAD", "HEAD-"},
    {"", NULL},
    {"@", NULL},
    {"-@", NULL},
    {"-", NULL},
    {" ", NULL},
    {"/", NULL},
    {"...", NULL},
    {"?*:", NULL},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool changed;
        char *got = git_ref_legalise(cases[i].text, strlen(cases[i].text), &changed);
        if (cases[i].branch == NULL) {
            assert_null(got);
            assert_int_equal(changed, cases[i].text[0] != '\0');
            continue;
        }
        assert_non_null(got);
        assert_string_equal(got, cases[i].branch);
        assert_int_equal(changed, strcmp(cases[i].text, cases[i].branch) != 0);
        /* What came out is legal, so it comes out again. */
        char *again = git_ref_legalise(got, strlen(got), &changed);
        assert_string_equal(again, got);
        assert_false(changed);
        free(again);
        free(got);
    }
}

static void test_nul(void **state)
{
    (void)state;
    bool changed;
    char *got = git_ref_legalise("a\0b", 3, &changed);
    assert_string_equal(got, "a-b");
    assert_true(changed);
    free(got);
}

static void test_long(void **state)
{
    (void)state;
    char text[600];
    bool changed;
    memset(text, 'a', sizeof text);
    char *got = git_ref_legalise(text, GIT_REF_MAX, &changed);
    assert_int_equal(strlen(got), GIT_REF_MAX);
    assert_false(changed);
    free(got);
    got = git_ref_legalise(text, GIT_REF_MAX + 1, &changed);
    assert_int_equal(strlen(got), GIT_REF_MAX);
    assert_true(changed);
    char *other = git_ref_legalise(text, GIT_REF_MAX + 2, &changed);
    assert_string_not_equal(got, other); /* two long names stay two branches */
    assert_memory_equal(got, other, GIT_REF_MAX - 8);
    free(other);
    free(got);

    /* The cut neither splits a character nor leaves an illegal end: every offset of a piece at the border. */
    static const char *const pieces[] = {"\303\251", "\360\237\245\232", ".lock/", "/", ".x"};
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++)
        for (size_t shift = 0; shift < 8; shift++) {
            size_t len = shift;
            memset(text, 'b', shift + 1);
            len++;
            while (len < 400) {
                memcpy(text + len, pieces[p], strlen(pieces[p]));
                len += strlen(pieces[p]);
                if (pieces[p][0] == '/')
                    text[len++] = 'c';
            }
            got = git_ref_legalise(text, len, &changed);
            assert_true(strlen(got) <= GIT_REF_MAX && strlen(got) > GIT_REF_MAX - 4);
            char *again = git_ref_legalise(got, strlen(got), &changed);
            assert_string_equal(again, got);
            free(again);
            free(got);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* task_name: rendered nameTemplates and default names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tasks/task_name.h"

/* Made with Go 1.26: strings.ToLower, then upstream's loop over runes, cut, split, trim and join, printed by a program.
 * NULL: nothing is left. The same program and this code agreed on 60,000 random strings, and on which code points
 * have an ASCII lower case. */
static const struct {
    const char *rendered;
    size_t len;
    const char *name;
} sanitised[] = {
    {"UPPER_case", 10, "upper-case"},
    {"pr #42", 6, "pr--42"},
    {"-leading-and-trailing.", 22, "leading-and-trailing"},
    {"emoji\360\237\245\232label", 14, "emoji-label"},
    {"v1.2.3", 6, "v1.2.3"},
    {"---", 3, NULL},
    {"..", 2, NULL},
    {"", 0, NULL},
    {"a..b", 4, "a.b"},
    {"a.-b", 4, "a.b"},
    {"a-.b", 4, "a.b"},
    {"org/repo:tag", 12, "org-repo-tag"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaa", 100,
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    {"Fix THE Bug: crash on startup!", 30, "fix-the-bug--crash-on-startup"},
    {"Disk Full: /dev/sda1", 20, "disk-full---dev-sda1"},
    {"\303\204\303\226-x", 6, "x"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa--b", 65,
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    {"\304\260x", 3, "ix"},
    {"\342\204\252elvin", 8, "kelvin"},
    {"stra\303\237e", 7, "stra-e"},
    {"\305\277s", 3, "s"},
    {"\307\205", 2, NULL},
    {"a\377b", 3, "a-b"},
    {"a\303", 2, "a"},
    {"a\355\240\200b", 5, "a---b"},
    {"\364\220\200\200z", 5, "z"},
    {"a\300\200b", 4, "a--b"},
    {"a\342\204", 3, "a"},
    {"a\000b", 3, "a-b"},
    {"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.c", 63,
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.c"},
    {"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.c", 64,
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
    {"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.c", 65,
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
    {"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.-.c", 64,
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
    {"\360\237\245\232", 4, NULL},
    {"a.\360\237\245\232.b", 8, "a.b"},
    {"-.-.-a.-.-", 10, "a"},
    {"\342\200\250x", 4, "x"},
    {"no value", 8, "no-value"},
    {"<no  value>", 11, "no--value"},
};

static void test_sanitise(void **state)
{
    (void)state;
    char out[TASK_NAME_MAX + 1];
    struct err e;
    for (size_t i = 0; i < sizeof sanitised / sizeof sanitised[0]; i++) {
        int rc = task_name_sanitise(sanitised[i].rendered, sanitised[i].len, out, &e);
        if (sanitised[i].name == NULL) {
            assert_int_equal(rc, -1);
            assert_int_equal(e.kind, ERR_INVALID);
            assert_non_null(strstr(e.msg, "nameTemplate"));
            assert_string_equal(out, "");
        } else {
            assert_int_equal(rc, 0);
            assert_string_equal(out, sanitised[i].name);
        }
    }
}

/* A variable that is not there must not throw every alert into one Task, wherever the hole is. */
static void test_no_value(void **state)
{
    (void)state;
    static const char *const holes[] = {"<no value>", "a-<no value>", "<no value>-b", "x<<no value>>y"};
    char out[TASK_NAME_MAX + 1];
    struct err e;
    for (size_t i = 0; i < sizeof holes / sizeof holes[0]; i++) {
        assert_int_equal(task_name_sanitise(holes[i], strlen(holes[i]), out, &e), -1);
        assert_non_null(strstr(e.msg, "<no value>"));
    }
    char late[100];
    memset(late, 'a', sizeof late);
    memcpy(late + 80, "<no value>", 10);
    assert_int_equal(task_name_sanitise(late, sizeof late, out, &e), -1);
}

/* Expectations made with Python: the rules of the header as regular expressions, and the xxhash module's
 * xxh3_64_hexdigest(spawner)[:8]. All have this identity. */
#define DIGITS "00c0ffee12345678"
#define A30    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static const struct {
    const char *spawner, *id, *name;
} defaults[] = {
    {"oom-remediator", "KubePodOOMKilled-" DIGITS, "oom-remediator-kubepodoomkilled-" DIGITS},
    {"team.payments", "Disk_Full-" DIGITS, "team.payments-disk-full-" DIGITS},
    {"oom", "alert-" DIGITS, "oom-alert-" DIGITS},
    {"oom", "Web_-" DIGITS, "oom-web--" DIGITS},
    {"oom", "Web._-" DIGITS, "oom-web." DIGITS}, /* ".--" is a '.' after trimming: the digits stay whole */
    {A30 "aaaaaa.b", "Up-" DIGITS, A30 "aaaaaa.b-up-" DIGITS},
    {A30 "aaaaaaa", "Watchdog-" DIGITS, A30 "aaaaaaa-watchdog-" DIGITS}, /* 63 bytes: the most */
    {"prod-alert-investigator", "KubernetesPodCrashLoopingTooOften-" DIGITS,
     "prod-alert-investigator-kubernetespod-41cbfe84-" DIGITS},
    {A30 A30 "aaa", "Up-" DIGITS, A30 "aaaaaaa-8bf90581-" DIGITS},
};

static void test_default(void **state)
{
    (void)state;
    char out[TASK_NAME_MAX + 1];
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        task_name_default(defaults[i].spawner, defaults[i].id, 0x00c0ffee12345678, out);
        assert_string_equal(out, defaults[i].name);
    }
}

/* Whatever stands at the cut, the name is legal, has the digits at its end, and two spawners do not meet in it. */
static void test_default_cut(void **state)
{
    (void)state;
    for (size_t n = 1; n < 120; n++) {
        struct buf spawner = {0}, id = {0};
        for (size_t i = 0; i < n; i++)
            buf_addc(&spawner, "ab-c.d"[i % 6]);
        buf_adds(&spawner, "z");
        for (size_t i = 0; i < n; i++)
            buf_addc(&id, "Ab_.-"[i % 5]);
        buf_adds(&id, "Q-" DIGITS);
        char out[TASK_NAME_MAX + 1], other[TASK_NAME_MAX + 1];
        task_name_default(spawner.data, id.data, 0x00c0ffee12345678, out);
        size_t len = strlen(out);
        assert_true(len <= TASK_NAME_MAX);
        assert_string_equal(out + len - 16, DIGITS);
        for (size_t i = 0; i < len; i++) {
            assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz0123456789-.", out[i]));
            if (out[i] == '.') {
                assert_true(i > 0 && out[i - 1] != '-' && out[i - 1] != '.');
                assert_true(out[i + 1] != '-' && out[i + 1] != '\0');
            }
        }
        assert_true(out[0] != '-');
        spawner.data[spawner.len - 1] = 'y';
        task_name_default(spawner.data, id.data, 0x00c0ffee12345678, other);
        assert_string_not_equal(out, other);
        buf_free(&spawner);
        buf_free(&id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sanitise),
        cmocka_unit_test(test_no_value),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_default_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

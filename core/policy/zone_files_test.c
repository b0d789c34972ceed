/* Which zones are read, and which files are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/zone_files.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/zone_files_test.XXXXXX";

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static void write_file(const char *name, const char *start, size_t size)
{
    char *path = path_of(name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(start, 1, strlen(start), f);
    for (size_t i = strlen(start); i < size; i++)
        fputc(0, f);
    fclose(f);
    free(path);
}

static int open_dir(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    static const char *const folders[] = {"zones", "zones/A", "zones/A/B", "zones/A/B/C", "zones/A/B/C/D"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char *path = path_of(folders[i]);
        assert_int_equal(mkdir(path, 0755), 0);
        free(path);
    }
    write_file("secret", "TZif", 100);
    write_file("zones/Good", "TZif2", 100);
    write_file("zones/A/B/C/Deep", "TZif2", 100);
    write_file("zones/A/B/C/D/Deeper", "TZif2", 100);
    write_file("zones/Short", "TZif2", 43);
    write_file("zones/Text", "# tz zone descriptions", 100);
    write_file("zones/Largest", "TZif", ZONE_FILE_MAX);
    write_file("zones/Larger", "TZif", ZONE_FILE_MAX + 1);
    write_file("zones/zone.tab", "TZif", 100);
    char *fifo = path_of("zones/Fifo");
    assert_int_equal(mkfifo(fifo, 0644), 0);
    free(fifo);
    char *link = path_of("zones/Link");
    assert_int_equal(symlink("A/B/C/Deep", link), 0); /* tzdata is full of them */
    free(link);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    char *command = xasprintf("rm -r %s", dir);
    int rc = system(command);
    free(command);
    return rc;
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool legal;
    } cases[] = {
        {"UTC", true},
        {"Europe/Rome", true},
        {"America/Argentina/ComodRivadavia", true},
        {"Etc/GMT+12", true},
        {"Etc/GMT-14", true},
        {"America/Port-au-Prince", true},
        {"a/b/c/d", true},
        {"a/b/c/d/e", false},
        {"", false},
        {"/", false},
        {"/etc/passwd", false},
        {"Europe/", false},
        {"Europe//Rome", false},
        {"..", false},
        {"../secret", false},
        {"Europe/../../secret", false},
        {"zone.tab", false},
        {"Europe/Rome ", false},
        {"Europe\\Rome", false},
        {"Zürich", false},
        {"1234567890123456789012345678901234567890123456789012345678901234", true},
        {"12345678901234567890123456789012345678901234567890123456789012345", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (zone_name_legal(cases[i].name, strlen(cases[i].name)) != cases[i].legal)
            fail_msg("%s", cases[i].name);
    assert_false(zone_name_legal("Eu\0rope", 7));
}

static void files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t size; /* 0: refused */
        enum err_kind kind;
    } cases[] = {
        {"Good", 100, ERR_NONE},
        {"A/B/C/Deep", 100, ERR_NONE},
        {"Link", 100, ERR_NONE},
        {"Largest", ZONE_FILE_MAX, ERR_NONE},
        {"Larger", 0, ERR_LIMIT},
        {"Short", 0, ERR_INVALID},
        {"Text", 0, ERR_INVALID},
        {"Fifo", 0, ERR_INVALID},
        {"A", 0, ERR_INVALID},
        {"A/B/C/D/Deeper", 0, ERR_INVALID},
        {"../secret", 0, ERR_INVALID},
        {"zone.tab", 0, ERR_INVALID},
        {"Nowhere", 0, ERR_NOT_FOUND},
        {"Good/Below", 0, ERR_NOT_FOUND},
    };
    char *zones = path_of("zones");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b = {0};
        struct err e = {0};
        buf_adds(&b, "before");
        int rc = zone_file_read(zones, cases[i].name, strlen(cases[i].name), &b, &e);
        print_message("%s: %s\n", cases[i].name, e.msg);
        assert_int_equal(rc, cases[i].size > 0 ? 0 : -1);
        assert_int_equal(e.kind, cases[i].kind);
        assert_int_equal(b.len, 6 + cases[i].size);
        assert_memory_equal(b.data, "before", 6);
        buf_free(&b);
    }
    free(zones);
}

static void directory(void **state)
{
    (void)state;
    unsetenv("TZDIR");
    assert_string_equal(zone_files_dir(), "/usr/share/zoneinfo");
    setenv("TZDIR", "relative", 1);
    assert_string_equal(zone_files_dir(), "/usr/share/zoneinfo");
    setenv("TZDIR", "/somewhere", 1);
    assert_string_equal(zone_files_dir(), "/somewhere");
    unsetenv("TZDIR");
}

/* What the system has is what is meant. */
static void the_systems_own(void **state)
{
    (void)state;
    struct buf b = {0};
    struct err e = {0};
    if (zone_file_read(zone_files_dir(), "Europe/Rome", 11, &b, &e) != 0)
        fail_msg("%s (package tzdata)", e.msg);
    assert_memory_equal(b.data, "TZif", 4);
    assert_non_null(memmem(b.data, b.len, "CEST", 4));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(files),
        cmocka_unit_test(directory),
        cmocka_unit_test(the_systems_own),
    };
    return cmocka_run_group_tests(tests, open_dir, remove_dir);
}

/* Time zones come from memory alone: nothing here may open a file, and a process that does is killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "time_zone.h"

#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char rome[64 * 1024];
static size_t rome_len;

static void forbid_files(void)
{
    static const int calls[] = {SCMP_SYS(openat),     SCMP_SYS(open),   SCMP_SYS(readlink),
                                SCMP_SYS(readlinkat), SCMP_SYS(access), SCMP_SYS(faccessat),
                                SCMP_SYS(socket)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (!filter || seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, calls[i], 0) < 0)
            _exit(9);
    if (seccomp_load(filter) < 0)
        _exit(9);
}

/* The exit status of what runs where files are forbidden. */
static int run_without_files(int (*f)(void))
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        forbid_files();
        _exit(f());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int use_zones(void)
{
    struct local_time at;
    int64_t jump;
    setenv("TZ", "America/New_York", 1);
    if (time_zone_load("Nowhere/Here", NULL, 0) || time_zone_load("Europe/Paris", "TZif", 4) ||
        time_zone_load("localtime", "", 0) || time_zone_load("../../../etc/localtime", "x", 1))
        return 1;
    time_zone_local(time_zone_utc(), 1795000000, &at);
    if (at.hour != 11 || time_zone_next_jump(time_zone_utc(), 0, &jump))
        return 2;
    if (!rome_len)
        return 0;
    const struct time_zone *z = time_zone_load("Europe/Rome", rome, rome_len);
    if (!z || z != time_zone_load("Europe/Rome", "", 0))
        return 3;
    time_zone_local(z, 1795000000, &at);
    if (at.hour != 12 || strcmp(at.abbreviation, "CET") != 0 || at.dst)
        return 4;
    /* 2027-03-28 01:00 UTC */
    return time_zone_next_jump(z, 1795000000, &jump) && jump == 1806195600 ? 0 : 5;
}

static int open_a_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0;
}

static void zones_open_no_files(void **state)
{
    (void)state;
    int status = run_without_files(use_zones);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(WIFSIGNALED(run_without_files(open_a_file)));
}

/* Bytes that are no TZif, or cut off, or damaged: no zone or a strange one, never a crash. */
static void damaged_zones(void **state)
{
    (void)state;
    if (!rome_len)
        skip();
    char *bytes = malloc(rome_len), name[32];
    struct local_time at;
    int64_t jump;
    unsigned seed = 1;
    for (unsigned i = 0; i < 1500; i++) {
        size_t len = rome_len;
        memcpy(bytes, rome, len);
        for (unsigned n = 1 + i % 4; n; n--) {
            seed = seed * 1103515245 + 12345;
            bytes[(seed >> 8) % len] = (char)(seed >> 4);
        }
        if (i % 3 == 0)
            len = (seed >> 8) % len;
        snprintf(name, sizeof name, "Damaged/%u", i);
        const struct time_zone *z = time_zone_load(name, bytes, len);
        for (int64_t t = TIME_FIRST; z && t < TIME_LAST; t += 31556952000 / 2) {
            time_zone_local(z, t, &at);
            if (time_zone_next_jump(z, t, &jump) && jump <= t)
                fail_msg("%s: the jump after %lld is at %lld", name, (long long)t, (long long)jump);
        }
    }
    free(bytes);
}

int main(void)
{
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Rome", "re");
    if (f) {
        rome_len = fread(rome, 1, sizeof rome, f);
        fclose(f);
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(zones_open_no_files),
                                       cmocka_unit_test(damaged_zones)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

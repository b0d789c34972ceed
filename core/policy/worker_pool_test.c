/* Starting workers: what is told when it fails, and that it is tried again without haste. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/judge_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char script[64];

/* An executable that is no worker: a shell script. */
static const char *write_script(const char *text)
{
    strcpy(script, "/tmp/worker_pool_test.XXXXXX");
    int fd = mkstemp(script);
    assert_true(fd >= 0);
    dprintf(fd, "#!/bin/sh\n%s\n", text);
    fchmod(fd, 0755);
    close(fd);
    return script;
}

static void judge_with(const char *text, enum err_kind kind, const char *said)
{
    struct kit k;
    kit_open(&k, write_script(text), 1);
    kit_alert(&k, "A");
    kit_judge(&k);
    assert_int_equal(k.err.kind, kind);
    if (strstr(k.err.msg, said) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", said, k.err.msg);
    assert_non_null(strstr(k.err.msg, script));
    /* who asks while it waits for the next try learns the same */
    judge_free(&k.j);
    kit_judge(&k);
    assert_int_equal(k.err.kind, kind);
    kit_close(&k);
    unlink(script);
}

static void no_worker(void **state)
{
    (void)state;
    struct worker_pool *p = NULL;
    struct err e = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    assert_int_equal(worker_pool_create(&loop, "/no/such/worker", 1, &p, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "/no/such/worker"));
    assert_non_null(strstr(e.msg, "side by side"));
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void another_version(void **state)
{
    (void)state;
    char says[100];
    snprintf(says, sizeof says, "speaks version 99, the engine %d: install both from one build", WIRE_VERSION);
    judge_with(
        "printf '\\040\\0\\0\\0H\\023\\0\\0\\0alertspawner-worker\\143\\0\\0\\0\\0\\0\\0\\0'; exec sleep 60",
        ERR_INVALID, says);
}

static void something_else(void **state)
{
    (void)state;
    judge_with("echo 'usage: something [options]'; exec sleep 60", ERR_INVALID,
               "its first words are no greeting");
}

static void one_that_ends_at_once(void **state)
{
    (void)state;
    judge_with("echo 'error while loading shared libraries: liblua' >&2; exit 127", ERR_UNREACHABLE,
               "exited with status 127; it last said: error while loading shared libraries: liblua");
}

static void an_unspeakable_executable(void **state)
{
    (void)state;
    struct kit k;
    write_script("");
    FILE *f = fopen(script, "w"); /* executable by its mode alone */
    fputs("\x7f"
          "ELF",
          f);
    fclose(f);
    kit_open(&k, script, 1);
    kit_alert(&k, "A");
    kit_judge(&k);
    assert_int_not_equal(k.err.kind, ERR_NONE);
    assert_non_null(strstr(k.err.msg, script));
    kit_close(&k);
    unlink(script);
}

/* Ready, and dead before it is taken: the pool starts another. */
static void ahead_workers_are_replaced(void **state)
{
    (void)state;
    for (size_t ahead = 0; ahead < 4; ahead++) {
        struct kit k;
        kit_open(&k, FAKE_WORKER, ahead);
        kit_alert(&k, "A");
        for (int i = 0; i < 6; i++) {
            kit_judge(&k);
            assert_int_equal(k.err.kind, ERR_NONE);
            assert_string_equal(kit_reason(&k, 0), "keep");
            judge_free(&k.j);
        }
        kit_close(&k);
    }
}

static size_t answered;

static void count_done(void *arg, const struct err *e)
{
    assert_null(e);
    answered++;
    uv_stop(arg);
}

static void many_at_once(void **state)
{
    (void)state;
    struct kit k;
    struct judge *j[12];
    struct err e = {0};
    kit_open(&k, FAKE_WORKER, 2);
    kit_alert(&k, "A");
    answered = 0;
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(judge_start(k.pool, &k.setup, count_done, &k.loop, &j[i], &e), 0);
    judge_free(&j[11]); /* a wish withdrawn */
    while (answered < 11)
        uv_run(&k.loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < 11; i++)
        judge_free(&j[i]);
    kit_close(&k);
}

static void default_path_is_beside_the_executable(void **state)
{
    (void)state;
    char *path = NULL;
    struct err e = {0};
    if (worker_path_default(&path, &e) == 0) {
        assert_non_null(strstr(path, "/alertspawner-worker"));
        free(path);
    } else { /* tests live in a folder of their own */
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        assert_non_null(strstr(e.msg, "/test/alertspawner-worker: No such file"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_worker),
        cmocka_unit_test(another_version),
        cmocka_unit_test(something_else),
        cmocka_unit_test(one_that_ends_at_once),
        cmocka_unit_test(an_unspeakable_executable),
        cmocka_unit_test(ahead_workers_are_replaced),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(default_path_is_beside_the_executable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

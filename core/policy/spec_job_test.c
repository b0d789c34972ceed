/* The engine's side of spec mode against workers that talk nonsense, die, or hang: each ends the job with a sentence, and
 * what came before it has been handed on. The worker is a script that says what a file holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/spec_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    uv_loop_t loop;
    struct worker_pool *pool;
    char dir[64];
    struct buf said; /* what the worker will say */
    struct buf told; /* "kind json\n" */
    size_t needs;
    bool ended;
    struct err e;
} k;

static void on_told(void *arg, const char *kind, cJSON *members)
{
    (void)arg;
    char *text = cJSON_PrintUnformatted(members);
    buf_addf(&k.told, "%s %s\n", kind, text);
    free(text);
    cJSON_Delete(members);
}

static int on_need(void *arg, enum wire_need need, const char *how, const char *name, struct wire_text bytes,
                   struct buf *bytes_r, struct buf *found_r, struct err *e)
{
    (void)arg, (void)bytes;
    k.needs++;
    if (need != NEED_FILE || strcmp(how, "policy") != 0)
        return err_set(e, ERR_NOT_FOUND, "%s: not here", name);
    buf_adds(bytes_r, "return 1");
    buf_adds(found_r, name);
    return 0;
}

static void on_ended(void *arg, const struct err *e)
{
    (void)arg;
    assert_false(k.ended);
    k.ended = true;
    k.e = e != NULL ? *e : (struct err){0};
    uv_stop(&k.loop);
}

static const struct spec_job_owner owner = {on_told, on_need, on_ended};

/* ---- what the worker says ---- */

static size_t begin(enum wire_type type)
{
    return wire_begin(&k.said, type);
}

static void say_hello(void)
{
    buf_clear(&k.said);
    size_t mark = begin(WIRE_HELLO);
    wire_str(&k.said, WIRE_MAGIC);
    wire_u32(&k.said, WIRE_VERSION);
    wire_str(&k.said, "test");
    wire_end(&k.said, mark);
}

static void say_told(const char *kind, const char *name)
{
    size_t mark = begin(WIRE_TELL);
    wire_str(&k.said, kind);
    wire_u8(&k.said, 'm');
    wire_u32(&k.said, 1);
    wire_str(&k.said, "name");
    wire_u8(&k.said, 's');
    wire_str(&k.said, name);
    wire_end(&k.said, mark);
}

static void say_need(uint8_t need, const char *how, const char *name)
{
    size_t mark = begin(WIRE_NEED);
    wire_u8(&k.said, need);
    wire_str(&k.said, how);
    wire_str(&k.said, name);
    wire_str(&k.said, "");
    wire_end(&k.said, mark);
}

static void say_done(void)
{
    size_t mark = begin(WIRE_DONE);
    wire_u32(&k.said, 0);
    wire_end(&k.said, mark);
}

/* ---- running it ---- */

static void run(const char *then, int64_t test_us, int64_t whole_us)
{
    char *path = xasprintf("%s/said", k.dir), *script = xasprintf("%s/worker", k.dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(k.said.data, 1, k.said.len, f);
    fclose(f);
    f = fopen(script, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\ncat %s\n%s\n", path, then);
    fclose(f);
    chmod(script, 0755);
    struct err e;
    uv_loop_init(&k.loop);
    assert_int_equal(worker_pool_create(&k.loop, script, 0, &k.pool, &e), 0);
    cJSON *options = cJSON_CreateObject();
    const struct spec_job_setup setup = {.pool = k.pool, .limits = judge_limits_default(), .options = options,
                                         .test_us = test_us, .whole_us = whole_us};
    buf_clear(&k.told);
    buf_adds(&k.told, "");
    k.ended = false;
    k.needs = 0;
    struct spec_job *job = spec_job_start(&setup, &owner, NULL);
    cJSON_Delete(options);
    while (!k.ended)
        uv_run(&k.loop, UV_RUN_DEFAULT);
    spec_job_free(&job);
    worker_pool_free(&k.pool);
    uv_run(&k.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&k.loop), 0);
    unlink(path);
    unlink(script);
    free(path);
    free(script);
}

static void expect(const char *then, enum err_kind kind, const char *sentence)
{
    run(then, 0, 0);
    assert_int_equal(k.e.kind, kind);
    if (strstr(k.e.msg, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, k.e.msg);
}

#define SLEEP "exec sleep 60"

static void a_good_one(void **state)
{
    (void)state;
    say_hello();
    say_told("test_end", "is \xff\x01");
    say_need(NEED_FILE, "policy", "x.lua");
    say_need(NEED_GOLDEN, "golden", "x.txt");
    say_need(NEED_ZONE, "", "Europe/Rome");
    say_done();
    expect(SLEEP, ERR_NONE, "");
    assert_string_equal(k.told.data, "test_end {\"name\":\"is \xef\xbf\xbd\\u0001\"}\n");
    assert_int_equal(k.needs, 2); /* zones are looked up by the job itself */
}

static void nonsense(void **state)
{
    (void)state;
    say_hello();
    say_told("test_end", "a");
    size_t mark = begin(WIRE_TELL); /* no tree */
    wire_str(&k.said, "x");
    wire_u8(&k.said, '?');
    wire_end(&k.said, mark);
    expect(SLEEP, ERR_IO, "talked nonsense: TELL is not as wire.h has it");
    assert_string_equal(k.told.data, "test_end {\"name\":\"a\"}\n");

    say_hello();
    mark = begin(WIRE_TELL); /* more than it says */
    wire_str(&k.said, "x");
    wire_u8(&k.said, 'z');
    wire_u8(&k.said, 'z');
    wire_end(&k.said, mark);
    expect(SLEEP, ERR_IO, "TELL is not");

    say_hello();
    mark = begin(WIRE_TELL); /* deeper than any value */
    wire_str(&k.said, "x");
    for (int i = 0; i < WIRE_TREE_DEPTH + 2; i++) {
        wire_u8(&k.said, 'l');
        wire_u32(&k.said, 1);
    }
    wire_u8(&k.said, 'z');
    wire_end(&k.said, mark);
    expect(SLEEP, ERR_IO, "TELL is not");

    say_hello();
    mark = begin(WIRE_TELL); /* a kind of 100 bytes */
    for (int i = 0; i < 100; i++)
        buf_addc(&k.said, 'a');
    wire_end(&k.said, mark);
    expect(SLEEP, ERR_IO, "TELL is not");

    say_hello();
    mark = begin(WIRE_TELL); /* a list of 4 billion */
    wire_str(&k.said, "x");
    wire_u8(&k.said, 'l');
    wire_u32(&k.said, UINT32_MAX);
    wire_end(&k.said, mark);
    expect(SLEEP, ERR_IO, "TELL is not");

    say_hello();
    say_need(9, "", "x");
    expect(SLEEP, ERR_IO, "NEED is not");
    say_hello();
    say_need(NEED_FILE, "", "");
    expect(SLEEP, ERR_IO, "NEED is not");
    say_hello();
    mark = begin(WIRE_NEED);
    wire_end(&k.said, mark);
    expect(SLEEP, ERR_IO, "NEED is not");

    say_hello();
    mark = begin(WIRE_JUDGED);
    wire_u32(&k.said, 1);
    wire_end(&k.said, mark);
    expect(SLEEP, ERR_IO, "a 'j' frame is not its turn");
    say_hello();
    mark = begin(WIRE_READY);
    wire_end(&k.said, mark);
    expect(SLEEP, ERR_IO, "a 'R' frame is not its turn");

    say_hello();
    buf_adds(&k.said, "this is no frame at all");
    expect(SLEEP, ERR_IO, "talked nonsense");
}

static void more_than_there_is_room_for(void **state)
{
    (void)state;
    say_hello();
    char *text = xmalloc(3 * 1024 * 1024);
    memset(text, 'x', 3 * 1024 * 1024 - 1);
    text[3 * 1024 * 1024 - 1] = '\0';
    for (int i = 0; i < 23; i++)
        say_told("print", text);
    free(text);
    expect(SLEEP, ERR_IO, "it tells more than 64 MiB");
    say_hello();
    buf_add(&k.said, "\0\0\0\1e", 5); /* 16 MiB to come */
    expect(SLEEP, ERR_IO, "no message starts like that");
}

static void ends_early(void **state)
{
    (void)state;
    say_hello();
    say_told("test_start", "a");
    expect("exit 7", ERR_IO, "exited with status 7");
    assert_string_equal(k.told.data, "test_start {\"name\":\"a\"}\n");
    say_hello();
    expect("kill -SEGV $$", ERR_IO, "was killed by signal 11");
    say_hello();
    expect("echo dear me >&2; exit 1", ERR_IO, "it last said: dear me");
}

static void hangs(void **state)
{
    (void)state;
    say_hello();
    say_told("test_start", "a");
    run("while :; do :; done", 1, 0); /* a processor's time of 3 s behind the test's */
    assert_int_equal(k.e.kind, ERR_TIMEOUT);
    assert_non_null(strstr(k.e.msg, "ran longer than"));
    say_hello();
    run("while :; do :; done", 0, 200 * 1000);
    assert_int_equal(k.e.kind, ERR_TIMEOUT);
    assert_non_null(strstr(k.e.msg, "took longer than 200ms"));
}

static int open_dir(void **state)
{
    (void)state;
    strcpy(k.dir, "/tmp/spec_job_test.XXXXXX");
    return mkdtemp(k.dir) != NULL ? 0 : -1;
}

static int close_dir(void **state)
{
    (void)state;
    rmdir(k.dir);
    buf_free(&k.said);
    buf_free(&k.told);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(more_than_there_is_room_for),
        cmocka_unit_test(ends_early),
        cmocka_unit_test(hangs),
    };
    return cmocka_run_group_tests(tests, open_dir, close_dir);
}

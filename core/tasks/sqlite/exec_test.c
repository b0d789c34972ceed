/* exec: commands that run Tasks, their guard, and that nothing outlives anything. This program is its own guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tasks/sqlite/exec.h"
#include "tasks/sqlite/guard.h"
#include "tasks/sqlite/local_db.h"
#include "tasks/sqlite/testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct fixture {
    char *dir, *spec;
    uv_loop_t loop;
    uv_timer_t tick; /* wakes the loop, so that tests can look at files and processes */
    struct local_store *s;
    struct exec *x;
    struct spawner sp;
};

static void on_tick(uv_timer_t *t)
{
    (void)t;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err e;
    f->dir = testing_directory();
    f->spec = xasprintf("sqlite:%s/t.db", f->dir);
    f->sp = testing_spawner("sp");
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->tick);
    uv_timer_start(&f->tick, on_tick, 20, 20);
    assert_int_equal(local_open(f->spec, LOCAL_ENGINE, &f->loop, &f->s, &e), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    exec_free(&f->x);
    local_close(&f->s);
    uv_close((uv_handle_t *)&f->tick, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop);
    testing_remove(f->dir);
    free(f->spec);
    free(f);
    return rc;
}

static void with(struct fixture *f, const char *command, int64_t output_max, int max_parallel)
{
    struct err e = {0};
    struct exec_options o = {.command = command, .output_max = output_max, .max_parallel = max_parallel};
    if (exec_create(&f->loop, f->s, &o, &f->x, &e) != 0)
        fail_msg("%s", e.msg);
}

static void make(struct fixture *f, const char *name, const char *spec)
{
    static uint64_t identity;
    testing_create(&f->loop, f->s, &f->sp, name, ++identity, spec, NOW);
}

static void wait_finished(struct fixture *f, const char *name)
{
    for (;;) {
        const char *phase = testing_status(f->s, name, "phase");
        if (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0)
            return;
        uv_run(&f->loop, UV_RUN_ONCE);
    }
}

static void expect(struct fixture *f, const char *name, const char *phase, const char *message)
{
    wait_finished(f, name);
    assert_string_equal(testing_status(f->s, name, "phase"), phase);
    assert_string_equal(testing_status(f->s, name, "message"), message);
}

/* The whole of a file below the test's directory; free(). */
static char *slurp(struct fixture *f, const char *name)
{
    char *path = xasprintf("%s/%s", f->dir, name), *text = NULL;
    size_t n = 0, size = 0;
    FILE *in = fopen(path, "r");
    if (in == NULL)
        fail_msg("%s: %s", path, strerror(errno));
    while (!feof(in)) {
        text = xrealloc(text, size += 65536);
        n += fread(text + n, 1, 65535, in);
    }
    text[n] = '\0';
    fclose(in);
    free(path);
    return text;
}

static char *output(struct fixture *f, const char *task)
{
    char *name = xasprintf("t.db.output/default/%s.log", task), *text = slurp(f, name);
    free(name);
    return text;
}

/* Processes whose command line holds `mark`. */
static int alive(const char *mark)
{
    int n = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *d; (d = readdir(proc)) != NULL;) {
        char path[300], text[4096];
        snprintf(path, sizeof path, "/proc/%s/cmdline", d->d_name);
        int fd = d->d_name[0] >= '0' && d->d_name[0] <= '9' ? open(path, O_RDONLY) : -1;
        if (fd < 0)
            continue;
        ssize_t len = read(fd, text, sizeof text - 1);
        close(fd);
        if (len > 0 && memmem(text, (size_t)len, mark, strlen(mark)) != NULL)
            n++;
    }
    closedir(proc);
    return n;
}

static void wait_alive(struct fixture *f, const char *mark, int want)
{
    while (alive(mark) != want)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void wait_alive_some(struct fixture *f, const char *mark, int least)
{
    while (alive(mark) < least)
        uv_run(&f->loop, UV_RUN_ONCE);
}

/* A number that only this test's processes bear: `sleep 900.<pid><n>`. */
static const char *mark_make(void)
{
    static char mark[64];
    static int n;
    snprintf(mark, sizeof mark, "900.%d%03d", (int)getpid(), ++n);
    return mark;
}

static void test_prompt(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 1 << 20 };
    char *prompt = xmalloc(SIZE + 1);
    for (int i = 0; i < SIZE; i++)
        prompt[i] = "abc \n\"\\$`'{}%\t"[(i * 7 + i / 13) % 14];
    prompt[SIZE] = '\0';
    cJSON *spec = cJSON_CreateObject();
    cJSON_AddStringToObject(spec, "prompt", prompt);
    char *text = cJSON_PrintUnformatted(spec);
    make(f, "a", text);
    char *command = xasprintf("cat >%s/got", f->dir);
    with(f, command, 0, 0);
    exec_poke(f->x);
    expect(f, "a", "Succeeded", "");
    char *got = slurp(f, "got");
    assert_int_equal(strlen(got), SIZE);
    assert_memory_equal(got, prompt, SIZE);
    free(got);
    free(command);
    cJSON_free(text);
    cJSON_Delete(spec);
    free(prompt);
    assert_string_not_equal(testing_status(f->s, "a", "startTime"), "");
    assert_string_not_equal(testing_status(f->s, "a", "completionTime"), "");
}

static void test_environment(void **state)
{
    struct fixture *f = *state;
    setenv("ALERTMANAGER_TOKEN", "secret", 1);
    setenv("KELOS_BRANCH", "of the engine", 1);
    setenv("MINE", "stays", 1);
    struct store_create c = {.identity = 0xab, .starts_at = NOW, .name = "a"};
    c.task = cJSON_Parse("{\"metadata\":{\"annotations\":{\"alerts.kelos.dev/fingerprint\":\"00000000000000ab\","
                         "\"alerts.kelos.dev/alertname\":\"High $(x) CPU\"}},\"spec\":{\"prompt\":\"\",\"type\":\"codex\","
                         "\"model\":\"flat\",\"upstreamRepo\":\"o/r\",\"worker\":{\"model\":\"gpt\",\"effort\":\"high\"}}}");
    testing_apply(&f->loop, f->s, &f->sp, &c, 1, NULL, NOW);
    cJSON_Delete(c.task);
    with(f, "env | grep -E '^(KELOS_|ALERTMANAGER_|MINE)' | sort", 0, 0);
    exec_poke(f->x);
    expect(f, "a", "Succeeded", "");
    unsetenv("ALERTMANAGER_TOKEN");
    unsetenv("KELOS_BRANCH");
    unsetenv("MINE");
    char *text = output(f, "a");
    assert_true(strncmp(text, "=== ", 4) == 0);
    assert_string_equal(strchr(text, '\n') + 1, "KELOS_AGENT_TYPE=codex\nKELOS_ALERTNAME=High $(x) CPU\n"
                                                "KELOS_ALERT_FINGERPRINT=00000000000000ab\nKELOS_EFFORT=high\n"
                                                "KELOS_MODEL=gpt\nKELOS_TASKSPAWNER=sp\nKELOS_TASK_NAME=a\n"
                                                "KELOS_TASK_NAMESPACE=default\nKELOS_UPSTREAM_REPO=o/r\nMINE=stays\n");
    free(text);
}

static void test_exit_codes(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *prompt, *phase, *message;
    } rows[] = {
        {"zero", "exit 0", "Succeeded", ""},
        {"three", "exit 3", "Failed", "exit code 3"},
        {"signal", "kill -9 $$", "Failed", "killed by signal 9"},
        {"term", "kill -15 $$", "Failed", "killed by signal 15"},
        {"none", "/none/such", "Failed", "exit code 127"},
    };
    with(f, "eval \"$(cat)\"", 0, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *spec = xasprintf("{\"prompt\":\"%s\"}", rows[i].prompt);
        make(f, rows[i].name, spec);
        free(spec);
    }
    exec_poke(f->x);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(f, rows[i].name, rows[i].phase, rows[i].message);
}

static void test_output(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    make(f, "a", "{\"prompt\":\"\"}");
    with(f, "exec <&-; echo out; echo err >&2; head -c 5000 /dev/zero | tr '\\0' x", 1000, 0);
    exec_poke(f->x);
    expect(f, "a", "Succeeded", ""); /* the cut does not end the command */
    char *text = output(f, "a");
    const char *body = strchr(text, '\n') + 1;
    assert_true(strncmp(body, "out\nerr\nxxx", 11) == 0);
    assert_string_equal(strrchr(body, 'x') + 1, "\n[output cut at 1000 bytes]\n");
    assert_int_equal(strrchr(body, 'x') + 1 - body, 1000);
    free(text);
    char *path = xasprintf("%s/t.db.output/default/a.log", f->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    make(f, "b", "{\"prompt\":\"\"}");
    exec_free(&f->x);
    with(f, "head -c 3000000 /dev/zero", 1 << 20, 0);
    exec_poke(f->x);
    expect(f, "b", "Succeeded", "");
    free(path);
    path = xasprintf("tail -n 1 %s/t.db.output/default/b.log | grep -qx '.output cut at 1 MiB.'", f->dir);
    assert_int_equal(system(path), 0);
    free(path);
    path = xasprintf("%s/t.db.output", f->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    free(path);
}

static void test_descriptors(void **state)
{
    struct fixture *f = *state;
    int open_here = open("/dev/null", O_RDONLY); /* not close-on-exec, on purpose */
    make(f, "a", "{\"prompt\":\"p\"}");
    with(f, "echo /proc/self/fd/*; ls /proc/$$/fd; readlink /proc/$$/fd/0 | cut -c1-14", 0, 0);
    exec_poke(f->x);
    expect(f, "a", "Succeeded", "");
    close(open_here);
    char *text = output(f, "a");
    /* 0, 1 and 2; 3 is the shell's own, open while it lists the directory */
    const char *line = strchr(text, '\n') + 1;
    if (strstr(line, "/proc/self/fd/4") != NULL)
        fail_msg("%s", line);
    assert_non_null(strstr(line, "\n0\n1\n2\n/memfd:prompt")); /* no pipeline here: its ends would be seen, too */
    free(text);
}

static void test_stays_in_limits(void **state)
{
    struct fixture *f = *state;
    f->sp.max_concurrency = 1;
    make(f, "one", "{\"prompt\":\"\"}");
    make(f, "two", "{\"prompt\":\"\"}");
    make(f, "three", "{\"prompt\":\"\"}");
    char *command = xasprintf("echo +$KELOS_TASK_NAME >>%s/log; sleep 0.1; echo -$KELOS_TASK_NAME >>%s/log", f->dir,
                              f->dir);
    with(f, command, 0, 8);
    exec_poke(f->x);
    exec_poke(f->x);
    assert_string_equal(testing_status(f->s, "one", "phase"), "Running");
    assert_string_equal(testing_status(f->s, "two", "phase"), "Pending");
    expect(f, "three", "Succeeded", "");
    char *text = slurp(f, "log");
    assert_string_equal(text, "+one\n-one\n+two\n-two\n+three\n-three\n");
    free(text);
    free(command);
}

static void test_max_parallel(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        make(f, names[i], "{\"prompt\":\"\"}");
    with(f, "sleep 0.1", 0, 2);
    exec_poke(f->x);
    assert_string_equal(testing_status(f->s, "b", "phase"), "Running");
    assert_string_equal(testing_status(f->s, "c", "phase"), "Pending");
    expect(f, "c", "Succeeded", "");
}

static void test_depends(void **state)
{
    struct fixture *f = *state;
    make(f, "last", "{\"prompt\":\"true\",\"dependsOn\":[\"first\"]}");
    make(f, "never", "{\"prompt\":\"true\",\"dependsOn\":[\"first\",\"bad\"]}");
    make(f, "waits", "{\"prompt\":\"true\",\"dependsOn\":[\"missing\"]}");
    with(f, "eval \"$(cat)\"", 0, 0);
    exec_poke(f->x);
    assert_string_equal(testing_status(f->s, "last", "phase"), "Waiting");
    assert_string_equal(testing_status(f->s, "last", "message"), "Waiting for dependency \"first\" to be created");
    make(f, "first", "{\"prompt\":\"true\"}");
    make(f, "bad", "{\"prompt\":\"false\"}");
    exec_poke(f->x);
    expect(f, "last", "Succeeded", "");
    expect(f, "never", "Failed", "Dependency \"bad\" failed");
    assert_string_equal(testing_status(f->s, "waits", "phase"), "Waiting");
}

/* What a command may do to get away: background, a session of its own, orphans, deaf to TERM. */
#define ESCAPES "trap '' TERM; setsid sleep %s & (setsid sh -c 'sleep %s' &) ; nohup sleep %s >/dev/null 2>&1 & "

static char *escapes(const char *mark, const char *then)
{
    char *head = xasprintf(ESCAPES, mark, mark, mark), *all = xasprintf("%s %s", head, then);
    free(head);
    return all;
}

static void test_background(void **state)
{
    struct fixture *f = *state;
    const char *mark = mark_make();
    make(f, "a", "{\"prompt\":\"\"}");
    char *command = escapes(mark, "sleep 0.1; exit 0");
    with(f, command, 0, 0);
    exec_poke(f->x);
    expect(f, "a", "Succeeded", "");
    assert_int_equal(alive(mark), 0);
    free(command);
}

/* A chain: each process starts the next, in a session of its own, and ends. */
static void test_chain(void **state)
{
    struct fixture *f = *state;
    const char *mark = mark_make();
    make(f, "a", "{\"prompt\":\"\"}");
    char *command = xasprintf("echo 'setsid sh %s/chain %s &' >%s/chain; sh %s/chain %s; sleep 0.3; exit 5", f->dir, mark,
                              f->dir, f->dir, mark);
    with(f, command, 0, 0);
    exec_poke(f->x);
    expect(f, "a", "Failed", "exit code 5");
    for (int i = 0; i < 20; i++) {
        assert_int_equal(alive(mark), 0);
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    free(command);
}

static void test_deadline(void **state)
{
    struct fixture *f = *state;
    const char *mark = mark_make();
    make(f, "a", "{\"prompt\":\"\",\"worker\":{\"podOverrides\":{\"activeDeadlineSeconds\":1}}}");
    make(f, "b", "{\"prompt\":\"\",\"podOverrides\":{\"activeDeadlineSeconds\":1}}");
    char *command = escapes(mark, "while :; do sleep 1; done");
    with(f, command, 0, 0);
    exec_poke(f->x);
    expect(f, "a", "Failed", "exceeded activeDeadlineSeconds (1)");
    expect(f, "b", "Failed", "exceeded activeDeadlineSeconds (1)");
    assert_int_equal(alive(mark), 0);
    free(command);
}

static void test_deleted_and_finished(void **state)
{
    struct fixture *f = *state;
    struct local_store *w;
    struct err e;
    const char *mark = mark_make();
    make(f, "gone", "{\"prompt\":\"\"}");
    make(f, "done", "{\"prompt\":\"\"}");
    char *command = xasprintf("setsid sleep %s & sleep %s", mark, mark);
    with(f, command, 0, 2);
    exec_poke(f->x);
    wait_alive(f, mark, 2 * 4); /* guard, shell and two sleeps each */
    assert_int_equal(local_open(f->spec, LOCAL_WRITE, NULL, &w, &e), 0);
    assert_int_equal(local_delete_task(w, "default", "gone", &e), 0);
    wait_alive(f, mark, 4);
    assert_int_equal(local_finish_task(w, "default", "done", TASK_SUCCEEDED, "by hand", NOW, &e), 0);
    local_close(&w);
    wait_alive(f, mark, 0);
    for (int i = 0; i < 10; i++)
        uv_run(&f->loop, UV_RUN_ONCE);
    expect(f, "done", "Succeeded", "by hand");
    assert_string_equal(testing_status(f->s, "gone", "phase"), "(gone)");
    free(command);
}

static void on_stopped(void *arg)
{
    ++*(int *)arg;
}

static void test_stop(void **state)
{
    struct fixture *f = *state;
    const char *mark = mark_make();
    int stopped = 0;
    make(f, "a", "{\"prompt\":\"\"}");
    make(f, "later", "{\"prompt\":\"\"}");
    char *command = escapes(mark, "while :; do sleep 1; done");
    with(f, command, 0, 1);
    exec_poke(f->x);
    wait_alive_some(f, mark, 5); /* guard, shell, three sleeps */
    exec_stop(f->x, 200000, on_stopped, &stopped);
    assert_int_equal(stopped, 0);
    while (stopped == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    expect(f, "a", "Failed", "the engine was stopped");
    assert_string_equal(testing_status(f->s, "later", "phase"), "Pending");
    assert_int_equal(alive(mark), 0);
    exec_free(&f->x);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    with(f, "true", 0, 0);
    exec_stop(f->x, 0, on_stopped, &stopped); /* nothing runs */
    assert_int_equal(stopped, 1);
    while (stopped == 1)
        uv_run(&f->loop, UV_RUN_ONCE);
    free(command);
}

static void test_guard_killed(void **state)
{
    struct fixture *f = *state;
    make(f, "a", "{\"prompt\":\"\"}");
    const char *mark = mark_make();
    char *command = xasprintf("echo $PPID >%s/guard.new; mv %s/guard.new %s/guard; sleep %s & sleep %s", f->dir, f->dir,
                              f->dir, mark, mark);
    with(f, command, 0, 0);
    exec_poke(f->x);
    wait_alive(f, mark, 4);
    char *pid = slurp(f, "guard");
    kill(atoi(pid), SIGKILL);
    expect(f, "a", "Failed", "the guard of the command died (signal 9)");
    wait_alive(f, mark, 0);
    free(pid);
    free(command);
}

/* The store cannot take the result when it comes: it is kept and written as soon as that works. */
static void test_result_kept(void **state)
{
    struct fixture *f = *state;
    sqlite3 *other;
    struct stat st;
    make(f, "a", "{\"prompt\":\"\"}");
    char *path = xasprintf("%s/ended", f->dir), *command = xasprintf("sleep 0.2; touch %s; exit 3", path);
    with(f, command, 0, 0);
    exec_poke(f->x);
    sqlite3_busy_timeout(f->s->db->db.sql, 1);
    assert_int_equal(sqlite3_open(local_path(f->s), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    while (stat(path, &st) != 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    for (int i = 0; i < 20; i++)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_string_equal(testing_status(f->s, "a", "phase"), "Running");
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    expect(f, "a", "Failed", "exit code 3");
    free(path);
    free(command);
}

static void test_spawn_fails(void **state)
{
    struct fixture *f = *state;
    struct err e;
    make(f, "a", "{\"prompt\":\"\"}");
    make(f, "b", "{\"prompt\":\"\"}");
    struct exec_options o = {.command = "true", .guard_path = "/none/such", .max_parallel = 1};
    assert_int_equal(exec_create(&f->loop, f->s, &o, &f->x, &e), 0);
    exec_poke(f->x);
    expect(f, "a", "Failed", "the command could not be started: no such file or directory");
    expect(f, "b", "Failed", "the command could not be started: no such file or directory");
}

/* kill -9 of the engine: its commands go, its Task is Failed at the next start and does not run again. */
static void test_engine_killed(void **state)
{
    struct fixture *f = *state;
    const char *mark = mark_make();
    char *command = escapes(mark, "while :; do sleep 1; done");
    local_close(&f->s);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    for (int round = 0; round < 5; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct fixture child = {.dir = f->dir, .spec = f->spec, .sp = f->sp};
            struct err e;
            char name[20];
            uv_loop_init(&child.loop);
            if (local_open(f->spec, LOCAL_ENGINE, &child.loop, &child.s, &e) != 0)
                _exit(1);
            snprintf(name, sizeof name, "t%d", round);
            make(&child, name, "{\"prompt\":\"\"}");
            with(&child, command, 0, 0);
            exec_poke(child.x);
            uv_run(&child.loop, UV_RUN_DEFAULT);
            _exit(2);
        }
        wait_alive_some(f, mark, 5);
        kill(pid, SIGKILL);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        wait_alive(f, mark, 0);
        struct err e;
        size_t n;
        char name[20];
        snprintf(name, sizeof name, "t%d", round);
        assert_int_equal(local_open(f->spec, LOCAL_ENGINE, &f->loop, &f->s, &e), 0);
        assert_string_equal(testing_status(f->s, name, "phase"), "Running");
        assert_int_equal(local_fail_running(f->s, NOW, &n, &e), 0);
        assert_int_equal(n, 1);
        with(f, "echo ran", 0, 0);
        exec_poke(f->x);
        assert_string_equal(testing_status(f->s, name, "phase"), "Failed");
        assert_string_equal(testing_status(f->s, name, "message"), "the engine stopped while it ran");
        exec_free(&f->x);
        local_close(&f->s);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    free(command);
}

static void test_freed_while_running(void **state)
{
    struct fixture *f = *state;
    const char *mark = mark_make();
    make(f, "a", "{\"prompt\":\"\"}");
    char *command = xasprintf("setsid sleep %s & sleep %s", mark, mark);
    with(f, command, 0, 0);
    exec_poke(f->x);
    wait_alive(f, mark, 4);
    exec_free(&f->x);
    wait_alive(f, mark, 0);
    assert_string_equal(testing_status(f->s, "a", "phase"), "Running");
    free(command);
}

static void test_guard_usage(void **state)
{
    (void)state;
    char *argv[] = {(char *)"x", (char *)GUARD_VERB, NULL};
    assert_int_equal(exec_guard_main(2, argv), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], GUARD_VERB) == 0)
        return exec_guard_main(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(test_prompt),       TEST(test_environment),     TEST(test_exit_codes),   TEST(test_output),
        TEST(test_descriptors),  TEST(test_stays_in_limits), TEST(test_max_parallel), TEST(test_depends),
        TEST(test_background), TEST(test_chain),  TEST(test_deadline),        TEST(test_deleted_and_finished),
        TEST(test_stop),         TEST(test_guard_killed),    TEST(test_spawn_fails),
        TEST(test_engine_killed), TEST(test_result_kept), TEST(test_freed_while_running), cmocka_unit_test(test_guard_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

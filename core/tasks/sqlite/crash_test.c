/* local: kill -9 of the engine at any moment, again and again on one file. Nothing doubled, nothing lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tasks/sqlite/testing.h"

#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <time.h>

enum { KILLS = 60, PER_CYCLE = 4, KEYS = 40 };

/* The engine: every cycle creates some new Tasks, finishes some and replaces one. `out` gets one byte a cycle, when the
 * store has reported it done. */
static void engine_run(const char *spec, int round, int out)
{
    uv_loop_t loop;
    struct local_store *s;
    struct err e = {0};
    struct spawner sp = testing_spawner("sp");
    uv_loop_init(&loop);
    if (local_open(spec, LOCAL_ENGINE, &loop, &s, &e) != 0) {
        fprintf(stderr, "round %d: %s\n", round, e.msg);
        _exit(1);
    }
    for (int cycle = 0;; cycle++) {
        struct spawner_facts *facts = testing_facts(&loop, s, &sp);
        char names[PER_CYCLE + 1][40];
        struct store_create c[PER_CYCLE + 1] = {0};
        cJSON *task = testing_task("{\"prompt\":\"p\"}");
        size_t n = 0;
        for (; n < PER_CYCLE; n++) {
            snprintf(names[n], sizeof names[n], "r%d-c%d-%zu", round, cycle, n);
            c[n] = (struct store_create){
                .identity = (facts->total_created + n) % KEYS + 1, .name = names[n], .task = task, .starts_at = NOW};
        }
        for (size_t i = 0; i < facts->n_tasks; i++)
            if (facts->tasks[i].phase == TASK_SUCCEEDED) {
                c[n++] = (struct store_create){.identity = facts->tasks[i].identity,
                                               .name = facts->tasks[i].name,
                                               .task = task,
                                               .replace = true,
                                               .replace_uid = facts->tasks[i].uid,
                                               .replace_resource_version = facts->tasks[i].resource_version};
                break;
            }
        struct cycle_status st = {.phase = "Running", .message = "", .last_cycle = NOW, .last_success = NOW,
                                  .discovered = (int64_t)n};
        struct testing_answer a = testing_apply(&loop, s, &sp, c, n, &st, NOW);
        bool good = !a.failed && a.n == n;
        for (size_t i = 0; i < a.n; i++)
            good = good && a.results[i].outcome == STORE_CREATED;
        if (good)
            good = local_finish_task(s, "default", names[0], TASK_SUCCEEDED, "", NOW, &e) == 0;
        if (!good || write(out, &(char){(char)n}, 1) != 1)
            _exit(2);
        cJSON_Delete(task);
        spawner_facts_free(&facts);
    }
}

static int64_t number(sqlite3 *db, const char *text)
{
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

/* `reported`: creations that the killed engines had reported as done; at most one more cycle may be there. */
static int64_t check(const char *path, int64_t reported, int64_t before)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    int64_t total = number(db, "SELECT coalesce(max(total_created), 0) FROM spawners");
    assert_int_equal(number(db, "SELECT coalesce(max(ordinal), 0) FROM tasks"), total);
    assert_int_equal(number(db, "SELECT coalesce(sum(attempts), 0) FROM keys"), total);
    assert_int_equal(number(db, "SELECT count(*) - count(DISTINCT ordinal) FROM tasks"), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM tasks t WHERE json_extract(object, '$.status.phase') <> phase"
                                " OR json_extract(object, '$.metadata.uid') <> uid"
                                " OR json_extract(object, '$.metadata.annotations.\"alerts.kelos.dev/ordinal\"')"
                                " <> ordinal || ''"), 0);
    /* every key's last Task is there, and says the same */
    assert_int_equal(number(db, "SELECT count(*) FROM keys k LEFT JOIN tasks t ON t.ns = k.ns AND t.name = k.task"
                                " WHERE t.phase IS NOT k.phase"), 0);
    assert_true(total >= before + reported);
    assert_true(total <= before + reported + PER_CYCLE + 1);
    sqlite3_close(db);
    return total;
}

static void test_kill(void **state)
{
    (void)state;
    char *dir = testing_directory(), *path = xasprintf("%s/t.db", dir), *spec = xasprintf("sqlite:%s", path);
    int64_t total = 0, cycles = 0;
    for (int round = 0; round < KILLS; round++) {
        int done[2];
        assert_int_equal(pipe(done), 0);
        pid_t pid = fork();
        if (pid == 0)
            engine_run(spec, round, done[1]);
        close(done[1]);
        /* Some while it opens and migrates, most after some cycles, each a little later within one. */
        char c = 0;
        int64_t reported = 0;
        for (int i = round % 7; i > 0 && read(done[0], &c, 1) == 1; i--, cycles++)
            reported += c;
        nanosleep(&(struct timespec){.tv_nsec = (long)round * 137 % 4000 * 1000}, NULL);
        kill(pid, SIGKILL);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status)); /* it had not ended by itself */
        for (; read(done[0], &c, 1) == 1; cycles++)
            reported += c;
        close(done[0]);
        if (access(path, F_OK) == 0) {
            sqlite3 *db; /* killed before its first transaction: nothing is there */
            assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
            int64_t tables = number(db, "SELECT count(*) FROM sqlite_schema");
            sqlite3_close(db);
            if (tables > 0)
                total = check(path, reported, total);
            else
                assert_int_equal(reported + total, 0);
        } else {
            assert_int_equal(reported + total, 0);
        }
    }
    print_message("%d kills, %lld cycles, %lld Tasks created\n", KILLS, (long long)cycles, (long long)total);
    assert_true(total > KILLS);
    testing_remove(dir);
    free(path);
    free(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

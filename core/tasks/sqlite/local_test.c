/* local: the file, its lock, facts, apply, finish, expire, watch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tasks/sqlite/local_db.h"
#include "tasks/sqlite/schema.h"
#include "tasks/sqlite/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct fixture {
    char *dir, *path, *spec;
    uv_loop_t loop;
    struct local_store *s;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    f->dir = testing_directory();
    f->path = xasprintf("%s/t.db", f->dir);
    f->spec = xasprintf("sqlite:%s", f->path);
    uv_loop_init(&f->loop);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    local_close(&f->s);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop); /* a handle that was left open fails the test */
    testing_remove(f->dir);
    free(f->path);
    free(f->spec);
    free(f);
    return rc;
}

static void engine(struct fixture *f)
{
    struct err e = {0};
    if (local_open(f->spec, LOCAL_ENGINE, &f->loop, &f->s, &e) != 0)
        fail_msg("%s", e.msg);
}

static void reopen(struct fixture *f)
{
    local_close(&f->s);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    engine(f);
}

static void sql(const char *path, const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int64_t number(const char *path, const char *text)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static void refused(const char *spec, enum local_mode mode, enum err_kind kind, const char *part)
{
    struct local_store *s = NULL;
    struct err e = {0};
    assert_int_equal(local_open(spec, mode, NULL, &s, &e), -1);
    assert_null(s);
    if (e.kind != kind || strstr(e.msg, part) == NULL)
        fail_msg("got %s: \"%s\", want %s with \"%s\"", err_kind_name(e.kind), e.msg, err_kind_name(kind), part);
}

/* --- the file --- */

static void test_file(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    engine(f);
    assert_string_equal(local_path(f->s), f->path);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char *wal = xasprintf("%s-wal", f->path);
    assert_int_equal(stat(wal, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    free(wal);
    assert_int_equal(number(f->path, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
    assert_int_equal(number(f->path, "PRAGMA user_version"), 2);
    int64_t full = 0, keys = 0;
    struct err e;
    assert_int_equal(db_number(&f->s->db->db, "PRAGMA synchronous", 0, &full, &e), 0);
    assert_int_equal(db_number(&f->s->db->db, "PRAGMA foreign_keys", 0, &keys, &e), 0);
    assert_int_equal(full, 2);
    assert_int_equal(keys, 1);
    sqlite3_stmt *q = db_query(&f->s->db->db, &e, "PRAGMA journal_mode", "");
    assert_int_equal(db_row(&f->s->db->db, q, &e), 1);
    assert_string_equal(db_text(q, 0), "wal");
    db_end(q);
}

static void test_default_path(void **state)
{
    struct fixture *f = *state;
    struct err e;
    struct stat st;
    struct local_store *s;
    setenv("XDG_STATE_HOME", f->dir, 1);
    assert_int_equal(local_open(NULL, LOCAL_READ, NULL, &s, &e), 0);
    cJSON *list;
    assert_int_equal(local_list_tasks(s, NULL, NULL, &list, &e), 0);
    assert_int_equal(cJSON_GetArraySize(list), 0);
    cJSON_Delete(list);
    local_close(&s);
    char *dir = xasprintf("%s/alertspawner", f->dir);
    assert_int_equal(stat(dir, &st), -1); /* reading creates nothing */
    assert_int_equal(local_open(NULL, LOCAL_ENGINE, NULL, &s, &e), 0);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    char *want = xasprintf("%s/tasks.db", dir);
    assert_string_equal(local_path(s), want);
    local_close(&s);
    free(want);
    free(dir);
    unsetenv("XDG_STATE_HOME");
    char *home = xstrdup(getenv("HOME") != NULL ? getenv("HOME") : "/root");
    unsetenv("HOME");
    refused(NULL, LOCAL_ENGINE, ERR_USAGE, "XDG_STATE_HOME");
    setenv("HOME", home, 1);
    free(home);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    refused("postgres:x", LOCAL_ENGINE, ERR_USAGE, "sqlite:PATH");
    refused("sqlite:", LOCAL_ENGINE, ERR_USAGE, "sqlite:PATH");
    char *spec = xasprintf("sqlite:%s/none/t.db", f->dir);
    refused(spec, LOCAL_ENGINE, ERR_NOT_FOUND, "/none");
    free(spec);
    refused(f->spec, LOCAL_WRITE, ERR_NOT_FOUND, f->path);
    spec = xasprintf("sqlite:%s", f->dir);
    refused(spec, LOCAL_ENGINE, ERR_INVALID, "not a regular file");
    free(spec);

    FILE *file = fopen(f->path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    refused(f->spec, LOCAL_ENGINE, ERR_INVALID, f->path);
    refused(f->spec, LOCAL_READ, ERR_INVALID, "--store");
    assert_int_equal(remove(f->path), 0);

    sql(f->path, "CREATE TABLE theirs (x)");
    refused(f->spec, LOCAL_ENGINE, ERR_INVALID, "another program");
    refused(f->spec, LOCAL_READ, ERR_INVALID, "another program");
    assert_int_equal(number(f->path, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_int_equal(remove(f->path), 0);

    engine(f);
    local_close(&f->s);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    char *other = xasprintf("%s/hard.db", f->dir);
    assert_int_equal(link(f->path, other), 0);
    refused(f->spec, LOCAL_ENGINE, ERR_INVALID, "hard links");
    unlink(other);
    assert_int_equal(symlink("nothing", other), 0);
    spec = xasprintf("sqlite:%s", other);
    refused(spec, LOCAL_ENGINE, ERR_IO, "symbolic link");
    free(spec);
    free(other);
    sql(f->path, "PRAGMA user_version = 7");
    refused(f->spec, LOCAL_ENGINE, ERR_INVALID, "newer alertspawner (schema 7");
    refused(f->spec, LOCAL_WRITE, ERR_INVALID, "newer");
    refused(f->spec, LOCAL_READ, ERR_INVALID, "newer");
}

static void test_migrations(void **state)
{
    struct fixture *f = *state;
    static const char *const two[] = {"CREATE TABLE a (x); INSERT INTO a VALUES (1);", "ALTER TABLE a ADD y", NULL};
    static const char *const broken[] = {"", "", "INSERT INTO a VALUES (3, 3)",
                                         "INSERT INTO a VALUES (2, 2); CREATE TABLE a (z)", NULL};
    struct db db;
    struct err e = {0};
    bool empty;
    assert_int_equal(db_open(&db, f->path, DB_CREATE, &e), 0);
    const char *const one[] = {two[0], NULL};
    assert_int_equal(schema_prepare(&db, one, true, &empty, &e), 0);
    assert_int_equal(schema_prepare(&db, two, false, &empty, &e), -1); /* a reader does not migrate */
    assert_non_null(strstr(e.msg, "older alertspawner (schema 1"));
    assert_int_equal(schema_prepare(&db, two, true, &empty, &e), 0);
    assert_int_equal(schema_prepare(&db, two, true, &empty, &e), 0);
    assert_int_equal(schema_prepare(&db, broken, true, &empty, &e), -1);
    assert_non_null(strstr(e.msg, "schema 4"));
    db_close(&db);
    assert_int_equal(number(f->path, "PRAGMA user_version"), 2); /* all steps or none: a reader sees no half of them */
    assert_int_equal(number(f->path, "SELECT count(*) FROM a"), 1);
}

/* In a child with a mount namespace of its own, where the machine allows that. */
static void in_small_disk(struct fixture *f, int size, void (*body)(struct fixture *f))
{
    pid_t pid = fork();
    if (pid == 0) {
        char options[40];
        snprintf(options, sizeof options, "size=%dk", size);
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", f->dir, "tmpfs", 0, options) != 0)
            _exit(77);
        body(f);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fill_disk(struct fixture *f)
{
    struct spawner sp = testing_spawner("sp");
    engine(f);
    char *big = xmalloc(100001), name[32];
    memset(big, 'x', 100000);
    big[100000] = '\0';
    char *spec = xasprintf("{\"prompt\":\"%s\"}", big);
    int made = 0;
    struct testing_answer a;
    for (;; made++) {
        struct store_create c = {.identity = (uint64_t)made + 1, .starts_at = NOW, .name = name};
        snprintf(name, sizeof name, "t-%d", made);
        c.task = testing_task(spec);
        a = testing_apply(&f->loop, f->s, &sp, &c, 1, NULL, NOW);
        if (a.failed)
            break;
    }
    if (made < 1 || a.err.kind != ERR_IO || strstr(a.err.msg, f->path) == NULL || strstr(a.err.msg, "disk") == NULL) {
        fprintf(stderr, "%d made, then: %s\n", made, a.err.msg);
        _exit(1);
    }
    struct spawner_facts *facts = testing_facts(&f->loop, f->s, &sp);
    if ((int)facts->n_tasks != made || (int)facts->n_keys != made || (int)facts->total_created != made)
        _exit(2);
    if (number(f->path, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'") != 0)
        _exit(3);
}

static void test_full_disk(void **state)
{
    in_small_disk(*state, 1024, fill_disk);
}

static void read_only(struct fixture *f)
{
    struct spawner sp = testing_spawner("sp");
    struct err e = {0};
    engine(f);
    testing_create(&f->loop, f->s, &sp, "a", 1, "{}", NOW);
    local_close(&f->s);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    if (mount("none", f->dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0)
        _exit(77);
    if (local_open(f->spec, LOCAL_ENGINE, NULL, &f->s, &e) == 0 || e.kind != ERR_IO || strstr(e.msg, f->path) == NULL)
        _exit(4);
    if (local_open(f->spec, LOCAL_READ, NULL, &f->s, &e) != 0) {
        fprintf(stderr, "%s\n", e.msg);
        _exit(5);
    }
    if (strcmp(testing_status(f->s, "a", "phase"), "Pending") != 0)
        _exit(6);
}

static void test_read_only_directory(void **state)
{
    in_small_disk(*state, 4096, read_only);
}

/* --- the lock --- */

static void test_lock(void **state)
{
    struct fixture *f = *state;
    char mine[40];
    engine(f);
    snprintf(mine, sizeof mine, "(pid %d)", (int)getpid());
    refused(f->spec, LOCAL_ENGINE, ERR_CONFLICT, mine);
    refused(f->spec, LOCAL_ENGINE, ERR_CONFLICT, "in use by alertspawner");
    char *alias = xasprintf("%s/alias.db", f->dir), *spec = xasprintf("sqlite:%s", alias);
    assert_int_equal(symlink(f->path, alias), 0);
    refused(spec, LOCAL_ENGINE, ERR_CONFLICT, f->path);
    free(spec);
    free(alias);
    char *cwd = getcwd(NULL, 0);
    assert_int_equal(chdir(f->dir), 0);
    refused("sqlite:t.db", LOCAL_ENGINE, ERR_CONFLICT, f->path);
    refused("sqlite:./t.db", LOCAL_ENGINE, ERR_CONFLICT, f->path);
    assert_int_equal(chdir(cwd), 0);
    free(cwd);
    /* an exec'd command does not hold it */
    char *command = xasprintf("ls -l /proc/self/fd | grep -c 't[.]db' >/dev/null");
    assert_int_not_equal(system(command), 0);
    free(command);
    reopen(f);
}

static void test_lock_dies(void **state)
{
    struct fixture *f = *state;
    int ready[2];
    char c;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        engine(f);
        struct spawner sp = testing_spawner("sp");
        testing_create(&f->loop, f->s, &sp, "a", 1, "{}", NOW);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    char theirs[40];
    snprintf(theirs, sizeof theirs, "(pid %d)", (int)pid);
    refused(f->spec, LOCAL_ENGINE, ERR_CONFLICT, theirs);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    struct local_store *reader; /* what it had committed can be read, before anybody repairs anything */
    struct err e;
    assert_int_equal(local_open(f->spec, LOCAL_READ, NULL, &reader, &e), 0);
    assert_string_equal(testing_status(reader, "a", "phase"), "Pending");
    local_close(&reader);
    engine(f);
}

/* --- facts and apply --- */

static const char *text(const cJSON *o, const char *a, const char *b)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, a);
    const char *s = cJSON_GetStringValue(b != NULL ? cJSON_GetObjectItemCaseSensitive(m, b) : m);
    return s != NULL ? s : "";
}

static void test_create(void **state)
{
    struct fixture *f = *state;
    struct spawner sp = testing_spawner("sp");
    engine(f);
    struct spawner_facts *facts = testing_facts(&f->loop, f->s, &sp);
    assert_int_equal(facts->n_tasks + facts->n_keys + facts->total_created, 0);
    spawner_facts_free(&facts);

    struct store_create c = {.identity = UINT64_C(0xf00000000000000a), .starts_at = NOW - 5, .name = "sp-x-1"};
    c.task = cJSON_Parse("{\"apiVersion\":\"kelos.dev/v1alpha2\",\"kind\":\"Task\",\"metadata\":{\"labels\":{\"a\":\"b\"},"
                         "\"annotations\":{\"k\":\"v\"}},\"spec\":{\"prompt\":\"do \\u00e4\\n\"}}");
    struct testing_answer a = testing_apply(&f->loop, f->s, &sp, &c, 1, NULL, NOW);
    cJSON_Delete(c.task);
    assert_false(a.failed);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.results[0].outcome, STORE_CREATED);
    reopen(f);

    cJSON *o = testing_get(f->s, "sp-x-1"), *m = cJSON_GetObjectItem(o, "metadata");
    assert_string_equal(text(o, "kind", NULL), "Task");
    assert_string_equal(text(m, "name", NULL), "sp-x-1");
    assert_string_equal(text(m, "namespace", NULL), "default");
    assert_string_equal(text(m, "creationTimestamp", NULL), "2025-11-24T16:00:00Z");
    assert_string_equal(text(m, "resourceVersion", NULL), "1");
    assert_int_equal(strlen(text(m, "uid", NULL)), 36);
    assert_int_equal(text(m, "uid", NULL)[14], '4');
    assert_string_equal(text(m, "labels", "a"), "b");
    assert_string_equal(text(m, "labels", STORE_LABEL_SPAWNER), "sp");
    assert_string_equal(text(m, "annotations", "k"), "v");
    assert_string_equal(text(m, "annotations", STORE_ANN_ORDINAL), "1");
    assert_string_equal(text(o, "spec", "prompt"), "do ä\n");
    assert_string_equal(text(o, "status", "phase"), "Pending");
    cJSON_Delete(o);

    facts = testing_facts(&f->loop, f->s, &sp);
    assert_int_equal(facts->total_created, 1);
    const struct task_fact *t = spawner_facts_task(facts, "sp-x-1");
    assert_non_null(t);
    assert_true(t->owned && !t->deleting && t->identity == UINT64_C(0xf00000000000000a));
    assert_int_equal(t->phase, TASK_PENDING);
    assert_true(t->created_at == NOW && t->starts_at == NOW - 5 && t->completed_at == MOMENT_NONE);
    assert_int_equal(t->ordinal, 1);
    assert_string_equal(t->resource_version, "1");
    const struct key_fact *k = spawner_facts_key(facts, UINT64_C(0xf00000000000000a));
    assert_non_null(k);
    assert_string_equal(k->task, "sp-x-1");
    assert_true(k->created_at == NOW && k->starts_at == NOW - 5 && k->completed_at == MOMENT_NONE);
    assert_int_equal(k->attempts, 1);
    spawner_facts_free(&facts);
}

static void test_outcomes(void **state)
{
    struct fixture *f = *state;
    struct spawner ours = testing_spawner("ours"), theirs = testing_spawner("theirs");
    engine(f);
    testing_create(&f->loop, f->s, &theirs, "foreign", 1, "{}", NOW);
    testing_create(&f->loop, f->s, &ours, "there", 2, "{}", NOW);
    testing_create(&f->loop, f->s, &ours, "again", 3, "{}", NOW);
    struct err e;
    assert_int_equal(local_finish_task(f->s, "default", "again", TASK_SUCCEEDED, "", NOW, &e), 0);
    struct spawner_facts *facts = testing_facts(&f->loop, f->s, &ours);
    assert_int_equal(facts->n_tasks, 2);
    const struct task_fact *again = spawner_facts_task(facts, "again"), *there = spawner_facts_task(facts, "there");
    cJSON *task = testing_task("{\"prompt\":\"2\"}"), *array = cJSON_CreateArray();
    char *huge = xmalloc(LOCAL_TASK_MAX + 1);
    memset(huge, 'h', LOCAL_TASK_MAX);
    huge[LOCAL_TASK_MAX] = '\0';
    cJSON *large = cJSON_CreateObject();
    cJSON_AddStringToObject(large, "x", huge);
    free(huge);
    const struct {
        struct store_create c;
        enum store_outcome outcome;
        enum err_kind kind;
    } rows[] = {
        {{.identity = 10, .name = "new-1", .task = task}, STORE_CREATED, ERR_NONE},
        {{.identity = 10, .name = "new-1", .task = task}, STORE_EXISTS_OURS, ERR_CONFLICT}, /* twice in one plan */
        {{.identity = 1, .name = "foreign", .task = task}, STORE_EXISTS_FOREIGN, ERR_CONFLICT},
        {{.identity = 1, .name = "foreign", .task = task, .replace = true, .replace_uid = "u",
          .replace_resource_version = "1"}, STORE_EXISTS_FOREIGN, ERR_CONFLICT},
        {{.identity = 2, .name = "there", .task = task}, STORE_EXISTS_OURS, ERR_CONFLICT},
        {{.identity = 2, .name = "there", .task = task, .replace = true, .replace_uid = there->uid,
          .replace_resource_version = "999"}, STORE_CHANGED, ERR_CONFLICT},
        {{.identity = 2, .name = "there", .task = task, .replace = true, .replace_uid = "other",
          .replace_resource_version = there->resource_version}, STORE_CHANGED, ERR_CONFLICT},
        {{.identity = 5, .name = "Bad_Name", .task = task}, STORE_FAILED, ERR_INVALID},
        {{.identity = 5, .name = "../x", .task = task}, STORE_FAILED, ERR_INVALID},
        {{.identity = 5, .name = "", .task = task}, STORE_FAILED, ERR_INVALID},
        {{.identity = 6, .name = "array", .task = array}, STORE_FAILED, ERR_BUG},
        {{.identity = 6, .name = "large", .task = large}, STORE_FAILED, ERR_LIMIT},
        {{.identity = 3, .name = "again", .task = task, .replace = true, .replace_uid = again->uid,
          .replace_resource_version = again->resource_version}, STORE_CREATED, ERR_NONE},
        {{.identity = 7, .name = "gone", .task = task, .replace = true, .replace_uid = "was",
          .replace_resource_version = "1"}, STORE_CREATED, ERR_NONE},
        {{.identity = 8, .name = "last", .task = task}, STORE_CREATED, ERR_NONE},
    };
    enum { N = sizeof rows / sizeof rows[0] };
    struct store_create creates[N];
    for (size_t i = 0; i < N; i++)
        creates[i] = rows[i].c;
    struct testing_answer a = testing_apply(&f->loop, f->s, &ours, creates, N, NULL, NOW + 1);
    assert_false(a.failed);
    assert_int_equal(a.n, N);
    for (size_t i = 0; i < N; i++)
        if (a.results[i].outcome != rows[i].outcome || a.results[i].err.kind != rows[i].kind)
            fail_msg("row %zu: %d, %s", i, a.results[i].outcome, a.results[i].err.msg);
    spawner_facts_free(&facts);
    facts = testing_facts(&f->loop, f->s, &ours);
    assert_int_equal(facts->total_created, 6);
    assert_int_equal(facts->n_tasks, 5);
    assert_int_equal(spawner_facts_task(facts, "again")->phase, TASK_PENDING);
    assert_int_equal(spawner_facts_task(facts, "again")->ordinal, 4);
    assert_int_equal(spawner_facts_task(facts, "last")->ordinal, 6);
    assert_int_equal(spawner_facts_key(facts, 3)->attempts, 2);
    assert_int_equal(spawner_facts_key(facts, 2)->attempts, 1);
    assert_null(spawner_facts_key(facts, 6));
    assert_null(spawner_facts_key(facts, 5));
    spawner_facts_free(&facts);
    cJSON_Delete(task);
    cJSON_Delete(array);
    cJSON_Delete(large);
}

static void test_ownership(void **state)
{
    (void)state;
    static const struct {
        const char *controllers, *label, *uid;
        bool owned;
    } rows[] = {
        {"", "sp", "", true},        {"", "sp", "u1", true},      {"", "other", "u1", false},
        {"u1 ", "sp", "u1", true},   {"u1 ", "other", "u1", true}, {"u2 ", "sp", "u1", false},
        {"u1 ", "sp", "", false},    {"u2 u1 ", "sp", "u1", true}, {"u11 ", "sp", "u1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(task_owned(rows[i].controllers, rows[i].label, "sp", rows[i].uid), rows[i].owned);
    cJSON *o = cJSON_Parse("{\"metadata\":{\"ownerReferences\":[{\"uid\":\"a\",\"controller\":true},{\"uid\":\"b\"}]}}");
    char *c = task_controllers(o);
    assert_string_equal(c, "a ");
    free(c);
    cJSON_Delete(o);
}

static cJSON *spawner_status_object(struct fixture *f)
{
    struct err e;
    cJSON *list;
    assert_int_equal(local_list_spawners(f->s, "default", "sp", &list, &e), 0);
    cJSON *o = cJSON_DetachItemFromArray(list, 0);
    cJSON_Delete(list);
    return o;
}

static void test_status(void **state)
{
    struct fixture *f = *state;
    struct spawner sp = testing_spawner("sp");
    sp.uid = (char *)"uid-1";
    engine(f);
    cJSON *conditions = cJSON_Parse("[{\"type\":\"A\",\"status\":\"True\"},{\"type\":\"B\",\"status\":\"False\"}]");
    struct cycle_status st = {.phase = "Running", .message = "m1", .last_cycle = NOW, .last_success = NOW,
                              .discovered = 7, .conditions = conditions};
    struct store_create c = {.identity = 1, .name = "a", .task = testing_task("{}")};
    struct testing_answer a = testing_apply(&f->loop, f->s, &sp, &c, 1, &st, NOW);
    cJSON_Delete(c.task);
    assert_false(a.failed);
    cJSON_Delete(conditions);
    /* later: A flips, B stays, C is new; a failed poll leaves the rest */
    conditions = cJSON_Parse("[{\"type\":\"A\",\"status\":\"False\"},{\"type\":\"C\",\"status\":\"True\"}]");
    st = (struct cycle_status){.phase = "Failed", .message = "m2", .last_cycle = NOW + 60 * MOMENT_SECOND,
                               .last_success = MOMENT_NONE, .discovered = -1, .conditions = conditions};
    a = testing_apply(&f->loop, f->s, &sp, NULL, 0, &st, NOW + 60 * MOMENT_SECOND);
    assert_false(a.failed);
    cJSON_Delete(conditions);
    cJSON *o = spawner_status_object(f), *s = cJSON_GetObjectItem(o, "status");
    assert_string_equal(text(o, "kind", NULL), "TaskSpawner");
    assert_string_equal(text(o, "metadata", "uid"), "uid-1");
    assert_string_equal(text(s, "phase", NULL), "Failed");
    assert_string_equal(text(s, "message", NULL), "m2");
    assert_string_equal(text(s, "lastDiscoveryTime", NULL), "2025-11-24T16:00:00Z");
    assert_int_equal(cJSON_GetObjectItem(s, "totalDiscovered")->valueint, 7);
    assert_int_equal(cJSON_GetObjectItem(s, "totalTasksCreated")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(s, "activeTasks")->valueint, 1);
    static const char *const want[][2] = {
        {"A", "2025-11-24T16:01:00Z"}, {"C", "2025-11-24T16:01:00Z"}, {"B", "2025-11-24T16:00:00Z"}};
    const cJSON *list = cJSON_GetObjectItem(s, "conditions");
    assert_int_equal(cJSON_GetArraySize(list), 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(text(cJSON_GetArrayItem(list, i), "type", NULL), want[i][0]);
        assert_string_equal(text(cJSON_GetArrayItem(list, i), "lastTransitionTime", NULL), want[i][1]);
    }
    cJSON_Delete(o);
    /* C again, unchanged: its time stays */
    conditions = cJSON_Parse("[{\"type\":\"C\",\"status\":\"True\"}]");
    st = (struct cycle_status){.last_cycle = MOMENT_NONE, .last_success = MOMENT_NONE, .discovered = -1,
                               .conditions = conditions};
    testing_apply(&f->loop, f->s, &sp, NULL, 0, &st, NOW + 120 * MOMENT_SECOND);
    cJSON_Delete(conditions);
    o = spawner_status_object(f);
    s = cJSON_GetObjectItem(o, "status");
    assert_string_equal(text(s, "message", NULL), "m2");
    assert_string_equal(text(cJSON_GetArrayItem(cJSON_GetObjectItem(s, "conditions"), 0), "lastTransitionTime", NULL),
                        "2025-11-24T16:01:00Z");
    cJSON_Delete(o);
    struct err e;
    cJSON *none;
    assert_int_equal(local_list_spawners(f->s, NULL, "nobody", &none, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

/* --- phases --- */

static void test_phases(void **state)
{
    struct fixture *f = *state;
    struct spawner sp = testing_spawner("sp");
    struct err e = {0};
    engine(f);
    testing_create(&f->loop, f->s, &sp, "a", 1, "{}", NOW);
    testing_create(&f->loop, f->s, &sp, "b", 2, "{}", NOW);
    assert_int_equal(local_start_task(f->s, "default", "a", NOW + MOMENT_SECOND, &e), 0);
    assert_string_equal(testing_status(f->s, "a", "phase"), "Running");
    assert_string_equal(testing_status(f->s, "a", "startTime"), "2025-11-24T16:00:01Z");
    assert_int_equal(local_start_task(f->s, "default", "a", NOW, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_int_equal(local_start_task(f->s, "default", "none", NOW, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(local_finish_task(f->s, "default", "a", TASK_RUNNING, "", NOW, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_int_equal(local_finish_task(f->s, "default", "none", TASK_FAILED, "", NOW, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(local_finish_task(f->s, "default", "a", TASK_FAILED, "no", NOW + 9 * MOMENT_SECOND, &e), 0);
    assert_int_equal(local_finish_task(f->s, "default", "a", TASK_SUCCEEDED, "", NOW, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_string_equal(testing_status(f->s, "a", "phase"), "Failed");
    assert_string_equal(testing_status(f->s, "a", "message"), "no");
    assert_string_equal(testing_status(f->s, "a", "completionTime"), "2025-11-24T16:00:09Z");
    struct spawner_facts *facts = testing_facts(&f->loop, f->s, &sp);
    moment_t done = NOW - NOW % MOMENT_SECOND + 9 * MOMENT_SECOND; /* what the object says */
    assert_true(spawner_facts_task(facts, "a")->completed_at == done);
    assert_true(spawner_facts_key(facts, 1)->completed_at == done);
    assert_int_equal(spawner_facts_key(facts, 1)->phase, TASK_FAILED);
    spawner_facts_free(&facts);

    assert_int_equal(local_start_task(f->s, "default", "b", NOW, &e), 0);
    reopen(f);
    size_t n;
    assert_int_equal(local_fail_running(f->s, NOW, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_string_equal(testing_status(f->s, "b", "phase"), "Failed");
    assert_string_equal(testing_status(f->s, "b", "message"), "the engine stopped while it ran");
    assert_int_equal(local_fail_running(f->s, NOW, &n, &e), 0);
    assert_int_equal(n, 0);

    assert_int_equal(local_delete_task(f->s, "default", "a", &e), 0);
    assert_int_equal(local_delete_task(f->s, "default", "a", &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    facts = testing_facts(&f->loop, f->s, &sp);
    assert_null(spawner_facts_task(facts, "a"));
    assert_int_equal(spawner_facts_key(facts, 1)->phase, TASK_FAILED); /* the key remembers */
    assert_int_equal(facts->total_created, 2);
    spawner_facts_free(&facts);
}

static void test_expire(void **state)
{
    struct fixture *f = *state;
    struct spawner sp = testing_spawner("sp");
    struct err e = {0};
    size_t n;
    moment_t next;
    engine(f);
    assert_int_equal(local_expire(f->s, NOW, &n, &next, &e), 0);
    assert_true(n == 0 && next == MOMENT_NONE);
    testing_create(&f->loop, f->s, &sp, "none", 1, "{}", NOW);
    testing_create(&f->loop, f->s, &sp, "zero", 2, "{\"ttlSecondsAfterFinished\":0}", NOW);
    testing_create(&f->loop, f->s, &sp, "minute", 3, "{\"ttlSecondsAfterFinished\":60}", NOW);
    testing_create(&f->loop, f->s, &sp, "open", 4, "{\"ttlSecondsAfterFinished\":0}", NOW);
    static const char *const finish[] = {"none", "zero", "minute"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(local_finish_task(f->s, "default", finish[i], TASK_SUCCEEDED, "", NOW, &e), 0);
    moment_t whole = NOW - NOW % MOMENT_SECOND;
    assert_int_equal(local_expire(f->s, NOW, &n, &next, &e), 0);
    assert_true(n == 1 && next == whole + 60 * MOMENT_SECOND);
    assert_string_equal(testing_status(f->s, "zero", "phase"), "(gone)");
    assert_int_equal(local_expire(f->s, next - 1, &n, &next, &e), 0);
    assert_true(n == 0 && next == whole + 60 * MOMENT_SECOND);
    assert_int_equal(local_expire(f->s, next, &n, &next, &e), 0);
    assert_true(n == 1 && next == MOMENT_NONE);
    assert_string_equal(testing_status(f->s, "none", "phase"), "Succeeded");
    assert_string_equal(testing_status(f->s, "open", "phase"), "Pending");
}

static void test_keys_pruned(void **state)
{
    struct fixture *f = *state;
    struct spawner sp = testing_spawner("sp");
    struct err e;
    engine(f);
    testing_create(&f->loop, f->s, &sp, "gone", 1, "{}", NOW);
    testing_create(&f->loop, f->s, &sp, "kept", 2, "{}", NOW);
    assert_int_equal(local_delete_task(f->s, "default", "gone", &e), 0);
    testing_apply(&f->loop, f->s, &sp, NULL, 0, NULL, NOW + LOCAL_KEY_KEEP);
    struct spawner_facts *facts = testing_facts(&f->loop, f->s, &sp);
    assert_int_equal(facts->n_keys, 2);
    spawner_facts_free(&facts);
    testing_apply(&f->loop, f->s, &sp, NULL, 0, NULL, NOW + LOCAL_KEY_KEEP + 1);
    facts = testing_facts(&f->loop, f->s, &sp);
    assert_int_equal(facts->n_keys, 1);
    assert_non_null(spawner_facts_key(facts, 2));
    assert_int_equal(facts->total_created, 2);
    spawner_facts_free(&facts);
}

/* --- beside each other --- */

/* Names, sizes and times of the directory; free(). Readers note themselves in -shm, which holds no data. */
static char *listing(struct fixture *f)
{
    char *command = xasprintf("ls -l --full-time '%s' | sed '/-shm$/s/[0-9:.]* +0000//'", f->dir), *text = xcalloc(1, 10000);
    setenv("TZ", "UTC", 1);
    FILE *p = popen(command, "r");
    assert_true(fread(text, 1, 9999, p) > 0);
    pclose(p);
    free(command);
    return text;
}

static void test_reader(void **state)
{
    struct fixture *f = *state;
    struct spawner sp = testing_spawner("sp");
    struct err e = {0};
    struct local_store *reader;
    struct stat st;
    assert_int_equal(local_open(f->spec, LOCAL_READ, &f->loop, &reader, &e), 0);
    assert_int_equal(stat(f->path, &st), -1);
    struct spawner_facts *facts = testing_facts(&f->loop, reader, &sp);
    assert_int_equal(facts->n_tasks, 0);
    spawner_facts_free(&facts);
    local_close(&reader);

    engine(f);
    testing_create(&f->loop, f->s, &sp, "a", 1, "{}", NOW);
    assert_int_equal(local_open(f->spec, LOCAL_READ, &f->loop, &reader, &e), 0);
    assert_string_equal(testing_status(reader, "a", "phase"), "Pending");
    testing_create(&f->loop, f->s, &sp, "b", 2, "{}", NOW);
    assert_string_equal(testing_status(reader, "b", "phase"), "Pending");
    struct store_create c = {.identity = 3, .name = "c", .task = testing_task("{}")};
    struct testing_answer a = testing_apply(&f->loop, reader, &sp, &c, 1, NULL, NOW);
    assert_true(a.failed);
    cJSON_Delete(c.task);
    assert_int_equal(local_finish_task(reader, "default", "a", TASK_FAILED, "", NOW, &e), -1);
    assert_int_equal(local_delete_task(reader, "default", "a", &e), -1);
    size_t n;
    moment_t next;
    assert_int_equal(local_expire(reader, NOW, &n, &next, &e), -1);
    local_close(&reader);
    local_close(&f->s);
    uv_run(&f->loop, UV_RUN_NOWAIT);

    /* A store that nobody has open, and a copy of its file alone: read, and left exactly as they were. */
    char *copy = xasprintf("%s/copy%%?#.db", f->dir), *spec = xasprintf("sqlite:%s", copy);
    char *command = xasprintf("cp '%s' '%s'", f->path, copy);
    assert_int_equal(system(command), 0);
    free(command);
    char *before = listing(f);
    assert_int_equal(local_open(f->spec, LOCAL_READ, NULL, &reader, &e), 0);
    assert_string_equal(testing_status(reader, "b", "phase"), "Pending");
    local_close(&reader);
    assert_int_equal(local_open(spec, LOCAL_READ, NULL, &reader, &e), 0);
    assert_string_equal(testing_status(reader, "b", "phase"), "Pending");
    local_close(&reader);
    char *after = listing(f);
    assert_string_equal(before, after);
    free(before);
    free(after);
    free(copy);
    free(spec);
}

static void on_changed(void *arg, const char *ns, const char *spawner)
{
    assert_string_equal(ns, "default");
    assert_string_equal(spawner, "sp");
    ++*(int *)arg;
}

static void wait_for(struct fixture *f, const int *count, int want)
{
    while (*count < want)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(*count, want);
}

/* Runs the loop over several looks of the watcher. */
static void look_on(struct fixture *f)
{
    for (int i = 0; i < 4; i++)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void test_watch(void **state)
{
    struct fixture *f = *state;
    struct spawner sp = testing_spawner("sp");
    struct err e = {0};
    struct local_store *writer;
    int changes = 0;
    engine(f);
    testing_create(&f->loop, f->s, &sp, "a", 1, "{\"ttlSecondsAfterFinished\":0}", NOW);
    testing_create(&f->loop, f->s, &sp, "b", 2, "{}", NOW);
    f->s->store.ops->watch(&f->s->store, on_changed, &changes);
    testing_create(&f->loop, f->s, &sp, "c", 3, "{}", NOW); /* a creation is no news */
    look_on(f);
    assert_int_equal(changes, 0);
    assert_int_equal(local_open(f->spec, LOCAL_WRITE, NULL, &writer, &e), 0);
    assert_int_equal(local_finish_task(writer, "default", "a", TASK_SUCCEEDED, "", NOW, &e), 0);
    wait_for(f, &changes, 1);
    look_on(f);
    assert_int_equal(changes, 1);
    assert_int_equal(local_delete_task(writer, "default", "b", &e), 0);
    wait_for(f, &changes, 2);
    local_close(&writer);
    size_t n;
    moment_t next;
    assert_int_equal(local_expire(f->s, NOW, &n, &next, &e), 0);
    wait_for(f, &changes, 3);
    assert_int_equal(local_start_task(f->s, "default", "c", NOW, &e), 0);
    look_on(f);
    assert_int_equal(changes, 3);
    assert_int_equal(local_finish_task(f->s, "default", "c", TASK_FAILED, "", NOW, &e), 0);
    assert_int_equal(changes, 3); /* not from inside */
    wait_for(f, &changes, 4);
    /* a replacement is the engine's own doing */
    cJSON *o = testing_get(f->s, "c"), *m = cJSON_GetObjectItem(o, "metadata");
    struct store_create c = {.identity = 3, .name = "c", .task = testing_task("{}"), .replace = true,
                             .replace_uid = text(m, "uid", NULL), .replace_resource_version = text(m, "resourceVersion", NULL)};
    struct testing_answer a = testing_apply(&f->loop, f->s, &sp, &c, 1, NULL, NOW);
    assert_int_equal(a.results[0].outcome, STORE_CREATED);
    cJSON_Delete(c.task);
    cJSON_Delete(o);
    look_on(f);
    assert_int_equal(changes, 4);
}

/* A second process that finishes Tasks while the engine applies: nobody fails, nothing is lost. */
static void test_two_processes(void **state)
{
    struct fixture *f = *state;
    struct spawner sp = testing_spawner("sp");
    enum { N = 60 };
    char name[32];
    engine(f);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "a-%d", i);
        testing_create(&f->loop, f->s, &sp, name, (uint64_t)i + 1, "{}", NOW);
    }
    pid_t pid = fork();
    if (pid == 0) {
        struct local_store *w;
        struct err e;
        if (local_open(f->spec, LOCAL_WRITE, NULL, &w, &e) != 0)
            _exit(1);
        for (int i = 0; i < N; i++) {
            snprintf(name, sizeof name, "a-%d", i);
            if (local_finish_task(w, "default", name, TASK_SUCCEEDED, "", NOW, &e) != 0) {
                fprintf(stderr, "%s\n", e.msg);
                _exit(2);
            }
        }
        local_close(&w);
        _exit(0);
    }
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "b-%d", i);
        testing_create(&f->loop, f->s, &sp, name, (uint64_t)i + 1000, "{}", NOW);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct spawner_facts *facts = testing_facts(&f->loop, f->s, &sp);
    assert_int_equal(facts->n_tasks, 2 * N);
    assert_int_equal(facts->total_created, 2 * N);
    for (size_t i = 0; i < facts->n_tasks; i++)
        assert_int_equal(facts->tasks[i].phase, facts->tasks[i].name[0] == 'a' ? TASK_SUCCEEDED : TASK_PENDING);
    spawner_facts_free(&facts);
}

static void test_busy(void **state)
{
    struct fixture *f = *state;
    struct spawner sp = testing_spawner("sp");
    engine(f);
    testing_create(&f->loop, f->s, &sp, "a", 1, "{}", NOW);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_busy_timeout(f->s->db->db.sql, 50); /* the test's patience, not the store's */
    struct err e = {0};
    assert_int_equal(local_finish_task(f->s, "default", "a", TASK_FAILED, "", NOW, &e), -1);
    assert_int_equal(e.kind, ERR_TIMEOUT);
    struct store_create c = {.identity = 2, .name = "b", .task = testing_task("{}")};
    struct testing_answer a = testing_apply(&f->loop, f->s, &sp, &c, 1, NULL, NOW);
    assert_true(a.failed && a.err.kind == ERR_TIMEOUT);
    assert_string_equal(testing_status(f->s, "a", "phase"), "Pending"); /* readers are not held up */
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    a = testing_apply(&f->loop, f->s, &sp, &c, 1, NULL, NOW);
    assert_false(a.failed);
    cJSON_Delete(c.task);
}

static void test_close_while_pending(void **state)
{
    struct fixture *f = *state;
    struct spawner sp = testing_spawner("sp");
    struct testing_answer facts = {0}, apply = {0};
    struct err e;
    engine(f);
    assert_int_equal(f->s->store.ops->facts(&f->s->store, &sp, testing_on_facts, &facts, &e), 0);
    assert_int_equal(f->s->store.ops->apply(&f->s->store, &sp, &(struct store_changes){0}, NOW, testing_on_apply, &apply, &e), 0);
    struct store *s = &f->s->store;
    s->ops->close(s);
    f->s = NULL;
    assert_int_equal(facts.calls + apply.calls, 0);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(facts.calls == 1 && facts.failed && facts.facts == NULL);
    assert_true(apply.calls == 1 && apply.failed && apply.n == 0);
    struct local_store *no_loop;
    assert_int_equal(local_open(f->spec, LOCAL_ENGINE, NULL, &no_loop, &e), 0); /* the lock went with close */
    assert_int_equal(no_loop->store.ops->facts(&no_loop->store, &sp, testing_on_facts, &facts, &e), -1);
    assert_int_equal(facts.calls, 1);
    local_close(&no_loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_file),       TEST(test_default_path),  TEST(test_refused),   TEST(test_migrations),
        TEST(test_full_disk),  TEST(test_read_only_directory), TEST(test_lock), TEST(test_lock_dies),
        TEST(test_create),     TEST(test_outcomes),      TEST(test_ownership), TEST(test_status),
        TEST(test_phases),     TEST(test_expire),        TEST(test_keys_pruned), TEST(test_reader),
        TEST(test_watch),      TEST(test_two_processes), TEST(test_busy),      TEST(test_close_while_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

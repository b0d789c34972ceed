/* local: what is remembered beside Tasks: episodes, creations, states; and Tasks that are cancelled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tasks/sqlite/local_db.h"
#include "tasks/sqlite/schema.h"
#include "tasks/sqlite/testing.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define DAY (24 * 3600 * MOMENT_SECOND)

struct fixture {
    char *dir, *path, *spec;
    uv_loop_t loop;
    struct local_store *s;
    struct spawner sp;
};

static void engine(struct fixture *f)
{
    struct err e = {0};
    if (local_open(f->spec, LOCAL_ENGINE, &f->loop, &f->s, &e) != 0)
        fail_msg("%s", e.msg);
}

static void shut(struct fixture *f)
{
    local_close(&f->s);
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

static int setup_file(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    f->dir = testing_directory();
    f->path = xasprintf("%s/t.db", f->dir);
    f->spec = xasprintf("sqlite:%s", f->path);
    f->sp = testing_spawner("sp");
    uv_loop_init(&f->loop);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    setup_file(state);
    engine(*state);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    shut(f);
    int rc = uv_loop_close(&f->loop);
    testing_remove(f->dir);
    free(f->path);
    free(f->spec);
    free(f);
    return rc;
}

static struct spawner_memory *memory(struct fixture *f, moment_t now)
{
    return testing_memory(&f->loop, f->s, &f->sp, now);
}

/* Carries out what must succeed as a whole. */
static struct testing_answer change(struct fixture *f, const struct store_changes *changes, moment_t now)
{
    struct testing_answer a = testing_change(&f->loop, f->s, &f->sp, changes, now);
    if (a.failed)
        fail_msg("%s", a.err.msg);
    return a;
}

static int64_t number(const char *path, const char *text)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, text, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

/* --- episodes --- */

/* One cycle: what is remembered, a poll that holds fingerprints `from` to `to`, and all of it written. */
static void poll_one(struct fixture *f, uint64_t from, uint64_t to, moment_t starts_at, moment_t now)
{
    struct spawner_memory *m = memory(f, now);
    struct sighting *s = xcalloc(to - from, sizeof *s);
    for (uint64_t i = from; i < to; i++) /* some have the highest bit set: no signed number may come between */
        s[i - from] = (struct sighting){i * UINT64_C(0x9e3779b97f4a7c15), starts_at};
    episodes_observe(m->episodes, s, to - from, now);
    for (uint64_t i = from; i < to; i += 2)
        episodes_keep(m->episodes, i * UINT64_C(0x9e3779b97f4a7c15), UINT64_MAX - 5);
    free(s);
    change(f, &(struct store_changes){.episodes = m->episodes}, now);
    /* what was written is what is read */
    struct spawner_memory *again = memory(f, now);
    struct episode_counters want, got;
    episodes_counters(m->episodes, &want);
    episodes_counters(again->episodes, &got);
    assert_true(want.polls == got.polls && want.alerts == got.alerts && want.alerts_frozen == got.alerts_frozen &&
                want.polled_at == got.polled_at && want.frozen_since == got.frozen_since);
    assert_int_equal(episodes_len(again->episodes), episodes_len(m->episodes));
    for (size_t i = 0; i < episodes_len(m->episodes); i++) {
        struct episode row = *episodes_at(m->episodes, i);
        row.changed = false;
        assert_memory_equal(&row, episodes_at(again->episodes, i), offsetof(struct episode, changed));
        assert_false(episodes_changed(again->episodes, i));
    }
    spawner_memory_free(&again);
    spawner_memory_free(&m);
}

static void test_episodes(void **state)
{
    struct fixture *f = *state;
    struct spawner_memory *m = memory(f, NOW);
    struct episode_counters c;
    episodes_counters(m->episodes, &c);
    assert_true(c.polls == 0 && c.polled_at == MOMENT_NONE && c.frozen_since == MOMENT_NONE);
    assert_true(m->n_policies == 0 && m->n_creations == 0 && m->n_states == 0);
    spawner_memory_free(&m);
    spawner_memory_free(&m);

    const moment_t minute = 60 * MOMENT_SECOND;
    poll_one(f, 1, 100, NOW, NOW);
    poll_one(f, 1, 80, NOW, NOW + minute);
    poll_one(f, 1, 80, NOW + minute, NOW + 2 * minute); /* flaps; 80..99 are resolved */
    poll_one(f, 1, 3, NOW, NOW + 3 * minute);           /* a collapse */
    assert_int_equal(number(f->path, "SELECT frozen_since IS NOT NULL AND alerts = 79 AND alerts_frozen = 2"
                                     " FROM memory"), 1);
    shut(f);
    engine(f);
    poll_one(f, 1, 100, NOW + 4 * minute, NOW + 5 * minute);
    assert_int_equal(number(f->path, "SELECT frozen_since IS NULL AND polls = 5 FROM memory"), 1);
    assert_int_equal(number(f->path, "SELECT count(*) FROM episodes"), 99);
    assert_int_equal(number(f->path, "SELECT count(*) FROM episodes WHERE number = 2"), 20);
    poll_one(f, 1, 90, NOW, NOW + 6 * minute);
    poll_one(f, 1, 90, NOW, NOW + 7 * minute);
    const moment_t now = NOW + 8 * minute + DAY;
    poll_one(f, 1, 90, NOW, now);
    assert_int_equal(number(f->path, "SELECT count(*) FROM episodes"), 89); /* the others are forgotten */

    /* another spawner, and the same name elsewhere, remember their own */
    f->sp = testing_spawner("other");
    poll_one(f, 1, 4, now, now);
    f->sp = testing_spawner("sp");
    m = memory(f, now);
    assert_int_equal(episodes_len(m->episodes), 89);
    spawner_memory_free(&m);
    f->sp.ns = (char *)"elsewhere";
    m = memory(f, now);
    assert_int_equal(episodes_len(m->episodes), 0);
    spawner_memory_free(&m);
}

/* Rows that an apply writes. */
static int64_t rows_written(struct fixture *f, const struct store_changes *changes, moment_t now)
{
    int64_t before = sqlite3_total_changes64(f->s->db->db.sql);
    change(f, changes, now);
    return sqlite3_total_changes64(f->s->db->db.sql) - before;
}

static void test_steady(void **state)
{
    struct fixture *f = *state;
    struct sighting s[500];
    for (int i = 0; i < 3; i++) {
        struct spawner_memory *m = memory(f, NOW);
        for (uint64_t k = 0; k < 500; k++)
            s[k] = (struct sighting){k + 1, NOW};
        episodes_observe(m->episodes, s, 500, NOW);
        for (uint64_t k = 0; k < 500; k++)
            episodes_keep(m->episodes, k + 1, k + 1);
        int64_t n = rows_written(f, &(struct store_changes){.episodes = m->episodes}, NOW);
        int64_t without = rows_written(f, &(struct store_changes){0}, NOW);
        if (i == 0)
            assert_true(n >= 500);
        else
            assert_int_equal(n, without + 1); /* the counters */
        spawner_memory_free(&m);
    }
    assert_int_equal(number(f->path, "SELECT polls FROM memory"), 3);
}

/* --- creations --- */

static struct testing_answer create_for(struct fixture *f, const char *policy, const char *name, moment_t now)
{
    struct store_create c = {.identity = 7, .name = name, .policy = policy, .task = testing_task("{}")};
    struct testing_answer a = change(f, &(struct store_changes){.creates = &c, .n_creates = 1}, now);
    cJSON_Delete(c.task);
    return a;
}

static void test_creations(void **state)
{
    struct fixture *f = *state;
    create_for(f, "b.lua", "one", NOW);
    create_for(f, NULL, "two", NOW + 1);
    create_for(f, "b.lua", "three", NOW + 2);
    assert_int_equal(create_for(f, "b.lua", "three", NOW + 3).results[0].outcome, STORE_EXISTS_OURS);
    struct err e;
    assert_int_equal(local_delete_task(f->s, "default", "one", &e), 0); /* the creation stays */
    struct spawner_memory *m = memory(f, NOW + 3);
    assert_int_equal(m->n_creations, 3);
    static const char *const want[] = {"b.lua", "", "b.lua"};
    for (int i = 0; i < 3; i++) {
        assert_true(m->creations[i].at == NOW + i);
        assert_string_equal(m->policies[m->creations[i].policy], want[i]);
    }
    assert_int_equal(m->n_policies, 2);
    spawner_memory_free(&m);
    /* the clock steps back */
    m = memory(f, NOW + 1);
    assert_int_equal(m->n_creations, 3);
    assert_true(m->creations[2].at == NOW + 1);
    spawner_memory_free(&m);
    change(f, &(struct store_changes){0}, NOW + 1);
    assert_int_equal(number(f->path, "SELECT count(*) FROM creations WHERE at > 1764000000123457"), 0);
    /* a day */
    m = memory(f, NOW + DAY);
    assert_int_equal(m->n_creations, 2);
    spawner_memory_free(&m);
    change(f, &(struct store_changes){0}, NOW + DAY);
    assert_int_equal(number(f->path, "SELECT count(*) FROM creations"), 2);
    change(f, &(struct store_changes){0}, NOW + DAY + 1);
    assert_int_equal(number(f->path, "SELECT count(*) FROM creations"), 0);
}

static void test_many_creations(void **state)
{
    struct fixture *f = *state;
    struct err e;
    change(f, &(struct store_changes){0}, NOW);
    assert_int_equal(db_run(&f->s->db->db, &e,
                            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
                            " INSERT INTO creations (memory, at, policy) SELECT 1, ?1 + i / 2, 'p' || (i % 3) FROM n",
                            "ii", NOW, (int64_t)STORE_CREATIONS_MAX + 50), 0);
    for (int i = 0; i < 2; i++) {
        struct spawner_memory *m = memory(f, NOW + DAY / 2);
        assert_int_equal(m->n_creations, STORE_CREATIONS_MAX);
        assert_true(m->creations[0].at == NOW + 25); /* the newest are kept */
        assert_true(m->creations[STORE_CREATIONS_MAX - 1].at == NOW + STORE_CREATIONS_MAX / 2 + 25);
        for (size_t k = 1; k < m->n_creations; k++)
            assert_true(m->creations[k - 1].at <= m->creations[k].at);
        assert_int_equal(m->n_policies, 3);
        spawner_memory_free(&m);
        change(f, &(struct store_changes){0}, NOW + DAY / 2);
        assert_int_equal(number(f->path, "SELECT count(*) FROM creations"), STORE_CREATIONS_MAX);
    }
}

/* --- states --- */

static void write_state(struct fixture *f, const char *policy, uint64_t identity, const char *item, moment_t now)
{
    struct store_state s = {.policy = policy, .identity = identity, .version = 3, .item = item, .len = strlen(item),
                            .create = -1};
    change(f, &(struct store_changes){.states = &s, .n_states = 1}, now);
}

static const struct state_fact *state_of(const struct spawner_memory *m, const char *policy, uint64_t identity)
{
    for (size_t i = 0; i < m->n_states; i++)
        if (m->states[i].identity == identity && strcmp(m->policies[m->states[i].policy], policy) == 0)
            return &m->states[i];
    return NULL;
}

static void test_states(void **state)
{
    struct fixture *f = *state;
    static const char item[] = "a\0b\xff", empty[] = "";
    struct store_state s[] = {
        {.policy = "b", .identity = UINT64_MAX, .version = 1, .item = item, .len = sizeof item, .create = -1},
        {.policy = "b", .identity = 2, .version = UINT32_MAX, .item = "x", .len = 1, .create = -1},
        {.policy = "a", .identity = UINT64_C(1) << 63, .version = 1, .item = "y", .len = 1, .create = -1},
        {.policy = "a", .identity = 9, .version = 1, .item = "z", .len = 1, .create = -1},
        {.policy = "a", .identity = 10, .version = 1, .item = empty, .len = 0, .create = -1},
    };
    change(f, &(struct store_changes){.states = s, .n_states = 5}, NOW);
    struct spawner_memory *m = memory(f, NOW);
    static const struct {
        const char *policy;
        uint64_t identity;
    } order[] = {{"a", 9}, {"a", UINT64_C(1) << 63}, {"b", 2}, {"b", UINT64_MAX}};
    assert_int_equal(m->n_states, 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(m->policies[m->states[i].policy], order[i].policy);
        assert_true(m->states[i].identity == order[i].identity);
        assert_true(m->states[i].touched_at == NOW);
    }
    assert_int_equal(m->states[3].len, sizeof item);
    assert_memory_equal(m->states[3].item, item, sizeof item);
    assert_int_equal(m->states[2].version, UINT32_MAX);
    spawner_memory_free(&m);

    s[0] = (struct store_state){.policy = "a", .identity = 9, .create = -1};                      /* goes */
    s[1].item = "other", s[1].len = 5, s[1].version = 4;                                          /* another now */
    change(f, &(struct store_changes){.states = s, .n_states = 2}, NOW + 1);
    shut(f);
    engine(f);
    m = memory(f, NOW + 1);
    assert_int_equal(m->n_states, 3);
    assert_null(state_of(m, "a", 9));
    const struct state_fact *fact = state_of(m, "b", 2);
    assert_true(fact->version == 4 && fact->len == 5 && fact->touched_at == NOW + 1);
    assert_memory_equal(fact->item, "other", 5);
    spawner_memory_free(&m);
}

/* A state that hangs on a creation is written when that one succeeds, and only then. */
static void test_state_of_creation(void **state)
{
    struct fixture *f = *state;
    struct spawner other = testing_spawner("other");
    testing_create(&f->loop, f->s, &other, "theirs", 1, "{}", NOW);
    write_state(f, "p", 1, "old", NOW);
    write_state(f, "p", 4, "old", NOW);
    cJSON *task = testing_task("{}");
    struct store_create c[] = {{.identity = 1, .name = "theirs", .task = task, .policy = "p"},
                               {.identity = 2, .name = "mine", .task = task, .policy = "p"},
                               {.identity = 3, .name = "No Name", .task = task, .policy = "p"}};
    struct store_state s[] = {
        {.policy = "p", .identity = 1, .version = 1, .item = "new", .len = 3, .create = 0},
        {.policy = "p", .identity = 2, .version = 1, .item = "new", .len = 3, .create = 1},
        {.policy = "p", .identity = 3, .version = 1, .item = "new", .len = 3, .create = 2},
        {.policy = "p", .identity = 4, .create = 2}, /* would go */
        {.policy = "p", .identity = 5, .version = 1, .item = "new", .len = 3, .create = -1},
    };
    struct store_changes changes = {.creates = c, .n_creates = 3, .states = s, .n_states = 5};
    struct testing_answer a = change(f, &changes, NOW);
    assert_int_equal(a.results[0].outcome, STORE_EXISTS_FOREIGN);
    assert_int_equal(a.results[1].outcome, STORE_CREATED);
    assert_int_equal(a.results[2].outcome, STORE_FAILED);
    struct spawner_memory *m = memory(f, NOW);
    assert_int_equal(m->n_states, 4);
    assert_memory_equal(state_of(m, "p", 1)->item, "old", 3);
    assert_memory_equal(state_of(m, "p", 2)->item, "new", 3);
    assert_null(state_of(m, "p", 3));
    assert_memory_equal(state_of(m, "p", 4)->item, "old", 3);
    assert_memory_equal(state_of(m, "p", 5)->item, "new", 3);
    assert_int_equal(m->n_creations, 1); /* and the creation that succeeded is the only one */
    spawner_memory_free(&m);

    /* a number that is none: nothing at all is done */
    s[4].create = 3;
    s[1].create = -1;
    s[1].item = "bad";
    c[0].name = "fresh";
    a = testing_change(&f->loop, f->s, &f->sp, &changes, NOW);
    assert_true(a.failed && a.err.kind == ERR_BUG);
    assert_int_equal(number(f->path, "SELECT count(*) FROM tasks WHERE name = 'fresh'"), 0);
    assert_int_equal(number(f->path, "SELECT count(*) FROM states WHERE item = CAST('bad' AS BLOB)"), 0);
    assert_int_equal(number(f->path, "SELECT count(*) FROM creations JOIN memory ON memory.id = memory"
                                     " WHERE spawner = 'sp'"), 1);
    cJSON_Delete(task);
}

static void test_state_ceiling(void **state)
{
    struct fixture *f = *state;
    enum { ITEM = 4096, FIT = STORE_STATE_POLICY_MAX / ITEM };
    static char item[ITEM];
    struct store_state s[FIT + 1];
    for (size_t i = 0; i < FIT + 1; i++)
        s[i] = (struct store_state){.policy = "p", .identity = i + 1, .version = 1, .item = item, .len = ITEM, .create = -1};
    change(f, &(struct store_changes){.states = s, .n_states = FIT}, NOW);
    write_state(f, "q", 1, "another policy's", NOW - 5);
    assert_int_equal(number(f->path, "SELECT count(*) FROM states WHERE policy = 'p'"), FIT);
    change(f, &(struct store_changes){.states = s, .n_states = 1}, NOW + 1); /* now 2 is the least recently touched */
    change(f, &(struct store_changes){.states = s + FIT, .n_states = 1}, NOW + 2);
    assert_int_equal(number(f->path, "SELECT count(*) FROM states WHERE policy = 'p'"), FIT);
    assert_int_equal(number(f->path, "SELECT count(*) FROM states WHERE policy = 'p' AND identity = 2"), 0);
    assert_int_equal(number(f->path, "SELECT count(*) FROM states WHERE policy = 'q'"), 1);
    /* a small one more: only as many go as must */
    write_state(f, "p", 9999, "x", NOW + 3);
    assert_int_equal(number(f->path, "SELECT count(*) FROM states WHERE policy = 'p'"), FIT);
    assert_int_equal(number(f->path, "SELECT count(*) FROM states WHERE policy = 'p' AND identity IN (1, 4, 9999)"), 3);
}

/* A state lives as long as its key fires, however seldom it is written, and a day longer. */
static void test_state_expires(void **state)
{
    struct fixture *f = *state;
    const moment_t hour = 3600 * MOMENT_SECOND;
    struct sighting both[] = {{1, NOW}, {2, NOW}};
    moment_t now = NOW;
    write_state(f, "p", 77, "its key is alert 2's", now);
    write_state(f, "p", 1, "alert 1's own", now);
    write_state(f, "p", 5, "of an alert that nobody ever saw again", now);
    for (int i = 0; i < 74; i++, now += hour) {
        struct spawner_memory *m = memory(f, now);
        struct sighting s[2] = {both[0], both[1]};
        episodes_observe(m->episodes, s, i < 48 ? 2 : 1, now); /* after two days alert 2 is gone */
        episodes_keep(m->episodes, 2, 77);
        change(f, &(struct store_changes){.episodes = m->episodes}, now);
        spawner_memory_free(&m);
        m = memory(f, now);
        assert_non_null(state_of(m, "p", 1));
        assert_int_equal(state_of(m, "p", 5) != NULL, i <= 24);
        assert_int_equal(state_of(m, "p", 77) != NULL, i <= 47 + 24);
        spawner_memory_free(&m);
    }
    assert_int_equal(number(f->path, "SELECT count(*) FROM states WHERE identity = 77"), 0);
    /* without episodes nothing is known of who is there */
    change(f, &(struct store_changes){0}, now + 30 * DAY);
    assert_int_equal(number(f->path, "SELECT count(*) FROM states"), 1);
    /* the clock steps back: it is not younger than now */
    struct spawner_memory *m = memory(f, NOW);
    change(f, &(struct store_changes){.episodes = m->episodes}, NOW);
    spawner_memory_free(&m);
    m = memory(f, NOW);
    assert_true(state_of(m, "p", 1)->touched_at == NOW);
    spawner_memory_free(&m);
}

/* --- cancellations --- */

static void on_changed(void *arg, const char *ns, const char *spawner)
{
    assert_string_equal(ns, "default");
    assert_string_equal(spawner, "sp");
    ++*(int *)arg;
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct err e;
    struct spawner other = testing_spawner("other");
    static const char *const names[] = {"another", "changed", "gone", "pending", "running", "started", "succeeded", "waiting"};
    enum { N = 8 };
    for (uint64_t i = 0; i < N; i++)
        testing_create(&f->loop, f->s, &f->sp, names[i], i + 1, "{}", NOW);
    testing_create(&f->loop, f->s, &other, "theirs", 99, "{}", NOW);
    assert_int_equal(task_wait(f->s->db, "default", "waiting", "for another", NOW, &e), 0);
    assert_int_equal(local_start_task(f->s, "default", "running", NOW, &e), 0);
    assert_int_equal(local_finish_task(f->s, "default", "succeeded", TASK_SUCCEEDED, "", NOW, &e), 0);
    struct spawner_facts *facts = testing_facts(&f->loop, f->s, &f->sp),
                         *theirs = testing_facts(&f->loop, f->s, &other);
    /* after the facts were read */
    assert_int_equal(local_start_task(f->s, "default", "started", NOW, &e), 0);
    assert_int_equal(task_wait(f->s->db, "default", "changed", "for another", NOW, &e), 0);
    assert_int_equal(local_delete_task(f->s, "default", "gone", &e), 0);
    assert_int_equal(local_delete_task(f->s, "default", "another", &e), 0);
    testing_create(&f->loop, f->s, &f->sp, "another", 1, "{}", NOW + 1);
    int told = 0;
    f->s->store.ops->watch(&f->s->store, on_changed, &told);

    static const enum store_outcome want[] = {STORE_CHANGED, STORE_CHANGED, STORE_CREATED, STORE_CREATED,
                                              STORE_CHANGED, STORE_CHANGED, STORE_CHANGED, STORE_CREATED};
    struct store_cancel cancels[N + 1];
    for (size_t i = 0; i < N; i++) {
        const struct task_fact *t = spawner_facts_task(facts, names[i]);
        cancels[i] = (struct store_cancel){t->name, t->uid, t->resource_version};
    }
    cancels[N] = (struct store_cancel){"theirs", theirs->tasks[0].uid, theirs->tasks[0].resource_version};
    struct store_create c = {.identity = 50, .name = "new", .task = testing_task("{}")};
    struct testing_answer a = change(
        f, &(struct store_changes){.creates = &c, .n_creates = 1, .cancels = cancels, .n_cancels = N + 1}, NOW + 2);
    cJSON_Delete(c.task);
    assert_int_equal(a.n, N + 2);
    assert_int_equal(a.results[0].outcome, STORE_CREATED);
    for (size_t i = 0; i < N; i++) {
        if (a.results[i + 1].outcome != want[i])
            fail_msg("%s: %d, want %d: %s", names[i], a.results[i + 1].outcome, want[i], a.results[i + 1].err.msg);
        assert_int_equal(a.results[i + 1].err.kind, want[i] == STORE_CREATED ? ERR_NONE : ERR_CONFLICT);
    }
    assert_int_equal(a.results[N + 1].outcome, STORE_EXISTS_FOREIGN);
    assert_string_equal(testing_status(f->s, "pending", "phase"), "(gone)");
    assert_string_equal(testing_status(f->s, "waiting", "phase"), "(gone)");
    assert_string_equal(testing_status(f->s, "running", "phase"), "Running");
    assert_string_equal(testing_status(f->s, "theirs", "phase"), "Pending");
    spawner_facts_free(&facts);
    spawner_facts_free(&theirs);
    facts = testing_facts(&f->loop, f->s, &f->sp);
    const struct key_fact *k = spawner_facts_key(facts, 4);
    assert_non_null(k);
    assert_string_equal(k->task, "pending");
    assert_int_equal(k->attempts, 1);
    spawner_facts_free(&facts);
    while (told == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
}

/* --- tasks --- */

static void test_task_annotations(void **state)
{
    struct fixture *f = *state;
    cJSON *task = testing_task("{}");
    cJSON *annotations = object_at(object_at(task, "metadata"), "annotations");
    object_set_text(annotations, STORE_ANN_POLICY, "night.lua");
    object_set_text(annotations, STORE_ANN_ALERTNAME, "Disk \"full\"");
    struct store_create c = {.identity = 1, .name = "a", .task = task, .policy = "night.lua"};
    change(f, &(struct store_changes){.creates = &c, .n_creates = 1}, NOW);
    cJSON_Delete(task);
    testing_create(&f->loop, f->s, &f->sp, "b", 2, "{}", NOW);
    struct spawner_facts *facts = testing_facts(&f->loop, f->s, &f->sp);
    assert_string_equal(facts->tasks[0].policy, "night.lua");
    assert_string_equal(facts->tasks[0].alertname, "Disk \"full\"");
    assert_string_equal(facts->tasks[1].policy, "");
    assert_string_equal(facts->tasks[1].alertname, "");
    spawner_facts_free(&facts);
}

/* --- the file --- */

static void test_reader(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    assert_int_equal(local_open(f->spec, LOCAL_READ, &f->loop, &f->s, &e), 0);
    struct spawner_memory *m = memory(f, NOW); /* there is no file */
    assert_int_equal(episodes_len(m->episodes), 0);
    assert_true(m->n_creations == 0 && m->n_states == 0);
    spawner_memory_free(&m);
    assert_int_equal(access(f->path, F_OK), -1);
    shut(f);
    engine(f);
    create_for(f, "p", "one", NOW);
    write_state(f, "p", 5, "x", NOW);
    poll_one(f, 1, 10, NOW, NOW);
    for (int i = 0; i < 2; i++) { /* beside the engine, then alone */
        struct fixture reader = {.dir = f->dir, .path = f->path, .spec = f->spec, .sp = f->sp};
        uv_loop_init(&reader.loop);
        assert_int_equal(local_open(f->spec, LOCAL_READ, &reader.loop, &reader.s, &e), 0);
        m = memory(&reader, NOW);
        assert_int_equal(episodes_len(m->episodes), 9);
        assert_true(m->n_creations == 1 && m->n_states == 1 && m->n_policies == 1);
        struct testing_answer a = testing_change(&reader.loop, reader.s, &reader.sp,
                                                 &(struct store_changes){.episodes = m->episodes}, NOW);
        assert_true(a.failed && a.err.kind == ERR_BUG);
        spawner_memory_free(&m);
        shut(&reader);
        assert_int_equal(uv_loop_close(&reader.loop), 0);
        if (i == 0)
            shut(f);
    }
}

/* A start whose store is closed before its turn completes all the same. */
static void test_close(void **state)
{
    struct fixture *f = *state;
    struct testing_answer a = {0};
    assert_int_equal(f->s->store.ops->memory(&f->s->store, &f->sp, NOW, testing_on_memory, &a, &a.err), 0);
    shut(f);
    assert_true(a.calls == 1 && a.failed && a.memory == NULL);
    assert_int_equal(a.err.kind, ERR_UNREACHABLE);
}

/* Rows as schema 1 had them. */
static void old_file(const char *path)
{
    const char *const first[] = {schema_steps[0], NULL};
    struct db db;
    struct err e = {0};
    bool empty;
    assert_int_equal(db_open(&db, path, DB_CREATE, &e), 0);
    assert_int_equal(schema_prepare(&db, first, true, &empty, &e), 0);
    char *message = NULL;
    static const char rows[] =
        "INSERT INTO spawners (ns, name, uid, kind, created_at, total_created) VALUES"
        " ('default', 'sp', '', 'TaskSpawner', 1764000000123456, 7), ('x', 'quiet', '', 'TaskSpawner', 5, 0);"
        "INSERT INTO tasks (id, ns, name, uid, version, spawner, controllers, phase, identity, ordinal, created_at,"
        " starts_at, completed_at, expires_at, object) VALUES"
        " (3, 'default', 'a', 'u1', 11, 'sp', '', 'Succeeded', '00000000000000aa', 6, 1764000000000000, 1763000000000000,"
        "  1764000050000000, 1764000060000000, '{\"metadata\":{\"annotations\":{\"alerts.kelos.dev/policy\":\"p.lua\","
        "\"alerts.kelos.dev/alertname\":\"Disk\"}},\"spec\":{},\"status\":{\"phase\":\"Succeeded\"}}'),"
        " (4, 'default', 'b', 'u2', 12, 'sp', 'c1 ', 'Pending', '00000000000000bb', 7, 1764000000000001, NULL, NULL, NULL,"
        "  '{\"metadata\":{},\"status\":{\"phase\":\"Pending\"}}'),"
        " (5, 'default', 'damaged', 'u3', 13, 'sp', '', 'Pending', '00000000000000cc', 5, 1763000000000000, NULL, NULL,"
        "  NULL, 'no JSON');"
        "INSERT INTO keys (ns, spawner, identity, task, created_at, starts_at, phase, attempts, touched_at) VALUES"
        " ('default', 'sp', '00000000000000aa', 'a', 1764000000000000, 1763000000000000, 'Succeeded', 2, 1764000000000000);"
        "UPDATE counter SET version = 13;";
    if (sqlite3_exec(db.sql, rows, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    db_close(&db);
}

static void test_migration(void **state)
{
    struct fixture *f = *state;
    old_file(f->path);
    struct err e = {0};
    assert_int_equal(local_open(f->spec, LOCAL_READ, &f->loop, &f->s, &e), -1);
    assert_non_null(strstr(e.msg, "older alertspawner (schema 1, this one wants 2)"));
    engine(f);
    assert_int_equal(number(f->path, "PRAGMA user_version"), 2);
    assert_int_equal(number(f->path, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_int_equal(number(f->path, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    assert_int_equal(number(f->path, "SELECT count(*) FROM sqlite_schema WHERE tbl_name = 'tasks' AND type = 'index'"),
                     5); /* three of ours, two of UNIQUE */
    struct spawner_facts *facts = testing_facts(&f->loop, f->s, &f->sp);
    assert_int_equal(facts->n_tasks, 3);
    assert_int_equal(facts->total_created, 7);
    const struct task_fact *t = spawner_facts_task(facts, "a");
    assert_string_equal(t->policy, "p.lua");
    assert_string_equal(t->alertname, "Disk");
    assert_string_equal(t->uid, "u1");
    assert_string_equal(t->resource_version, "11");
    assert_true(t->identity == 0xaa && t->ordinal == 6 && t->phase == TASK_SUCCEEDED && t->owned);
    assert_true(t->created_at == 1764000000000000 && t->starts_at == 1763000000000000 &&
                t->completed_at == 1764000050000000);
    t = spawner_facts_task(facts, "b");
    assert_false(t->owned);
    assert_string_equal(t->policy, "");
    assert_true(t->starts_at == MOMENT_NONE && t->completed_at == MOMENT_NONE);
    assert_string_equal(spawner_facts_task(facts, "damaged")->alertname, "");
    assert_int_equal(spawner_facts_key(facts, 0xaa)->attempts, 2);
    spawner_facts_free(&facts);
    /* the limits of a day know of the Tasks before */
    struct spawner_memory *m = memory(f, NOW);
    assert_int_equal(m->n_creations, 2);
    assert_string_equal(m->policies[m->creations[0].policy], "p.lua");
    assert_true(m->creations[1].at == 1764000000000001);
    assert_int_equal(episodes_len(m->episodes), 0);
    spawner_memory_free(&m);
    /* and it works on: expiry by the index of the new table, creation, cascades of none */
    size_t n;
    moment_t next;
    assert_int_equal(local_expire(f->s, NOW + DAY, &n, &next, &e), 0);
    assert_int_equal(n, 1);
    testing_create(&f->loop, f->s, &f->sp, "c", 0xaa, "{}", NOW);
    poll_one(f, 1, 5, NOW, NOW);
    shut(f);
    engine(f);
    assert_int_equal(number(f->path, "SELECT max(ordinal) FROM tasks"), 8);
}

/* --- kill -9 --- */

/* Every cycle makes one Task, one more poll, and a state that says which cycle it was. */
static void engine_run(const char *spec, int out)
{
    struct fixture f = {.spec = (char *)spec, .sp = testing_spawner("sp")};
    uv_loop_init(&f.loop);
    engine(&f);
    for (;;) {
        struct spawner_memory *m = memory(&f, NOW);
        struct episode_counters before;
        struct sighting s[40];
        char name[32], item[32];
        episodes_counters(m->episodes, &before);
        for (uint64_t i = 0; i < 40; i++)
            s[i] = (struct sighting){before.polls + i, NOW};
        episodes_observe(m->episodes, s, 40, NOW + before.polls * MOMENT_SECOND);
        snprintf(name, sizeof name, "t%u", before.polls + 1);
        snprintf(item, sizeof item, "%u", before.polls + 1);
        struct store_create c = {.identity = before.polls, .name = name, .policy = "p", .task = testing_task("{}")};
        struct store_state st = {.policy = "p", .identity = 1, .version = 1, .item = item, .len = strlen(item)};
        struct testing_answer a = change(&f, &(struct store_changes){.creates = &c, .n_creates = 1, .states = &st,
                                                                     .n_states = 1, .episodes = m->episodes},
                                         NOW + before.polls * MOMENT_SECOND);
        cJSON_Delete(c.task);
        spawner_memory_free(&m);
        if (a.results[0].outcome != STORE_CREATED || write(out, "", 1) != 1)
            _exit(2);
    }
}

static void test_kill(void **state)
{
    struct fixture *f = *state;
    int64_t reported = 0;
    for (int round = 0; round < 25; round++) {
        int done[2], status;
        char c;
        assert_int_equal(pipe(done), 0);
        pid_t pid = fork();
        if (pid == 0)
            engine_run(f->spec, done[1]);
        close(done[1]);
        for (int i = round % 5; i >= 0 && read(done[0], &c, 1) == 1; i--)
            reported++;
        nanosleep(&(struct timespec){.tv_nsec = (long)round * 137 % 4000 * 1000}, NULL);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        for (; read(done[0], &c, 1) == 1;)
            reported++;
        close(done[0]);
        int64_t polls = number(f->path, "SELECT polls FROM memory");
        assert_true(polls >= reported && polls <= reported + round + 1);
        assert_int_equal(number(f->path, "SELECT total_created FROM spawners"), polls);
        assert_int_equal(number(f->path, "SELECT count(*) FROM creations"), polls);
        assert_int_equal(number(f->path, "SELECT CAST(item AS INTEGER) FROM states"), polls);
        assert_int_equal(number(f->path, "SELECT count(*) FROM episodes WHERE last_poll = 0"), 40);
        assert_int_equal(number(f->path, "SELECT count(*) FROM episodes"), polls + 39);
        reported = polls;
    }
    assert_true(reported > 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_episodes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_steady, setup, teardown),
        cmocka_unit_test_setup_teardown(test_creations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_creations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_states, setup, teardown),
        cmocka_unit_test_setup_teardown(test_state_of_creation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_state_ceiling, setup, teardown),
        cmocka_unit_test_setup_teardown(test_state_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_task_annotations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader, setup_file, teardown),
        cmocka_unit_test_setup_teardown(test_close, setup, teardown),
        cmocka_unit_test_setup_teardown(test_migration, setup_file, teardown),
        cmocka_unit_test_setup_teardown(test_kill, setup_file, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

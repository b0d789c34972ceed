/* Virtual Tasks: the contract that every store keeps, and their own life on a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tasks/sqlite/local.h"
#include "tasks/store_contract.h"
#include "tasks/virtual/virtual.h"

#include <stdio.h>
#include <unistd.h>

#define T(s) (CONTRACT_NOW + (s) * MOMENT_SECOND)

struct fixture {
    uv_loop_t loop;
    struct virtual_store *store;
    struct buf events;
    int changed;
};

static void on_event(void *arg, enum virtual_event event, const char *ns, const char *name, moment_t at)
{
    static const char *const names[] = {"started", "succeeded", "failed", "expired", "cancelled", "replaced"};
    struct fixture *f = arg;
    assert_string_equal(ns, "default");
    buf_addf(&f->events, "%s %s %lld\n", names[event], name, (long long)((at - CONTRACT_NOW) / MOMENT_SECOND));
}

static void on_changed(void *arg, const char *ns, const char *spawner)
{
    assert_string_equal(ns, "default");
    assert_non_null(spawner);
    ((struct fixture *)arg)->changed++;
}

static void open_store(struct fixture *f, uint32_t failures_ppm)
{
    struct virtual_options options = {.start_us = 5 * MOMENT_SECOND, .duration_us = 60 * MOMENT_SECOND,
                                      .failures_ppm = failures_ppm, .event = on_event, .arg = f};
    struct err e;
    *f = (struct fixture){0};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(virtual_open(&f->loop, &options, &f->store, &e), 0);
    struct store *s = virtual_interface(f->store);
    s->ops->watch(s, on_changed, f);
}

static void close_store(struct fixture *f)
{
    virtual_close(&f->store);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    buf_free(&f->events);
}

/* ---- the contract, with the local store on disk and in memory ---- */

static void local_start(void *self, const char *name, moment_t now)
{
    struct err e;
    assert_int_equal(local_start_task(self, "default", name, now, &e), 0);
}

static void local_finish(void *self, const char *name, moment_t now)
{
    struct err e;
    assert_int_equal(local_finish_task(self, "default", name, TASK_SUCCEEDED, NULL, now, &e), 0);
}

static void test_contract_local(void **state)
{
    (void)state;
    static const enum local_mode modes[] = {LOCAL_ENGINE, LOCAL_MEMORY};
    for (int i = 0; i < 2; i++) {
        char dir[] = "/tmp/as-contract-XXXXXX", spec[64], rm[80];
        struct local_store *local;
        struct err e;
        uv_loop_t loop;
        assert_non_null(mkdtemp(dir));
        snprintf(spec, sizeof spec, "sqlite:%s/tasks.db", dir);
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(local_open(spec, modes[i], &loop, &local, &e), 0);
        struct contract c = {&loop, &local->store, local, local_start, local_finish};
        contract_tests(&c);
        local_close(&local);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
        assert_int_equal(access(strchr(spec, ':') + 1, F_OK) == 0, modes[i] == LOCAL_ENGINE); /* memory leaves no file */
        snprintf(rm, sizeof rm, "rm -r %s", dir);
        assert_int_equal(system(rm), 0);
    }
}

/* Its controller is the clock: a Task starts 1 s after its creation, and runs for 1 s. */
static void clock_to(void *self, const char *name, moment_t now)
{
    struct err e;
    (void)name;
    assert_int_equal(virtual_advance(self, now, &e), 0);
}

static void test_contract(void **state)
{
    (void)state;
    struct virtual_options options = {.start_us = MOMENT_SECOND, .duration_us = MOMENT_SECOND};
    void (*const parts[])(const struct contract *) = {contract_tasks, contract_remembers};
    for (int i = 0; i < 2; i++) {
        uv_loop_t loop;
        struct virtual_store *store;
        struct err e;
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(virtual_open(&loop, &options, &store, &e), 0);
        struct contract c = {&loop, virtual_interface(store), store, clock_to, clock_to};
        parts[i](&c);
        virtual_close(&store);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
}

/* ---- their own ---- */

static struct contract contract_of(struct fixture *f)
{
    return (struct contract){.loop = &f->loop, .store = virtual_interface(f->store)};
}

static enum store_outcome create(struct fixture *f, const char *name, const char *spec, moment_t now)
{
    struct contract c = contract_of(f);
    struct spawner sp = contract_spawner("sp");
    cJSON *task = cJSON_CreateObject();
    cJSON_AddItemToObject(task, "spec", cJSON_Parse(spec));
    struct store_create x = {.identity = (uint64_t)name[0], .starts_at = now, .policy = "p", .name = name, .task = task};
    struct contract_answer a = contract_apply(&c, &sp, &(struct store_changes){.creates = &x, .n_creates = 1}, now);
    cJSON_Delete(task);
    return a.outcomes[0];
}

static void advance(struct fixture *f, moment_t now)
{
    struct err e;
    assert_int_equal(virtual_advance(f->store, now, &e), 0);
}

/* Events come in the order of time, however far the clock goes at once, and never before their time. */
static void test_life(void **state)
{
    (void)state;
    struct fixture f;
    open_store(&f, 0);
    assert_int_equal(virtual_next(f.store), MOMENT_NONE);
    assert_int_equal(create(&f, "a", "{\"ttlSecondsAfterFinished\":30}", T(0)), STORE_CREATED);
    assert_int_equal(create(&f, "b", "{}", T(10)), STORE_CREATED);
    assert_int_equal(virtual_next(f.store), T(5));
    advance(&f, T(5) - 1);
    assert_int_equal(f.events.len, 0);
    advance(&f, T(1000));
    assert_string_equal(f.events.data, "started a 5\nstarted b 15\nsucceeded a 65\nsucceeded b 75\nexpired a 95\n");
    assert_int_equal(f.changed, 3);
    assert_int_equal(virtual_next(f.store), MOMENT_NONE);
    struct contract c = contract_of(&f);
    struct spawner sp = contract_spawner("sp");
    struct spawner_facts *facts = contract_facts(&c, &sp);
    assert_null(spawner_facts_task(facts, "a"));
    assert_int_equal(spawner_facts_task(facts, "b")->completed_at, T(75));
    assert_int_equal(spawner_facts_key(facts, 'a')->completed_at, T(65));
    spawner_facts_free(&facts);
    close_store(&f);
}

/* What was cancelled or replaced has no later events of its own. */
static void test_gone(void **state)
{
    (void)state;
    struct fixture f;
    open_store(&f, 0);
    struct contract c = contract_of(&f);
    struct spawner sp = contract_spawner("sp");
    create(&f, "a", "{}", T(0));
    create(&f, "b", "{\"ttlSecondsAfterFinished\":3600}", T(0));
    struct spawner_facts *facts = contract_facts(&c, &sp);
    const struct task_fact *a = spawner_facts_task(facts, "a");
    struct store_cancel cancel = {a->name, a->uid, a->resource_version};
    struct contract_answer gone = contract_apply(&c, &sp, &(struct store_changes){.cancels = &cancel, .n_cancels = 1}, T(1));
    assert_int_equal(gone.outcomes[0], STORE_CREATED);
    spawner_facts_free(&facts);
    advance(&f, T(100));
    facts = contract_facts(&c, &sp);
    assert_int_equal(contract_create(&c, &sp, "b", 'b', spawner_facts_task(facts, "b"), T(200)), STORE_CREATED);
    spawner_facts_free(&facts);
    advance(&f, T(10000));
    assert_string_equal(f.events.data, "cancelled a 1\nstarted b 5\nsucceeded b 65\nreplaced b 200\nstarted b 205\nsucceeded b 265\n");
    close_store(&f);
}

/* About as many fail as was asked for, and the same ones each time. */
static void test_failures(void **state)
{
    (void)state;
    struct buf first = {0};
    for (int run = 0; run < 2; run++) {
        struct fixture f;
        open_store(&f, 250000);
        for (int i = 0; i < 200; i++) {
            char name[16];
            snprintf(name, sizeof name, "t%d", i);
            create(&f, name, "{}", T(i));
        }
        advance(&f, T(10000));
        int failed = 0;
        for (const char *p = f.events.data; (p = strstr(p, "failed ")) != NULL; p++)
            failed++;
        assert_in_range(failed, 30, 70);
        if (run == 0)
            buf_add(&first, f.events.data, f.events.len);
        else
            assert_string_equal(f.events.data, first.data);
        close_store(&f);
    }
    buf_free(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract_local), cmocka_unit_test(test_contract), cmocka_unit_test(test_life),
        cmocka_unit_test(test_gone),           cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

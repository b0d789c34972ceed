/* store: phases, and finding things in facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tasks/store.h"

static void test_phases(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum task_phase phase;
        bool terminal;
    } rows[] = {
        {"", TASK_NEW, false},          {"Pending", TASK_PENDING, false},    {"Waiting", TASK_WAITING, false},
        {"Running", TASK_RUNNING, false}, {"Succeeded", TASK_SUCCEEDED, true}, {"Failed", TASK_FAILED, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum task_phase p = TASK_NEW;
        assert_int_equal(task_phase_parse(rows[i].name, &p), 0);
        assert_int_equal(p, rows[i].phase);
        assert_string_equal(task_phase_name(p), rows[i].name);
        assert_int_equal(task_phase_terminal(p), rows[i].terminal);
    }
    enum task_phase p;
    assert_int_equal(task_phase_parse("failed", &p), -1);
    assert_int_equal(task_phase_parse("Unknown", &p), -1);
}

static void test_facts(void **state)
{
    (void)state;
    struct spawner_facts *f = xcalloc(1, sizeof *f);
    assert_null(spawner_facts_task(f, "a"));
    assert_null(spawner_facts_key(f, 1));
    static const char *const names[] = {"a", "b", "d"};
    static const uint64_t ids[] = {1, 7, UINT64_C(0xffffffffffffffff)};
    f->tasks = xcalloc(3, sizeof *f->tasks);
    f->keys = xcalloc(3, sizeof *f->keys);
    f->n_tasks = f->n_keys = 3;
    for (int i = 0; i < 3; i++) {
        f->tasks[i].name = xstrdup(names[i]);
        f->keys[i].identity = ids[i];
    }
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(spawner_facts_task(f, names[i]), &f->tasks[i]);
        assert_ptr_equal(spawner_facts_key(f, ids[i]), &f->keys[i]);
    }
    assert_null(spawner_facts_task(f, "c"));
    assert_null(spawner_facts_key(f, 8));
    spawner_facts_free(&f);
    assert_null(f);
    spawner_facts_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_phases), cmocka_unit_test(test_facts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

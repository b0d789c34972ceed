/* What the tests of the local store share: a directory of their own, a spawner made by hand, and operations that wait. */
#pragma once

#include "base/mem.h"
#include "spawner/spawner.h"
#include "tasks/sqlite/local.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW (INT64_C(1764000000) * MOMENT_SECOND + 123456) /* 2025-11-24T16:00:00.123456Z */

static inline int testing_unlink(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st;
    (void)flag;
    (void)f;
    return remove(path);
}

static inline char *testing_directory(void)
{
    char *dir = xstrdup("/tmp/as-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static inline void testing_remove(char *dir)
{
    nftw(dir, testing_unlink, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

static inline struct spawner testing_spawner(const char *name)
{
    return (struct spawner){
        .kind = (char *)"TaskSpawner", .name = (char *)name, .ns = (char *)"default", .uid = (char *)""};
}

static inline cJSON *testing_task(const char *spec)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "apiVersion", "kelos.dev/v1alpha2");
    cJSON_AddStringToObject(o, "kind", "Task");
    cJSON *s = cJSON_Parse(spec);
    assert_non_null(s);
    cJSON_AddItemToObject(o, "spec", s);
    return o;
}

struct testing_answer {
    int calls;
    struct spawner_facts *facts;
    struct spawner_memory *memory;
    struct store_result results[64];
    size_t n;
    bool failed;
    struct err err;
};

static inline void testing_on_facts(void *arg, struct spawner_facts *facts, const struct err *e)
{
    struct testing_answer *a = arg;
    a->calls++;
    a->facts = facts;
    a->failed = e != NULL;
    if (e != NULL)
        a->err = *e;
}

static inline void testing_on_apply(void *arg, const struct store_result *results, size_t n, const struct err *e)
{
    struct testing_answer *a = arg;
    a->calls++;
    a->n = n;
    for (size_t i = 0; i < n && i < 64; i++)
        a->results[i] = results[i];
    a->failed = e != NULL;
    if (e != NULL)
        a->err = *e;
}

static inline void testing_wait(uv_loop_t *loop, const struct testing_answer *a)
{
    while (a->calls == 0)
        uv_run(loop, UV_RUN_ONCE);
}

static inline struct spawner_facts *testing_facts(uv_loop_t *loop, struct local_store *s, const struct spawner *sp)
{
    struct testing_answer a = {0};
    assert_int_equal(s->store.ops->facts(&s->store, sp, testing_on_facts, &a, &a.err), 0);
    assert_int_equal(a.calls, 0);
    testing_wait(loop, &a);
    assert_false(a.failed);
    return a.facts;
}

static inline struct testing_answer testing_change(uv_loop_t *loop, struct local_store *s, const struct spawner *sp,
                                                   const struct store_changes *changes, moment_t now)
{
    struct testing_answer a = {0};
    assert_int_equal(s->store.ops->apply(&s->store, sp, changes, now, testing_on_apply, &a, &a.err), 0);
    assert_int_equal(a.calls, 0);
    testing_wait(loop, &a);
    return a;
}

static inline struct testing_answer testing_apply(uv_loop_t *loop, struct local_store *s, const struct spawner *sp,
                                                  const struct store_create *creates, size_t n,
                                                  const struct cycle_status *status, moment_t now)
{
    return testing_change(loop, s, sp,
                          &(struct store_changes){.creates = creates, .n_creates = n, .status = status}, now);
}

static inline void testing_on_memory(void *arg, struct spawner_memory *memory, const struct err *e)
{
    struct testing_answer *a = arg;
    a->calls++;
    a->memory = memory;
    a->failed = e != NULL;
    if (e != NULL)
        a->err = *e;
}

static inline struct spawner_memory *testing_memory(uv_loop_t *loop, struct local_store *s, const struct spawner *sp,
                                                    moment_t now)
{
    struct testing_answer a = {0};
    assert_int_equal(s->store.ops->memory(&s->store, sp, now, testing_on_memory, &a, &a.err), 0);
    assert_int_equal(a.calls, 0);
    testing_wait(loop, &a);
    assert_false(a.failed);
    assert_non_null(a.memory->episodes);
    return a.memory;
}

/* One Task, which must be created. */
static inline void testing_create(uv_loop_t *loop, struct local_store *s, const struct spawner *sp, const char *name,
                                  uint64_t identity, const char *spec, moment_t now)
{
    struct store_create c = {.identity = identity, .starts_at = now, .name = name, .task = testing_task(spec)};
    struct testing_answer a = testing_apply(loop, s, sp, &c, 1, NULL, now);
    cJSON_Delete(c.task);
    assert_false(a.failed);
    assert_string_equal(a.results[0].err.msg, "");
    assert_int_equal(a.results[0].outcome, STORE_CREATED);
}

static inline cJSON *testing_get(struct local_store *s, const char *name)
{
    struct err e;
    cJSON *list = NULL;
    if (local_list_tasks(s, "default", name, &list, &e) != 0)
        return NULL;
    cJSON *o = cJSON_DetachItemFromArray(list, 0);
    cJSON_Delete(list);
    return o;
}

/* A member of `status`, "" when absent; valid until the next call. */
static inline const char *testing_status(struct local_store *s, const char *name, const char *member)
{
    static char text[1024];
    cJSON *o = testing_get(s, name);
    const char *v = cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(o, "status"), member));
    snprintf(text, sizeof text, "%s", o == NULL ? "(gone)" : v != NULL ? v : "");
    cJSON_Delete(o);
    return text;
}

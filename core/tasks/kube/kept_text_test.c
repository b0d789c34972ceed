/* The ConfigMap's text: there and back, the ceiling, what is no such text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tasks/kube/kept_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define T(s) (INT64_C(1764000000) * MOMENT_SECOND + (s) * MOMENT_SECOND)

static uint64_t seed = 88172645463325252u;

static uint64_t dice(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static void born(struct kept *k, uint64_t identity, const char *task, const char *policy, moment_t at)
{
    struct kept_birth b = {.identity = identity, .ordinal = k->total + 1, .task = task, .policy = policy, .created_at = at,
                           .starts_at = at - 5};
    kept_born(k, &b);
}

static struct kept *sample(void)
{
    struct kept *k = kept_create();
    free(k->uid);
    k->uid = xstrdup("0f7f6f57-0000-4a51-9b36-0123456789ab");
    born(k, 0xffffffffffffffff, "oom-remediator-x-ffffffffffffffff", "10% of\tall\nof \"them\"", T(0));
    born(k, 1, "b", "", T(1));
    k->keys[0].fact.phase = TASK_FAILED;
    k->keys[0].fact.completed_at = T(2);
    k->counters = (struct episode_counters){.polls = 12, .alerts = 3, .polled_at = T(9) + 123456, .frozen_since = MOMENT_NONE};
    k->episodes = xcalloc(2, sizeof *k->episodes);
    k->n_episodes = 2;
    k->episodes[0] = (struct episode){.fingerprint = 0x00000000deadbeef, .identity = 7, .first_seen = 1, .starts_at = 2,
                                      .first_poll = 3, .last_poll = 4, .last_seen = 5, .absent_s = 6, .flap_slot = 7,
                                      .flaps = {1, 0, 255, 3, 4, 5}, .number = 65535, .missed = 2};
    k->episodes[1] = (struct episode){.fingerprint = UINT64_MAX, .first_poll = 1};
    k->states = xcalloc(2, sizeof *k->states);
    k->n_states = k->cap_states = 2;
    k->states[0] = (struct state_fact){.policy = 1, .identity = 9, .version = 3, .touched_at = T(4),
                                       .item = xstrndup("m\0\1%\t\n\xff", 7), .len = 7};
    k->states[1] = (struct state_fact){.policy = 0, .identity = 9, .version = 1, .touched_at = T(5),
                                       .item = xstrndup("s", 1), .len = 1};
    return k;
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct kept *k = sample(), *back = NULL;
    struct buf first = {0}, second = {0};
    struct err e = {0};
    assert_int_equal(kept_write(k, &first), 0);
    if (kept_read(first.data, first.len, &back, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(back->total, 2);
    assert_string_equal(back->uid, k->uid);
    assert_string_equal(back->policies[0], k->policies[0]);
    assert_memory_equal(back->episodes, k->episodes, 2 * sizeof *k->episodes);
    assert_memory_equal(back->states[0].item, "m\0\1%\t\n\xff", 7);
    assert_int_equal(back->states[0].len, 7);
    assert_int_equal(back->keys[0].fact.phase, TASK_FAILED);
    assert_true(back->keys[1].fact.completed_at == MOMENT_NONE);
    assert_true(back->counters.frozen_since == MOMENT_NONE);
    assert_true(back->counters.polled_at == k->counters.polled_at);
    assert_int_equal(kept_write(back, &second), 0);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    buf_free(&first);
    buf_free(&second);
    kept_free(&k);
    kept_free(&back);
}

static void pack(const char *text, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)text, .avail_in = (uInt)strlen(text)};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, 0), Z_OK);
    buf_clear(out);
    buf_reserve(out, 4096);
    z.next_out = (Bytef *)out->data;
    z.avail_out = 4096;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len = z.total_out;
    deflateEnd(&z);
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "does not begin"},
        {"hello\nend\n", "does not begin"},
        {"alertspawner-memory 2\nend\n", "version 2"},
        {"alertspawner-memory 1\n", "cut short"},
        {"alertspawner-memory 1\ntotal\t-1\nend\n", "line 2"},
        {"alertspawner-memory 1\ntotal\t1 2\nend\n", "line 2"},
        {"alertspawner-memory 1\ntotal\nend\n", "line 2"},
        {"alertspawner-memory 1\ncreation\t0\t1\t5\nend\n", "line 2"}, /* no such policy */
        {"alertspawner-memory 1\npolicy\tp\nstate\t7\t0000000000000001\t1\t5\tx\nend\n", "line 3"},
        {"alertspawner-memory 1\nkey\t0000000000000002\tb\t1\t-\t9\t1\t1\t1\t1\nend\n", "line 2"}, /* no such phase */
        {"alertspawner-memory 1\npolicy\t%zz\nend\n", "line 2"},
    };
    struct buf gzip = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kept *k = NULL;
        struct err e = {0};
        pack(bad[i].text, &gzip);
        assert_int_equal(kept_read(gzip.data, gzip.len, &k, &e), -1);
        assert_null(k);
        if (strstr(e.msg, bad[i].says) == NULL)
            fail_msg("%zu: \"%s\" does not say \"%s\"", i, e.msg, bad[i].says);
    }
    struct kept *k = NULL;
    struct err e = {0};
    pack("alertspawner-memory 1\nsomething later\t1\nend\n", &gzip); /* a line of a later one is passed over */
    assert_int_equal(kept_read(gzip.data, gzip.len, &k, &e), 0);
    kept_free(&k);
    assert_int_equal(kept_read("junk", 4, &k, &e), -1);
    assert_int_equal(kept_read("", 0, &k, &e), -1);
    buf_free(&gzip);
}

/* Every single cut and every single damaged byte is noticed or harmless: never a crash. */
static void test_damage(void **state)
{
    (void)state;
    struct kept *k = sample(), *back;
    struct buf gzip = {0};
    struct err e;
    kept_write(k, &gzip);
    for (size_t i = 0; i < gzip.len; i++) {
        char *copy = xstrndup(gzip.data, i);
        assert_int_equal(kept_read(copy, i, &back, &e), -1);
        free(copy);
        copy = xstrndup(gzip.data, gzip.len);
        copy[i] ^= 0x10;
        if (kept_read(copy, gzip.len, &back, &e) == 0)
            kept_free(&back);
        free(copy);
    }
    buf_free(&gzip);
    kept_free(&k);
}

static void test_ceiling(void **state)
{
    (void)state;
    struct kept *k = kept_create(), *back;
    char name[64];
    struct err e;
    size_t n = 40000;
    k->episodes = xcalloc(n, sizeof *k->episodes);
    for (size_t i = 0; i < n; i++)
        k->episodes[k->n_episodes++] =
            (struct episode){.fingerprint = dice(), .identity = dice(), .first_seen = (uint32_t)dice(),
                             .starts_at = (uint32_t)dice(), .first_poll = 1, .number = 1,
                             .last_poll = i % 2 == 0 ? 0 : 5, .last_seen = i % 2 == 0 ? 0 : (uint32_t)(1000 + i)};
    for (size_t i = 0; i < 1000; i++) {
        uint64_t identity = dice();
        snprintf(name, sizeof name, "spawner-alert-%016llx", (unsigned long long)identity);
        born(k, identity, name, "p", T((int64_t)i));
    }
    uint64_t newest = k->keys[0].fact.identity;
    for (size_t i = 0; i < k->n_keys; i++)
        if (k->keys[i].fact.created_at == T(999))
            newest = k->keys[i].fact.identity;
    struct buf gzip = {0};
    size_t gone = kept_write(k, &gzip);
    print_message("%zu bytes hold %zu alerts and %zu keys; %zu entries went\n", gzip.len, k->n_episodes, k->n_keys, gone);
    assert_true(gone > 0);
    assert_true(gzip.len <= KEPT_BYTES_MAX);
    assert_true(gzip.len > KEPT_BYTES_MAX / 2); /* and not for the sake of it */
    assert_int_equal(kept_read(gzip.data, gzip.len, &back, &e), 0);
    /* Episodes that are away went first, the longest away of them; all keys are there. */
    size_t there = 0;
    uint32_t earliest = UINT32_MAX;
    for (size_t i = 0; i < back->n_episodes; i++) {
        there += back->episodes[i].last_poll == 0;
        if (back->episodes[i].last_poll != 0 && back->episodes[i].last_seen < earliest)
            earliest = back->episodes[i].last_seen;
    }
    assert_int_equal(back->n_keys, k->n_keys);
    if (back->n_keys == 1000)
        assert_true(there == n / 2);
    assert_true(earliest > 1001);
    bool found = false;
    for (size_t i = 0; i < back->n_keys; i++)
        found |= back->keys[i].fact.identity == newest;
    assert_true(found);
    assert_int_equal(back->n_episodes, k->n_episodes); /* what went is gone here, too */
    buf_free(&gzip);
    kept_free(&k);
    kept_free(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

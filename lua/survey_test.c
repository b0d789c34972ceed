#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "survey.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t seed = 88172645463325252u;

static uint32_t chance(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % n;
}

struct stored {
    struct buf bytes, index;
    struct alert alert;
};

static void store(struct stored *s, const char *labels)
{
    struct err e;
    buf_addf(&s->bytes,
             "{\"annotations\":{},\"fingerprint\":\"a1b2c3d4e5f60718\",\"labels\":{%s},"
             "\"startsAt\":\"2026-11-18T10:00:00Z\",\"status\":{\"state\":\"active\"}}",
             labels);
    assert_int_equal(alert_index(s->bytes.data, s->bytes.len, &s->index, &e), ALERT_OK);
    alert_view(&s->alert, s->bytes.data, s->index.data);
}

/* Escapes, empty values, values that are names, absent labels. */
static void store_any(struct stored *s)
{
    static const char *const values[] = {
        "a", "b", "NodeDown", "pod", "", "x\\u00e9\\\"y", "\\u0000", "10.0.0.1:9100", "a\\nb"};
    static const char *const names[] = {"alertname", "pod", "node", "a", "\\u0061b"};
    struct buf labels = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (chance(4))
            buf_addf(&labels, "%s\"%s\":\"%s\"", labels.len ? "," : "", names[i],
                     values[chance(sizeof values / sizeof *values)]);
    store(s, labels.len ? labels.data : "");
    buf_free(&labels);
}

/* The oracle is the matcher itself, alert by alert. */
static void counts_are_the_matchers(void **state)
{
    (void)state;
    static const char *const texts[] = {"alertname=NodeDown",
                                        "alertname=a,pod=b",
                                        "alertname!=a",
                                        "alertname=\"\"",
                                        "alertname!=\"\"",
                                        "alertname=~\"a|b\"",
                                        "alertname=Nobody",
                                        "pod=pod",
                                        "pod=\"\"",
                                        "pod=~\"\"",
                                        "pod!~\".+\"",
                                        "nothing=\"\"",
                                        "nothing=a",
                                        "nothing=~\".*\"",
                                        "node=\"x\u00e9\\\"y\"",
                                        "node=\"a\\nb\"",
                                        "node=~\"10.*\",alertname=NodeDown",
                                        "alertname=a,alertname=b",
                                        "alertname=a,alertname!=b",
                                        "ab=a",
                                        "a=~\"a|\"",
                                        "alertname=NodeDown,pod!=a,node!~\"a|b\",a=\"\""};
    enum { MAX = 700 };
    static const size_t sizes[] = {0, 1, 2, 30, MAX}; /* beyond 256 expressions remember their answers */
    struct stored *all = xcalloc(MAX, sizeof *all);
    for (size_t i = 0; i < MAX; i++)
        store_any(&all[i]);
    for (size_t round = 0; round < sizeof sizes / sizeof *sizes; round++) {
        struct survey *s = survey_create();
        struct buf space = {0};
        for (size_t i = 0; i < sizes[round]; i++)
            survey_add(s, &all[i].alert);
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
            struct err e;
            size_t want = 0, cost, known = 0, len = strlen(texts[t]);
            struct matcher *m = matcher_parse(texts[t], len, &e);
            assert_non_null(m);
            for (size_t i = 0; i < sizes[round]; i++)
                want += matcher_fits(m, &all[i].alert, &space);
            assert_false(survey_known(s, texts[t], len, &known));
            assert_true(survey_candidates(s, m) >= want);
            assert_int_equal(survey_count(s, m, texts[t], len, &cost), want);
            assert_true(survey_known(s, texts[t], len, &known));
            assert_int_equal(known, want);
            matcher_free(&m);
        }
        buf_free(&space);
        survey_free(&s);
    }
    for (size_t i = 0; i < MAX; i++) {
        buf_free(&all[i].bytes);
        buf_free(&all[i].index);
    }
    free(all);
}

/* More alerts after a count: what was known is forgotten. */
static void a_survey_may_grow(void **state)
{
    (void)state;
    struct survey *s = survey_create();
    struct stored one = {0};
    struct err e;
    size_t cost, known;
    struct matcher *m = matcher_parse("alertname=a", 11, &e);
    store(&one, "\"alertname\":\"a\"");
    for (size_t i = 1; i <= 3; i++) {
        survey_add(s, &one.alert);
        assert_false(survey_known(s, "alertname=a", 11, &known));
        assert_int_equal(survey_count(s, m, "alertname=a", 11, &cost), i);
    }
    matcher_free(&m);
    survey_free(&s);
    buf_free(&one.bytes);
    buf_free(&one.index);
}

/* 100,000 alerts as clusters have them are far below the ceiling; what is above it is not half there. */
static void a_survey_has_a_size(void **state)
{
    (void)state;
    struct survey *s = survey_create();
    for (size_t i = 0; i < 100000; i++) {
        struct stored one = {0};
        char labels[400];
        snprintf(labels, sizeof labels,
                 "\"alertname\":\"A%zu\",\"cluster\":\"eu-1\",\"container\":\"api\",\"instance\":\"10.0.%zu.%"
                 "zu:9100\","
                 "\"job\":\"kubelet\",\"namespace\":\"n%zu\",\"pod\":\"api-7c9d8f5b6-%zu\",\"severity\":"
                 "\"critical\","
                 "\"team\":\"t%zu\",\"uid\":\"%zx\"",
                 i % 300, i / 250 % 250, i % 250, i % 500, i, i % 40, i * 2654435761u);
        store(&one, labels);
        survey_add(s, &one.alert);
        buf_free(&one.bytes);
        buf_free(&one.index);
    }
    assert_false(survey_is_full(s));
    print_message("100,000 alerts: %zu KiB\n", survey_memory(s) / 1024);
    assert_true(survey_memory(s) < SURVEY_MEMORY_MAX * 3 / 4);

    struct stored large = {0};
    struct buf labels = {0};
    buf_adds(&labels, "\"alertname\":\"a\",\"b\":\"");
    for (size_t i = 0; i < 900000; i++)
        buf_addc(&labels, 'x');
    size_t at = labels.len;
    for (int i = 0; i < 60 && !survey_is_full(s); i++) {
        labels.len = at;
        buf_addf(&labels, "%d\"", i);
        buf_clear(&large.bytes);
        buf_clear(&large.index);
        store(&large, labels.data);
        survey_add(s, &large.alert);
    }
    assert_true(survey_is_full(s));
    survey_add(s, &large.alert);
    assert_true(survey_memory(s) < 100000);
    buf_free(&labels);
    buf_free(&large.bytes);
    buf_free(&large.index);
    survey_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_the_matchers),
        cmocka_unit_test(a_survey_may_grow),
        cmocka_unit_test(a_survey_has_a_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The index of an alert: what is one, what is none, what is no JSON; random damage against cJSON as the oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/alert_check.h"
#include "alerts/identity.h"

#define FP    "\"fingerprint\":\"00ff00ff12345678\""
#define START "\"startsAt\":\"2026-11-22T08:15:30.123Z\""
#define STATE "\"status\":{\"state\":\"active\",\"silencedBy\":[],\"inhibitedBy\":[]}"
#define REST  FP "," START "," STATE
#define OK_LABELS(l) "{\"labels\":{" l "}," REST "}"
#define WITH(m)      "{\"labels\":{}," REST "," m "}"

static const struct {
    enum alert_verdict verdict;
    const char *json;
    const char *says; /* part of the sentence */
} rows[] = {
    {ALERT_OK, "{\"labels\":{}," REST "}", ""},
    {ALERT_OK, " \n\t{ \"labels\" : { } , " REST " } \r\n", ""},
    {ALERT_OK, OK_LABELS("\"alertname\":\"A\",\"b\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\""), ""},
    {ALERT_OK, OK_LABELS("\"z\":\"1\",\"a\":\"2\",\"m\":\"3\""), ""},
    {ALERT_OK, OK_LABELS("\"\":\"\",\"\xc3\xa9\":\"\xf0\x9f\x98\x80\",\"x\x7f\":\"\\u0000\""), ""},
    {ALERT_OK, "{\"l\\u0061bels\":{},\"\\u0066ingerprint\":\"00ff00ff12345678\"," START "," STATE "}", ""},
    {ALERT_OK, "{\"labels\":{},\"fingerprint\":\"00ff00ff1234567\\u0038\"," START "," STATE "}", ""},
    {ALERT_OK, "{\"labels\":{}," FP ",\"startsAt\":\"2026-11-22\\u005408:15:30+03:00\"," STATE "}", ""},
    {ALERT_OK, WITH("\"annotations\":{\"a\":\"b\"},\"endsAt\":\"x\",\"updatedAt\":\"\",\"generatorURL\":\"http://x\""), ""},
    {ALERT_OK, WITH("\"receivers\":[{\"name\":\"a\"},{\"name\":\"a\",\"labels\":{}}]"), ""},
    {ALERT_OK, WITH("\"annotations\":null,\"receivers\":null,\"generatorURL\":null"), ""},
    {ALERT_OK, WITH("\"x\":[1,-0,0.5,1e9,1E-3,-1.25e+10,true,false,null,{\"a\":[]},[[]],\"\"]"), ""},
    {ALERT_OK, "{\"labels\":{}," FP "," START ",\"status\":{\"state\":\"suppressed\",\"silencedBy\":[\"a\",\"b\"],"
               "\"inhibitedBy\":[\"c\"],\"mutedBy\":[],\"other\":{}}}", ""},
    {ALERT_OK, WITH("\"x\":" "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" /* 63 */
                    "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), ""},

    {ALERT_BAD, "17", "it is a number, not an object"},
    {ALERT_BAD, "null", "it is null, not an object"},
    {ALERT_BAD, "[]", "it is an array, not an object"},
    {ALERT_BAD, "\"{}\"", "it is a string, not an object"},
    {ALERT_BAD, "{}", "it has no fingerprint"},
    {ALERT_BAD, "{" REST "}", "it has no labels"},
    {ALERT_BAD, "{\"labels\":{}," START "," STATE "}", "it has no fingerprint"},
    {ALERT_BAD, "{\"labels\":{}," FP "," STATE "}", "it has no startsAt"},
    {ALERT_BAD, "{\"labels\":{}," FP "," START "}", "it has no status"},
    {ALERT_BAD, "{\"labels\":{}," FP "," START ",\"status\":{}}", "it has no status.state"},
    {ALERT_BAD, "{\"labels\":{}," FP "," START ",\"status\":{\"state\":1}}", "status.state is a number"},
    {ALERT_BAD, "{\"labels\":{}," FP "," START ",\"status\":\"active\"}", "status is a string, not an object"},
    {ALERT_BAD, "{\"labels\":null," REST "}", "labels is null, not an object"},
    {ALERT_BAD, "{\"labels\":[\"a\"]," REST "}", "labels is an array, not an object"},
    {ALERT_BAD, OK_LABELS("\"a\":\"b\",\"secret\":17"), "label 2 is a number, not a string"},
    {ALERT_BAD, OK_LABELS("\"a\":{}"), "label 1 is an object, not a string"},
    {ALERT_BAD, OK_LABELS("\"a\":null"), "label 1 is null, not a string"},
    {ALERT_BAD, WITH("\"annotations\":{\"a\":true}"), "annotation 1 is a boolean, not a string"},
    {ALERT_BAD, WITH("\"receivers\":[\"a\"]"), "receiver 1 is a string, not an object"},
    {ALERT_BAD, WITH("\"receivers\":[{}]"), "receiver 1 has no name"},
    {ALERT_BAD, WITH("\"receivers\":[{\"name\":1}]"), "the name of receiver 1 is a number"},
    {ALERT_BAD, WITH("\"receivers\":{}"), "receivers is an object, not an array"},
    {ALERT_BAD, WITH("\"endsAt\":1"), "endsAt is a number, not a string"},
    {ALERT_BAD, "{\"labels\":{}," FP "," START ",\"status\":{\"state\":\"a\",\"silencedBy\":[1]}}",
     "silencedBy 1 is a number"},
    {ALERT_BAD, "{\"labels\":{}," FP "," START ",\"status\":{\"state\":\"a\",\"inhibitedBy\":\"x\"}}",
     "inhibitedBy is a string, not an array"},
    {ALERT_BAD, "{\"labels\":{},\"fingerprint\":\"00FF00FF12345678\"," START "," STATE "}", "lower-case hex"},
    {ALERT_BAD, "{\"labels\":{},\"fingerprint\":\"00ff00ff1234567\"," START "," STATE "}", "16 lower-case"},
    {ALERT_BAD, "{\"labels\":{},\"fingerprint\":\"00ff00ff123456789\"," START "," STATE "}", "16 lower-case"},
    {ALERT_BAD, "{\"labels\":{},\"fingerprint\":17," START "," STATE "}", "fingerprint is a number, not a string"},
    {ALERT_BAD, "{\"labels\":{}," FP ",\"startsAt\":\"yesterday\"," STATE "}", "startsAt is no RFC 3339"},
    {ALERT_BAD, "{\"labels\":{}," FP ",\"startsAt\":\"\"," STATE "}", "startsAt is no RFC 3339"},
    /* duplicates, at every level, however written */
    {ALERT_BAD, OK_LABELS("\"a\":\"1\",\"a\":\"1\""), "twice in labels"},
    {ALERT_BAD, OK_LABELS("\"z\":\"1\",\"b\":\"1\",\"a\":\"1\",\"z\":\"2\""), "twice in labels"},
    {ALERT_BAD, OK_LABELS("\"a\":\"1\",\"b\":\"1\",\"\\u0061\":\"2\""), "twice in labels"},
    {ALERT_BAD, OK_LABELS("\"\":\"1\",\"\":\"2\""), "twice in labels"},
    {ALERT_BAD, OK_LABELS("\"a\\u0000\":\"1\",\"a\\ufffd\":\"2\""), "twice in labels"},
    {ALERT_BAD, WITH("\"annotations\":{\"a\":\"1\",\"a\":\"1\"}"), "twice in annotations"},
    {ALERT_BAD, WITH("\"labels\":{}"), "labels stands twice"},
    {ALERT_BAD, WITH("\"l\\u0061bels\":{}"), "labels stands twice"},
    {ALERT_BAD, WITH(FP), "fingerprint stands twice"},
    {ALERT_BAD, WITH("\"x\":1,\"y\":2,\"x\":3"), "twice in it"},
    {ALERT_BAD, WITH("\"x\":{\"q\":1,\"q\":1}"), "twice in an object inside it"},
    {ALERT_BAD, WITH("\"receivers\":[{\"name\":\"a\",\"name\":\"a\"}]"), "twice in a receiver"},
    {ALERT_BAD, "{\"labels\":{}," FP "," START ",\"status\":{\"state\":\"a\",\"state\":\"a\"}}", "twice in status"},
    {ALERT_BAD, "{\"labels\":{}," FP "," START ",\"status\":{\"state\":\"a\",\"q\":1,\"q\":1}}", "twice in status"},

    {ALERT_BROKEN, "", "ends too early"},
    {ALERT_BROKEN, "{", "a member's name is missing"},
    {ALERT_BROKEN, "{\"a\"}", "no colon"},
    {ALERT_BROKEN, "{\"a\":}", "this is no JSON value"},
    {ALERT_BROKEN, "{\"a\":1,}", "a member's name is missing"},
    {ALERT_BROKEN, "{,}", "a member's name is missing"},
    {ALERT_BROKEN, "{\"a\":1 \"b\":2}", "neither a comma nor a closing brace"},
    {ALERT_BROKEN, "{\"a\":[1 2]}", "neither a comma nor a closing bracket"},
    {ALERT_BROKEN, "{\"a\":[1,]}", "no JSON value"},
    {ALERT_BROKEN, "{\"a\":[}", "no JSON value"},
    {ALERT_BROKEN, "{'a':1}", "name is missing"},
    {ALERT_BROKEN, "{\"a\":1}}", "something follows"},
    {ALERT_BROKEN, "{} x", "something follows the value (byte 3)"},
    {ALERT_BROKEN, "tru", "no JSON value"},
    {ALERT_BROKEN, "trueish", "something follows"},
    {ALERT_BROKEN, "NaN", "no JSON value"},
    {ALERT_BROKEN, "[01]", "starts with a zero"},
    {ALERT_BROKEN, "[-]", "no JSON value"},
    {ALERT_BROKEN, "[+1]", "no JSON value"},
    {ALERT_BROKEN, "[.5]", "no JSON value"},
    {ALERT_BROKEN, "[1.]", "lacks digits behind its point"},
    {ALERT_BROKEN, "[1e]", "digits of its exponent"},
    {ALERT_BROKEN, "[1e+]", "digits of its exponent"},
    {ALERT_BROKEN, "[0x1]", "neither a comma"},
    {ALERT_BROKEN, "\xef\xbb\xbf{}", "no JSON value"},
    {ALERT_BROKEN, "\"a", "does not end"},
    {ALERT_BROKEN, "\"a\\", "does not end"},
    {ALERT_BROKEN, "\"\\x\"", "unknown escape"},
    {ALERT_BROKEN, "\"\\u12g4\"", "four hex digits"},
    {ALERT_BROKEN, "\"\\u12\"", "four hex digits"},
    {ALERT_BROKEN, "\"\\ud800\"", "surrogate"},
    {ALERT_BROKEN, "\"\\ud800\\u0041\"", "surrogate"},
    {ALERT_BROKEN, "\"\\ud800\\ud800\"", "surrogate"},
    {ALERT_BROKEN, "\"\\udc00\"", "surrogate"},
    {ALERT_BROKEN, "{\"\\udc00\":1}", "surrogate"},
    {ALERT_BROKEN, "\"a\nb\"", "bare control character"},
    {ALERT_BROKEN, "\"\t\"", "bare control character"},
    {ALERT_BROKEN, "\"\x1f\"", "bare control character"},
    {ALERT_BROKEN, "\"\xff\"", "not UTF-8"},
    {ALERT_BROKEN, "\"\xc0\x80\"", "not UTF-8"},
    {ALERT_BROKEN, "\"\xed\xa0\x80\"", "not UTF-8"},
    {ALERT_BROKEN, "\"\xf4\x90\x80\x80\"", "not UTF-8"},
    {ALERT_BROKEN, "\"\xc3\"", "not UTF-8"},
    {ALERT_BROKEN, "{\"\xc3\":1}", "not UTF-8"},
    {ALERT_BROKEN, "{\f}", "name is missing"},
    /* broken beats bad */
    {ALERT_BROKEN, "{\"labels\":{\"a\":1,\"a\":2}", "neither a comma"},
    {ALERT_BROKEN, WITH("\"x\":" "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" /* 64 */
                        "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), "nested too deeply"},
};

static void test_rows(void **state)
{
    (void)state;
    struct buf index = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        enum alert_verdict v = alert_index(rows[i].json, strlen(rows[i].json), &index, &e);
        if (v != rows[i].verdict || strstr(e.msg, rows[i].says) == NULL)
            fail_msg("row %zu: %s: %d %s", i, rows[i].json, v, e.msg);
        assert_null(strstr(e.msg, "secret"));
        assert_int_equal(alert_check(rows[i].json, strlen(rows[i].json), (unsigned)i), v);
    }
    buf_free(&index);
}

static const char sample[] =
    "{\"annotations\":{\"description\":\"a \\u003e b\\nc\",\"summary\":\"\xc3\xa9\\u00e9 \\ud83d\\ude00\"},"
    "\"endsAt\":\"2026-11-22T08:45:30.123Z\",\"fingerprint\":\"fedcba9876543210\","
    "\"receivers\":[{\"name\":\"team-a\"},{\"name\":\"team-b\"}],\"startsAt\":\"2026-11-22T08:15:30.123Z\","
    "\"status\":{\"inhibitedBy\":[],\"silencedBy\":[\"s1\"],\"state\":\"suppressed\"},"
    "\"updatedAt\":\"2026-11-22T08:16:30.123Z\",\"generatorURL\":\"http://p/graph?a=1\\u0026b=2\","
    "\"labels\":{\"alertname\":\"OOM\",\"n\":\"a\\u0000b\",\"severity\":\"critical\",\"x\":\"\"}}";

static void check_text(const struct alert *a, struct span s, const char *want)
{
    char *text = alert_text_dup(a, s);
    assert_string_equal(text, want);
    assert_true(alert_span_equal(a, s, want, strlen(want)));
    assert_false(alert_span_equal(a, s, "other", 5));
    free(text);
}

static void test_view(void **state)
{
    (void)state;
    struct buf index = {0};
    struct alert a;
    assert_int_equal(alert_index(sample, strlen(sample), &index, NULL), ALERT_OK);
    alert_view(&a, sample, index.data);
    assert_int_equal(alert_index_size(a.index), index.len);
    assert_true(a.index->fingerprint == 0xfedcba9876543210u);
    assert_int_equal(a.index->n_labels, 4);
    check_text(&a, alert_label(&a, "alertname"), "OOM");
    check_text(&a, alert_label(&a, "n"), "a\xef\xbf\xbd" "b"); /* a NUL never gets out */
    check_text(&a, alert_annotation(&a, "description"), "a > b\nc");
    check_text(&a, alert_annotation(&a, "summary"), "\xc3\xa9\xc3\xa9 \xf0\x9f\x98\x80");
    check_text(&a, a.index->field[ALERT_GENERATOR_URL], "http://p/graph?a=1&b=2");
    check_text(&a, a.index->field[ALERT_STATE], "suppressed");
    check_text(&a, a.receivers[1], "team-b");
    check_text(&a, a.silenced_by[0], "s1");
    assert_true(span_absent(alert_label(&a, "summary")));
    assert_true(span_absent(alert_label(&a, "alertnam")));
    assert_null(alert_text_dup(&a, alert_label(&a, "none")));
    assert_true(alert_span_equal(&a, alert_label(&a, "none"), "", 0));
    assert_true(span_empty(alert_label(&a, "x")) && !span_absent(alert_label(&a, "x")));
    moment_t t;
    moment_parse("2026-11-22T08:15:30.123Z", 24, &t);
    assert_true(alert_moment(&a, ALERT_STARTS_AT) == t);
    /* order is that of the texts, not of the bytes */
    struct span plain = a.labels[0].value, escaped = a.labels[1].value;
    assert_true(alert_span_compare(&a, plain, escaped) < 0);
    assert_true(alert_span_compare(&a, escaped, plain) > 0);
    assert_int_equal(alert_span_compare(&a, escaped, escaped), 0);
    assert_true(alert_span_compare(&a, alert_label(&a, "none"), plain) < 0);
    assert_int_equal(alert_span_compare(&a, alert_label(&a, "none"), alert_label(&a, "x")), 0);
    buf_free(&index);
}

/* What could be read of a bad alert names it. */
static void test_bad_is_named(void **state)
{
    (void)state;
    struct buf index = {0};
    struct alert a;
    const char *json = OK_LABELS("\"alertname\":\"A\",\"b\":1");
    assert_int_equal(alert_index(json, strlen(json), &index, NULL), ALERT_BAD);
    alert_view(&a, json, index.data);
    assert_true(a.index->fingerprint == 0x00ff00ff12345678u);
    check_text(&a, alert_label(&a, "alertname"), "A");
    json = WITH(FP); /* which of the two? */
    assert_int_equal(alert_index(json, strlen(json), &index, NULL), ALERT_BAD);
    alert_view(&a, json, index.data);
    assert_true(a.index->fingerprint == 0);
    buf_free(&index);
}

static void many_labels(struct buf *json, unsigned n, unsigned step, const char *more)
{
    buf_clear(json);
    buf_adds(json, "{\"labels\":{");
    for (unsigned i = 0; i < n; i++)
        buf_addf(json, "%s\"label_%u\":\"v\"", i ? "," : "", i * step % n);
    buf_addf(json, "%s}," REST "}", more);
}

static void test_ceilings(void **state)
{
    (void)state;
    struct buf json = {0}, index = {0};
    struct err e = {0};
    many_labels(&json, ALERT_PAIRS_MAX, 37, ""); /* 37 is coprime to 1024: every label once, not sorted */
    assert_int_equal(alert_index(json.data, json.len, &index, &e), ALERT_OK);
    many_labels(&json, ALERT_PAIRS_MAX - 1, 37, ",\"label_\\u0037\":\"v\"");
    assert_int_equal(alert_index(json.data, json.len, &index, &e), ALERT_BAD);
    assert_non_null(strstr(e.msg, "twice in labels"));
    many_labels(&json, ALERT_PAIRS_MAX + 1, 1, "");
    assert_int_equal(alert_index(json.data, json.len, &index, &e), ALERT_BAD);
    assert_non_null(strstr(e.msg, "more than 1024 labels"));
    many_labels(&json, ALERT_NAMES_MAX + 1, 1, "");
    assert_int_equal(alert_index(json.data, json.len, &index, &e), ALERT_BAD);

    buf_clear(&json);
    buf_adds(&json, "{\"labels\":{\"a\":\"");
    for (int i = 0; i < ALERT_BYTES_MAX; i++)
        buf_addc(&json, 'x');
    buf_adds(&json, "\"}," REST "}");
    assert_int_equal(alert_index(json.data, json.len, &index, &e), ALERT_BAD);
    assert_non_null(strstr(e.msg, "larger than 1024 KiB"));

    buf_clear(&json);
    buf_adds(&json, "{\"labels\":{},\"receivers\":[");
    for (int i = 0; i < ALERT_LIST_MAX; i++)
        buf_adds(&json, "{\"name\":\"r\"},");
    buf_adds(&json, "{\"name\":\"r\"}]," REST "}");
    assert_int_equal(alert_index(json.data, json.len, &index, &e), ALERT_BAD);
    assert_non_null(strstr(e.msg, "1024 entries in receivers"));
    buf_free(&json);
    buf_free(&index);
}

static void test_view_checked(void **state)
{
    (void)state;
    struct buf index = {0};
    struct alert a;
    size_t len = strlen(sample);
    assert_int_equal(alert_index(sample, len, &index, NULL), ALERT_OK);
    assert_int_equal(alert_view_checked(&a, sample, len, index.data, index.len), 0);
    /* one byte less of alert: the last label's value ends 3 bytes before the end, so 4 less must fail */
    assert_int_equal(alert_view_checked(&a, sample, len - 4, index.data, index.len), -1);
    struct alert_index *x = (struct alert_index *)(void *)index.data;
    uint32_t *counts[] = {&x->n_labels, &x->n_annotations, &x->n_receivers, &x->n_silenced, &x->n_inhibited,
                          &x->n_muted};
    static const uint32_t wrong[] = {1, UINT32_MAX, 0x80000000u, 0x10000000u, ALERT_PAIRS_MAX + 1};
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) {
            uint32_t old = *counts[i];
            *counts[i] = old + wrong[j];
            assert_int_equal(alert_view_checked(&a, sample, len, index.data, index.len), -1);
            *counts[i] = old;
        }
    struct span *v = (struct span *)(void *)(x + 1);
    size_t n = (index.len - sizeof *x) / sizeof *v;
    for (size_t i = 0; i < n + ALERT_FIELDS; i++) {
        struct span *s = i < n ? &v[i] : &x->field[i - n], old = *s;
        *s = (struct span){(uint32_t)len, 1};
        assert_int_equal(alert_view_checked(&a, sample, len, index.data, index.len), -1);
        *s = (struct span){old.off, 0x7fffffff};
        assert_int_equal(alert_view_checked(&a, sample, len, index.data, index.len), -1);
        *s = (struct span){SPAN_NONE, 0};
        assert_int_equal(alert_view_checked(&a, sample, len, index.data, index.len), i < n ? -1 : 0);
        *s = old;
    }
    assert_int_equal(alert_view_checked(&a, sample, len, index.data, index.len), 0);
    buf_free(&index);
}

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Real alerts with random damage: cJSON and its missing rules must agree about every one. */
static void test_oracle(void **state)
{
    (void)state;
    static const char *const scraps[] = {"\"", "\\", "{", "}", "[", "]", ",", ":", "\\u0000", "\\ud83d", "\\ude00",
                                         "null", "true", "0", "-", "1e5", ".", "\n", "\t", " ", "\xc3", "\xa9",
                                         "\xed\xa0\x80", "\"a\":\"b\",", "\"labels\":{},", "\"state\":1,", "\\u0061", "e"};
    uint64_t seed = 88172645463325252u;
    size_t seen[3] = {0};
    struct buf json = {0};
    for (int round = 0; round < 40000; round++) {
        buf_clear(&json);
        buf_adds(&json, sample);
        for (int changes = 1 + (int)(random_next(&seed) % 3); changes > 0; changes--) {
            size_t at = random_next(&seed) % json.len, gone = random_next(&seed) % 3;
            struct buf changed = {0};
            buf_add(&changed, json.data, at);
            if (random_next(&seed) % 4 == 0)
                buf_addc(&changed, (char)random_next(&seed));
            else
                buf_adds(&changed, scraps[random_next(&seed) % (sizeof scraps / sizeof *scraps)]);
            if (at + gone < json.len)
                buf_add(&changed, json.data + at + gone, json.len - at - gone);
            buf_free(&json);
            json = changed;
        }
        seen[alert_check(json.data, json.len, (unsigned)random_next(&seed))]++;
    }
    assert_true(seen[ALERT_OK] > 100 && seen[ALERT_BAD] > 100 && seen[ALERT_BROKEN] > 100);
    buf_free(&json);
}

static void check_id(const char *label, const char *want)
{
    struct buf id = {0};
    buf_adds(&id, ">");
    identity_id(label, strlen(label), 0xab, &id);
    assert_string_equal(id.data, want);
    buf_free(&id);
}

static void test_identity(void **state)
{
    (void)state;
    check_id("KubePodCrashLooping", ">KubePodCrashLooping-00000000000000ab");
    check_id("a b/c_d", ">a-b-c_d-00000000000000ab");
    check_id("\xc3\xa9x", ">x-00000000000000ab"); /* two bytes, two dashes, both leading */
    check_id("x\xc3\xa9y", ">x--y-00000000000000ab");
    check_id("a..b...c", ">a.b.c-00000000000000ab");
    check_id("..a.-", ">a-00000000000000ab");
    check_id("a./.b", ">a.-.b-00000000000000ab");
    check_id("-.-", ">alert-00000000000000ab");
    check_id("", ">alert-00000000000000ab");
    check_id("///", ">alert-00000000000000ab");
    char text[IDENTITY_TEXT];
    identity_format(UINT64_MAX, text);
    assert_string_equal(text, "ffffffffffffffff");
    assert_int_equal(identity_number(0), 0);
    assert_int_equal(identity_number(0xffffffff00000000u), 0x7fffffff);
    assert_int_equal(identity_number(0x1234567812345678u), 0);
    assert_int_equal(identity_number(0x0000000180000000u), 1);
    assert_true(identity_of_key("", 0) == 0x2d06800538d394c2u); /* XXH3-64's published value for no bytes, seed 0 */
    assert_true(identity_of_key("a", 1) != identity_of_key("b", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),         cmocka_unit_test(test_view),   cmocka_unit_test(test_bad_is_named),
        cmocka_unit_test(test_ceilings),     cmocka_unit_test(test_oracle), cmocka_unit_test(test_view_checked),
        cmocka_unit_test(test_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Selector, spool, interned strings and the set of one poll. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/alert_set.h"
#include "alerts/intern.h"
#include "alerts/selector.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define ALERT(labels, status)                                                                                          \
    "{\"fingerprint\":\"0000000000000001\",\"startsAt\":\"2026-11-22T08:15:30Z\",\"status\":{" status                  \
    "},\"labels\":{" labels "}}"
#define ACTIVE "\"state\":\"active\",\"silencedBy\":[],\"inhibitedBy\":[]"

/* Selectors in one line: N=alertname, L=a=b label, S=severity, X=a=b excluded; separated by '~'. */
static struct selector selector_of(const char *text)
{
    static char *names[8], *severities[8], copy[256];
    static struct label_pair labels[8], excluded[8];
    struct selector s = {names, 0, labels, 0, excluded, 0, severities, 0};
    strcpy(copy, text);
    for (char *p = strtok(copy, "~"); p != NULL; p = strtok(NULL, "~")) {
        char *value = p + 2, *eq = strchr(value, '=');
        if (*p == 'L' || *p == 'X')
            *eq = '\0';
        if (*p == 'N')
            names[s.n_alert_names++] = value;
        else if (*p == 'S')
            severities[s.n_severities++] = value;
        else if (*p == 'L')
            labels[s.n_labels++] = (struct label_pair){value, eq + 1};
        else
            excluded[s.n_exclude_labels++] = (struct label_pair){value, eq + 1};
    }
    return s;
}

static void test_judge(void **state)
{
    (void)state;
    static const struct {
        const char *selector, *alert;
        enum reason want;
    } rows[] = {
        {"", ALERT("", ACTIVE), REASON_NONE},
        {"", ALERT("", "\"state\":\"unprocessed\""), REASON_NONE},
        {"", ALERT("", "\"state\":\"suppressed\""), REASON_SOURCE_STATE},
        {"", ALERT("", "\"state\":\"Active\""), REASON_SOURCE_STATE},
        {"", ALERT("", "\"state\":\"active\",\"silencedBy\":[\"x\"]"), REASON_SOURCE_SILENCED},
        {"", ALERT("", "\"state\":\"active\",\"inhibitedBy\":[\"x\"]"), REASON_SOURCE_INHIBITED},
        {"", ALERT("", "\"state\":\"suppressed\",\"silencedBy\":[\"x\"],\"inhibitedBy\":[\"y\"]"), REASON_SOURCE_STATE},
        {"N=A~N=B", ALERT("\"alertname\":\"B\"", ACTIVE), REASON_NONE},
        {"N=A~N=B", ALERT("\"alertname\":\"\\u0042\"", ACTIVE), REASON_NONE},
        {"N=A~N=B", ALERT("\"alertname\":\"b\"", ACTIVE), REASON_SOURCE_ALERTNAME},
        {"N=A", ALERT("", ACTIVE), REASON_SOURCE_ALERTNAME},
        {"N=", ALERT("", ACTIVE), REASON_NONE},
        {"N=A~N=", ALERT("\"alertname\":\"\"", ACTIVE), REASON_NONE},
        {"N=", ALERT("\"alertname\":\"A\"", ACTIVE), REASON_SOURCE_ALERTNAME},
        {"L=a=1~L=b=2", ALERT("\"a\":\"1\",\"b\":\"2\"", ACTIVE), REASON_NONE},
        {"L=a=1~L=b=2", ALERT("\"a\":\"1\",\"b\":\"3\"", ACTIVE), REASON_SOURCE_LABELS},
        {"L=a=", ALERT("", ACTIVE), REASON_NONE},
        {"L=a=", ALERT("\"a\":\"1\"", ACTIVE), REASON_SOURCE_LABELS},
        {"S=critical~S=warning", ALERT("\"severity\":\"warning\"", ACTIVE), REASON_NONE},
        {"S=critical", ALERT("\"severity\":\"warning\"", ACTIVE), REASON_SOURCE_SEVERITY},
        {"S=", ALERT("", ACTIVE), REASON_NONE},
        {"X=a=1", ALERT("\"a\":\"1\"", ACTIVE), REASON_SOURCE_EXCLUDE_LABELS},
        {"X=a=1", ALERT("\"a\":\"2\"", ACTIVE), REASON_NONE},
        {"X=a=1", ALERT("", ACTIVE), REASON_NONE},
        {"X=a=", ALERT("", ACTIVE), REASON_SOURCE_EXCLUDE_LABELS},
        {"X=a=9~X=b=2", ALERT("\"b\":\"2\"", ACTIVE), REASON_SOURCE_EXCLUDE_LABELS},
        /* the first that fails */
        {"N=A~L=a=1~S=x~X=b=2", ALERT("\"b\":\"2\"", ACTIVE), REASON_SOURCE_ALERTNAME},
        {"L=a=1~S=x~X=b=2", ALERT("\"b\":\"2\"", ACTIVE), REASON_SOURCE_LABELS},
        {"S=x~X=b=2", ALERT("\"b\":\"2\"", ACTIVE), REASON_SOURCE_SEVERITY},
    };
    struct buf index = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct alert a;
        struct selector s = selector_of(rows[i].selector);
        assert_int_equal(alert_index(rows[i].alert, strlen(rows[i].alert), &index, NULL), ALERT_OK);
        alert_view(&a, rows[i].alert, index.data);
        if (selector_judge(&s, &a) != rows[i].want)
            fail_msg("%s on %s: %s", rows[i].selector, rows[i].alert, reason_code(selector_judge(&s, &a)));
    }
    buf_free(&index);
}

#define HEAD "active=true&silenced=false&inhibited=false"

static void test_query(void **state)
{
    (void)state;
    static const struct {
        const char *selector, *want;
    } rows[] = {
        {"", HEAD},
        {"N=A", HEAD "&filter=alertname%3D%22A%22"},
        {"N=A~N=B.c", HEAD "&filter=alertname%3D~%22A%7CB%5C%5C.c%22"},
        {"N=~N=A", HEAD "&filter=alertname%3D~%22%7CA%22"},
        {"N=a\"b\\c\nd", HEAD "&filter=alertname%3D%22a%5C%22b%5C%5Cc%5Cnd%22"},
        {"N=a\\~N=\"", HEAD "&filter=alertname%3D~%22a%5C%5C%5C%5C%7C%5C%22%22"},
        {"L=a=b,c=d", HEAD "&filter=a%3D%22b%2Cc%3Dd%22"},
        {"L=a=", HEAD "&filter=a%3D%22%22"},
        {"L=a= \xc3\xa9&", HEAD "&filter=a%3D%22%20%C3%A9%26%22"},
        {"L=service.name=x~L=1a=x~L=\xc3\xa9=x", HEAD}, /* left out: old ones cannot read such names */
        {"L=a=\xff~N=\xff~N=B", HEAD},                  /* left out: they would be answered with 400 */
        {"S=critical", HEAD "&filter=severity%3D%22critical%22"},
        {"X=silenced=true~X=q=", HEAD "&filter=silenced%21%3D%22true%22&filter=q%21%3D%22%22"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct selector s = selector_of(rows[i].selector);
        struct buf q = {0};
        selector_query(&s, &q);
        assert_string_equal(q.data, rows[i].want);
        buf_free(&q);
    }
    /* too long for a request line: left out, and the next one still fits */
    char longer[SELECTOR_QUERY_MAX + 1];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    struct label_pair labels[] = {{(char *)"a", longer}, {(char *)"b", (char *)"1"}};
    struct selector s = {.labels = labels, .n_labels = 2};
    struct buf q = {0};
    selector_query(&s, &q);
    assert_string_equal(q.data, HEAD "&filter=b%3D%221%22");
    buf_free(&q);
}

static void fill(char *p, size_t len, uint64_t at)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (char)((at + i) * 2654435761u >> 7);
}

static void test_spool(void **state)
{
    (void)state;
    static char piece[300 * 1024], back[300 * 1024];
    struct spool *s = spool_create();
    struct err e;
    /* up to two bytes before the border, then over it in small steps, then on into the file */
    while (spool_size(s) < SPOOL_MEMORY - 2) {
        size_t n = SPOOL_MEMORY - 2 - spool_size(s) < sizeof piece ? SPOOL_MEMORY - 2 - spool_size(s) : sizeof piece;
        fill(piece, n, spool_size(s));
        uint64_t at = spool_size(s), offset = 1;
        assert_int_equal(spool_append(s, piece, n, &offset, &e), 0);
        assert_true(offset == at);
    }
    for (size_t n = 0; n < 400; n++) {
        fill(piece, n, spool_size(s));
        assert_int_equal(spool_append(s, piece, n, NULL, &e), 0);
    }
    for (int i = 0; i < 5; i++) {
        fill(piece, sizeof piece, spool_size(s));
        assert_int_equal(spool_append(s, piece, sizeof piece, NULL, &e), 0);
    }
    struct buf out = {0};
    uint64_t size = spool_size(s);
    static const uint64_t from[] = {0, 1, 262143, 262144, SPOOL_MEMORY - 3, SPOOL_MEMORY - 1, SPOOL_MEMORY,
                                    SPOOL_MEMORY + 65535, SPOOL_MEMORY + 65537, SPOOL_MEMORY + 131072};
    static const size_t lens[] = {0, 1, 2, 8, 65536, 70000, 300 * 1024};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        for (size_t j = 0; j < sizeof lens / sizeof *lens; j++) {
            assert_int_equal(spool_read(s, from[i], lens[j], &out, &e), 0);
            assert_int_equal(out.len, lens[j]);
            fill(back, lens[j], from[i]);
            assert_memory_equal(out.data, back, lens[j]);
            assert_int_equal((uintptr_t)out.data % 8, 0);
        }
    for (size_t j = 0; j < sizeof lens / sizeof *lens; j++) { /* the tail, to the last byte */
        assert_int_equal(spool_read(s, size - lens[j], lens[j], &out, &e), 0);
        fill(back, lens[j], size - lens[j]);
        assert_memory_equal(out.data, back, lens[j]);
    }
    assert_int_equal(spool_read(s, size - 1, 2, &out, &e), -1);
    assert_int_equal(spool_read(s, UINT64_MAX, 2, &out, &e), -1);
    assert_int_equal(e.kind, ERR_BUG);
    buf_free(&out);
    spool_free(&s);
    assert_null(s);
    spool_free(&s);
}

static void test_spool_fails(void **state)
{
    (void)state;
    static char piece[1024 * 1024];
    struct err e = {0};
    struct spool *s = spool_create();
    setenv("TMPDIR", "/nonexistent", 1);
    for (int i = 0; i < SPOOL_MEMORY / (int)sizeof piece; i++)
        assert_int_equal(spool_append(s, piece, sizeof piece, NULL, &e), 0);
    assert_int_equal(spool_append(s, piece, 1, NULL, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.msg, "/nonexistent"));
    assert_non_null(strstr(e.msg, "TMPDIR"));
    unsetenv("TMPDIR");
    /* a full disk, played by a limit on the file's size */
    struct rlimit old, small = {100 * 1024, 0};
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int rc = spool_append(s, piece, sizeof piece, NULL, &e);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(rc, -1);
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.msg, "free some space"));
    spool_free(&s);
}

static void test_intern(void **state)
{
    (void)state;
    struct intern *in = intern_create(1024 * 1024);
    uint32_t a, b, numbers[5000];
    char text[32];
    assert_int_equal(intern_add(in, "", 0, &a), 0);
    assert_int_equal(a, 0);
    assert_string_equal(intern_text(in, 0), "");
    for (int i = 0; i < 5000; i++)
        assert_int_equal(intern_add(in, text, (size_t)sprintf(text, "name %d", i), &numbers[i]), 0);
    for (int i = 0; i < 5000; i++) {
        size_t n = (size_t)sprintf(text, "name %d", i);
        assert_string_equal(intern_text(in, numbers[i]), text);
        assert_int_equal(intern_add(in, text, n, &a), 0);
        assert_int_equal(a, numbers[i]);
    }
    intern_free(&in);
    in = intern_create(200);
    assert_int_equal(intern_add(in, "first", 5, &a), 0);
    assert_int_equal(intern_add(in, memset(text, 'x', 32), 32, &b), 0);
    for (int i = 0; i < 10 && b != 0; i++)
        if (intern_add(in, text, (size_t)sprintf(text, "%d", i), &b) != 0)
            b = 0;
    assert_int_equal(b, 0);                               /* full */
    assert_int_equal(intern_add(in, "first", 5, &b), 0); /* but what is there is found */
    assert_int_equal(a, b);
    intern_free(&in);
}

static int add(struct alert_set *set, const struct selector *s, const char *json, struct err *e)
{
    return alert_set_add(set, s, json, strlen(json), e);
}

static void test_set(void **state)
{
    (void)state;
    struct alert_set *set = alert_set_create();
    struct selector s = selector_of("S=critical");
    struct err e = {0};
    const char *kept = ALERT("\"alertname\":\"A\\u00e9\",\"severity\":\"critical\"", ACTIVE);
    assert_int_equal(add(set, &s, kept, &e), 0);
    assert_int_equal(add(set, &s, ALERT("\"alertname\":\"B\"", ACTIVE), &e), 0);
    assert_int_equal(add(set, &s, "17", &e), 0);
    assert_int_equal(add(set, &s, ALERT("\"alertname\":\"C\",\"q\":17", ACTIVE), &e), 0);
    assert_int_equal(add(set, &s, ALERT("", "\"state\":\"suppressed\""), &e), 0);
    assert_int_equal(add(set, NULL, ALERT("", "\"state\":\"suppressed\""), &e), 0);
    assert_int_equal(alert_set_len(set), 6);
    assert_int_equal(alert_set_kept(set), 2);
    static const struct {
        enum reason reason;
        uint64_t fingerprint;
        const char *name, *detail;
    } want[] = {
        {REASON_NONE, 1, "A\xc3\xa9", NULL},
        {REASON_SOURCE_SEVERITY, 1, "B", NULL},
        {REASON_ERROR_ALERT, 0, "", "element 2: it is a number, not an object"},
        {REASON_ERROR_ALERT, 1, "C", "element 3: label 2 is a number, not a string"},
        {REASON_SOURCE_STATE, 1, "", NULL},
        {REASON_NONE, 1, "", NULL},
    };
    for (size_t i = 0; i < 6; i++) {
        const struct alert_record *r = alert_set_at(set, i);
        assert_int_equal(r->reason, want[i].reason);
        assert_int_equal(r->fingerprint, want[i].fingerprint);
        assert_string_equal(alert_set_alertname(set, r), want[i].name);
        if (want[i].detail == NULL)
            assert_null(alert_set_detail(set, r));
        else
            assert_string_equal(alert_set_detail(set, r), want[i].detail);
        assert_int_equal(r->starts_at == MOMENT_NONE, i == 2);
    }
    struct buf space = {0};
    struct alert a;
    assert_int_equal(alert_set_read(set, 0, &space, &a, &e), 0);
    assert_memory_equal(a.bytes, kept, strlen(kept));
    assert_true(alert_span_equal(&a, alert_label(&a, "alertname"), "A\xc3\xa9", 3));
    assert_int_equal(alert_set_read(set, 5, &space, &a, &e), 0);
    assert_int_equal(alert_set_read(set, 1, &space, &a, &e), -1);
    assert_int_equal(alert_set_read(set, 99, &space, &a, &e), -1);
    /* broken JSON is the end of the poll */
    assert_int_equal(add(set, &s, "{\"a\":", &e), -1);
    assert_non_null(strstr(e.msg, "element 6: no well-formed JSON"));
    buf_free(&space);
    alert_set_free(&set);
    assert_null(set);
    alert_set_free(&set);
}

/* Over the spool's border and over blocks of records: everything comes back. Alertnames and sentences have ceilings. */
static void test_set_large(void **state)
{
    (void)state;
    enum { N = 12000 };
    struct alert_set *set = alert_set_create();
    struct err e = {0};
    struct buf json = {0}, space = {0};
    char pad[1001], name[400];
    memset(pad, 'p', 1000);
    pad[1000] = '\0';
    memset(name, 'n', sizeof name);
    for (int i = 0; i < N; i++) {
        buf_clear(&json);
        if (i % 4 == 3)
            buf_addf(&json, "{\"labels\":{\"alertname\":1}}");
        else
            buf_addf(&json,
                     "{\"fingerprint\":\"%016x\",\"startsAt\":\"2026-11-22T08:15:30Z\",\"status\":{" ACTIVE
                     "},\"labels\":{\"alertname\":\"%06d%.300s\",\"i\":\"%d\",\"pad\":\"%s\"}}",
                     (unsigned)i, i, i % 2 ? name : "", i, pad);
        assert_int_equal(alert_set_add(set, NULL, json.data, json.len, &e), 0);
    }
    assert_int_equal(alert_set_kept(set), N / 4 * 3);
    for (int i = 0; i < N; i++) {
        const struct alert_record *r = alert_set_at(set, (size_t)i);
        struct alert a;
        if (i % 4 == 3) {
            assert_non_null(alert_set_detail(set, r));
            continue;
        }
        assert_int_equal(r->fingerprint, i);
        assert_true(strlen(alert_set_alertname(set, r)) <= ALERTNAME_SHOWN);
        assert_int_equal(alert_set_read(set, (size_t)i, &space, &a, &e), 0);
        char number[16];
        assert_true(alert_span_equal(&a, alert_label(&a, "i"), number, (size_t)sprintf(number, "%d", i)));
    }
    buf_free(&json);
    buf_free(&space);
    alert_set_free(&set);
}

/* What strangers can grow has ceilings: past them the alerts are still there, only their words are not. */
static void test_set_ceilings(void **state)
{
    (void)state;
    enum { N = 40000 };
    struct alert_set *set = alert_set_create();
    struct selector s = selector_of("S=none");
    struct buf json = {0};
    for (int i = 0; i < N; i++) {
        buf_clear(&json);
        buf_addf(&json,
                 i % 2 ? "{\"labels\":{\"alertname\":\"%0255d\"}}"
                       : "{\"fingerprint\":\"0000000000000001\",\"startsAt\":\"2026-11-22T08:15:30Z\",\"status\":{" ACTIVE
                         "},\"labels\":{\"alertname\":\"%0255d\"}}",
                 i);
        assert_int_equal(alert_set_add(set, &s, json.data, json.len, NULL), 0);
    }
    assert_int_equal(strlen(alert_set_alertname(set, alert_set_at(set, 1))), 255);
    assert_non_null(strstr(alert_set_detail(set, alert_set_at(set, 1)), "element 1: it has no fingerprint"));
    assert_string_equal(alert_set_alertname(set, alert_set_at(set, N - 2)), "(too many alertnames)");
    assert_non_null(strstr(alert_set_detail(set, alert_set_at(set, N - 1)), "too many"));
    assert_int_equal(alert_set_at(set, N - 2)->reason, REASON_SOURCE_SEVERITY);
    assert_int_equal(alert_set_at(set, N - 1)->reason, REASON_ERROR_ALERT);
    buf_free(&json);
    alert_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),  cmocka_unit_test(test_query), cmocka_unit_test(test_spool),
        cmocka_unit_test(test_intern), cmocka_unit_test(test_set),   cmocka_unit_test(test_set_large),
        cmocka_unit_test(test_spool_fails), cmocka_unit_test(test_set_ceilings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Recordings: what is written is what is read; a cut, a gap, a stranger's dump, two recorders at once; and what redaction
 * leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "replay/dump_name.h"
#include "replay/recording.h"
#include "replay/redaction.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW (INT64_C(1764000000) * MOMENT_SECOND)

static char dir[32];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/as-rec-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    char *rm = xasprintf("rm -r %s", dir);
    int rc = system(rm);
    free(rm);
    return rc;
}

static char *in_dir(const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static struct recorder *record(const char *name, moment_t now)
{
    static const char *const urls[] = {"http://am:9093"};
    struct recording_head head = {.interval_us = 30 * MOMENT_SECOND, .urls = urls, .n_urls = 1};
    struct recorder *r;
    struct err e;
    char *path = in_dir(name);
    if (recorder_open(path, &head, now, &r, &e) != 0)
        fail_msg("%s", e.msg);
    free(path);
    return r;
}

static void add(struct recorder *r, moment_t at, const char *body)
{
    struct recorded_poll p = {.time = at, .url = "http://am:9093", .status = body != NULL ? 200 : 503, .failed = body == NULL};
    struct err e;
    if (body != NULL) {
        p.body = body;
        p.len = strlen(body);
    } else {
        err_set(&p.why, ERR_UNREACHABLE, "Alertmanager answered 503");
    }
    assert_int_equal(recorder_add(r, &p, &e), 0);
}

/* "10 [..]|20 !503|": seconds and answers, then the notes. */
static char *read_all(const char *const *paths, size_t n, moment_t from, moment_t to)
{
    struct recording *r;
    struct recorded_poll p;
    struct buf out = {0};
    struct err e;
    int rc = recording_open(paths, n, from, to, &r, &e);
    while (rc == 0 && (rc = recording_next(r, &p, &e)) == 1) {
        buf_addf(&out, "%lld ", (long long)((p.time - NOW) / MOMENT_SECOND));
        if (p.failed)
            buf_addf(&out, "!%s", p.why.msg);
        else
            buf_add(&out, p.body, p.len);
        buf_addc(&out, '|');
        rc = 0;
    }
    if (rc < 0)
        buf_addf(&out, "ERROR %s", e.msg);
    for (size_t i = 0; r != NULL && i < recording_notes(r); i++)
        buf_addf(&out, "NOTE %s", recording_note(r, i));
    recording_close(&r);
    buf_adds(&out, "");
    return buf_take(&out);
}

static char *read_dir(const char *name)
{
    char *path = in_dir(name);
    const char *paths[] = {path};
    char *all = read_all(paths, 1, MOMENT_NONE, MOMENT_NONE);
    free(path);
    return all;
}

static void check_read(const char *name, const char *want)
{
    char *got = read_dir(name);
    assert_string_equal(got, want);
    free(got);
}

static void close_recorder(struct recorder **r)
{
    struct err e;
    assert_int_equal(recorder_close(r, &e), 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct recorder *r = record("a", NOW);
    add(r, NOW, "[]\n");
    add(r, NOW + 30 * MOMENT_SECOND, "[{\"x\":\n \"line\\nfeed, \\\"alerts\\\":[ and } in it\"}]");
    add(r, NOW + 60 * MOMENT_SECOND, NULL);
    close_recorder(&r);
    r = record("a", NOW + 90 * MOMENT_SECOND); /* goes on */
    add(r, NOW + 90 * MOMENT_SECOND, "[1]");
    add(r, NOW + 90 * MOMENT_SECOND + RECORDING_SEGMENT_US, "[2]"); /* and begins a third segment by itself */
    close_recorder(&r);
    check_read("a", "0 []|30 [{\"x\":  \"line\\nfeed, \\\"alerts\\\":[ and } in it\"}]|60 !Alertmanager answered 503|90 [1]|21690 [2]|");
    int segments = 0;
    char *path = in_dir("a");
    DIR *d = opendir(path);
    for (struct dirent *x; (x = readdir(d)) != NULL;)
        segments += x->d_name[0] != '.';
    closedir(d);
    assert_int_equal(segments, 3);
    const char *paths[] = {path};
    char *some = read_all(paths, 1, NOW + 30 * MOMENT_SECOND, NOW + 90 * MOMENT_SECOND);
    assert_non_null(strstr(some, "30 [{"));
    assert_null(strstr(some, "0 []|3"));
    assert_null(strstr(some, "90 [1]"));
    free(some);
    free(path);
}

static char *only_file(const char *name)
{
    char *path = in_dir(name), *file = NULL;
    DIR *d = opendir(path);
    for (struct dirent *x; (x = readdir(d)) != NULL;)
        if (x->d_name[0] != '.')
            file = xasprintf("%s/%s", path, x->d_name);
    closedir(d);
    free(path);
    return file;
}

/* Killed at any byte: every poll before is there, nothing is invented, and a recorder that is started again goes on. */
static void test_cut(void **state)
{
    (void)state;
    enum { POLLS = 6 };
    struct recorder *r = record("whole", NOW);
    uint64_t ends[POLLS];
    for (int i = 0; i < POLLS; i++) {
        char body[200];
        snprintf(body, sizeof body, "[{\"labels\":{\"alertname\":\"number %d of some\"},\"more\":\"%0*d\"}]", i, 60 + i * 13, i);
        add(r, NOW + i * MOMENT_SECOND, body);
        ends[i] = recorder_bytes(r);
    }
    close_recorder(&r);
    char *all = read_dir("whole"), *file = only_file("whole"), bytes[8192];
    int fd = open(file, O_RDONLY);
    ssize_t len = read(fd, bytes, sizeof bytes);
    close(fd);
    for (ssize_t n = 0; n < len; n++) {
        char *cut_dir = in_dir("cut"), *cut = in_dir("cut/1.jsonl.zst");
        mkdir(cut_dir, 0700);
        fd = open(cut, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, bytes, (size_t)n), n);
        close(fd);
        size_t whole = 0, polls = 0;
        while (whole < POLLS && ends[whole] <= (uint64_t)n)
            whole++;
        char *got = read_dir("cut");
        char *note = strstr(got, "NOTE");
        assert_null(strstr(got, "ERROR"));
        if (note != NULL)
            *note = '\0';
        for (const char *p = got; (p = strchr(p, '|')) != NULL; p++)
            polls++;
        assert_int_equal(polls, whole);
        assert_memory_equal(got, all, strlen(got));
        free(got);
        free(cut_dir);
        free(cut);
    }
    r = record("cut", NOW + 100 * MOMENT_SECOND);
    add(r, NOW + 100 * MOMENT_SECOND, "[]");
    close_recorder(&r);
    char *got = read_dir("cut");
    if (strstr(got, "|100 []|") == NULL)
        fail_msg("%s", got);
    free(got);
    free(all);
    free(file);
}

static void write_file(const char *name, const char *text)
{
    char *path = in_dir(name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(path);
}

static void test_plain_and_cut_line(void **state)
{
    (void)state;
    write_file("p.jsonl", "{\"time\":\"2025-11-24T16:00:00Z\",\"url\":\"u\",\"status\":200,\"alerts\":[]}\n\n{\"time\":\"2025-11");
    char *path = in_dir("p.jsonl");
    const char *paths[] = {path};
    char *got = read_all(paths, 1, MOMENT_NONE, MOMENT_NONE);
    assert_non_null(strstr(got, "0 []|NOTE"));
    assert_non_null(strstr(got, "its last line is cut"));
    free(got);
    free(path);
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"{\"time\":\"2025-11-24T16:00:00Z\",\"status\":200,\"alerts\":[]}\nnonsense\n", "p.jsonl:2: no line"},
        {"{\"status\":200,\"alerts\":[]}\n", "p.jsonl:1: no poll of a recording: it has no \"time\""},
        {"{\"time\":\"2025-11-24T16:00:00Z\"}\n", "p.jsonl:1: no poll of a recording: it has neither"},
        {"{\"recording\":2}\n", "another version"},
        {"<html>", "neither a recording nor a dump"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_file("p.jsonl", rows[i].text);
        path = in_dir("p.jsonl");
        paths[0] = path;
        got = read_all(paths, 1, MOMENT_NONE, MOMENT_NONE);
        assert_non_null(strstr(got, "ERROR"));
        if (strstr(got, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].text, got);
        free(got);
        free(path);
    }
}

/* Two recorders and somebody's dumps, merged by time. */
static void test_merge(void **state)
{
    (void)state;
    struct recorder *a = record("m", NOW), *b = record("m", NOW + 5 * MOMENT_SECOND);
    for (int i = 0; i < 4; i++) {
        char body[32];
        snprintf(body, sizeof body, "[\"a%d\"]", i);
        add(a, NOW + i * 10 * MOMENT_SECOND, body);
        snprintf(body, sizeof body, "[\"b%d\"]", i);
        add(b, NOW + (i * 10 + 5) * MOMENT_SECOND, body);
    }
    close_recorder(&a);
    close_recorder(&b);
    write_file("m/alerts-2025-11-24T16:00:12Z.json", " [\n\"dump\"\n]\n");
    check_read("m", "0 [\"a0\"]|5 [\"b0\"]|10 [\"a1\"]|12 [\n\"dump\"\n]\n|15 [\"b1\"]|20 [\"a2\"]|25 [\"b2\"]|30 [\"a3\"]|35 [\"b3\"]|");
}

static void test_dump_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t seconds; /* -1: none */
    } rows[] = {
        {"dir-2020/alerts-2025-11-24T16:00:00Z.json", 1764000000},
        {"20251124-160000.json", 1764000000},
        {"20251124160000.json", 1764000000},
        {"am_2025-11-24_16-00-00.json", 1764000000},
        {"1764000000.json", 1764000000},
        {"1764000000000.json", 1764000000},
        {"poll7-20251124T160000.json", 1764000000},
        {"alerts.json", -1},
        {"2025-11-24.json", -1},
        {"20251399-990000.json", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        moment_t t = dump_name_time(rows[i].name);
        if (t != (rows[i].seconds < 0 ? MOMENT_NONE : rows[i].seconds * MOMENT_SECOND))
            fail_msg("%s: %lld", rows[i].name, (long long)t);
    }
}

/* ---- redaction ---- */

#define ALERT(labels, annotations)                                                                                      \
    "{\"labels\":{" labels "},\"annotations\":{" annotations "},\"fingerprint\":\"00000000000000a1\","                   \
    "\"startsAt\":\"2025-11-24T16:00:00Z\",\"status\":{\"state\":\"active\"},\"generatorURL\":\"http://p/?q=db-10\"}"

static char *redact(struct redaction *r, const char *body)
{
    struct buf out = {0};
    struct err e;
    if (redaction_apply(r, body, strlen(body), &out, &e) != 0)
        fail_msg("%s", e.msg);
    buf_adds(&out, "");
    return buf_take(&out);
}

static void test_redaction(void **state)
{
    (void)state;
    static const char *const rules[] = {"label=host", "annotation=runbook", "secrets"};
    struct redaction *r;
    struct err e;
    assert_int_equal(redaction_open(dir, rules, 3, &r, &e), 0);
    const char *body = "[" ALERT("\"alertname\":\"A\",\"host\":\"db-1\"", "\"summary\":\"db-1 is d\\u006fwn, db-10 is not; token=abc\",\"runbook\":\"see \\\"x\\\"\"")
                       ",\n" ALERT("\"alertname\":\"A\",\"host\":\"db-10\"", "\"summary\":\"db-10\"") ",{\"labels\":1,\"host\":\"db-1\"}]";
    char *got = redact(r, body);
    assert_null(strstr(got, "db-1 "));
    assert_null(strstr(got, "abc"));
    assert_null(strstr(got, "see"));
    assert_non_null(strstr(got, "\"host\":\"host-1\""));
    assert_non_null(strstr(got, "\"host\":\"host-2\""));
    assert_non_null(strstr(got, "\"summary\":\"host-2\""));
    assert_non_null(strstr(got, "host-1 is down, "));
    assert_non_null(strstr(got, "token=[redacted]"));
    assert_non_null(strstr(got, "\"runbook\":\"runbook-1\""));
    assert_non_null(strstr(got, "http://p/?q=host-2")); /* the second alert's own value */
    assert_non_null(strstr(got, "\"fingerprint\":\"00000000000000a1\",\"startsAt\":\"2025-11-24T16:00:00Z\"")); /* kept */
    assert_non_null(strstr(got, ",{}]")); /* no alert: nothing of it is kept */
    cJSON *o = cJSON_Parse(got);
    assert_int_equal(cJSON_GetArraySize(o), 3);
    cJSON_Delete(o);
    free(got);
    redaction_close(&r);
    /* the next start knows them, also when the last line of its table is cut */
    char *table = in_dir("pseudonyms.jsonl");
    FILE *f = fopen(table, "a");
    fputs("{\"name\":\"host\",\"va", f);
    fclose(f);
    struct stat st;
    assert_int_equal(stat(table, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    free(table);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(redaction_open(dir, rules, 1, &r, &e), 0);
        got = redact(r, "[" ALERT("\"host\":\"db-10\"", "") "," ALERT("\"host\":\"new\"", "") "]");
        assert_non_null(strstr(got, "\"host\":\"host-2\""));
        assert_non_null(strstr(got, "\"host\":\"host-3\""));
        free(got);
        redaction_close(&r);
    }
}

static void test_redaction_refuses(void **state)
{
    (void)state;
    static const char *const wrong[] = {"host", "label=", "labels=x", "annotation=", "", "Secrets"};
    struct redaction *r;
    struct err e;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(redaction_open(dir, &wrong[i], 1, &r, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
        assert_null(r);
    }
    static const char *const rules[] = {"generatorURL", "annotation=*"};
    assert_int_equal(redaction_open(dir, rules, 2, &r, &e), 0);
    char *got = redact(r, "[" ALERT("\"a\":\"db-10\"", "\"s\":\"1\",\"t\":\"\"") "]");
    assert_non_null(strstr(got, "\"generatorURL\":\"\""));
    assert_non_null(strstr(got, "\"a\":\"db-10\""));
    assert_non_null(strstr(got, "{\"s\":\"s-1\",\"t\":\"\"}"));
    free(got);
    struct buf out = {0};
    assert_int_equal(redaction_apply(r, "[{\"a\":}]", 8, &out, &e), -1);
    assert_int_equal(redaction_apply(r, "[{}", 3, &out, &e), -1);
    buf_free(&out);
    redaction_close(&r);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip), TEST(test_cut),       TEST(test_plain_and_cut_line),
        TEST(test_merge),      TEST(test_dump_names), TEST(test_redaction), TEST(test_redaction_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

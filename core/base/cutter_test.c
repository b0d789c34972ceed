/* The cutter: shapes, sentences, every way to split the input; and the string scan it stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cutter.h"
#include "base/scan.h"

#include <stdlib.h>

/* Collects "i=element;" and "name:member;". */
struct seen {
    struct buf text;
    size_t stop_at; /* the callback fails at this element */
};

static int on_element(void *arg, size_t i, const char *bytes, size_t len, struct err *e)
{
    struct seen *s = arg;
    if (i == s->stop_at)
        return err_set(e, ERR_CONFLICT, "stop");
    buf_addf(&s->text, "%zu=", i);
    buf_add(&s->text, bytes, len);
    buf_addc(&s->text, ';');
    return 0;
}

static int on_member(void *arg, const char *name, size_t name_len, const char *bytes, size_t len, struct err *e)
{
    (void)e;
    struct seen *s = arg;
    buf_add(&s->text, name, name_len);
    buf_addc(&s->text, ':');
    buf_add(&s->text, bytes, len);
    buf_addc(&s->text, ';');
    return 0;
}

enum { MEMBERS = 16, MAX = 64 };

/* Feeds pieces of `piece` bytes, the first of `first`; each in its own allocation, so that ASan sees an overrun. */
static int cut(int shape, const char *in, size_t len, size_t first, size_t piece, struct seen *s, struct err *e)
{
    struct cutter c;
    cutter_init(&c, shape & ~MEMBERS, MAX, on_element, s);
    c.member = "items";
    if (shape & MEMBERS)
        c.on_member = on_member;
    int rc = 0;
    for (size_t at = 0, n = first; at < len && rc == 0; at += n, n = piece) {
        if (n > len - at)
            n = len - at;
        char *copy = malloc(n ? n : 1);
        memcpy(copy, in + at, n);
        rc = cutter_feed(&c, copy, n, e);
        free(copy);
    }
    if (rc == 0)
        rc = cutter_end(&c, e);
    if (rc != 0) { /* it stays broken */
        assert_int_equal(cutter_feed(&c, " ", 1, NULL), -1);
        assert_int_equal(cutter_end(&c, NULL), -1);
    }
    cutter_deinit(&c);
    return rc;
}

static const struct {
    int shape;
    const char *in;
    const char *want;  /* NULL: boom */
    const char *error; /* part of the sentence */
} rows[] = {
    {CUT_ARRAY, "[]", "", NULL},
    {CUT_ARRAY, " \r\n\t[ ] \n", "", NULL},
    {CUT_ARRAY, "[{}]", "0={};", NULL},
    {CUT_ARRAY, "[{\"a\":1},{\"b\":[2,{}]}]\n", "0={\"a\":1};1={\"b\":[2,{}]};", NULL},
    {CUT_ARRAY, "[ 1 , \"x,]\" ,null,[[]], -2.5e3 ]", "0=1;1=\"x,]\";2=null;3=[[]];4=-2.5e3;", NULL},
    {CUT_ARRAY, "[{\"a\":\"}]\\\"\\\\\"},\"\\\\\"]", "0={\"a\":\"}]\\\"\\\\\"};1=\"\\\\\";", NULL},
    {CUT_ARRAY, "[\"\"]", "0=\"\";", NULL},
    {CUT_ARRAY, "", NULL, "is empty"},
    {CUT_ARRAY, " \n", NULL, "is empty"},
    {CUT_ARRAY, "null", NULL, "is null, not an array"},
    {CUT_ARRAY, "null\n", NULL, "is null, not an array"},
    {CUT_ARRAY, "true", NULL, "a boolean"},
    {CUT_ARRAY, "nullx", NULL, "not JSON"},
    {CUT_ARRAY, "no such page", NULL, "not JSON"},
    {CUT_ARRAY, "nothinghere", NULL, "not JSON"},
    {CUT_ARRAY, "{\"status\":\"success\"}", NULL, "a JSON object, not an array"},
    {CUT_ARRAY, "\"text\"", NULL, "a JSON string"},
    {CUT_ARRAY, "17", NULL, "a number"},
    {CUT_ARRAY, "<html>", NULL, "HTML"},
    {CUT_ARRAY, "\xef\xbb\xbf[]", NULL, "byte order mark"},
    {CUT_ARRAY, "Limit of concurrent GET requests", NULL, "not JSON"},
    {CUT_ARRAY, "[] x", NULL, "follows the end of the answer's array (byte 3)"},
    {CUT_ARRAY, "[][]", NULL, "follows the end"},
    {CUT_ARRAY, "[1]]", NULL, "follows the end"},
    {CUT_ARRAY, "[1 2]", NULL, "no comma follows element 0"},
    {CUT_ARRAY, "[{}{}]", NULL, "no comma follows element 0"},
    {CUT_ARRAY, "[1\"a\"]", NULL, "no comma follows element 0"},
    {CUT_ARRAY, "[1}", NULL, "no comma follows element 0"},
    {CUT_ARRAY, "[1,]", NULL, "a comma stands before the closing bracket"},
    {CUT_ARRAY, "[,1]", NULL, "',' stands where element 0"},
    {CUT_ARRAY, "[1,,2]", NULL, "',' stands where element 1"},
    {CUT_ARRAY, "[}", NULL, "'}' stands where element 0"},
    {CUT_ARRAY, "[", NULL, "ends too early: 0 elements"},
    {CUT_ARRAY, "[1,2", NULL, "middle of element 1"},
    {CUT_ARRAY, "[1,2 ", NULL, "ends too early: 2 elements"},
    {CUT_ARRAY, "[1,", NULL, "ends too early: 1 elements"},
    {CUT_ARRAY, "[{\"a\":\"]", NULL, "middle of element 0"},
    {CUT_ARRAY, "[{}", NULL, "ends too early: 1 elements"},
    {CUT_ARRAY, "[1111111111222222222233333333334444444444555555555566666666667777]", /* 64 */
     "0=1111111111222222222233333333334444444444555555555566666666667777;", NULL},
    {CUT_ARRAY, "[11111111112222222222333333333344444444445555555555666666666677777]", NULL, "larger than 64 bytes"},

    {CUT_MEMBER, "{\"items\":[]}", "", NULL},
    {CUT_MEMBER, "{\"kind\":\"List\",\"items\":[{\"a\":1},2],\"metadata\":{}}", "0={\"a\":1};1=2;", NULL},
    {CUT_MEMBER | MEMBERS, "{\"kind\":\"List\", \"n\" : 1 ,\"items\" :[{\"a\":1},2] , \"m\":{\"x\":[1]} }\n",
     "kind:\"List\";n:1;0={\"a\":1};1=2;m:{\"x\":[1]};", NULL},
    {CUT_MEMBER, "{\"items\":null}", "", NULL},
    {CUT_MEMBER, "{\"m\":\"a member that nobody wants may be larger than an element may be, may it not\",\"items\":[1]}",
     "0=1;", NULL},
    {CUT_MEMBER | MEMBERS,
     "{\"m\":\"a member that somebody wants may not be larger than an element may be, it is held\",\"items\":[1]}", NULL,
     "a member of the answer is larger than 64"},
    {CUT_MEMBER, "{}", NULL, "no \"items\""},
    {CUT_MEMBER, "{\"kind\":\"Status\"}", NULL, "no \"items\""},
    {CUT_MEMBER, "{\"items\":{}}", NULL, "\"items\" of the answer is not an array"},
    {CUT_MEMBER, "{\"items\":[],\"items\":[]}", NULL, "stands twice"},
    {CUT_MEMBER, "{\"items\":[1],}", NULL, "name is missing"},
    {CUT_MEMBER, "{\"items\" [1]}", NULL, "no colon"},
    {CUT_MEMBER, "{\"items\":[1] \"a\":2}", NULL, "no comma follows a member"},
    {CUT_MEMBER, "{\"a\":,\"items\":[]}", NULL, "has no value"},
    {CUT_MEMBER, "{\"items\":[1]", NULL, "ends too early"},
    {CUT_MEMBER, "{\"items\":[1]}{", NULL, "follows the end of the answer's object"},
    {CUT_MEMBER, "[]", NULL, "a JSON array, not an object"},
    {CUT_MEMBER, "{\"ite", NULL, "ends too early"},

    {CUT_STREAM, "", "", NULL},
    {CUT_STREAM, "{\"a\":1}\n{\"b\":2}\n", "0={\"a\":1};1={\"b\":2};", NULL},
    {CUT_STREAM, "{}{} [] 1 2 \"x\"", "0={};1={};2=[];3=1;4=2;5=\"x\";", NULL},
    {CUT_STREAM, "12", "0=12;", NULL},
    {CUT_STREAM, "{\"a\":", NULL, "middle of element 0"},
    {CUT_STREAM, "{},{}", NULL, "',' stands where value 1"},
};

static void check_row(size_t r, size_t first, size_t piece)
{
    struct seen s = {.stop_at = SIZE_MAX};
    struct err e = {0};
    int rc = cut(rows[r].shape, rows[r].in, strlen(rows[r].in), first, piece, &s, &e);
    if (rc != (rows[r].want != NULL ? 0 : -1))
        fail_msg("%s (first %zu, then %zu): %d %s", rows[r].in, first, piece, rc, e.msg);
    if (rc == 0)
        assert_string_equal(s.text.data ? s.text.data : "", rows[r].want);
    else if (strstr(e.msg, rows[r].error) == NULL)
        fail_msg("%s (first %zu, then %zu): %s, wanted %s", rows[r].in, first, piece, e.msg, rows[r].error);
    buf_free(&s.text);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        size_t len = strlen(rows[r].in);
        for (size_t first = 0; first <= len; first++)
            check_row(r, first, len + 1); /* every split in two */
        for (size_t piece = 1; piece <= 17; piece++)
            check_row(r, piece, piece);
    }
}

static void test_callback_stops(void **state)
{
    (void)state;
    struct seen s = {.stop_at = 1};
    struct err e = {0};
    const char *in = "[1,2,3]";
    assert_int_equal(cut(CUT_ARRAY, in, strlen(in), 100, 100, &s, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_string_equal(e.msg, "stop");
    assert_string_equal(s.text.data, "0=1;");
    buf_free(&s.text);
}

static void test_nul_and_high_bytes(void **state)
{
    (void)state;
    /* Not the cutter's to refuse inside an element, but it must get past them. */
    struct seen s = {.stop_at = SIZE_MAX};
    struct err e = {0};
    const char in[] = "[\0\xff\x01,\"\0\"]";
    assert_int_equal(cut(CUT_ARRAY, in, sizeof in - 1, 1, 1, &s, &e), 0);
    assert_memory_equal(s.text.data, "0=\0\xff\x01;1=\"\0\";", s.text.len);
    buf_free(&s.text);
}

static int on_length(void *arg, size_t i, const char *bytes, size_t len, struct err *e)
{
    (void)i, (void)bytes, (void)e;
    *(size_t *)arg += len;
    return 0;
}

/* An element of 4 MiB in 4 million pieces: quadratic work would not end before the test's time-out. */
static void test_many_small_pieces(void **state)
{
    (void)state;
    size_t n = 4 << 20, total = 0;
    char *in = malloc(n);
    memset(in, 'x', n);
    memcpy(in, "[\"", 2);
    memcpy(in + n - 2, "\"]", 2);
    struct cutter c;
    cutter_init(&c, CUT_ARRAY, n, on_length, &total);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(cutter_feed(&c, in + i, 1, NULL), 0);
    assert_int_equal(cutter_end(&c, NULL), 0);
    assert_int_equal(total, n - 2);
    cutter_deinit(&c);
    free(in);
}

/* The fast scans against the obvious loop, at every alignment, length and place of every byte. */
static void test_scan(void **state)
{
    (void)state;
    char text[48];
    for (int b = 0; b < 256; b++)
        for (size_t len = 0; len <= 40; len++)
            for (size_t at = 0; at < len; at++) {
                memset(text, 'a', sizeof text);
                text[at] = (char)b;
                int quote = b == '"' || b == '\\', odd = quote || b < 0x20 || b >= 0x80;
                const char *q = text + (quote ? at : len), *o = text + (odd ? at : len);
                if (scan_quote(text, text + len) != q || scan_quote_portable(text, text + len) != q ||
                    scan_text(text, text + len) != o || scan_text_portable(text, text + len) != o)
                    fail_msg("byte %02x at %zu of %zu", (unsigned)b, at, len);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_callback_stops),
        cmocka_unit_test(test_nul_and_high_bytes),
        cmocka_unit_test(test_many_small_pieces),
        cmocka_unit_test(test_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

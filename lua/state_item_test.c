#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "state_item.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static struct wire_text text_of(const struct buf *b)
{
    return (struct wire_text){b->data, b->len};
}

/* "5" is an integer, "-" null */
static int set(struct state_item *item, const char *name, const char *value, struct err *e)
{
    struct buf tree = {0};
    if (strcmp(value, "-") == 0) {
        wire_u8(&tree, 'z');
    } else {
        wire_u8(&tree, 'i');
        wire_i64(&tree, atoi(value));
    }
    int rc = state_item_set(item, name, strlen(name), text_of(&tree), e);
    buf_free(&tree);
    return rc;
}

static int set_string(struct state_item *item, const char *name, size_t len, struct err *e)
{
    struct buf tree = {0};
    char *s = xmalloc(len + 1);
    memset(s, 'x', len);
    wire_u8(&tree, 's');
    wire_text(&tree, s, len);
    int rc = state_item_set(item, name, strlen(name), text_of(&tree), e);
    free(s);
    buf_free(&tree);
    return rc;
}

static int get(const struct state_item *item, const char *name)
{
    struct wire_text t = state_item_get(item, name, strlen(name));
    struct wire_reader r = {t.s, t.s + t.len, false};
    if (!t.len)
        return -1;
    assert_int_equal(wire_get_u8(&r), 'i');
    return (int)wire_get_i64(&r);
}

/* "a=1 b=z" of what was gathered */
static void expect_gathered(const struct state_item *item, const char *want)
{
    struct buf out = {0}, said = {0};
    state_item_write(item, &out);
    struct wire_reader r = {out.data, out.data + out.len, false};
    for (uint32_t n = wire_get_u32(&r); n; n--) {
        struct wire_text name = wire_get_text(&r);
        buf_addf(&said, "%s%.*s=", said.len ? " " : "", (int)name.len, name.s);
        if (wire_get_u8(&r) == 'i')
            buf_addf(&said, "%d", (int)wire_get_i64(&r));
        else
            buf_adds(&said, "z");
    }
    assert_true(wire_at_end(&r));
    assert_string_equal(said.data ? said.data : "", want);
    buf_free(&said);
    buf_free(&out);
}

static void write_committed(struct buf *b, const char *const *names, size_t n)
{
    wire_u8(b, 'm');
    wire_u32(b, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        wire_str(b, names[i]);
        wire_u8(b, 'i');
        wire_i64(b, (int64_t)i + 1);
    }
}

static void hooks_write_over_what_was_committed(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "a", "ab"};
    struct state_item item = {0};
    struct buf committed = {0};
    struct err e;
    write_committed(&committed, names, 3);
    state_item_open(&item, text_of(&committed));
    assert_int_equal(get(&item, "b"), 1);
    assert_int_equal(get(&item, "a"), 2);
    assert_int_equal(get(&item, "ab"), 3);
    assert_int_equal(get(&item, "aa"), -1);
    expect_gathered(&item, "");

    assert_int_equal(set(&item, "a", "7", &e), 0); /* the first hook sees its own words */
    assert_int_equal(set(&item, "b", "-", &e), 0);
    assert_int_equal(set(&item, "new", "8", &e), 0);
    assert_int_equal(get(&item, "a"), 7);
    assert_int_equal(get(&item, "b"), -1);
    state_item_settle(&item, true);

    assert_int_equal(get(&item, "a"), 2); /* the second does not */
    assert_int_equal(get(&item, "b"), 1);
    assert_int_equal(get(&item, "new"), -1);
    assert_int_equal(set(&item, "new", "-", &e), 0);
    assert_int_equal(set(&item, "other", "9", &e), 0);
    state_item_settle(&item, true);
    expect_gathered(&item, "a=7 b=z new=z other=9");

    assert_int_equal(set(&item, "a", "70", &e), 0); /* the third fails */
    assert_int_equal(set(&item, "third", "3", &e), 0);
    state_item_settle(&item, false);
    expect_gathered(&item, "a=7 b=z new=z other=9");
    state_item_close(&item);
    buf_free(&committed);
}

/* Ceilings count what will be there when all is committed. */
static void ceilings_hold(void **state)
{
    (void)state;
    struct state_item item = {0};
    struct err e;
    char name[16];
    state_item_open(&item, (struct wire_text){"", 0});
    for (int i = 0; i < WIRE_STATE_NAMES_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(set(&item, name, "1", &e), 0);
        if (i == 15)
            state_item_settle(&item, true); /* another hook's count too */
    }
    assert_int_equal(set(&item, "more", "1", &e), -1);
    assert_string_equal(e.msg, "more than 32 names for one key");
    assert_int_equal(get(&item, "more"), -1);
    assert_int_equal(set(&item, "n20", "2", &e), 0);
    assert_int_equal(set(&item, "n20", "-", &e), 0);
    assert_int_equal(set(&item, "more", "1", &e), 0);
    state_item_close(&item);

    state_item_open(&item, (struct wire_text){"", 0});
    assert_int_equal(set_string(&item, "s", WIRE_STATE_STRING_MAX + 1, &e), -1);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(set_string(&item, name, WIRE_STATE_STRING_MAX, &e), 0);
    }
    /* 5 for the map, 3 * (4 + 2 + 5 + 1024), and then 4 + 2 + 5 + the rest */
    assert_int_equal(set_string(&item, "n3", WIRE_STATE_ITEM_MAX - 5 - 3 * 1035 - 11 + 1, &e), -1);
    assert_string_equal(e.msg, "more than 4096 bytes for one key, names and all");
    assert_int_equal(set_string(&item, "n3", WIRE_STATE_ITEM_MAX - 5 - 3 * 1035 - 11, &e), 0);
    assert_int_equal(set_string(&item, "n0", 1, &e), 0); /* shorter is always right */
    state_item_close(&item);
}

/* Names that come and go leave nothing. */
static void nothing_piles_up(void **state)
{
    (void)state;
    struct state_item item = {0};
    struct err e;
    char name[16];
    state_item_open(&item, (struct wire_text){"", 0});
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(set(&item, name, "1", &e), 0);
        assert_int_equal(set(&item, name, "-", &e), 0);
        assert_int_equal(set(&item, name, "-", &e), 0);
    }
    assert_int_equal(item.n, 0);
    state_item_close(&item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hooks_write_over_what_was_committed),
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(nothing_piles_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/wire.h"

#include <stdlib.h>

static void fields_come_back(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_adds(&b, "before");
    size_t mark = wire_begin(&b, WIRE_JUDGED);
    wire_u8(&b, 0xfe);
    wire_u32(&b, 0xdeadbeef);
    wire_u64(&b, 0x0102030405060708);
    wire_i64(&b, INT64_MIN);
    wire_text(&b, "a\0b", 3);
    wire_str(&b, NULL);
    wire_end(&b, mark);
    /* the bytes are a contract between two builds: spelled out */
    static const char want[] = "before\x21\0\0\0j\xfe\xef\xbe\xad\xde\x08\x07\x06\x05\x04\x03\x02\x01"
                               "\0\0\0\0\0\0\0\x80\x03\0\0\0a\0b\0\0\0";
    assert_int_equal(b.len, 6 + 4 + 1 + 1 + 4 + 8 + 8 + 7 + 4);
    assert_memory_equal(b.data, want, b.len);

    enum wire_type type;
    struct wire_reader r;
    size_t used;
    assert_int_equal(wire_frame(b.data + 6, b.len - 6, &type, &r, &used), 1);
    assert_int_equal(used, b.len - 6);
    assert_int_equal(type, WIRE_JUDGED);
    assert_int_equal(wire_get_u8(&r), 0xfe);
    assert_int_equal(wire_get_u32(&r), 0xdeadbeef);
    assert_true(wire_get_u64(&r) == 0x0102030405060708);
    assert_true(wire_get_i64(&r) == INT64_MIN);
    struct wire_text t = wire_get_text(&r);
    assert_int_equal(t.len, 3);
    assert_memory_equal(t.s, "a\0b", 3);
    assert_false(wire_at_end(&r));
    assert_int_equal(wire_get_text(&r).len, 0);
    assert_true(wire_at_end(&r));
    /* past the end: zeroes, and bad for ever */
    assert_int_equal(wire_get_u8(&r), 0);
    assert_true(r.bad);
    assert_false(wire_at_end(&r));
    buf_free(&b);
}

static void a_text_longer_than_its_frame_is_bad(void **state)
{
    (void)state;
    static const uint32_t lies[] = {4, 100, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct buf b = {0};
        size_t mark = wire_begin(&b, WIRE_SETUP);
        wire_u32(&b, lies[i]);
        buf_adds(&b, "abc");
        wire_end(&b, mark);
        enum wire_type type;
        struct wire_reader r;
        size_t used;
        assert_int_equal(wire_frame(b.data, b.len, &type, &r, &used), 1);
        struct wire_text t = wire_get_text(&r);
        assert_int_equal(t.len, 0);
        assert_non_null(t.s);
        assert_true(r.bad);
        assert_int_equal(wire_get_u32(&r), 0);
        buf_free(&b);
    }
}

/* Every prefix asks for more bytes; only the whole frame is one. In a block of exactly that size, so that ASan sees a
 * read past it. */
static void half_frames_wait(void **state)
{
    (void)state;
    struct buf b = {0};
    size_t mark = wire_begin(&b, WIRE_DONE);
    wire_u32(&b, 7);
    wire_end(&b, mark);
    enum wire_type type;
    struct wire_reader r;
    size_t used;
    for (size_t n = 0; n <= b.len; n++) {
        char *copy = xmalloc(n ? n : 1);
        memcpy(copy, b.data, n);
        assert_int_equal(wire_frame(copy, n, &type, &r, &used), n == b.len);
        free(copy);
    }
    /* two frames in one read: the first, then the second */
    size_t first = b.len;
    mark = wire_begin(&b, WIRE_HELLO);
    wire_end(&b, mark);
    assert_int_equal(wire_frame(b.data, b.len, &type, &r, &used), 1);
    assert_int_equal(used, first);
    assert_int_equal(wire_frame(b.data + used, b.len - used, &type, &r, &used), 1);
    assert_int_equal(type, WIRE_HELLO);
    assert_true(wire_at_end(&r));
    buf_free(&b);
}

static void nonsense_is_no_frame(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int want;
    } table[] = {
        {"\0\0\0\0", 4, -1},             /* no room for a type */
        {"\x01\0\0\x02", 4, -1},         /* a byte more than WIRE_FRAME_MAX */
        {"\0\0\0\x02", 4, 0},            /* exactly WIRE_FRAME_MAX */
        {"\xff\xff\xff\xff", 4, -1},
        {"\x01\0\0\0?", 5, -1},          /* unknown type */
        {"\x01\0\0\0\0", 5, -1},         /* NUL is no type */
        {"\x02\0\0\0d", 5, 0},
        {"HTTP/1.1 200 OK", 15, -1},
        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        enum wire_type type;
        struct wire_reader r;
        size_t used;
        assert_int_equal(wire_frame(table[i].bytes, table[i].len, &type, &r, &used), table[i].want);
    }
}

static void hooks_have_names(void **state)
{
    (void)state;
    assert_string_equal(black_box_hook_name(HOOK_FILTER), "filter");
    assert_string_equal(black_box_hook_name(HOOK_TEMPLATE), "template");
    assert_string_equal(black_box_hook_name(HOOK_COUNT), "?");
    assert_string_equal(black_box_hook_name(UINT32_MAX), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_back),
        cmocka_unit_test(a_text_longer_than_its_frame_is_bad),
        cmocka_unit_test(half_frames_wait),
        cmocka_unit_test(nonsense_is_no_frame),
        cmocka_unit_test(hooks_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

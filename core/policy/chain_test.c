/* Chains as data: they come back from the wire as they went, nothing half of one does, and a person can read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/chain.h"

#include <stdlib.h>

static struct chain_read reads[] = {{"labels.track", "canary\x1b[31m", NULL},
                                    {"labels.sevrity", NULL, "labels.severity"}};
static struct chain_link links[] = {
    {HOOK_FILTER, 0, CHAIN_FELL, 'z', NULL, NULL, NULL, NULL, "10-payments.lua:4", "end", 3, 40, 0, reads, 2},
    {HOOK_FILTER, 0, CHAIN_DECIDED, 't', NULL, NULL, NULL, NULL, "default.lua:40", "return true", 1, 4, 0, NULL, 0},
    {HOOK_PRIORITY, 0, CHAIN_PASSED_ON, 'n', "1000", NULL, NULL, NULL, "10-payments.lua:9", "return super()", 9, 1, 2, NULL, 0},
    {HOOK_PRIORITY, 1, CHAIN_DECIDED, 'n', "1000", NULL, NULL, NULL, "default.lua:57", "return 1000", 9, 1, 2, NULL, 0},
    {HOOK_TITLE, 0, 0, '-', NULL, NULL, "attempt to index a nil value", "policy.error", "10-payments.lua:12", "x", 9, 1, 2, NULL, 0},
    {HOOK_TITLE, 0, CHAIN_STAND_IN | CHAIN_DECIDED, 's', "HighErrorRate", "why", "", "", "default.lua:61", "x", 9, 1, 2, NULL, 0},
};
static struct chain_choice choices[] = {{"a", "00-a.lua", "team=\"x\"", "team is \"payments\"", FIT_NO},
                                        {"payments", "10-payments.lua", "team=\"payments\"", "", FIT_CHOSEN},
                                        {"", "20-b.lua", "", "20-b.lua:1: syntax error", FIT_BROKEN}};
static struct chain_step steps[] = {{"10-payments.lua:3", "local n = 2", "alertname=\"x\" n=nil"}};

static struct chain whole(void)
{
    return (struct chain){links, choices, steps, sizeof links / sizeof *links, sizeof choices / sizeof *choices, 1, 2, 7};
}

static void comes_back(void **state)
{
    (void)state;
    struct chain c = whole(), back = {0}, more = {0};
    struct buf b = {0}, again = {0};
    struct err e = {0};
    chain_write(&c, &b);
    struct wire_reader r = {b.data, b.data + b.len, false};
    assert_int_equal(chain_read(&r, &back, &e), 0);
    assert_true(wire_at_end(&r));
    chain_write(&back, &again);
    assert_int_equal(again.len, b.len);
    assert_memory_equal(again.data, b.data, b.len);
    assert_true(chain_bytes(&back) > b.len);

    r = (struct wire_reader){b.data, b.data + b.len, false};
    assert_int_equal(chain_read(&r, &more, &e), 0);
    chain_append(&more, &back);
    assert_int_equal(more.n_links, 2 * c.n_links);
    assert_int_equal(more.n_choices, 2 * c.n_choices);
    assert_int_equal(more.more_links, 4);
    assert_int_equal(back.n_links, 0);
    assert_string_equal(more.links[c.n_links].reads[0].name, "labels.track");
    chain_clear(&more);
    buf_free(&b), buf_free(&again);
}

/* No beginning of it is a chain, and no other byte in its place makes the reader do wrong (the sanitizers watch). */
static void nothing_else_does(void **state)
{
    (void)state;
    struct chain c = whole(), back;
    struct buf b = {0};
    struct err e = {0};
    chain_write(&c, &b);
    for (size_t n = 0; n < b.len; n++) {
        char *copy = xstrndup(b.data, n);
        struct wire_reader r = {copy, copy + n, false};
        assert_int_equal(chain_read(&r, &back, &e), -1);
        assert_int_equal(back.n_links, 0);
        assert_null(back.links);
        free(copy);
    }
    for (size_t n = 0; n < b.len; n++)
        for (unsigned flip = 1; flip < 256; flip *= 2) {
            b.data[n] = (char)((unsigned char)b.data[n] ^ flip);
            struct wire_reader r = {b.data, b.data + b.len, false};
            if (chain_read(&r, &back, &e) == 0)
                chain_clear(&back);
            b.data[n] = (char)((unsigned char)b.data[n] ^ flip);
        }
    buf_free(&b);
}

static void numbers_are_numbers(void **state)
{
    (void)state;
    static const char *const good[] = {"0", "-1", "12.5", "1e9", "1.5e-7", "9007199254740993"};
    static const char *const bad[] = {"", "-", "01", "1.", ".5", "1e", "0x10", "nan", "inf", "1 ", "1,2"};
    for (size_t i = 0; i < sizeof good / sizeof *good + sizeof bad / sizeof *bad; i++) {
        bool is = i < sizeof good / sizeof *good;
        struct chain_link l = links[2];
        l.value = (char *)(is ? good[i] : bad[i - sizeof good / sizeof *good]);
        struct chain c = {.links = &l, .n_links = 1}, back;
        struct buf b = {0};
        struct err e = {0};
        chain_write(&c, &b);
        struct wire_reader r = {b.data, b.data + b.len, false};
        if (chain_read(&r, &back, &e) != (is ? 0 : -1))
            fail_msg("'%s'", l.value);
        chain_clear(&back);
        buf_free(&b);
    }
}

static void a_person_can_read_it(void **state)
{
    (void)state;
    struct chain c = whole();
    struct buf b = {0};
    chain_text(&c, "  ", &b);
    assert_string_equal(b.data, "  filter    10-payments.lua:4  nil  (no opinion: what lies below it is asked)\n"
                                "              end\n"
                                "              read labels.track = \"canary\\x1b[31m\", labels.sevrity (there is none; did you mean labels.severity?)\n"
                                "            default.lua:40  true\n"
                                "              return true\n"
                                "  priority  10-payments.lua:9  1000  (what super() said)\n"
                                "              return super()\n"
                                "              default.lua:57  1000\n"
                                "                return 1000\n"
                                "  title     10-payments.lua:12  policy.error: attempt to index a nil value\n"
                                "              x\n"
                                "            default.lua:61  \"HighErrorRate\"  why  (the base, because the policy's own hook "
                                "failed)\n"
                                "              x\n"
                                "  ... and 2 more\n");
    buf_clear(&b);
    chain_choices_text(&c, "", &b);
    assert_string_equal(b.data, "00-a.lua  match team=\"x\"  does not fit: team is \"payments\"\n"
                                "10-payments.lua  match team=\"payments\"  judges\n"
                                "20-b.lua  cannot be used, and might have been meant for it: 20-b.lua:1: syntax error\n");
    buf_clear(&b);
    chain_steps_text(&c, "", &b);
    assert_string_equal(b.data, "10-payments.lua:3  local n = 2    -- alertname=\"x\" n=nil\n... and 7 more lines\n");
    buf_free(&b);
}

static void what_nobody_asks_about_is_folded(void **state)
{
    (void)state;
    struct chain c = whole(), mine = {0};
    struct buf b = {0}, names = {0}, text = {0};
    struct err e = {0};
    struct chain_link more[] = {links[0], links[1], links[5], links[4], links[3]};
    more[2].hook = HOOK_KEY, more[2].bits = CHAIN_DECIDED;   /* goes */
    more[4].depth = 0, more[4].hook = HOOK_BODY;             /* goes */
    more[3].hook = HOOK_PRIORITY;                            /* failed: stays */
    c.links = more;
    c.n_links = sizeof more / sizeof *more;
    chain_write(&c, &b);
    struct wire_reader r = {b.data, b.data + b.len, false};
    assert_int_equal(chain_read(&r, &mine, &e), 0);
    chain_fold(&mine, &names);
    assert_string_equal(names.data, "key, body");
    assert_int_equal(mine.n_links, 3);
    chain_text(&mine, "", &text);
    assert_non_null(strstr(text.data, "filter    10-payments.lua:4"));
    assert_non_null(strstr(text.data, "priority  10-payments.lua:12  policy.error"));
    chain_clear(&mine);
    buf_free(&b), buf_free(&names), buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(nothing_else_does),
        cmocka_unit_test(numbers_are_numbers),
        cmocka_unit_test(a_person_can_read_it),
        cmocka_unit_test(what_nobody_asks_about_is_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

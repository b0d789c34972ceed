/* Frames out of turn, cut short, or at odds with themselves: the worker ends with exit 3 and a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_kit.h"

#include "base/mem.h"
#include "base/moment.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <xxhash.h>

/* After READY (or WANT) with this setup, a frame of these fields. */
static void expect_end(const struct rig_setup *setup, enum wire_type type, const struct buf *fields,
                       const char *sentence)
{
    struct rig r = {0};
    struct buf b = {0};
    rig_start(&r);
    rig_write_setup(&b, setup);
    assert_true(rig_exchange(&r, &b, WIRE_READY));
    buf_clear(&b);
    size_t mark = wire_begin(&b, type);
    buf_add(&b, fields->data, fields->len);
    wire_end(&b, mark);
    if (rig_exchange(&r, &b, WIRE_HELLO))
        fail_msg("it went on instead of saying: %s", sentence);
    assert_int_equal(WIFEXITED(r.status) ? WEXITSTATUS(r.status) : 99, 3);
    kit_expect(r.stderr_text.data, sentence);
    rig_stop(&r);
    buf_free(&b);
}

static const struct rig_setup plain_setup = {0};
static const struct rig_setup zoned_setup = {
    .policies = {{"a.lua", "return { api = 1, zones = {'Europe/Rome', 'Asia/Tokyo'} }", 0}}};

static void frames_have_a_turn(void **state)
{
    (void)state;
    struct buf none = {0}, empty = {0}, again = {0};
    wire_u32(&empty, 0);
    rig_write_setup(&again, &plain_setup);
    struct buf setup_fields = {again.data + 5, again.len - 5, 0};
    expect_end(&plain_setup, WIRE_SETUP, &setup_fields, "a frame of type 'S' is not for a worker");
    expect_end(&plain_setup, WIRE_ZONES, &empty, "a frame of type 'Z' is not for a worker");
    expect_end(&plain_setup, WIRE_READY, &empty, "a frame of type 'R' is not for a worker");
    expect_end(&plain_setup, WIRE_RESOLVED, &empty, "a frame of type 'x' is not for a worker");
    expect_end(&zoned_setup, WIRE_JUDGE, &empty, "ZONES must come after WANT");
    expect_end(&zoned_setup, WIRE_SETUP, &setup_fields, "ZONES must come after WANT");
    expect_end(&plain_setup, WIRE_JUDGE, &none, "");
    buf_free(&empty);
    buf_free(&again);

    /* all of the poll is known before the first is judged */
    struct rig r = {0};
    struct buf text = {0};
    const char *const one[] = {kit_plain};
    rig_start(&r);
    rig_ready(&r, &plain_setup, &text);
    rig_survey(&r, one, 1, &text);
    rig_survey(&r, one, 1, &text);
    rig_judge(&r, one, 1, &text);
    rig_survey(&r, one, 1, &text);
    kit_expect(text.data, "by=default\nworker: exit 3\nalertspawner-worker: SURVEY comes before JUDGE");
    rig_stop(&r);
    buf_free(&text);
}

static void zones_answer_want(void **state)
{
    (void)state;
    static const struct {
        uint32_t n;
        const char *names[3];
        bool more;
        const char *want;
    } table[] = {
        {0, {0}, false, "ZONES has another number of time zones than WANT"},
        {1, {"Europe/Rome"}, false, "ZONES has another number of time zones than WANT"},
        {3, {"Europe/Rome", "Asia/Tokyo", "UTC"}, false, "ZONES has another number of time zones than WANT"},
        {2, {"Asia/Tokyo", "Europe/Rome"}, false, "ZONES does not answer WANT"},
        {2, {"Europe/Rome"}, false, "ZONES does not answer WANT"},
        {2, {"Europe/Rome", "Asia/Tokyo"}, true, "ZONES is not as long as it says"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct buf b = {0};
        wire_u32(&b, table[i].n);
        for (size_t k = 0; k < 3 && table[i].names[k]; k++) {
            wire_str(&b, table[i].names[k]);
            wire_u8(&b, 1);
            wire_str(&b, "TZif");
        }
        if (table[i].more)
            wire_u8(&b, 1);
        expect_end(&zoned_setup, WIRE_ZONES, &b, table[i].want);
        buf_free(&b);
    }
}

static void add_texts(struct buf *b)
{
    struct buf alert = {0};
    rig_add_alert(&alert, 0, kit_plain);
    buf_add(b, alert.data + 4, alert.len - 4);
    buf_free(&alert);
}

static void add_last(struct buf *b)
{
    wire_str(b, "t");
    wire_u8(b, 1);
    wire_u8(b, 0);
    for (int i = 0; i < 4; i++)
        wire_i64(b, MOMENT_NONE);
    wire_u32(b, 1);
}

static void add_key(struct buf *b)
{
    wire_u8(b, 1);
    wire_str(b, "k");
}

/* One whole question of a type. */
static void add_question(struct buf *b, enum wire_type type)
{
    wire_u32(b, 1);
    if (type != WIRE_SURVEY)
        wire_u32(b, 7);
    if (type == WIRE_RESOLVE)
        wire_str(b, "default");
    add_texts(b);
    if (type == WIRE_JUDGE || type == WIRE_RETRIGGER)
        rig_write_seen(b, NULL);
    if (type == WIRE_RETRIGGER || type == WIRE_RESOLVE || type == WIRE_COMPOSE)
        add_key(b);
    if (type == WIRE_COMPOSE)
        rig_write_seen(b, NULL);
    if (type == WIRE_RETRIGGER || type == WIRE_RESOLVE || type == WIRE_COMPOSE)
        add_last(b);
    if (type == WIRE_COMPOSE) {
        wire_u32(b, 2);
        wire_u32(b, 2);
        add_texts(b);
        add_texts(b);
    }
}

/* Whole, it is answered; every cut, and one byte more, ends the worker. */
static void questions_are_whole(void **state)
{
    (void)state;
    static const enum wire_type types[] = {WIRE_JUDGE, WIRE_RETRIGGER, WIRE_RESOLVE, WIRE_COMPOSE,
                                           WIRE_SURVEY};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        struct buf whole = {0}, request = {0}, text = {0};
        struct rig r = {0};
        add_question(&whole, types[t]);
        size_t mark = wire_begin(&request, types[t]);
        buf_add(&request, whole.data, whole.len);
        wire_end(&request, mark);
        rig_start(&r);
        rig_ready(&r, &plain_setup, &text);
        assert_true(rig_exchange(&r, &request, WIRE_DONE));
        rig_stop(&r);
        for (size_t cut = 0; cut < whole.len; cut += cut + 40 < whole.len ? 61 : 3) {
            struct buf part = {whole.data, cut, 0};
            expect_end(&plain_setup, types[t], &part, "");
        }
        wire_u8(&whole, 0);
        expect_end(&plain_setup, types[t], &whole, "frame is not as long as it says");
        buf_free(&whole);
        buf_free(&request);
        buf_free(&text);
    }
}

static void groups_have_a_size(void **state)
{
    (void)state;
    struct buf b = {0};
    wire_u32(&b, 1);
    wire_u32(&b, 7);
    add_texts(&b);
    add_key(&b);
    rig_write_seen(&b, NULL);
    add_last(&b);
    wire_u32(&b, WIRE_MEMBERS_MAX + 1);
    wire_u32(&b, WIRE_MEMBERS_MAX + 1);
    for (size_t i = 0; i <= WIRE_MEMBERS_MAX; i++)
        add_texts(&b);
    expect_end(&plain_setup, WIRE_COMPOSE, &b, "COMPOSE brings 51 members of a group");
    buf_free(&b);
}

/* Every cut of a SETUP that holds some of everything. */
static void a_setup_is_whole(void **state)
{
    (void)state;
    static const struct rig_setup setup = {
        .policies = {{"a.lua", "return { api = 1 }", 0}},
        .libraries = {{"lib_a.lua", "return 1"}},
        .creations = {{"a", {1, 2}}},
        .states = {{"a", 1, 1, {{"n", 'i', 3, NULL}}}},
        .quarantined = {1},
    };
    struct buf whole = {0};
    rig_write_setup(&whole, &setup);
    for (size_t cut = 5; cut < whole.len; cut += 7) {
        struct rig r = {0};
        struct buf b = {0};
        rig_start(&r);
        size_t mark = wire_begin(&b, WIRE_SETUP);
        buf_add(&b, whole.data + 5, cut - 5);
        wire_end(&b, mark);
        assert_false(rig_exchange(&r, &b, WIRE_READY));
        assert_int_equal(WIFEXITED(r.status) ? WEXITSTATUS(r.status) : 99, 3);
        rig_stop(&r);
        buf_free(&b);
    }
    buf_free(&whole);
}

static void the_default_has_a_hash(void **state)
{
    (void)state;
    struct buf source = {0};
    char part[4096], want[33];
    size_t n;
    FILE *f = fopen("policies/default.lua", "r");
    assert_non_null(f);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(&source, part, n);
    fclose(f);
    XXH128_hash_t h = XXH3_128bits(source.data, source.len);
    snprintf(want, sizeof want, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
    struct rig r = {0};
    struct buf text = {0};
    rig_start(&r);
    rig_ready(&r, &plain_setup, &text);
    assert_string_equal(r.hash, want);
    rig_stop(&r);
    buf_free(&text);
    buf_free(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_have_a_turn),  cmocka_unit_test(zones_answer_want),
        cmocka_unit_test(questions_are_whole), cmocka_unit_test(groups_have_a_size),
        cmocka_unit_test(a_setup_is_whole),    cmocka_unit_test(the_default_has_a_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

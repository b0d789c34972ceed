/* Notes and state that hooks write beside their answers, and what becomes of a key's state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/judge_kit.h"

#include "alerts/identity.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static struct kit k;

static int open_kit(void **state)
{
    (void)state;
    kit_open(&k, FAKE_WORKER, 1);
    k.setup.limits.hook_us = 60 * MOMENT_SECOND; /* only the tests of time want to wait */
    return 0;
}

static int close_kit(void **state)
{
    (void)state;
    kit_close(&k);
    return 0;
}

/* "x=5 y=\"text\" z-" of a tree of scalars. */
static char *show(const char *tree, size_t len)
{
    struct wire_reader r = {tree, tree + len, false};
    struct buf b = {0};
    buf_adds(&b, "");
    if (len == 0)
        return buf_take(&b);
    assert_int_equal(wire_get_u8(&r), 'm');
    for (uint32_t n = wire_get_u32(&r); n > 0 && !r.bad; n--) {
        struct wire_text name = wire_get_text(&r), text;
        buf_addf(&b, "%s%.*s", b.len > 0 ? " " : "", (int)name.len, name.s);
        switch (wire_get_u8(&r)) {
        case 'z':
            buf_adds(&b, "-");
            break;
        case 't':
            buf_adds(&b, "+");
            break;
        case 'i':
            buf_addf(&b, "=%lld", (long long)wire_get_i64(&r));
            break;
        case 's':
            text = wire_get_text(&r);
            buf_addf(&b, "=\"%.*s\"", (int)text.len, text.s);
            break;
        default:
            fail_msg("no scalar");
        }
    }
    assert_true(wire_at_end(&r));
    return buf_take(&b);
}

static void assert_state(const struct state_change *s, uint64_t identity, const char *policy, const char *changes)
{
    char *text = show(s->changes, s->len);
    assert_string_equal(text, changes);
    assert_int_equal(s->identity, identity);
    assert_string_equal(judge_policy_name(k.j, s->policy), policy);
    free(text);
}

static void assert_note(size_t alert, size_t i, const char *name, const char *value)
{
    const char *got_name, *got_value;
    assert_true(i < judge_alert_notes(k.j, alert));
    judge_alert_note(k.j, alert, i, &got_name, &got_value);
    assert_string_equal(got_name, name);
    assert_string_equal(got_value, value);
}

static void notes_and_state_are_kept(void **state)
{
    (void)state;
    size_t n = 99;
    kit_policy(&k, "a.lua",
               "match A\nfilter A extras n:why=because s:last=one i:count=1 n:empty=\nretrigger A extras n:again=yes "
               "i:count=2 k:db-1\ntitle A extras z:last n:title=x");
    kit_policy(&k, "b.lua", "match B\nfilter B extras k:db-1 s:x=y\n");
    for (int i = 0; i < 30; i++)
        kit_alert(&k, i == 10 ? "A" : i == 20 ? "B" : "Other");
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    assert_int_equal(judge_alert_notes(k.j, 10), 2);
    assert_note(10, 0, "why", "because");
    assert_note(10, 1, "empty", "");
    assert_int_equal(judge_alert_notes(k.j, 20), 0);
    assert_int_equal(judge_alert_notes(k.j, 0), 0);
    assert_null(judge_state(k.j, 0, &n));
    assert_int_equal(n, 0);
    const struct state_change *s = judge_state(k.j, 20, &n);
    assert_int_equal(n, 1);
    assert_state(s, identity_of_key("db-1", 4), "b", "x=\"y\"");
    s = judge_state(k.j, 10, &n);
    assert_int_equal(n, 1);
    assert_state(s, 0xaa, "a", "last=\"one\" count=1");
    const char *kept = s->changes;

    struct retrigger_question q[] = {{.alert = 10, .task = "t"}, {.alert = 5, .task = "t"}};
    struct retrigger_answer a[2] = {0};
    kit_retrigger(&k, q, 2, a);
    size_t winners[] = {29, 10};
    struct composition c[2] = {0};
    kit_compose(&k, winners, 2, c);
    s = judge_state(k.j, 10, &n);
    assert_int_equal(n, 3);
    assert_ptr_equal(s[0].changes, kept);
    assert_state(&s[0], 0xaa, "a", "last=\"one\" count=1");
    assert_int_equal(s[1].identity, identity_of_key("db-1", 4));
    assert_state(&s[2], 0xaa, "a", "last-");
    assert_int_equal(judge_alert_notes(k.j, 10), 4);
    assert_note(10, 2, "again", "yes");
    assert_note(10, 3, "title", "x");
    for (size_t i = 0; i < 2; i++) {
        retrigger_answer_deinit(&a[i]);
        composition_deinit(&c[i]);
    }
}

/* What a dead worker has answered is not asked, and not kept, twice. */
static void a_death_doubles_nothing(void **state)
{
    (void)state;
    size_t n;
    kit_policy(&k, "a.lua", "match A\nfilter A extras n:a=b i:x=1");
    kit_policy(&k, "b.lua", "match Boom\nfilter Boom blind-die 9");
    for (int i = 0; i < 20; i++)
        kit_alert(&k, i == 7 ? "Boom" : "A");
    kit_judge(&k);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(judge_alert_notes(k.j, i), i != 7);
        judge_state(k.j, i, &n);
        assert_int_equal(n, i != 7);
    }
}

/* What the engine keeps of a cycle has an end, and it says so. */
static void text_has_an_end(void **state)
{
    (void)state;
    size_t n, with = 0, states = 0;
    k.setup.limits.text_bytes = 4096;
    kit_policy(&k, "a.lua", "match A\nfilter A extras n:a=b s:x=some-value-or-other");
    for (int i = 0; i < 199; i++)
        kit_alert(&k, "A");
    kit_judge(&k);
    assert_int_equal(k.err.kind, ERR_NONE);
    for (size_t i = 0; i < 199; i++) {
        assert_string_equal(kit_reason(&k, i), "keep");
        with += judge_alert_notes(k.j, i);
        judge_state(k.j, i, &n);
        states += n;
    }
    assert_in_range(with, 10, 100);
    assert_int_equal(states, with);
    assert_true(kit_noted(&k, "left out: names, details, notes and state of this cycle's answers are more than 4 KiB"));
}

static void compositions_have_an_end(void **state)
{
    (void)state;
    size_t winners[16], made = 0;
    struct composition c[16] = {0};
    k.setup.limits.composed_bytes = 40000;
    kit_policy(&k, "a.lua", "match A\ntitle A large 10000");
    for (size_t i = 0; i < 16; i++) {
        kit_alert(&k, "A");
        winners[i] = i;
    }
    kit_judge(&k);
    for (int cycle = 0; cycle < 2; cycle++, made = 0) { /* the next question begins anew */
        kit_compose(&k, winners, 16, c);
        assert_int_equal(k.err.kind, ERR_NONE);
        for (size_t i = 0; i < 16; i++) {
            made += c[i].ok;
            assert_true(c[i].ok || (c[i].reason == REASON_ERROR_TASK &&
                                    strcmp(c[i].detail, "not composed: this cycle's new Tasks have 39 KiB of text "
                                                        "already; the next cycle goes on") == 0));
            composition_deinit(&c[i]);
        }
        assert_int_equal(made, 4);
    }
}

static void of_a_resolve(void **state)
{
    (void)state;
    kit_policy(&k, "a.lua", "match A\non_resolve * extras n:why=calm z:count k:");
    kit_alert(&k, "A");
    kit_judge(&k);
    struct resolve_question q = {.policy = "a", .alertname = "A", .identity = 0x77, .task = "t", .starts_at = 5};
    struct resolve_answer a = {0};
    kit_resolve(&k, &q, 1, &a);
    assert_int_equal(a.n_notes, 1);
    assert_string_equal(a.notes[0].name, "why");
    assert_string_equal(a.notes[0].value, "calm");
    assert_non_null(a.state);
    assert_state(a.state, 0x77, "a", "count-");
    resolve_answer_deinit(&a);
}

static void nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *said; /* NULL: that is fine */
    } cases[] = {
        {"bits", "extras that there are not"},
        {"no-notes", "0 notes of 3 hooks"},
        {"notes-48", NULL},
        {"notes-49", "49 notes of 3 hooks"},
        {"note-unnamed", "a note without a name"},
        {"note-name-long", "note's name of 65 bytes, at most 64"},
        {"note-long", "note of 257 bytes, at most 256"},
        {"note-utf8", "note that is not UTF-8"},
        {"note-twice", "a note twice"},
        {"states-128", NULL},
        {"states-129", "state that holds too many names"},
        {"state-twice", "state that holds a name twice"},
        {"state-unnamed", "state that holds a name that is none"},
        {"state-name-long", "state that holds a name that is none"},
        {"state-list", "state that holds a value that cannot be kept"},
        {"state-nan", "state that holds a value that cannot be kept"},
        {"state-long", "state that holds a value that cannot be kept"},
        {"state-utf8", "state that holds a value that cannot be kept"},
        {"state-key-long", "state's key of 201 bytes, at most 200"},
        {"state-cut", "a message that ends inside its state"},
        {"chain", "a chain that nobody asked for"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct buf source = {0};
        size_t n;
        if (c > 0) {
            kit_close(&k);
            open_kit(NULL);
        }
        print_message("%s\n", cases[c].kind);
        buf_addf(&source, "match Boom\nfilter Boom badextras %s\n", cases[c].kind);
        kit_policy(&k, "boom.lua", source.data);
        for (int i = 0; i < 3; i++)
            kit_alert(&k, i == 1 ? "Boom" : "Fine");
        kit_judge(&k);
        assert_string_equal(kit_reason(&k, 0), "keep");
        assert_string_equal(kit_reason(&k, 1), cases[c].said != NULL ? "policy.killed" : "keep");
        assert_string_equal(kit_reason(&k, 2), "keep");
        if (cases[c].said != NULL) {
            assert_true(kit_noted(&k, cases[c].said));
            assert_int_equal(judge_alert_notes(k.j, 1), 0);
            assert_null(judge_state(k.j, 1, &n));
        }
        buf_free(&source);
    }
}

/* What a chain may not say, when one was asked for. */
static void nonsense_in_chains(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *said; /* NULL: that is fine */
    } cases[] = {
        {"chain", NULL},
        {"chain-hook", "a chain's link that there is not"},
        {"chain-depth", "a chain's link that there is not"},
        {"chain-bits", "a chain's link that there is not"},
        {"chain-tag", "a chain's value of no kind"},
        {"chain-number", "a chain's value that is none"},
        {"chain-true", "a chain's value that is none"},
        {"chain-utf8", "a chain's line that is none"},
        {"chain-long", "a chain's detail that is none"},
        {"chain-error", "a chain's error that there is not"},
        {"chain-reads", "a chain's name that is none"},
        {"chain-many", "a chain of 65 links, at most 64"},
        {"chain-fit", "a chain's choice that there is not"},
        {"chain-step", "a chain's locals that is none"},
        {"chain-cut", "a chain that is too short"},
        {"chain-more", "an answer with a chain of a wrong length"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct buf source = {0};
        if (c > 0) {
            kit_close(&k);
            open_kit(NULL);
        }
        print_message("%s\n", cases[c].kind);
        buf_addf(&source, "match Boom\nfilter Boom badextras %s\n", cases[c].kind);
        kit_policy(&k, "boom.lua", source.data);
        k.setup.explain.which = c % 2 == 0 ? EXPLAIN_ALL : EXPLAIN_LISTED;
        k.setup.explain.fingerprints = (const uint64_t[]){1};
        k.setup.explain.n = 1;
        for (int i = 0; i < 3; i++)
            kit_alert(&k, i == 1 ? "Boom" : "Fine");
        kit_judge(&k);
        assert_string_equal(kit_reason(&k, 0), "keep");
        assert_string_equal(kit_reason(&k, 1), cases[c].said != NULL ? "policy.killed" : "keep");
        assert_string_equal(kit_reason(&k, 2), "keep");
        assert_null(judge_chain(k.j, 0));
        const struct chain *chain = judge_chain(k.j, 1);
        if (cases[c].said != NULL) {
            assert_true(kit_noted(&k, cases[c].said));
            assert_null(chain);
        } else {
            assert_int_equal(chain->n_links, 1);
            assert_string_equal(chain->links[0].value, "12.5e-3");
            assert_string_equal(chain->links[0].reads[0].value, "payments");
            assert_string_equal(chain->choices[0].file, "a.lua");
        }
        buf_free(&source);
    }
}

/* --- state_item_apply --- */

/* "x=5 y=text z-" as a tree; "" is no tree at all. */
static void tree(struct buf *b, const char *text)
{
    char copy[2048], *next = NULL;
    uint32_t n = 0;
    buf_clear(b);
    buf_adds(b, "");
    if (text[0] == '\0')
        return;
    wire_u8(b, 'm');
    wire_u32(b, 0);
    snprintf(copy, sizeof copy, "%s", text);
    for (char *s = strtok_r(copy, " ", &next); s != NULL; s = strtok_r(NULL, " ", &next), n++) {
        size_t len = strcspn(s, "=-+");
        wire_text(b, s, len);
        if (s[len] == '-') {
            wire_u8(b, 'z');
        } else if (s[len] == '+') {
            wire_u8(b, 't');
        } else if (s[len + 1] >= '0' && s[len + 1] <= '9') {
            wire_u8(b, 'i');
            wire_i64(b, atoll(s + len + 1));
        } else {
            wire_u8(b, 's');
            wire_str(b, s + len + 1);
        }
    }
    b->data[1] = (char)n;
}

static void changes_are_applied(void **state)
{
    (void)state;
    static const struct {
        const char *item, *changes, *result;
    } cases[] = {
        {"", "b=2 a=text c+", "a=\"text\" b=2 c+"},
        {"a=1 b=2", "b=3", "a=1 b=3"},
        {"a=1 b=2", "a-", "b=2"},
        {"a=1", "a-", ""},
        {"a=1", "b-", "a=1"},
        {"", "a-", ""},
        {"b=2 a=1", "ab=3 A=4", "A=4 a=1 ab=3 b=2"},
        {"a=1", "a=text", "a=\"text\""},
    };
    struct buf item = {0}, changes = {0}, out = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        tree(&item, cases[i].item);
        tree(&changes, cases[i].changes);
        buf_clear(&out);
        if (state_item_apply(item.data, item.len, changes.data, changes.len, &out, &e) != 0)
            fail_msg("%s", e.msg);
        char *text = show(out.data, out.len);
        assert_string_equal(text, cases[i].result);
        free(text);
    }
    /* an item that the store has spoilt counts as nothing */
    struct err e = {0};
    tree(&changes, "a=1");
    buf_clear(&out);
    assert_int_equal(state_item_apply("m\xff\xff\xff\xff", 5, changes.data, changes.len, &out, &e), 0);
    char *text = show(out.data, out.len);
    assert_string_equal(text, "a=1");
    free(text);
    /* changes that are none do nothing */
    buf_clear(&out);
    assert_int_equal(state_item_apply("", 0, "s\0\0\0\0", 5, &out, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(out.len, 0);
    buf_free(&item), buf_free(&changes), buf_free(&out);
}

/* `n` names "prefix0", ... each a text of `size` bytes. */
static void many(struct buf *b, const char *prefix, int n, int size)
{
    buf_clear(b);
    wire_u8(b, 'm');
    wire_u32(b, (uint32_t)n);
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s%02d", prefix, i);
        wire_str(b, name);
        wire_u8(b, 's');
        wire_u32(b, (uint32_t)size);
        for (int x = 0; x < size; x++)
            buf_addc(b, 'x');
    }
}

static void an_item_has_ceilings(void **state)
{
    (void)state;
    struct buf item = {0}, changes = {0}, out = {0};
    struct err e = {0};
    many(&item, "a", 20, 1);
    many(&changes, "b", 12, 1);
    assert_int_equal(state_item_apply(item.data, item.len, changes.data, changes.len, &out, &e), 0);
    buf_clear(&out);
    many(&changes, "b", 13, 1);
    assert_int_equal(state_item_apply(item.data, item.len, changes.data, changes.len, &out, &e), -1);
    assert_string_equal(e.msg, "ctx.state: 33 names of one key, at most 32");
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(out.len, 0);
    /* one name has a head of 4 + 3 + 1 + 4 bytes, all have one of 5 */
    many(&item, "a", 4, 1005);
    many(&changes, "b", 1, WIRE_STATE_ITEM_MAX - 5 - 4 * (12 + 1005) - 12);
    assert_int_equal(state_item_apply(item.data, item.len, changes.data, changes.len, &out, &e), 0);
    assert_int_equal(out.len, WIRE_STATE_ITEM_MAX);
    buf_clear(&out);
    many(&changes, "b", 1, WIRE_STATE_ITEM_MAX - 5 - 4 * (12 + 1005) - 12 + 1);
    assert_int_equal(state_item_apply(item.data, item.len, changes.data, changes.len, &out, &e), -1);
    assert_string_equal(e.msg, "ctx.state: 4097 bytes of one key, at most 4096");
    assert_int_equal(out.len, 0);
    buf_free(&item), buf_free(&changes), buf_free(&out);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_kit, close_kit)
    const struct CMUnitTest tests[] = {
        T(notes_and_state_are_kept),
        T(a_death_doubles_nothing),
        T(text_has_an_end),
        T(compositions_have_an_end),
        T(of_a_resolve),
        T(nonsense),
        T(nonsense_in_chains),
        cmocka_unit_test(changes_are_applied),
        cmocka_unit_test(an_item_has_ceilings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

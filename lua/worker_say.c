/* What a worker said, as lines of text: worker_rig.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker_rig.h"

#include "policy/chain.h"

#include <stdio.h>
#include <sys/wait.h>

static void say_gone(struct rig *r, struct buf *text)
{
    if (r->hung)
        buf_adds(text, "worker: hung\n");
    else if (WIFEXITED(r->status))
        buf_addf(text, "worker: exit %d\n", WEXITSTATUS(r->status));
    else
        buf_addf(text, "worker: signal %d\n", WTERMSIG(r->status));
    buf_add(text, r->stderr_text.data, r->stderr_text.len);
}

static void add_text(struct buf *text, const char *before, struct wire_text t, const char *after)
{
    buf_adds(text, before);
    buf_add(text, t.s, t.len);
    buf_adds(text, after);
}

static void say_number(struct wire_reader *r, struct buf *text, const char *name, uint32_t usual)
{
    uint32_t n = wire_get_u32(r);
    if (n != usual)
        buf_addf(text, " %s=%u", name, n);
}

static void say_policy(struct wire_reader *r, struct buf *text)
{
    add_text(text, "policy: ", wire_get_text(r), " ");
    add_text(text, "", wire_get_text(r), " ");
    add_text(text, "", wire_get_text(r), "");
    uint8_t bits = wire_get_u8(r);
    buf_adds(text, bits & 1 ? " shadow" : "");
    buf_adds(text, bits & 2 ? " on_resolve" : "");
    say_number(r, text, "hour", 0);
    say_number(r, text, "day", 0);
    say_number(r, text, "ramp", 0);
    uint32_t slots = wire_get_u32(r), priority = wire_get_u32(r);
    if (slots)
        buf_addf(text, " reserve=%u/%u", slots, priority);
    say_number(r, text, "version", 1);
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--)
        buf_addf(text, " lib=%u", wire_get_u32(r));
    buf_addc(text, '\n');
}

static void say_ready(struct rig *rig, struct wire_reader *r, struct buf *text)
{
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        wire_get_text(r);
        add_text(text, "load: ", wire_get_text(r), "\n");
    }
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--)
        say_policy(r, text);
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        add_text(text, "lint: ", wire_get_text(r), "");
        buf_addf(text, ":%u: ", wire_get_u32(r));
        add_text(text, "", wire_get_text(r), "\n");
    }
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--) {
        add_text(text, "template: ", wire_get_text(r), ": ");
        add_text(text, "", wire_get_text(r), "\n");
    }
    if (!wire_get_u8(r))
        buf_adds(text, "named: missing\n");
    if (wire_get_u8(r))
        buf_adds(text, "survey: wanted\n");
    struct wire_text hash = wire_get_text(r);
    snprintf(rig->hash, sizeof rig->hash, "%.*s", (int)hash.len, hash.s);
}

static void say_scalar(struct wire_reader *r, struct buf *text)
{
    uint8_t tag = wire_get_u8(r);
    uint64_t bits;
    double d;
    buf_addc(text, (char)tag);
    if (tag == 'i')
        buf_addf(text, "%lld", (long long)wire_get_i64(r));
    if (tag == 's')
        add_text(text, "", wire_get_text(r), "");
    if (tag == 'd') {
        bits = wire_get_u64(r);
        memcpy(&d, &bits, sizeof d);
        buf_addf(text, "%g", d);
    }
}

static void say_chain(struct wire_reader *r, struct buf *text)
{
    struct chain c;
    struct err e;
    if (chain_read(r, &c, &e) < 0)
        fail_msg("the chain is none: %s", e.msg);
    buf_adds(text, " chain:\n");
    chain_choices_text(&c, "  ", text);
    chain_text(&c, "  ", text);
    chain_steps_text(&c, "  > ", text);
    for (size_t i = 0; i < c.n_links; i++)
        if (c.links[i].bits & CHAIN_DECIDED)
            buf_addf(text, "  decided: %s %s, instructions %s, memory %s\n", black_box_hook_name(c.links[i].hook),
                     c.links[i].by, c.links[i].instructions > 0 ? "some" : "none",
                     c.links[i].memory > 0 ? "some" : "none");
    chain_clear(&c);
}

static void say_extras(struct wire_reader *r, struct buf *text)
{
    uint8_t bits = wire_get_u8(r);
    assert_true(bits < 8);
    if (bits & 1) {
        uint32_t n = wire_get_u32(r);
        assert_true(n > 0);
        for (uint32_t i = 0; i < n && !r->bad; i++) {
            add_text(text, i ? "," : " notes={", wire_get_text(r), "=");
            add_text(text, "", wire_get_text(r), "");
        }
        buf_addc(text, '}');
    }
    if (bits & 2) {
        add_text(text, " state[", wire_get_text(r), "]={");
        uint32_t n = wire_get_u32(r);
        assert_true(n > 0);
        for (uint32_t i = 0; i < n && !r->bad; i++) {
            add_text(text, i ? "," : "", wire_get_text(r), "=");
            say_scalar(r, text);
        }
        buf_addc(text, '}');
    }
    if (bits & 4)
        say_chain(r, text);
}

static void say_optional(struct buf *text, const char *before, struct wire_text t)
{
    if (t.len)
        add_text(text, before, t, "");
}

static void say_judged(struct wire_reader *r, struct buf *text)
{
    wire_get_u32(r);
    uint8_t what = wire_get_u8(r);
    struct wire_text code = wire_get_text(r), detail = wire_get_text(r), policy = wire_get_text(r),
                     place = wire_get_text(r), key = {"", 0};
    uint8_t has_key = wire_get_u8(r);
    if (has_key)
        key = wire_get_text(r);
    int64_t priority = wire_get_i64(r);
    struct wire_text name = wire_get_text(r), name_error = wire_get_text(r), fallback = wire_get_text(r);
    if (what == JUDGED_KEEP) {
        buf_addf(text, "judge: keep priority=%lld", (long long)priority);
    } else {
        add_text(text, what == JUDGED_DROP ? "judge: drop " : "judge: error ", code, " [");
        add_text(text, "", detail, "]");
    }
    if (has_key)
        add_text(text, " key=", key, "");
    say_optional(text, " name=", name);
    say_optional(text, " name error=", name_error);
    say_optional(text, " fallback=", fallback);
    say_optional(text, " by=", policy);
    say_optional(text, " at=", place);
    say_extras(r, text);
    buf_addc(text, '\n');
}

static void say_retriggered(struct wire_reader *r, struct buf *text)
{
    static const char *const names[] = {"never", "now", "at", "error"};
    wire_get_u32(r);
    uint8_t what = wire_get_u8(r);
    int64_t at = wire_get_i64(r);
    assert_true(what < 4);
    buf_addf(text, "retrigger: %s", names[what]);
    if (what == ANSWER_AT)
        buf_addf(text, " %lld", (long long)(at / 1000000));
    struct wire_text code = wire_get_text(r), detail = wire_get_text(r);
    if (code.len) {
        add_text(text, " ", code, " [");
        add_text(text, "", detail, "]");
    }
    say_optional(text, " by=", wire_get_text(r));
    say_optional(text, " at=", wire_get_text(r));
    say_extras(r, text);
    buf_addc(text, '\n');
}

static void say_composed(struct wire_reader *r, struct buf *text)
{
    wire_get_u32(r);
    uint8_t ok = wire_get_u8(r);
    struct wire_text code = wire_get_text(r), detail = wire_get_text(r);
    buf_adds(text, ok ? "compose: ok" : "compose: error");
    if (!ok) {
        add_text(text, " ", code, " [");
        add_text(text, "", detail, "]");
    }
    add_text(text, " title=[", wire_get_text(r), "]");
    add_text(text, " body=[", wire_get_text(r), "]");
    add_text(text, " prompt=[", wire_get_text(r), "]");
    add_text(text, " branch=[", wire_get_text(r), "]");
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--)
        add_text(text, " label=[", wire_get_text(r), "]");
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--)
        add_text(text, " annotation=[", wire_get_text(r), "]");
    say_optional(text, " fallback=", wire_get_text(r));
    say_extras(r, text);
    buf_addc(text, '\n');
}

static void say_resolved(struct wire_reader *r, struct buf *text)
{
    static const char *const names[] = {"keep", "cancel_pending", "error"};
    wire_get_u32(r);
    uint8_t what = wire_get_u8(r);
    assert_true(what < 3);
    struct wire_text code = wire_get_text(r), detail = wire_get_text(r);
    buf_addf(text, "resolve: %s", names[what]);
    if (code.len || detail.len) {
        add_text(text, " ", code, " [");
        add_text(text, "", detail, "]");
    }
    say_optional(text, " at=", wire_get_text(r));
    say_extras(r, text);
    buf_addc(text, '\n');
}

static void say_want(struct wire_reader *r, struct buf *text)
{
    buf_adds(text, "want:");
    for (uint32_t n = wire_get_u32(r); n && !r->bad; n--)
        add_text(text, " ", wire_get_text(r), "");
    buf_addc(text, '\n');
}

/* Sends, then says what came. */
void rig_converse(struct rig *r, const struct buf *request, enum wire_type until, struct buf *text)
{
    bool whole = rig_exchange(r, request, until);
    enum wire_type type;
    struct wire_reader fields;
    size_t used;
    for (size_t at = 0; wire_frame(r->answers.data + at, r->answers.len - at, &type, &fields, &used) == 1;
         at += used) {
        if (type == WIRE_READY)
            say_ready(r, &fields, text);
        else if (type == WIRE_WANT)
            say_want(&fields, text);
        else if (type == WIRE_RESOLVED)
            say_resolved(&fields, text);
        else if (type == WIRE_JUDGED)
            say_judged(&fields, text);
        else if (type == WIRE_RETRIGGERED)
            say_retriggered(&fields, text);
        else if (type == WIRE_COMPOSED)
            say_composed(&fields, text);
        else if (type == WIRE_DONE)
            wire_get_u32(&fields);
        if (type != WIRE_HELLO)
            assert_true(wire_at_end(&fields));
    }
    if (!whole)
        say_gone(r, text);
    buf_addc(text, 0);
    text->len--;
}

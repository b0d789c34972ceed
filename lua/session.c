#include "session_internal.h"

#include "alerts/identity.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "tasks/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session *session_create(volatile struct black_box *box, session_output_cb *on_output, void *arg)
{
    struct session *s = xcalloc(1, sizeof *s);
    s->box = box;
    s->on_output = on_output;
    s->arg = arg;
    return s;
}

void session_free(struct session **session)
{
    struct session *s = *session;
    if (!s)
        return;
    policy_deinit(&s->base);
    for (size_t i = 0; i < s->n_policies; i++)
        policy_deinit(&s->policies[i]);
    free(s->policies);
    render_free(&s->render);
    for (size_t i = 0; i < 2 * s->n_templates; i++)
        free(s->template_texts[i]);
    free(s->template_texts);
    free(s->templates);
    free(s->cycle.priority_labels);
    policy_answer_deinit(&s->answer);
    struct buf *bufs[] = {&s->out,  &s->setup, &s->index,    &s->title,
                          &s->body, &s->id,    &s->rendered, &s->fallback};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_free(bufs[i]);
    free(s);
    *session = NULL;
}

void session_flush(struct session *s, size_t at_least)
{
    if (s->out.len > at_least || (at_least == 0 && s->out.len))
        s->on_output(s->arg, &s->out);
}

void session_write_sentence(struct session *s, const char *text, size_t len)
{
    len = len > WIRE_TEXT_SHOWN ? WIRE_TEXT_SHOWN : len;
    wire_text(&s->out, text,
              utf8_valid(text ? text : "", len)); /* all of it, but for a character that was cut */
}

void session_hello(struct session *s)
{
    size_t mark = wire_begin(&s->out, WIRE_HELLO);
    wire_str(&s->out, WIRE_MAGIC);
    wire_u32(&s->out, WIRE_VERSION);
    wire_str(&s->out, AS_VERSION);
    wire_end(&s->out, mark);
    session_flush(s, 0);
}

/* Alerts */

int session_read_alert(struct session *s, struct wire_reader *r, struct alert *a, struct err *e)
{
    struct wire_text bytes = wire_get_text(r), index = wire_get_text(r);
    buf_clear(&s->index);
    buf_add(&s->index, index.s, index.len); /* malloc aligns it; the frame does not */
    if (r->bad || bytes.len > ALERT_BYTES_MAX ||
        alert_view_checked(a, bytes.s, bytes.len, s->index.data, s->index.len) < 0)
        return err_set(e, ERR_INVALID, "an alert's index does not fit its bytes");
    return 0;
}

/* The alert is judged by the first file whose match fits. A broken file may have been meant for it. */
static void choose_by_match(struct session *s, const struct alert *alert, struct choice *c)
{
    for (size_t i = 0; i < s->n_policies; i++) {
        struct policy *p = &s->policies[i];
        if (p->problem) {
            c->failed = "policy.load";
            c->name = ""; /* it has none before it loads */
            snprintf(c->detail, sizeof c->detail, "%s", p->problem);
            return;
        }
        if (p->match && matcher_fits(p->match, alert, &s->rendered)) {
            c->policy = p;
            return;
        }
    }
    c->policy = &s->base;
}

static bool text_is(struct wire_text t, const char *s)
{
    return t.len == strlen(s) && memcmp(t.s, s, t.len) == 0;
}

static void choose_named(struct session *s, struct choice *c)
{
    if (text_is(s->named, "default")) {
        c->policy = &s->base;
        return;
    }
    for (size_t i = 0; i < s->n_policies; i++) {
        if (!s->policies[i].problem && text_is(s->named, s->policies[i].name)) {
            c->policy = &s->policies[i];
            return;
        }
    }
    struct buf name = {0};
    text_clean(&name, s->named.s, s->named.len, 128);
    c->failed = "policy.missing";
    c->name = "";
    snprintf(c->detail, sizeof c->detail, "no policy is named '%s'", name.data);
    for (size_t i = 0; i < s->n_policies; i++) { /* perhaps it is one that does not load */
        const struct policy *p = &s->policies[i];
        if (p->problem &&
            (p->name ? text_is(s->named, p->name)
                     : s->named.len + 4 == strlen(p->file) && memcmp(p->file, s->named.s, s->named.len) == 0))
            snprintf(c->detail, sizeof c->detail, "the policy '%s' cannot be used: %s", name.data,
                     p->problem);
    }
    buf_free(&name);
}

void session_choose(struct session *s, const struct alert *alert, struct choice *c)
{
    c->policy = NULL;
    c->failed = NULL;
    c->detail[0] = 0;
    if (s->named.len)
        choose_named(s, c);
    else
        choose_by_match(s, alert, c);
    if (!c->policy)
        return;
    c->name = c->policy->name;
    if (c->policy->problem) { /* the default policy itself, when it has no memory to load in */
        c->failed = "policy.load";
        snprintf(c->detail, sizeof c->detail, "%s", c->policy->problem);
        c->policy = NULL;
    } else if (c->policy->quarantined) {
        c->failed = "policy.quarantined";
        snprintf(c->detail, sizeof c->detail, "'%s' has killed too many workers in this cycle", c->name);
    }
}

void session_close_alert(struct session *s, struct policy *p)
{
    if (p)
        policy_close_alert(p);
    policy_close_alert(&s->base);
}

static bool base_answers(const struct session *s)
{
    return !s->base.quarantined && !s->base.problem;
}

static void note_fallback(struct session *s, const struct policy_answer *a)
{
    if (s->fallback.len)
        buf_adds(&s->fallback, "; ");
    buf_adds(&s->fallback, a->detail.data);
}

static int ask_priority(struct session *s, struct policy *p, uint32_t id, const struct alert *a)
{
    struct policy_answer *answer = &s->answer;
    if (policy_ask(p, ASK_PRIORITY, id, a, NULL, answer) == 0)
        return answer->priority;
    note_fallback(s, answer);
    if (p != &s->base && base_answers(s) && policy_ask(&s->base, ASK_PRIORITY, id, a, NULL, answer) == 0)
        return answer->priority;
    return PRIORITY_MAX;
}

void session_ask_text(struct session *s, struct policy *p, enum policy_hook hook, uint32_t id,
                      const struct alert *a, struct buf *out)
{
    struct policy_answer *answer = &s->answer;
    buf_clear(out);
    if (p && !p->quarantined) {
        if (policy_ask(p, hook, id, a, NULL, answer) == 0) {
            buf_add(out, answer->text.data, answer->text.len);
            return;
        }
        note_fallback(s, answer);
    }
    if (p != &s->base && base_answers(s) && policy_ask(&s->base, hook, id, a, NULL, answer) == 0)
        buf_add(out, answer->text.data, answer->text.len);
    else if (hook == ASK_TITLE && !span_absent(alert_label(a, "alertname")))
        alert_text(a, alert_label(a, "alertname"), out);
}

void session_identify(struct session *s, const struct alert *a, const char *key, size_t key_len,
                      struct render_data *data)
{
    struct buf name = {0};
    uint64_t identity = a->index->fingerprint;
    buf_clear(&s->id);
    if (key) {
        identity = identity_of_key(key, key_len);
        identity_id(key, key_len, identity, &s->id);
    } else {
        struct span label = alert_label(a, "alertname");
        if (!span_absent(label))
            alert_text(a, label, &name);
        identity_id(name.data ? name.data : "", name.len, identity, &s->id);
        buf_free(&name);
    }
    data->alert = a;
    data->id = s->id.data;
    data->number = identity_number(identity);
    data->title = &s->title;
    data->body = &s->body;
    data->serial = ++s->serial;
}

/* JUDGE */

void session_write_reason(struct session *s, const struct policy_answer *a, const char *none)
{
    if (a->declared) {
        char code[80];
        snprintf(code, sizeof code, "policy.%s", a->code.data);
        wire_str(&s->out, code);
    } else {
        wire_str(&s->out, none);
    }
    session_write_sentence(s, a->detail.data, a->detail.len);
}

static void write_tail(struct session *s, bool has_key, const struct buf *key, int priority,
                       const struct buf *name, const struct buf *name_error)
{
    wire_u8(&s->out, has_key);
    if (has_key)
        wire_text(&s->out, key->data, key->len);
    wire_i64(&s->out, priority);
    wire_text(&s->out, name ? name->data : "", name ? name->len : 0);
    session_write_sentence(s, name_error ? name_error->data : "", name_error ? name_error->len : 0);
    session_write_sentence(s, s->fallback.data, s->fallback.len);
}

static void judge_failed(struct session *s, const char *code, const char *detail, const char *policy,
                         const char *place)
{
    wire_u8(&s->out, JUDGED_ERROR);
    wire_str(&s->out, code);
    session_write_sentence(s, detail, strlen(detail));
    wire_str(&s->out, policy);
    wire_str(&s->out, place);
    buf_clear(&s->fallback);
    write_tail(s, false, NULL, PRIORITY_MAX, NULL, NULL);
}

/* 0: s->rendered is the name; 1: there is no template; -1: s->rendered is what went wrong. */
static int render_name(struct session *s, struct policy *p, uint32_t id, const struct alert *a,
                       const struct buf *key)
{
    const struct render_template *t = &s->templates[TEMPLATE_NAME];
    struct render_data data = {0};
    buf_clear(&s->rendered);
    if (!t->text.len)
        return 1;
    buf_clear(&s->title);
    buf_clear(&s->body);
    if (t->uses_title)
        session_ask_text(s, p, ASK_TITLE, id, a, &s->title);
    if (t->uses_body)
        session_ask_text(s, p, ASK_BODY, id, a, &s->body);
    session_identify(s, a, key ? key->data : NULL, key ? key->len : 0, &data);
    return render_execute(s->render, TEMPLATE_NAME, id, &data, &s->rendered);
}

static void judge_alert(struct session *s, uint32_t id, const struct alert *a)
{
    struct choice c;
    struct policy_answer *answer = &s->answer;
    buf_clear(&s->fallback);
    session_choose(s, a, &c);
    if (c.failed) {
        judge_failed(s, c.failed, c.detail, c.name, "");
        return;
    }
    if (policy_ask(c.policy, ASK_FILTER, id, a, NULL, answer) < 0) {
        judge_failed(s, answer->failed, answer->detail.data, c.name, answer->place);
        goto out;
    }
    if (!answer->keep) {
        wire_u8(&s->out, JUDGED_DROP);
        session_write_reason(s, answer, "policy.filter");
        wire_str(&s->out, c.name);
        wire_str(&s->out, answer->place);
        write_tail(s, false, NULL, PRIORITY_MAX, NULL, NULL);
        goto out;
    }
    if (policy_ask(c.policy, ASK_KEY, id, a, NULL, answer) < 0) {
        judge_failed(s, answer->failed, answer->detail.data, c.name, answer->place);
        goto out;
    }
    char digits[IDENTITY_TEXT];
    identity_format(a->index->fingerprint, digits);
    bool has_key = answer->text.len != 16 || memcmp(answer->text.data, digits, 16) != 0;
    struct buf key = {0};
    if (has_key)
        buf_add(&key, answer->text.data, answer->text.len);
    int priority = ask_priority(s, c.policy, id, a);
    int name = render_name(s, c.policy, id, a, has_key ? &key : NULL);

    wire_u8(&s->out, JUDGED_KEEP);
    wire_str(&s->out, "");
    wire_str(&s->out, "");
    wire_str(&s->out, c.name);
    wire_str(&s->out, "");
    write_tail(s, has_key, &key, priority, name == 0 ? &s->rendered : NULL, name < 0 ? &s->rendered : NULL);
    buf_free(&key);
out:
    session_close_alert(s, c.policy);
}

static int judge(struct session *s, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        struct alert a;
        uint32_t id = wire_get_u32(r);
        if (session_read_alert(s, r, &a, e) < 0)
            return -1;
        size_t mark = wire_begin(&s->out, WIRE_JUDGED);
        wire_u32(&s->out, id);
        judge_alert(s, id, &a);
        wire_end(&s->out, mark);
        session_flush(s, SESSION_FLUSH);
    }
    size_t mark = wire_begin(&s->out, WIRE_DONE);
    wire_u32(&s->out, n);
    wire_end(&s->out, mark);
    return 0;
}

/* RETRIGGER */

static const char *phase_name(uint8_t phase)
{
    static const char *const names[] = {[TASK_NEW] = "",
                                        [TASK_PENDING] = "Pending",
                                        [TASK_WAITING] = "Waiting",
                                        [TASK_RUNNING] = "Running",
                                        [TASK_SUCCEEDED] = "Succeeded",
                                        [TASK_FAILED] = "Failed"};
    return phase < sizeof names / sizeof *names ? names[phase] : "";
}

static void retrigger_alert(struct session *s, uint32_t id, const struct alert *a,
                            const struct policy_last *last)
{
    struct choice c;
    struct policy_answer *answer = &s->answer;
    session_choose(s, a, &c);
    if (c.failed || policy_ask(c.policy, ASK_RETRIGGER, id, a, last, answer) < 0) {
        wire_u8(&s->out, ANSWER_ERROR);
        wire_i64(&s->out, 0);
        wire_str(&s->out, c.failed ? c.failed : answer->failed);
        const char *detail = c.failed ? c.detail : answer->detail.data;
        session_write_sentence(s, detail, strlen(detail));
        wire_str(&s->out, c.name);
        wire_str(&s->out, c.failed ? "" : answer->place);
    } else {
        wire_u8(&s->out, answer->when);
        wire_i64(&s->out, answer->at);
        session_write_reason(s, answer, answer->from_base ? "" : "policy.retrigger");
        wire_str(&s->out, c.name);
        wire_str(&s->out, answer->from_base ? "" : answer->place);
    }
    session_close_alert(s, c.policy);
}

static int retrigger(struct session *s, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        struct alert a;
        struct policy_last last = {0};
        uint32_t id = wire_get_u32(r);
        if (session_read_alert(s, r, &a, e) < 0)
            return -1;
        last.task = wire_get_text(r);
        last.phase = phase_name(wire_get_u8(r));
        last.gone = wire_get_u8(r) != 0;
        last.created_at = wire_get_i64(r);
        last.completed_at = wire_get_i64(r);
        last.starts_at = wire_get_i64(r);
        last.trigger_at = wire_get_i64(r);
        if (last.trigger_at == MOMENT_NONE)
            last.trigger_at = alert_moment(&a, ALERT_STARTS_AT);
        last.attempts = wire_get_u32(r);
        if (r->bad)
            return err_set(e, ERR_INVALID, "RETRIGGER is shorter than it says");
        size_t mark = wire_begin(&s->out, WIRE_RETRIGGERED);
        wire_u32(&s->out, id);
        retrigger_alert(s, id, &a, &last);
        wire_end(&s->out, mark);
        session_flush(s, SESSION_FLUSH);
    }
    size_t mark = wire_begin(&s->out, WIRE_DONE);
    wire_u32(&s->out, n);
    wire_end(&s->out, mark);
    return 0;
}

int session_frame(struct session *s, enum wire_type type, struct wire_reader *r, struct err *e)
{
    int rc;
    if ((type == WIRE_SETUP) == s->ready || (type == WIRE_SETUP && s->setup.len))
        return err_set(e, ERR_INVALID, s->ready ? "a second SETUP" : "SETUP must come first");
    switch (type) {
    case WIRE_SETUP:
        return session_setup(s, r, e);
    case WIRE_JUDGE:
        rc = judge(s, r, e);
        break;
    case WIRE_RETRIGGER:
        rc = retrigger(s, r, e);
        break;
    case WIRE_COMPOSE:
        rc = session_compose(s, r, e);
        break;
    default:
        return err_set(e, ERR_INVALID, "a frame of type '%c' is not for a worker", (char)type);
    }
    if (rc < 0)
        return -1;
    session_flush(s, 0);
    session_trim(s);
    return wire_at_end(r) ? 0 : err_set(e, ERR_INVALID, "a '%c' frame is not as long as it says", (char)type);
}

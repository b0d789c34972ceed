/* JUDGE, RETRIGGER, RESOLVE: one alert, one answer. */
#include "session_internal.h"

#include <string.h>

static int ask_priority(struct session *s, struct policy *p, uint32_t id,
                        const struct policy_scene *scene)
{
    struct policy_answer *answer = &s->answer;
    if (policy_ask(p, ASK_PRIORITY, id, scene, answer) == 0)
        return answer->priority;
    session_note_fallback(s, answer);
    struct policy_scene base_scene = *scene;
    base_scene.stand_in = true;
    if (p != &s->base && session_base_answers(s) && policy_ask(&s->base, ASK_PRIORITY, id, &base_scene, answer) == 0)
        return answer->priority;
    return WIRE_PRIORITY_MAX;
}

/* JUDGE */

static void write_tail(struct session *s, const struct buf *key, int priority, const struct buf *name,
                       const struct buf *name_error)
{
    wire_u8(&s->out, key != NULL);
    if (key)
        wire_text(&s->out, key->data, key->len);
    wire_i64(&s->out, priority);
    wire_text(&s->out, name ? name->data : "", name ? name->len : 0);
    session_write_sentence(s, name_error ? name_error->data : "", name_error ? name_error->len : 0);
    session_write_sentence(s, s->fallback.data, s->fallback.len);
    extras_write(&s->extras, &s->out);
}

static void judge_failed(struct session *s, const char *code, const char *detail, const char *policy,
                         const char *place)
{
    wire_u8(&s->out, JUDGED_ERROR);
    session_write_failed(s, code);
    session_write_sentence(s, detail, strlen(detail));
    wire_str(&s->out, policy);
    wire_str(&s->out, place);
    buf_clear(&s->fallback);
    write_tail(s, NULL, WIRE_PRIORITY_MAX, NULL, NULL);
}

static void judge_dropped(struct session *s, const char *policy)
{
    const struct policy_answer *answer = &s->answer;
    wire_u8(&s->out, JUDGED_DROP);
    session_write_reason(s, answer, "policy.filter");
    wire_str(&s->out, policy);
    wire_str(&s->out, answer->place);
    write_tail(s, NULL, WIRE_PRIORITY_MAX, NULL, NULL);
}

/* 0: s->rendered is the name; 1: there is no template; -1: s->rendered is what went wrong. */
static int render_name(struct session *s, struct policy *p, uint32_t id, const struct policy_scene *scene,
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
        session_ask_text(s, p, ASK_TITLE, id, scene, &s->title);
    if (t->uses_body)
        session_ask_text(s, p, ASK_BODY, id, scene, &s->body);
    session_identify(s, scene->alert, key ? key->data : NULL, key ? key->len : 0, &data);
    return render_execute(s->render, TEMPLATE_NAME, id, &data, &s->rendered);
}

static void judge_kept(struct session *s, const struct choice *c, uint32_t id, const struct policy_scene *scene)
{
    struct buf key = {0};
    bool has_key = s->answer.has_key;
    if (has_key)
        buf_add(&key, s->answer.text.data, s->answer.text.len);
    int priority = ask_priority(s, c->policy, id, scene);
    int name = render_name(s, c->policy, id, scene, has_key ? &key : NULL);

    wire_u8(&s->out, JUDGED_KEEP);
    wire_str(&s->out, "");
    wire_str(&s->out, "");
    wire_str(&s->out, c->name);
    wire_str(&s->out, "");
    write_tail(s, has_key ? &key : NULL, priority, name == 0 ? &s->rendered : NULL, name < 0 ? &s->rendered : NULL);
    buf_free(&key);
}

int session_judge(struct session *s, struct wire_reader *r, uint32_t id, struct err *e)
{
    struct alert a;
    struct choice c;
    struct policy_seen seen;
    struct policy_scene scene = {.alert = &a, .seen = &seen, .extras = &s->extras};
    struct policy_answer *answer = &s->answer;
    if (session_read_alert(s, r, &a, e) < 0)
        return -1;
    session_read_seen(r, &seen);
    if (r->bad)
        return err_set(e, ERR_INVALID, "JUDGE is shorter than it says");
    buf_clear(&s->fallback);
    scene.chain = session_explain(s, &a);
    if (scene.chain)
        session_choose_explained(s, &a, &c);
    else
        session_choose(s, &a, &c);
    if (c.failed) {
        judge_failed(s, c.failed, c.detail, c.name, "");
        return 0;
    }
    if (policy_ask(c.policy, ASK_FILTER, id, &scene, answer) < 0)
        judge_failed(s, answer->failed, answer->detail.data, c.name, answer->place);
    else if (!answer->keep)
        judge_dropped(s, c.name);
    else if (policy_ask(c.policy, ASK_KEY, id, &scene, answer) < 0)
        judge_failed(s, answer->failed, answer->detail.data, c.name, answer->place);
    else
        judge_kept(s, &c, id, &scene);
    session_close_alert(s, c.policy);
    return 0;
}

/* RETRIGGER */

static void write_retriggered(struct session *s, const struct choice *c)
{
    const struct policy_answer *answer = &s->answer;
    wire_u8(&s->out, answer->when);
    wire_i64(&s->out, answer->at);
    session_write_reason(s, answer, answer->from_base ? "" : "policy.retrigger");
    wire_str(&s->out, c->name);
    wire_str(&s->out, answer->from_base ? "" : answer->place);
}

int session_retrigger(struct session *s, struct wire_reader *r, uint32_t id, struct err *e)
{
    struct alert a;
    struct choice c;
    struct policy_seen seen;
    struct policy_last last;
    struct wire_text key;
    bool has_key;
    struct policy_scene scene = {.alert = &a, .seen = &seen, .last = &last, .extras = &s->extras};
    struct policy_answer *answer = &s->answer;
    if (session_read_alert(s, r, &a, e) < 0)
        return -1;
    session_read_seen(r, &seen);
    session_read_key(s, r, &a, &key, &has_key);
    session_read_last(r, &a, &last);
    if (r->bad)
        return err_set(e, ERR_INVALID, "RETRIGGER is shorter than it says");
    scene.chain = session_explain(s, &a);
    session_choose(s, &a, &c);
    if (c.failed || policy_ask(c.policy, ASK_RETRIGGER, id, &scene, answer) < 0) {
        wire_u8(&s->out, ANSWER_ERROR);
        wire_i64(&s->out, 0);
        session_write_failed(s, c.failed ? c.failed : answer->failed);
        const char *detail = c.failed ? c.detail : answer->detail.data;
        session_write_sentence(s, detail, strlen(detail));
        wire_str(&s->out, c.name);
        wire_str(&s->out, c.failed ? "" : answer->place);
    } else {
        write_retriggered(s, &c);
    }
    extras_write(&s->extras, &s->out);
    session_close_alert(s, c.policy);
    return 0;
}

/* RESOLVE */

int session_resolve(struct session *s, struct wire_reader *r, uint32_t id, struct err *e)
{
    struct alert a;
    struct choice c;
    struct policy_last last;
    struct wire_text key;
    bool has_key;
    struct policy_scene scene = {.alert = &a, .last = &last, .extras = &s->extras};
    struct policy_answer *answer = &s->answer;
    struct wire_text name = wire_get_text(r);
    if (session_read_alert(s, r, &a, e) < 0)
        return -1;
    session_read_key(s, r, &a, &key, &has_key);
    session_read_last(r, &a, &last);
    if (r->bad)
        return err_set(e, ERR_INVALID, "RESOLVE is shorter than it says");
    scene.chain = session_explain(s, &a);
    session_choose_by_name(s, name, &c);
    if (c.failed || (c.policy && policy_ask(c.policy, ASK_RESOLVE, id, &scene, answer) < 0)) {
        wire_u8(&s->out, RESOLVE_ERROR);
        session_write_failed(s, c.failed ? c.failed : answer->failed);
        const char *detail = c.failed ? c.detail : answer->detail.data;
        session_write_sentence(s, detail, strlen(detail));
        wire_str(&s->out, c.failed ? "" : answer->place);
    } else if (!c.policy) { /* nobody is left to ask: the Task stays */
        wire_u8(&s->out, RESOLVE_KEEP);
        wire_str(&s->out, "");
        wire_str(&s->out, "");
        wire_str(&s->out, "");
    } else {
        wire_u8(&s->out, answer->resolve);
        session_write_reason(s, answer, "");
        wire_str(&s->out, answer->from_base ? "" : answer->place);
    }
    extras_write(&s->extras, &s->out);
    session_close_alert(s, c.policy);
    return 0;
}

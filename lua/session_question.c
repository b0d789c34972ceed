/* What questions have in common: reading what they bring along, asking with the base to fall back on, and reasons. */
#include "session_internal.h"

#include "alerts/identity.h"
#include "tasks/store.h"

#include <stdio.h>
#include <string.h>

const char *session_phase_name(uint8_t phase)
{
    static const char *const names[] = {[TASK_NEW] = "",
                                        [TASK_PENDING] = "Pending",
                                        [TASK_WAITING] = "Waiting",
                                        [TASK_RUNNING] = "Running",
                                        [TASK_SUCCEEDED] = "Succeeded",
                                        [TASK_FAILED] = "Failed"};
    return phase < sizeof names / sizeof *names ? names[phase] : "";
}

void session_read_seen(struct wire_reader *r, struct policy_seen *seen)
{
    seen->first = wire_get_i64(r);
    seen->polls = wire_get_u32(r);
    seen->flaps = wire_get_u32(r);
    seen->absent = wire_get_i64(r);
    seen->episode = wire_get_u32(r);
}

void session_read_last(struct wire_reader *r, const struct alert *a, struct policy_last *last)
{
    last->task = wire_get_text(r);
    last->phase = session_phase_name(wire_get_u8(r));
    last->gone = wire_get_u8(r) != 0;
    last->created_at = wire_get_i64(r);
    last->completed_at = wire_get_i64(r);
    last->starts_at = wire_get_i64(r);
    last->trigger_at = wire_get_i64(r);
    if (last->trigger_at == MOMENT_NONE)
        last->trigger_at = alert_moment(a, ALERT_STARTS_AT);
    last->attempts = wire_get_u32(r);
}

void session_read_key(struct session *s, struct wire_reader *r, const struct alert *a, struct wire_text *key_r,
                      bool *has_key_r)
{
    *has_key_r = wire_get_u8(r) != 0;
    *key_r = wire_get_text(r);
    extras_identify(&s->extras, *has_key_r ? key_r->s : NULL, key_r->len, a->index->fingerprint);
}

struct chain_maker *session_explain(struct session *s, const struct alert *a)
{
    size_t low = 0, high = s->n_explained;
    uint64_t fingerprint = a->index->fingerprint;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->explained[mid] < fingerprint)
            low = mid + 1;
        else
            high = mid;
    }
    if (s->explains == EXPLAINS_NOTHING ||
        (s->explains == EXPLAINS_LISTED && (low == s->n_explained || s->explained[low] != fingerprint)))
        return NULL;
    chain_maker_begin(s->maker, s->explains_how);
    s->extras.chain = chain_maker_chain(s->maker);
    return s->maker;
}

void session_close_alert(struct session *s, struct policy *p)
{
    if (p)
        policy_close_alert(p);
    policy_close_alert(&s->base);
}

bool session_base_answers(const struct session *s)
{
    return !s->base.quarantined && !s->base.problem;
}

void session_note_fallback(struct session *s, const struct policy_answer *a)
{
    if (s->fallback.len)
        buf_adds(&s->fallback, "; ");
    buf_adds(&s->fallback, a->detail.data);
}

void session_ask_text(struct session *s, struct policy *p, enum policy_hook hook, uint32_t id,
                      const struct policy_scene *scene, struct buf *out)
{
    const struct alert *a = scene->alert;
    struct policy_answer *answer = &s->answer;
    buf_clear(out);
    if (p && !p->quarantined) {
        if (policy_ask(p, hook, id, scene, answer) == 0) {
            buf_add(out, answer->text.data, answer->text.len);
            return;
        }
        session_note_fallback(s, answer);
    }
    struct policy_scene base_scene = *scene;
    base_scene.stand_in = true;
    if (p != &s->base && session_base_answers(s) && policy_ask(&s->base, hook, id, &base_scene, answer) == 0)
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

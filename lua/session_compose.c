/* COMPOSE: title and body by the policy, everything else by the spawner's templates. */
#include "session_internal.h"

#include <string.h>

/* An empty promptTemplate is the title, as in Kelos. */
static int render_prompt(struct session *s, uint32_t id, const struct render_data *data, struct buf *out)
{
    if (s->templates[TEMPLATE_PROMPT].text.len)
        return render_execute(s->render, TEMPLATE_PROMPT, id, data, out);
    buf_clear(out);
    buf_add(out, s->title.data, s->title.len);
    return 0;
}

static void add_rendered(struct session *s, struct buf *fields)
{
    wire_text(fields, s->rendered.data, s->rendered.len);
}

/* All templates in order into `fields`; -1: s->rendered says what went wrong. */
static int render_all(struct session *s, uint32_t id, const struct render_data *data, struct buf *fields)
{
    size_t i = TEMPLATE_FIRST_LABEL;
    if (render_prompt(s, id, data, &s->rendered) < 0)
        return -1;
    add_rendered(s, fields);
    if (render_execute(s->render, TEMPLATE_BRANCH, id, data, &s->rendered) < 0)
        return -1;
    add_rendered(s, fields);
    const size_t counts[] = {s->n_labels, s->n_annotations};
    for (size_t group = 0; group < 2; group++) {
        wire_u32(fields, (uint32_t)counts[group]);
        for (size_t n = counts[group]; n; n--, i++) {
            if (render_execute(s->render, i, id, data, &s->rendered) < 0)
                return -1;
            add_rendered(s, fields);
        }
    }
    return 0;
}

static void compose_alert(struct session *s, uint32_t id, const struct alert *a, const struct wire_text *key)
{
    struct choice c;
    struct render_data data = {0};
    struct buf fields = {0};
    buf_clear(&s->fallback);
    session_choose(s, a, &c);
    session_ask_text(s, c.policy, ASK_TITLE, id, a, &s->title);
    session_ask_text(s, c.policy, ASK_BODY, id, a, &s->body);
    session_close_alert(s, c.policy);
    session_identify(s, a, key ? key->s : NULL, key ? key->len : 0, &data);

    bool ok = render_all(s, id, &data, &fields) == 0;
    wire_u8(&s->out, ok);
    wire_str(&s->out, ok ? "" : "error.template");
    session_write_sentence(s, s->rendered.data, ok ? 0 : s->rendered.len);
    wire_text(&s->out, s->title.data, s->title.len);
    wire_text(&s->out, s->body.data, s->body.len);
    if (ok) {
        buf_add(&s->out, fields.data, fields.len);
    } else {
        wire_str(&s->out, "");
        wire_str(&s->out, "");
        wire_u32(&s->out, 0);
        wire_u32(&s->out, 0);
    }
    session_write_sentence(s, s->fallback.data, s->fallback.len);
    buf_free(&fields);
}

int session_compose(struct session *s, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        struct alert a;
        uint32_t id = wire_get_u32(r);
        if (session_read_alert(s, r, &a, e) < 0)
            return -1;
        bool has_key = wire_get_u8(r) != 0;
        struct wire_text key = wire_get_text(r);
        if (r->bad)
            return err_set(e, ERR_INVALID, "COMPOSE is shorter than it says");
        size_t mark = wire_begin(&s->out, WIRE_COMPOSED);
        wire_u32(&s->out, id);
        compose_alert(s, id, &a, has_key ? &key : NULL);
        wire_end(&s->out, mark);
        session_flush(s, SESSION_FLUSH);
    }
    size_t mark = wire_begin(&s->out, WIRE_DONE);
    wire_u32(&s->out, n);
    wire_end(&s->out, mark);
    return 0;
}

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

/* The members of the group behind `members_r`; their indexes are copied where they are aligned. */
static int read_members(struct session *s, struct wire_reader *r, struct alert *members_r, uint32_t *n_r,
                        struct err *e)
{
    struct wire_text bytes[WIRE_MEMBERS_MAX], index[WIRE_MEMBERS_MAX];
    size_t at[WIRE_MEMBERS_MAX];
    static const char zeroes[8];
    uint32_t n = *n_r = wire_get_u32(r);
    if (n > WIRE_MEMBERS_MAX)
        return err_set(e, ERR_INVALID, "COMPOSE brings %u members of a group", n);
    buf_clear(&s->member_indexes);
    for (uint32_t i = 0; i < n; i++) {
        bytes[i] = wire_get_text(r);
        index[i] = wire_get_text(r);
        at[i] = s->member_indexes.len;
        buf_add(&s->member_indexes, index[i].s, index[i].len);
        buf_add(&s->member_indexes, zeroes, -s->member_indexes.len % 8);
    }
    for (uint32_t i = 0; i < n; i++)
        if (r->bad || bytes[i].len > ALERT_BYTES_MAX ||
            alert_view_checked(&members_r[i], bytes[i].s, bytes[i].len, s->member_indexes.data + at[i],
                               index[i].len) < 0)
            return err_set(e, ERR_INVALID, "a member's index does not fit its bytes");
    return 0;
}

static void compose_alert(struct session *s, uint32_t id, const struct policy_scene *scene,
                          const struct wire_text *key)
{
    struct choice c;
    struct render_data data = {0};
    struct buf fields = {0};
    buf_clear(&s->fallback);
    session_choose(s, scene->alert, &c);
    session_ask_text(s, c.policy, ASK_TITLE, id, scene, &s->title);
    session_ask_text(s, c.policy, ASK_BODY, id, scene, &s->body);
    session_close_alert(s, c.policy);
    session_identify(s, scene->alert, key ? key->s : NULL, key ? key->len : 0, &data);

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
    extras_write(&s->extras, &s->out);
    buf_free(&fields);
}

int session_compose(struct session *s, struct wire_reader *r, uint32_t id, struct err *e)
{
    struct alert a, members[WIRE_MEMBERS_MAX];
    struct policy_seen seen;
    struct policy_last last;
    struct wire_text key;
    bool has_key;
    uint32_t n_members;
    if (session_read_alert(s, r, &a, e) < 0)
        return -1;
    session_read_key(s, r, &a, &key, &has_key);
    session_read_seen(r, &seen);
    session_read_last(r, &a, &last);
    uint32_t n_group = wire_get_u32(r);
    if (read_members(s, r, members, &n_members, e) < 0)
        return -1;
    if (r->bad)
        return err_set(e, ERR_INVALID, "COMPOSE is shorter than it says");
    const struct policy_scene scene = {.alert = &a,
                                       .seen = &seen,
                                       .last = last.task.len ? &last : NULL,
                                       .members = n_members ? members : NULL,
                                       .n_members = n_members,
                                       .n_group = n_group,
                                       .extras = &s->extras,
                                       .chain = session_explain(s, &a)};
    compose_alert(s, id, &scene, has_key ? &key : NULL);
    return 0;
}

/* Frames: which are for now, and the loop that all questions have in common. */
#include "session_internal.h"

#include "base/mem.h"
#include "base/utf8.h"

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

static void free_setup(struct session *s)
{
    session_lint_deinit(s);
    policy_deinit(&s->base);
    for (size_t i = 0; i < s->n_policies; i++)
        policy_deinit(&s->policies[i]);
    free(s->policies);
    for (size_t i = 0; i < s->cycle.n_libraries; i++)
        free(s->cycle.libraries[i].file);
    free(s->cycle.libraries);
    free(s->cycle.priority_labels);
    free(s->wanted.at); /* names are the policies' */
    remembered_deinit(&s->memory);
    survey_free(&s->survey);
    render_free(&s->render);
    chain_maker_free(&s->maker);
    free(s->explained);
    for (size_t i = 0; i < 2 * s->n_templates; i++)
        free(s->template_texts[i]);
    free(s->template_texts);
    free(s->templates);
}

void session_free(struct session **session)
{
    struct session *s = *session;
    if (!s)
        return;
    free_setup(s);
    extras_deinit(&s->extras);
    policy_answer_deinit(&s->answer);
    struct buf *bufs[] = {&s->out,   &s->setup, &s->zone_data, &s->index,    &s->member_indexes,
                          &s->title, &s->body,  &s->id,        &s->rendered, &s->fallback};
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

void session_write_failed(struct session *s, const char *code)
{
    s->costly = strcmp(code, "policy.timeout") == 0 || strcmp(code, "policy.memory") == 0;
    wire_str(&s->out, code);
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

void session_watch_lines(struct session *s, vm_line_cb *on_line, void *arg)
{
    s->cycle.limits.on_line = on_line;
    s->cycle.limits.on_line_arg = arg;
}

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

/* Questions */

struct question_kind {
    enum wire_type question, answer;
    session_answer_fn *ask;
};
static const struct question_kind kinds[] = {
    {WIRE_JUDGE, WIRE_JUDGED, session_judge},
    {WIRE_RETRIGGER, WIRE_RETRIGGERED, session_retrigger},
    {WIRE_RESOLVE, WIRE_RESOLVED, session_resolve},
    {WIRE_COMPOSE, WIRE_COMPOSED, session_compose},
};

static void write_done(struct session *s, uint32_t n)
{
    size_t mark = wire_begin(&s->out, WIRE_DONE);
    wire_u32(&s->out, n);
    wire_end(&s->out, mark);
}

/* Answers, then DONE. */
static int answer_all(struct session *s, const struct question_kind *kind, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = wire_get_u32(r);
        if (r->bad)
            return err_set(e, ERR_INVALID, "a '%c' frame is shorter than it says", (char)kind->question);
        size_t mark = wire_begin(&s->out, kind->answer);
        wire_u32(&s->out, id);
        extras_clear(&s->extras);
        s->costly = false;
        if (kind->ask(s, r, id, e) < 0)
            return -1;
        wire_end(&s->out, mark);
        session_flush(s, s->costly ? 0 : SESSION_FLUSH);
        session_trim(s); /* each alert may have brought another policy's VM back */
    }
    write_done(s, n);
    return 0;
}

static int take_survey(struct session *s, struct wire_reader *r, struct err *e)
{
    if (s->judged)
        return err_set(e, ERR_INVALID, "SURVEY comes before JUDGE");
    if (!s->survey)
        s->survey = s->cycle.survey = survey_create();
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        struct alert a;
        if (session_read_alert(s, r, &a, e) < 0)
            return -1;
        survey_add(s->survey, &a);
    }
    write_done(s, n);
    return 0;
}

static int take_question(struct session *s, enum wire_type type, struct wire_reader *r, struct err *e)
{
    if (type == WIRE_SURVEY)
        return take_survey(s, r, e);
    s->judged = s->judged || type == WIRE_JUDGE;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].question == type)
            return answer_all(s, &kinds[i], r, e);
    return err_set(e, ERR_INVALID, "a frame of type '%c' is not for a worker", (char)type);
}

int session_frame(struct session *s, enum wire_type type, struct wire_reader *r, struct err *e)
{
    if (s->state == SESSION_NEW)
        return type == WIRE_SETUP && !s->setup.data ? session_setup(s, r, e)
                                                    : err_set(e, ERR_INVALID, "SETUP must come first, once");
    if (s->state == SESSION_AWAITS_ZONES)
        return type == WIRE_ZONES ? session_zones(s, r, e) : err_set(e, ERR_INVALID, "ZONES must come after WANT");
    if (take_question(s, type, r, e) < 0)
        return -1;
    session_flush(s, 0);
    return wire_at_end(r) ? 0 : err_set(e, ERR_INVALID, "a '%c' frame is not as long as it says", (char)type);
}

/* Policies under test: host.session, host.ask, host.free. Each is a whole session, in VMs of its own. */
#include "spec_internal.h"

#include "session_internal.h"
#include "spec_coverage.h"

#include "alerts/identity.h"

#include <lauxlib.h>
#include <string.h>

/* What a session says, until somebody takes it. */
static void on_output(void *arg, struct buf *out)
{
    struct spec_session *t = arg;
    buf_add(&t->heard, out->data, out->len);
    buf_clear(out);
}

static void close_session(struct spec_session *t)
{
    session_free(&t->session);
    buf_free(&t->heard);
    *t = (struct spec_session){0};
}

/* One frame to it: spec_running->frame. Raises when it takes it for nonsense, which is a mistake of ours. */
static void say(lua_State *L, struct spec_session *t)
{
    struct spec *s = spec_running;
    enum wire_type type;
    struct wire_reader fields;
    size_t used;
    struct err e;
    buf_clear(&t->heard);
    t->read = 0;
    if (wire_frame(s->frame.data, s->frame.len, &type, &fields, &used) != 1)
        luaL_error(L, "what would be asked of the policy is larger than %d MiB", WIRE_FRAME_MAX / (1024 * 1024));
    if (session_frame(t->session, type, &fields, &e) < 0)
        luaL_error(L, "the session refuses a '%c' frame: %s", (char)type, e.msg);
}

static enum wire_type hear(lua_State *L, struct spec_session *t, struct wire_reader *fields_r)
{
    enum wire_type type;
    size_t used;
    if (wire_frame(t->heard.data + t->read, t->heard.len - t->read, &type, fields_r, &used) != 1)
        luaL_error(L, "the session says nothing");
    t->read += used;
    return type;
}

/* host.session */

/* Zones that policies name: as the engine would send them. */
static void answer_want(lua_State *L, struct wire_reader *want)
{
    struct buf *b = &spec_running->frame;
    size_t mark;
    uint32_t n = wire_get_u32(want);
    struct wire_reader again = *want;
    for (uint32_t i = 0; i < n; i++) { /* first all of them: asking is no time to write a frame */
        struct wire_text name = wire_get_text(&again);
        spec_zone(L, name.s, name.len);
    }
    buf_clear(b);
    mark = wire_begin(b, WIRE_ZONES);
    wire_u32(b, n);
    for (uint32_t i = 0; i < n; i++) {
        struct wire_text name = wire_get_text(want);
        const struct spec_zone *z = spec_zone(L, name.s, name.len);
        wire_text(b, name.s, name.len);
        wire_u8(b, z != NULL);
        wire_text(b, z ? z->tzif : "", z ? z->len : 0);
    }
    wire_end(b, mark);
}

/* What runs from now on is this session's code. */
static void cover(const struct spec_session *t)
{
    struct spec_coverage *c = spec_running->coverage;
    char name[300];
    if (!c)
        return;
    const struct policy_cycle *cycle = &t->session->cycle;
    for (size_t i = 0; i < cycle->n_libraries; i++) {
        snprintf(name, sizeof name, "@%s", cycle->libraries[i].file);
        spec_coverage_code(c, cycle->libraries[i].source.s, cycle->libraries[i].source.len, name);
    }
    for (size_t i = 0; i < t->session->n_policies; i++) {
        struct policy *p = &t->session->policies[i];
        snprintf(name, sizeof name, "@%s", p->file);
        spec_coverage_code(c, p->source.s, p->source.len, name);
        spec_coverage_policy(c, p);
    }
}

static struct spec_session *find_free(lua_State *L)
{
    for (size_t i = 0; i < SPEC_SESSIONS_MAX; i++)
        if (!spec_running->sessions[i].id)
            return &spec_running->sessions[i];
    luaL_error(L, "more than %d policies are loaded at the same time", SPEC_SESSIONS_MAX);
    return NULL;
}

static void on_line(void *arg, lua_State *L, lua_Debug *ar)
{
    spec_coverage_line(arg, L, ar);
}

/* SETUP of the table at `idx` up to READY, whose fields are behind *ready_r. */
static void set_up(lua_State *L, struct spec_session *t, int idx, struct wire_reader *ready_r)
{
    struct spec *s = spec_running;
    enum wire_type type;
    spec_setup_write(L, idx, &t->now);
    session_free(&t->session);
    t->session = session_create(s->box, on_output, t);
    t->survey_done = false;
    if (s->coverage)
        session_watch_lines(t->session, on_line, s->coverage);
    say(L, t);
    while ((type = hear(L, t, ready_r)) == WIRE_WANT) {
        answer_want(L, ready_r);
        say(L, t);
    }
    if (type != WIRE_READY)
        luaL_error(L, "the session is not ready");
    cover(t);
}

/* session(setup) -> id, ready */
int spec_session_open(lua_State *L)
{
    struct wire_reader ready;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct spec_session *t = find_free(L);
    *t = (struct spec_session){.setup_ref = LUA_NOREF};
    set_up(L, t, 1, &ready);
    t->id = spec_running->next_id++;
    lua_pushinteger(L, t->id);
    spec_ready_push(L, &ready, &t->survey);
    if (spec_has(L, 1, "state") && !spec_has(L, 1, "state_key")) {
        lua_pushvalue(L, 1);
        t->setup_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    return 2;
}

/* host.free */

static struct spec_session *check_session(lua_State *L, int arg)
{
    lua_Integer id = luaL_checkinteger(L, arg);
    for (size_t i = 0; id > 0 && i < SPEC_SESSIONS_MAX; i++)
        if (spec_running->sessions[i].id == id)
            return &spec_running->sessions[i];
    luaL_argerror(L, arg, "is no session");
    return NULL;
}

/* free(id) */
int spec_session_free(lua_State *L)
{
    struct spec_session *t = check_session(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, t->setup_ref);
    close_session(t);
    return 0;
}

/* host.ask */

typedef void take_fn(lua_State *L, int answer, struct wire_reader *r);

/* Sends what is in `frame` and takes the one answer. */
static void ask(lua_State *L, struct spec_session *t, enum wire_type until, take_fn *take)
{
    struct wire_reader fields;
    say(L, t);
    if (hear(L, t, &fields) != until)
        luaL_error(L, "the session does not answer");
    take(L, 3, &fields);
    if (!wire_at_end(&fields) || hear(L, t, &fields) != WIRE_DONE)
        luaL_error(L, "the session's '%c' frame is not as wire.h has it", (char)until);
}

/* A text of the judgement; the answer holds it. */
static const char *judged_text(lua_State *L, const char *name)
{
    lua_getfield(L, 3, "judged");
    const char *s = spec_field_text(L, -1, name, NULL, NULL);
    lua_pop(L, 1);
    return s;
}

static void note_decisions(lua_State *L, const struct spec_session *t)
{
    struct spec *s = spec_running;
    struct alert a;
    struct err e;
    size_t len;
    const char *policy = judged_text(L, "policy"), *code = judged_text(L, "code");
    lua_getfield(L, 2, "alert");
    const char *bytes = lua_tolstring(L, -1, &len);
    if (alert_index(bytes, len, &s->index, &e) != ALERT_OK)
        return;
    alert_view(&a, bytes, s->index.data);
    for (size_t i = 0; i < t->session->n_policies; i++) {
        struct policy *p = &t->session->policies[i];
        if (p->problem || strcmp(p->name, policy) != 0)
            continue;
        spec_coverage_decision(s->coverage, p, &a, code);
        static const char *const more[] = {"retriggered", "resolved"};
        for (size_t k = 0; k < 2; k++) {
            if (lua_getfield(L, 3, more[k]) == LUA_TTABLE)
                spec_coverage_decision(s->coverage, p, NULL, spec_field_text(L, -1, "code", "", NULL));
            lua_pop(L, 1);
        }
    }
}

/* Pushes an empty answer. */
static void push_answer(lua_State *L)
{
    lua_newtable(L);
    lua_newtable(L);
    lua_setfield(L, -2, "notes");
    lua_newtable(L);
    lua_setfield(L, -2, "state");
}

/* The survey, if it is wanted, then JUDGE. */
static void judge(lua_State *L, struct spec_session *t)
{
    struct wire_reader fields;
    cover(t);
    if (t->survey && !t->survey_done) { /* all of it comes before the first judgement: a session has one poll */
        spec_survey_write(L, 2);
        say(L, t);
        if (hear(L, t, &fields) != WIRE_DONE)
            luaL_error(L, "the session does not take a survey");
        t->survey_done = true;
    }
    spec_judge_write(L, 2, t->now);
    ask(L, t, WIRE_JUDGED, spec_judged_take);
}

/* What is remembered is the first asked alert's: under the key that the policy gives it. Asked once without it to learn
 * the key; then the session begins anew, with it. */
static void find_owner_of_state(lua_State *L, struct spec_session *t)
{
    struct wire_reader ready;
    struct alert a;
    struct err e;
    size_t len;
    char digits[IDENTITY_TEXT];
    push_answer(L);
    judge(L, t);
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->setup_ref);
    const char *key = judged_text(L, "key");
    if (!key) {
        lua_getfield(L, 2, "alert");
        const char *bytes = lua_tolstring(L, -1, &len);
        if (alert_index(bytes, len, &spec_running->index, &e) != ALERT_OK)
            luaL_error(L, "that is no alert: %s", e.msg);
        alert_view(&a, bytes, spec_running->index.data);
        identity_format(a.index->fingerprint, digits);
        lua_pop(L, 1);
        key = digits;
    }
    lua_pushstring(L, key);
    lua_setfield(L, 4, "state_key");
    luaL_unref(L, LUA_REGISTRYINDEX, t->setup_ref);
    t->setup_ref = LUA_NOREF;
    set_up(L, t, 4, &ready);
    lua_settop(L, 2);
}

/* ask(id, question) -> answer */
int spec_session_ask(lua_State *L)
{
    struct spec_session *t = check_session(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    if (t->setup_ref != LUA_NOREF)
        find_owner_of_state(L, t);
    chain_clear(&spec_running->chain);
    push_answer(L); /* at 3 */
    judge(L, t);
    const char *key = judged_text(L, "key");
    if (strcmp(judged_text(L, "answer"), "keep") == 0) {
        if (spec_has(L, 2, "last")) {
            spec_retrigger_write(L, 2, t->now, key);
            ask(L, t, WIRE_RETRIGGERED, spec_retriggered_take);
        }
        spec_compose_write(L, 2, t->now, key);
        ask(L, t, WIRE_COMPOSED, spec_composed_take);
    }
    lua_getfield(L, 2, "resolve");
    if (lua_toboolean(L, -1)) {
        spec_resolve_write(L, 2, key, judged_text(L, "policy"));
        ask(L, t, WIRE_RESOLVED, spec_resolved_take);
    }
    lua_settop(L, 3);
    if (spec_running->coverage)
        note_decisions(L, t);
    spec_record_add(L, 2, 3, t->now);
    lua_settop(L, 3);
    return 1;
}

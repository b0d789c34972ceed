/* The steps of one cycle: see cycle.h. A callback notes what came and calls cycle_step(), which alone decides. */
#include "spawner/cycle_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void cycle_step(struct cycle *c);

static void on_later_closed(uv_handle_t *h)
{
    free(h);
}

static void on_later(uv_timer_t *t)
{
    struct cycle *c = t->data;
    c->later = NULL;
    uv_close((uv_handle_t *)t, on_later_closed);
    if (c->state == C_DONE)
        c->done(c->arg, c);
    else
        cycle_step(c);
}

/* The next step, from the loop. */
static void step_later(struct cycle *c)
{
    c->later = xmalloc(sizeof *c->later);
    uv_timer_init(c->env.loop, c->later);
    c->later->data = c;
    uv_timer_start(c->later, on_later, 0, 0);
}

void cycle_add_note(struct cycle *c, char *sentence)
{
    xgrow(&c->notes, &c->notes_cap, c->n_notes + 1, sizeof *c->notes);
    c->notes[c->n_notes++] = sentence;
    if (c->env.logs)
        log_warn(c->who, "%s", sentence);
}

static void finish(struct cycle *c)
{
    c->state = C_DONE;
    c->ended = uv_hrtime();
    step_later(c);
}

/* ---- the end: status goes to the store, unless we only plan ---- */

static void on_noted(void *arg, const struct store_result *results, size_t n, const struct err *e)
{
    struct cycle *c = arg;
    (void)results, (void)n;
    if (e != NULL) {
        if (!c->failed)
            c->err = *e;
        c->failed = true;
        log_error(c->who, "noting how the cycle went: %s", e->msg);
    }
    finish(c);
}

static struct cycle_status store_status(const struct cycle *c)
{
    bool complete = !c->failed && !c->spawner->suspend;
    return (struct cycle_status){
        .phase = c->status.phase,
        .message = c->status.message,
        .last_cycle = c->now,
        .last_success = complete ? c->now : MOMENT_NONE,
        .discovered = complete ? (int64_t)c->n_items : -1,
        .limited = c->status.limited,
        .conditions = c->status.conditions,
    };
}

static void note_status(struct cycle *c)
{
    if (c->mode == CYCLE_PLAN) {
        finish(c);
        return;
    }
    status_deinit(&c->status);
    cycle_make_status(c);
    struct cycle_status status = store_status(c);
    struct err e;
    c->state = C_NOTING;
    struct store_changes changes = {.status = &status};
    if (c->env.store->ops->apply(c->env.store, c->spawner, &changes, c->now, on_noted, c, &e) != 0)
        on_noted(c, NULL, 0, &e);
}

/* The cycle as a whole is lost. It is logged here, once. */
static void fail(struct cycle *c, const struct err *e)
{
    c->err = *e;
    c->failed = true;
    if (c->env.logs)
        log_error(c->who, "cycle failed: %s", e->msg);
    note_status(c);
}

/* ---- what the others say ---- */

static void on_memory(void *arg, struct spawner_memory *memory, const struct err *e)
{
    struct cycle *c = arg;
    c->memory = memory;
    if (e != NULL)
        fail(c, e);
    else
        cycle_step(c);
}

static void on_polled(void *arg, struct alert_set *set, const struct err *e)
{
    struct cycle *c = arg;
    c->poll = NULL;
    c->poll_us = (int64_t)((uv_hrtime() - c->polling_since) / 1000);
    c->polled_at = e == NULL ? moment_now() : MOMENT_NONE;
    c->set = set;
    if (e != NULL) {
        c->source_failed = true;
        fail(c, e);
        return;
    }
    cycle_step(c);
}

static void on_judged(void *arg, const struct err *e)
{
    struct cycle *c = arg;
    if (e != NULL)
        fail(c, e);
    else
        cycle_step(c);
}

static void on_facts(void *arg, struct spawner_facts *facts, const struct err *e)
{
    struct cycle *c = arg;
    c->facts = facts;
    if (e != NULL)
        fail(c, e);
    else
        cycle_step(c);
}

static void on_applied(void *arg, const struct store_result *results, size_t n, const struct err *e)
{
    struct cycle *c = arg;
    if (e != NULL) {
        fail(c, e);
        return;
    }
    cycle_take_results(c, results, n);
    cycle_step(c);
}

/* ---- starting each part; 0, or -1 with e ---- */

static int start_remembering(struct cycle *c, struct err *e)
{
    return c->env.store->ops->memory(c->env.store, c->spawner, c->now, on_memory, c, e);
}

static void on_secret(void *arg, struct secret *secret, const struct err *e)
{
    struct cycle *c = arg;
    c->secret = secret;
    if (e != NULL) {
        c->source_failed = true;
        fail(c, e);
        return;
    }
    cycle_step(c);
}

/* A spawner from a file has its Secret from where the files are, when there is such a place. */
static int start_secret(struct cycle *c, struct err *e)
{
    const struct spawner *s = c->spawner;
    const struct secret_source *from = c->env.secrets;
    if (s->secret_name == NULL || from == NULL || c->env.source != NULL)
        return 1;
    if (!s->in_cluster && (c->env.secrets_dir != NULL || secret_find(c->spawners, s->ns, s->secret_name) != NULL))
        return 1;
    return from->get(from->arg, s->ns, s->secret_name, on_secret, c, e);
}

/* The credentials are wiped as soon as the request has them. */
static int find_auth(struct cycle *c, struct poll_auth *auth_r, struct err *e)
{
    const struct spawner *s = c->spawner;
    if (c->secret == NULL)
        return spawner_auth(c->spawners, s, c->env.secrets_dir, auth_r, e);
    int rc = spawner_auth_of(c->secret, auth_r, e);
    secret_free(&c->secret);
    return rc;
}

static int start_poll(struct cycle *c, struct err *e)
{
    if (c->memory->episodes == NULL)
        c->memory->episodes = episodes_create();
    const struct spawner *s = c->spawner;
    c->files = policy_set_get(c->env.policies);
    struct poll_auth auth = {0};
    if (c->env.source == NULL && find_auth(c, &auth, e) != 0)
        return -1;
    struct poll_options options = {
        .url = s->url,
        .selector = &s->selector,
        .auth = s->secret_name != NULL ? &auth : NULL,
        .max_bytes = c->env.max_bytes,
        .timeout_us = c->env.poll_timeout_us,
    };
    c->polling_since = uv_hrtime();
    int rc = c->env.source != NULL ? c->env.source->start(c->env.source, &options, on_polled, c, &c->poll, e)
                                   : poll_start(c->env.http, &options, on_polled, c, &c->poll, e);
    poll_auth_deinit(&auth);
    if (rc != 0)
        c->source_failed = true;
    return rc;
}

static int start_judging(struct cycle *c, struct err *e)
{
    cycle_observe(c);
    struct judge_setup setup = {
        .spawner = c->spawner,
        .files = c->files,
        .set = c->set,
        .now = c->now,
        .limits = c->env.limits,
        .memory = c->memory,
        .health = c->run != NULL ? c->run->health : NULL,
        .explain = c->env.explain,
    };
    return judge_start(c->env.pool, &setup, on_judged, c, &c->judge, e);
}

static int start_asking(struct cycle *c, struct err *e)
{
    cycle_keep(c);
    if (cycle_make_items(c, e) != 0)
        return -1;
    cycle_make_policies(c);
    c->plan = plan_create(c->items, c->n_items, c->facts);
    cycle_make_questions(c);
    if (c->n_asked == 0)
        return 1;
    return judge_retrigger(c->judge, c->questions, c->n_asked, c->answers, on_judged, c, e);
}

static int start_resolving(struct cycle *c, struct err *e)
{
    cycle_make_resolve_questions(c);
    if (c->n_resolve == 0)
        return 1;
    return judge_resolve(c->judge, c->resolve_questions, c->n_resolve, c->resolve_answers, on_judged, c, e);
}

static int start_composing(struct cycle *c, struct err *e)
{
    cycle_take_resolve_answers(c);
    cycle_decide(c);
    if (c->plan->n_work == 0)
        return 1;
    return judge_compose(c->judge, c->winners, c->plan->n_work, c->compositions, on_judged, c, e);
}

/* The works whose texts have come become Tasks. Where one cannot, somebody who waits for a limit may take its place: then
 * there is more to compose. */
static int start_promoting(struct cycle *c, struct err *e)
{
    size_t n = c->plan->n_work, from = c->n_made;
    if (n == from)
        return 1;
    if (cycle_make_tasks(c, from, e) != 0)
        return -1;
    c->n_made = n;
    size_t added = cycle_promote(c, from);
    if (added == 0)
        return 1;
    return judge_compose(c->judge, c->winners + n, added, c->compositions + n, on_judged, c, e);
}

static int start_applying(struct cycle *c, struct err *e)
{
    cycle_note_problems(c);
    for (size_t i = 0; i < judge_notes(c->judge); i++)
        cycle_add_note(c, xstrdup(judge_note(c->judge, i)));
    if (c->mode == CYCLE_PLAN)
        return 1;
    cycle_make_states(c);
    cycle_make_status(c);
    struct cycle_status status = store_status(c);
    struct store_changes changes = {
        .creates = c->creates,
        .n_creates = c->n_creates,
        .cancels = c->cancels,
        .n_cancels = c->n_cancels,
        .states = c->states,
        .n_states = c->n_states,
        .episodes = c->memory->episodes,
        .status = &status,
    };
    return c->env.store->ops->apply(c->env.store, c->spawner, &changes, c->now, on_applied, c, e);
}

/* Was everything carried out as the status said? Then it need not be written again. */
static bool as_planned(const struct cycle *c)
{
    for (size_t i = 0; i < c->n_creates; i++) {
        const struct outcome *o = &c->outcomes[c->create_work[i]];
        if (o->verdict != VERDICT_CREATE && o->verdict != VERDICT_RETRIGGER)
            return false;
    }
    for (size_t i = 0; i < c->n_endings; i++)
        if (c->endings[i].verdict == VERDICT_ERROR && c->endings[i].reason == REASON_ERROR_STORE)
            return false;
    return true;
}

/* Decides what comes next. A start_* returns 0 when it will call back, 1 when there was nothing to do, -1 on failure. */
static void cycle_step(struct cycle *c)
{
    struct err e = {0};
    int rc = 1;
    while (rc == 1) {
        if (c->cancelled && c->state != C_APPLYING) {
            err_set(&e, ERR_CONFLICT, "cancelled");
            fail(c, &e);
            return;
        }
        switch (c->state) {
        case C_START:
            if (c->spawner->suspend) {
                note_status(c);
                return;
            }
            c->state = C_REMEMBERING;
            rc = start_remembering(c, &e);
            break;
        case C_REMEMBERING:
            c->state = C_SECRET;
            rc = start_secret(c, &e);
            break;
        case C_SECRET:
            c->state = C_POLLING;
            rc = start_poll(c, &e);
            break;
        case C_POLLING:
            c->state = C_JUDGING;
            rc = start_judging(c, &e);
            break;
        case C_JUDGING:
            c->state = C_FACTS;
            rc = c->env.store->ops->facts(c->env.store, c->spawner, on_facts, c, &e);
            break;
        case C_FACTS:
            c->state = C_ASKING;
            rc = start_asking(c, &e);
            break;
        case C_ASKING:
            c->state = C_RESOLVING;
            rc = start_resolving(c, &e);
            break;
        case C_RESOLVING:
            c->state = C_COMPOSING;
            rc = start_composing(c, &e);
            break;
        case C_COMPOSING: /* again and again, until nothing is added */
            rc = start_promoting(c, &e);
            if (rc != 1)
                break;
            c->state = C_APPLYING;
            rc = start_applying(c, &e);
            break;
        case C_APPLYING:
            if (c->env.logs)
                cycle_log(c);
            if (c->mode == CYCLE_ACT && c->run != NULL && c->run->cycles < UINT32_MAX)
                c->run->cycles++;
            if (c->mode == CYCLE_ACT && !as_planned(c))
                note_status(c);
            else
                finish(c);
            return;
        case C_NOTING:
        case C_DONE:
            return;
        }
    }
    if (rc == -1)
        fail(c, &e);
}

struct cycle *cycle_start(const struct cycle_env *env, const struct spawner_set *spawners, const struct spawner *spawner,
                          enum cycle_mode mode, struct spawner_run *run, cycle_done_cb *done, void *arg)
{
    struct cycle *c = xcalloc(1, sizeof *c);
    c->env = *env;
    c->spawners = spawners;
    c->spawner = spawner;
    c->who = spawner_who(spawner);
    c->mode = mode;
    c->run = run;
    c->done = done;
    c->arg = arg;
    c->now = env->now != NULL ? env->now(env->now_arg) : moment_now();
    c->strings = arena_create();
    c->began = uv_hrtime();
    c->poll_us = -1;
    c->polled_at = MOMENT_NONE;
    step_later(c);
    return c;
}

void cycle_cancel(struct cycle *c)
{
    if (c->cancelled)
        return;
    c->cancelled = true;
    struct err e = {0};
    switch (c->state) {
    case C_POLLING:
        if (c->poll != NULL)
            poll_cancel(c->poll); /* on_polled follows */
        break;
    case C_JUDGING:
    case C_ASKING:
    case C_RESOLVING:
    case C_COMPOSING:
        judge_free(&c->judge); /* its done will not come */
        err_set(&e, ERR_CONFLICT, "cancelled");
        fail(c, &e);
        break;
    default: /* the store finishes what it has begun; the next step sees `cancelled` */
        break;
    }
}

static void free_outcomes(struct cycle *c)
{
    for (size_t i = 0; c->plan != NULL && i < c->plan->n_work; i++) {
        if (c->compositions != NULL)
            composition_deinit(&c->compositions[i]);
        if (c->outcomes != NULL) {
            free(c->outcomes[i].detail);
            cJSON_Delete(c->outcomes[i].task);
        }
    }
    free(c->compositions);
    free(c->outcomes);
    free(c->winners);
    free(c->members);
    free(c->creates);
    free(c->create_work);
}

void cycle_free(struct cycle **cycle)
{
    struct cycle *c = *cycle;
    if (c == NULL)
        return;
    *cycle = NULL;
    free_outcomes(c);
    cycle_states_free(c);
    for (size_t i = 0; i < c->n_resolve && c->resolve_answers != NULL; i++)
        resolve_answer_deinit(&c->resolve_answers[i]);
    free(c->resolve_questions);
    free(c->resolve_answers);
    free(c->resolve_tasks);
    free(c->endings);
    free(c->cancels);
    free(c->cancel_ending);
    for (size_t i = 0; i < c->n_asked; i++)
        retrigger_answer_deinit(&c->answers[i]);
    free(c->asked);
    free(c->asked_of);
    free(c->questions);
    free(c->answers);
    judge_free(&c->judge);
    plan_free(&c->plan);
    spawner_facts_free(&c->facts);
    spawner_memory_free(&c->memory);
    secret_free(&c->secret);
    free(c->policies);
    free(c->policy_numbers);
    free(c->created);
    free(c->all_created);
    alert_set_free(&c->set);
    policy_set_put(c->env.policies, c->files);
    status_deinit(&c->status);
    free(c->items);
    free(c->name_errors);
    for (size_t i = 0; i < c->n_notes; i++)
        free(c->notes[i]);
    free(c->notes);
    arena_free(&c->strings);
    buf_free(&c->row_detail);
    buf_free(&c->row_reason);
    texts_deinit(&c->beginnings);
    free(c);
}

const struct err *cycle_error(const struct cycle *c)
{
    return c->failed ? &c->err : NULL;
}

const struct spawner *cycle_spawner(const struct cycle *c)
{
    return c->spawner;
}

size_t cycle_notes(const struct cycle *c)
{
    return c->n_notes;
}

const char *cycle_note(const struct cycle *c, size_t i)
{
    return c->notes[i];
}

struct poll_progress cycle_progress(const struct cycle *c)
{
    return c->poll != NULL ? poll_progress(c->poll) : (struct poll_progress){0};
}

int64_t cycle_polling_us(const struct cycle *c)
{
    return c->poll != NULL ? (int64_t)((uv_hrtime() - c->polling_since) / 1000) : 0;
}

struct cycle_course cycle_course(const struct cycle *c)
{
    return (struct cycle_course){
        .took_us = (int64_t)(((c->ended != 0 ? c->ended : uv_hrtime()) - c->began) / 1000),
        .poll_us = c->poll_us,
        .polled_at = c->polled_at,
        .cancelled = c->cancelled,
        .kept = c->n_items,
    };
}

/* One side of a replay: see replay_side.h. Whatever has come is noted, and side_step() alone decides what is next. */
#include "replay/replay_side.h"

#include "alerts/poll.h"
#include "base/mem.h"
#include "policy/policy_health.h"
#include "policy/chain.h"
#include "spawner/cycle.h"
#include "spawner/decision.h"
#include "spawner/watch.h"

#include <stdlib.h>
#include <string.h>

enum { CYCLES_AT_ONCE = 4 };
#define SLACK_MAX (5 * MOMENT_SECOND) /* an answer may be so much early: the recorder's own pace wavers */

struct paced {
    const struct spawner *spawner;
    struct spawner_run run;
    moment_t began;    /* of its last cycle; MOMENT_NONE: it had none */
    moment_t dirty_at; /* since when it wants another, because of a Task; MOMENT_NONE */
    struct cycle *cycle;
    bool done;
};

enum target { TARGET_NONE, TARGET_UNTIL, TARGET_DELIVER };

struct side {
    struct poll_source source; /* first */
    const struct replay_side *of;
    const struct replay_options *options;
    const struct last_answers *answers;
    struct cycle_env env;
    struct virtual_store *store;
    struct history *history;
    void (*idle)(void *arg);
    void *arg;

    moment_t now;
    enum target target;
    moment_t until;
    const struct last_answer *answer;

    struct paced *spawners;
    size_t n;
    size_t *queue; /* numbers of the spawners that have a cycle now, in order */
    size_t n_queue, next, running, first; /* queue[first..next) run or are done */
    bool stepping;
    struct err err;
};

const struct last_answer *last_answer_of(const struct last_answers *a, const struct spawner *s)
{
    size_t n = strlen(s->url);
    while (n > 0 && s->url[n - 1] == '/')
        n--;
    for (size_t i = 0; i < a->n; i++) {
        const char *url = a->v[i].url;
        if (a->one_url || *url == '\0' || (strncmp(url, s->url, n) == 0 && url[n] == '\0'))
            return &a->v[i];
    }
    return NULL;
}

/* ---- what a cycle asks for ---- */

static moment_t side_now(void *arg)
{
    return ((struct side *)arg)->now;
}

static const struct paced *paced_of_url(const struct side *s, const char *url)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->spawners[i].spawner->url == url)
            return &s->spawners[i];
    return NULL;
}

static int source_start(struct poll_source *source, const struct poll_options *options, poll_done_cb *done, void *arg,
                        struct poll **poll_r, struct err *e)
{
    struct side *s = (struct side *)source;
    const struct paced *p = paced_of_url(s, options->url);
    const struct last_answer *a = p != NULL ? last_answer_of(s->answers, p->spawner) : NULL;
    if (a == NULL)
        return err_set(e, ERR_BUG, "a cycle without a recorded answer");
    struct poll_answer answer = {
        .failed = a->failed ? &a->why : NULL, .body = a->body.len > 0 ? a->body.data : "", .len = a->body.len};
    return poll_answered(s->env.loop, options, &answer, done, arg, poll_r, e);
}

static void on_changed(void *arg, const char *ns, const char *name)
{
    struct side *s = arg;
    for (size_t i = 0; i < s->n; i++) {
        struct paced *p = &s->spawners[i];
        if (strcmp(p->spawner->name, name) == 0 && strcmp(p->spawner->ns, ns) == 0 && p->dirty_at == MOMENT_NONE)
            p->dirty_at = s->now;
    }
}

static void on_event(void *arg, enum virtual_event event, const char *ns, const char *name, moment_t at)
{
    struct history *h = ((struct side *)arg)->history;
    switch (event) {
    case VIRTUAL_STARTED:
        history_task_started(h, ns, name, at);
        break;
    case VIRTUAL_SUCCEEDED:
        history_task_ended(h, ns, name, TASK_END_SUCCEEDED, at);
        break;
    case VIRTUAL_FAILED:
        history_task_ended(h, ns, name, TASK_END_FAILED, at);
        break;
    case VIRTUAL_CANCELLED:
        history_task_ended(h, ns, name, TASK_END_CANCELLED, at);
        break;
    case VIRTUAL_EXPIRED:
    case VIRTUAL_REPLACED:
        break; /* they had ended */
    }
}

/* ---- cycles ---- */

static void side_step(struct side *s);

/* Where it was decided: the line of the hook that had the last word, if the row was explained, else the policy's file. What
 * a limit decides stands in no hook. */
static const char *where_of(const struct cycle *c, size_t i, const struct cycle_row *row)
{
    const struct chain *chain = decision_chain(c, i);
    const char *where = row->policy_file;
    bool member = strcmp(row->reason, reason_code(REASON_GROUP_MEMBER)) == 0;
    if (chain == NULL || row->verdict == VERDICT_WAIT)
        return where;
    for (size_t k = 0; k < chain->n_links; k++) {
        const struct chain_link *l = &chain->links[k];
        bool decides = member ? l->hook == HOOK_KEY : l->hook == HOOK_FILTER || l->hook == HOOK_RETRIGGER || l->hook == HOOK_RESOLVE;
        if (*l->by != '\0' && (*l->error != '\0' || (decides && (l->bits & CHAIN_DECIDED))))
            where = l->by;
    }
    return where;
}

static void tell_rows(struct side *s, uint32_t spawner, struct cycle *c)
{
    struct cycle_row row;
    history_cycle(s->history, spawner, s->now);
    for (size_t i = 0; i < cycle_rows(c); i++) {
        cycle_row(c, i, &row);
        struct history_row told = {
            .spawner = spawner,
            .fingerprint = strtoull(row.fingerprint, NULL, 16),
            .starts_at = row.starts_at,
            .verdict = row.verdict,
            .alertname = row.alertname,
            .reason = row.reason,
            .detail = row.detail,
            .policy = row.policy,
            .where = where_of(c, i, &row),
            .task = row.task,
        };
        history_row(s->history, &told, s->now);
        if (s->options->row != NULL)
            s->options->row(s->options->arg, c, i);
    }
    history_cycle_end(s->history, spawner, s->now);
}

static void tell(struct side *s, uint32_t spawner, struct cycle *c)
{
    for (size_t i = 0; i < cycle_notes(c); i++) {
        char *note = xasprintf("%s: %s", spawner_who(cycle_spawner(c)), cycle_note(c, i));
        history_note(s->history, note);
        free(note);
    }
    if (cycle_error(c) != NULL)
        history_failed(s->history, spawner, cycle_error(c)->msg);
    else if (cycle_spawner(c)->suspend)
        s->history->spawners[spawner].suspended++;
    else
        tell_rows(s, spawner, c);
}

/* Cycles of one moment run side by side, and are told in order. */
static void on_cycle(void *arg, struct cycle *c)
{
    struct side *s = arg;
    (void)c;
    if (--s->running > 0)
        return;
    for (; s->first < s->next; s->first++) {
        struct paced *p = &s->spawners[s->queue[s->first]];
        tell(s, (uint32_t)s->queue[s->first], p->cycle);
        cycle_free(&p->cycle);
    }
    side_step(s);
}

static void queue_add(struct side *s, size_t spawner)
{
    struct paced *p = &s->spawners[spawner];
    p->began = s->now;
    p->dirty_at = MOMENT_NONE;
    s->queue[s->n_queue++] = spawner;
}

static void queue_start(struct side *s)
{
    while (s->next < s->n_queue && s->next - s->first < CYCLES_AT_ONCE) {
        struct paced *p = &s->spawners[s->queue[s->next++]];
        s->running++;
        p->cycle = cycle_start(&s->env, s->of->spawners, p->spawner, CYCLE_ACT, &p->run, on_cycle, s);
    }
}

/* ---- time ---- */

/* When a Task's end makes the spawner run; MOMENT_NONE: it does not. */
static moment_t wake_at(const struct side *s, const struct paced *p)
{
    const struct last_answer *a = p->dirty_at != MOMENT_NONE ? last_answer_of(s->answers, p->spawner) : NULL;
    if (a == NULL || p->began == MOMENT_NONE)
        return MOMENT_NONE;
    moment_t soonest = p->began + WATCH_POKE_MS * (MOMENT_SECOND / 1000);
    moment_t at = p->dirty_at > soonest ? p->dirty_at : soonest;
    return at <= a->at + REPLAY_ANSWER_KEEP ? at : MOMENT_NONE;
}

/* The next thing that happens by itself before `until`: true when there is one, and s->now is its time. */
static bool advance(struct side *s)
{
    moment_t at = virtual_next(s->store);
    for (size_t i = 0; i < s->n; i++) {
        moment_t wake = wake_at(s, &s->spawners[i]);
        if (wake != MOMENT_NONE && (at == MOMENT_NONE || wake < at))
            at = wake;
    }
    if (at == MOMENT_NONE || at >= s->until)
        return false;
    s->now = at;
    if (virtual_advance(s->store, at, &s->err) != 0)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        moment_t wake = wake_at(s, &s->spawners[i]);
        if (wake != MOMENT_NONE && wake <= at)
            queue_add(s, i);
    }
    return true;
}

static bool is_due(const struct side *s, const struct paced *p)
{
    int64_t interval = p->spawner->poll_interval_us, slack = interval / 10 < SLACK_MAX ? interval / 10 : SLACK_MAX;
    return p->began == MOMENT_NONE || p->dirty_at != MOMENT_NONE || s->now >= p->began + interval - slack;
}

/* A Task that ends at the very moment of a poll has ended. */
static void deliver(struct side *s)
{
    s->now = s->answer->at;
    if (virtual_advance(s->store, s->now, &s->err) != 0)
        return;
    for (size_t i = 0; i < s->n; i++)
        if (last_answer_of(s->answers, s->spawners[i].spawner) == s->answer && is_due(s, &s->spawners[i]))
            queue_add(s, i);
}

static void side_step(struct side *s)
{
    if (s->stepping)
        return;
    s->stepping = true;
    while (s->running == 0 && s->target != TARGET_NONE) {
        if (s->next < s->n_queue) {
            queue_start(s);
            continue;
        }
        s->n_queue = s->next = s->first = 0;
        if (s->err.kind != ERR_NONE) {
            s->target = TARGET_NONE;
        } else if (s->target == TARGET_DELIVER) {
            if (s->answer == NULL) {
                s->target = TARGET_NONE;
            } else {
                deliver(s);
                s->answer = NULL;
            }
        } else if (!advance(s)) {
            s->target = TARGET_NONE;
        }
        if (s->target == TARGET_NONE)
            s->idle(s->arg);
    }
    s->stepping = false;
}

void side_until(struct side *s, moment_t until)
{
    s->until = until;
    s->target = TARGET_UNTIL;
    side_step(s);
}

void side_deliver(struct side *s, const struct last_answer *answer)
{
    s->answer = answer;
    s->target = TARGET_DELIVER;
    side_step(s);
}

/* ---- beginning and end ---- */

int side_create(uv_loop_t *loop, struct worker_pool *pool, const struct replay_side *of, const struct replay_options *options,
                const struct last_answers *answers, void (*idle)(void *arg), void *arg, struct side **side_r, struct err *e)
{
    struct side *s = xcalloc(1, sizeof *s);
    struct virtual_options tasks = options->tasks;
    tasks.event = on_event;
    tasks.arg = s;
    *side_r = NULL;
    if (virtual_open(loop, &tasks, &s->store, e) != 0) {
        free(s);
        return -1;
    }
    struct store *store = virtual_interface(s->store);
    store->ops->watch(store, on_changed, s);
    s->source.start = source_start;
    s->of = of;
    s->options = options;
    s->answers = answers;
    s->idle = idle;
    s->arg = arg;
    s->n = of->spawners->n;
    s->spawners = xcalloc(s->n, sizeof *s->spawners);
    s->queue = xcalloc(s->n, sizeof *s->queue);
    const char **whos = xcalloc(s->n, sizeof *whos);
    for (size_t i = 0; i < s->n; i++) {
        s->spawners[i] = (struct paced){.spawner = of->spawners->spawners[i],
                                        .began = MOMENT_NONE,
                                        .dirty_at = MOMENT_NONE,
                                        .run.health = policy_health_create()};
        whos[i] = spawner_who(s->spawners[i].spawner);
    }
    s->history = history_create(whos, s->n);
    free(whos);
    s->env = (struct cycle_env){
        .loop = loop,
        .now = side_now,
        .now_arg = s,
        .source = &s->source,
        .pool = pool,
        .store = store,
        .policies = of->policies,
        .limits = options->limits,
        .explain = options->explain,
    };
    *side_r = s;
    return 0;
}

void side_free(struct side **side)
{
    struct side *s = *side;
    if (s == NULL)
        return;
    *side = NULL;
    virtual_close(&s->store);
    for (size_t i = 0; i < s->n; i++)
        policy_health_free(&s->spawners[i].run.health);
    history_free(&s->history);
    free(s->spawners);
    free(s->queue);
    free(s);
}

const struct err *side_error(const struct side *s)
{
    return s->err.kind != ERR_NONE ? &s->err : NULL;
}

struct history *side_history(struct side *s)
{
    return s->history;
}

struct history *side_take_history(struct side *s, moment_t from, moment_t to)
{
    struct history *h = s->history;
    s->history = NULL;
    history_end(h, from, to);
    return h;
}

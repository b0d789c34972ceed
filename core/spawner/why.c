/* The steps of a `why`: see why.h. */
#include "spawner/why_private.h"

#include "alerts/identity.h"
#include "base/mem.h"
#include "spawner/spawner.h"

#include <stdlib.h>
#include <string.h>

static void why_step(struct why *w);

static void on_later_closed(uv_handle_t *h)
{
    free(h);
}

void why_destroy(struct why *w)
{
    for (size_t i = 0; i < w->n_sources; i++)
        alert_set_free(&w->sources[i].set);
    free(w->sources);
    free(w->source_of);
    free((void *)w->host.targets);
    free(w->explained);
    free(w->name);
    free(w->ns);
    free(w->spawner);
    spawner_memory_free(&w->memory);
    spawner_facts_free(&w->facts);
    cJSON_Delete(w->answer);
    buf_free(&w->space);
    free(w);
}

static void on_later(uv_timer_t *t)
{
    struct why *w = t->data;
    w->later = NULL;
    uv_close((uv_handle_t *)t, on_later_closed);
    if (w->freed)
        why_destroy(w);
    else if (w->state == W_DONE)
        w->done(w->arg, w);
    else
        why_step(w);
}

static void step_later(struct why *w)
{
    w->later = xmalloc(sizeof *w->later);
    uv_timer_init(w->env.loop, w->later);
    w->later->data = w;
    uv_timer_start(w->later, on_later, 0, 0);
}

bool why_target_asked(const struct why *w, size_t target)
{
    const struct spawner *s = w->host.targets[target].spawner;
    return (w->ns == NULL || strcmp(w->ns, s->ns) == 0) && (w->spawner == NULL || strcmp(w->spawner, s->name) == 0);
}

/* --- looking --- */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Spawners that ask one Alertmanager with one Secret share a question. */
static void sources_make(struct why *w)
{
    size_t n = w->host.n_targets;
    w->sources = xcalloc(n, sizeof *w->sources);
    w->source_of = xcalloc(n, sizeof *w->source_of);
    for (size_t i = 0; i < n; i++) {
        const struct spawner *s = w->host.targets[i].spawner;
        size_t k = 0;
        w->source_of[i] = SIZE_MAX;
        if (!why_target_asked(w, i))
            continue;
        for (; k < w->n_sources; k++) {
            const struct spawner *other = w->host.targets[w->sources[k].target].spawner;
            if (strcmp(other->url, s->url) == 0 && same_text(other->secret_name, s->secret_name) &&
                (s->secret_name == NULL || strcmp(other->ns, s->ns) == 0))
                break;
        }
        if (k == w->n_sources)
            w->sources[w->n_sources++] = (struct why_source){.target = i};
        w->source_of[i] = k;
    }
}

static void source_failed(struct why *w, const struct err *e)
{
    w->sources[w->source].err = *e;
    w->source++;
}

static void on_found(void *arg, struct alert_set *set, const struct err *e)
{
    struct why *w = arg;
    w->poll = NULL;
    if (w->freed) {
        alert_set_free(&set);
        why_destroy(w);
        return;
    }
    struct why_source *s = &w->sources[w->source];
    if (e != NULL) {
        source_failed(w, e);
    } else if (alert_set_len(set) == 0 && !s->wide) {
        alert_set_free(&set);
        s->wide = true; /* for what it may have meant */
    } else {
        s->set = set;
        w->source++;
    }
    why_step(w);
}

/* 0: it calls back; 1: all have been asked. */
static int look(struct why *w)
{
    struct err e = {0};
    while (w->source < w->n_sources) {
        if (why_lookup(w, on_found, &e) == 0)
            return 0;
        source_failed(w, &e);
    }
    return 1;
}

/* --- planning --- */

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void add_decision(cJSON *alert, cJSON *decision)
{
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(alert, "decisions"), decision);
}

/* What the target's selectors say of the alerts; those they keep are `explained`. */
static void sort_out(struct why *w, const struct spawner *s, const struct why_source *source)
{
    size_t n = alert_set_len(source->set);
    w->n_explained = 0;
    free(w->explained);
    w->explained = xcalloc(n, sizeof *w->explained);
    for (size_t i = 0; i < n; i++) {
        cJSON *alert = why_alert(w, source, i), *excluded = why_excluded(w, s, source, i);
        if (alert == NULL)
            cJSON_Delete(excluded);
        else if (excluded != NULL)
            add_decision(alert, excluded);
        else
            w->explained[w->n_explained++] = alert_set_at(source->set, i)->fingerprint;
    }
    if (w->n_explained > 1)
        qsort(w->explained, w->n_explained, sizeof *w->explained, by_number);
}

static bool is_explained(const struct why *w, uint64_t fingerprint)
{
    return bsearch(&fingerprint, w->explained, w->n_explained, sizeof fingerprint, by_number) != NULL;
}

static void take_plan(struct why *w, struct cycle *c)
{
    const struct spawner *s = w->host.targets[w->target].spawner;
    size_t taken = 0;
    if (cycle_error(c) != NULL) {
        why_problem(w, s, cycle_error(c)->msg);
        return;
    }
    for (size_t i = 0; i < cycle_alerts(c); i++) {
        char digits[IDENTITY_TEXT];
        uint64_t fingerprint = alert_set_at(c->set, i)->fingerprint;
        if (!is_explained(w, fingerprint))
            continue;
        identity_format(fingerprint, digits);
        cJSON *alert = why_alert_find(w, digits);
        if (alert != NULL)
            add_decision(alert, decision_make(c, i));
        taken++;
    }
    for (size_t i = 0; i < cycle_notes(c); i++)
        why_problem(w, s, cycle_note(c, i));
    if (taken < w->n_explained)
        why_problem(w, s, "an alert that was there was gone a moment later: ask again");
}

static void on_planned(void *arg, struct cycle *c)
{
    struct why *w = arg;
    if (w->freed) {
        if (w->host.plan == NULL)
            cycle_free(&c);
        why_destroy(w);
        return;
    }
    if (c == NULL)
        why_problem(w, w->host.targets[w->target].spawner, "it is not watched any more: ask again");
    else
        take_plan(w, c);
    if (w->host.plan == NULL)
        cycle_free(&c);
    w->target++;
    why_step(w);
}

/* -1: it cannot be started, and the answer says so. */
static int start_plan(struct why *w)
{
    const struct why_target *t = &w->host.targets[w->target];
    struct judge_explain explain = {
        .which = EXPLAIN_LISTED, .trace = w->trace, .fingerprints = w->explained, .n = w->n_explained};
    struct err e = {0};
    if (w->host.plan == NULL) {
        struct cycle_env env = w->env;
        env.explain = explain;
        env.logs = false;
        cycle_start(&env, t->set, t->spawner, CYCLE_PLAN, NULL, on_planned, w);
        return 0;
    }
    if (w->host.plan(w->host.arg, t, &explain, on_planned, w, &e) == 0)
        return 0;
    why_problem(w, t->spawner, e.msg);
    return -1;
}

/* 0: it calls back; 1: every spawner has said what it thinks of the alerts. */
static int plan(struct why *w)
{
    for (; w->target < w->host.n_targets; w->target++) {
        if (w->source_of[w->target] == SIZE_MAX)
            continue;
        const struct why_source *source = &w->sources[w->source_of[w->target]];
        const struct spawner *s = w->host.targets[w->target].spawner;
        if (source->set == NULL) {
            why_problem(w, s, source->err.msg);
            continue;
        }
        sort_out(w, s, source);
        if (w->n_explained > 0 && start_plan(w) == 0)
            return 0;
    }
    return 1;
}

/* --- remembering --- */

static void on_facts(void *arg, struct spawner_facts *facts, const struct err *e)
{
    struct why *w = arg;
    w->facts = facts;
    if (w->freed) {
        why_destroy(w);
        return;
    }
    if (e != NULL)
        why_problem(w, w->host.targets[w->target].spawner, e->msg);
    else
        why_remember(w);
    spawner_memory_free(&w->memory);
    spawner_facts_free(&w->facts);
    w->state = W_REMEMBERING;
    w->target++;
    why_step(w);
}

static void on_memory(void *arg, struct spawner_memory *memory, const struct err *e)
{
    struct why *w = arg;
    w->memory = memory;
    if (w->freed) {
        why_destroy(w);
        return;
    }
    if (e != NULL) {
        why_problem(w, w->host.targets[w->target].spawner, e->msg);
        w->target++;
    } else {
        w->state = W_FACTS;
    }
    why_step(w);
}

/* Only of an alert that nobody has found is asked what is remembered. 0: it calls back; 1: that is all. */
static int remember(struct why *w)
{
    struct err e = {0};
    if (cJSON_GetArraySize(w->alerts) > 0 && w->n_remembered == 0)
        return 1;
    for (; w->env.store != NULL && w->name != NULL && w->target < w->host.n_targets; w->target++) {
        const struct spawner *s = w->host.targets[w->target].spawner;
        if (!why_target_asked(w, w->target))
            continue;
        if (w->env.store->ops->memory(w->env.store, s, w->now, on_memory, w, &e) == 0)
            return 0;
        why_problem(w, s, e.msg);
    }
    return 1;
}

static int ask_facts(struct why *w)
{
    struct err e = {0};
    const struct spawner *s = w->host.targets[w->target].spawner;
    if (w->memory->episodes == NULL)
        w->memory->episodes = episodes_create();
    if (w->env.store->ops->facts(w->env.store, s, on_facts, w, &e) == 0)
        return 0;
    why_problem(w, s, e.msg);
    spawner_memory_free(&w->memory);
    w->state = W_REMEMBERING;
    w->target++;
    return 1;
}

/* --- the whole --- */

static void why_step(struct why *w)
{
    for (;;) {
        switch (w->state) {
        case W_LOOKING:
            if (look(w) == 0)
                return;
            w->state = W_PLANNING;
            break;
        case W_PLANNING:
            if (plan(w) == 0)
                return;
            w->state = W_REMEMBERING;
            w->target = 0;
            break;
        case W_REMEMBERING:
            if (remember(w) == 0)
                return;
            w->state = W_DONE;
            step_later(w);
            return;
        case W_FACTS:
            if (ask_facts(w) == 0)
                return;
            break;
        case W_DONE:
            return;
        }
    }
}

struct why *why_start(const struct why_host *host, const struct why_question *q, void (*done)(void *arg, struct why *w),
                      void *arg)
{
    struct why *w = xcalloc(1, sizeof *w);
    char time[MOMENT_TEXT];
    w->host = *host;
    struct why_target *targets = xcalloc(host->n_targets, sizeof *targets);
    if (host->n_targets > 0)
        memcpy(targets, host->targets, host->n_targets * sizeof *targets);
    w->host.targets = targets;
    w->env = *host->env;
    w->name = xstrdup(q->name);
    w->ns = xstrdup(q->ns);
    w->spawner = xstrdup(q->spawner);
    w->trace = q->trace;
    w->done = done;
    w->arg = arg;
    w->now = w->env.now != NULL ? w->env.now(w->env.now_arg) : moment_now();
    nearest_init(&w->near_name, w->name != NULL ? w->name : "");
    w->answer = cJSON_CreateObject();
    moment_format(w->now, time);
    cJSON_AddStringToObject(w->answer, "time", time);
    if (w->name != NULL)
        cJSON_AddStringToObject(w->answer, "asked", w->name);
    w->alerts = cJSON_AddArrayToObject(w->answer, "alerts");
    sources_make(w);
    step_later(w);
    return w;
}

/* "did you mean A, B or C?" */
static void add_near(const struct why *w, struct buf *b)
{
    size_t n = w->n_near;
    if (n == 0 && w->near_name.best[0] != '\0') {
        buf_addf(b, "; did you mean %s?", w->near_name.best);
        return;
    }
    for (size_t i = 0; i < n; i++)
        buf_addf(b, "%s%s", i == 0 ? "; did you mean " : i + 1 == n ? " or " : ", ", w->near[i]);
    if (n > 0)
        buf_addc(b, '?');
}

static cJSON *nothing_found(struct why *w, struct err *e)
{
    size_t answered = 0, seen = 0, asked = 0;
    const struct err *failed = NULL;
    for (size_t i = 0; i < w->n_sources; i++) {
        answered += w->sources[i].set != NULL;
        seen += w->sources[i].seen;
        if (w->sources[i].set == NULL && failed == NULL)
            failed = &w->sources[i].err;
    }
    for (size_t i = 0; i < w->host.n_targets; i++)
        asked += why_target_asked(w, i);
    if (asked == 0) {
        err_set(e, ERR_NOT_FOUND, "there is no spawner to ask: %s/%s", w->ns != NULL ? w->ns : "*",
                w->spawner != NULL ? w->spawner : "*");
        return NULL;
    }
    if (answered == 0 && failed != NULL) {
        *e = *failed;
        return NULL;
    }
    struct buf b = {0};
    if (w->name == NULL)
        buf_adds(&b, "there is no alert");
    else
        buf_addf(&b, "no alert %s '%.200s': not one of the %zu that fire, silenced or not, and none that is remembered",
                 why_is_digits(w->name) ? "has the fingerprint (or the name)" : "is named", w->name, seen);
    if (failed != NULL)
        buf_addf(&b, "; not every Alertmanager could be asked: %.300s", failed->msg);
    add_near(w, &b);
    err_set(e, ERR_NOT_FOUND, "%s", b.data);
    buf_free(&b);
    return NULL;
}

cJSON *why_answer(struct why *w, struct err *e)
{
    size_t wanted = w->n_remembered;
    if (cJSON_GetArraySize(w->alerts) == 0)
        return nothing_found(w, e);
    for (size_t i = 0; i < w->n_sources; i++)
        wanted += w->sources[i].wanted;
    if (wanted > WHY_ALERTS_MAX)
        cJSON_AddNumberToObject(w->answer, "more", (double)(wanted - WHY_ALERTS_MAX));
    cJSON *answer = w->answer;
    w->answer = w->alerts = NULL;
    return answer;
}

void why_free(struct why **wp)
{
    struct why *w = *wp;
    *wp = NULL;
    if (w == NULL)
        return;
    w->freed = true;
    if (w->state == W_DONE && w->later == NULL)
        why_destroy(w);
    else if (w->poll != NULL)
        poll_cancel(w->poll); /* on_found follows */
}

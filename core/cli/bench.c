/* `bench`: what the hooks of the policies cost over a recording, against what they may cost. */
#include "base/mem.h"
#include "cli/engine.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "policy/chain.h"
#include "replay/replay.h"
#include "spawner/decision.h"
#include "spawner/yaml_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum figure { MICROSECONDS, INSTRUCTIONS, MEMORY, N_FIGURES };

struct samples {
    uint64_t *v;
    size_t n, cap;
};

/* A hook of a policy; hook HOOK_NONE: all hooks of one alert in one cycle. */
struct measured {
    char *policy;
    uint32_t hook;
    struct samples figures[N_FIGURES];
};

struct bench {
    struct engine engine;
    bool opened;
    struct spawner_set *set;
    size_t bad;
    struct recording *recording;
    struct measured *hooks;
    size_t n, cap;
    bool exact; /* the second run: instructions; the first: time and memory */
    uint32_t polls;
};

static struct measured *measured_of(struct bench *b, const char *policy, uint32_t hook)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->hooks[i].hook == hook && strcmp(b->hooks[i].policy, policy) == 0)
            return &b->hooks[i];
    xgrow(&b->hooks, &b->cap, b->n + 1, sizeof *b->hooks);
    b->hooks[b->n] = (struct measured){.policy = xstrdup(policy), .hook = hook};
    return &b->hooks[b->n++];
}

static void sample(struct measured *m, enum figure f, uint64_t v)
{
    struct samples *s = &m->figures[f];
    xgrow(&s->v, &s->cap, s->n + 1, sizeof *s->v);
    s->v[s->n++] = v;
}

struct cost {
    uint64_t figures[N_FIGURES];
};

static void cost_add(struct cost *c, const struct chain_link *l)
{
    c->figures[MICROSECONDS] += l->us;
    c->figures[INSTRUCTIONS] += l->instructions;
    if (l->memory > c->figures[MEMORY])
        c->figures[MEMORY] = l->memory;
}

static void note(struct bench *b, const char *policy, uint32_t hook, const struct cost *c)
{
    struct measured *m = measured_of(b, policy, hook);
    if (b->exact) {
        sample(m, INSTRUCTIONS, c->figures[INSTRUCTIONS]);
        return;
    }
    sample(m, MICROSECONDS, c->figures[MICROSECONDS]);
    sample(m, MEMORY, c->figures[MEMORY]);
}

/* A hook's outermost link has the figures of all within; where it said nothing, what lies below is a link of its own. */
static void on_row(void *arg, struct cycle *c, size_t i)
{
    struct bench *b = arg;
    const struct chain *chain = decision_chain(c, i);
    struct cycle_row row;
    if (chain == NULL || chain->n_links == 0)
        return;
    cycle_row(c, i, &row);
    struct cost all = {0};
    for (size_t k = 0; k < chain->n_links;) {
        struct cost one = {0};
        uint32_t hook = chain->links[k].hook;
        bool fell = true;
        for (; k < chain->n_links && (chain->links[k].depth > 0 || (fell && chain->links[k].hook == hook)); k++)
            if (chain->links[k].depth == 0) {
                cost_add(&one, &chain->links[k]);
                fell = chain->links[k].bits & CHAIN_FELL;
            }
        note(b, row.policy, hook, &one);
        for (int f = 0; f < N_FIGURES; f++)
            all.figures[f] = f == MEMORY && one.figures[f] < all.figures[f] ? all.figures[f]
                             : f == MEMORY                                  ? one.figures[f]
                                                                            : all.figures[f] + one.figures[f];
    }
    note(b, row.policy, HOOK_NONE, &all);
}

static int run_once(struct bench *b, const struct options *o, bool exact, struct err *e)
{
    struct replay_options options = {
        .sides = {{b->set, b->engine.policies}},
        .n_sides = 1,
        .pool = b->engine.pool,
        .tasks = {.start_us = o->task_start_us, .duration_us = o->task_duration_us},
        .limits = b->engine.env.limits,
        .explain = {.which = exact ? EXPLAIN_ALL : MEASURE_ALL},
        .row = on_row,
        .arg = b,
    };
    struct replay_result result = {0};
    b->exact = exact;
    if (recording_open((const char *const *)o->args, o->n_args, o->from, o->to, &b->recording, e) != 0)
        return -1;
    int rc = replay_run(&b->engine.loop, b->recording, &options, &result, e);
    for (size_t i = 0; !exact && i < recording_notes(b->recording); i++)
        say("Warning: %s", recording_note(b->recording, i));
    b->polls = result.polls;
    for (size_t i = 0; rc == 0 && !exact && i < result.sides[0]->n_notes; i++)
        say("Warning: %s", result.sides[0]->notes[i]);
    recording_close(&b->recording);
    replay_result_deinit(&result);
    return rc;
}

/* ---- the report ---- */

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int by_policy(const void *a, const void *b)
{
    const struct measured *x = a, *y = b;
    int r = strcmp(x->policy, y->policy);
    if (r != 0)
        return r;
    /* the sum over all hooks comes last */
    return (x->hook == HOOK_NONE) != (y->hook == HOOK_NONE) ? (x->hook == HOOK_NONE) - (y->hook == HOOK_NONE)
                                                            : (x->hook > y->hook) - (x->hook < y->hook);
}

static uint64_t quantile(const struct samples *s, unsigned percent)
{
    return s->n > 0 ? s->v[(s->n - 1) * percent / 100] : 0;
}

static const char *hook_name(const struct measured *m)
{
    return m->hook == HOOK_NONE ? "one alert" : black_box_hook_name(m->hook);
}

static void sort_all(struct bench *b)
{
    for (size_t i = 0; i < b->n; i++)
        for (int f = 0; f < N_FIGURES; f++)
            if (b->hooks[i].figures[f].n > 0)
                qsort(b->hooks[i].figures[f].v, b->hooks[i].figures[f].n, sizeof(uint64_t), by_value);
    if (b->n > 0)
        qsort(b->hooks, b->n, sizeof *b->hooks, by_policy);
}

/* What one call may cost; 0: there is no such limit. */
static uint64_t budget(const struct bench *b, enum figure f)
{
    const struct judge_limits *l = &b->engine.env.limits;
    return f == INSTRUCTIONS ? l->hook_instructions : f == MEMORY ? l->memory_bytes : (uint64_t)l->hook_us;
}

/* The share of its budget that the dearest call took, of the figure that is nearest to its end. */
static double share(const struct bench *b, const struct measured *m, enum figure *f_r)
{
    double most = 0;
    *f_r = INSTRUCTIONS;
    for (int f = 0; f < N_FIGURES; f++) {
        double s = (double)quantile(&m->figures[f], 100) / (double)budget(b, (enum figure)f);
        if (s > most) {
            most = s;
            *f_r = (enum figure)f;
        }
    }
    return most;
}

static const char *const figure_names[] = {"microseconds", "instructions", "bytes"};

static void print_table(const struct bench *b)
{
    static const char *const headers[] = {"POLICY", "HOOK", "CALLS", "US P50/P99/MAX", "INSTRUCTIONS P50/P99/MAX", "KIB P50/P99/MAX",
                                          "BUDGET"};
    struct table *t = table_create(headers, 7);
    for (size_t i = 0; i < b->n; i++) {
        const struct measured *m = &b->hooks[i];
        char calls[24], cells[N_FIGURES][72], used[16] = "";
        enum figure f;
        snprintf(calls, sizeof calls, "%zu", m->figures[MICROSECONDS].n);
        for (int k = 0; k < N_FIGURES; k++) {
            uint64_t unit = k == MEMORY ? 1024 : 1;
            snprintf(cells[k], sizeof cells[k], "%" PRIu64 " / %" PRIu64 " / %" PRIu64, quantile(&m->figures[k], 50) / unit,
                     quantile(&m->figures[k], 99) / unit, quantile(&m->figures[k], 100) / unit);
        }
        if (m->hook != HOOK_NONE)
            snprintf(used, sizeof used, "%.1f%%", 100 * share(b, m, &f));
        const char *row[] = {m->policy, hook_name(m), calls, cells[MICROSECONDS], cells[INSTRUCTIONS], cells[MEMORY], used};
        table_add(t, row);
    }
    table_print(t, "");
    table_free(&t);
}

static void warn(const struct bench *b)
{
    for (size_t i = 0; i < b->n; i++) {
        enum figure f;
        const struct measured *m = &b->hooks[i];
        if (m->hook != HOOK_NONE && share(b, m, &f) > 0.5)
            say("Warning: policy %s: %s takes up to %" PRIu64 " %s of the %" PRIu64 " that it may", m->policy, hook_name(m),
                quantile(&m->figures[f], 100), figure_names[f], budget(b, f));
    }
}

static void print_objects(const struct bench *b, bool yaml)
{
    cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "hooks");
    cJSON_AddNumberToObject(o, "polls", b->polls);
    for (size_t i = 0; i < b->n; i++) {
        const struct measured *m = &b->hooks[i];
        cJSON *one = cJSON_CreateObject();
        enum figure f;
        cJSON_AddStringToObject(one, "policy", m->policy);
        cJSON_AddStringToObject(one, "hook", m->hook == HOOK_NONE ? "" : black_box_hook_name(m->hook));
        cJSON_AddNumberToObject(one, "calls", (double)m->figures[MICROSECONDS].n);
        for (int k = 0; k < N_FIGURES; k++) {
            cJSON *figures = cJSON_AddObjectToObject(one, figure_names[k]);
            cJSON_AddNumberToObject(figures, "p50", (double)quantile(&m->figures[k], 50));
            cJSON_AddNumberToObject(figures, "p99", (double)quantile(&m->figures[k], 99));
            cJSON_AddNumberToObject(figures, "max", (double)quantile(&m->figures[k], 100));
        }
        if (m->hook != HOOK_NONE)
            cJSON_AddNumberToObject(one, "budgetShare", share(b, m, &f));
        cJSON_AddItemToArray(list, one);
    }
    struct buf text = {0};
    char *json = yaml ? NULL : cJSON_Print(o);
    if (yaml)
        yaml_out(o, &text);
    fputs(yaml ? text.data : json, stdout);
    if (!yaml)
        putchar('\n');
    cJSON_free(json);
    cJSON_Delete(o);
    buf_free(&text);
}

static int measure(struct bench *b, const struct options *o, struct err *e)
{
    if (engine_documents(o, NULL, &b->set, &b->bad, e) != 0)
        return -1;
    b->opened = true;
    if (engine_open(o, ENGINE_REPLAY, &b->engine, e) != 0 || run_once(b, o, false, e) != 0 || run_once(b, o, true, e) != 0)
        return -1;
    return b->n > 0 ? 0 : err_set(e, ERR_NOT_FOUND, "no policy judged an alert of this recording");
}

int verb_bench(const struct options *o)
{
    struct bench b = {0};
    struct err e = {0};
    int rc = EXIT_DONE;
    if (measure(&b, o, &e) != 0) {
        rc = verb_fail(&e);
    } else {
        sort_all(&b);
        if (o->output == OUTPUT_TABLE)
            print_table(&b);
        else
            print_objects(&b, o->output == OUTPUT_YAML);
        warn(&b);
    }
    recording_close(&b.recording);
    if (b.opened)
        engine_close(&b.engine);
    spawner_set_free(&b.set);
    for (size_t i = 0; i < b.n; i++) {
        free(b.hooks[i].policy);
        for (int f = 0; f < N_FIGURES; f++)
            free(b.hooks[i].figures[f].v);
    }
    free(b.hooks);
    return rc == EXIT_DONE && b.bad > 0 ? EXIT_FAILED : rc;
}

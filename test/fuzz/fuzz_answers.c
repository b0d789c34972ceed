/* What a worker says, into the engine's reading of it: a worker may have been taken over by the alert it was judging, so
 * these bytes come from a stranger. Nothing may be read or written out of bounds or leaked, and what was taken must be
 * what judge.h promises.
 *
 * The first byte says which message the rest are the fields of. The judge is real but asks nobody: its loop never runs
 * while it is open. */
#include "policy/judge_private.h"

#include "base/utf8.h"
#include "spawner/spawner.h"

#include <stdlib.h>
#include <string.h>

enum { ALERTS = 4 };

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void check_text(const char *s, size_t max)
{
    check(s == NULL || (strlen(s) <= max && utf8_valid(s, strlen(s)) == strlen(s)));
}

static void never(void *arg, const struct err *e)
{
    (void)arg, (void)e;
    __builtin_trap();
}

static struct alert_set *make_set(void)
{
    struct alert_set *set = alert_set_create();
    for (int i = 0; i < ALERTS; i++) {
        struct buf b = {0};
        buf_addf(&b,
                 "{\"labels\":{\"alertname\":\"A%d\"},\"fingerprint\":\"%016x\",\"startsAt\":\"2026-11-22T08:15:30Z\","
                 "\"status\":{\"state\":\"active\"}}",
                 i, i + 1);
        check(alert_set_add(set, NULL, b.data, b.len, NULL) == 0);
        buf_free(&b);
    }
    return set;
}

static void check_extras(const struct judge *j)
{
    for (size_t i = 0; i < ALERTS; i++) {
        size_t n;
        const struct state_change *s = judge_state(j, i, &n);
        for (size_t k = 0; k < n; k++) {
            struct buf out = {0};
            check(judge_policy_name(j, s[k].policy) != NULL);
            check(state_item_wrong(s[k].changes, s[k].len, JUDGE_STATE_CHANGES_MAX, true) == NULL);
            if (state_item_apply("", 0, s[k].changes, s[k].len, &out, NULL) == 0 && out.len > 0)
                check(out.len <= WIRE_STATE_ITEM_MAX &&
                      state_item_wrong(out.data, out.len, WIRE_STATE_NAMES_MAX, false) == NULL);
            buf_free(&out);
        }
        for (size_t k = 0; k < judge_alert_notes(j, i); k++) {
            const char *name, *value;
            judge_alert_note(j, i, k, &name, &value);
            check(name[0] != '\0');
            check_text(name, WIRE_NOTE_NAME_MAX);
            check_text(value, WIRE_NOTE_VALUE_MAX);
        }
    }
}

static void check_chains(const struct judge *j)
{
    for (size_t i = 0; i < ALERTS; i++) {
        const struct chain *c = judge_chain(j, i);
        struct buf text = {0};
        if (c == NULL)
            continue;
        check(c->n_links <= WIRE_CHAIN_LINKS_MAX && c->n_choices <= WIRE_CHAIN_CHOICES_MAX && c->n_steps <= WIRE_CHAIN_STEPS_MAX);
        for (size_t k = 0; k < c->n_links; k++) {
            check_text(c->links[k].value, WIRE_CHAIN_VALUE_MAX);
            check_text(c->links[k].detail, WIRE_TEXT_SHOWN);
            check(c->links[k].hook < HOOK_COUNT && c->links[k].depth <= WIRE_CHAIN_DEPTH_MAX);
        }
        chain_choices_text(c, "", &text);
        chain_text(c, "", &text);
        chain_steps_text(c, "", &text);
        check(text.data == NULL || utf8_valid(text.data, text.len) == text.len);
        buf_free(&text);
    }
}

static void check_ready(const struct judge *j)
{
    for (size_t i = 0; i < j->n_policies; i++) {
        const struct policy_info *p = &j->policies[i].info;
        size_t n, file = judge_find_file(j, p->file);
        check(p->name[0] != '\0' && strlen(p->hash) == 32);
        check(file < j->setup.files->n || strcmp(p->file, "default.lua") == 0);
        if (file < j->setup.files->n)
            judge_file_libs(j, file, &n);
    }
    for (size_t i = 0; i < judge_lints(j); i++)
        check_text(judge_lint(j, i).sentence, WIRE_TEXT_SHOWN);
    for (size_t i = 0; i < judge_problems(j); i++)
        check(judge_problem(j, i) != NULL);
}

/* The open question and its answers. */
struct asked {
    struct retrigger_question questions[ALERTS];
    struct retrigger_answer answers[ALERTS];
    struct resolve_question resolved[ALERTS];
    struct resolve_answer resolve_answers[ALERTS];
    struct compose_question winners[ALERTS];
    struct composition compositions[ALERTS];
};

static void ask(struct judge *j, enum judge_task task, struct asked *a)
{
    for (uint32_t i = 0; i < ALERTS; i++) {
        a->questions[i] = (struct retrigger_question){.alert = i};
        a->resolved[i] = (struct resolve_question){.policy = "a", .identity = i};
        a->winners[i] = (struct compose_question){.alert = i};
        j->batch[i] = i;
    }
    j->questions = a->questions;
    j->answers = a->answers;
    j->resolved = a->resolved;
    j->resolve_answers = a->resolve_answers;
    j->winners = a->winners;
    j->compositions = a->compositions;
    j->task = task;
    j->n_batch = ALERTS;
}

static void free_answers(struct asked *a)
{
    for (size_t i = 0; i < ALERTS; i++) {
        retrigger_answer_deinit(&a->answers[i]);
        resolve_answer_deinit(&a->resolve_answers[i]);
        composition_deinit(&a->compositions[i]);
    }
}

static void read_message(struct judge *j, unsigned which, const char *bytes, size_t len)
{
    static const enum wire_type types[] = {WIRE_JUDGED, WIRE_RETRIGGERED, WIRE_RESOLVED, WIRE_COMPOSED};
    static const enum judge_task tasks[] = {ASK_JUDGE, ASK_RETRIGGER, ASK_RESOLVE, ASK_COMPOSE};
    struct wire_reader r = {bytes, bytes + len, false};
    struct asked a = {0};
    struct err e = {0};
    if (which == 0) {
        if (judge_read_ready(j, &r, &e) == 0)
            check_ready(j);
    } else if (which == 1) {
        struct buf zones = {0};
        judge_read_want(j, &r, &zones, &e);
        buf_free(&zones);
    } else {
        ask(j, tasks[which % 4], &a);
        if (judge_read_answer(j, types[which % 4], &r, &e) == 0)
            check(j->n_got == 1 && j->left == ALERTS - 1);
        check_extras(j);
        check_chains(j);
        free_answers(&a);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct policy_file libs[] = {{.name = (char *)"lib_a.lua", .source = (char *)"return 1", .len = 8}};
    static uint32_t numbers[] = {0};
    static struct policy_file files[] = {
        {.name = (char *)"a.lua", .source = (char *)"x", .len = 1, .libs = numbers, .n_libs = 1}};
    static const struct policy_files given = {.files = files, .n = 1, .libs = libs, .n_libs = 1};
    static struct spawner spawner = {.name = (char *)"s", .ns = (char *)"ns", .prompt_template = (char *)"{{.Title}}"};
    uv_loop_t loop;
    struct worker_pool *pool = NULL;
    struct judge *j = NULL;
    if (size < 1)
        return 0;
    check(uv_loop_init(&loop) == 0 && worker_pool_create(&loop, "/proc/self/exe", 0, &pool, NULL) == 0);
    struct judge_setup setup = {
        .spawner = &spawner, .files = &given, .set = make_set(), .lint = true, .explain.which = EXPLAIN_ALL, .limits = judge_limits_default()};
    check(judge_start(pool, &setup, never, NULL, &j, NULL) == 0);
    read_message(j, data[0] % 6, (const char *)data + 1, size - 1);
    judge_free(&j);
    worker_pool_free(&pool);
    uv_run(&loop, UV_RUN_DEFAULT);
    check(uv_loop_close(&loop) == 0);
    alert_set_free(&setup.set);
    return 0;
}

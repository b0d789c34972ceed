/* `decide`: what becomes of an alert with these labels, for one-liners and for the CI of a policy. A whole cycle over one
 * alert and an empty store, so that the answer is the engine's. */
#include "alerts/identity.h"
#include "base/buf.h"
#include "base/mem.h"
#include "cli/engine.h"
#include "cli/no_store.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "policy/chain.h"
#include "spawner/decision.h"
#include "spawner/spawner.h"
#include "spawner/yaml_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRES_FOR (5 * 60 * MOMENT_SECOND) /* it has fired so long: old enough for what waits a little */

/* Without -f: a document that selects everything and limits nothing. */
static const char any_document[] =
    "apiVersion: kelos.dev/v1alpha2\nkind: TaskSpawner\nmetadata: {name: decide}\nspec:\n"
    "  when: {prometheusAlerts: {url: 'http://nowhere.invalid'}}\n"
    "  taskTemplate: {type: claude-code, promptTemplate: '{{.Title}}', credentials: {type: api-key, secretRef: {name: none}}}\n";

struct deciding {
    struct engine engine;
    struct spawner_set *set;
    struct poll_source source;
    struct buf alerts;
    moment_t now;
    bool done;
    size_t met, missed; /* expectations */
    cJSON *answers;
};

/* ---- the alert ---- */

static int by_name(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    size_t n = strcspn(x, "="), m = strcspn(y, "=");
    int r = memcmp(x, y, n < m ? n : m);
    return r != 0 ? r : (n > m) - (n < m);
}

/* "name=value" into *o; a name that stands twice is a mistake. */
static int add_pair(cJSON *o, const char *pair, const char *what, struct err *e)
{
    size_t n = strcspn(pair, "=");
    if (n == 0 || pair[n] == '\0')
        return err_set(e, ERR_USAGE, "\"%s\" is no %s: write NAME=VALUE", pair, what);
    char *name = xstrndup(pair, n);
    int rc = cJSON_GetObjectItemCaseSensitive(o, name) != NULL
                 ? err_set(e, ERR_USAGE, "the %s %s is given twice", what, name)
                 : 0;
    if (rc == 0)
        cJSON_AddStringToObject(o, name, pair + n + 1);
    free(name);
    return rc;
}

/* As Alertmanager counts it: FNV-1a of the labels, sorted. */
static uint64_t fingerprint(const char **pairs, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++) {
        size_t name = strcspn(pairs[i], "=");
        for (const char *p = pairs[i];; p++) {
            unsigned char c = p == pairs[i] + name || *p == '\0' ? 0xff : (unsigned char)*p;
            h = (h ^ c) * UINT64_C(0x100000001b3);
            if (*p == '\0')
                break;
        }
    }
    return h;
}

static int alert_make(struct deciding *x, const struct options *o, struct err *e)
{
    char fp[IDENTITY_TEXT], at[MOMENT_TEXT];
    cJSON *a = cJSON_CreateObject(), *labels = cJSON_AddObjectToObject(a, "labels");
    cJSON *annotations = cJSON_AddObjectToObject(a, "annotations"), *status = cJSON_AddObjectToObject(a, "status");
    const char **pairs = xcalloc(o->n_args, sizeof *pairs);
    int rc = 0;
    memcpy(pairs, o->args, o->n_args * sizeof *pairs);
    qsort(pairs, o->n_args, sizeof *pairs, by_name);
    for (size_t i = 0; i < o->n_args && rc == 0; i++)
        rc = add_pair(labels, o->args[i], "label", e);
    for (size_t i = 0; i < o->n_annotations && rc == 0; i++)
        rc = add_pair(annotations, o->annotations[i], "annotation", e);
    identity_format(fingerprint(pairs, o->n_args), fp);
    cJSON_AddStringToObject(a, "fingerprint", fp);
    moment_format(x->now - FIRES_FOR, at);
    cJSON_AddStringToObject(a, "startsAt", at);
    cJSON_AddStringToObject(status, "state", "active");
    cJSON_AddItemToObject(status, "silencedBy", cJSON_CreateArray());
    cJSON_AddItemToObject(status, "inhibitedBy", cJSON_CreateArray());
    char *text = cJSON_PrintUnformatted(a);
    buf_addf(&x->alerts, "[%s]", text);
    cJSON_free(text);
    cJSON_Delete(a);
    free(pairs);
    return rc;
}

/* ---- what is expected ---- */

/* The verdict that a word stands for; VERDICT_COUNT: none. */
static enum verdict expected_verdict(const char *word, size_t len)
{
    static const struct {
        const char *word;
        enum verdict verdict;
    } words[] = {{"keep", VERDICT_CREATE}, {"create", VERDICT_CREATE}, {"drop", VERDICT_SKIP},
                 {"skip", VERDICT_SKIP},   {"wait", VERDICT_WAIT},     {"error", VERDICT_ERROR}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == len && strncmp(words[i].word, word, len) == 0)
            return words[i].verdict;
    return VERDICT_COUNT;
}

static int expectation_check(const char *expect, struct err *e)
{
    if (expect != NULL && expected_verdict(expect, strcspn(expect, ":")) == VERDICT_COUNT)
        return err_set(e, ERR_USAGE, "--expect %s: must be keep, drop, wait or error, with :REASON if you like", expect);
    return 0;
}

/* A reason may be given without "policy.". */
static bool expectation_met(const char *expect, const struct cycle_row *row)
{
    size_t len = strcspn(expect, ":");
    if (expected_verdict(expect, len) != row->verdict)
        return false;
    const char *reason = expect[len] == ':' ? expect + len + 1 : "";
    return *reason == '\0' || strcmp(reason, row->reason) == 0 ||
           (strncmp(row->reason, "policy.", 7) == 0 && strcmp(reason, row->reason + 7) == 0);
}

static const char *word_of(enum verdict v)
{
    return v == VERDICT_CREATE ? "keep" : v == VERDICT_SKIP ? "drop" : verdict_name(v);
}

/* ---- the cycle ---- */

static int start_source(struct poll_source *source, const struct poll_options *options, poll_done_cb *done, void *arg,
                        struct poll **poll_r, struct err *e)
{
    struct deciding *x = (struct deciding *)((char *)source - offsetof(struct deciding, source));
    struct poll_answer answer = {.body = x->alerts.data, .len = x->alerts.len};
    return poll_answered(&x->engine.loop, options, &answer, done, arg, poll_r, e);
}

static moment_t now_of(void *arg)
{
    return ((const struct deciding *)arg)->now;
}

static void on_cycle(void *arg, struct cycle *c)
{
    (void)c;
    ((struct deciding *)arg)->done = true;
}

static void print_row(const struct deciding *x, const struct spawner *s, const struct cycle_row *row, const cJSON *decision)
{
    struct chain chain = {0};
    struct buf text = {0}, line = {0};
    decision_take_chain(decision, &chain);
    if (x->set->n > 1)
        buf_addf(&line, "%s: ", spawner_who(s));
    buf_addf(&line, "%s %s", word_of(row->verdict), row->reason);
    if (*row->policy != '\0')
        buf_addf(&line, "  [%s, %s]", row->policy, row->policy_file);
    if (*row->detail != '\0')
        buf_addf(&line, "  %s", row->detail);
    struct buf shown = {0};
    buf_add_visible(&shown, line.data);
    puts(shown.data);
    chain_text(&chain, "    ", &text);
    fputs(text.data != NULL ? text.data : "", stdout);
    chain_clear(&chain);
    buf_free(&shown);
    buf_free(&text);
    buf_free(&line);
}

static void take_row(struct deciding *x, struct cycle *c, const struct options *o)
{
    struct cycle_row row;
    cJSON *decision = decision_make(c, 0);
    cycle_row(c, 0, &row);
    bool met = o->expect == NULL || expectation_met(o->expect, &row);
    x->met += met;
    x->missed += !met;
    if (o->output == OUTPUT_TABLE)
        print_row(x, cycle_spawner(c), &row, decision);
    if (!met)
        say("Error: expected %s, but %s decides: %s:%s", o->expect, *row.policy != '\0' ? row.policy : "the selectors",
            word_of(row.verdict), row.reason);
    cJSON_AddItemToArray(x->answers, decision);
}

static int decide(struct deciding *x, const struct spawner *s, const struct options *o, struct err *e)
{
    x->done = false;
    struct cycle *c = cycle_start(&x->engine.env, x->set, s, CYCLE_PLAN, NULL, on_cycle, x);
    while (!x->done)
        uv_run(&x->engine.loop, UV_RUN_ONCE);
    int rc = 0;
    for (size_t i = 0; i < cycle_notes(c); i++)
        say("Warning: %s", cycle_note(c, i));
    if (cycle_error(c) != NULL)
        rc = err_set(e, cycle_error(c)->kind, "%s", cycle_error(c)->msg);
    else if (cycle_rows(c) == 0)
        rc = err_set(e, ERR_INVALID, "%s is suspended", spawner_who(s));
    else
        take_row(x, c, o);
    cycle_free(&c);
    return rc;
}

static void print_answers(const cJSON *answers, enum output format)
{
    struct buf b = {0};
    char *text = format == OUTPUT_JSON ? cJSON_Print(answers) : NULL;
    if (format == OUTPUT_YAML)
        yaml_out(answers, &b);
    if (text != NULL)
        puts(text);
    else if (b.data != NULL)
        fputs(b.data, stdout);
    cJSON_free(text);
    buf_free(&b);
}

static int documents(struct deciding *x, const struct options *o, struct err *e)
{
    static const char *const standard_input[] = {"-"};
    struct spawner_source any = {
        .paths = standard_input, .n_paths = 1, .stdin_text = any_document, .stdin_len = sizeof any_document - 1};
    size_t bad = 0;
    if (o->n_documents == 0)
        return spawner_set_load(&any, &x->set, e);
    if (engine_documents(o, NULL, &x->set, &bad, e) != 0)
        return -1;
    return bad == 0 ? 0 : err_set(e, ERR_INVALID, "the documents are not as they should be");
}

static int run(struct deciding *x, const struct options *o, struct err *e)
{
    size_t asked = 0;
    x->source.start = start_source;
    x->engine.env.source = &x->source;
    x->engine.env.now = now_of;
    x->engine.env.now_arg = x;
    x->engine.env.explain.which = EXPLAIN_ALL;
    x->engine.env.store = no_store_open(&x->engine.loop);
    int rc = 0;
    for (size_t i = 0; i < x->set->n && rc == 0; i++)
        if (o->spawner == NULL || strcmp(o->spawner, x->set->spawners[i]->name) == 0) {
            rc = decide(x, x->set->spawners[i], o, e);
            asked++;
        }
    x->engine.env.store->ops->close(x->engine.env.store);
    if (rc == 0 && asked == 0)
        rc = err_set(e, ERR_NOT_FOUND, "no document has a TaskSpawner called \"%s\"", o->spawner);
    return rc;
}

int verb_decide(const struct options *o)
{
    struct deciding x = {.now = o->at != MOMENT_NONE ? o->at : moment_now(), .answers = cJSON_CreateArray()};
    struct err e = {0};
    int rc = EXIT_DONE;
    if (expectation_check(o->expect, &e) != 0 || alert_make(&x, o, &e) != 0 || documents(&x, o, &e) != 0) {
        rc = verb_fail(&e);
    } else {
        if (engine_open(o, ENGINE_OFFLINE, &x.engine, &e) != 0 || run(&x, o, &e) != 0)
            rc = verb_fail(&e);
        else
            print_answers(x.answers, o->output);
        engine_close(&x.engine);
    }
    cJSON_Delete(x.answers);
    buf_free(&x.alerts);
    spawner_set_free(&x.set);
    return rc == EXIT_DONE && x.missed > 0 ? EXIT_FAILED : rc;
}

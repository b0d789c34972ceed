/* `why`: why an alert has a Task, or none. A running engine is asked over the socket beside its store; with -f the verb
 * itself asks Alertmanager and store; with --alert neither. */
#include "api/ask.h"
#include "base/mem.h"
#include "cli/alert_file.h"
#include "cli/engine.h"
#include "cli/no_store.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "spawner/spawner.h"
#include "spawner/why.h"
#include "spawner/yaml_out.h"
#include "tasks/sqlite/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the answer --- */

static void print_answer(const cJSON *answer, enum output format)
{
    struct buf b = {0};
    buf_adds(&b, "");
    if (format == OUTPUT_JSON) {
        char *text = cJSON_Print(answer);
        puts(text);
        free(text);
    } else if (format == OUTPUT_YAML) {
        yaml_out(answer, &b);
        fputs(b.data, stdout);
    } else {
        why_text(answer, &b);
        fputs(b.data, stdout);
    }
    buf_free(&b);
}

/* --- a running engine --- */

static void make_path(const struct options *o, struct buf *path)
{
    buf_adds(path, "/api/v1/why/");
    ask_encode(path, o->args[0]);
    const char *lead = "?";
    const struct {
        const char *name, *value;
    } queries[] = {{"namespace", o->ns}, {"spawner", o->spawner}, {"trace", o->trace ? "1" : NULL}};
    for (size_t i = 0; i < 3; i++)
        if (queries[i].value != NULL) {
            buf_addf(path, "%s%s=", lead, queries[i].name);
            ask_encode(path, queries[i].value);
            lead = "&";
        }
}

/* What the engine said: the answer, or its sentence. */
static cJSON *read_answer(const struct buf *body, long status, struct err *e)
{
    cJSON *o = cJSON_ParseWithLength(body->data != NULL ? body->data : "", body->len);
    if (o != NULL && status == 200)
        return o;
    const char *sentence = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "error"));
    if (sentence != NULL)
        err_set(e, status == 404 ? ERR_NOT_FOUND : ERR_INVALID, "%s", sentence);
    else
        err_set(e, ERR_INVALID, "the engine answered %ld, and nothing that is known here: are both of one version?", status);
    cJSON_Delete(o);
    return NULL;
}

static cJSON *ask_running(const struct options *o, struct err *e)
{
    char *store = NULL;
    struct buf path = {0}, body = {0};
    long status = 0;
    cJSON *answer = NULL;
    /* in a Pod the engine's port stands in for the socket, which only a local store has */
    const char *url = o->engine == NULL && cluster_wanted(o) ? "http://127.0.0.1:8080" : o->engine;
    if (url == NULL && path_resolve(o->store, false, &store, e) != 0)
        return NULL;
    make_path(o, &path);
    struct ask ask = {.store_path = store, .url = url, .ca_file = o->ca_file};
    if (ask_engine(&ask, path.data, &body, &status, e) == 0) {
        answer = read_answer(&body, status, e);
    } else if (url == NULL && (e->kind == ERR_NOT_FOUND || e->kind == ERR_UNREACHABLE)) {
        struct err why = *e;
        err_set(e, why.kind, "%s (with -f FILE, alertspawner why asks Alertmanager and the store itself)", why.msg);
    }
    free(store);
    buf_free(&path);
    buf_free(&body);
    return answer;
}

/* --- by itself --- */

struct alone {
    struct engine engine;
    struct spawner_set *set;
    struct poll_source source; /* --alert */
    struct buf alerts;
    moment_t at;
    struct why *why;
    bool done;
};

/* --alert is what every Alertmanager answers. */
static int start_source(struct poll_source *source, const struct poll_options *options, poll_done_cb *done, void *arg,
                        struct poll **poll_r, struct err *e)
{
    struct alone *x = (struct alone *)((char *)source - offsetof(struct alone, source));
    struct poll_answer answer = {.body = x->alerts.data, .len = x->alerts.len};
    return poll_answered(&x->engine.loop, options, &answer, done, arg, poll_r, e);
}

static moment_t at_time(void *arg)
{
    return ((const struct alone *)arg)->at;
}

static int take_alert(struct alone *x, const struct options *o, struct err *e)
{
    struct buf text = {0};
    int rc = alert_file_read(o->alert, &text, e);
    if (rc == 0) {
        const char *p = text.data + strspn(text.data, " \t\r\n");
        buf_addf(&x->alerts, *p == '[' ? "%s" : "[%s]", p);
    }
    buf_free(&text);
    x->source.start = start_source;
    x->engine.env.source = &x->source;
    x->at = o->at;
    if (o->at != MOMENT_NONE) {
        x->engine.env.now = at_time;
        x->engine.env.now_arg = x;
    }
    return rc;
}

static void on_why(void *arg, struct why *w)
{
    struct alone *x = arg;
    (void)w;
    x->done = true;
    uv_stop(&x->engine.loop);
}

static cJSON *ask_alone(struct alone *x, const struct options *o, struct err *e)
{
    struct why_target *targets = xcalloc(x->set->n, sizeof *targets);
    for (size_t i = 0; i < x->set->n; i++)
        targets[i] = (struct why_target){x->set, x->set->spawners[i]};
    const struct why_host host = {.env = &x->engine.env, .targets = targets, .n_targets = x->set->n};
    const struct why_question question = {
        .name = o->n_args > 0 ? o->args[0] : NULL, .spawner = o->spawner, .trace = o->trace};
    struct why *w = why_start(&host, &question, on_why, x);
    uv_run(&x->engine.loop, UV_RUN_DEFAULT);
    cJSON *answer = x->done ? why_answer(w, e) : NULL;
    if (!x->done)
        err_set(e, ERR_BUG, "the answer was never heard of");
    why_free(&w);
    free(targets);
    return answer;
}

static cJSON *answer_alone(const struct options *o, struct err *e)
{
    struct alone x = {0};
    size_t bad = 0;
    cJSON *answer = NULL;
    if (engine_documents(o, NULL, &x.set, &bad, e) != 0)
        return NULL;
    bool no_store = o->alert != NULL && o->store == NULL;
    if (engine_open(o, no_store ? ENGINE_OFFLINE : ENGINE_PLAN, &x.engine, e) == 0) {
        if (no_store)
            x.engine.env.store = no_store_open(&x.engine.loop);
        if (o->alert == NULL || take_alert(&x, o, e) == 0)
            answer = ask_alone(&x, o, e);
        if (no_store)
            x.engine.env.store->ops->close(x.engine.env.store);
    }
    engine_close(&x.engine);
    spawner_set_free(&x.set);
    buf_free(&x.alerts);
    return answer;
}

static int check_question(const struct options *o, struct err *e)
{
    if (o->alert == NULL && o->n_args == 0)
        return err_set(e, ERR_USAGE, "which alert? Give its fingerprint or its name, or --alert FILE\n"
                                     "Usage: alertspawner why FINGERPRINT|ALERTNAME [-f FILE ...]");
    if (o->alert != NULL && o->n_documents == 0)
        return err_set(e, ERR_USAGE, "--alert goes with -f FILE: which TaskSpawner is to judge it?");
    if (o->engine != NULL && o->n_documents > 0)
        return err_set(e, ERR_USAGE, "--engine asks a running engine, -f asks without one: leave one of the two out");
    if (o->at != MOMENT_NONE && o->alert == NULL)
        return err_set(e, ERR_USAGE, "--at goes with --alert FILE: Alertmanager only knows what fires now");
    if (o->n_args > 0 && strlen(o->args[0]) > WHY_NAME_MAX)
        return err_set(e, ERR_USAGE, "that is neither a fingerprint nor a name");
    return 0;
}

int verb_why(const struct options *o)
{
    struct err e = {0};
    if (check_question(o, &e) != 0)
        return verb_fail(&e);
    cJSON *answer = o->n_documents > 0 ? answer_alone(o, &e) : ask_running(o, &e);
    if (answer == NULL)
        return verb_fail(&e);
    print_answer(answer, o->output);
    cJSON_Delete(answer);
    return EXIT_DONE;
}

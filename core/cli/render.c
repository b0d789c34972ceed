/* `render`: the Task that one alert would become. Neither network nor store is touched. */
#include "alerts/alert_set.h"
#include "alerts/identity.h"
#include "base/buf.h"
#include "base/cutter.h"
#include "base/mem.h"
#include "cli/alert_file.h"
#include "cli/offline.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "policy/policy_set.h"
#include "spawner/spawner.h"
#include "spawner/yaml_out.h"
#include "tasks/task_doc.h"
#include "tasks/task_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int on_element(void *arg, size_t i, const char *bytes, size_t len, struct err *e)
{
    if (i > 0)
        return err_set(e, ERR_USAGE, "it holds more than one alert: choose one, as with jq '.[0]'");
    return alert_set_add(arg, NULL, bytes, len, e);
}

/* One alert, bare or as the only element of an array. */
static int read_alert(const char *path, struct alert_set *set, struct err *e)
{
    struct buf text = {0};
    if (alert_file_read(path, &text, e) != 0) {
        buf_free(&text);
        return -1;
    }
    struct cutter c;
    bool array = text.len > 0 && text.data[strspn(text.data, " \t\r\n")] == '[';
    cutter_init(&c, array ? CUT_ARRAY : CUT_STREAM, ALERT_FILE_MAX, on_element, set);
    int rc = cutter_feed(&c, text.data, text.len, e);
    if (rc == 0)
        rc = cutter_end(&c, e);
    cutter_deinit(&c);
    buf_free(&text);
    if (rc == 0 && alert_set_len(set) == 0)
        rc = err_set(e, ERR_INVALID, "it holds no alert");
    if (rc == 0 && alert_set_at(set, 0)->reason != REASON_NONE)
        rc = err_set(e, ERR_INVALID, "it is no alert: %s", alert_set_detail(set, alert_set_at(set, 0)));
    return rc == 0 ? 0 : err_wrap(e, "%s", path);
}

static void print_task(const cJSON *task, enum output format, bool first)
{
    if (format == OUTPUT_JSON) {
        char *text = cJSON_Print(task);
        puts(text);
        free(text);
        return;
    }
    struct buf b = {0};
    yaml_out(task, &b);
    printf("%s%s", first ? "" : "---\n", b.data);
    buf_free(&b);
}

/* Says on standard error why the alert would not have come so far. -1: nothing can be rendered. */
static int say_verdict(const struct spawner *s, const struct alert *a, const struct judgement *j, const char *code,
                       struct err *e)
{
    enum reason r = selector_judge(&s->selector, a);
    if (r != REASON_NONE)
        say("Note: %s would not take this alert: %s: %s", spawner_who(s), reason_code(r),
                reason_meaning(r));
    if (j->answer == JUDGED_KEEP)
        return 0;
    if (j->answer == JUDGED_ERROR)
        return err_set(e, ERR_INVALID, "%s: %s: %s", spawner_who(s), reason_code((enum reason)j->reason),
                       j->detail != NULL ? j->detail : "");
    say("Note: the policy would drop this alert: %s%s: %s",
            code != NULL ? "policy." : "", code != NULL ? code : reason_code((enum reason)j->reason),
            j->detail != NULL ? j->detail : "");
    return 0;
}

static int make_name(const struct spawner *s, const struct alert *a, const struct judgement *j, const char *rendered,
                     char name[TASK_NAME_MAX + 1], struct buf *alertname, struct err *e)
{
    const char *key = j->answer == JUDGED_KEEP ? j->key : NULL;
    alert_text(a, alert_label(a, "alertname"), alertname);
    buf_adds(alertname, "");
    if (s->name_template != NULL && j->answer != JUDGED_KEEP)
        return err_set(e, ERR_INVALID, "%s: the policy drops this alert, so its nameTemplate is not rendered",
                       spawner_who(s));
    if (s->name_template != NULL)
        return task_name_sanitise(rendered != NULL ? rendered : "", rendered != NULL ? strlen(rendered) : 0, name, e);
    struct buf id = {0};
    const char *label = key != NULL ? key : alertname->data;
    identity_id(label, strlen(label), j->identity, &id);
    task_name_default(s->name, id.data, j->identity, name);
    buf_free(&id);
    return 0;
}

static int render(struct engine *g, const struct policy_files *files, struct alert_set *set, const struct spawner *s,
                  enum output format, bool first, struct err *e)
{
    struct judge_setup setup = {
        .spawner = s, .files = files, .set = set, .now = moment_now(), .limits = g->env.limits};
    struct judge *j = NULL;
    struct buf space = {0}, alertname = {0};
    struct composition comp = {0};
    struct alert a;
    cJSON *task = NULL;
    char name[TASK_NAME_MAX + 1], *warning = NULL;
    int rc = offline_judge(g, &setup, &j, e);
    if (rc == 0)
        rc = alert_set_read(set, 0, &space, &a, e);
    for (size_t i = 0; rc == 0 && i < judge_problems(j); i++)
        say("Warning: %s", judge_problem(j, i));
    if (rc == 0)
        rc = say_verdict(s, &a, judge_at(j, 0), judge_code(j, judge_at(j, 0)), e);
    if (rc == 0)
        rc = offline_compose(g, j, 0, &comp, e);
    if (rc == 0 && !comp.ok)
        rc = err_set(e, ERR_INVALID, "%s: %s: %s", spawner_who(s), reason_code(comp.reason),
                     comp.detail != NULL ? comp.detail : "");
    for (size_t i = 0; rc == 0 && i < judge_notes(j); i++)
        say("Warning: %s", judge_note(j, i));
    if (rc == 0)
        rc = make_name(s, &a, judge_at(j, 0), judge_name(j, judge_at(j, 0)), name, &alertname, e);
    if (rc == 0) {
        const struct judgement *jm = judge_at(j, 0);
        struct task_doc_input in = {.spawner = s,
                                    .composition = &comp,
                                    .name = name,
                                    .identity = jm->identity,
                                    .alertname = alertname.data,
                                    .starts_at = alert_set_at(set, 0)->starts_at,
                                    .policy = judge_policy_name(j, jm->policy),
                                    .policy_hash = judge_policy_info(j, jm->policy)->hash,
                                    .reason = REASON_CREATE_NEW,
                                    .credential_pick = jm->identity};
        rc = task_doc_build(&in, &task, &warning, e);
    }
    if (warning != NULL)
        say("Warning: %s", warning);
    if (rc == 0)
        print_task(task, format, first);
    free(warning);
    cJSON_Delete(task);
    composition_deinit(&comp);
    judge_free(&j);
    buf_free(&space);
    buf_free(&alertname);
    return rc;
}

static int render_all(struct engine *g, const struct options *o, const struct spawner_set *spawners, size_t *bad,
                      struct err *e)
{
    const struct policy_files *files = policy_set_get(g->policies);
    struct alert_set *set = alert_set_create();
    size_t done = 0;
    int rc = read_alert(o->alert, set, e);
    for (size_t i = 0; rc == 0 && i < spawners->n; i++) {
        const struct spawner *s = spawners->spawners[i];
        struct err why;
        if (o->spawner != NULL && strcmp(o->spawner, s->name) != 0)
            continue;
        if (render(g, files, set, s, o->output, done++ == 0, &why) != 0) {
            verb_fail(&why); /* one spawner's templates must not hide the others' */
            (*bad)++;
        }
    }
    if (rc == 0 && done == 0)
        rc = err_set(e, ERR_NOT_FOUND, "the documents hold no usable TaskSpawner%s%s", o->spawner ? " named " : "",
                     o->spawner ? o->spawner : "");
    alert_set_free(&set);
    policy_set_put(g->policies, files);
    return rc;
}

int verb_render(const struct options *o)
{
    struct err e = {0};
    struct spawner_set *set = NULL;
    struct engine g;
    size_t bad = 0;
    if (o->alert == NULL) {
        err_set(&e, ERR_USAGE, "no alert: give --alert FILE, or --alert - for standard input");
        return verb_fail(&e);
    }
    if (engine_documents(o, NULL, &set, &bad, &e) != 0)
        return verb_fail(&e);
    int rc = engine_open(o, ENGINE_OFFLINE, &g, &e);
    if (rc == 0)
        rc = render_all(&g, o, set, &bad, &e);
    engine_close(&g);
    spawner_set_free(&set);
    if (rc != 0)
        return verb_fail(&e);
    return bad > 0 ? EXIT_FAILED : EXIT_DONE;
}

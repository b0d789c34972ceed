/* `check`: documents, templates and policies, as `run` would read them. */
#include "alerts/alert_set.h"
#include "cli/check_policies.h"
#include "cli/offline.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "spawner/spawner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An alert like any other, on which templates are tried. */
static const char example[] =
    "{\"labels\":{\"alertname\":\"Example\",\"severity\":\"warning\"},\"annotations\":{\"summary\":\"an example\"},"
    "\"startsAt\":\"2026-01-01T00:00:00.000Z\",\"endsAt\":\"2026-01-01T00:05:00.000Z\","
    "\"updatedAt\":\"2026-01-01T00:00:00.000Z\",\"fingerprint\":\"0123456789abcdef\",\"generatorURL\":\"\","
    "\"receivers\":[],\"status\":{\"state\":\"active\",\"silencedBy\":[],\"inhibitedBy\":[]}}";

/* Does the error say that the template asks for a variable that no alert has, as in {{.Nope}}? What hangs on this one
 * alert, a label that it lacks, is no fault of the template's. */
static bool names_unknown_variable(const char *detail)
{
    const char *at = detail != NULL ? strstr(detail, " at <.") : NULL;
    if (at == NULL)
        return false;
    at += strlen(" at <.");
    size_t n = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    static const char says[] = ">: map has no entry for key";
    return n > 0 && strncmp(at + n, says, strlen(says)) == 0;
}

/* Renders the templates once. Returns 1 when one of them never can be, 0 when none is known to; -1: it could not be
 * tried. */
static int try_templates(struct engine *g, const struct policy_files *files, const struct spawner *s, struct err *e)
{
    struct alert_set *set = alert_set_create();
    struct judge_setup setup = {
        .spawner = s, .files = files, .set = set, .now = moment_now(), .limits = g->env.limits};
    struct judge *j = NULL;
    struct composition c = {0};
    int rc = alert_set_add(set, NULL, example, strlen(example), e);
    if (rc == 0)
        rc = offline_judge(g, &setup, &j, e);
    if (rc == 0)
        rc = offline_compose(g, j, 0, &c, e);
    const char *detail = NULL;
    if (rc == 0 && judge_at(j, 0)->answer == JUDGED_ERROR)
        detail = judge_at(j, 0)->detail;
    else if (rc == 0 && !c.ok)
        detail = c.detail;
    if (names_unknown_variable(detail)) {
        say("Error: %s:%d: %s: %s", s->file, s->line, spawner_who(s), detail);
        rc = 1;
    }
    composition_deinit(&c);
    judge_free(&j);
    alert_set_free(&set);
    return rc;
}

/* Is it about a file of policies? Those were said before the spawners. */
static bool is_said(const struct policy_files *files, const char *sentence)
{
    bool said = false;
    for (size_t i = 0; i < files->n_problems && !said; i++) {
        char *text = policy_problem_text(&files->problems[i]);
        said = strcmp(text, sentence) == 0;
        free(text);
    }
    return said;
}

/* Loads everything that one spawner uses. Returns how many problems there were; -1: it could not be tried. */
static int check_spawner(struct engine *g, const struct policy_files *files, const struct spawner *s, struct err *e)
{
    struct judge_setup setup = {.spawner = s, .files = files, .now = moment_now(), .limits = g->env.limits};
    struct judge *j = NULL;
    if (offline_judge(g, &setup, &j, e) != 0) {
        judge_free(&j);
        return -1;
    }
    int problems = 0;
    for (size_t i = 0; i < judge_problems(j); i++) {
        if (is_said(files, judge_problem(j, i)))
            continue;
        say("Error: %s:%d: %s: %s", s->file, s->line, spawner_who(s), judge_problem(j, i));
        problems++;
    }
    judge_free(&j);
    int tried = problems == 0 ? try_templates(g, files, s, e) : 0;
    if (tried < 0)
        return -1;
    problems += tried;
    for (size_t i = 0; i < s->n_warnings; i++)
        say("Warning: %s:%d: %s: %s", s->file, s->line, spawner_who(s), s->warnings[i]);
    printf("%s %s (%s:%d): %s\n", s->kind, spawner_who(s), s->file, s->line, problems == 0 ? "ok" : "has problems");
    return problems;
}

static int check_all(struct engine *g, const struct spawner_set *set, const struct options *o, size_t *bad,
                     struct err *e)
{
    const struct policy_files *files = policy_set_get(g->policies);
    if (o->policies != NULL && files->n == 0)
        printf("no policies in %s: the default policy judges\n", o->policies);
    struct policy_files *served = NULL;
    int rc = check_policies(g, files, &served, bad, e);
    policy_set_put(g->policies, files);
    for (size_t i = 0; set != NULL && i < set->n && rc >= 0; i++) {
        rc = check_spawner(g, served, set->spawners[i], e);
        if (rc > 0)
            *bad += (size_t)rc;
    }
    policy_files_free(&served);
    return rc < 0 ? -1 : 0;
}

int verb_check(const struct options *o)
{
    struct err e = {0};
    struct spawner_set *set = NULL;
    struct engine g;
    size_t bad = 0;
    if (o->n_documents > 0 && engine_documents(o, NULL, &set, &bad, &e) != 0)
        return verb_fail(&e);
    int rc = engine_open(o, ENGINE_OFFLINE, &g, &e);
    if (rc == 0)
        rc = check_all(&g, set, o, &bad, &e);
    engine_close(&g);
    spawner_set_free(&set);
    if (rc != 0)
        return verb_fail(&e);
    return bad > 0 ? EXIT_FAILED : EXIT_DONE;
}

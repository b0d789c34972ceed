/* Trying policy files: see policy_examine.h. */
#include "policy/policy_examine.h"

#include "base/mem.h"
#include "spawner/spawner.h"

#include <stdlib.h>
#include <string.h>

struct judge_setup policy_examine_setup(const struct policy_files *files, const struct judge_limits *limits)
{
    static const struct spawner nobody = {
        .file = (char *)"", .kind = (char *)"TaskSpawner", .api_version = (char *)"", .name = (char *)"nobody",
        .ns = (char *)"default", .who = (char *)"default/nobody", .uid = (char *)"", .url = (char *)"",
        .prompt_template = (char *)"{{.Title}}", .poll_interval_us = 120 * MOMENT_SECOND,
    };
    return (struct judge_setup){
        .spawner = &nobody, .files = files, .now = moment_now(), .limits = *limits, .lint = true};
}

/* The policy that was made of a file, or NULL. */
static const char *name_of(const struct judge *j, const char *wanted)
{
    for (size_t i = 0; i < judge_policies(j); i++) {
        const char *name, *file, *match;
        judge_policy(j, i, &name, &file, &match);
        if (strcmp(file, wanted) == 0)
            return name;
    }
    return NULL;
}

/* A file that became no policy has a reason; should it have none, that is one. */
static char *reason_of(const struct judge *j, size_t i, const char *file)
{
    const char *problem = judge_file_problem(j, i);
    return problem != NULL ? xstrdup(problem)
                           : xasprintf("%s: is not among the policies that the worker has loaded", file);
}

struct policy_verdict *policy_examine_verdicts(const struct judge *j, const struct policy_files *files)
{
    struct policy_verdict *verdicts = xcalloc(files->n + 1, sizeof *verdicts);
    for (size_t i = 0; i < files->n; i++) {
        struct policy_verdict *v = &verdicts[i];
        v->proof = policy_beside_proof(files, i);
        const char *name = name_of(j, files->files[i].name);
        if (name == NULL) {
            v->problem = reason_of(j, i, files->files[i].name);
            continue;
        }
        const uint32_t *libs = judge_file_libs(j, i, &v->n_libs);
        v->name = xstrdup(name);
        v->libs = xcalloc(v->n_libs + 1, sizeof *v->libs);
        for (size_t k = 0; k < v->n_libs; k++)
            v->libs[k] = libs[k];
    }
    return verdicts;
}

void policy_verdicts_free(struct policy_verdict **verdicts, size_t n)
{
    for (size_t i = 0; *verdicts != NULL && i < n; i++) {
        free((*verdicts)[i].problem);
        free((*verdicts)[i].name);
        free((*verdicts)[i].libs);
    }
    free(*verdicts);
    *verdicts = NULL;
}

/* ---- the whole examination ---- */

struct policy_examination {
    struct worker_pool *pool;
    struct judge_limits limits;
    const struct policy_files *files;
    struct gate_memory *memory;
    void (*done)(void *arg, const struct err *e);
    void *arg;
    struct judge *judge;
    struct policy_verdict *verdicts;
    struct policy_gate *gate;
};

static void on_gate(void *arg)
{
    struct policy_examination *x = arg;
    x->done(x->arg, NULL);
}

static void on_loaded(void *arg, const struct err *e)
{
    struct policy_examination *x = arg;
    if (e != NULL) {
        x->done(x->arg, e);
        return;
    }
    x->verdicts = policy_examine_verdicts(x->judge, x->files);
    if (x->files->n_beside > 0)
        x->gate = policy_gate_start(x->pool, &x->limits, x->files, x->verdicts, x->memory, on_gate, x);
    else
        x->done(x->arg, NULL);
}

int policy_examination_start(struct worker_pool *pool, const struct judge_limits *limits, const struct policy_files *files,
                             struct gate_memory *memory, void (*done)(void *arg, const struct err *e), void *arg,
                             struct policy_examination **x_r, struct err *e)
{
    struct judge_setup setup = policy_examine_setup(files, limits);
    struct policy_examination *x = xcalloc(1, sizeof *x);
    *x = (struct policy_examination){
        .pool = pool, .limits = *limits, .files = files, .memory = memory, .done = done, .arg = arg};
    if (judge_start(pool, &setup, on_loaded, x, &x->judge, e) != 0) {
        policy_examination_free(&x);
        return -1;
    }
    *x_r = x;
    return 0;
}

const struct policy_verdict *policy_examination_verdicts(const struct policy_examination *x)
{
    return x->verdicts;
}

const struct judge *policy_examination_judge(const struct policy_examination *x)
{
    return x->judge;
}

void policy_examination_free(struct policy_examination **xp)
{
    struct policy_examination *x = *xp;
    *xp = NULL;
    if (x == NULL)
        return;
    policy_gate_free(&x->gate);
    policy_verdicts_free(&x->verdicts, x->files->n);
    judge_free(&x->judge);
    free(x);
}

/* Policies for `check`: see check_policies.h. */
#include "cli/check_policies.h"

#include "base/buf.h"
#include "base/mem.h"
#include "cli/offline.h"
#include "cli/say.h"
#include "policy/policy_examine.h"

#include <stdio.h>
#include <string.h>

static const char *match_of(const struct judge *j, const char *wanted)
{
    for (size_t i = 0; i < judge_policies(j); i++) {
        const char *name, *file, *match;
        judge_policy(j, i, &name, &file, &match);
        if (strcmp(file, wanted) == 0)
            return match;
    }
    return "";
}

/* policy payments (10-payments.lua): match team="payments"; hash 9f2c...; includes lib_hours.lua */
static void print_policy(const struct judge *j, const struct policy_files *files, size_t i,
                         const struct policy_verdict *v)
{
    const char *file = files->files[i].name;
    if (v->problem != NULL) {
        printf("policy file %s: has problems\n", file);
        return;
    }
    const char *match = match_of(j, file);
    char hash[POLICY_HASH];
    policy_unit_hash(files, i, v->libs, v->n_libs, hash);
    printf("policy %s (%s)%s%s; hash %s", v->name, file, match[0] ? ": match " : ": only when named", match, hash);
    for (size_t k = 0; k < v->n_libs; k++)
        printf("%s%s", k == 0 ? "; includes " : ", ", files->libs[v->libs[k]].name);
    puts("");
}

/* A library that nobody includes is dead text, or a slip in a name. Nobody knows while a policy does not load. */
static void warn_of_unused(const struct policy_files *files, const struct policy_verdict *verdicts)
{
    for (size_t k = 0; k < files->n_libs; k++) {
        bool used = false;
        for (size_t i = 0; i < files->n; i++) {
            used = used || verdicts[i].problem != NULL;
            for (size_t m = 0; m < verdicts[i].n_libs; m++)
                used = used || verdicts[i].libs[m] == k;
        }
        if (!used)
            say("Warning: %s: no policy includes it", files->libs[k].name);
    }
}

static void warn_of_idle(const struct policy_files *files)
{
    size_t at = 0;
    for (const char *name; (name = policy_gate_idle(files, &at)) != NULL;) {
        size_t len = 0;
        policy_beside_is_spec(name, &len);
        say("Warning: %s: gates nothing: there is no %.*s.lua beside it", name, (int)len, name);
    }
}

static int take(const struct policy_files *files, const struct policy_verdict *verdicts, struct policy_files **served_r,
                size_t *bad_r, struct err *e)
{
    struct policy_units *units = policy_units_create();
    struct policy_change change = {0};
    int rc = policy_units_take(units, files, verdicts, moment_now(), served_r, &change, e);
    for (size_t i = 0; i < change.n_problems; i++)
        say("Error: %s", change.problems[i]);
    *bad_r += change.n_problems;
    policy_change_deinit(&change);
    policy_units_free(&units);
    return rc;
}

int check_policies(struct engine *g, const struct policy_files *files, struct policy_files **served_r, size_t *bad_r,
                   struct err *e)
{
    struct policy_examination *x = NULL;
    if (offline_examine(g, files, &x, e) != 0) {
        policy_examination_free(&x);
        return -1;
    }
    const struct judge *j = policy_examination_judge(x);
    const struct policy_verdict *verdicts = policy_examination_verdicts(x);
    for (size_t i = 0; i < files->n; i++)
        print_policy(j, files, i, &verdicts[i]);
    for (size_t i = 0; i < judge_lints(j); i++) {
        struct policy_lint l = judge_lint(j, i);
        say("Warning: %s:%u: %s", l.file, l.line, l.sentence);
    }
    warn_of_unused(files, verdicts);
    warn_of_idle(files);
    int rc = take(files, verdicts, served_r, bad_r, e);
    policy_examination_free(&x);
    return rc;
}

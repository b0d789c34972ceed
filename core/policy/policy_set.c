/* The generation that serves, and what is said of the files: see policy_set.h. */
#include "policy/policy_set_private.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- generations ---- */

static void generation_put(struct policy_set *set, struct generation *g)
{
    if (--g->refs > 0)
        return;
    struct generation **p = &set->all;
    while (*p != g)
        p = &(*p)->next;
    *p = g->next;
    policy_files_free(&g->files);
    free(g);
}

/* Takes the files. */
static void serve(struct policy_set *set, struct policy_files *files)
{
    struct generation *g = xcalloc(1, sizeof *g), *before = set->serving;
    *g = (struct generation){.files = files, .refs = 1, .next = set->all};
    set->all = set->serving = g;
    if (before != NULL)
        generation_put(set, before);
}

const struct policy_files *policy_set_get(struct policy_set *set)
{
    set->serving->refs++;
    return set->serving->files;
}

void policy_set_put(struct policy_set *set, const struct policy_files *files)
{
    if (files == NULL)
        return;
    struct generation *g = set->all;
    while (g != NULL && g->files != files)
        g = g->next;
    assert(g != NULL); /* given back twice, or never got */
    generation_put(set, g);
}

/* ---- what is said ---- */

static void list_add(struct sentence_list *l, const char *sentence)
{
    l->v = xrealloc(l->v, (l->n + 1) * sizeof *l->v);
    l->v[l->n++] = xstrdup(sentence);
}

static void list_deinit(struct sentence_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    free(l->v);
    *l = (struct sentence_list){0};
}

static bool list_has(const struct sentence_list *l, const char *sentence)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i], sentence) == 0)
            return true;
    return false;
}

/* Puts the list together anew. Each problem is logged once, for as long as it lasts. */
static bool update_problems(struct policy_set *set, bool log)
{
    struct sentence_list now = {0};
    if (set->trouble != NULL)
        list_add(&now, set->trouble);
    for (size_t i = 0; i < set->own.n; i++)
        list_add(&now, set->own.v[i]);
    bool same = now.n == set->problems.n;
    for (size_t i = 0; i < now.n; i++) {
        bool known = list_has(&set->problems, now.v[i]);
        same = same && known;
        if (log && !(known && set->logged))
            log_error(NULL, "%s%s", i == 0 && set->trouble != NULL ? "" : "policies: ", now.v[i]);
    }
    list_deinit(&set->problems);
    set->problems = now;
    set->logged = log;
    return !same;
}

size_t policy_set_problems(const struct policy_set *set)
{
    return set->problems.n;
}

const char *policy_set_problem(const struct policy_set *set, size_t i)
{
    return set->problems.v[i];
}

moment_t policy_set_good_at(const struct policy_set *set)
{
    return set->good_at;
}

bool policy_set_logged(const struct policy_set *set, const char *sentence)
{
    return set->logged && list_has(&set->problems, sentence);
}

bool policy_set_note_trouble(struct policy_set *set, const struct err *e)
{
    free(set->trouble);
    set->trouble = xasprintf("%s; what served before goes on serving", e->msg);
    return update_problems(set, true);
}

/* ---- taking up what was examined ---- */

static void log_change(const struct policy_set *set, const struct policy_change *c)
{
    struct buf b = {0};
    if (set->examined)
        buf_addf(&b, "%zu changed, ", c->changed);
    if (c->gone > 0)
        buf_addf(&b, "%zu gone, ", c->gone);
    if (c->kept > 0)
        buf_addf(&b, "%zu kept at its last good version, ", c->kept);
    if (c->broken > 0)
        buf_addf(&b, "%zu broken, ", c->broken);
    log_info(NULL, "policies: %s%zu in all, generation %016" PRIx64, b.data != NULL ? b.data : "", c->n,
             set->serving->files->hash);
    buf_free(&b);
}

bool policy_set_take(struct policy_set *set, const struct policy_files *read, const struct policy_verdict *verdicts,
                     moment_t now)
{
    struct policy_files *served = NULL;
    struct policy_change change;
    struct err e;
    if (policy_units_take(set->units, read, verdicts, now, &served, &change, &e) != 0)
        return policy_set_note_trouble(set, &e);
    free(set->trouble);
    set->trouble = NULL;
    list_deinit(&set->own);
    for (size_t i = 0; i < change.n_problems; i++)
        list_add(&set->own, change.problems[i]);
    /* The first time nothing serves that did not before: a file that does not load did not load as it was read. */
    bool other = set->examined && served->hash != set->serving->files->hash, first = !set->examined;
    serve(set, served);
    bool said = update_problems(set, true);
    if (first || other || said)
        log_change(set, &change);
    set->examined = true;
    if (set->problems.n == 0)
        set->good_at = now;
    policy_change_deinit(&change);
    return other || said;
}

/* ---- */

int policy_set_create(const char *dir, struct policy_set **set_r, struct err *e)
{
    struct policy_files *files;
    if (policy_files_read(dir, &files, e) != 0)
        return -1;
    struct policy_set *set = xcalloc(1, sizeof *set);
    set->dir = xstrdup(dir);
    set->units = policy_units_create();
    set->memory = gate_memory_create();
    set->good_at = dir == NULL ? moment_now() : MOMENT_NONE; /* there is nothing to take up */
    for (size_t i = 0; i < files->n_problems; i++) {
        char *text = policy_problem_text(&files->problems[i]);
        list_add(&set->own, text);
        free(text);
    }
    update_problems(set, false);
    serve(set, files);
    *set_r = set;
    return 0;
}

void policy_set_free(struct policy_set **setp)
{
    struct policy_set *set = *setp;
    if (set == NULL)
        return;
    policy_set_stop(set);
    assert(set->serving == set->all && set->all->refs == 1 && set->all->next == NULL);
    generation_put(set, set->serving);
    policy_units_free(&set->units);
    gate_memory_free(&set->memory);
    list_deinit(&set->problems);
    list_deinit(&set->own);
    free(set->trouble);
    free(set->dir);
    free(set);
    *setp = NULL;
}

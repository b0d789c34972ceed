/* SETUP's wish for a lint: every policy file and every library is looked through, before anything of it runs. An error
 * in a file means that it cannot be used, one in a library that no policy can be used which includes it; warnings go into
 * READY. */
#include "lint.h"
#include "policy_internal.h"
#include "session_internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LINT_WARNINGS_MAX = 1000 }; /* of all files together, in READY */

/* One file's findings on their way into the session. */
struct lint_notes {
    struct session *s;
    const char *file;
    char *problem; /* the first error: "payments.lua:31: ..." */
    size_t dropped;
};

static void add_warning(struct session *s, const char *file, uint32_t line, const char *sentence)
{
    s->lints = xrealloc(s->lints, (s->n_lints + 1) * sizeof *s->lints);
    s->lints[s->n_lints++] = (struct lint_warning){xstrdup(file), line, xstrdup(sentence)};
}

static void on_finding(void *arg, const struct lint_finding *f)
{
    struct lint_notes *n = arg;
    if (f->error) {
        if (!n->problem)
            n->problem = xasprintf("%s:%u: %s", n->file, f->line, f->sentence);
        return;
    }
    if (n->s->n_lints < LINT_WARNINGS_MAX)
        add_warning(n->s, n->file, f->line, f->sentence);
    else
        n->dropped++;
}

/* By file, and as they came within one: that is by line. */
static int by_file(const void *a, const void *b)
{
    const struct lint_warning *x = a, *y = b;
    int order = strcmp(x->file, y->file);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* The first error, or NULL. */
static char *look(struct session *s, struct lint *lint, const char *file, struct wire_text source, size_t *dropped)
{
    struct lint_notes n = {.s = s, .file = file};
    lint_run(lint, source.s, source.len, file, on_finding, &n);
    *dropped += n.dropped;
    return n.problem;
}

void session_lint(struct session *s)
{
    size_t dropped = 0;
    if (!s->lint)
        return;
    struct lint *lint = lint_open(s->box);
    s->library_problems = xcalloc(s->cycle.n_libraries + 1, sizeof *s->library_problems);
    for (size_t i = 0; i < s->cycle.n_libraries; i++) {
        const struct policy_library *library = &s->cycle.libraries[i];
        s->library_problems[i] = look(s, lint, library->file, library->source, &dropped);
    }
    for (size_t i = 0; i < s->n_policies; i++) {
        struct policy *p = &s->policies[i];
        if (p->problem)
            continue;
        policy_announce(p, HOOK_LOAD, 0, p->file_number);
        p->problem = look(s, lint, p->file, p->source, &dropped);
        policy_announce_end(p);
    }
    lint_free(&lint);
    if (s->n_lints)
        qsort(s->lints, s->n_lints, sizeof *s->lints, by_file);
    if (dropped) {
        struct lint_warning *last = &s->lints[s->n_lints - 1];
        char *sentence = xasprintf("there are %zu more warnings than are shown", dropped + 1);
        free(last->sentence);
        last->sentence = sentence;
    }
}

void session_lint_included(struct session *s)
{
    for (size_t i = 0; s->library_problems && i < s->n_policies; i++) {
        struct policy *p = &s->policies[i];
        for (size_t k = 0; !p->problem && k < p->n_libraries; k++)
            if (p->included[k] && s->library_problems[p->libraries[k]])
                policy_refuse(p, xstrdup(s->library_problems[p->libraries[k]]));
    }
}

void session_lint_deinit(struct session *s)
{
    for (size_t i = 0; i < s->n_lints; i++) {
        free(s->lints[i].file);
        free(s->lints[i].sentence);
    }
    free(s->lints);
    for (size_t i = 0; s->library_problems && i < s->cycle.n_libraries; i++)
        free(s->library_problems[i]);
    free(s->library_problems);
}

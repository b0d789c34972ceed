/* A worker has died: who is to blame, and what that costs. The black box is believed only where it can be
 * true. */
#include "policy/judge_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void judge_note_add(struct judge *j, const char *text)
{
    sentences_add(&j->notes, JUDGE_NOTES_MAX, text);
}

static bool hook_fits(const struct judge *j, uint32_t hook)
{
    switch (j->task) {
    case ASK_JUDGE:
        return (hook >= HOOK_FILTER && hook <= HOOK_NAME) || hook == HOOK_TEMPLATE;
    case ASK_RETRIGGER:
        return hook == HOOK_RETRIGGER;
    case ASK_RESOLVE:
        return hook == HOOK_RESOLVE;
    case ASK_COMPOSE:
        return hook == HOOK_TITLE || hook == HOOK_BODY || hook == HOOK_TEMPLATE;
    default:
        return false;
    }
}

/* The item that the dead worker had in hand, if what its box says can be true; else -1. */
static int64_t culprit(const struct judge *j, const struct worker_death *d)
{
    const struct black_box *box = &d->box;
    if (!hook_fits(j, box->hook))
        return -1;
    /* Nonsense is read later than it was written: the box may be ahead of it. */
    size_t end = d->end == WORKER_NONSENSE && j->n_got < j->n_batch ? j->n_got + 1 : j->n_batch;
    for (size_t k = j->n_got; k < end; k++)
        if (j->batch[k] == box->id)
            return box->id;
    return -1;
}

/* Counts the death against what the box names. Returns the file to blame, and its policy's number. */
static const char *charge(struct judge *j, const struct black_box *box, uint32_t *number_r)
{
    *number_r = judge_name_number(j, "");
    if (box->hook == HOOK_NAME || box->hook == HOOK_TEMPLATE) {
        j->template_deaths++;
        return j->task == ASK_JUDGE ? "nameTemplate" : "taskTemplate";
    }
    const struct policy_info *p;
    if (box->policy < j->n_policies) {
        *number_r = j->policies[box->policy].name_number;
        p = &j->policies[box->policy].info;
    } else if (box->policy == POLICY_BASE) {
        *number_r = 0;
        p = &j->names[0]->info;
    } else {
        j->unexplained++;
        return "the worker";
    }
    judge_report_death(j, p, ++j->names[*number_r]->deaths);
    return p->file;
}

/* The alert in hand is answered with an error; a sentence says who did what to which alert. */
static void blame(struct judge *j, size_t item, const struct worker_death *d, bool by_box)
{
    struct buf b = {0};
    uint32_t number = judge_name_number(j, "");
    const char *who = "the worker", *hook = "work";
    bool template = false;
    if (by_box) {
        who = charge(j, &d->box, &number);
        hook = black_box_hook_name(d->box.hook);
        template = d->box.hook == HOOK_NAME || d->box.hook == HOOK_TEMPLATE;
    } else {
        j->unexplained++;
    }
    bool late = d->end == WORKER_TIMEOUT;
    buf_addf(&b, "%s: %s %s%son alert ", who, hook, late ? d->how : "", late ? " " : "");
    judge_describe(j, item, &b);
    if (!late)
        buf_addf(&b, ": the worker %s", d->how);
    judge_note_add(j, b.data);
    if (!template)
        judge_report_poison(j, item);
    judge_refuse(j, item,
                 template ? REASON_ERROR_TEMPLATE
                 : late   ? REASON_POLICY_TIMEOUT
                          : REASON_POLICY_KILLED,
                 number, b.data);
    buf_free(&b);
}

void judge_died_asking(struct judge *j, const struct worker_death *d)
{
    int64_t item = culprit(j, d);
    if (item >= 0) {
        blame(j, (size_t)item, d, true);
    } else if (j->n_batch == 1 && j->n_got == 0) { /* asked alone: it must have been this one */
        blame(j, j->batch[0], d, false);
    } else {
        j->unexplained++;
        j->solo_until = j->batch[j->n_batch - 1] + 1u;
        char *text = xasprintf("a worker %s, and nobody knows on which alert: asking one at a time", d->how);
        judge_note_add(j, text);
        free(text);
    }
}

void judge_died_surveying(struct judge *j, const struct worker_death *d)
{
    j->unexplained++; /* no policy was asked anything */
    char *text = xasprintf("a worker %s while it was shown the alerts", d->how);
    judge_note_add(j, text);
    free(text);
}

void judge_died_loading(struct judge *j, const struct worker_death *d)
{
    const struct policy_files *f = j->setup.files;
    uint32_t i = d->box.policy;
    char *text;
    if (d->box.hook == HOOK_LOAD && i < f->n && !j->left_out[i] && f->files[i].len > 0) {
        j->left_out[i] = true;
        text = d->end == WORKER_TIMEOUT
                   ? xasprintf("%s: loading it %s", f->files[i].name, d->how)
                   : xasprintf("%s: loading it killed the worker, which %s", f->files[i].name, d->how);
        sentences_add(&j->problems, SIZE_MAX, text); /* at most one a file */
        if (j->file_problems[i] == NULL)
            j->file_problems[i] = xstrdup(text);
    } else {
        j->unexplained++;
        err_set(&j->last_death, ERR_UNREACHABLE, "no worker becomes ready: the last one %s", d->how);
        text = xasprintf("a worker %s before it was ready", d->how);
        judge_note_add(j, text);
    }
    free(text);
}

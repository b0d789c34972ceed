/* What is known of policies and of their words beside the verdicts: see judge.h. */
#include "policy/judge_private.h"

#include <stdlib.h>

const struct state_change *judge_state(const struct judge *j, size_t alert, size_t *n_r)
{
    (void)j, (void)alert;
    *n_r = 0;
    return NULL;
}

int state_item_apply(const char *item, size_t item_len, const char *changes, size_t changes_len, struct buf *out,
                     struct err *e)
{
    (void)changes, (void)changes_len, (void)e;
    buf_add(out, item, item_len);
    return 0;
}

size_t judge_alert_notes(const struct judge *j, size_t alert)
{
    (void)j, (void)alert;
    return 0;
}

void judge_alert_note(const struct judge *j, size_t alert, size_t i, const char **name_r, const char **value_r)
{
    (void)j, (void)alert, (void)i;
    *name_r = *value_r = "";
}

const struct policy_info *judge_policy_info(const struct judge *j, uint32_t policy)
{
    static const struct policy_info none = {.name = "", .file = "", .match = ""};
    (void)j, (void)policy;
    return &none;
}

size_t judge_lints(const struct judge *j)
{
    (void)j;
    return 0;
}

struct policy_lint judge_lint(const struct judge *j, size_t i)
{
    (void)j, (void)i;
    return (struct policy_lint){.file = "", .sentence = ""};
}

const char *judge_file_problem(const struct judge *j, size_t file)
{
    (void)j, (void)file;
    return NULL;
}

const uint32_t *judge_file_libs(const struct judge *j, size_t file, size_t *n_r)
{
    (void)j, (void)file;
    *n_r = 0;
    return NULL;
}

int judge_resolve(struct judge *j, const struct resolve_question *questions, size_t n, struct resolve_answer *answers,
                  judge_done_cb *done, void *arg, struct err *e)
{
    (void)j, (void)questions, (void)n, (void)answers, (void)done, (void)arg;
    return err_set(e, ERR_BUG, "not asked yet");
}

void resolve_answer_deinit(struct resolve_answer *a)
{
    free(a->code);
    free(a->detail);
    *a = (struct resolve_answer){0};
}

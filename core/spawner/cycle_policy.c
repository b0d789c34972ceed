/* What is wrong with the policies, in a cycle's log and status. The set of policies knows what lies in the directory,
 * the worker of this cycle knows what it made of the generation that serves; mostly they say the same. */
#include "spawner/cycle_private.h"

#include "base/mem.h"

#include <string.h>

static bool set_says(const struct cycle *c, const char *sentence)
{
    for (size_t i = 0; i < policy_set_problems(c->env.policies); i++)
        if (strcmp(policy_set_problem(c->env.policies, i), sentence) == 0)
            return true;
    return false;
}

/* The worker says the same in every cycle: what the set has logged is not logged again. */
void cycle_note_problems(struct cycle *c)
{
    bool logs = c->env.logs;
    for (size_t i = 0; i < judge_problems(c->judge); i++) {
        c->env.logs = logs && !policy_set_logged(c->env.policies, judge_problem(c->judge, i));
        cycle_add_note(c, xstrdup(judge_problem(c->judge, i)));
    }
    c->env.logs = logs;
}

const char *cycle_policy_problem(struct cycle *c)
{
    size_t n = policy_set_problems(c->env.policies);
    const char *first = n > 0 ? policy_set_problem(c->env.policies, 0) : NULL;
    for (size_t i = 0; c->judge != NULL && i < judge_problems(c->judge); i++) {
        const char *sentence = judge_problem(c->judge, i);
        if (set_says(c, sentence))
            continue;
        first = first != NULL ? first : sentence;
        n++;
    }
    if (n == 0)
        return NULL;
    struct buf b = {0};
    buf_adds(&b, first);
    if (n > 1)
        buf_addf(&b, " (and %zu more problem%s: see the log)", n - 1, n == 2 ? "" : "s");
    const char *text = arena_strndup(c->strings, b.data, b.len);
    buf_free(&b);
    return text;
}

/* What a judge knows: see judge.h. */
#include "policy/judge_private.h"

#include <string.h>

const struct judgement *judge_at(const struct judge *j, size_t alert)
{
    return &j->judgements[alert];
}

const char *judge_name(const struct judge *j, const struct judgement *v)
{
    return v->answer == JUDGED_KEEP && v->word > 0 ? j->words[v->word] : NULL;
}

const char *judge_code(const struct judge *j, const struct judgement *v)
{
    return v->answer != JUDGED_KEEP && v->word > 0 ? j->words[v->word] : NULL;
}

const char *judge_policy_name(const struct judge *j, uint32_t policy)
{
    return policy < j->n_names ? j->names[policy]->name : "";
}

const struct policy_info *judge_policy_info(const struct judge *j, uint32_t policy)
{
    static const struct policy_info none = {.name = "", .file = "", .match = ""};
    return policy < j->n_names ? &j->names[policy]->info : &none;
}

const struct policy_info *judge_policy_named(const struct judge *j, const char *name)
{
    for (size_t i = 0; i < j->n_policies; i++)
        if (strcmp(j->policies[i].info.name, name) == 0)
            return judge_policy_info(j, j->policies[i].name_number);
    return NULL;
}

size_t judge_problems(const struct judge *j)
{
    return sentences_len(&j->problems);
}

/* The lists make what they show when they are asked; nobody can tell. */
const char *judge_problem(const struct judge *j, size_t i)
{
    return sentences_at(&((struct judge *)j)->problems, i);
}

size_t judge_notes(const struct judge *j)
{
    return sentences_len(&j->notes);
}

const char *judge_note(const struct judge *j, size_t i)
{
    return sentences_at(&((struct judge *)j)->notes, i);
}

uint64_t judge_note_times(const struct judge *j, size_t i)
{
    return i < j->notes.n ? j->notes.v[i].times : j->notes.more;
}

size_t judge_lints(const struct judge *j)
{
    return j->n_lints;
}

struct policy_lint judge_lint(const struct judge *j, size_t i)
{
    const struct lint *l = &j->lints[i];
    return (struct policy_lint){l->file, l->line, l->sentence};
}

const char *judge_file_problem(const struct judge *j, size_t file)
{
    return j->file_problems[file];
}

const uint32_t *judge_file_libs(const struct judge *j, size_t file, size_t *n_r)
{
    *n_r = 0;
    for (size_t i = 0; i < j->n_policies; i++)
        if (strcmp(j->policies[i].info.file, j->setup.files->files[file].name) == 0) {
            *n_r = j->policies[i].n_libs;
            return j->policies[i].libs;
        }
    return NULL;
}

size_t judge_policies(const struct judge *j)
{
    return j->n_policies;
}

void judge_policy(const struct judge *j, size_t i, const char **name_r, const char **file_r,
                  const char **match_r)
{
    *name_r = j->policies[i].info.name;
    *file_r = j->policies[i].info.file;
    *match_r = j->policies[i].info.match;
}

/* READY: what a worker made of the policies and templates it was given. Checked as every answer is, then
 * kept. */
#include "policy/judge_private.h"

#include "base/mem.h"
#include "spawner/spawner.h"

#include <stdlib.h>
#include <string.h>

enum { MATCH_TEXT_MAX = 4096 };

/* One word, as names of policies are. */
static int check_word(struct wire_text t, const char *what, struct err *e)
{
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.s[i] < 0x20 || t.s[i] == 0x7f)
            return err_set(e, ERR_INVALID, "%s with control bytes", what);
    return 0;
}

static void add_problem(struct judge *j, const char *what, struct wire_text sentence)
{
    struct buf b = {0};
    /* worker's sentences mostly start with the file and line themselves */
    if (sentence.len < strlen(what) || memcmp(sentence.s, what, strlen(what)) != 0)
        buf_addf(&b, "%s: ", what);
    sentence_add(&b, sentence.s, sentence.len, JUDGE_DETAIL_MAX);
    bool known = false; /* later workers of the cycle say the same again */
    for (size_t i = 0; i < j->problems.n; i++)
        known = known || strcmp(j->problems.v[i].text, b.data) == 0;
    if (!known)
        sentences_add(&j->problems, 2 * JUDGE_NOTES_MAX + POLICY_FILES_MAX, b.data);
    buf_free(&b);
}

static int find_file(const struct judge *j, struct wire_text name)
{
    for (size_t i = 0; i < j->setup.files->n; i++)
        if (wire_text_is(name, j->setup.files->files[i].name))
            return (int)i;
    return -1;
}

/* READY's three lists go through twice: checked, then taken. `take` false: only checks. */
static int read_broken(struct judge *j, struct wire_reader *r, bool take, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > j->setup.files->n)
        return err_set(e, ERR_INVALID, "%u broken policies of %zu", n, j->setup.files->n);
    for (uint32_t i = 0; i < n; i++) {
        struct wire_text file, sentence;
        if (judge_get_text(r, 255, "file name", &file, e) != 0 ||
            judge_get_text(r, JUDGE_DETAIL_MAX, "sentence", &sentence, e) != 0)
            return -1;
        int number = find_file(j, file);
        if (number < 0)
            return err_set(e, ERR_INVALID, "a policy file that it was not given");
        /* why a file of no bytes is broken is known here, and was said */
        if (take && !j->left_out[number] && j->setup.files->files[number].len > 0)
            add_problem(j, j->setup.files->files[number].name, sentence);
    }
    return 0;
}

static int read_good(struct judge *j, struct wire_reader *r, bool take, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > j->setup.files->n + 1)
        return err_set(e, ERR_INVALID, "%u policies of %zu", n, j->setup.files->n);
    if (take)
        j->policies = xcalloc(n + 1, sizeof *j->policies);
    for (uint32_t i = 0; i < n; i++) {
        struct wire_text name, file, match;
        if (judge_get_text(r, POLICY_NAME_MAX, "policy name", &name, e) != 0 ||
            check_word(name, "policy name", e) != 0 || judge_get_text(r, 255, "file name", &file, e) != 0 ||
            judge_get_text(r, MATCH_TEXT_MAX, "match", &match, e) != 0)
            return -1;
        if (name.len == 0 || (find_file(j, file) < 0 && !wire_text_is(file, "default.lua")))
            return err_set(e, ERR_INVALID, "a policy that it was not given");
        if (take) {
            struct policy *p = &j->policies[j->n_policies++];
            *p = (struct policy){xstrndup(name.s, name.len), xstrndup(file.s, file.len),
                                 xstrndup(match.s, match.len), 0};
            p->name_number = judge_name_number(j, p->name);
        }
    }
    return 0;
}

/* "prompt" -> "promptTemplate": where the person finds it. */
static void template_where(struct wire_text which, struct buf *b)
{
    if (wire_text_is(which, "prompt") || wire_text_is(which, "branch") || wire_text_is(which, "name")) {
        buf_add(b, which.s, which.len);
        buf_adds(b, wire_text_is(which, "branch") ? "" : "Template");
        return;
    }
    const char *bracket = memchr(which.s, '[', which.len);
    size_t kind = bracket != NULL ? (size_t)(bracket - which.s) : which.len;
    buf_adds(b, "taskTemplate.metadata.");
    sentence_add(b, which.s, kind, 64);
    if (bracket != NULL) {
        buf_addc(b, 's');
        sentence_add(b, bracket, which.len - kind, 320);
    }
}

static int read_templates(struct judge *j, struct wire_reader *r, bool take, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > 3 + j->setup.spawner->n_labels + j->setup.spawner->n_annotations)
        return err_set(e, ERR_INVALID, "%u broken templates", n);
    for (uint32_t i = 0; i < n; i++) {
        struct wire_text which, sentence;
        if (judge_get_text(r, TASK_TEXT_MAX, "template's place", &which, e) != 0 ||
            judge_get_text(r, JUDGE_DETAIL_MAX, "sentence", &sentence, e) != 0)
            return -1;
        if (take) {
            struct buf where = {0};
            template_where(which, &where);
            add_problem(j, where.data, sentence);
            buf_free(&where);
        }
    }
    return 0;
}

static int read_ready(struct judge *j, struct wire_reader *r, bool take, struct err *e)
{
    if (read_broken(j, r, take, e) != 0 || read_good(j, r, take, e) != 0 ||
        read_templates(j, r, take, e) != 0)
        return -1;
    bool there = wire_get_u8(r) != 0;
    if (take && !there && j->setup.spawner->policy != NULL) {
        struct buf b = {0};
        buf_adds(&b, "no policy is named \"");
        sentence_add(&b, j->setup.spawner->policy, strlen(j->setup.spawner->policy), 100);
        buf_adds(&b, "\": its alerts get no Task");
        add_problem(j, "alerts.kelos.dev/policy", (struct wire_text){b.data, b.len});
        buf_free(&b);
    }
    return judge_check_end(r, "a READY", e);
}

void policies_free(struct judge *j)
{
    for (size_t i = 0; i < j->n_policies; i++) {
        free(j->policies[i].name);
        free(j->policies[i].file);
        free(j->policies[i].match);
    }
    free(j->policies);
    j->policies = NULL;
    j->n_policies = 0;
}

int judge_read_ready(struct judge *j, struct wire_reader *r, struct err *e)
{
    struct wire_reader again = *r;
    if (read_ready(j, r, false, e) != 0)
        return -1;
    policies_free(j);
    return read_ready(j, &again, true, e);
}

/* READY: what a worker made of the policies and templates it was given. Checked as every answer is, then
 * kept. */
#include "policy/judge_private.h"

#include "base/mem.h"
#include "spawner/spawner.h"

#include <stdlib.h>
#include <string.h>

static void write_problem(struct buf *b, const char *what, struct wire_text sentence)
{
    /* the worker's sentences mostly start with the file and line themselves */
    if (sentence.len < strlen(what) || memcmp(sentence.s, what, strlen(what)) != 0)
        buf_addf(b, "%s: ", what);
    sentence_add(b, sentence.s, sentence.len, WIRE_TEXT_SHOWN);
}

static void add_problem(struct judge *j, const char *what, struct wire_text sentence)
{
    struct buf b = {0};
    write_problem(&b, what, sentence);
    bool known = false; /* later workers of the cycle say the same again */
    for (size_t i = 0; i < j->problems.n; i++)
        known = known || strcmp(j->problems.v[i].text, b.data) == 0;
    if (!known)
        sentences_add(&j->problems, 2 * JUDGE_NOTES_MAX + POLICY_FILES_MAX, b.data);
    buf_free(&b);
}

/* READY's lists go through twice: checked, then taken. `take` false: only checks. */
static int read_broken(struct judge *j, struct wire_reader *r, bool take, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > j->setup.files->n)
        return err_set(e, ERR_INVALID, "%u broken policies of %zu", n, j->setup.files->n);
    for (uint32_t i = 0; i < n; i++) {
        struct wire_text file, sentence;
        if (judge_get_text(r, 255, "file name", &file, e) != 0 ||
            judge_get_text(r, WIRE_TEXT_SHOWN, "sentence", &sentence, e) != 0)
            return -1;
        int64_t number = judge_given_file(j, file);
        if (number < 0)
            return err_set(e, ERR_INVALID, "a policy file that it was not given");
        /* why a file of no bytes is broken is known here, and was said */
        if (!take || j->left_out[number] || j->setup.files->files[number].len == 0)
            continue;
        add_problem(j, j->setup.files->files[number].name, sentence);
        if (j->file_problems[number] == NULL) {
            struct buf b = {0};
            write_problem(&b, j->setup.files->files[number].name, sentence);
            j->file_problems[number] = buf_take(&b);
        }
    }
    return 0;
}

static int read_lints(struct judge *j, struct wire_reader *r, bool take, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        struct wire_text file, sentence;
        if (judge_get_text(r, 255, "file name", &file, e) != 0)
            return -1;
        uint32_t line = wire_get_u32(r);
        if (judge_get_text(r, WIRE_TEXT_SHOWN, "warning", &sentence, e) != 0)
            return -1;
        if (judge_given_file(j, file) < 0 && judge_given_lib(j, file) < 0)
            return err_set(e, ERR_INVALID, "a warning of a file that it was not given");
        if (!take || !j->setup.lint || j->n_lints == JUDGE_LINTS_MAX)
            continue;
        struct buf b = {0};
        sentence_add(&b, sentence.s, sentence.len, WIRE_TEXT_SHOWN);
        j->lints = xrealloc(j->lints, (j->n_lints + 1) * sizeof *j->lints);
        j->lints[j->n_lints++] = (struct lint){xstrndup(file.s, file.len), buf_take(&b), line};
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
            judge_get_text(r, WIRE_TEXT_SHOWN, "sentence", &sentence, e) != 0)
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

static bool is_hash(struct wire_text t)
{
    if (t.len != POLICY_HASH - 1)
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (!((t.s[i] >= '0' && t.s[i] <= '9') || (t.s[i] >= 'a' && t.s[i] <= 'f')))
            return false;
    return true;
}

static void add_missing(struct judge *j)
{
    struct buf b = {0};
    buf_adds(&b, "no policy is named \"");
    sentence_add(&b, j->setup.spawner->policy, strlen(j->setup.spawner->policy), 100);
    buf_adds(&b, "\": its alerts get no Task");
    add_problem(j, "alerts.kelos.dev/policy", (struct wire_text){b.data, b.len});
    buf_free(&b);
}

static int read_ready(struct judge *j, struct wire_reader *r, bool take, struct err *e)
{
    struct wire_text hash;
    if (read_broken(j, r, take, e) != 0 || judge_read_policies(j, r, take, e) != 0 ||
        read_lints(j, r, take, e) != 0 || read_templates(j, r, take, e) != 0)
        return -1;
    uint8_t there = wire_get_u8(r), survey = wire_get_u8(r);
    if (there > 1 || survey > 1)
        return err_set(e, ERR_INVALID, "a READY that says neither yes nor no");
    if (judge_get_text(r, POLICY_HASH - 1, "hash", &hash, e) != 0)
        return -1;
    if (!is_hash(hash))
        return err_set(e, ERR_INVALID, "a hash that is none");
    if (judge_check_end(r, "a READY", e) != 0)
        return -1;
    if (!take)
        return 0;
    if (!there && j->setup.spawner->policy != NULL)
        add_missing(j);
    char text[POLICY_HASH];
    memcpy(text, hash.s, POLICY_HASH - 1);
    text[POLICY_HASH - 1] = '\0';
    j->survey = survey;
    judge_index_policies(j, text);
    return 0;
}

int judge_read_ready(struct judge *j, struct wire_reader *r, struct err *e)
{
    struct wire_reader again = *r;
    if (read_ready(j, r, false, e) != 0)
        return -1;
    judge_free_policies(j);
    return read_ready(j, &again, true, e);
}

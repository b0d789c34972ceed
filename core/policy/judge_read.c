/* What a worker answered, checked word by word: it may have been taken over by the alert it was judging.
 * Nothing of a frame is used before the whole frame has been read and found right. */
#include "policy/judge_private.h"

#include "alerts/identity.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "spawner/spawner.h"

#include <stdlib.h>
#include <string.h>

int judge_get_text(struct wire_reader *r, size_t max, const char *what, struct wire_text *t_r, struct err *e)
{
    *t_r = wire_get_text(r);
    if (r->bad)
        return err_set(e, ERR_INVALID, "a message that ends inside its %s", what);
    if (t_r->len > max)
        return err_set(e, ERR_INVALID, "%s of %zu bytes, at most %zu", what, t_r->len, max);
    if (utf8_valid(t_r->s, t_r->len) != t_r->len)
        return err_set(e, ERR_INVALID, "%s that is not UTF-8", what);
    if (t_r->len > 0 && memchr(t_r->s, '\0', t_r->len) != NULL)
        return err_set(e, ERR_INVALID, "%s with a NUL byte", what);
    return 0;
}

bool wire_text_is(struct wire_text t, const char *s)
{
    return t.len == strlen(s) && memcmp(t.s, s, t.len) == 0;
}

char *wire_text_dup(struct wire_text t)
{
    return t.len > 0 ? xstrndup(t.s, t.len) : NULL;
}

int judge_check_end(const struct wire_reader *r, const char *what, struct err *e)
{
    return wire_at_end(r) ? 0 : err_set(e, ERR_INVALID, "%s of a wrong length", what);
}

int judge_get_item(struct judge *j, struct wire_reader *r, uint32_t *item_r, struct err *e)
{
    uint32_t id = wire_get_u32(r);
    if (r->bad || j->n_got == j->n_batch || id != j->batch[j->n_got])
        return err_set(e, ERR_INVALID, "an answer to what was not asked (%u)", id);
    *item_r = id;
    return 0;
}

static bool is_code(struct wire_text t)
{
    if (t.len < 1 || t.len > JUDGE_CODE_MAX)
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (!((t.s[i] >= 'a' && t.s[i] <= 'z') || (t.s[i] >= '0' && t.s[i] <= '9') || t.s[i] == '_'))
            return false;
    return true;
}

static bool is_error(enum reason r)
{
    switch (r) {
    case REASON_POLICY_ERROR:
    case REASON_POLICY_BAD_RETURN:
    case REASON_POLICY_TIMEOUT:
    case REASON_POLICY_MEMORY:
    case REASON_POLICY_KILLED:
    case REASON_POLICY_QUARANTINED:
    case REASON_POLICY_MISSING:
    case REASON_POLICY_LOAD:
    case REASON_ERROR_ALERT:
    case REASON_ERROR_NAME:
    case REASON_ERROR_TEMPLATE:
        return true;
    default:
        return false;
    }
}

int judge_get_reason(struct wire_reader *r, bool error, enum reason word, enum reason *reason_r,
                     struct wire_text *own_r, struct err *e)
{
    static const char prefix[] = "policy.";
    struct wire_text t;
    char code[JUDGE_CODE_MAX + sizeof prefix];
    *reason_r = REASON_NONE;
    *own_r = (struct wire_text){"", 0};
    if (judge_get_text(r, sizeof code - 1, "reason", &t, e) != 0)
        return -1;
    memcpy(code, t.s, t.len);
    code[t.len] = '\0';
    if (t.len == 0)
        return error ? err_set(e, ERR_INVALID, "an error without a reason") : 0;
    bool known = reason_parse(code, reason_r) == 0;
    if (known && (error ? is_error(*reason_r) : *reason_r == word))
        return 0;
    /* a policy may have called its own reason "timeout": with a drop it can only be its own */
    if (!error && strncmp(code, prefix, sizeof prefix - 1) == 0) {
        *reason_r = REASON_POLICY_CODE;
        *own_r = (struct wire_text){t.s + sizeof prefix - 1, t.len - (sizeof prefix - 1)};
        if (is_code(*own_r))
            return 0;
    }
    return err_set(e, ERR_INVALID, "a reason that there is not");
}

static int get_policy(struct judge *j, struct wire_reader *r, uint32_t *number_r, struct err *e)
{
    struct wire_text name, where;
    if (judge_get_text(r, POLICY_NAME_MAX, "policy name", &name, e) != 0 ||
        judge_get_text(r, 256, "place", &where, e) != 0)
        return -1;
    *number_r = 0;
    if (wire_text_is(name, "default"))
        return 0;
    for (size_t i = 0; i < j->n_policies; i++)
        if (wire_text_is(name, j->policies[i].info.name)) {
            *number_r = j->policies[i].name_number;
            return 0;
        }
    if (name.len > 0)
        return err_set(e, ERR_INVALID, "a policy that is not there");
    *number_r = judge_name_number(j, "");
    return 0;
}

static void add_fallback(struct judge *j, struct wire_text sentence)
{
    if (sentence.len == 0)
        return;
    struct buf b = {0};
    sentence_add(&b, sentence.s, sentence.len, WIRE_TEXT_SHOWN);
    sentences_add(&j->notes, JUDGE_NOTES_MAX, b.data);
    buf_free(&b);
}

static int get_key(struct wire_reader *r, struct wire_text *key_r, struct err *e)
{
    uint8_t has = wire_get_u8(r);
    *key_r = (struct wire_text){"", 0};
    if (has > 1)
        return err_set(e, ERR_INVALID, "a key that is neither there nor not");
    if (has == 0)
        return 0;
    if (judge_get_text(r, WIRE_KEY_MAX, "key", key_r, e) != 0)
        return -1;
    return key_r->len > 0 ? 0 : err_set(e, ERR_INVALID, "an empty key");
}

/* Why a file cannot be used, when it was not shown to the worker, which says no more than its name. */
static const char *load_problem(const struct judge *j, struct wire_text detail)
{
    const struct policy_files *f = j->setup.files;
    for (size_t i = 0; i < f->n; i++) {
        size_t n = strlen(f->files[i].name);
        if (j->file_problems[i] != NULL && (f->files[i].len == 0 || j->left_out[i]) && detail.len > n &&
            detail.s[n] == ':' && memcmp(detail.s, f->files[i].name, n) == 0)
            return j->file_problems[i];
    }
    return NULL;
}

/* What the engine knows better: until when a policy is quarantined, why a file was held back. free() */
static char *explain(const struct judge *j, uint32_t policy, enum reason reason, struct wire_text *detail)
{
    if (reason != REASON_POLICY_LOAD)
        return judge_explain_quarantine(j, policy, reason, detail);
    char *text = xstrdup(load_problem(j, *detail));
    if (text != NULL)
        *detail = (struct wire_text){text, utf8_cut(text, strlen(text), WIRE_TEXT_SHOWN)};
    return text;
}

static int read_judged(struct judge *j, struct wire_reader *r, struct err *e)
{
    uint32_t item, policy;
    struct wire_text detail, own, key, name, name_error, fallback;
    struct judgement v = {0};
    struct extras x;
    enum reason reason;
    if (judge_get_item(j, r, &item, e) != 0)
        return -1;
    uint8_t answer = wire_get_u8(r);
    if (answer > JUDGED_ERROR)
        return err_set(e, ERR_INVALID, "an answer that there is not");
    v.answer = answer & 3;
    if (judge_get_reason(r, v.answer == JUDGED_ERROR, REASON_POLICY_FILTER, &reason, &own, e) != 0 ||
        judge_get_text(r, WIRE_TEXT_SHOWN, "detail", &detail, e) != 0 ||
        get_policy(j, r, &policy, e) != 0 || get_key(r, &key, e) != 0)
        return -1;
    if ((v.answer == JUDGED_DROP) != (reason == REASON_POLICY_FILTER || reason == REASON_POLICY_CODE))
        return err_set(e, ERR_INVALID, "a reason that does not fit the answer");
    int64_t priority = wire_get_i64(r);
    if (priority < 0 || priority > 1000)
        return err_set(e, ERR_INVALID, "a priority outside of 0 to 1000");
    if (judge_get_text(r, WIRE_VALUE_MAX, "name", &name, e) != 0 ||
        judge_get_text(r, WIRE_TEXT_SHOWN, "name's error", &name_error, e) != 0 ||
        judge_get_text(r, WIRE_TEXT_SHOWN, "fallback", &fallback, e) != 0 ||
        judge_get_extras(j, r, 3, &x, e) != 0 ||
        judge_check_end(r, "a JUDGED", e) != 0)
        return -1;
    char *better = explain(j, policy, reason, &detail);
    if (fallback.len == 0 || v.answer == JUDGED_ERROR) /* a hook that the base stood in for is no success either */
        judge_report_answer(j, policy, reason, detail);
    if (v.answer == JUDGED_KEEP && name_error.len > 0) { /* without a name nothing can be done for it */
        v.answer = JUDGED_ERROR;
        reason = REASON_ERROR_NAME;
        detail = name_error;
    }
    bool room = (name.len == 0 && detail.len == 0) || judge_has_room(j);
    if (v.answer == JUDGED_KEEP && name.len > 0 && !room) {
        v.answer = JUDGED_ERROR;
        reason = REASON_ERROR_NAME;
        detail = name;
    }
    v.policy = policy & 0x3ff; /* POLICY_FILES_MAX and a few; get_policy takes no others */
    v.priority = (uint32_t)priority & 0x7ff;
    v.reason = (uint32_t)reason & 0xff;
    v.identity = alert_set_at(j->setup.set, item)->fingerprint;
    if (v.answer == JUDGED_KEEP) {
        v.key = texts_add(&j->texts, key.s, key.len);
        v.word = judge_word_number(j, texts_add(&j->texts, name.s, name.len));
        if (key.len > 0)
            v.identity = identity_of_key(key.s, key.len);
    } else {
        v.detail = room ? texts_add(&j->texts, detail.s, detail.len) : j->texts_full;
        v.word = judge_word_number(j, texts_add(&j->texts, own.s, own.len));
    }
    free(better);
    j->judgements[item] = v;
    judge_keep_extras(j, &x, item, policy);
    add_fallback(j, fallback);
    judge_mark(j, item);
    j->n_got++;
    return 0;
}

static int read_retriggered(struct judge *j, struct wire_reader *r, struct err *e)
{
    uint32_t item, policy;
    struct wire_text detail, own;
    struct retrigger_answer v = {0};
    struct extras x;
    if (judge_get_item(j, r, &item, e) != 0)
        return -1;
    uint8_t answer = wire_get_u8(r);
    if (answer > ANSWER_ERROR)
        return err_set(e, ERR_INVALID, "an answer that there is not");
    v.answer = (enum wire_answer)answer;
    v.at = wire_get_i64(r);
    if (judge_get_reason(r, v.answer == ANSWER_ERROR, REASON_POLICY_RETRIGGER, &v.reason, &own, e) != 0 ||
        judge_get_text(r, WIRE_TEXT_SHOWN, "detail", &detail, e) != 0 || get_policy(j, r, &policy, e) != 0 ||
        judge_get_extras(j, r, 1, &x, e) != 0 || judge_check_end(r, "a RETRIGGERED", e) != 0)
        return -1;
    char *better = explain(j, policy, v.reason, &detail);
    judge_report_answer(j, policy, v.reason, detail);
    if (v.answer != ANSWER_AT)
        v.at = MOMENT_NONE;
    v.code = wire_text_dup(own);
    v.detail = wire_text_dup(detail);
    free(better);
    j->answers[item] = v;
    judge_keep_extras(j, &x, j->questions[item].alert, policy);
    judge_mark(j, item);
    j->n_got++;
    return 0;
}

static int get_texts(struct wire_reader *r, size_t n, const char *what, char ***v_r, struct err *e)
{
    if (wire_get_u32(r) != n)
        return err_set(e, ERR_INVALID, "another number of %ss than asked", what);
    *v_r = xcalloc(n + 1, sizeof **v_r);
    for (size_t i = 0; i < n; i++) {
        struct wire_text t;
        if (judge_get_text(r, TASK_TEXT_MAX, what, &t, e) != 0)
            return -1;
        (*v_r)[i] = xstrndup(t.s, t.len);
    }
    return 0;
}

static int read_composition(struct judge *j, struct wire_reader *r, struct composition *c,
                            struct wire_text *fallback_r, struct extras *x_r, struct err *e)
{
    struct wire_text own, detail, title, body, prompt, branch;
    uint8_t ok = wire_get_u8(r);
    if (ok > 1)
        return err_set(e, ERR_INVALID, "an answer that there is not");
    if (judge_get_reason(r, !ok, REASON_NONE, &c->reason, &own, e) != 0 ||
        judge_get_text(r, WIRE_TEXT_SHOWN, "detail", &detail, e) != 0 ||
        judge_get_text(r, WIRE_VALUE_MAX, "title", &title, e) != 0 ||
        judge_get_text(r, WIRE_BODY_MAX, "body", &body, e) != 0 ||
        judge_get_text(r, WIRE_PROMPT_MAX, "prompt", &prompt, e) != 0 ||
        judge_get_text(r, WIRE_VALUE_MAX, "branch", &branch, e) != 0)
        return -1;
    if (ok && c->reason != REASON_NONE)
        return err_set(e, ERR_INVALID, "a reason that does not fit the answer");
    size_t n_labels = j->setup.spawner->n_labels, n_annotations = j->setup.spawner->n_annotations;
    /* an item that failed need not have the others */
    struct wire_reader peek = *r;
    if (!ok && wire_get_u32(&peek) == 0)
        n_labels = 0;
    c->n_labels = n_labels; /* set before the texts, so that what is half there is freed */
    if (get_texts(r, n_labels, "label", &c->labels, e) != 0)
        return -1;
    peek = *r;
    if (!ok && wire_get_u32(&peek) == 0)
        n_annotations = 0;
    c->n_annotations = n_annotations;
    if (get_texts(r, n_annotations, "annotation", &c->annotations, e) != 0 ||
        judge_get_text(r, WIRE_TEXT_SHOWN, "fallback", fallback_r, e) != 0 ||
        judge_get_extras(j, r, 2, x_r, e) != 0 || judge_check_end(r, "a COMPOSED", e) != 0)
        return -1;
    c->ok = ok;
    c->detail = wire_text_dup(detail);
    c->title = xstrndup(title.s, title.len);
    c->body = xstrndup(body.s, body.len);
    c->prompt = xstrndup(prompt.s, prompt.len);
    c->prompt_len = prompt.len;
    c->branch = j->setup.spawner->branch_template != NULL ? xstrndup(branch.s, branch.len) : NULL;
    return 0;
}

static size_t composition_bytes(const struct composition *c)
{
    size_t n = c->prompt_len + strlen(c->title) + strlen(c->body) + (c->branch != NULL ? strlen(c->branch) : 0);
    for (size_t i = 0; i < c->n_labels; i++)
        n += strlen(c->labels[i]);
    for (size_t i = 0; i < c->n_annotations; i++)
        n += strlen(c->annotations[i]);
    return n;
}

static int read_composed(struct judge *j, struct wire_reader *r, struct err *e)
{
    uint32_t item;
    struct wire_text fallback;
    struct composition c = {0};
    struct extras x;
    if (judge_get_item(j, r, &item, e) != 0)
        return -1;
    if (read_composition(j, r, &c, &fallback, &x, e) != 0) {
        if (c.labels == NULL)
            c.n_labels = 0;
        if (c.annotations == NULL)
            c.n_annotations = 0;
        composition_deinit(&c);
        return -1;
    }
    size_t alert = j->winners[item].alert;
    judge_keep_extras(j, &x, alert, j->judgements[alert].policy);
    add_fallback(j, fallback);
    j->n_got++;
    if (judge_composed_enough(j)) { /* the batch that was under way */
        composition_deinit(&c);
        judge_refuse(j, item, REASON_ERROR_TASK, 0, j->composed_full);
        return 0;
    }
    j->composed_bytes += composition_bytes(&c);
    j->compositions[item] = c;
    judge_mark(j, item);
    return 0;
}

int judge_read_answer(struct judge *j, enum wire_type type, struct wire_reader *r, struct err *e)
{
    if (type == WIRE_JUDGED && j->task == ASK_JUDGE)
        return read_judged(j, r, e);
    if (type == WIRE_RETRIGGERED && j->task == ASK_RETRIGGER)
        return read_retriggered(j, r, e);
    if (type == WIRE_RESOLVED && j->task == ASK_RESOLVE)
        return judge_read_resolved(j, r, e);
    if (type == WIRE_COMPOSED && j->task == ASK_COMPOSE)
        return read_composed(j, r, e);
    return err_set(e, ERR_INVALID, "a message out of turn");
}

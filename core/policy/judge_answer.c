/* Answers that no worker gave: errors in the place of what a dead one owed. And what the answers share. */
#include "policy/judge_private.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool judge_is_open(const struct judge *j, size_t item)
{
    return (j->answered[item / 8] & 1u << item % 8) == 0;
}

void judge_mark(struct judge *j, size_t item)
{
    j->answered[item / 8] |= (uint8_t)(1u << item % 8);
    j->left--;
}

void judge_refuse(struct judge *j, size_t item, enum reason reason, uint32_t policy, const char *detail)
{
    size_t len = utf8_cut(detail, strlen(detail), WIRE_TEXT_SHOWN);
    if (j->task == ASK_JUDGE) {
        struct judgement *v = &j->judgements[item];
        *v = (struct judgement){.identity = alert_set_at(j->setup.set, item)->fingerprint,
                                .policy = policy & 0x3ff,
                                .answer = JUDGED_ERROR,
                                .reason = (uint32_t)reason & 0xff,
                                .detail = texts_add(&j->texts, detail, len)};
    } else if (j->task == ASK_RETRIGGER) {
        j->answers[item] = (struct retrigger_answer){
            .answer = ANSWER_ERROR, .at = MOMENT_NONE, .reason = reason, .detail = xstrndup(detail, len)};
    } else if (j->task == ASK_RESOLVE) {
        j->resolve_answers[item] =
            (struct resolve_answer){.answer = RESOLVE_ERROR, .reason = reason, .detail = xstrndup(detail, len)};
    } else {
        j->compositions[item] = (struct composition){.reason = reason, .detail = xstrndup(detail, len)};
    }
    judge_mark(j, item);
}

void judge_refuse_rest(struct judge *j, enum reason reason, const char *detail)
{
    for (size_t i = j->first; i < j->n; i++)
        if (judge_is_open(j, i))
            judge_refuse(j, i, reason, 0, detail);
}

size_t judge_alert_of(const struct judge *j, size_t item)
{
    return j->task == ASK_JUDGE       ? item
           : j->task == ASK_RETRIGGER ? j->questions[item].alert
                                      : j->winners[item].alert;
}

uint64_t judge_fingerprint_of(const struct judge *j, size_t item)
{
    return j->task == ASK_RESOLVE ? j->resolved[item].identity
                                  : alert_set_at(j->setup.set, judge_alert_of(j, item))->fingerprint;
}

void judge_describe(const struct judge *j, size_t item, struct buf *b)
{
    const char *name = j->task == ASK_RESOLVE
                           ? j->resolved[item].alertname
                           : alert_set_alertname(j->setup.set, alert_set_at(j->setup.set, judge_alert_of(j, item)));
    if (name == NULL)
        name = "";
    sentence_add(b, name, strlen(name), 100);
    buf_addf(b, " (fingerprint %016" PRIx64 ")", judge_fingerprint_of(j, item));
}

uint32_t judge_word_number(struct judge *j, const char *text)
{
    if (text == NULL)
        return 0;
    for (size_t i = j->n_words; i > 1 && i + 8 > j->n_words; i--) /* codes are few and come again soon */
        if (j->words[i - 1] == text)
            return (uint32_t)i - 1;
    if (j->n_words == 0)
        j->n_words = 1;
    xgrow(&j->words, &j->words_cap, j->n_words + 1, sizeof *j->words);
    j->words[0] = NULL;
    j->words[j->n_words] = text;
    return (uint32_t)j->n_words++;
}

uint32_t judge_name_number(struct judge *j, const char *name)
{
    for (size_t i = 0; i < j->n_names; i++)
        if (strcmp(j->names[i]->name, name) == 0)
            return (uint32_t)i;
    j->names = xrealloc(j->names, (j->n_names + 1) * sizeof *j->names);
    struct policy_name *p = j->names[j->n_names] = xcalloc(1, sizeof *p);
    p->name = xstrdup(name);
    p->info = (struct policy_info){.name = p->name, .file = "", .match = ""};
    return (uint32_t)j->n_names++;
}

void retrigger_answer_deinit(struct retrigger_answer *a)
{
    free(a->code);
    free(a->detail);
    *a = (struct retrigger_answer){0};
}

static void free_strings(char **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(v[i]);
    free(v);
}

void composition_deinit(struct composition *c)
{
    free(c->detail);
    free(c->title);
    free(c->body);
    free(c->prompt);
    free(c->branch);
    free_strings(c->labels, c->n_labels);
    free_strings(c->annotations, c->n_annotations);
    *c = (struct composition){0};
}

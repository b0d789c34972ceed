/* on_resolve: may a Task that has not started go, now that its alerts have resolved? The alert is gone; what is handed
 * over is made of what its Task tells. */
#include "policy/judge_private.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The document that Alertmanager would send of it, as far as is known. */
static char *make_document(const struct resolve_question *q)
{
    char fingerprint[24], starts_at[MOMENT_TEXT];
    const char *name = q->alertname != NULL ? q->alertname : "";
    moment_t at = q->starts_at != MOMENT_NONE ? q->starts_at : q->created_at != MOMENT_NONE ? q->created_at : 0;
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, q->identity);
    moment_format(at, starts_at);
    cJSON *doc = cJSON_CreateObject();
    cJSON *labels = cJSON_AddObjectToObject(doc, "labels");
    if (name[0] != '\0' && utf8_valid(name, strlen(name)) == strlen(name))
        cJSON_AddStringToObject(labels, "alertname", name);
    cJSON_AddObjectToObject(doc, "annotations");
    cJSON_AddStringToObject(doc, "fingerprint", fingerprint);
    cJSON_AddStringToObject(doc, "startsAt", starts_at);
    cJSON *status = cJSON_AddObjectToObject(doc, "status");
    cJSON_AddStringToObject(status, "state", "active");
    char *text = cJSON_PrintUnformatted(doc);
    cJSON_Delete(doc);
    return text;
}

int judge_write_resolve(struct judge *j, size_t item, struct buf *b, struct err *e)
{
    const struct resolve_question *q = &j->resolved[item];
    struct buf index = {0};
    char *doc = make_document(q);
    if (doc == NULL || alert_index(doc, strlen(doc), &index, e) != ALERT_OK) {
        free(doc);
        buf_free(&index);
        return err_set(e, ERR_BUG, "what Task %s tells of its alert makes no alert", q->task != NULL ? q->task : "");
    }
    wire_u32(b, (uint32_t)item);
    wire_str(b, q->policy);
    wire_str(b, doc);
    wire_text(b, index.data, index.len);
    wire_u8(b, 0); /* which key it was is not known; its digits stand for the fingerprint */
    wire_str(b, "");
    wire_str(b, q->task);
    wire_u8(b, (uint8_t)q->phase);
    wire_u8(b, 0);
    wire_i64(b, q->created_at);
    wire_i64(b, MOMENT_NONE);
    wire_i64(b, q->starts_at);
    wire_i64(b, MOMENT_NONE);
    wire_u32(b, q->attempts);
    free(doc);
    buf_free(&index);
    return 0;
}

int judge_read_resolved(struct judge *j, struct wire_reader *r, struct err *e)
{
    uint32_t item;
    struct wire_text own, detail, where;
    struct extras x;
    struct resolve_answer v = {0};
    if (judge_get_item(j, r, &item, e) != 0)
        return -1;
    uint8_t answer = wire_get_u8(r);
    if (answer > RESOLVE_ERROR)
        return err_set(e, ERR_INVALID, "an answer that there is not");
    v.answer = (enum wire_resolve)answer;
    if (judge_get_reason(r, v.answer == RESOLVE_ERROR, REASON_NONE, &v.reason, &own, e) != 0 ||
        judge_get_text(r, WIRE_TEXT_SHOWN, "detail", &detail, e) != 0 ||
        judge_get_text(r, 256, "place", &where, e) != 0 || judge_get_extras(j, r, 1, &x, e) != 0 ||
        judge_check_end(r, "a RESOLVED", e) != 0)
        return -1;
    const struct resolve_question *q = &j->resolved[item];
    uint32_t policy = judge_name_number(j, q->policy != NULL ? q->policy : "");
    judge_report_answer(j, policy, v.reason, detail);
    char *quarantined = judge_explain_quarantine(j, policy, v.reason, &detail);
    v.code = wire_text_dup(own);
    v.detail = wire_text_dup(detail);
    free(quarantined);
    judge_keep_resolve_extras(j, &x, q->identity, policy, &v);
    j->resolve_answers[item] = v;
    judge_mark(j, item);
    j->n_got++;
    return 0;
}

int judge_resolve(struct judge *j, const struct resolve_question *questions, size_t n, struct resolve_answer *answers,
                  judge_done_cb *done, void *arg, struct err *e)
{
    (void)e;
    j->resolved = questions;
    j->resolve_answers = answers;
    judge_begin(j, ASK_RESOLVE, n, done, arg);
    judge_refuse_poisoned(j);
    return 0;
}

void resolve_answer_deinit(struct resolve_answer *a)
{
    free(a->code);
    free(a->detail);
    free(a->state);
    free(a->notes);
    if (a->chain != NULL)
        chain_clear(a->chain);
    free(a->chain);
    *a = (struct resolve_answer){0};
}

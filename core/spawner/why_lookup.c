/* Is the alert there? One poll of each Alertmanager that asks for every state and keeps only what is wanted. */
#include "spawner/why_private.h"

#include "alerts/identity.h"
#include "base/mem.h"
#include "spawner/spawner.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX_MIN = 6 };

bool why_is_digits(const char *name)
{
    size_t n = strlen(name);
    return n >= PREFIX_MIN && n < IDENTITY_TEXT && strspn(name, "0123456789abcdefABCDEF") == n;
}

static void add_near(struct why *w, const char *text)
{
    for (size_t i = 0; i < w->n_near; i++)
        if (strcmp(w->near[i], text) == 0)
            return;
    if (w->n_near < WHY_NEAR_MAX)
        snprintf(w->near[w->n_near++], sizeof w->near[0], "%s", text);
}

/* Names that hold what was asked for, or are few slips of the keyboard away from it. */
static void offer(struct why *w, const char *name, const char *digits)
{
    if (name[0] != '\0' && strlen(w->name) >= 3 && strcasestr(name, w->name) != NULL)
        add_near(w, name);
    nearest_offer(&w->near_name, name);
    if (why_is_digits(w->name))
        nearest_offer(&w->near_name, digits);
}

static bool is_wanted(void *arg, const struct alert *a)
{
    struct why *w = arg;
    struct why_source *s = &w->sources[w->source];
    char digits[IDENTITY_TEXT];
    struct span label = alert_label(a, "alertname");
    s->seen++;
    if (w->name == NULL || alert_span_equal(a, label, w->name, strlen(w->name)))
        return s->wanted++ < WHY_ALERTS_MAX;
    identity_format(a->index->fingerprint, digits);
    if (why_is_digits(w->name) && strncasecmp(digits, w->name, strlen(w->name)) == 0)
        return s->wanted++ < WHY_ALERTS_MAX;
    buf_clear(&w->space);
    buf_adds(&w->space, "");
    alert_text(a, label, &w->space);
    offer(w, w->space.data, digits);
    return false;
}

/* `secret` NULL: the documents or --secrets hold it, if there is one. */
static int start(struct why *w, const struct secret *secret, struct err *e)
{
    struct why_source *source = &w->sources[w->source];
    const struct why_target *t = &w->host.targets[source->target];
    struct poll_auth auth = {0};
    /* a name is asked for by name first, which spares Alertmanager all others */
    bool wide = source->wide || w->name == NULL || why_is_digits(w->name);
    struct poll_lookup lookup = {.wanted = is_wanted, .arg = w, .alertname = wide ? NULL : w->name};
    struct poll_options options = {.url = t->spawner->url,
                                   .lookup = &lookup,
                                   .max_bytes = w->env.max_bytes,
                                   .timeout_us = w->env.poll_timeout_us};
    source->wide = wide;
    source->wanted = source->seen = 0;
    if (w->env.source != NULL)
        return w->env.source->start(w->env.source, &options, w->found, w, &w->poll, e);
    if ((secret != NULL ? spawner_auth_of(secret, &auth, e)
                        : spawner_auth(t->set, t->spawner, w->env.secrets_dir, &auth, e)) != 0)
        return -1;
    options.auth = t->spawner->secret_name != NULL ? &auth : NULL;
    int rc = poll_start(w->env.http, &options, w->found, w, &w->poll, e);
    poll_auth_deinit(&auth);
    return rc;
}

static void on_secret(void *arg, struct secret *secret, const struct err *e)
{
    struct why *w = arg;
    struct err why = {0};
    if (w->freed) {
        secret_free(&secret);
        why_destroy(w);
        return;
    }
    int rc = -1;
    if (e != NULL)
        why = *e;
    else
        rc = start(w, secret, &why);
    secret_free(&secret);
    if (rc != 0)
        w->found(w, NULL, &why);
}

/* Where a cycle would look for it, too. */
static bool secret_is_far(const struct why *w, const struct why_target *t)
{
    const struct spawner *s = t->spawner;
    if (s->secret_name == NULL || w->env.secrets == NULL || w->env.source != NULL)
        return false;
    return s->in_cluster || (w->env.secrets_dir == NULL && secret_find(t->set, s->ns, s->secret_name) == NULL);
}

int why_lookup(struct why *w, poll_done_cb *done, struct err *e)
{
    const struct why_target *t = &w->host.targets[w->sources[w->source].target];
    w->found = done;
    if (!secret_is_far(w, t))
        return start(w, NULL, e);
    return w->env.secrets->get(w->env.secrets->arg, t->spawner->ns, t->spawner->secret_name, on_secret, w, e);
}

/* --- what was found --- */

cJSON *why_alert_find(const struct why *w, const char *fingerprint)
{
    cJSON *x;
    cJSON_ArrayForEach(x, w->alerts)
    {
        const char *fp = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(x, "fingerprint"));
        if (fp != NULL && strcmp(fp, fingerprint) == 0)
            return x;
    }
    return NULL;
}

static void add_span(cJSON *o, const char *name, const struct alert *a, struct span s)
{
    char *text = alert_text_dup(a, s);
    if (text != NULL)
        cJSON_AddStringToObject(o, name, text);
    free(text);
}

static void add_list(cJSON *o, const char *name, const struct alert *a, const struct span *v, uint32_t n)
{
    if (n == 0)
        return;
    cJSON *list = cJSON_AddArrayToObject(o, name);
    for (uint32_t i = 0; i < n && i < 10; i++) {
        char *text = alert_text_dup(a, v[i]);
        cJSON_AddItemToArray(list, cJSON_CreateString(text != NULL ? text : ""));
        free(text);
    }
}

cJSON *why_alert(struct why *w, const struct why_source *s, size_t i)
{
    char digits[IDENTITY_TEXT];
    struct alert a;
    identity_format(alert_set_at(s->set, i)->fingerprint, digits);
    cJSON *o = why_alert_find(w, digits);
    if (o != NULL || alert_set_read(s->set, i, &w->space, &a, NULL) != 0)
        return o;
    o = cJSON_CreateObject();
    cJSON_AddItemToArray(w->alerts, o);
    cJSON_AddStringToObject(o, "fingerprint", digits);
    cJSON_AddStringToObject(o, "alertname", alert_set_alertname(s->set, alert_set_at(s->set, i)));
    cJSON_AddTrueToObject(o, "firing");
    add_span(o, "state", &a, a.index->field[ALERT_STATE]);
    add_span(o, "startsAt", &a, a.index->field[ALERT_STARTS_AT]);
    add_list(o, "silencedBy", &a, a.silenced_by, a.index->n_silenced);
    add_list(o, "inhibitedBy", &a, a.inhibited_by, a.index->n_inhibited);
    decision_add_labels(&a, o);
    cJSON_AddArrayToObject(o, "decisions");
    return o;
}

cJSON *why_excluded(struct why *w, const struct spawner *s, const struct why_source *source, size_t i)
{
    const struct alert_record *r = alert_set_at(source->set, i);
    char digits[IDENTITY_TEXT], time[MOMENT_TEXT];
    struct alert a;
    if (alert_set_read(source->set, i, &w->space, &a, NULL) != 0)
        return NULL;
    enum reason reason = selector_judge(&s->selector, &a);
    const char *change = decision_source_change(reason);
    struct buf detail = {0};
    buf_adds(&detail, "");
    if (reason != REASON_NONE) {
        selector_tell(&s->selector, &a, reason, &detail);
    } else if (s->suspend) {
        reason = REASON_SOURCE_SUSPENDED;
        buf_adds(&detail, "the document says suspend: true");
        change = "without suspend: true";
    }
    if (reason == REASON_NONE) {
        buf_free(&detail);
        return NULL;
    }
    identity_format(r->fingerprint, digits);
    moment_format(w->now, time);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "time", time);
    cJSON_AddStringToObject(o, "spawner", s->name);
    cJSON_AddStringToObject(o, "namespace", s->ns);
    cJSON_AddStringToObject(o, "fingerprint", digits);
    cJSON_AddStringToObject(o, "alertname", alert_set_alertname(source->set, r));
    moment_format(r->starts_at, time);
    cJSON_AddStringToObject(o, "startsAt", time);
    cJSON_AddStringToObject(o, "verdict", verdict_name(VERDICT_SKIP));
    cJSON_AddStringToObject(o, "reason", reason_code(reason));
    cJSON_AddStringToObject(o, "detail", detail.data);
    cJSON_AddStringToObject(o, "task", "");
    cJSON_AddStringToObject(o, "policy", "");
    cJSON_AddStringToObject(o, "policyHash", "");
    cJSON_AddStringToObject(o, "would_change", change);
    buf_free(&detail);
    return o;
}

void why_problem(struct why *w, const struct spawner *s, const char *sentence)
{
    cJSON *problems = cJSON_GetObjectItemCaseSensitive(w->answer, "problems");
    if (problems == NULL)
        problems = cJSON_AddArrayToObject(w->answer, "problems");
    char *text = xasprintf("%s: %s", spawner_who(s), sentence);
    cJSON_AddItemToArray(problems, cJSON_CreateString(text));
    free(text);
}

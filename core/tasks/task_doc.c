/* Task objects: see task_doc.h. */
#include "tasks/task_doc.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "policy/judge.h"
#include "spawner/spawner.h"
#include "tasks/git_ref.h"
#include "tasks/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_CREDENTIAL "kelos.dev/spawner-credential"

enum {
    PREFIX_MAX = 253,      /* of a label's or annotation's key, before the '/' */
    ORDINAL_ROOM = 64,     /* what the store will add to the annotations */
    WARNING_TEXT_MAX = 80, /* bytes of a branch that a warning shows */
};

/* ---- small JSON ---- */

static cJSON *sure(cJSON *json) /* cJSON says NULL when memory is out */
{
    if (json == NULL)
        abort();
    return json;
}

static cJSON *add(cJSON *object, const char *key, cJSON *value)
{
    cJSON_AddItemToObject(object, key, sure(value));
    return value;
}

static char *text_clean(const char *s, size_t len)
{
    struct buf b = {0};
    for (size_t i = 0; i < len;) {
        size_t n = s[i] == '\0' ? 0 : utf8_len(s + i, len - i);
        if (n > 0)
            buf_add(&b, s + i, n);
        else
            buf_adds(&b, "\xef\xbf\xbd");
        i += n > 0 ? n : 1;
    }
    return buf_take(&b);
}

static void add_text(cJSON *object, const char *key, const char *s, size_t len)
{
    char *clean = text_clean(s, len);
    add(object, key, cJSON_CreateString(clean));
    free(clean);
}

static void add_str(cJSON *object, const char *key, const char *s)
{
    add_text(object, key, s, strlen(s));
}

/* ---- what Kubernetes allows ---- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* [A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])? */
static bool is_label_text(const char *s, size_t len)
{
    if (len == 0 || len > TASK_LABEL_MAX || !is_alnum(s[0]) || !is_alnum(s[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
            return false;
    return true;
}

/* A DNS-1123 subdomain; `upper`: upper case will do (Kubernetes lowers the keys of annotations before it looks). */
static bool is_subdomain(const char *s, size_t len, bool upper)
{
    if (len == 0 || len > PREFIX_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool edge = i == 0 || i + 1 == len || s[i - 1] == '.' || s[i + 1] == '.';
        if (is_alnum(s[i]) ? !upper && s[i] >= 'A' && s[i] <= 'Z' : edge || (s[i] != '-' && s[i] != '.'))
            return false;
    }
    return true;
}

static bool is_key(const char *key, bool upper)
{
    const char *slash = strchr(key, '/');
    if (slash == NULL)
        return is_label_text(key, strlen(key));
    return is_subdomain(key, (size_t)(slash - key), upper) && is_label_text(slash + 1, strlen(slash + 1));
}

#define KEY_RULE                                                                                                   \
    "is no valid key: an optional DNS name and '/', then at most %d letters, digits, '-', '_', '.' that start and " \
    "end with a letter or digit"

static int labels_check(const cJSON *labels, struct err *e)
{
    for (const cJSON *l = labels->child; l != NULL; l = l->next) {
        size_t len = strlen(l->valuestring);
        if (!is_key(l->string, false))
            return err_set(e, ERR_INVALID, "label \"%s\" " KEY_RULE, l->string, TASK_LABEL_MAX);
        if (len > TASK_LABEL_MAX)
            return err_set(e, ERR_INVALID,
                           "label \"%s\": its value has %zu bytes, %d are allowed; an annotation takes longer ones",
                           l->string, len, TASK_LABEL_MAX);
        if (len > 0 && !is_label_text(l->valuestring, len))
            return err_set(e, ERR_INVALID,
                           "label \"%s\": its value may only hold letters, digits, '-', '_' and '.', and must start and "
                           "end with a letter or digit; an annotation takes any text",
                           l->string);
    }
    return 0;
}

static int annotations_check(const cJSON *annotations, struct err *e)
{
    size_t total = ORDINAL_ROOM;
    for (const cJSON *a = annotations->child; a != NULL; a = a->next) {
        if (!is_key(a->string, true))
            return err_set(e, ERR_INVALID, "annotation \"%s\" " KEY_RULE, a->string, TASK_LABEL_MAX);
        total += strlen(a->string) + strlen(a->valuestring);
        if (total > TASK_ANNOTATIONS_MAX)
            return err_set(e, ERR_INVALID,
                           "annotation \"%s\": with it the annotations exceed the %d bytes that Kubernetes allows",
                           a->string, TASK_ANNOTATIONS_MAX);
    }
    return 0;
}

/* ---- the parts of a Task ---- */

static const cJSON *credential_pick(const struct task_doc_input *in)
{
    int n = in->spawner->credentials != NULL ? cJSON_GetArraySize(in->spawner->credentials) : 0;
    return n == 0 ? NULL : cJSON_GetArrayItem(in->spawner->credentials, (int)(in->credential_pick % (unsigned)n));
}

static const char *member_text(const cJSON *object, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return s != NULL ? s : "";
}

static bool any_of(const char *key, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(key, *list) == 0)
            return true;
    return false;
}

static void labels_add(cJSON *meta, const struct task_doc_input *in, const cJSON *credential)
{
    const struct spawner *sp = in->spawner;
    const char *const ours[] = {STORE_LABEL_SPAWNER, credential != NULL ? LABEL_CREDENTIAL : NULL, NULL};
    cJSON *labels = add(meta, "labels", cJSON_CreateObject());
    add_str(labels, STORE_LABEL_SPAWNER, sp->name);
    if (credential != NULL)
        add_str(labels, LABEL_CREDENTIAL, member_text(credential, "name"));
    for (size_t i = 0; i < sp->n_labels; i++)
        if (!any_of(sp->labels[i].key, ours))
            add_str(labels, sp->labels[i].key, in->composition->labels[i]);
}

static void annotations_add(cJSON *meta, const struct task_doc_input *in)
{
    /* The ordinal is the store's: a template that wrote one would spoil its counter. */
    static const char *const ours[] = {STORE_ANN_FINGERPRINT, STORE_ANN_STARTS_AT, STORE_ANN_POLICY,
                                       STORE_ANN_POLICY_HASH, STORE_ANN_REASON,    STORE_ANN_ALERTNAME,
                                       STORE_ANN_ORDINAL,     NULL};
    const struct spawner *sp = in->spawner;
    cJSON *annotations = add(meta, "annotations", cJSON_CreateObject());
    char text[MOMENT_TEXT];
    snprintf(text, sizeof text, "%016" PRIx64, in->identity);
    add_str(annotations, STORE_ANN_FINGERPRINT, text);
    moment_format(in->starts_at, text);
    if (text[0] != '\0')
        add_str(annotations, STORE_ANN_STARTS_AT, text);
    const char *const pairs[][2] = {
        {STORE_ANN_ALERTNAME, in->alertname},
        {STORE_ANN_POLICY, in->policy},
        {STORE_ANN_POLICY_HASH, in->policy_hash},
        {STORE_ANN_REASON, in->reason_text != NULL ? in->reason_text : reason_code(in->reason)},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i][1] != NULL && pairs[i][1][0] != '\0')
            add_str(annotations, pairs[i][0], pairs[i][1]);
    for (size_t i = 0; i < sp->n_annotations; i++)
        if (!any_of(sp->annotations[i].key, ours))
            add_str(annotations, sp->annotations[i].key, in->composition->annotations[i]);
}

static void owner_add(cJSON *meta, const struct spawner *sp)
{
    if (sp->uid == NULL || sp->uid[0] == '\0')
        return; /* it came from a file: there is no object to own the Task */
    cJSON *owner = cJSON_CreateObject();
    cJSON_AddItemToArray(add(meta, "ownerReferences", cJSON_CreateArray()), sure(owner));
    add_str(owner, "apiVersion", sp->api_version);
    add_str(owner, "kind", sp->kind);
    add_str(owner, "name", sp->name);
    add_str(owner, "uid", sp->uid);
    add(owner, "controller", cJSON_CreateTrue());
}

static void credential_add(cJSON *spec, const cJSON *credential)
{
    cJSON *worker = cJSON_GetObjectItemCaseSensitive(spec, "worker");
    cJSON *where = cJSON_IsObject(worker) ? worker : spec;
    cJSON_DeleteItemFromObjectCaseSensitive(where, "credentials");
    cJSON *c = add(where, "credentials", cJSON_CreateObject());
    add_str(c, "type", member_text(credential, "type"));
    const cJSON *secret = cJSON_GetObjectItemCaseSensitive(credential, "secretRef");
    add_str(add(c, "secretRef", cJSON_CreateObject()), "name", member_text(secret, "name"));
}

static void warn(struct buf *warnings, const char *sentence)
{
    if (warnings->len > 0)
        buf_adds(warnings, "; ");
    buf_adds(warnings, sentence);
}

static void shown(struct buf *b, const char *s)
{
    size_t len = strlen(s), cut = utf8_cut(s, len, WARNING_TEXT_MAX);
    buf_addf(b, "\"%.*s%s\"", (int)cut, s, cut < len ? "..." : "");
}

static void branch_add(cJSON *spec, const char *branch, struct buf *warnings)
{
    bool changed;
    char *legal = git_ref_legalise(branch, strlen(branch), &changed);
    if (legal != NULL)
        add_str(spec, "branch", legal);
    if (changed) {
        char *clean = text_clean(branch, strlen(branch));
        warn(warnings, "branch ");
        shown(warnings, clean);
        buf_adds(warnings, " is no branch that git takes: ");
        if (legal != NULL) {
            buf_adds(warnings, "it became ");
            shown(warnings, legal);
        } else {
            buf_adds(warnings, "nothing of it is left, and the Task has none");
        }
        free(clean);
    }
    free(legal);
}

static int spec_add(cJSON *task, const struct task_doc_input *in, const cJSON *credential, struct buf *warnings,
                    struct err *e)
{
    const struct composition *c = in->composition;
    cJSON *spec = add(task, "spec", in->spawner->task_spec != NULL ? cJSON_Duplicate(in->spawner->task_spec, true)
                                                                   : cJSON_CreateObject());
    if (credential != NULL)
        credential_add(spec, credential);

    if (c->prompt_len > TASK_PROMPT_MAX)
        return err_set(e, ERR_LIMIT,
                       "the prompt has %zu bytes, %d are allowed; make promptTemplate or the policy's body shorter",
                       c->prompt_len, TASK_PROMPT_MAX);
    add_text(spec, "prompt", c->prompt, c->prompt_len);
    if (c->prompt_len == 0)
        warn(warnings, "the prompt is empty");
    if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(spec, "dependsOn")) > 0 && c->prompt_len > 0 &&
        memmem(c->prompt, c->prompt_len, "{{", 2) != NULL)
        warn(warnings, "the prompt holds \"{{\", and because of dependsOn Kelos parses it again as a template");

    if (c->branch != NULL && c->branch[0] != '\0') {
        if (cJSON_GetObjectItemCaseSensitive(spec, "workerPoolRef") != NULL)
            return err_set(e, ERR_INVALID,
                           "branch is not supported with workerPoolRef; take one of them out of taskTemplate");
        branch_add(spec, c->branch, warnings);
    }
    return 0;
}

int task_doc_build(const struct task_doc_input *in, cJSON **task_r, char **warning_r, struct err *e)
{
    const struct spawner *sp = in->spawner;
    const cJSON *credential = credential_pick(in);
    struct buf warnings = {0};
    *task_r = NULL;
    *warning_r = NULL;

    cJSON *task = sure(cJSON_CreateObject());
    add_str(task, "apiVersion", "kelos.dev/v1alpha2");
    add_str(task, "kind", "Task");
    cJSON *meta = add(task, "metadata", cJSON_CreateObject());
    add_str(meta, "name", in->name);
    add_str(meta, "namespace", sp->ns);
    labels_add(meta, in, credential);
    annotations_add(meta, in);
    owner_add(meta, sp);
    int rc = spec_add(task, in, credential, &warnings, e);
    if (rc == 0)
        rc = labels_check(cJSON_GetObjectItemCaseSensitive(meta, "labels"), e);
    if (rc == 0)
        rc = annotations_check(cJSON_GetObjectItemCaseSensitive(meta, "annotations"), e);
    if (rc < 0) {
        cJSON_Delete(task);
        buf_free(&warnings);
        return err_wrap(e, "Task %s", in->name);
    }
    *task_r = task;
    if (warnings.len > 0)
        *warning_r = buf_take(&warnings);
    return 0;
}

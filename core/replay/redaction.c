/* What a recording shall not hold: see redaction.h. */
#include "replay/redaction.h"

#include "alerts/alert.h"
#include "base/cutter.h"
#include "base/mem.h"
#include "base/redact.h"
#include "replay/pseudonyms.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

enum {
    ELEMENT_MAX = 4 * 1024 * 1024, /* as the poll's, which has let it through */
    INSIDE_MIN = 4,                /* a shorter value is not looked for inside of other texts */
};

struct redaction {
    char **labels, **annotations;
    size_t n_labels, n_annotations;
    bool every_annotation, generator, secrets;
    struct pseudonyms *names;
};

/* A value that goes, and what comes in its place (a JSON string's content). */
struct edit {
    uint32_t off, len;
    char *text;
};

/* One alert's. */
struct edits {
    struct edit *v;
    size_t n, cap;
    struct value {
        char *text;       /* the label's, as it was */
        const char *name; /* its pseudonym */
    } *values;
    size_t n_values, cap_values;
};

/* ---- rules ---- */

static void list_add(char ***v, size_t *n, const char *s)
{
    *v = xrealloc(*v, (*n + 1) * sizeof **v);
    (*v)[(*n)++] = xstrdup(s);
}

static int rule_add(struct redaction *r, const char *rule, struct err *e)
{
    static const char label[] = "label=", annotation[] = "annotation=";
    if (strncmp(rule, label, sizeof label - 1) == 0 && rule[sizeof label - 1] != '\0')
        list_add(&r->labels, &r->n_labels, rule + sizeof label - 1);
    else if (strcmp(rule, "annotation=*") == 0)
        r->every_annotation = true;
    else if (strncmp(rule, annotation, sizeof annotation - 1) == 0 && rule[sizeof annotation - 1] != '\0')
        list_add(&r->annotations, &r->n_annotations, rule + sizeof annotation - 1);
    else if (strcmp(rule, "generatorURL") == 0)
        r->generator = true;
    else if (strcmp(rule, "secrets") == 0)
        r->secrets = true;
    else
        return err_set(e, ERR_USAGE, "--redact %s: must be label=NAME, annotation=NAME, annotation=*, generatorURL or secrets",
                       rule);
    return 0;
}

int redaction_open(const char *dir, const char *const *rules, size_t n, struct redaction **redaction_r, struct err *e)
{
    struct redaction *r = xcalloc(1, sizeof *r);
    int rc = 0;
    *redaction_r = NULL;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = rule_add(r, rules[i], e);
    if (rc == 0 && (r->n_labels > 0 || r->n_annotations > 0 || r->every_annotation))
        rc = pseudonyms_open(dir, &r->names, e);
    if (rc != 0) {
        redaction_close(&r);
        return -1;
    }
    *redaction_r = r;
    return 0;
}

void redaction_close(struct redaction **redaction)
{
    struct redaction *r = *redaction;
    if (r == NULL)
        return;
    *redaction = NULL;
    for (size_t i = 0; i < r->n_labels; i++)
        free(r->labels[i]);
    for (size_t i = 0; i < r->n_annotations; i++)
        free(r->annotations[i]);
    free(r->labels);
    free(r->annotations);
    pseudonyms_close(&r->names);
    free(r);
}

/* ---- one alert ---- */

static void edit_add(struct edits *x, struct span s, char *text)
{
    xgrow(&x->v, &x->cap, x->n + 1, sizeof *x->v);
    x->v[x->n++] = (struct edit){.off = s.off, .len = s.len & ~SPAN_ESCAPED, .text = text};
}

/* A text as the content of a JSON string. */
static char *json_content(const char *text)
{
    cJSON *s = cJSON_CreateString(text);
    char *quoted = cJSON_PrintUnformatted(s), *content = xstrndup(quoted + 1, strlen(quoted) - 2);
    cJSON_free(quoted);
    cJSON_Delete(s);
    return content;
}

static bool named(const struct alert *a, struct span name, char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (alert_span_equal(a, name, list[i], strlen(list[i])))
            return true;
    return false;
}

/* The whole value becomes its pseudonym; an empty one says nothing and stays. */
static int replace_value(struct redaction *r, const struct alert *a, const struct pair *p, bool inside, struct edits *x,
                         struct err *e)
{
    if (span_empty(p->value))
        return 0;
    char *name = alert_text_dup(a, p->name), *value = alert_text_dup(a, p->value);
    const char *pseudonym = pseudonyms_get(r->names, name, value, e);
    free(name);
    if (pseudonym == NULL) {
        free(value);
        return -1;
    }
    edit_add(x, p->value, json_content(pseudonym));
    if (inside && strlen(value) >= INSIDE_MIN) {
        xgrow(&x->values, &x->cap_values, x->n_values + 1, sizeof *x->values);
        x->values[x->n_values++] = (struct value){value, pseudonym};
        value = NULL;
    }
    free(value);
    return 0;
}

static void to_buf(void *arg, const char *bytes, size_t len)
{
    buf_add(arg, bytes, len);
}

/* The longest first: "db-10" must not become what "db-1" is. */
static const struct value *value_at(const struct edits *x, const char *p)
{
    const struct value *best = NULL;
    for (size_t i = 0; i < x->n_values; i++)
        if (strncmp(p, x->values[i].text, strlen(x->values[i].text)) == 0 &&
            (best == NULL || strlen(x->values[i].text) > strlen(best->text)))
            best = &x->values[i];
    return best;
}

/* A text that stays, but for what is in it. */
static void clean_text(const struct redaction *r, const struct alert *a, struct span s, struct edits *x)
{
    if (span_empty(s) || (x->n_values == 0 && !r->secrets))
        return;
    struct buf out = {0}, safe = {0};
    char *text = alert_text_dup(a, s);
    for (const char *p = text; *p != '\0';) {
        const struct value *v = value_at(x, p);
        buf_adds(&out, v != NULL ? v->name : "");
        if (v == NULL)
            buf_addc(&out, *p);
        p += v != NULL ? strlen(v->text) : 1;
    }
    buf_adds(&out, "");
    if (r->secrets) {
        redact_text(out.data, out.len, to_buf, &safe);
        buf_adds(&safe, "");
    }
    const char *now = r->secrets ? safe.data : out.data;
    if (strcmp(now, text) != 0)
        edit_add(x, s, json_content(now));
    free(text);
    buf_free(&out);
    buf_free(&safe);
}

static int edits_make(struct redaction *r, const struct alert *a, struct edits *x, struct err *e)
{
    for (uint32_t i = 0; i < a->index->n_labels; i++)
        if (named(a, a->labels[i].name, r->labels, r->n_labels) && replace_value(r, a, &a->labels[i], true, x, e) != 0)
            return -1;
    for (uint32_t i = 0; i < a->index->n_annotations; i++) {
        const struct pair *p = &a->annotations[i];
        if (!r->every_annotation && !named(a, p->name, r->annotations, r->n_annotations))
            clean_text(r, a, p->value, x);
        else if (replace_value(r, a, p, false, x, e) != 0)
            return -1;
    }
    struct span url = a->index->field[ALERT_GENERATOR_URL];
    if (!r->generator)
        clean_text(r, a, url, x);
    else if (!span_absent(url))
        edit_add(x, url, xstrdup(""));
    return 0;
}

static int by_offset(const void *a, const void *b)
{
    const struct edit *x = a, *y = b;
    return (x->off > y->off) - (x->off < y->off);
}

static void edits_write(struct edits *x, const char *bytes, size_t len, struct buf *out)
{
    size_t done = 0;
    if (x->n > 0)
        qsort(x->v, x->n, sizeof *x->v, by_offset);
    for (size_t i = 0; i < x->n; i++) {
        buf_add(out, bytes + done, x->v[i].off - done);
        buf_adds(out, x->v[i].text);
        done = x->v[i].off + x->v[i].len;
    }
    buf_add(out, bytes + done, len - done);
}

static void edits_deinit(struct edits *x)
{
    for (size_t i = 0; i < x->n; i++)
        free(x->v[i].text);
    for (size_t i = 0; i < x->n_values; i++)
        free(x->values[i].text);
    free(x->v);
    free(x->values);
}

/* ---- one answer ---- */

struct applying {
    struct redaction *r;
    struct buf *out, index;
};

static int on_element(void *arg, size_t i, const char *bytes, size_t len, struct err *e)
{
    struct applying *p = arg;
    struct edits x = {0};
    struct alert a;
    struct err why = {0};
    if (i > 0)
        buf_addc(p->out, ',');
    enum alert_verdict verdict = alert_index(bytes, len, &p->index, &why);
    if (verdict == ALERT_BROKEN)
        return err_set(e, ERR_INVALID, "%s", why.msg);
    if (verdict == ALERT_BAD) {
        uint64_t fp = p->index.len >= sizeof(struct alert_index) ? ((const struct alert_index *)(void *)p->index.data)->fingerprint : 0;
        if (fp != 0)
            buf_addf(p->out, "{\"fingerprint\":\"%016llx\"}", (unsigned long long)fp);
        else
            buf_adds(p->out, "{}");
        return 0;
    }
    alert_view(&a, bytes, p->index.data);
    int rc = edits_make(p->r, &a, &x, e);
    if (rc == 0)
        edits_write(&x, bytes, len, p->out);
    edits_deinit(&x);
    return rc;
}

int redaction_apply(struct redaction *r, const char *body, size_t len, struct buf *out, struct err *e)
{
    struct applying p = {.r = r, .out = out};
    struct cutter c;
    buf_addc(out, '[');
    cutter_init(&c, CUT_ARRAY, ELEMENT_MAX, on_element, &p);
    int rc = cutter_feed(&c, body, len, e) == 0 && cutter_end(&c, e) == 0 ? 0 : -1;
    cutter_deinit(&c);
    buf_free(&p.index);
    buf_addc(out, ']');
    return rc;
}

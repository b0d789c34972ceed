/* Which alerts belong to a spawner: see selector.h. */
#include "alerts/selector.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool span_any(const struct alert *a, struct span s, char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (alert_span_equal(a, s, v[i], strlen(v[i])))
            return true;
    return false;
}

static bool label_equal(const struct alert *a, const struct label_pair *l)
{
    return alert_span_equal(a, alert_label(a, l->name), l->value, strlen(l->value));
}

enum reason selector_judge(const struct selector *s, const struct alert *a)
{
    struct span state = a->index->field[ALERT_STATE];
    if (!alert_span_equal(a, state, "active", 6) && !alert_span_equal(a, state, "unprocessed", 11))
        return REASON_SOURCE_STATE;
    if (a->index->n_silenced > 0)
        return REASON_SOURCE_SILENCED;
    if (a->index->n_inhibited > 0)
        return REASON_SOURCE_INHIBITED;
    if (s->n_alert_names > 0 && !span_any(a, alert_label(a, "alertname"), s->alert_names, s->n_alert_names))
        return REASON_SOURCE_ALERTNAME;
    for (size_t i = 0; i < s->n_labels; i++)
        if (!label_equal(a, &s->labels[i]))
            return REASON_SOURCE_LABELS;
    if (s->n_severities > 0 && !span_any(a, alert_label(a, "severity"), s->severities, s->n_severities))
        return REASON_SOURCE_SEVERITY;
    for (size_t i = 0; i < s->n_exclude_labels; i++)
        if (label_equal(a, &s->exclude_labels[i]))
            return REASON_SOURCE_EXCLUDE_LABELS;
    return REASON_NONE;
}

static void percent_encode(struct buf *out, const char *s, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
            c == '_' || c == '~') {
            buf_addc(out, s[i]);
        } else {
            buf_addc(out, '%');
            buf_addc(out, hex[c >> 4]);
            buf_addc(out, hex[c & 15]);
        }
    }
}

/* Inside the quotes of a matcher, both parsers of Alertmanager know \\, \" and \n. */
static void quote_char(struct buf *m, char c)
{
    if (c == '\n') {
        buf_adds(m, "\\n");
        return;
    }
    if (c == '\\' || c == '"')
        buf_addc(m, '\\');
    buf_addc(m, c);
}

static void quote_text(struct buf *m, const char *s, bool regexp)
{
    for (; *s != '\0'; s++) {
        if (regexp && strchr("\\.+*?()|[]{}^$", *s) != NULL)
            quote_char(m, '\\');
        quote_char(m, *s);
    }
}

static bool name_is_classic(const char *s)
{
    if (*s == '\0' || (*s >= '0' && *s <= '9'))
        return false;
    for (; *s != '\0'; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '_'))
            return false;
    return true;
}

/* Alertmanager answers 400 to text that is not UTF-8, and no alert can hold it. */
static bool is_utf8(const char *s)
{
    size_t len = strlen(s);
    return utf8_valid(s, len) == len;
}

static void add_filter(struct buf *query, size_t start, const struct buf *matcher)
{
    size_t before = query->len;
    buf_adds(query, "&filter=");
    percent_encode(query, matcher->data, matcher->len);
    if (query->len - start > SELECTOR_QUERY_MAX) {
        query->len = before;
        query->data[before] = '\0';
    }
}

static void add_one(struct buf *query, size_t start, const char *name, const char *op, const char *value)
{
    if (!name_is_classic(name) || !is_utf8(value))
        return;
    struct buf m = {0};
    buf_addf(&m, "%s%s\"", name, op);
    quote_text(&m, value, false);
    buf_addc(&m, '"');
    add_filter(query, start, &m);
    buf_free(&m);
}

static void add_any(struct buf *query, size_t start, const char *name, char *const *v, size_t n)
{
    if (n == 1)
        add_one(query, start, name, "=", v[0]);
    if (n <= 1)
        return;
    struct buf m = {0};
    buf_addf(&m, "%s=~\"", name);
    bool ok = true;
    for (size_t i = 0; i < n && m.len <= SELECTOR_QUERY_MAX; i++) {
        ok = ok && is_utf8(v[i]);
        if (i > 0)
            buf_addc(&m, '|');
        quote_text(&m, v[i], true);
    }
    buf_addc(&m, '"');
    if (ok)
        add_filter(query, start, &m);
    buf_free(&m);
}

void selector_query(const struct selector *s, struct buf *query)
{
    size_t start = query->len;
    buf_adds(query, "active=true&silenced=false&inhibited=false");
    add_any(query, start, "alertname", s->alert_names, s->n_alert_names);
    for (size_t i = 0; i < s->n_labels; i++)
        add_one(query, start, s->labels[i].name, "=", s->labels[i].value);
    add_any(query, start, "severity", s->severities, s->n_severities);
    for (size_t i = 0; i < s->n_exclude_labels; i++)
        add_one(query, start, s->exclude_labels[i].name, "!=", s->exclude_labels[i].value);
}

void selector_lookup_query(const char *alertname, struct buf *query)
{
    size_t start = query->len;
    buf_adds(query, "active=true&silenced=true&inhibited=true&unprocessed=true");
    if (alertname != NULL)
        add_one(query, start, "alertname", "=", alertname);
}

static void free_strings(char **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(v[i]);
    free(v);
}

static void free_pairs(struct label_pair *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].name);
        free(v[i].value);
    }
    free(v);
}

void selector_deinit(struct selector *s)
{
    free_strings(s->alert_names, s->n_alert_names);
    free_strings(s->severities, s->n_severities);
    free_pairs(s->labels, s->n_labels);
    free_pairs(s->exclude_labels, s->n_exclude_labels);
    *s = (struct selector){0};
}

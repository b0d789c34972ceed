/* Which selector does not take an alert, and by what: for a person. See selector.h. */
#include "alerts/selector.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 5 }; /* of a list */

static void add_names(struct buf *b, char *const *v, size_t n)
{
    for (size_t i = 0; i < n && i < SHOWN; i++)
        buf_addf(b, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", v[i]);
    if (n > SHOWN)
        buf_addf(b, " or one of %zu more", n - SHOWN);
}

/* "it is X", "it has none" */
static void add_label(struct buf *b, const struct alert *a, const char *name, const char *is)
{
    struct span label = alert_label(a, name);
    if (span_absent(label)) {
        buf_addf(b, "; it has no label %s", name);
        return;
    }
    buf_addf(b, "; it %s \"", is);
    alert_text(a, label, b);
    buf_addc(b, '"');
}

static void add_list(struct buf *b, const struct alert *a, const struct span *v, uint32_t n)
{
    for (uint32_t i = 0; i < n && i < SHOWN; i++) {
        buf_adds(b, i > 0 ? ", " : "");
        alert_text(a, v[i], b);
    }
}

void selector_tell(const struct selector *s, const struct alert *a, enum reason reason, struct buf *b)
{
    switch (reason) {
    case REASON_SOURCE_STATE:
        buf_adds(b, "Alertmanager says that it is ");
        alert_text(a, a->index->field[ALERT_STATE], b);
        if (a->index->n_silenced > 0) {
            buf_adds(b, ", silenced by ");
            add_list(b, a, a->silenced_by, a->index->n_silenced);
        }
        if (a->index->n_inhibited > 0) {
            buf_adds(b, ", inhibited by ");
            add_list(b, a, a->inhibited_by, a->index->n_inhibited);
        }
        break;
    case REASON_SOURCE_SILENCED:
        buf_adds(b, "silence ");
        add_list(b, a, a->silenced_by, a->index->n_silenced);
        break;
    case REASON_SOURCE_INHIBITED:
        buf_adds(b, "by alert ");
        add_list(b, a, a->inhibited_by, a->index->n_inhibited);
        break;
    case REASON_SOURCE_ALERTNAME:
        buf_adds(b, "wants alertname ");
        add_names(b, s->alert_names, s->n_alert_names);
        add_label(b, a, "alertname", "is");
        break;
    case REASON_SOURCE_LABELS:
        for (size_t i = 0; i < s->n_labels; i++)
            if (!alert_span_equal(a, alert_label(a, s->labels[i].name), s->labels[i].value, strlen(s->labels[i].value))) {
                buf_addf(b, "wants %s=%s", s->labels[i].name, s->labels[i].value);
                add_label(b, a, s->labels[i].name, "has");
                break;
            }
        break;
    case REASON_SOURCE_SEVERITY:
        buf_adds(b, "wants severity ");
        add_names(b, s->severities, s->n_severities);
        add_label(b, a, "severity", "is");
        break;
    case REASON_SOURCE_EXCLUDE_LABELS:
        for (size_t i = 0; i < s->n_exclude_labels; i++)
            if (alert_span_equal(a, alert_label(a, s->exclude_labels[i].name), s->exclude_labels[i].value,
                                 strlen(s->exclude_labels[i].value))) {
                buf_addf(b, "excludes %s=%s, which it has", s->exclude_labels[i].name, s->exclude_labels[i].value);
                break;
            }
        break;
    default:
        break;
    }
}

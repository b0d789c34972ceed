/* Writing metrics in Prometheus' text format 0.0.4: see metrics.h. */
#include "metrics/private.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const type_names[] = {"counter", "gauge", "histogram"};

static void add_number(struct buf *out, double v)
{
    if (isinf(v))
        buf_adds(out, v > 0 ? "+Inf" : "-Inf");
    else if (isnan(v))
        buf_adds(out, "NaN");
    else if (v == floor(v) && fabs(v) < 1e15)
        buf_addf(out, "%.0f", v);
    else
        buf_addf(out, "%.15g", v);
}

static void add_value(struct buf *out, const char *s)
{
    for (; *s != '\0'; s++)
        if (*s == '\\' || *s == '"')
            buf_addf(out, "\\%c", *s);
        else if (*s == '\n')
            buf_adds(out, "\\n");
        else
            buf_addc(out, *s);
}

/* {a="1",b="2"}, with one more when `le` is not NULL. */
static void add_labels(struct buf *out, const char *names, const struct series *s, const double *le)
{
    const char *value = s->values;
    char lead = '{';
    while (*names != '\0') {
        size_t n = strcspn(names, " ");
        buf_addf(out, "%c%.*s=\"", lead, (int)n, names);
        add_value(out, value);
        buf_addc(out, '"');
        value += strlen(value) + 1;
        names += n + (names[n] == ' ');
        lead = ',';
    }
    if (le != NULL) {
        buf_addf(out, "%cle=\"", lead);
        add_number(out, *le);
        buf_addc(out, '"');
        lead = ',';
    }
    if (lead == ',')
        buf_addc(out, '}');
}

static void add_sample(struct buf *out, const struct description *d, const char *suffix, const struct series *s,
                       const double *le, double v)
{
    buf_adds(out, d->name);
    buf_adds(out, suffix);
    add_labels(out, d->labels, s, le);
    buf_addc(out, ' ');
    add_number(out, v);
    buf_addc(out, '\n');
}

static void add_histogram(struct buf *out, const struct description *d, const struct series *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= d->buckets->n; i++) {
        double le = i < d->buckets->n ? d->buckets->le[i] : INFINITY;
        n += s->counts[i];
        add_sample(out, d, "_bucket", s, &le, (double)n);
    }
    add_sample(out, d, "_sum", s, NULL, s->value);
    add_sample(out, d, "_count", s, NULL, (double)n);
}

void metrics_write(struct metrics *m, struct buf *out)
{
    for (size_t i = 0; i < m->n_collectors; i++)
        m->collectors[i].collect(m->collectors[i].arg, m);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct description *d = &metric_descriptions[i];
        if (d->labels[0] == '\0' && m->families[i].n == 0)
            metrics_set(m, (enum metric)i, 0, NO_LABELS);
        if (m->families[i].n == 0)
            continue;
        buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", d->name, d->help, d->name, type_names[d->type]);
        for (const struct series *s = m->families[i].oldest; s != NULL; s = s->younger)
            if (d->type == HISTOGRAM)
                add_histogram(out, d, s);
            else
                add_sample(out, d, "", s, NULL, s->value);
    }
}

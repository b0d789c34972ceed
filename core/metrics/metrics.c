/* Keeping metrics: see metrics.h. */
#include "metrics/private.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Those of Kelos' spawners, and one more on each side: a cycle is much shorter here, and may be as long as policies may
 * take together. */
static const double cycle_le[] = {0.1, 0.5, 1, 2, 5, 10, 30, 60, 120};
static const double request_le[] = {0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
static const struct buckets CYCLE = {cycle_le, sizeof cycle_le / sizeof *cycle_le};
static const struct buckets REQUEST = {request_le, sizeof request_le / sizeof *request_le};

#define TYPE_COUNTER      COUNTER, NULL
#define TYPE_GAUGE        GAUGE, NULL
#define TYPE_HISTOGRAM(b) HISTOGRAM, &b
const struct description metric_descriptions[METRIC_COUNT] = {
#define METRIC(id, type, labels, name, help) [METRIC_##id] = {TYPE_##type, labels, name, help},
#include "metrics/names.def"
#undef METRIC
};

const char *metric_name(enum metric id)
{
    return metric_descriptions[id].name;
}

struct metrics *metrics_create(void)
{
    struct metrics *m = xcalloc(1, sizeof *m);
    m->spawners.max = METRICS_SPAWNERS_MAX;
    m->policies.max = METRICS_POLICIES_MAX;
    m->reasons.max = METRICS_REASONS_MAX;
    for (size_t i = 0; i < METRIC_COUNT; i++)
        m->families[i].end = &m->families[i].oldest;
    return m;
}

static void series_free(struct series *s)
{
    free(s->values);
    free(s->counts);
    free(s);
}

void metrics_clear(struct metrics *m, enum metric id)
{
    if (m == NULL)
        return;
    struct family *f = &m->families[id];
    for (struct series *s = f->oldest, *next; s != NULL; s = next) {
        next = s->younger;
        series_free(s);
    }
    free(f->table);
    *f = (struct family){.end = &f->oldest};
}

void metrics_free(struct metrics **mp)
{
    struct metrics *m = *mp;
    *mp = NULL;
    if (m == NULL)
        return;
    for (size_t i = 0; i < METRIC_COUNT; i++)
        metrics_clear(m, (enum metric)i);
    bounded_deinit(&m->spawners);
    bounded_deinit(&m->policies);
    bounded_deinit(&m->reasons);
    free(m->collectors);
    free(m);
}

/* ---- finding a series ---- */

static size_t count_labels(const char *names)
{
    size_t n = *names != '\0';
    for (; *names != '\0'; names++)
        n += *names == ' ';
    return n;
}

static void table_grow(struct family *f)
{
    f->size = f->size == 0 ? 8 : f->size * 2;
    free(f->table);
    f->table = xcalloc(f->size, sizeof *f->table);
    for (struct series *s = f->oldest; s != NULL; s = s->younger) {
        struct series **at = &f->table[XXH3_64bits(s->values, s->values_len) & (f->size - 1)];
        s->next = *at;
        *at = s;
    }
}

static struct series *series_add(struct family *f, const struct description *d, const char *key, size_t len)
{
    struct series *s = xcalloc(1, sizeof *s);
    s->values = xstrndup(key, len);
    s->values_len = len;
    if (d->type == HISTOGRAM)
        s->counts = xcalloc(d->buckets->n + 1, sizeof *s->counts);
    *f->end = s;
    f->end = &s->younger;
    f->n++;
    if (f->n > f->size) {
        table_grow(f); /* takes it in */
        return s;
    }
    struct series **at = &f->table[XXH3_64bits(key, len) & (f->size - 1)];
    s->next = *at;
    *at = s;
    return s;
}

/* NULL: there are too many. */
static struct series *find(struct metrics *m, enum metric id, const char *const values[])
{
    struct family *f = &m->families[id];
    struct buf key = {0};
    buf_adds(&key, "");
    size_t n = 0;
    for (; values[n] != NULL; n++)
        buf_add(&key, values[n], strlen(values[n]) + 1);
    assert(n == count_labels(metric_descriptions[id].labels));
    struct series *s = NULL;
    if (f->size > 0)
        s = f->table[XXH3_64bits(key.data, key.len) & (f->size - 1)];
    while (s != NULL && (s->values_len != key.len || memcmp(s->values, key.data, key.len) != 0))
        s = s->next;
    if (s == NULL && f->n < METRICS_SERIES_MAX)
        s = series_add(f, &metric_descriptions[id], key.data, key.len);
    buf_free(&key);
    if (s == NULL)
        metrics_add(m, METRIC_SERIES_DROPPED, 1, NO_LABELS);
    return s;
}

void metrics_add(struct metrics *m, enum metric id, double n, const char *const values[])
{
    assert(metric_descriptions[id].type == COUNTER && n >= 0);
    struct series *s = m != NULL ? find(m, id, values) : NULL;
    if (s != NULL)
        s->value += n;
}

void metrics_set(struct metrics *m, enum metric id, double value, const char *const values[])
{
    assert(metric_descriptions[id].type != HISTOGRAM);
    struct series *s = m != NULL ? find(m, id, values) : NULL;
    if (s != NULL)
        s->value = value;
}

void metrics_observe(struct metrics *m, enum metric id, double value, const char *const values[])
{
    assert(metric_descriptions[id].type == HISTOGRAM);
    struct series *s = m != NULL ? find(m, id, values) : NULL;
    if (s == NULL)
        return;
    const struct buckets *b = metric_descriptions[id].buckets;
    size_t i = 0;
    while (i < b->n && value > b->le[i])
        i++;
    s->counts[i]++;
    s->value += value;
}

/* ---- label values ---- */

static void spawner_key(struct buf *b, const char *ns, const char *name)
{
    buf_addf(b, "%s%c%s", ns, '\0', name);
}

struct spawner_labels metrics_spawner(struct metrics *m, const char *ns, const char *name)
{
    struct spawner_labels labels = {ns, name};
    if (m == NULL)
        return labels;
    char *key = xasprintf("%s\n%s", ns, name);
    if (bounded_add(&m->spawners, key) == NULL)
        labels = (struct spawner_labels){"other", "other"};
    free(key);
    return labels;
}

/* Removes the series whose first two labels are the spawner's. */
static void forget_in(struct family *f, const char *prefix, size_t len)
{
    struct series **at = &f->oldest;
    size_t before = f->n;
    while (*at != NULL) {
        struct series *s = *at;
        if (s->values_len >= len && memcmp(s->values, prefix, len) == 0) {
            *at = s->younger;
            f->n--;
            series_free(s);
        } else {
            at = &s->younger;
        }
    }
    f->end = at;
    if (f->n != before) { /* chains lead to what is gone */
        f->size /= 2;
        table_grow(f);
    }
}

void metrics_forget_spawner(struct metrics *m, const char *ns, const char *name)
{
    if (m == NULL)
        return;
    char *key = xasprintf("%s\n%s", ns, name);
    bool had = bounded_remove(&m->spawners, key);
    free(key);
    if (!had)
        return;
    struct buf prefix = {0};
    spawner_key(&prefix, ns, name);
    for (size_t i = 0; i < METRIC_COUNT; i++)
        if (strncmp(metric_descriptions[i].labels, "namespace taskspawner", 21) == 0 && m->families[i].n > 0)
            forget_in(&m->families[i], prefix.data, prefix.len + 1);
    buf_free(&prefix);
}

const char *metrics_policy(struct metrics *m, const char *policy)
{
    const char *kept = m != NULL ? bounded_add(&m->policies, policy) : policy;
    return kept != NULL ? kept : "other";
}

const char *metrics_reason(struct metrics *m, const char *reason)
{
    const char *kept = m != NULL ? bounded_add(&m->reasons, reason) : reason;
    return kept != NULL ? kept : "policy.*";
}

void metrics_on_collect(struct metrics *m, metrics_collect_cb *collect, void *arg)
{
    xgrow(&m->collectors, &m->cap_collectors, m->n_collectors + 1, sizeof *m->collectors);
    m->collectors[m->n_collectors++] = (struct collector){collect, arg};
}

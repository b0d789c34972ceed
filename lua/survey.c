#include "survey.h"

#include "match.h"

#include "base/mem.h"
#include "policy/wire.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define NO_TEXT UINT32_MAX

enum {
    TEXTS_MAX = 1 << 26,   /* an offset and a number fit uint32_t with room to spare */
    MEMO_CANDIDATES = 256, /* from so many on, an expression's answer for each value is written down */
};

struct label {
    uint32_t name, value; /* numbers of texts */
};

struct survey {
    /* texts, each once */
    struct buf bytes;
    uint32_t *text_at; /* n_texts + 1 offsets */
    size_t n_texts, cap_texts;
    uint32_t *slots; /* hash -> number + 1 */
    size_t n_slots;
    /* alerts */
    struct label *labels;
    size_t n_labels, cap_labels;
    uint32_t *alert_at; /* n_alerts + 1 offsets into labels */
    size_t n_alerts, cap_alerts;
    /* alerts by the number of their alertname; made by the first who counts, numbers of alerts */
    uint32_t *by_name, *name_at; /* name_at: n_texts + 1 offsets into by_name */
    size_t n_by_name;
    bool full;
    struct buf space;
    struct count {
        char *text;
        size_t len, n;
    } counts[SURVEY_COUNTS];
};

struct survey *survey_create(void)
{
    return xcalloc(1, sizeof(struct survey));
}

static void forget_order(struct survey *s)
{
    free(s->by_name);
    free(s->name_at);
    s->by_name = s->name_at = NULL;
    for (size_t i = 0; i < SURVEY_COUNTS; i++) {
        free(s->counts[i].text);
        s->counts[i] = (struct count){0};
    }
}

static void forget(struct survey *s)
{
    forget_order(s);
    buf_free(&s->bytes);
    buf_free(&s->space);
    free(s->text_at);
    free(s->slots);
    free(s->labels);
    free(s->alert_at);
    *s = (struct survey){.full = s->full};
}

void survey_free(struct survey **s)
{
    if (!*s)
        return;
    forget(*s);
    free(*s);
    *s = NULL;
}

bool survey_is_full(const struct survey *s)
{
    return s->full;
}

size_t survey_memory(const struct survey *s)
{
    return sizeof *s + s->bytes.cap + (s->cap_texts + s->n_slots + s->cap_alerts) * sizeof(uint32_t) +
           s->cap_labels * sizeof *s->labels;
}

/* Texts */

static struct wire_text text_of(const struct survey *s, uint32_t number)
{
    uint32_t at = s->text_at[number];
    return (struct wire_text){s->bytes.data + at, s->text_at[number + 1] - at};
}

/* The slot where the text stands, or the free one where it belongs. */
static size_t find_slot(const struct survey *s, const char *text, size_t len)
{
    size_t i = XXH3_64bits(text, len) & (s->n_slots - 1);
    for (; s->slots[i]; i = (i + 1) & (s->n_slots - 1)) {
        struct wire_text t = text_of(s, s->slots[i] - 1);
        if (t.len == len && memcmp(t.s, text, len) == 0)
            break;
    }
    return i;
}

static uint32_t find_text(const struct survey *s, const char *text, size_t len)
{
    return s->n_slots ? s->slots[find_slot(s, text, len)] - 1 : NO_TEXT; /* 0 - 1 is NO_TEXT */
}

static void grow_slots(struct survey *s)
{
    uint32_t *old = s->slots;
    s->n_slots = s->n_slots ? 2 * s->n_slots : 1024;
    s->slots = xcalloc(s->n_slots, sizeof *s->slots);
    for (uint32_t i = 0; i < s->n_texts; i++) {
        struct wire_text t = text_of(s, i);
        s->slots[find_slot(s, t.s, t.len)] = i + 1;
    }
    free(old);
}

static uint32_t add_text(struct survey *s, const char *text, size_t len)
{
    if (3 * s->n_slots <= 4 * s->n_texts)
        grow_slots(s);
    size_t slot = find_slot(s, text, len);
    if (s->slots[slot])
        return s->slots[slot] - 1;
    xgrow(&s->text_at, &s->cap_texts, s->n_texts + 2, sizeof *s->text_at);
    s->text_at[s->n_texts] = (uint32_t)s->bytes.len;
    buf_add(&s->bytes, text, len);
    s->text_at[s->n_texts + 1] = (uint32_t)s->bytes.len;
    s->slots[slot] = (uint32_t)++s->n_texts;
    return (uint32_t)s->n_texts - 1;
}

static uint32_t add_span(struct survey *s, const struct alert *a, struct span t)
{
    if (!(t.len & SPAN_ESCAPED))
        return add_text(s, a->bytes + t.off, t.len);
    buf_clear(&s->space);
    alert_text(a, t, &s->space);
    return add_text(s, s->space.data ? s->space.data : "", s->space.len);
}

void survey_add(struct survey *s, const struct alert *a)
{
    if (s->full)
        return;
    if (s->by_name)
        forget_order(s);
    xgrow(&s->alert_at, &s->cap_alerts, s->n_alerts + 2, sizeof *s->alert_at);
    s->alert_at[s->n_alerts] = (uint32_t)s->n_labels;
    for (uint32_t i = 0; i < a->index->n_labels; i++) {
        xgrow(&s->labels, &s->cap_labels, s->n_labels + 1, sizeof *s->labels);
        s->labels[s->n_labels++] =
            (struct label){add_span(s, a, a->labels[i].name), add_span(s, a, a->labels[i].value)};
    }
    s->alert_at[++s->n_alerts] = (uint32_t)s->n_labels;
    s->full = survey_memory(s) > SURVEY_MEMORY_MAX || s->bytes.len > TEXTS_MAX;
    if (s->full)
        forget(s);
}

/* Counting */

static uint32_t value_of(const struct survey *s, uint32_t alert, uint32_t name)
{
    for (uint32_t i = s->alert_at[alert]; i < s->alert_at[alert + 1]; i++)
        if (s->labels[i].name == name)
            return s->labels[i].value;
    return NO_TEXT;
}

/* A counting sort. */
static void order_by_name(struct survey *s)
{
    uint32_t name = find_text(s, "alertname", 9);
    s->name_at = xcalloc(s->n_texts + 2, sizeof *s->name_at);
    s->by_name = xcalloc(s->n_alerts + 1, sizeof *s->by_name);
    for (uint32_t i = 0; i < s->n_alerts; i++) {
        uint32_t value = value_of(s, i, name);
        if (value != NO_TEXT)
            s->name_at[value + 2]++;
    }
    for (size_t i = 2; i < s->n_texts + 2; i++)
        s->name_at[i] += s->name_at[i - 1];
    for (uint32_t i = 0; i < s->n_alerts; i++) {
        uint32_t value = value_of(s, i, name);
        if (value != NO_TEXT)
            s->by_name[s->name_at[value + 1]++] = i;
    }
}

/* The alerts of one alertname, or all (*list_r NULL). */
static size_t find_candidates(struct survey *s, const struct matcher *m, const uint32_t **list_r)
{
    *list_r = NULL;
    if (!s->by_name)
        order_by_name(s);
    for (size_t i = 0; i < matcher_len(m); i++) {
        const struct matcher_term *t = matcher_term(m, i);
        if (t->re || t->negated || t->value_len == 0 || strcmp(t->name, "alertname") != 0)
            continue;
        uint32_t value = find_text(s, t->value, t->value_len);
        if (value == NO_TEXT)
            return 0;
        *list_r = s->by_name + s->name_at[value];
        return s->name_at[value + 1] - s->name_at[value];
    }
    return s->n_alerts;
}

size_t survey_candidates(struct survey *s, const struct matcher *m)
{
    const uint32_t *list;
    return find_candidates(s, m, &list);
}

/* One term on its way through the alerts. */
struct probe {
    const struct matcher_term *term;
    uint32_t name, value; /* of the texts; NO_TEXT: no alert has it */
    uint8_t *memo;        /* by value: 0 unknown, 1 fits, 2 does not; NULL: not worth it */
};

static bool probe_fits(const struct survey *s, struct probe *p, uint32_t alert, size_t *cost)
{
    uint32_t value = p->name == NO_TEXT ? NO_TEXT : value_of(s, alert, p->name);
    struct wire_text text = value == NO_TEXT ? (struct wire_text){"", 0} : text_of(s, value);
    bool fits;
    if (!p->term->re) {
        /* an absent label equals "" */
        fits = p->term->value_len == 0 ? text.len == 0 : value != NO_TEXT && value == p->value;
    } else if (p->memo && value != NO_TEXT && p->memo[value]) {
        fits = p->memo[value] == 1;
    } else {
        fits = match_fits(p->term->re, text.s, text.len);
        *cost += 8 + text.len / 8; /* some 80 ns, as 8 instructions take */
        if (p->memo && value != NO_TEXT)
            p->memo[value] = fits ? 1 : 2;
    }
    return fits != p->term->negated;
}

static size_t count(struct survey *s, struct probe *probes, size_t n_probes, const uint32_t *list, size_t n,
                    size_t *cost)
{
    size_t fitting = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t alert = list ? list[i] : (uint32_t)i;
        size_t t = 0;
        while (t < n_probes && probe_fits(s, &probes[t], alert, cost))
            t++;
        fitting += t == n_probes;
    }
    return fitting;
}

static struct count *count_slot(const struct survey *s, const char *text, size_t len)
{
    return (struct count *)&s->counts[XXH3_64bits(text, len) % SURVEY_COUNTS];
}

bool survey_known(const struct survey *s, const char *text, size_t len, size_t *count_r)
{
    const struct count *c = count_slot(s, text, len);
    if (!c->text || c->len != len || memcmp(c->text, text, len) != 0)
        return false;
    *count_r = c->n;
    return true;
}

size_t survey_count(struct survey *s, const struct matcher *m, const char *text, size_t len, size_t *cost_r)
{
    const uint32_t *list;
    size_t n = find_candidates(s, m, &list), n_probes = matcher_len(m);
    struct probe *probes = xcalloc(n_probes + 1, sizeof *probes);
    *cost_r = 0;
    for (size_t i = 0; i < n_probes; i++) {
        const struct matcher_term *t = matcher_term(m, i);
        probes[i] = (struct probe){.term = t,
                                   .name = find_text(s, t->name, strlen(t->name)),
                                   .value = t->re ? NO_TEXT : find_text(s, t->value, t->value_len)};
        if (t->re && n >= MEMO_CANDIDATES && probes[i].name != NO_TEXT)
            probes[i].memo = xcalloc(s->n_texts + 1, 1);
    }
    size_t fitting = count(s, probes, n_probes, list, n, cost_r);
    for (size_t i = 0; i < n_probes; i++)
        free(probes[i].memo);
    free(probes);
    struct count *c = count_slot(s, text, len);
    free(c->text);
    *c = (struct count){xstrndup(text, len), len, fitting};
    return fitting;
}

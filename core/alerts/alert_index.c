/* Making an alert's index: one pass over its bytes, strict about JSON and about what an alert is. See alert.h.
 *
 * Two kinds of trouble are kept apart. A problem (json_scan) ends the pass at once: the bytes are no JSON, so the whole
 * answer cannot be trusted. A fault is remembered and the pass goes on to the end, because only then it is known that
 * the rest is JSON: the alert alone is bad. */
#include "alerts/alert.h"
#include "alerts/json_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum list { RECEIVERS, SILENCED_BY, INHIBITED_BY, MUTED_BY, LISTS };

/* All of one pass; about 100 KiB on the stack, of which an ordinary alert touches a few lines. */
struct pass {
    struct json_scan scan;
    int depth;
    char fault[200]; /* the first one; "" when there is none */
    uint32_t seen;   /* bit per top-level member */
    bool twice_fingerprint;
    struct alert_index index;
    struct pair labels[ALERT_PAIRS_MAX], annotations[ALERT_PAIRS_MAX];
    struct span lists[LISTS][ALERT_LIST_MAX];
    uint32_t n_lists[LISTS];
    /* Names of the objects that are open, the innermost on top: what a duplicate is looked for in. */
    struct span names[ALERT_NAMES_MAX];
    size_t n_names;
};

/* Where a walk through an object or array stands. */
struct walk {
    size_t names; /* where its names start in pass.names */
    bool any;
};

static void fault(struct pass *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fault(struct pass *p, const char *fmt, ...)
{
    if (p->fault[0] != '\0')
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->fault, sizeof p->fault, fmt, ap);
    va_end(ap);
}

static int open_walk(struct pass *p, struct walk *w)
{
    if (++p->depth > ALERT_DEPTH_MAX)
        return json_scan_problem(&p->scan, p->scan.p, "it is nested too deeply");
    p->scan.p++;
    w->names = p->n_names;
    w->any = false;
    return 0;
}

/* The comma between two, or the closing bracket. 1: one follows at `p`; 0: closed; -1. */
static int next_walk(struct pass *p, struct walk *w, char close, const char *missing)
{
    struct json_scan *s = &p->scan;
    json_scan_space(s);
    int c = json_scan_peek(s);
    if (c == close) {
        s->p++;
        p->depth--;
        return 0;
    }
    if (w->any) {
        if (c != ',')
            return json_scan_problem(s, s->p, missing);
        s->p++;
        json_scan_space(s);
    }
    w->any = true;
    return 1;
}

static int next_member(struct pass *p, struct walk *w, struct span *name)
{
    struct json_scan *s = &p->scan;
    int rc = next_walk(p, w, '}', "neither a comma nor a closing brace follows a member");
    if (rc <= 0)
        return rc;
    if (json_scan_peek(s) != '"')
        return json_scan_problem(s, s->p, "a member's name is missing");
    if (json_scan_string(s, name) != 0)
        return -1;
    json_scan_space(s);
    if (json_scan_peek(s) != ':')
        return json_scan_problem(s, s->p, "no colon follows a member's name");
    s->p++;
    json_scan_space(s);
    return 1;
}

static int next_element(struct pass *p, struct walk *w)
{
    return next_walk(p, w, ']', "neither a comma nor a closing bracket follows a value");
}

static void push_name(struct pass *p, struct span name)
{
    if (p->n_names < ALERT_NAMES_MAX)
        p->names[p->n_names++] = name;
    else
        fault(p, "it has more than %d members", (int)ALERT_NAMES_MAX);
}

static int name_compare(struct pass *p, struct span x, struct span y)
{
    struct alert a = {.bytes = p->scan.start};
    return alert_span_compare(&a, x, y);
}

static int name_sort(const void *x, const void *y, void *p)
{
    return name_compare(p, *(const struct span *)x, *(const struct span *)y);
}

/* The object is complete: looks for duplicates among its names and forgets them. Go writes maps sorted, so one look at
 * neighbours is nearly always all; else they are sorted, so that a thousand labels do not cost a million comparisons. */
static void pop_names(struct pass *p, const struct walk *w, const char *what)
{
    struct span *v = p->names + w->names;
    size_t n = p->n_names - w->names, i;
    p->n_names = w->names;
    for (i = 1; i < n; i++)
        if (name_compare(p, v[i - 1], v[i]) >= 0)
            break;
    if (i >= n)
        return;
    qsort_r(v, n, sizeof *v, name_sort, p);
    for (i = 1; i < n; i++)
        if (name_compare(p, v[i - 1], v[i]) == 0) {
            fault(p, "a name stands twice in %s", what);
            return;
        }
}

static int skip_value(struct pass *p)
{
    struct json_scan *s = &p->scan;
    struct walk w;
    struct span name;
    int rc, c = json_scan_peek(s);
    switch (c) {
    case -1:
        return json_scan_problem(s, s->p, "it ends too early");
    case '"':
        return json_scan_string(s, &name);
    case 't':
    case 'f':
    case 'n':
        return json_scan_literal(s);
    case '{':
        if (open_walk(p, &w) != 0)
            return -1;
        while ((rc = next_member(p, &w, &name)) == 1) {
            push_name(p, name);
            if (skip_value(p) != 0)
                return -1;
        }
        pop_names(p, &w, "an object inside it");
        return rc;
    case '[':
        if (open_walk(p, &w) != 0)
            return -1;
        while ((rc = next_element(p, &w)) == 1)
            if (skip_value(p) != 0)
                return -1;
        return rc;
    default:
        return json_scan_number(s);
    }
}

static const char *type_name(int c)
{
    switch (c) {
    case '{':
        return "an object";
    case '[':
        return "an array";
    case '"':
        return "a string";
    case 't':
    case 'f':
        return "a boolean";
    case 'n':
        return "null";
    default:
        return "a number";
    }
}

/* Is the value at `p` of the type that starts with `want`? If not, that is a fault (but for null where the member may
 * be absent) and the value is passed over. 1 yes, 0 no, -1. */
static int check_type(struct pass *p, int want, bool optional, const char *what, uint32_t number)
{
    int c = json_scan_peek(&p->scan);
    if (c == want)
        return 1;
    if (skip_value(p) != 0)
        return -1;
    if (c == 'n' && optional)
        return 0;
    const char *wanted = want == '{' ? "an object" : want == '[' ? "an array" : "a string";
    if (number > 0)
        fault(p, "%s %u is %s, not %s", what, number, type_name(c), wanted);
    else
        fault(p, "%s is %s, not %s", what, type_name(c), wanted);
    return 0;
}

static int read_string(struct pass *p, struct span *span_r, bool optional, const char *what, uint32_t number)
{
    int rc = check_type(p, '"', optional, what, number);
    return rc == 1 ? json_scan_string(&p->scan, span_r) : rc;
}

static int read_pairs(struct pass *p, struct pair *v, uint32_t *n_r, bool optional, const char *whole, const char *one)
{
    int rc = check_type(p, '{', optional, whole, 0);
    if (rc != 1)
        return rc;
    struct walk w;
    if (open_walk(p, &w) != 0)
        return -1;
    struct pair pair;
    uint32_t n = 0;
    while ((rc = next_member(p, &w, &pair.name)) == 1) {
        push_name(p, pair.name);
        pair.value = (struct span){SPAN_NONE, 0};
        if (read_string(p, &pair.value, false, one, n + 1) != 0)
            return -1;
        if (n == ALERT_PAIRS_MAX)
            fault(p, "it has more than %d %s", (int)ALERT_PAIRS_MAX, whole);
        else if (pair.value.off != SPAN_NONE)
            v[n++] = pair;
    }
    pop_names(p, &w, whole);
    *n_r = n;
    return rc;
}

/* A member's name against one of our own (which are ASCII, without escapes). */
static bool name_is(struct pass *p, struct span name, const char *s, size_t len)
{
    if ((name.len & SPAN_ESCAPED) == 0)
        return name.len == len && memcmp(p->scan.start + name.off, s, len) == 0;
    struct alert a = {.bytes = p->scan.start};
    return alert_span_equal(&a, name, s, len);
}

static int read_receiver(struct pass *p, struct span *span_r, uint32_t number)
{
    int rc = check_type(p, '{', false, "receiver", number);
    if (rc != 1)
        return rc;
    struct walk w;
    if (open_walk(p, &w) != 0)
        return -1;
    struct span name;
    while ((rc = next_member(p, &w, &name)) == 1) {
        push_name(p, name);
        if (name_is(p, name, "name", 4) ? read_string(p, span_r, false, "the name of receiver", number) != 0
                                        : skip_value(p) != 0)
            return -1;
    }
    pop_names(p, &w, "a receiver");
    if (rc == 0 && span_r->off == SPAN_NONE)
        fault(p, "receiver %u has no name", number);
    return rc;
}

static int read_list(struct pass *p, enum list list, const char *what)
{
    int rc = check_type(p, '[', true, what, 0);
    if (rc != 1)
        return rc;
    struct walk w;
    if (open_walk(p, &w) != 0)
        return -1;
    uint32_t n = 0, seen = 0;
    while ((rc = next_element(p, &w)) == 1) {
        struct span span = {SPAN_NONE, 0};
        seen++;
        if (list == RECEIVERS ? read_receiver(p, &span, seen) != 0 : read_string(p, &span, false, what, seen) != 0)
            return -1;
        if (n == ALERT_LIST_MAX)
            fault(p, "it has more than %d entries in %s", (int)ALERT_LIST_MAX, what);
        else if (span.off != SPAN_NONE)
            p->lists[list][n++] = span;
    }
    p->n_lists[list] = n;
    return rc;
}

static int read_status(struct pass *p)
{
    static const struct {
        const char *name;
        size_t len;
        int list; /* enum list, or -1: the state */
    } members[] = {{"inhibitedBy", 11, INHIBITED_BY}, {"silencedBy", 10, SILENCED_BY}, {"state", 5, -1},
                   {"mutedBy", 7, MUTED_BY}};
    enum { N = sizeof members / sizeof *members };
    int rc = check_type(p, '{', false, "status", 0);
    if (rc != 1)
        return rc;
    struct walk w;
    if (open_walk(p, &w) != 0)
        return -1;
    struct span name;
    unsigned seen = 0;
    while ((rc = next_member(p, &w, &name)) == 1) {
        push_name(p, name);
        size_t i;
        for (i = 0; i < N; i++)
            if (name_is(p, name, members[i].name, members[i].len))
                break;
        /* a second one is passed over here and found by pop_names */
        bool first = i < N && (seen & 1u << i) == 0;
        seen |= i < N ? 1u << i : 0;
        if (!first)
            rc = skip_value(p);
        else if (members[i].list < 0)
            rc = read_string(p, &p->index.field[ALERT_STATE], false, "status.state", 0);
        else
            rc = read_list(p, (enum list)members[i].list, members[i].name);
        if (rc != 0)
            return -1;
    }
    pop_names(p, &w, "status");
    if (rc == 0 && (seen & 1u << 2) == 0)
        fault(p, "it has no status.state");
    return rc;
}

/* Top-level members, in the order in which Alertmanager writes them. */
enum member {
    M_ANNOTATIONS,
    M_ENDS_AT,
    M_FINGERPRINT,
    M_RECEIVERS,
    M_STARTS_AT,
    M_STATUS,
    M_UPDATED_AT,
    M_GENERATOR_URL,
    M_LABELS,
    MEMBERS
};
static const struct {
    const char *name;
    size_t len;
    bool required;
    int field; /* enum alert_field of a plain string, or -1 */
} top[MEMBERS] = {
    [M_ANNOTATIONS] = {"annotations", 11, false, -1},
    [M_ENDS_AT] = {"endsAt", 6, false, ALERT_ENDS_AT},
    [M_FINGERPRINT] = {"fingerprint", 11, true, ALERT_FINGERPRINT},
    [M_RECEIVERS] = {"receivers", 9, false, -1},
    [M_STARTS_AT] = {"startsAt", 8, true, ALERT_STARTS_AT},
    [M_STATUS] = {"status", 6, true, -1},
    [M_UPDATED_AT] = {"updatedAt", 9, false, ALERT_UPDATED_AT},
    [M_GENERATOR_URL] = {"generatorURL", 12, false, ALERT_GENERATOR_URL},
    [M_LABELS] = {"labels", 6, true, -1},
};

static int read_member(struct pass *p, struct span name)
{
    /* Usually the one after the last that was seen: start looking there. */
    int after = p->seen == 0 ? 0 : 32 - __builtin_clz(p->seen);
    int m = MEMBERS;
    for (int i = 0; i < MEMBERS && m == MEMBERS; i++) {
        int j = (after + i) % MEMBERS;
        if (name_is(p, name, top[j].name, top[j].len))
            m = j;
    }
    if (m == MEMBERS) {
        push_name(p, name);
        return skip_value(p);
    }
    if (p->seen & 1u << m) {
        fault(p, "%s stands twice in it", top[m].name);
        p->twice_fingerprint |= m == M_FINGERPRINT;
        return skip_value(p);
    }
    p->seen |= 1u << m;
    switch (m) {
    case M_ANNOTATIONS:
        return read_pairs(p, p->annotations, &p->index.n_annotations, true, "annotations", "annotation");
    case M_LABELS:
        return read_pairs(p, p->labels, &p->index.n_labels, false, "labels", "label");
    case M_RECEIVERS:
        return read_list(p, RECEIVERS, "receivers");
    case M_STATUS:
        return read_status(p);
    default:
        return read_string(p, &p->index.field[top[m].field], !top[m].required, top[m].name, 0);
    }
}

static bool read_fingerprint(struct pass *p)
{
    struct span s = p->index.field[ALERT_FINGERPRINT];
    struct alert a = {.bytes = p->scan.start};
    struct buf text = {0};
    const char *hex = p->scan.start + (span_absent(s) ? 0 : s.off);
    size_t len = span_absent(s) ? 0 : s.len;
    if (!span_absent(s) && (s.len & SPAN_ESCAPED)) {
        alert_text(&a, s, &text);
        hex = text.data;
        len = text.len;
    }
    uint64_t v = 0;
    bool ok = len == 16;
    for (size_t i = 0; ok && i < 16; i++) {
        unsigned c = (unsigned char)hex[i];
        ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        v = v << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    if (ok && !p->twice_fingerprint)
        p->index.fingerprint = v;
    buf_free(&text);
    return ok;
}

/* The bytes were an object: is it an alert? */
static void check_alert(struct pass *p)
{
    for (int i = 0; i < MEMBERS; i++)
        if (top[i].required && (p->seen & 1u << i) == 0)
            fault(p, "it has no %s", top[i].name);
    if (!read_fingerprint(p))
        fault(p, "its fingerprint is not 16 lower-case hex digits");
    struct alert a = {.bytes = p->scan.start, .index = &p->index};
    if (alert_moment(&a, ALERT_STARTS_AT) == MOMENT_NONE)
        fault(p, "its startsAt is no RFC 3339 time");
}

static void write_index(struct pass *p, struct buf *out)
{
    struct alert_index *x = &p->index;
    x->n_receivers = p->n_lists[RECEIVERS];
    x->n_silenced = p->n_lists[SILENCED_BY];
    x->n_inhibited = p->n_lists[INHIBITED_BY];
    x->n_muted = p->n_lists[MUTED_BY];
    buf_reserve(out, alert_index_size(x));
    buf_add(out, x, sizeof *x);
    buf_add(out, p->labels, x->n_labels * sizeof *p->labels);
    buf_add(out, p->annotations, x->n_annotations * sizeof *p->annotations);
    for (int i = 0; i < LISTS; i++)
        buf_add(out, p->lists[i], p->n_lists[i] * sizeof *p->lists[i]);
}

static int read_document(struct pass *p)
{
    struct json_scan *s = &p->scan;
    json_scan_space(s);
    int rc = check_type(p, '{', false, "it", 0);
    if (rc == 1) {
        struct walk w;
        struct span name;
        if (open_walk(p, &w) != 0)
            return -1;
        while ((rc = next_member(p, &w, &name)) == 1)
            if (read_member(p, name) != 0)
                return -1;
        if (rc == 0) {
            pop_names(p, &w, "it");
            check_alert(p);
        }
    }
    if (rc < 0)
        return -1;
    json_scan_space(s);
    return s->p == s->end ? 0 : json_scan_problem(s, s->p, "something follows the value");
}

enum alert_verdict alert_index(const char *bytes, size_t len, struct buf *index_r, struct err *e)
{
    buf_clear(index_r);
    if (len >= SPAN_ESCAPED) {
        err_set(e, ERR_INVALID, "it is larger than 2 GiB");
        return ALERT_BROKEN;
    }
    struct pass p; /* not initialised whole: it is large, and its arrays have counts */
    p.scan = (struct json_scan){.start = bytes, .p = bytes, .end = bytes + len};
    p.depth = 0;
    p.fault[0] = '\0';
    p.seen = 0;
    p.twice_fingerprint = false;
    p.n_names = 0;
    memset(&p.index, 0, sizeof p.index);
    memset(p.n_lists, 0, sizeof p.n_lists);
    for (int i = 0; i < ALERT_FIELDS; i++)
        p.index.field[i].off = SPAN_NONE;
    if (len > ALERT_BYTES_MAX)
        fault(&p, "it is larger than %d KiB", (int)ALERT_BYTES_MAX / 1024);
    if (read_document(&p) != 0) {
        err_set(e, ERR_INVALID, "no well-formed JSON: %s (byte %zu)", p.scan.problem, (size_t)(p.scan.p - bytes));
        return ALERT_BROKEN;
    }
    write_index(&p, index_r);
    if (p.fault[0] == '\0')
        return ALERT_OK;
    err_set(e, ERR_INVALID, "%s", p.fault);
    return ALERT_BAD;
}

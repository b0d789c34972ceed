/* An answer for a person, at any hour: see why.h. What matters stands first, and in words. */
#include "base/mem.h"
#include "base/moment.h"
#include "policy/chain.h"
#include "spawner/decision.h"
#include "spawner/why.h"

#include <stdlib.h>
#include <string.h>

static const char *text(const cJSON *o, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return s != NULL ? s : "";
}

static double number(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

static bool is_true(const cJSON *o, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, name));
}

/* "2026-11-27T07:10:00Z (44m ago)", by the answer's own clock. */
static void add_ago(struct buf *b, const char *then, const char *now)
{
    moment_t t, n;
    char span[MOMENT_TEXT];
    buf_add_visible(b, then);
    if (moment_parse(then, strlen(then), &t) != 0 || moment_parse(now, strlen(now), &n) != 0 || n < t)
        return;
    int64_t us = n - t, unit = us >= 3600 * MOMENT_SECOND ? 60 * MOMENT_SECOND : MOMENT_SECOND;
    duration_format(us / unit * unit, span);
    buf_addf(b, " (%s ago)", span);
}

/* Names and values on lines that fit. */
static void add_labels(struct buf *b, const cJSON *labels)
{
    enum { WIDTH = 100 };
    const cJSON *x;
    size_t start = b->len;
    buf_adds(b, " ");
    cJSON_ArrayForEach(x, labels)
    {
        struct buf one = {0};
        buf_addc(&one, ' ');
        buf_add_visible(&one, x->string);
        buf_adds(&one, "=\"");
        buf_add_visible(&one, cJSON_GetStringValue(x) != NULL ? cJSON_GetStringValue(x) : "");
        buf_addc(&one, '"');
        if (b->len - start + one.len > WIDTH && b->len - start > 2) {
            buf_adds(b, "\n ");
            start = b->len - 1;
        }
        buf_add(b, one.data, one.len);
        buf_free(&one);
    }
    buf_addc(b, '\n');
}

static const char *headline(const char *verdict)
{
    static const char *const words[][2] = {{"create", "a Task would be made now"},
                                           {"retrigger", "a new Task would be made now"},
                                           {"skip", "no Task"},
                                           {"wait", "not now"},
                                           {"error", "no Task, because something is wrong"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], verdict) == 0)
            return words[i][1];
    return verdict;
}

static void add_member(struct buf *b, const char *what, const char *value)
{
    if (value[0] == '\0')
        return;
    buf_addf(b, "  %-13s", what);
    buf_add_visible(b, value);
    buf_addc(b, '\n');
}

static void add_task(struct buf *b, const cJSON *task, const char *name, const char *now)
{
    buf_addf(b, "  %-13s", "Task");
    buf_add_visible(b, name);
    buf_addf(b, "  %s", text(task, "phase")[0] != '\0' ? text(task, "phase") : "not started");
    if (is_true(task, "gone"))
        buf_adds(b, ", gone");
    if (is_true(task, "deleting"))
        buf_adds(b, ", being deleted");
    if (text(task, "createdAt")[0] != '\0') {
        buf_adds(b, ", created ");
        add_ago(b, text(task, "createdAt"), now);
    }
    if (text(task, "completedAt")[0] != '\0') {
        buf_adds(b, ", finished ");
        add_ago(b, text(task, "completedAt"), now);
    }
    if (number(task, "attempts") > 1)
        buf_addf(b, ", attempt %.0f", number(task, "attempts"));
    buf_addc(b, '\n');
}

static void add_limits(struct buf *b, const cJSON *limits)
{
    const cJSON *x;
    if (cJSON_GetArraySize(limits) == 0)
        return;
    buf_addf(b, "  %-13s", "limits");
    const char *lead = "";
    cJSON_ArrayForEach(x, limits)
    {
        buf_addf(b, "%s%s %.0f of %.0f", lead, text(x, "limit"), number(x, "used"), number(x, "of"));
        lead = ", ";
    }
    buf_addc(b, '\n');
}

static void add_policy(struct buf *b, const cJSON *d, const struct chain *c)
{
    const char *file = "";
    if (text(d, "policy")[0] == '\0')
        return;
    for (size_t i = 0; i < c->n_choices; i++)
        if (c->choices[i].fit == FIT_CHOSEN)
            file = c->choices[i].file;
    buf_addf(b, "  %-13s", "policy");
    buf_add_visible(b, text(d, "policy"));
    buf_addf(b, " (%s%s%.12s)\n", file, file[0] != '\0' ? ", version " : "version ", text(d, "policyHash"));
}

/* Shown when there was a choice. */
static void add_choices(struct buf *b, const struct chain *c)
{
    if (c->n_choices == 0 || (c->n_choices == 1 && c->choices[0].fit == FIT_CHOSEN))
        return;
    buf_adds(b, "  which policy judges:\n");
    chain_choices_text(c, "    ", b);
}

static void add_decision(struct buf *b, const cJSON *d, const char *now)
{
    struct chain c;
    const cJSON *note, *notes = cJSON_GetObjectItemCaseSensitive(d, "notes"),
                       *existing = cJSON_GetObjectItemCaseSensitive(d, "existing"),
                       *leader = cJSON_GetObjectItemCaseSensitive(d, "leader");
    decision_take_chain(d, &c);
    buf_addf(b, "\n%s/%s: %s: %s", text(d, "namespace"), text(d, "spawner"), headline(text(d, "verdict")), text(d, "reason"));
    if (text(d, "detail")[0] != '\0') {
        buf_adds(b, ": ");
        buf_add_visible(b, text(d, "detail"));
    }
    buf_addc(b, '\n');
    /* "eligible again at TIME" is a sentence of its own in the record; after our own words it is "at TIME" */
    const char *change = text(d, "would_change"), *when = strstr(change, "at ");
    add_member(b, "would change", strncmp(change, "eligible", 8) == 0 && when != NULL ? when : change);
    if (leader != NULL) {
        buf_addf(b, "  %-13s%s  ", "led by", text(leader, "fingerprint"));
        buf_add_visible(b, text(leader, "alertname"));
        buf_addc(b, '\n');
    }
    if (existing != NULL)
        add_task(b, existing, text(existing, "task"), now);
    else
        add_member(b, "Task", text(d, "task"));
    add_limits(b, cJSON_GetObjectItemCaseSensitive(d, "limits"));
    add_member(b, "key", text(d, "key"));
    add_policy(b, d, &c);
    cJSON_ArrayForEach(note, notes)
    {
        buf_addf(b, "  %-13s", note == notes->child ? "notes" : "");
        buf_add_visible(b, note->string);
        buf_adds(b, " = ");
        buf_add_visible(b, cJSON_GetStringValue(note) != NULL ? cJSON_GetStringValue(note) : "");
        buf_addc(b, '\n');
    }
    add_choices(b, &c);
    if (c.n_links > 0) {
        struct buf plain = {0};
        if (c.n_steps == 0) /* who traces wants to see all */
            chain_fold(&c, &plain);
        buf_adds(b, "  what its hooks said:\n");
        chain_text(&c, "    ", b);
        if (plain.len > 0)
            buf_addf(b, "    (%s: by the default policy)\n", plain.data);
        buf_free(&plain);
    }
    if (c.n_steps > 0) {
        buf_adds(b, "  the lines that were executed:\n");
        chain_steps_text(&c, "    ", b);
    }
    chain_clear(&c);
}

static void add_remembered(struct buf *b, const cJSON *r, const char *now)
{
    const cJSON *task = cJSON_GetObjectItemCaseSensitive(r, "task");
    buf_addf(b, "\n%s/%s remembers:\n", text(r, "namespace"), text(r, "spawner"));
    if (text(r, "lastSeen")[0] != '\0') {
        buf_addf(b, "  %-13s", is_true(r, "resolved") ? "resolved" : "away");
        buf_adds(b, "last seen ");
        add_ago(b, text(r, "lastSeen"), now);
        buf_addc(b, '\n');
    } else if (text(r, "firstSeen")[0] != '\0') {
        buf_addf(b, "  %-13sit was there in the last poll; not any more, so the next one will miss it\n", "away");
    }
    if (text(r, "firstSeen")[0] != '\0') {
        buf_addf(b, "  %-13s", "fired since");
        add_ago(b, text(r, "firstSeen"), now);
        buf_addf(b, ", episode %.0f\n", number(r, "episode"));
    }
    if (task != NULL)
        add_task(b, task, text(task, "name"), now);
    else
        add_member(b, "Task", "it never had one");
}

static bool is_excluded(const cJSON *d)
{
    return strncmp(text(d, "reason"), "source.", 7) == 0;
}

/* Spawners whose selectors exclude it: a line each. With `all`, nobody took it, and what would change that is said, too. */
static void add_excluded(struct buf *b, const cJSON *decisions, bool all)
{
    enum { SHOWN = 20 };
    const cJSON *d;
    size_t n = 0;
    cJSON_ArrayForEach(d, decisions)
    {
        if (!is_excluded(d) || n++ >= SHOWN)
            continue;
        if (n == 1)
            buf_adds(b, all ? "\nNo spawner took it:\n" : "\nOther spawners do not take it:\n");
        buf_addf(b, "  %s/%s: ", text(d, "namespace"), text(d, "spawner"));
        buf_add_visible(b, text(d, "detail"));
        buf_addf(b, " (%s)\n", text(d, "reason"));
        if (all)
            buf_addf(b, "    would change %s\n", text(d, "would_change"));
    }
    if (n > SHOWN)
        buf_addf(b, "  ... and %zu more\n", n - SHOWN);
}

static void add_alert(struct buf *b, const cJSON *a, const char *now)
{
    const cJSON *d, *decisions = cJSON_GetObjectItemCaseSensitive(a, "decisions"),
                    *remembered = cJSON_GetObjectItemCaseSensitive(a, "remembered");
    buf_add_visible(b, text(a, "alertname")[0] != '\0' ? text(a, "alertname") : "(alert)");
    buf_addf(b, "  %s  ", text(a, "fingerprint"));
    if (is_true(a, "firing")) {
        buf_add_visible(b, text(a, "state"));
        buf_adds(b, " since ");
        add_ago(b, text(a, "startsAt"), now);
        buf_addc(b, '\n');
        add_labels(b, cJSON_GetObjectItemCaseSensitive(a, "labels"));
    } else {
        buf_adds(b, "does not fire\n");
    }
    bool taken = false;
    cJSON_ArrayForEach(d, decisions)
    {
        if (is_excluded(d))
            continue;
        add_decision(b, d, now);
        taken = true;
    }
    add_excluded(b, decisions, !taken);
    cJSON_ArrayForEach(d, remembered) add_remembered(b, d, now);
}

void why_text(const cJSON *answer, struct buf *out)
{
    const cJSON *x, *alerts = cJSON_GetObjectItemCaseSensitive(answer, "alerts");
    const char *now = text(answer, "time");
    cJSON_ArrayForEach(x, alerts)
    {
        if (x != alerts->child)
            buf_adds(out, "\n----\n");
        add_alert(out, x, now);
    }
    if (number(answer, "more") > 0)
        buf_addf(out, "\n... and %.0f more alerts: ask for one by its fingerprint\n", number(answer, "more"));
    cJSON_ArrayForEach(x, cJSON_GetObjectItemCaseSensitive(answer, "problems"))
    {
        buf_adds(out, x->prev == NULL || x->prev->next == NULL ? "\nNote: " : "Note: ");
        buf_add_visible(out, cJSON_GetStringValue(x) != NULL ? cJSON_GetStringValue(x) : "");
        buf_addc(out, '\n');
    }
}

/* The report of a replay as one page: see replay_report.h. Nothing is fetched, nothing runs (there is no script: details are
 * in <details> and titles), and whatever comes from alerts is escaped, because strangers wrote it. */
#include "alerts/identity.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "cli/replay_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 1100,     /* of the time line, in its own units */
    LEFT = 150,       /* names of policies */
    LANE = 22,
    TASK = 7,         /* height of one Task's bar */
    LANES_MAX = 12,   /* Tasks of a policy drawn below each other */
    ONSETS = 44,      /* height of the curve of alerts */
    TICKS = 8,
    LISTED_MAX = 2000,
};

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1b1f24;--dim:#646d78;--line:#d8dde3;--ground:#fff;--band:#f4f6f8;--made:#2463c2;"
    "--failed:#c5342b;--gone:#8a63b8;--shadow:#9aa3ad;--wait:#d39000;--storm:#f6d9d5;--added:#1a7f4b;--removed:#c5342b;"
    "--retimed:#b07400}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--dim:#98a2ae;--line:#353c45;--ground:#15181c;--band:#1d2126;"
    "--made:#6ba4f5;--failed:#ef7b72;--gone:#bb9be0;--shadow:#6b7580;--wait:#e8b23a;--storm:#4a2b29;--added:#58c08a;"
    "--removed:#ef7b72;--retimed:#e8b23a}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}main{max-width:1180px;margin:0 auto;padding:24px 20px 60px}"
    "h1{font-size:22px;margin:0 0 2px}h2{font-size:17px;margin:34px 0 8px}h3{font-size:15px;margin:22px 0 6px}"
    "p{margin:4px 0}.dim{color:var(--dim)}.cards{display:flex;flex-wrap:wrap;gap:10px;margin:16px 0}"
    ".card{background:var(--band);border-radius:8px;padding:10px 16px;min-width:118px}"
    ".card b{display:block;font-size:22px;line-height:1.25;font-variant-numeric:tabular-nums}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}"
    "th{text-align:left;font-weight:600;color:var(--dim);border-bottom:1px solid var(--line);padding:4px 14px 4px 0}"
    "td{border-bottom:1px solid var(--line);padding:4px 14px 4px 0;vertical-align:top;overflow-wrap:anywhere}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}time,code{font-family:ui-monospace,monospace;font-size:13px}"
    "td time,td code,.change{white-space:nowrap}.who{min-width:170px}svg{display:block;width:100%;min-width:760px;height:auto;background:var(--band);border-radius:8px}"
    "svg text{fill:var(--dim);font:11px system-ui,sans-serif}svg .name{fill:var(--ink);font-size:12px}"
    ".grid{stroke:var(--line)}.made{fill:var(--made)}.failed{fill:var(--failed)}.gone{fill:var(--gone)}"
    ".shadow{fill:var(--shadow)}.wait{fill:var(--wait);opacity:.55}.storm{fill:var(--storm)}.curve{fill:var(--dim);opacity:.35}"
    ".mark-added{fill:var(--added)}.mark-removed{fill:var(--removed)}.mark-retimed{fill:var(--retimed)}"
    ".added{color:var(--added)}.removed{color:var(--removed)}.retimed{color:var(--retimed)}.change{font-weight:600}"
    ".legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--dim);margin:6px 0}"
    ".legend i{display:inline-block;width:12px;height:9px;border-radius:2px;margin-right:6px}"
    "summary{cursor:pointer;color:var(--dim);margin:6px 0}";

/* Text from strangers: no markup, no control characters, nothing that turns the direction of writing. */
static void text(FILE *f, const char *s)
{
    size_t left = strlen(s);
    while (left > 0) {
        int n = utf8_visible(s, left);
        size_t step = (size_t)abs(n);
        if (n < 0)
            fputs("\xef\xbf\xbd", f);
        else if (*s == '&')
            fputs("&amp;", f);
        else if (*s == '<')
            fputs("&lt;", f);
        else if (*s == '>')
            fputs("&gt;", f);
        else if (*s == '"')
            fputs("&quot;", f);
        else if (*s == '\'')
            fputs("&#39;", f);
        else
            fwrite(s, 1, step, f);
        s += step;
        left -= step;
    }
}

static void put_time(FILE *f, moment_t t)
{
    char s[MOMENT_TEXT];
    moment_format_s(t, s);
    fprintf(f, "<time>%s</time>", s);
}

static void put_duration(FILE *f, int64_t us)
{
    char s[MOMENT_TEXT];
    duration_format(us / MOMENT_SECOND * MOMENT_SECOND, s);
    fputs(s, f);
}

static void put_cell(FILE *f, const char *s)
{
    fputs("<td>", f);
    text(f, s);
    fputs("</td>", f);
}

/* ---- the time line ---- */

struct scale {
    moment_t from;
    int64_t length;
};

static double x_of(const struct scale *s, moment_t t)
{
    double x = (double)(t - s->from) / (double)s->length;
    return LEFT + (x < 0 ? 0 : x > 1 ? 1 : x) * (WIDTH - LEFT - 10);
}

/* A round number of seconds, so that about TICKS of them fill the length. */
static int64_t tick_us(int64_t length)
{
    static const int64_t steps[] = {10, 30, 60, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000};
    size_t i = 0;
    while (i + 1 < sizeof steps / sizeof *steps && steps[i] * MOMENT_SECOND * TICKS < length)
        i++;
    int64_t step = steps[i] * MOMENT_SECOND, least = length / (2 * TICKS); /* years of it: whatever comes */
    return step > least ? step : least;
}

static void put_grid(FILE *f, const struct scale *s, int height)
{
    int64_t step = tick_us(s->length);
    for (moment_t t = (s->from + step - 1) / step * step; t <= s->from + s->length; t += step) {
        char at[MOMENT_TEXT];
        moment_format_s(t, at);
        fprintf(f, "<line class=grid x1=%.1f x2=%.1f y1=0 y2=%d></line>", x_of(s, t), x_of(s, t), height);
        fprintf(f, "<text x=%.1f y=%d>%.5s %.5s</text>", x_of(s, t) + 3, height + 13, at + 5, at + 11);
    }
}

static void put_storms(FILE *f, const struct scale *s, const struct summary *sum, int height)
{
    for (size_t i = 0; i < sum->n_storms; i++) {
        const struct storm *x = &sum->storms[i];
        double from = x_of(s, x->from), to = x_of(s, x->to);
        fprintf(f, "<rect class=storm x=%.1f y=0 width=%.1f height=%d><title>storm: %" PRIu32 " alerts began, %" PRIu32
                   " Tasks</title></rect>",
                from, to - from < 3 ? 3 : to - from, height, x->alerts, x->tasks);
    }
}

/* How many alerts were there: a curve over the whole width. */
static void put_alerts(FILE *f, const struct scale *s, const struct history *h)
{
    enum { BINS = 200 };
    uint32_t bins[BINS] = {0}, most = 1;
    for (size_t i = 0; i < h->n_alerts; i++) {
        int last = -1;
        for (size_t k = 0; k < h->alerts[i].n; k++) {
            const struct stretch *x = &h->alerts[i].stretches[k];
            int from = (int)((double)(x->from - s->from) / (double)s->length * (BINS - 1));
            int to = (int)((double)(x->to - s->from) / (double)s->length * (BINS - 1));
            for (int b = from > last ? from : last + 1; b <= to && b < BINS; b++)
                bins[b]++;
            last = to > last ? to : last;
        }
    }
    for (int b = 0; b < BINS; b++)
        most = bins[b] > most ? bins[b] : most;
    fprintf(f, "<polygon class=curve points=\"%d,%d", LEFT, ONSETS);
    for (int b = 0; b < BINS; b++)
        fprintf(f, " %.1f,%.1f", LEFT + (double)b / (BINS - 1) * (WIDTH - LEFT - 10), ONSETS - (double)bins[b] / most * (ONSETS - 8));
    fprintf(f, " %d,%d\"></polygon><text class=name x=8 y=%d>alerts</text><text x=8 y=%d>at most %" PRIu32 "</text>", WIDTH - 10, ONSETS,
            ONSETS - 18, ONSETS - 5, most);
}

static const char *task_class(const struct task_history *t)
{
    return t->verdict == VERDICT_SKIP         ? "shadow"
           : t->end == TASK_END_FAILED        ? "failed"
           : t->end == TASK_END_CANCELLED     ? "gone"
                                              : "made";
}

static void put_task(FILE *f, const struct scale *s, const struct history *h, const struct task_history *t, double y)
{
    moment_t end = t->ended != MOMENT_NONE ? t->ended : t->verdict == VERDICT_SKIP ? t->at : s->from + s->length;
    double x = x_of(s, t->at), w = x_of(s, end) - x;
    if (t->waited_us > 0)
        fprintf(f, "<rect class=wait x=%.1f y=%.1f width=%.1f height=2></rect>", x_of(s, t->at - t->waited_us), y + TASK / 2.0 - 1,
                x - x_of(s, t->at - t->waited_us));
    fprintf(f, "<rect class=%s x=%.1f y=%.1f width=%.1f height=%d rx=1.5><title>", task_class(t), x, y, w < 2.5 ? 2.5 : w, TASK);
    text(f, h->alerts[t->alert].alertname);
    char at[MOMENT_TEXT];
    moment_format_s(t->at, at);
    fprintf(f, " %s ", at);
    text(f, t->reason);
    fputs(" ", f);
    text(f, t->name);
    fputs("</title></rect>", f);
}

/* Tasks of one policy: each in the first lane that is free when it comes; what finds none shares the last. */
static size_t lane_take(moment_t *free_at, size_t *n, const struct task_history *t, const struct scale *s)
{
    moment_t end = t->ended != MOMENT_NONE ? t->ended : t->verdict == VERDICT_SKIP ? t->at : s->from + s->length;
    moment_t gap = s->length / 400;
    size_t lane = 0;
    while (lane < *n && free_at[lane] > t->at)
        lane++;
    if (lane == LANES_MAX)
        lane = LANES_MAX - 1;
    else if (lane == *n)
        (*n)++;
    free_at[lane] = end + gap;
    return lane;
}

static int policy_lanes(const struct history *h, const struct scale *s, const char *policy)
{
    moment_t free_at[LANES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < h->n_tasks; i++)
        if (strcmp(h->tasks[i].policy, policy) == 0)
            lane_take(free_at, &n, &h->tasks[i], s);
    return n > 0 ? (int)n : 1;
}

static void put_policy(FILE *f, const struct scale *s, const struct history *h, const char *policy, int y)
{
    moment_t free_at[LANES_MAX];
    size_t n = 0;
    fprintf(f, "<line class=grid x1=0 x2=%d y1=%d y2=%d></line><text class=name x=8 y=%d>", WIDTH, y, y, y + 17);
    char shown[24];
    snprintf(shown, sizeof shown, "%.*s%s", (int)utf8_cut(policy, strlen(policy), 20), policy, strlen(policy) > 20 ? "…" : "");
    text(f, shown);
    fputs("</text>", f);
    for (size_t i = 0; i < h->n_tasks; i++)
        if (strcmp(h->tasks[i].policy, policy) == 0)
            put_task(f, s, h, &h->tasks[i], y + 7 + (double)lane_take(free_at, &n, &h->tasks[i], s) * (TASK + 2));
}

static void put_marks(FILE *f, const struct scale *s, const struct differences *d, int y)
{
    fprintf(f, "<text class=name x=8 y=%d>differences</text>", y + 15);
    for (size_t i = 0; i < d->n && i < LISTED_MAX; i++) {
        double x = x_of(s, d->v[i].at);
        fprintf(f, "<a href=\"#d%zu\"><path class=mark-%s d=\"M%.1f %dl4 6l-4 6l-4 -6z\"><title>%s: ", i, change_name(d->v[i].change), x,
                y + 5, change_name(d->v[i].change));
        text(f, d->v[i].alertname);
        fputs("</title></path></a>", f);
    }
}

static void put_time_line(FILE *f, const struct replay_report *r, size_t side)
{
    const struct history *h = r->result->sides[side];
    const struct summary *sum = &r->summaries[side];
    struct scale s = {h->from, h->to > h->from ? h->to - h->from : MOMENT_SECOND};
    int height = ONSETS + 6;
    for (size_t i = 0; i < sum->n_policies; i++)
        height += policy_lanes(h, &s, sum->policies[i].policy) * (TASK + 2) + 14;
    bool marks = side == 0 && r->differences.n > 0;
    height += marks ? LANE + 4 : 0;
    fprintf(f, "<div class=scroll><svg viewBox=\"0 0 %d %d\" role=img aria-label=\"time line\">", WIDTH, height + 20);
    put_storms(f, &s, sum, height);
    put_grid(f, &s, height);
    put_alerts(f, &s, h);
    int y = ONSETS + 6;
    for (size_t i = 0; i < sum->n_policies; i++) {
        put_policy(f, &s, h, sum->policies[i].policy, y);
        y += policy_lanes(h, &s, sum->policies[i].policy) * (TASK + 2) + 14;
    }
    if (marks)
        put_marks(f, &s, &r->differences, y);
    fputs("</svg></div><div class=legend><span><i style=\"background:var(--made)\"></i>Task</span><span>"
          "<i style=\"background:var(--failed)\"></i>failed</span><span><i style=\"background:var(--gone)\"></i>cancelled</span>"
          "<span><i style=\"background:var(--wait)\"></i>waited</span><span><i style=\"background:var(--shadow)\"></i>would have "
          "been (mode shadow)</span><span><i style=\"background:var(--storm)\"></i>storm</span></div>",
          f);
}

/* ---- figures ---- */

static void put_card(FILE *f, uint64_t n, const char *what)
{
    fprintf(f, "<div class=card><b>%" PRIu64 "</b>%s</div>", n, what);
}

static void put_cards(FILE *f, const struct summary *s)
{
    uint32_t retriggers = 0, failed = 0;
    for (size_t i = 0; i < s->n_policies; i++) {
        retriggers += s->policies[i].retriggers;
        failed += s->policies[i].failed;
    }
    fputs("<div class=cards>", f);
    put_card(f, s->tasks, s->tasks == 1 ? "Task" : "Tasks");
    put_card(f, retriggers, "because an alert fired again");
    if (failed > 0)
        put_card(f, failed, "failed");
    if (s->shadow > 0)
        put_card(f, s->shadow, "more without mode shadow");
    put_card(f, s->peak, "at once, at most");
    put_card(f, s->waits, "waits");
    if (s->waits > 0) {
        fputs("<div class=card><b>", f);
        put_duration(f, s->wait_max_us);
        fputs("</b>longest wait</div>", f);
    }
    put_card(f, s->n_storms, s->n_storms == 1 ? "storm" : "storms");
    fputs("</div>", f);
}

static void put_policies(FILE *f, const struct summary *s)
{
    if (s->n_policies == 0)
        return;
    fputs("<h3>Tasks by policy</h3><div class=scroll><table><tr><th>policy<th class=n>Tasks<th class=n>again<th class=n>failed"
          "<th class=n>cancelled<th class=n>shadow<th class=n>busiest hour<th>from</tr>",
          f);
    for (size_t i = 0; i < s->n_policies; i++) {
        const struct policy_summary *p = &s->policies[i];
        fputs("<tr>", f);
        put_cell(f, p->policy);
        fprintf(f, "<td class=n>%" PRIu32 "<td class=n>%" PRIu32 "<td class=n>%" PRIu32 "<td class=n>%" PRIu32 "<td class=n>%" PRIu32
                   "<td class=n>%" PRIu32 "<td>",
                p->tasks, p->retriggers, p->failed, p->cancelled, p->shadow, p->most_hour);
        if (p->most_hour > 0)
            put_time(f, p->most_hour_at);
        fputs("</tr>", f);
    }
    fputs("</table></div>", f);
}

static void put_decisions(FILE *f, const struct history *h)
{
    fputs("<h3>Decisions by reason</h3><div class=scroll><table><tr><th>verdict<th>reason<th>policy<th class=n>alerts"
          "<th class=n>decisions</tr>",
          f);
    for (size_t i = 0; i < h->n_counts; i++) {
        const struct decision_count *c = &h->counts[i];
        fprintf(f, "<tr><td>%s", verdict_name(c->verdict));
        put_cell(f, c->reason);
        put_cell(f, c->policy);
        fprintf(f, "<td class=n>%" PRIu32 "<td class=n>%" PRIu64 "</tr>", c->alerts, c->decisions);
    }
    fputs("</table></div>", f);
}

static void put_tasks(FILE *f, const struct history *h)
{
    static const char *const ends[] = {"", "Succeeded", "Failed", "Cancelled"};
    fprintf(f, "<details><summary>All %zu Tasks</summary><div class=scroll><table><tr><th>time<th>alert<th>reason<th>policy<th>waited"
               "<th>phase<th>Task</tr>",
            h->n_tasks);
    for (size_t i = 0; i < h->n_tasks && i < LISTED_MAX; i++) {
        const struct task_history *t = &h->tasks[i];
        fputs("<tr><td>", f);
        put_time(f, t->at);
        put_cell(f, h->alerts[t->alert].alertname);
        put_cell(f, t->reason);
        put_cell(f, t->policy);
        fputs("<td>", f);
        if (t->waited_us > 0)
            put_duration(f, t->waited_us);
        fprintf(f, "<td>%s", t->verdict == VERDICT_SKIP ? "shadow" : ends[t->end]);
        put_cell(f, t->name);
        fputs("</tr>", f);
    }
    fputs("</table></div>", f);
    if (h->n_tasks > LISTED_MAX)
        fprintf(f, "<p class=dim>... and %zu more: -o json has them all.</p>", h->n_tasks - LISTED_MAX);
    fputs("</details>", f);
}

static void put_warnings(FILE *f, const struct history *h)
{
    for (size_t i = 0; i < h->n_spawners; i++)
        if (h->spawners[i].failed > 0) {
            fputs("<p class=removed>", f);
            text(f, h->spawners[i].who);
            fprintf(f, ": %" PRIu32 " cycles failed, the first with: ", h->spawners[i].failed);
            text(f, h->spawners[i].first_failure);
            fputs("</p>", f);
        }
    for (size_t i = 0; i < h->n_notes; i++) {
        fputs("<p class=retimed>", f);
        text(f, h->notes[i]);
        fputs("</p>", f);
    }
}

/* ---- differences ---- */

static void put_side(FILE *f, const struct side_reason *s)
{
    fputs("<td>", f);
    if (s->unseen) {
        fputs("never saw it</td>", f);
        return;
    }
    if (s->task != NULL) {
        put_time(f, s->task->at);
        fputs("<br>", f);
    }
    fprintf(f, "%s <code>", verdict_name(s->verdict));
    text(f, s->reason);
    fputs("</code>", f);
    if (*s->policy != '\0') {
        fputs("<br><span class=dim>", f);
        text(f, s->policy);
        fputs(*s->where != '\0' ? ", " : "", f);
        text(f, s->where);
        fputs("</span>", f);
    }
    if (*s->detail != '\0') {
        fputs("<br>", f);
        text(f, s->detail);
    }
    fputs("</td>", f);
}

static void put_differences(FILE *f, const struct replay_report *r)
{
    const struct differences *d = &r->differences;
    fputs("<h2>What ", f);
    text(f, r->names[0]);
    fputs(" does otherwise than ", f);
    text(f, r->names[1]);
    fprintf(f, "</h2><p><span class=\"change added\">%zu added</span>, <span class=\"change removed\">%zu removed</span>, "
               "<span class=\"change retimed\">%zu retimed</span></p>",
            d->by_change[CHANGE_ADDED], d->by_change[CHANGE_REMOVED], d->by_change[CHANGE_RETIMED]);
    if (d->n == 0)
        return;
    fputs("<div class=scroll><table><tr><th>change<th>time<th>alert<th>", f);
    text(f, r->names[0]);
    fputs("<th>", f);
    text(f, r->names[1]);
    fputs("</tr>", f);
    for (size_t i = 0; i < d->n && i < LISTED_MAX; i++) {
        const struct difference *x = &d->v[i];
        char fp[IDENTITY_TEXT];
        identity_format(x->fingerprint, fp);
        fprintf(f, "<tr id=d%zu><td class=\"change %s\">%s<td>", i, change_name(x->change), change_name(x->change));
        put_time(f, x->at);
        fputs("<td class=who>", f);
        text(f, x->alertname);
        fprintf(f, "<br><code class=dim>%s</code><br><span class=dim>", fp);
        text(f, x->who);
        fputs("</span>", f);
        put_side(f, &x->ours);
        put_side(f, &x->theirs);
        fputs("</tr>", f);
    }
    fputs("</table></div>", f);
    if (d->n > LISTED_MAX)
        fprintf(f, "<p class=dim>... and %zu more: -o json has them all.</p>", d->n - LISTED_MAX);
}

static void put_head(FILE *f, const struct replay_report *r)
{
    const struct replay_result *x = r->result;
    fprintf(f, "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
               "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">"
               "<title>alertspawner replay</title><style>%s</style></head><body><main><h1>alertspawner replay</h1><p class=dim>",
            style);
    put_time(f, x->from);
    fputs(" to ", f);
    put_time(f, x->to);
    fputs(" (", f);
    put_duration(f, x->to - x->from);
    fprintf(f, "), %" PRIu32 " polls", x->polls);
    if (x->failed_polls > 0)
        fprintf(f, ", %" PRIu32 " of them failed", x->failed_polls);
    fprintf(f, ", %" PRIu32 " alerts", r->summaries[0].alerts);
    if (x->gaps > 0) {
        fprintf(f, "; %" PRIu32 " gaps, ", x->gaps);
        put_duration(f, x->gaps_us);
        fputs(" together", f);
    }
    fputs("</p>", f);
}

void replay_page(const struct replay_report *r, FILE *f)
{
    put_head(f, r);
    for (size_t i = 0; i < r->n_sides; i++) {
        fputs("<h2>", f);
        text(f, r->names[i]);
        fputs("</h2>", f);
        put_cards(f, &r->summaries[i]);
        put_time_line(f, r, i);
        put_warnings(f, r->result->sides[i]);
    }
    if (r->n_sides == 2)
        put_differences(f, r);
    for (size_t i = 0; i < r->n_sides; i++) {
        if (r->n_sides == 2) {
            fputs("<h2>", f);
            text(f, r->names[i]);
            fputs(": figures</h2>", f);
        }
        put_policies(f, &r->summaries[i]);
        put_decisions(f, r->result->sides[i]);
        put_tasks(f, r->result->sides[i]);
    }
    fputs("</main></body></html>\n", f);
}

/* The report of a replay for people: see replay_report.h. */
#include "alerts/identity.h"
#include "base/buf.h"
#include "base/mem.h"
#include "cli/replay_report.h"
#include "cli/say.h"
#include "cli/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOURS_ALL = 72,  /* so many are all shown */
    DIFFERENCES_SHOWN = 100,
    BAR = 40, /* characters of the longest bar */
};

void replay_report_make(const struct replay_result *result, size_t n_sides, struct replay_report *r)
{
    *r = (struct replay_report){.result = result, .n_sides = n_sides};
    for (size_t i = 0; i < n_sides; i++)
        summary_make(result->sides[i], &r->summaries[i]);
    if (n_sides == 2)
        differences_make(result->sides[0], result->sides[1], &r->differences);
}

void replay_report_deinit(struct replay_report *r)
{
    summary_deinit(&r->summaries[0]);
    summary_deinit(&r->summaries[1]);
    differences_deinit(&r->differences);
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void heading(const char *text)
{
    printf(table_colour() ? "\n\033[1m%s\033[0m\n" : "\n%s\n", text);
}

static void visible(const char *s)
{
    struct buf b = {0};
    buf_add_visible(&b, s);
    fputs(b.data != NULL ? b.data : "", stdout);
    buf_free(&b);
}

static void print_head(const struct replay_report *r)
{
    const struct replay_result *x = r->result;
    char from[MOMENT_TEXT], to[MOMENT_TEXT], length[MOMENT_TEXT];
    moment_format_s(x->from, from);
    moment_format_s(x->to, to);
    duration_format((x->to - x->from) / MOMENT_SECOND * MOMENT_SECOND, length);
    printf("%s to %s (%s): %" PRIu32 " poll%s", from, to, length, x->polls, plural(x->polls));
    if (x->failed_polls > 0)
        printf(", %" PRIu32 " of them failed", x->failed_polls);
    printf(", %" PRIu32 " alert%s\n", r->summaries[0].alerts, plural(r->summaries[0].alerts));
    if (x->gaps > 0) {
        duration_format(x->gaps_us / MOMENT_SECOND * MOMENT_SECOND, length);
        printf("%" PRIu32 " gap%s, %s together: nothing is known of that time, and nothing was decided in it\n", x->gaps,
               plural(x->gaps), length);
    }
}

static void print_totals(const struct summary *s)
{
    uint32_t retriggers = 0, failed = 0, cancelled = 0;
    char at[MOMENT_TEXT];
    for (size_t i = 0; i < s->n_policies; i++) {
        retriggers += s->policies[i].retriggers;
        failed += s->policies[i].failed;
        cancelled += s->policies[i].cancelled;
    }
    printf("%" PRIu32 " Task%s", s->tasks, plural(s->tasks));
    if (retriggers > 0)
        printf(", %" PRIu32 " of them because an alert fired again", retriggers);
    if (failed > 0)
        printf(", %" PRIu32 " failed", failed);
    if (cancelled > 0)
        printf(", %" PRIu32 " cancelled", cancelled);
    if (s->peak > 0) {
        moment_format_s(s->peak_at, at);
        printf("; at most %" PRIu32 " at once, first at %s", s->peak, at);
    }
    if (s->shadow > 0)
        printf("; %" PRIu32 " more without mode shadow", s->shadow);
    putchar('\n');
}

static void print_policies(const struct summary *s)
{
    static const char *const headers[] = {"POLICY", "TASKS", "RETRIGGERS", "FAILED", "CANCELLED", "SHADOW", "BUSIEST HOUR"};
    if (s->n_policies == 0)
        return;
    heading("Tasks by policy");
    struct table *t = table_create(headers, 7);
    for (size_t i = 0; i < s->n_policies; i++) {
        const struct policy_summary *p = &s->policies[i];
        char n[5][16], at[MOMENT_TEXT] = "", busiest[64] = "";
        const uint32_t figures[] = {p->tasks, p->retriggers, p->failed, p->cancelled, p->shadow};
        for (int k = 0; k < 5; k++)
            snprintf(n[k], sizeof n[k], "%" PRIu32, figures[k]);
        if (p->most_hour > 0) {
            moment_format_s(p->most_hour_at, at);
            snprintf(busiest, sizeof busiest, "%" PRIu32 " from %s", p->most_hour, at);
        }
        const char *cells[] = {p->policy, n[0], n[1], n[2], n[3], n[4], busiest};
        table_add(t, cells);
    }
    table_print(t, "  ");
    table_free(&t);
}

static uint32_t hour_sum(const struct summary *s, size_t hour)
{
    uint32_t sum = 0;
    for (size_t p = 0; p < s->n_policies; p++)
        sum += s->hours[hour * s->n_policies + p];
    return sum;
}

static void print_hours(const struct summary *s)
{
    uint32_t most = 0;
    for (size_t i = 0; i < s->n_hours; i++)
        if (hour_sum(s, i) > most)
            most = hour_sum(s, i);
    if (most == 0)
        return;
    heading(s->n_hours > HOURS_ALL ? "Tasks per hour (UTC; hours without are left out)" : "Tasks per hour (UTC)");
    for (size_t i = 0; i < s->n_hours; i++) {
        char text[MOMENT_TEXT];
        uint32_t sum = hour_sum(s, i);
        if (sum == 0 && s->n_hours > HOURS_ALL)
            continue;
        moment_format_s(s->first_hour + (moment_t)i * HOUR_US, text);
        printf("  %.10s %.5s %5" PRIu32 " ", text, text + 11, sum);
        for (uint32_t k = 0; k < (sum * BAR + most - 1) / most; k++)
            putchar('#');
        const char *lead = "  ";
        for (size_t p = 0; p < s->n_policies && s->n_policies > 1; p++)
            if (s->hours[i * s->n_policies + p] > 0) {
                fputs(lead, stdout);
                visible(s->policies[p].policy);
                printf(" %" PRIu32, s->hours[i * s->n_policies + p]);
                lead = ", ";
            }
        putchar('\n');
    }
}

static void print_decisions(const struct history *h)
{
    static const char *const headers[] = {"VERDICT", "REASON", "POLICY", "ALERTS", "DECISIONS"};
    if (h->n_counts == 0)
        return;
    heading("Decisions by reason");
    struct table *t = table_create(headers, 5);
    for (size_t i = 0; i < h->n_counts; i++) {
        const struct decision_count *c = &h->counts[i];
        char alerts[16], decisions[24];
        snprintf(alerts, sizeof alerts, "%" PRIu32, c->alerts);
        snprintf(decisions, sizeof decisions, "%" PRIu64, c->decisions);
        const char *cells[] = {verdict_name(c->verdict), c->reason, c->policy, alerts, decisions};
        table_add(t, cells);
    }
    table_print(t, "  ");
    table_free(&t);
}

static void print_waits(const struct summary *s)
{
    char median[MOMENT_TEXT], most[MOMENT_TEXT];
    if (s->waits > 0) {
        duration_format(s->wait_median_us / MOMENT_SECOND * MOMENT_SECOND, median);
        duration_format(s->wait_max_us / MOMENT_SECOND * MOMENT_SECOND, most);
        heading("Waits");
        printf("  %" PRIu32 " alert%s waited, %s in the middle and %s at most; %" PRIu32 " got a Task, %" PRIu32
               " went before\n",
               s->waits, plural(s->waits), median, most, s->waits_task, s->waits_gone);
    }
    if (s->n_storms > 0)
        heading("Storms");
    for (size_t i = 0; i < s->n_storms; i++) {
        char at[MOMENT_TEXT], length[MOMENT_TEXT];
        moment_format_s(s->storms[i].from, at);
        duration_format((s->storms[i].to - s->storms[i].from) / MOMENT_SECOND * MOMENT_SECOND, length);
        printf("  %s: %" PRIu32 " alerts began within %s, %" PRIu32 " Task%s\n", at, s->storms[i].alerts, length,
               s->storms[i].tasks, plural(s->storms[i].tasks));
    }
}

static void print_spawners(const struct history *h)
{
    for (size_t i = 0; i < h->n_spawners; i++) {
        const struct spawner_history *s = &h->spawners[i];
        if (s->failed > 0)
            say("Warning: %s: %" PRIu32 " of %" PRIu32 " cycles failed, the first with: %s", s->who, s->failed,
                s->cycles + s->failed, s->first_failure);
        else if (s->cycles + s->suspended == 0)
            say("Warning: %s: the recording holds no answer of its Alertmanager; --alertmanager URL makes it ask another", s->who);
    }
    for (size_t i = 0; i < h->n_notes; i++)
        say("Warning: %s", h->notes[i]);
}

static void print_side(const struct replay_report *r, size_t side)
{
    const struct history *h = r->result->sides[side];
    if (r->n_sides > 1) {
        heading(r->names[side]);
        fputs("  ", stdout);
    }
    print_totals(&r->summaries[side]);
    print_policies(&r->summaries[side]);
    if (side == 0)
        print_hours(&r->summaries[side]);
    print_decisions(h);
    print_waits(&r->summaries[side]);
}

static void print_reason(const char *name, size_t width, const struct side_reason *s)
{
    char at[MOMENT_TEXT], where[128] = "";
    printf("    %-*s  ", (int)width, name);
    if (s->unseen) {
        puts("never saw it");
        return;
    }
    if (s->task != NULL) {
        moment_format_s(s->task->at, at);
        printf("%s ", at);
    }
    printf("%s ", verdict_name(s->verdict));
    visible(s->reason);
    if (*s->where != '\0')
        snprintf(where, sizeof where, ", %s", s->where);
    if (*s->policy != '\0') {
        fputs("  [", stdout);
        visible(s->policy);
        visible(where);
        putchar(']');
    }
    if (*s->detail != '\0') {
        fputs("  ", stdout);
        visible(s->detail);
    }
    putchar('\n');
}

static void print_differences(const struct replay_report *r)
{
    const struct differences *d = &r->differences;
    size_t width = strlen(r->names[0]) > strlen(r->names[1]) ? strlen(r->names[0]) : strlen(r->names[1]);
    char title[512];
    snprintf(title, sizeof title, "What %s does otherwise than %s", r->names[0], r->names[1]);
    heading(title);
    printf("  %zu Task%s added, %zu removed, %zu retimed\n", d->by_change[CHANGE_ADDED], plural(d->by_change[CHANGE_ADDED]),
           d->by_change[CHANGE_REMOVED], d->by_change[CHANGE_RETIMED]);
    for (size_t i = 0; i < d->n && i < DIFFERENCES_SHOWN; i++) {
        const struct difference *x = &d->v[i];
        char fp[IDENTITY_TEXT], at[MOMENT_TEXT];
        identity_format(x->fingerprint, fp);
        moment_format_s(x->at, at);
        printf("  %c %s  ", "+-~"[x->change], at);
        visible(*x->alertname != '\0' ? x->alertname : "(no alertname)");
        printf(" %s  ", fp);
        visible(x->who);
        putchar('\n');
        print_reason(r->names[0], width, &x->ours);
        print_reason(r->names[1], width, &x->theirs);
    }
    if (d->n > DIFFERENCES_SHOWN)
        printf("  ... and %zu more: -o json and --html have them all\n", d->n - DIFFERENCES_SHOWN);
}

void replay_text(const struct replay_report *r)
{
    print_head(r);
    for (size_t i = 0; i < r->n_sides; i++)
        print_side(r, i);
    if (r->n_sides == 2)
        print_differences(r);
    for (size_t i = 0; i < r->n_sides; i++)
        print_spawners(r->result->sides[i]);
}

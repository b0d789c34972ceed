/* The report for people, on a terminal with colour and signs, or plain: a sign for each test, then what was wrong, in the
 * order of busted: the summary first. */
#include "spec/spec_coverage.h"
#include "spec/spec_report.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *const colours[SPEC_STATUSES] = {"32", "31", "35", "33"};
static const char *const signs[SPEC_STATUSES] = {"●", "◼", "✱", "◌"};
static const char *const plain_signs[SPEC_STATUSES] = {"+", "-", "*", "."};
static const char *const titles[SPEC_STATUSES] = {"Success", "Failure", "Error", "Pending"};

static bool is_plain(const struct spec_out *o)
{
    return o->format == &spec_format_plain;
}

static void paint(struct spec_out *o, const char *colour, const char *text)
{
    if (o->colour && !is_plain(o))
        fprintf(o->f, "\033[%sm%s\033[0m", colour, text);
    else
        fputs(text, o->f);
}

static void end_line(struct spec_out *o)
{
    if (o->n_dots > 0)
        fputc('\n', o->f);
    o->n_dots = 0;
}

/* ---- details, gathered until the end ---- */

static void add_line(struct spec_out *o, FILE *f, const char *label, const char *text)
{
    (void)o;
    fprintf(f, "  %s", label);
    const char *nl = strchr(text, '\n');
    if (nl == NULL) {
        spec_print_text(f, text, "");
        if (*text == '\0')
            fputc('\n', f);
        return;
    }
    fputc('\n', f);
    spec_print_text(f, text, "    ");
}

static void print_diff(struct spec_out *o, FILE *f, const cJSON *members)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(members, "diff"), *d;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0)
        return;
    fputs("Different:\n", f);
    cJSON_ArrayForEach(d, list)
    {
        char *label = xasprintf("%s: expected ", member_text(d, "path"));
        struct buf line = {0};
        buf_addf(&line, "%s, got %s", member_text(d, "expected"), member_text(d, "actual"));
        struct buf seen = {0};
        buf_add_visible(&seen, label);
        add_line(o, f, seen.data != NULL ? seen.data : "", line.data);
        buf_free(&seen);
        buf_free(&line);
        free(label);
    }
}

static void add_json(struct buf *b, const cJSON *v)
{
    char *text = v != NULL ? cJSON_PrintUnformatted(v) : NULL;
    buf_adds(b, cJSON_IsString(v) ? v->valuestring : text != NULL ? text : "");
    free(text);
}

/* One hook's layer: what it returned and where, the line that did, and what it had read. */
static void print_step(FILE *f, const cJSON *step)
{
    struct buf b = {0};
    int depth = (int)member_number(step, "depth");
    const cJSON *reads = cJSON_GetObjectItemCaseSensitive(step, "reads"), *read;
    for (int i = 0; i < depth && i < 8; i++)
        buf_adds(&b, "  ");
    buf_addf(&b, "%-10s ", member_text(step, "hook"));
    if (member_has_text(step, "error"))
        buf_adds(&b, member_text(step, "error"));
    else
        add_json(&b, cJSON_GetObjectItemCaseSensitive(step, "value"));
    if (member_has_text(step, "reason"))
        buf_addf(&b, ", %s", member_text(step, "reason"));
    if (member_has_text(step, "detail"))
        buf_addf(&b, " (%s)", member_text(step, "detail"));
    if (member_has_text(step, "by"))
        buf_addf(&b, "   %s", member_text(step, "by"));
    spec_print_text(f, b.data, "    ");
    bool own = strncmp(member_text(step, "by"), "default.lua", 11) != 0;
    if (own && member_has_text(step, "source"))
        spec_print_text(f, member_text(step, "source"), "               ");
    buf_clear(&b);
    cJSON_ArrayForEach(read, reads)
    {
        buf_addf(&b, "%s%s = ", b.len > 0 ? ", " : "read ", read->string != NULL ? read->string : "");
        add_json(&b, read);
    }
    if (own && b.len > 0)
        spec_print_text(f, b.data, "               ");
    buf_free(&b);
}

/* What the policy decided on the way to the failure: the last decisions first, as they are nearest to it. */
static void print_decisions(FILE *f, const cJSON *members)
{
    enum { SHOWN = 2 };
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(members, "decisions");
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (n == 0)
        return;
    fprintf(f, "What the policy decided%s:\n", n > 1 ? ", the last first" : "");
    for (int i = n - 1; i >= 0 && i >= n - SHOWN; i--) {
        const cJSON *d = cJSON_GetArrayItem(list, i), *step;
        struct buf b = {0};
        buf_addf(&b, "%s%s%s: %s (%s) by %s at %s", member_text(d, "verdict"), member_has_text(d, "reason") ? " " : "",
                 member_text(d, "reason"), member_text(d, "alertname"), member_text(d, "fingerprint"),
                 member_text(d, "policy"), member_text(d, "time"));
        spec_print_text(f, b.data, "  ");
        buf_free(&b);
        cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(d, "chain")) print_step(f, step);
    }
    if (n > SHOWN)
        fprintf(f, "  ... and %d before\n", n - SHOWN);
}

static void print_head(struct spec_out *o, FILE *f, enum spec_status status, const cJSON *m)
{
    struct buf place = {0}, name = {0};
    const char *file = member_has_text(m, "short") ? member_text(m, "short") : member_text(m, "file");
    int line = (int)member_number(m, "line");
    char *text = line > 0 ? xasprintf("%s @ %d", file, line) : xstrdup(file); /* a whole file has no line */
    buf_add_visible(&place, text);
    buf_add_visible(&name, member_text(m, "name"));
    bool colour = o->colour && !is_plain(o);
    if (colour)
        fprintf(f, "\n\033[%sm%s\033[0m %s \033[36m%s\033[0m\n\033[1m%s\033[0m\n", colours[status], titles[status],
                "→", place.data, name.data != NULL ? name.data : "");
    else
        fprintf(f, "\n%s %s %s\n%s\n", titles[status], is_plain(o) ? "->" : "→", place.data,
                name.data != NULL ? name.data : "");
    buf_free(&place);
    buf_free(&name);
    free(text);
}

static void add_details(struct spec_out *o, enum spec_status status, const cJSON *m)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL)
        return;
    print_head(o, f, status, m);
    if (status == SPEC_PENDING) {
        spec_print_text(f, member_text(m, "pending"), "");
    } else {
        const cJSON *also;
        spec_print_text(f, member_text(m, "message"), "");
        cJSON_ArrayForEach(also, cJSON_GetObjectItemCaseSensitive(m, "also"))
        {
            if (cJSON_IsString(also))
                spec_print_text(f, also->valuestring, "and then: ");
        }
        print_diff(o, f, m);
        print_decisions(f, m);
        if (member_has_text(m, "seed") || cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(m, "seed")))
            fprintf(f, "Random seed: %.0f\n", member_number(m, "seed"));
        if (o->verbose)
            spec_print_text(f, member_text(m, "trace"), "");
    }
    fclose(f);
    buf_add(&o->later, text, len);
    free(text);
}

/* ---- events ---- */

static void terminal_begin(struct spec_out *o)
{
    (void)o;
}

static void print_sign(struct spec_out *o, enum spec_status status)
{
    enum { LINE = 80 };
    if (o->n_dots == LINE)
        end_line(o);
    paint(o, colours[status], is_plain(o) ? plain_signs[status] : signs[status]);
    o->n_dots++;
    fflush(o->f);
}

static void terminal_event(struct spec_out *o, const char *kind, const cJSON *m)
{
    enum spec_status status;
    if (strcmp(kind, "print") == 0) {
        const char *text = cJSON_GetStringValue(m);
        end_line(o);
        spec_print_text(o->f, text != NULL ? text : "", "");
        return;
    }
    if (strcmp(kind, "warning") == 0) {
        struct buf b = {0};
        end_line(o);
        buf_addf(&b, "Warning: %s:%d: %s", member_text(m, "file"), (int)member_number(m, "line"), member_text(m, "message"));
        spec_print_text(o->f, b.data, "");
        buf_free(&b);
        return;
    }
    if (spec_event_status(kind, m, &status) != 0)
        return;
    if (o->verbose) {
        struct buf b = {0};
        end_line(o);
        buf_addf(&b, " %s (%.1f ms)", member_text(m, "name"), member_number(m, "seconds") * 1000);
        paint(o, colours[status], is_plain(o) ? plain_signs[status] : signs[status]);
        spec_print_text(o->f, b.data, "");
        buf_free(&b);
    } else {
        print_sign(o, status);
    }
    if (status != SPEC_SUCCESS)
        add_details(o, status, m);
}

static void print_count(struct spec_out *o, size_t n, const char *one, const char *many, const char *colour, bool more)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", n);
    paint(o, colour, text);
    fprintf(o->f, " %s%s", n == 1 ? one : many, more ? " / " : "");
}

static void terminal_end(struct spec_out *o, const struct spec_totals *t, const struct spec_coverage_sum *c)
{
    end_line(o);
    print_count(o, t->n[SPEC_SUCCESS], "success", "successes", colours[SPEC_SUCCESS], true);
    print_count(o, t->n[SPEC_FAILURE], "failure", "failures", colours[SPEC_FAILURE], true);
    print_count(o, t->n[SPEC_ERROR], "error", "errors", colours[SPEC_ERROR], true);
    print_count(o, t->n[SPEC_PENDING], "pending", "pending", colours[SPEC_PENDING], false);
    fprintf(o->f, " : %.3f seconds\n", t->seconds);
    if (o->later.len > 0)
        fwrite(o->later.data, 1, o->later.len, o->f);
    buf_clear(&o->later);
    if (t->shuffled)
        fprintf(o->f, "\nShuffled; the same order again with --seed %lld\n", (long long)t->seed);
    if (t->stopped)
        fputs("\nStopped at the first failure (--no-keep-going)\n", o->f);
    if (c != NULL)
        spec_coverage_print(c, o->f);
}

const struct spec_format spec_format_terminal = {"terminal", "a sign for each test, then what was wrong", terminal_begin,
                                                 terminal_event, terminal_end};
const struct spec_format spec_format_plain = {"plain", "the same in ASCII, without colour", terminal_begin, terminal_event,
                                              terminal_end};

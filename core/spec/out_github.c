/* Annotations of GitHub Actions: what failed appears at its line of the change. */
#include "spec/spec_report.h"

#include <string.h>

/* %, line ends and, in a property, : and , are escaped. */
static void print_escaped(FILE *f, const char *s, bool property)
{
    for (; *s != '\0'; s++) {
        if (*s == '%' || *s == '\r' || *s == '\n' || (property && (*s == ':' || *s == ',')))
            fprintf(f, "%%%02X", (unsigned char)*s);
        else
            fputc((unsigned char)*s < 0x20 ? ' ' : *s, f);
    }
}

static void annotate(FILE *f, const char *level, const char *file, int line, const char *title, const char *text)
{
    fprintf(f, "::%s file=", level);
    print_escaped(f, file, true);
    if (line > 0)
        fprintf(f, ",line=%d", line);
    fputs(",title=", f);
    print_escaped(f, title, true);
    fputs("::", f);
    print_escaped(f, text, false);
    fputc('\n', f);
}

static void github_begin(struct spec_out *o)
{
    (void)o;
}

static void github_event(struct spec_out *o, const char *kind, const cJSON *m)
{
    enum spec_status status;
    if (strcmp(kind, "warning") == 0) {
        annotate(o->f, "warning", member_text(m, "file"), (int)member_number(m, "line"), "spec", member_text(m, "message"));
        return;
    }
    if (spec_event_status(kind, m, &status) != 0 || status == SPEC_SUCCESS || status == SPEC_PENDING)
        return;
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(m, "at");
    bool same = member_has_text(at, "file") && strcmp(member_text(at, "file"), member_text(m, "file")) == 0;
    annotate(o->f, "error", member_text(m, "file"), (int)member_number(same ? at : m, "line"), member_text(m, "name"),
             member_text(m, "message"));
}

static void github_end(struct spec_out *o, const struct spec_totals *t, const struct spec_coverage_sum *c)
{
    (void)c;
    fprintf(o->f, "%zu successes, %zu failures, %zu errors, %zu pending\n", t->n[SPEC_SUCCESS], t->n[SPEC_FAILURE],
            t->n[SPEC_ERROR], t->n[SPEC_PENDING]);
}

const struct spec_format spec_format_github = {"github", "annotations of GitHub Actions", github_begin, github_event,
                                               github_end};

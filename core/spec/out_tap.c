/* The Test Anything Protocol, line for line as busted prints it; the plan comes last. */
#include "spec/spec_report.h"

#include <string.h>

static void tap_begin(struct spec_out *o)
{
    (void)o;
}

/* Text behind "# ": every line of it is a comment. */
static void print_comment(FILE *f, const char *lead, const char *text)
{
    fprintf(f, "# %s", lead);
    for (; *text != '\0'; text++) {
        fputc((unsigned char)*text < 0x20 && *text != '\n' && *text != '\t' ? ' ' : *text, f);
        if (*text == '\n')
            fputs("# ", f);
    }
    fputc('\n', f);
}

static void print_name(FILE *f, const char *name)
{
    for (; *name != '\0'; name++)
        fputc((unsigned char)*name < 0x20 ? ' ' : *name, f);
    fputc('\n', f);
}

static void tap_event(struct spec_out *o, const char *kind, const cJSON *m)
{
    enum spec_status status;
    if (strcmp(kind, "print") == 0) {
        const char *text = cJSON_GetStringValue(m);
        if (text != NULL)
            fputs(text, o->f);
        return;
    }
    if (strcmp(kind, "test_start") == 0 && o->verbose && member_number(m, "line") > 0) {
        fprintf(o->f, "# %s @ %d: ", member_text(m, "short"), (int)member_number(m, "line"));
        print_name(o->f, member_text(m, "name"));
    }
    if (spec_event_status(kind, m, &status) != 0)
        return;
    size_t n = ++o->n_tests;
    if (status == SPEC_SUCCESS) {
        fprintf(o->f, "ok %zu - ", n);
        print_name(o->f, member_text(m, "name"));
    } else if (status == SPEC_PENDING) {
        fprintf(o->f, "ok %zu - # SKIP ", n);
        print_name(o->f, member_has_text(m, "pending") ? member_text(m, "pending") : member_text(m, "name"));
    } else {
        fprintf(o->f, "not ok %zu - ", n);
        print_name(o->f, member_text(m, "name"));
        fprintf(o->f, "# %s @ %d\n", member_has_text(m, "short") ? member_text(m, "short") : member_text(m, "file"),
                (int)member_number(m, "line"));
        if (cJSON_GetObjectItemCaseSensitive(m, "seed") != NULL)
            fprintf(o->f, "# Random seed: %.0f\n", member_number(m, "seed"));
        print_comment(o->f, "Failure message: ", member_text(m, "message"));
        if (o->verbose && member_has_text(m, "trace"))
            print_comment(o->f, "", member_text(m, "trace"));
    }
    fflush(o->f);
}

static void tap_end(struct spec_out *o, const struct spec_totals *t, const struct spec_coverage_sum *c)
{
    (void)t, (void)c;
    fprintf(o->f, "1..%zu\n", o->n_tests);
    o->n_tests = 0; /* each round of --repeat is counted anew */
}

const struct spec_format spec_format_tap = {"tap", "Test Anything Protocol, as busted's", tap_begin, tap_event, tap_end};

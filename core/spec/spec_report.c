/* What all formats share: see spec_report.h. */
#include "spec/spec_report.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const struct {
    const char *name;
    const struct spec_format *format;
} names[] = {
    {"terminal", &spec_format_terminal}, {"plain", &spec_format_plain},          {"tap", &spec_format_tap},
    {"junit", &spec_format_junit},       {"jsonl", &spec_format_jsonl},          {"github", &spec_format_github},
    {"utfTerminal", &spec_format_terminal}, {"plainTerminal", &spec_format_plain}, {"json", &spec_format_jsonl},
};

const struct spec_format *spec_format_find(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i].name, name) == 0)
            return names[i].format;
    return NULL;
}

void spec_format_names(struct buf *b)
{
    for (size_t i = 0; i < 6; i++)
        buf_addf(b, "%s%s", i == 0 ? "" : ", ", names[i].name);
}

int spec_out_open(const char *what, struct spec_out *o, struct err *e)
{
    const char *colon = strchr(what, ':');
    char *name = xstrndup(what, colon != NULL ? (size_t)(colon - what) : strlen(what));
    *o = (struct spec_out){.format = spec_format_find(name), .f = stdout};
    struct buf known = {0};
    int rc = 0;
    spec_format_names(&known);
    if (o->format == NULL)
        rc = err_set(e, ERR_USAGE, "unknown output format \"%s\": must be one of %s", name, known.data);
    else if (colon != NULL && colon[1] == '\0')
        rc = err_set(e, ERR_USAGE, "-o %s: a file's name is missing after the colon", what);
    buf_free(&known);
    free(name);
    if (rc != 0)
        return -1;
    if (colon != NULL) {
        o->path = xstrdup(colon + 1);
        o->f = fopen(o->path, "we");
        if (o->f == NULL) {
            err_set(e, ERR_IO, "%s: %s", o->path, strerror(errno));
            free(o->path);
            return -1;
        }
    }
    bool terminal = colon == NULL && isatty(STDOUT_FILENO);
    const char *term = getenv("TERM");
    o->colour = o->progress = terminal && (term == NULL || strcmp(term, "dumb") != 0);
    if (getenv("NO_COLOR") != NULL)
        o->colour = false;
    return 0;
}

int spec_out_close(struct spec_out *o, struct err *e)
{
    int rc = 0;
    errno = 0;
    if (o->f != NULL && (fflush(o->f) != 0 || ferror(o->f)))
        rc = err_set(e, ERR_IO, "%s: %s", o->path != NULL ? o->path : "standard output",
                     errno != 0 ? strerror(errno) : "it could not be written");
    if (o->f != NULL && o->f != stdout && fclose(o->f) != 0 && rc == 0)
        rc = err_set(e, ERR_IO, "%s: %s", o->path, strerror(errno));
    buf_free(&o->later);
    buf_free(&o->file);
    free(o->path);
    free(o->suite);
    *o = (struct spec_out){0};
    return rc;
}

const char *member_text(const cJSON *members, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(members, name));
    return s != NULL ? s : "";
}

bool member_has_text(const cJSON *members, const char *name)
{
    return member_text(members, name)[0] != '\0';
}

double member_number(const cJSON *members, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(members, name);
    return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

static const char *const status_names[SPEC_STATUSES] = {"success", "failure", "error", "pending"};

const char *spec_status_name(enum spec_status s)
{
    return status_names[s];
}

int spec_event_status(const char *kind, const cJSON *members, enum spec_status *status_r)
{
    if (strcmp(kind, "test_end") != 0 && strcmp(kind, "problem") != 0)
        return -1;
    const char *status = member_text(members, "status");
    *status_r = SPEC_ERROR; /* whatever it may be, it is no success */
    for (size_t i = 0; i < SPEC_STATUSES; i++)
        if (strcmp(status, status_names[i]) == 0)
            *status_r = (enum spec_status)i;
    return 0;
}

/* One line; tabs are harmless, and common in what specs print. */
static void print_line(FILE *f, char *line)
{
    for (char *part = line; part != NULL;) {
        char *tab = strchr(part, '\t');
        struct buf b = {0};
        if (tab != NULL)
            *tab = '\0';
        buf_add_visible(&b, part);
        fputs(b.data != NULL ? b.data : "", f);
        buf_free(&b);
        if (tab != NULL)
            fputc('\t', f);
        part = tab != NULL ? tab + 1 : NULL;
    }
}

void spec_print_text(FILE *f, const char *text, const char *indent)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        char *line = xstrndup(text, n);
        fputs(indent, f);
        print_line(f, line);
        fputc('\n', f);
        free(line);
        text += n;
        if (*text == '\n')
            text++;
    }
}

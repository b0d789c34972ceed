/* JUnit's XML: a testsuite for each file, a testcase for each test; problems outside of tests are testcases, too. */
#include "spec/spec_report.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Text as XML 1.0 may hold it. */
static void add_xml(struct buf *b, const char *s)
{
    while (*s != '\0') {
        size_t n = utf8_len(s, strlen(s));
        unsigned char c = (unsigned char)*s;
        bool none = n == 0 || (n == 1 && c < 0x20 && c != '\t' && c != '\n') || c == 0x7f ||
                    (n == 3 && c == 0xef && (unsigned char)s[1] == 0xbf && (unsigned char)s[2] >= 0xbe); /* U+FFFE, U+FFFF */
        if (none)
            buf_adds(b, "\xef\xbf\xbd");
        else if (*s == '<')
            buf_adds(b, "&lt;");
        else if (*s == '>')
            buf_adds(b, "&gt;");
        else if (*s == '&')
            buf_adds(b, "&amp;");
        else if (*s == '"')
            buf_adds(b, "&quot;");
        else if (*s == '\n')
            buf_adds(b, "&#10;");
        else if (*s == '\t')
            buf_adds(b, "&#9;");
        else
            buf_add(b, s, n);
        s += n > 0 ? n : 1;
    }
}

static void add_attribute(struct buf *b, const char *name, const char *value)
{
    buf_addf(b, " %s=\"", name);
    add_xml(b, value);
    buf_addc(b, '"');
}

static void junit_begin(struct spec_out *o)
{
    (void)o;
}

static void add_result(struct buf *b, enum spec_status status, const cJSON *m)
{
    if (status == SPEC_PENDING) {
        buf_adds(b, ">\n      <skipped");
        if (member_has_text(m, "pending"))
            add_attribute(b, "message", member_text(m, "pending"));
        buf_adds(b, "/>\n    </testcase>\n");
        return;
    }
    const char *element = status == SPEC_FAILURE ? "failure" : "error", *message = member_text(m, "message");
    char *first = xstrndup(message, strcspn(message, "\n"));
    buf_addf(b, ">\n      <%s", element);
    add_attribute(b, "type", element);
    add_attribute(b, "message", first);
    buf_addc(b, '>');
    add_xml(b, message);
    if (member_has_text(m, "trace")) {
        buf_adds(b, "&#10;");
        add_xml(b, member_text(m, "trace"));
    }
    const cJSON *decisions = cJSON_GetObjectItemCaseSensitive(m, "decisions");
    if (cJSON_IsArray(decisions)) {
        char *text = cJSON_PrintUnformatted(decisions);
        buf_adds(b, "&#10;decisions: ");
        add_xml(b, text);
        free(text);
    }
    buf_addf(b, "</%s>\n    </testcase>\n", element);
    free(first);
}

static void close_suite(struct spec_out *o)
{
    if (o->suite == NULL)
        return;
    struct buf *b = &o->later;
    buf_adds(b, "  <testsuite");
    add_attribute(b, "name", o->suite);
    buf_addf(b, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skip=\"%zu\" skipped=\"%zu\" time=\"%.6f\">\n", o->in_file,
             o->n[SPEC_FAILURE], o->n[SPEC_ERROR], o->n[SPEC_PENDING], o->n[SPEC_PENDING], o->file_seconds);
    buf_add(b, o->file.data, o->file.len);
    buf_adds(b, "  </testsuite>\n");
    for (size_t i = 0; i < SPEC_STATUSES; i++)
        o->all[i] += o->n[i];
    o->all_seconds += o->file_seconds;
    buf_clear(&o->file);
    memset(o->n, 0, sizeof o->n);
    o->in_file = 0;
    o->file_seconds = 0;
    free(o->suite);
    o->suite = NULL;
}

static void junit_event(struct spec_out *o, const char *kind, const cJSON *m)
{
    enum spec_status status;
    if (spec_event_status(kind, m, &status) != 0)
        return;
    const char *file = member_text(m, "file");
    if (o->suite != NULL && strcmp(o->suite, file) != 0)
        close_suite(o);
    if (o->suite == NULL)
        o->suite = xstrdup(file);
    o->n[status]++;
    o->in_file++;
    o->file_seconds += member_number(m, "seconds");
    struct buf *b = &o->file;
    char *class = xasprintf("%s:%d", file, (int)member_number(m, "line"));
    buf_adds(b, "    <testcase");
    add_attribute(b, "classname", class);
    add_attribute(b, "name", member_text(m, "name"));
    buf_addf(b, " time=\"%.6f\"", member_number(m, "seconds"));
    free(class);
    if (status == SPEC_SUCCESS)
        buf_adds(b, "/>\n");
    else
        add_result(b, status, m);
}

static void junit_end(struct spec_out *o, const struct spec_totals *t, const struct spec_coverage_sum *c)
{
    (void)c;
    close_suite(o);
    if (t->run < t->runs && !t->stopped)
        return;
    size_t n = 0;
    for (size_t i = 0; i < SPEC_STATUSES; i++)
        n += o->all[i];
    fprintf(o->f,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
            "skipped=\"%zu\" time=\"%.6f\">\n",
            n, o->all[SPEC_FAILURE], o->all[SPEC_ERROR], o->all[SPEC_PENDING], o->all_seconds);
    if (o->later.len > 0)
        fwrite(o->later.data, 1, o->later.len, o->f);
    fputs("</testsuites>\n", o->f);
}

const struct spec_format spec_format_junit = {"junit", "XML for CI servers", junit_begin, junit_event, junit_end};

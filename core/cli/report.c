/* Printing decisions: see report.h. The names in the JSON are a contract. */
#include "cli/report.h"

#include "base/buf.h"
#include "cli/table.h"
#include "cli/say.h"
#include "spawner/decision.h"
#include "spawner/spawner.h"
#include "spawner/yaml_out.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

void report_begin(struct report *r, enum output format)
{
    *r = (struct report){.format = format};
    if (format == OUTPUT_JSON)
        fputs("{\"spawners\":[", stdout);
    else if (format == OUTPUT_YAML)
        fputs("spawners:", stdout);
}

static void print_json_string(const char *s)
{
    cJSON *o = cJSON_CreateString(s);
    char *text = cJSON_PrintUnformatted(o);
    fputs(text, stdout);
    free(text);
    cJSON_Delete(o);
}

static void json_cycle(struct report *r, struct cycle *c)
{
    const struct spawner *s = cycle_spawner(c);
    printf("%s\n {\"name\":", r->cycles > 0 ? "," : "");
    print_json_string(s->name);
    fputs(",\"namespace\":", stdout);
    print_json_string(s->ns);
    if (cycle_error(c) != NULL) {
        fputs(",\"error\":", stdout);
        print_json_string(cycle_error(c)->msg);
    }
    fputs(",\"decisions\":[", stdout);
    for (size_t i = 0; i < cycle_rows(c); i++) {
        cJSON *o = decision_make(c, i);
        char *text = cJSON_PrintUnformatted(o);
        printf("%s\n  %s", i > 0 ? "," : "", text);
        free(text);
        cJSON_Delete(o);
    }
    fputs("]}", stdout);
}

static void yaml_indented(const cJSON *o, const char *first, const char *rest)
{
    struct buf b = {0};
    yaml_out(o, &b);
    const char *lead = first;
    for (const char *p = b.data; *p;) {
        const char *nl = p;
        while (*nl && *nl != '\n')
            nl++;
        printf("%s%.*s\n", lead, (int)(nl - p), p);
        lead = rest;
        p = *nl ? nl + 1 : nl;
    }
    buf_free(&b);
}

static void yaml_cycle(struct report *r, struct cycle *c)
{
    const struct spawner *s = cycle_spawner(c);
    cJSON *head = cJSON_CreateObject();
    cJSON_AddStringToObject(head, "name", s->name);
    cJSON_AddStringToObject(head, "namespace", s->ns);
    if (cycle_error(c) != NULL)
        cJSON_AddStringToObject(head, "error", cycle_error(c)->msg);
    if (r->cycles == 0)
        putchar('\n');
    yaml_indented(head, "- ", "  ");
    cJSON_Delete(head);
    printf("  decisions:%s\n", cycle_rows(c) == 0 ? " []" : "");
    for (size_t i = 0; i < cycle_rows(c); i++) {
        cJSON *o = decision_make(c, i);
        yaml_indented(o, "  - ", "    ");
        cJSON_Delete(o);
    }
}

static void table_counts(struct cycle *c)
{
    size_t counts[VERDICT_COUNT];
    cycle_count(c, counts);
    printf("%zu alert%s", cycle_alerts(c), cycle_alerts(c) == 1 ? "" : "s");
    const char *lead = ": ";
    for (int v = 0; v < VERDICT_COUNT; v++)
        if (counts[v] > 0) {
            printf("%s%zu %s", lead, counts[v], verdict_name((enum verdict)v));
            lead = ", ";
        }
    putchar('\n');
}

static void table_cycle(struct report *r, struct cycle *c)
{
    const struct spawner *s = cycle_spawner(c);
    if (r->cycles > 0)
        putchar('\n');
    printf("%s: ", spawner_who(s));
    if (cycle_error(c) != NULL) {
        puts("failed");
        return; /* the sentence goes to standard error */
    }
    if (s->suspend) {
        puts("suspended");
        return;
    }
    table_counts(c);
    if (cycle_rows(c) == 0)
        return;
    static const char *const headers[] = {"VERDICT", "ALERTNAME", "FINGERPRINT", "REASON", "TASK", "DETAIL"};
    struct table *t = table_create(headers, 6);
    struct cycle_row row;
    for (size_t i = 0; i < cycle_rows(c); i++) {
        cycle_row(c, i, &row);
        const char *cells[] = {verdict_name(row.verdict), row.alertname, row.fingerprint, row.reason, row.task,
                               row.detail};
        table_add(t, cells);
    }
    table_print(t, "  ");
    table_free(&t);
}

void report_cycle(struct report *r, struct cycle *c)
{
    if (r->format == OUTPUT_JSON)
        json_cycle(r, c);
    else if (r->format == OUTPUT_YAML)
        yaml_cycle(r, c);
    else
        table_cycle(r, c);
    size_t counts[VERDICT_COUNT];
    cycle_count(c, counts);
    r->cycles++;
    r->failed += cycle_error(c) != NULL;
    r->errors += counts[VERDICT_ERROR];
    fflush(stdout);
    if (cycle_error(c) != NULL)
        say("Error: %s: %s", spawner_who(cycle_spawner(c)), cycle_error(c)->msg);
}

void report_end(struct report *r)
{
    if (r->format == OUTPUT_JSON)
        fputs("]}\n", stdout);
    else if (r->format == OUTPUT_YAML && r->cycles == 0)
        fputs(" []\n", stdout);
}

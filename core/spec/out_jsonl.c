/* A line of JSON for each event, with its kind; at last the summary, with the coverage. */
#include "spec/spec_coverage.h"
#include "spec/spec_report.h"

#include <stdlib.h>
#include <string.h>

static void write_line(struct spec_out *o, cJSON *line)
{
    char *text = cJSON_PrintUnformatted(line);
    fprintf(o->f, "%s\n", text);
    fflush(o->f);
    free(text);
    cJSON_Delete(line);
}

static void jsonl_begin(struct spec_out *o)
{
    (void)o;
}

static void jsonl_event(struct spec_out *o, const char *kind, const cJSON *m)
{
    static const char *const shown[] = {"test_end", "problem", "warning", "print", "file_start", "file_end"};
    bool is_shown = false;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        is_shown = is_shown || strcmp(kind, shown[i]) == 0;
    if (!is_shown)
        return;
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "kind", strcmp(kind, "test_end") == 0 ? "test" : kind);
    if (cJSON_IsString(m)) {
        cJSON_AddStringToObject(line, "text", m->valuestring);
    } else {
        const cJSON *member;
        cJSON_ArrayForEach(member, m)
        {
            if (member->string == NULL || strcmp(member->string, "kind") == 0)
                continue;
            if (cJSON_IsObject(member) && member->child == NULL) /* an empty table of Lua is a list, too */
                cJSON_AddItemToObject(line, member->string, cJSON_CreateArray());
            else
                cJSON_AddItemToObject(line, member->string, cJSON_Duplicate(member, true));
        }
    }
    write_line(o, line);
}

static void jsonl_end(struct spec_out *o, const struct spec_totals *t, const struct spec_coverage_sum *c)
{
    static const char *const names[SPEC_STATUSES] = {"successes", "failures", "errors", "pendings"};
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "kind", "summary");
    for (size_t i = 0; i < SPEC_STATUSES; i++)
        cJSON_AddNumberToObject(line, names[i], (double)t->n[i]);
    cJSON_AddNumberToObject(line, "tests", (double)t->tests);
    cJSON_AddNumberToObject(line, "files", (double)t->files);
    cJSON_AddNumberToObject(line, "seconds", t->seconds);
    cJSON_AddNumberToObject(line, "seed", (double)t->seed);
    cJSON_AddBoolToObject(line, "shuffled", t->shuffled);
    cJSON_AddNumberToObject(line, "run", t->run);
    if (c != NULL)
        cJSON_AddItemToObject(line, "coverage", spec_coverage_json(c));
    write_line(o, line);
}

const struct spec_format spec_format_jsonl = {"jsonl", "a line of JSON for each test, then a summary", jsonl_begin,
                                              jsonl_event, jsonl_end};

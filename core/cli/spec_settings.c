/* What was asked of `spec`: see spec_suite.h. */
#include "cli/spec_suite.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const cJSON *suite_option(const struct suite *s, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(s->options, name);
}

bool suite_flag(const struct suite *s, const char *name, bool missing)
{
    const cJSON *v = suite_option(s, name);
    return cJSON_IsBool(v) ? cJSON_IsTrue(v) : missing;
}

double suite_number(const struct suite *s, const char *name, double missing)
{
    const cJSON *v = suite_option(s, name);
    return cJSON_IsNumber(v) ? v->valuedouble : missing;
}

const char *suite_text(const struct suite *s, const char *name)
{
    return cJSON_GetStringValue(suite_option(s, name));
}

void suite_set(struct suite *s, const char *name, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(s->options, name);
    cJSON_AddItemToObject(s->options, name, value);
}

/* ---- options ---- */

/* .busted, or the file that is named, is a program: the runner reads it. */
static int merge_config(struct suite *s, struct err *e)
{
    const char *named = suite_text(s, "config-file"), *path = named != NULL ? named : ".busted", *task = suite_text(s, "run");
    struct buf source = {0};
    if (spec_file_read(path, &source, e) != 0) {
        buf_free(&source);
        if (named != NULL || e->kind != ERR_NOT_FOUND) {
            e->kind = ERR_USAGE;
            return -1;
        }
        if (task != NULL)
            return err_set(e, ERR_USAGE, "--run %s: there is no file .busted that could hold this task", task);
        e->kind = ERR_NONE;
        return 0;
    }
    cJSON *ask = cJSON_CreateObject();
    cJSON_AddStringToObject(ask, "mode", "config");
    cJSON_AddStringToObject(ask, "file", path);
    cJSON_AddStringToObject(ask, "source", source.data != NULL ? source.data : "");
    if (task != NULL)
        cJSON_AddStringToObject(ask, "task", task);
    cJSON_AddItemToObject(ask, "cli", cJSON_Duplicate(s->options, true));
    buf_free(&source);
    cJSON *answer = spec_ask(&s->setup, ask, e);
    cJSON *merged = cJSON_DetachItemFromObjectCaseSensitive(answer, "options");
    cJSON_Delete(answer);
    if (!cJSON_IsObject(merged)) {
        cJSON_Delete(merged);
        if (e->kind == ERR_NONE || e->kind == ERR_INVALID)
            e->kind = ERR_USAGE;
        return -1;
    }
    cJSON_Delete(s->options);
    s->options = merged;
    return 0;
}

/* A tag that is wanted and excluded at the same time is a slip. */
static int check_tags(const struct suite *s, struct err *e)
{
    const cJSON *tag, *no;
    cJSON_ArrayForEach(tag, suite_option(s, "tags"))
    {
        cJSON_ArrayForEach(no, suite_option(s, "exclude-tags"))
        {
            if (cJSON_IsString(tag) && cJSON_IsString(no) && strcmp(tag->valuestring, no->valuestring) == 0)
                return err_set(e, ERR_USAGE, "the tag %s is both in --tags and in --exclude-tags", tag->valuestring);
        }
    }
    return 0;
}

/* Files named in options become what stands in them. */
static int read_named(struct suite *s, struct err *e)
{
    struct buf b = {0};
    const char *helper = suite_text(s, "helper"), *names = suite_text(s, "exclude-names-file");
    if (helper != NULL) {
        if (spec_file_read(helper, &b, e) != 0) {
            buf_free(&b);
            e->kind = ERR_USAGE;
            return err_wrap(e, "--helper");
        }
        cJSON *list = cJSON_CreateArray(), *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "name", helper);
        cJSON_AddStringToObject(one, "source", b.data != NULL ? b.data : "");
        cJSON_AddItemToArray(list, one);
        suite_set(s, "helpers", list);
        buf_clear(&b);
    }
    if (names != NULL) {
        if (spec_file_read(names, &b, e) != 0) {
            buf_free(&b);
            e->kind = ERR_USAGE;
            return err_wrap(e, "--exclude-names-file");
        }
        cJSON *list = cJSON_CreateArray();
        char *save = NULL;
        for (char *line = b.data != NULL ? strtok_r(b.data, "\n", &save) : NULL; line != NULL; line = strtok_r(NULL, "\n", &save))
            cJSON_AddItemToArray(list, cJSON_CreateString(line));
        suite_set(s, "exclude-names", list);
    }
    buf_free(&b);
    return 0;
}

/* "./src/?.lua;./src/?/init.lua", as a string or a list of such: becomes a list of single ones. */
static void take_lpath(struct suite *s)
{
    const cJSON *given = suite_option(s, "lpath"), *one;
    cJSON *copy = cJSON_IsString(given) ? cJSON_CreateArray() : cJSON_Duplicate(given, true), *list = cJSON_CreateArray();
    if (cJSON_IsString(given))
        cJSON_AddItemToArray(copy, cJSON_CreateString(given->valuestring));
    cJSON_ArrayForEach(one, copy)
    {
        const char *p = cJSON_IsString(one) ? one->valuestring : "";
        while (*p != '\0') {
            size_t n = strcspn(p, ";");
            char *part = xstrndup(p, n);
            if (n > 0) {
                spec_reach_add_lpath(&s->reach, part);
                cJSON_AddItemToArray(list, cJSON_CreateString(part));
            }
            free(part);
            p += n + (p[n] == ';');
        }
    }
    cJSON_Delete(copy);
    if (given != NULL)
        suite_set(s, "lpath", list);
    else
        cJSON_Delete(list);
}

int suite_take_options(struct suite *s, struct err *e)
{
    if (merge_config(s, e) != 0 || check_tags(s, e) != 0 || read_named(s, e) != 0)
        return -1;
    static const char *const both[][3] = {{"shuffle", "shuffle-files", "shuffle-tests"}, {"sort", "sort-files", "sort-tests"}};
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 1; k < 3; k++)
            if (suite_flag(s, both[i][0], false) && suite_option(s, both[i][k]) == NULL)
                suite_set(s, both[i][k], cJSON_CreateBool(true));
    if (suite_option(s, "coverage-min") != NULL)
        suite_set(s, "coverage", cJSON_CreateBool(true));
    if (suite_option(s, "seed") == NULL)
        suite_set(s, "seed", cJSON_CreateNumber((double)(moment_now() / 1000 % 1000000000)));
    s->setup.seed = (int64_t)suite_number(s, "seed", 0);
    s->setup.list = suite_flag(s, "list", false);
    s->setup.options = s->options;
    s->reach.policies = suite_text(s, "policies");
    s->reach.update_golden = suite_flag(s, "update-golden", false);
    take_lpath(s);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    s->setup.parallel = (size_t)suite_number(s, "jobs", processors > 1 ? (double)processors : 1);
    return 0;
}

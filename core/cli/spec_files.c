/* Which files `spec` runs, in which order: see spec_suite.h. */
#include "cli/spec_suite.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int suite_find_files(struct suite *s, struct err *e)
{
    cJSON *standard = cJSON_Parse("[\"spec\"]");
    const cJSON *roots = suite_option(s, "ROOT"), *root;
    int rc = 0;
    if (cJSON_GetArraySize(roots) == 0)
        roots = standard;
    spec_selection_deinit(&s->found);
    cJSON_ArrayForEach(root, roots)
    {
        if (rc != 0 || !cJSON_IsString(root))
            continue;
        size_t before = s->found.n;
        rc = spec_select(root->valuestring, suite_flag(s, "recursive", true), &s->found, e);
        if (rc != 0)
            break;
        bool named = s->found.n == before + 1 && s->found.files[before].named;
        char *dir = named ? spec_dir_of(root->valuestring) : xstrdup(root->valuestring);
        spec_reach_add_root(&s->reach, dir);
        free(dir);
    }
    cJSON_Delete(standard);
    return rc;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool is_plain_pattern(const char *p)
{
    return strpbrk(p, "^$*+?.([%-") == NULL;
}

static bool only_plain(const cJSON *patterns)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, patterns)
    {
        if (!cJSON_IsString(p) || !is_plain_pattern(p->valuestring))
            return false;
    }
    return true;
}

static bool finds_any(const cJSON *patterns, const char *name)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, patterns)
    {
        if (strstr(name, p->valuestring) != NULL)
            return true;
    }
    return false;
}

static void add_file(struct suite *s, const char *path)
{
    s->files = xrealloc(s->files, (s->n_files + 1) * sizeof *s->files);
    s->files[s->n_files++] = xstrdup(path);
}

static cJSON *list_of_files(const struct suite *s, bool named)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < s->found.n; i++)
        if (s->found.files[i].named == named)
            cJSON_AddItemToArray(list, cJSON_CreateString(s->found.files[i].path));
    return list;
}

static bool is_in(const cJSON *list, const char *path)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, list)
    {
        if (cJSON_IsString(p) && strcmp(p->valuestring, path) == 0)
            return true;
    }
    return false;
}

/* Cases without code belong to the specs, whatever the pattern of Lua files is. */
static bool is_cases(const char *name)
{
    static const char end[] = "_cases.json";
    size_t n = strlen(name);
    return n > strlen(end) && strcmp(name + n - strlen(end), end) == 0;
}

/* Patterns are Lua's: the runner finds, unless they are plain text. */
int suite_match_files(struct suite *s, struct err *e)
{
    cJSON *standard = cJSON_Parse("[\"_spec\"]"), *none = cJSON_CreateArray();
    const cJSON *patterns = suite_option(s, "pattern"), *exclude = suite_option(s, "exclude-pattern");
    bool cases = cJSON_GetArraySize(patterns) == 0 || cJSON_Compare(patterns, standard, true); /* .busted's default, too */
    if (cJSON_GetArraySize(patterns) == 0)
        patterns = standard;
    if (!cJSON_IsArray(exclude))
        exclude = none;
    cJSON *answer = NULL;
    int rc = 0;
    if (!only_plain(patterns) || !only_plain(exclude)) {
        cJSON *ask = cJSON_CreateObject();
        cJSON_AddStringToObject(ask, "mode", "match");
        cJSON_AddItemToObject(ask, "files", list_of_files(s, false));
        cJSON_AddItemToObject(ask, "patterns", cJSON_Duplicate(patterns, true));
        cJSON_AddItemToObject(ask, "exclude", cJSON_Duplicate(exclude, true));
        answer = spec_ask(&s->setup, ask, e);
        if (answer == NULL) {
            rc = -1;
            e->kind = ERR_USAGE;
        }
    }
    const cJSON *matched = cJSON_GetObjectItemCaseSensitive(answer, "files");
    for (size_t i = 0; i < s->found.n && rc == 0; i++) {
        const char *path = s->found.files[i].path, *name = base_name(path);
        bool fits = answer != NULL ? is_in(matched, path) : finds_any(patterns, name) && !finds_any(exclude, name);
        fits = fits || (cases && is_cases(name) && (!only_plain(exclude) || !finds_any(exclude, name)));
        if (s->found.files[i].named || fits)
            add_file(s, path);
    }
    cJSON_Delete(answer);
    cJSON_Delete(standard);
    cJSON_Delete(none);
    return rc;
}

void suite_forget_files(struct suite *s)
{
    for (size_t i = 0; i < s->n_files; i++)
        free(s->files[i]);
    free(s->files);
    s->files = NULL;
    s->n_files = 0;
}

int suite_order_files(struct suite *s, struct err *e)
{
    bool shuffle = suite_flag(s, "shuffle-files", false), sort = suite_flag(s, "sort-files", false);
    if ((!shuffle && !sort) || s->n_files < 2)
        return 0;
    cJSON *ask = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(ask, "files");
    cJSON_AddStringToObject(ask, "mode", "order");
    cJSON_AddBoolToObject(ask, "shuffle", shuffle);
    cJSON_AddBoolToObject(ask, "sort", sort);
    cJSON_AddNumberToObject(ask, "seed", (double)s->setup.seed);
    for (size_t i = 0; i < s->n_files; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(s->files[i]));
    cJSON *answer = spec_ask(&s->setup, ask, e);
    const cJSON *ordered = cJSON_GetObjectItemCaseSensitive(answer, "files"), *path;
    int rc = answer != NULL ? 0 : -1;
    if (rc == 0 && (size_t)cJSON_GetArraySize(ordered) == s->n_files) {
        suite_forget_files(s);
        cJSON_ArrayForEach(path, ordered) add_file(s, cJSON_IsString(path) ? path->valuestring : "");
    } else if (rc == 0) {
        rc = err_set(e, ERR_BUG, "the spec runner gave another list of files back");
    }
    cJSON_Delete(answer);
    return rc;
}

/* The list of policies as a thing in memory, wherever its files came from: see policy_files.h. */
#include "policy/policy_files.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void policy_files_add_problem(struct policy_files *f, const char *file, const char *sentence)
{
    f->problems = xrealloc(f->problems, (f->n_problems + 1) * sizeof *f->problems);
    f->problems[f->n_problems++] = (struct policy_problem){xstrdup(file), xstrdup(sentence)};
}

const struct policy_problem *policy_files_problem(const struct policy_files *f, const char *file)
{
    for (size_t i = 0; i < f->n_problems; i++)
        if (strcmp(f->problems[i].file, file) == 0)
            return &f->problems[i];
    return NULL;
}

char *policy_problem_text(const struct policy_problem *p)
{
    size_t n = strlen(p->file);
    if (strncmp(p->sentence, p->file, n) == 0 && p->sentence[n] == ':')
        return xstrdup(p->sentence);
    return xasprintf("%s %s", p->file, p->sentence);
}

static void hash_file(XXH3_state_t *x, const struct policy_file *file)
{
    uint64_t len = file->len;
    XXH3_128bits_update(x, file->name, strlen(file->name) + 1);
    XXH3_128bits_update(x, &len, sizeof len);
    XXH3_128bits_update(x, file->source, file->len);
}

static void hash_count(XXH3_state_t *x, uint64_t n)
{
    XXH3_128bits_update(x, &n, sizeof n);
}

uint64_t policy_files_hash(const struct policy_files *f)
{
    XXH3_state_t *x = XXH3_createState();
    XXH3_128bits_reset(x);
    hash_count(x, f->n);
    for (size_t i = 0; i < f->n; i++) {
        hash_file(x, &f->files[i]);
        hash_count(x, f->files[i].n_libs);
        for (size_t k = 0; k < f->files[i].n_libs; k++)
            hash_count(x, f->files[i].libs[k]);
    }
    hash_count(x, f->n_libs);
    for (size_t i = 0; i < f->n_libs; i++)
        hash_file(x, &f->libs[i]);
    hash_count(x, f->n_beside);
    for (size_t i = 0; i < f->n_beside; i++) {
        const struct policy_beside *b = &f->beside[i];
        XXH3_128bits_update(x, b->name, strlen(b->name) + 1);
        hash_count(x, b->len);
        XXH3_128bits_update(x, b->bytes, b->len);
    }
    for (size_t i = 0; i < f->n_problems; i++) {
        XXH3_128bits_update(x, f->problems[i].file, strlen(f->problems[i].file) + 1);
        XXH3_128bits_update(x, f->problems[i].sentence, strlen(f->problems[i].sentence) + 1);
    }
    uint64_t hash = XXH3_128bits_digest(x).low64;
    XXH3_freeState(x);
    return hash;
}

static int compare_libs(const void *a, const void *b, void *libs)
{
    const struct policy_file *l = libs;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int c = strcmp(l[x].name, l[y].name);
    return c != 0 ? c : (x > y) - (x < y);
}

void policy_libs_sort(const struct policy_files *f, uint32_t *libs, size_t n)
{
    if (n > 1)
        qsort_r(libs, n, sizeof *libs, compare_libs, f->libs);
}

static struct policy_hash_file hash_view(const struct policy_file *file)
{
    return (struct policy_hash_file){file->name, {file->source, file->len}};
}

void policy_unit_hash(const struct policy_files *f, size_t file, const uint32_t *libs, size_t n_libs,
                      char out[POLICY_HASH])
{
    struct policy_hash_file unit = hash_view(&f->files[file]);
    struct policy_hash_file *included = xcalloc(n_libs + 1, sizeof *included);
    for (size_t i = 0; i < n_libs; i++)
        included[i] = hash_view(&f->libs[libs[i]]);
    policy_hash_unit(&unit, included, n_libs, out);
    free(included);
}

static void free_list(struct policy_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(files[i].name);
        free(files[i].source);
        free(files[i].libs);
    }
    free(files);
}

void policy_files_free(struct policy_files **files)
{
    struct policy_files *f = *files;
    if (f == NULL)
        return;
    free_list(f->files, f->n);
    free_list(f->libs, f->n_libs);
    policy_beside_free(f);
    for (size_t i = 0; i < f->n_problems; i++) {
        free(f->problems[i].file);
        free(f->problems[i].sentence);
    }
    free(f->problems);
    free(f);
    *files = NULL;
}

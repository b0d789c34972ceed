/* See spec_coverage.h. */
#include "spec/spec_coverage.h"

#include "spec/spec_report.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* One source. Other bytes under the same name are another one; then it is shown as often. */
struct lines {
    char *file, *hash;
    uint32_t *line;
    uint64_t *hits;
    size_t n;
};

struct reason {
    char *code;
    uint64_t n;
};

struct decided {
    char *policy, *file, *match, *hash; /* match NULL: only when named */
    uint64_t asked, matched;
    struct reason *reasons;
    size_t n_reasons;
};

struct spec_coverage_sum {
    struct lines *files;
    size_t n_files;
    struct decided *policies;
    size_t n_policies;
    char **ignored;
    size_t n_ignored;
};

struct spec_coverage_sum *spec_coverage_sum_create(void)
{
    return xcalloc(1, sizeof(struct spec_coverage_sum));
}

void spec_coverage_ignore(struct spec_coverage_sum *sum, const char *file)
{
    sum->ignored = xrealloc(sum->ignored, (sum->n_ignored + 1) * sizeof *sum->ignored);
    sum->ignored[sum->n_ignored++] = xstrdup(file);
}

static bool is_ignored(const struct spec_coverage_sum *sum, const char *file)
{
    for (size_t i = 0; i < sum->n_ignored; i++)
        if (strcmp(sum->ignored[i], file) == 0)
            return true;
    return false;
}

/* ---- taking ---- */

static struct lines *find_lines(struct spec_coverage_sum *sum, const char *file, const char *hash, size_t n)
{
    for (size_t i = 0; i < sum->n_files; i++)
        if (strcmp(sum->files[i].file, file) == 0 && strcmp(sum->files[i].hash, hash) == 0)
            return sum->files[i].n == n ? &sum->files[i] : NULL; /* the same bytes have the same lines */
    sum->files = xrealloc(sum->files, (sum->n_files + 1) * sizeof *sum->files);
    struct lines *l = &sum->files[sum->n_files++];
    *l = (struct lines){xstrdup(file), xstrdup(hash), xcalloc(n + 1, sizeof *l->line), xcalloc(n + 1, sizeof *l->hits), n};
    return l;
}

static void take_lines(struct spec_coverage_sum *sum, const cJSON *m)
{
    const cJSON *lines = cJSON_GetObjectItemCaseSensitive(m, "lines"), *hits = cJSON_GetObjectItemCaseSensitive(m, "hits");
    size_t n = (size_t)cJSON_GetArraySize(lines), i = 0;
    if (!cJSON_IsArray(lines) || !cJSON_IsArray(hits) || (size_t)cJSON_GetArraySize(hits) != n ||
        is_ignored(sum, member_text(m, "file")))
        return;
    struct lines *l = find_lines(sum, member_text(m, "file"), member_text(m, "hash"), n);
    const cJSON *line = lines->child, *hit = hits->child;
    for (; l != NULL && i < n; i++, line = line->next, hit = hit->next) {
        double number = cJSON_IsNumber(line) ? line->valuedouble : 0, count = cJSON_IsNumber(hit) ? hit->valuedouble : 0;
        l->line[i] = number > 0 && number < 1e9 ? (uint32_t)number : 0;
        l->hits[i] += count > 0 && count < 1e15 ? (uint64_t)count : 0;
    }
}

static struct decided *find_decided(struct spec_coverage_sum *sum, const cJSON *m)
{
    for (size_t i = 0; i < sum->n_policies; i++)
        if (strcmp(sum->policies[i].file, member_text(m, "file")) == 0 &&
            strcmp(sum->policies[i].hash, member_text(m, "hash")) == 0)
            return &sum->policies[i];
    sum->policies = xrealloc(sum->policies, (sum->n_policies + 1) * sizeof *sum->policies);
    struct decided *d = &sum->policies[sum->n_policies++];
    *d = (struct decided){.policy = xstrdup(member_text(m, "policy")),
                          .file = xstrdup(member_text(m, "file")),
                          .match = member_has_text(m, "match") ? xstrdup(member_text(m, "match")) : NULL,
                          .hash = xstrdup(member_text(m, "hash"))};
    return d;
}

static void take_decided(struct spec_coverage_sum *sum, const cJSON *m)
{
    struct decided *d = find_decided(sum, m);
    const cJSON *reason;
    d->asked += (uint64_t)member_number(m, "asked");
    d->matched += (uint64_t)member_number(m, "matched");
    cJSON_ArrayForEach(reason, cJSON_GetObjectItemCaseSensitive(m, "reasons"))
    {
        size_t i = 0;
        if (reason->string == NULL || !cJSON_IsNumber(reason))
            continue;
        while (i < d->n_reasons && strcmp(d->reasons[i].code, reason->string) != 0)
            i++;
        if (i == d->n_reasons) {
            d->reasons = xrealloc(d->reasons, (d->n_reasons + 1) * sizeof *d->reasons);
            d->reasons[d->n_reasons++] = (struct reason){xstrdup(reason->string), 0};
        }
        d->reasons[i].n += (uint64_t)reason->valuedouble;
    }
}

bool spec_coverage_take(struct spec_coverage_sum *sum, const char *kind, const cJSON *members)
{
    bool lines = strcmp(kind, "lines") == 0, reasons = strcmp(kind, "reasons") == 0;
    if (sum != NULL && lines)
        take_lines(sum, members);
    if (sum != NULL && reasons)
        take_decided(sum, members);
    return lines || reasons;
}

/* ---- telling ---- */

static size_t count_run(const struct lines *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += l->hits[i] > 0;
    return n;
}

static double percent(size_t run, size_t of)
{
    return of == 0 ? 100 : 100.0 * (double)run / (double)of;
}

double spec_coverage_percent(const struct spec_coverage_sum *sum)
{
    size_t run = 0, all = 0;
    for (size_t i = 0; i < sum->n_files; i++) {
        run += count_run(&sum->files[i]);
        all += sum->files[i].n;
    }
    return all == 0 ? 0 : percent(run, all); /* nothing was tested: that is no full coverage */
}

/* "12, 14-17" */
static void add_missed(struct buf *b, const struct lines *l)
{
    for (size_t i = 0; i < l->n;) {
        if (l->hits[i] > 0) {
            i++;
            continue;
        }
        size_t last = i; /* lines without code between two missed ones are part of the gap */
        while (last + 1 < l->n && l->hits[last + 1] == 0)
            last++;
        buf_addf(b, b->len > 0 ? ", %u" : "%u", l->line[i]);
        if (last > i)
            buf_addf(b, "-%u", l->line[last]);
        i = last + 1;
    }
}

static int by_file(const void *a, const void *b)
{
    return strcmp(((const struct lines *)a)->file, ((const struct lines *)b)->file);
}

static int by_policy_file(const void *a, const void *b)
{
    return strcmp(((const struct decided *)a)->file, ((const struct decided *)b)->file);
}

static void sort(const struct spec_coverage_sum *sum)
{
    if (sum->n_files > 0)
        qsort(sum->files, sum->n_files, sizeof *sum->files, by_file);
    if (sum->n_policies > 0)
        qsort(sum->policies, sum->n_policies, sizeof *sum->policies, by_policy_file);
}

static void print_decided(const struct decided *d, FILE *f)
{
    struct buf never = {0};
    size_t given = 0;
    for (size_t i = 0; i < d->n_reasons; i++) {
        given += d->reasons[i].n > 0;
        if (d->reasons[i].n == 0)
            buf_addf(&never, "%s%s", never.len > 0 ? ", " : "", d->reasons[i].code);
    }
    char *text = xasprintf("%s: %zu of %zu reasons%s%s%s", d->file, given, d->n_reasons,
                           never.len > 0 ? "; never given: " : "", never.len > 0 ? never.data : "",
                           d->match != NULL && d->matched == 0 ? "; its match fits no alert of the specs" : "");
    spec_print_text(f, text, "  ");
    free(text);
    buf_free(&never);
}

void spec_coverage_print(const struct spec_coverage_sum *sum, FILE *f)
{
    sort(sum);
    fprintf(f, "\nLines run: %.1f %%\n", spec_coverage_percent(sum));
    for (size_t i = 0; i < sum->n_files; i++) {
        const struct lines *l = &sum->files[i];
        struct buf missed = {0};
        add_missed(&missed, l);
        char *text = xasprintf("%5.1f %%  %s%s%s", percent(count_run(l), l->n), l->file, missed.len > 0 ? "   not: " : "",
                               missed.len > 0 ? missed.data : "");
        spec_print_text(f, text, "  ");
        free(text);
        buf_free(&missed);
    }
    if (sum->n_policies > 0)
        fputs("Decisions:\n", f);
    for (size_t i = 0; i < sum->n_policies; i++)
        print_decided(&sum->policies[i], f);
}

cJSON *spec_coverage_json(const struct spec_coverage_sum *sum)
{
    cJSON *all = cJSON_CreateObject(), *files = cJSON_AddArrayToObject(all, "files");
    sort(sum);
    cJSON_AddNumberToObject(all, "percent", spec_coverage_percent(sum));
    for (size_t i = 0; i < sum->n_files; i++) {
        const struct lines *l = &sum->files[i];
        cJSON *o = cJSON_CreateObject(), *missed = cJSON_CreateArray();
        cJSON_AddStringToObject(o, "file", l->file);
        cJSON_AddNumberToObject(o, "lines", (double)l->n);
        cJSON_AddNumberToObject(o, "run", (double)count_run(l));
        for (size_t k = 0; k < l->n; k++)
            if (l->hits[k] == 0)
                cJSON_AddItemToArray(missed, cJSON_CreateNumber(l->line[k]));
        cJSON_AddItemToObject(o, "missed", missed);
        cJSON_AddItemToArray(files, o);
    }
    cJSON *policies = cJSON_AddArrayToObject(all, "policies");
    for (size_t i = 0; i < sum->n_policies; i++) {
        const struct decided *d = &sum->policies[i];
        cJSON *o = cJSON_CreateObject(), *reasons = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "policy", d->policy);
        cJSON_AddStringToObject(o, "file", d->file);
        if (d->match != NULL)
            cJSON_AddStringToObject(o, "match", d->match);
        cJSON_AddNumberToObject(o, "asked", (double)d->asked);
        cJSON_AddNumberToObject(o, "matched", (double)d->matched);
        for (size_t k = 0; k < d->n_reasons; k++)
            cJSON_AddNumberToObject(reasons, d->reasons[k].code, (double)d->reasons[k].n);
        cJSON_AddItemToObject(o, "reasons", reasons);
        cJSON_AddItemToArray(policies, o);
    }
    return all;
}

void spec_coverage_sum_free(struct spec_coverage_sum **sump)
{
    struct spec_coverage_sum *sum = *sump;
    *sump = NULL;
    if (sum == NULL)
        return;
    for (size_t i = 0; i < sum->n_files; i++) {
        free(sum->files[i].file);
        free(sum->files[i].hash);
        free(sum->files[i].line);
        free(sum->files[i].hits);
    }
    for (size_t i = 0; i < sum->n_policies; i++) {
        struct decided *d = &sum->policies[i];
        free(d->policy);
        free(d->file);
        free(d->match);
        free(d->hash);
        for (size_t k = 0; k < d->n_reasons; k++)
            free(d->reasons[k].code);
        free(d->reasons);
    }
    for (size_t i = 0; i < sum->n_ignored; i++)
        free(sum->ignored[i]);
    free(sum->files);
    free(sum->policies);
    free(sum->ignored);
    free(sum);
}

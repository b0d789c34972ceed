/* Which version of each policy serves: see policy_units.h. */
#include "policy/policy_units.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One version of a policy with the libraries that it included. Never changed. */
struct version {
    char *name, *source;
    size_t len;
    struct policy_file *libs;
    size_t n_libs;
    char hash[POLICY_HASH];
    uint64_t proof; /* of the specs that it passed */
    moment_t since; /* it serves */
};

struct unit {
    char *file;
    struct version *good;
};

struct policy_units {
    struct unit *v;
    size_t n;
};

/* What is to become of one file of the reading. */
struct fate {
    const struct version *old; /* its last good version, or NULL */
    struct version *fresh;     /* the version that was read; NULL: it does not load */
    char *problem;             /* why it does not, without the file's name or beginning with it */
};

static void version_free(struct version *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < v->n_libs; i++) {
        free(v->libs[i].name);
        free(v->libs[i].source);
    }
    free(v->libs);
    free(v->name);
    free(v->source);
    free(v);
}

static struct policy_file copy_file(const struct policy_file *f)
{
    return (struct policy_file){.name = xstrdup(f->name), .source = xstrndup(f->source, f->len), .len = f->len};
}

static struct version *version_create(const struct policy_files *read, size_t i, const struct policy_verdict *verdict,
                                      moment_t now)
{
    struct version *v = xcalloc(1, sizeof *v);
    v->name = xstrdup(verdict->name != NULL ? verdict->name : "");
    v->source = xstrndup(read->files[i].source, read->files[i].len);
    v->len = read->files[i].len;
    v->libs = xcalloc(verdict->n_libs + 1, sizeof *v->libs);
    for (size_t k = 0; k < verdict->n_libs; k++)
        v->libs[v->n_libs++] = copy_file(&read->libs[verdict->libs[k]]);
    policy_unit_hash(read, i, verdict->libs, verdict->n_libs, v->hash);
    v->proof = verdict->proof;
    v->since = now;
    return v;
}

static bool same_bytes(const char *a, size_t n, const char *b, size_t m)
{
    return n == m && memcmp(a, b, n) == 0;
}

static const struct policy_file *find_lib(const struct policy_file *libs, size_t n, const struct policy_file *like)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(libs[i].name, like->name) == 0 && same_bytes(libs[i].source, libs[i].len, like->source, like->len))
            return &libs[i];
    return NULL;
}

/* Are the version's file, libraries and specs among what was read, as they are? */
static bool is_unchanged(const struct version *v, const struct policy_files *read, size_t i)
{
    if (v->proof != policy_beside_proof(read, i) || !same_bytes(v->source, v->len, read->files[i].source, read->files[i].len))
        return false;
    for (size_t k = 0; k < v->n_libs; k++)
        if (find_lib(read->libs, read->n_libs, &v->libs[k]) == NULL)
            return false;
    return true;
}

static bool same_version(const struct version *a, const struct version *b)
{
    if (a->n_libs != b->n_libs || !same_bytes(a->source, a->len, b->source, b->len) || strcmp(a->name, b->name) != 0)
        return false;
    for (size_t k = 0; k < a->n_libs; k++)
        if (find_lib(b->libs, b->n_libs, &a->libs[k]) == NULL)
            return false;
    return true;
}

static struct unit *find_unit(const struct policy_units *u, const char *file)
{
    for (size_t i = 0; i < u->n; i++)
        if (strcmp(u->v[i].file, file) == 0)
            return &u->v[i];
    return NULL;
}

static struct fate *judge_each(const struct policy_units *u, const struct policy_files *read,
                               const struct policy_verdict *verdicts, moment_t now)
{
    struct fate *fates = xcalloc(read->n + 1, sizeof *fates);
    for (size_t i = 0; i < read->n; i++) {
        const struct unit *unit = find_unit(u, read->files[i].name);
        const struct policy_problem *unreadable = policy_files_problem(read, read->files[i].name);
        fates[i].old = unit != NULL ? unit->good : NULL;
        if (read->files[i].len == 0)
            fates[i].problem = xstrdup(unreadable != NULL ? unreadable->sentence : "cannot be used");
        else if (verdicts[i].problem != NULL)
            fates[i].problem = xstrdup(verdicts[i].problem);
        else
            fates[i].fresh = version_create(read, i, &verdicts[i], now);
    }
    return fates;
}

/* A kept version has its name for itself. Who loses his fresh version so may be kept, too: again, until it stands.
 * Versions that serve now never have a name in common, so it ends. */
static void settle_names(const struct policy_files *read, struct fate *fates)
{
    for (bool again = true; again;) {
        again = false;
        for (size_t k = 0; k < read->n; k++)
            for (size_t i = 0; i < read->n && fates[k].fresh == NULL && fates[k].old != NULL; i++) {
                if (fates[i].fresh == NULL || strcmp(fates[i].fresh->name, fates[k].old->name) != 0)
                    continue;
                fates[i].problem = xasprintf("has the name \"%s\", which the version of %s that serves has, too",
                                             fates[i].fresh->name, read->files[k].name);
                version_free(fates[i].fresh);
                fates[i].fresh = NULL;
                again = true;
            }
    }
}

static uint32_t add_lib(struct policy_files *f, const struct policy_file *lib)
{
    const struct policy_file *known = find_lib(f->libs, f->n_libs, lib);
    if (known != NULL)
        return (uint32_t)(known - f->libs);
    f->libs = xrealloc(f->libs, (f->n_libs + 1) * sizeof *f->libs);
    f->libs[f->n_libs] = copy_file(lib);
    return (uint32_t)f->n_libs++;
}

static struct policy_files *make_served(const struct policy_files *read, const struct fate *fates)
{
    struct policy_files *f = xcalloc(1, sizeof *f);
    f->files = xcalloc(read->n + 1, sizeof *f->files);
    for (size_t i = 0; i < read->n; i++) {
        const struct version *v = fates[i].fresh != NULL ? fates[i].fresh : fates[i].old;
        struct policy_file *file = &f->files[f->n++];
        *file = (struct policy_file){.name = xstrdup(read->files[i].name),
                                     .source = v != NULL ? xstrndup(v->source, v->len) : xstrdup(""),
                                     .len = v != NULL ? v->len : 0};
        if (v == NULL) {
            policy_files_add_problem(f, file->name, fates[i].problem);
            continue;
        }
        file->libs = xcalloc(v->n_libs + 1, sizeof *file->libs);
        for (; file->n_libs < v->n_libs; file->n_libs++)
            file->libs[file->n_libs] = add_lib(f, &v->libs[file->n_libs]);
    }
    f->hash = policy_files_hash(f);
    return f;
}

static size_t bytes_of(const struct policy_files *f)
{
    size_t bytes = 0;
    for (size_t i = 0; i < f->n; i++)
        bytes += f->files[i].len;
    for (size_t i = 0; i < f->n_libs; i++)
        bytes += f->libs[i].len;
    return bytes;
}

/* ---- what is said ---- */

struct said {
    const char *file;
    char *text;
};

static int compare_said(const void *a, const void *b)
{
    return strcmp(((const struct said *)a)->file, ((const struct said *)b)->file);
}

static char *fate_text(const char *file, const struct fate *f)
{
    char *text = policy_problem_text(&(struct policy_problem){(char *)file, f->problem});
    if (f->old == NULL)
        return text;
    char since[MOMENT_TEXT];
    moment_format_s(f->old->since, since);
    char *more = xasprintf("%s; its last good version %.*s of %s serves", text, POLICY_HASH_SHOWN, f->old->hash, since);
    free(text);
    return more;
}

static void say_problems(const struct policy_files *read, const struct fate *fates, struct policy_change *c)
{
    struct said *said = xcalloc(read->n + read->n_problems + 1, sizeof *said);
    size_t n = 0;
    for (size_t i = 0; i < read->n; i++)
        if (fates[i].problem != NULL)
            said[n++] = (struct said){read->files[i].name, fate_text(read->files[i].name, &fates[i])};
    for (size_t i = 0; i < read->n_problems; i++) { /* of what is no policy */
        bool policy = false;
        for (size_t k = 0; k < read->n; k++)
            policy |= strcmp(read->files[k].name, read->problems[i].file) == 0;
        if (!policy)
            said[n++] = (struct said){read->problems[i].file, policy_problem_text(&read->problems[i])};
    }
    qsort(said, n, sizeof *said, compare_said);
    c->problems = xcalloc(n + 1, sizeof *c->problems);
    for (size_t i = 0; i < n; i++)
        c->problems[c->n_problems++] = said[i].text;
    free(said);
}

static void count(const struct policy_units *u, const struct policy_files *read, const struct fate *fates,
                  struct policy_change *c)
{
    size_t known = 0;
    c->n = read->n;
    for (size_t i = 0; i < read->n; i++) {
        known += fates[i].old != NULL;
        c->changed += fates[i].fresh != NULL && (fates[i].old == NULL || !same_version(fates[i].fresh, fates[i].old));
        c->kept += fates[i].fresh == NULL && fates[i].old != NULL && fates[i].problem != NULL;
        c->broken += fates[i].fresh == NULL && fates[i].old == NULL;
    }
    c->gone = u->n - known;
}

/* ---- taking it up ---- */

/* The table of the next round; what is not taken over is freed. */
static void replace_units(struct policy_units *u, const struct policy_files *read, struct fate *fates)
{
    struct unit *next = xcalloc(read->n + 1, sizeof *next);
    size_t n = 0;
    for (size_t i = 0; i < read->n; i++) {
        struct unit *unit = find_unit(u, read->files[i].name);
        struct version *old = unit != NULL ? unit->good : NULL, *fresh = fates[i].fresh;
        bool stays = old != NULL && (fresh == NULL || same_version(fresh, old)); /* keeps its date */
        struct version *good = stays ? old : fresh;
        if (stays) {
            if (fresh != NULL)
                old->proof = fresh->proof; /* what it passed last */
            unit->good = NULL;
            version_free(fresh);
        }
        fates[i].fresh = NULL;
        if (good != NULL)
            next[n++] = (struct unit){xstrdup(read->files[i].name), good};
    }
    for (size_t i = 0; i < u->n; i++) {
        version_free(u->v[i].good);
        free(u->v[i].file);
    }
    free(u->v);
    u->v = next;
    u->n = n;
}

int policy_units_take(struct policy_units *u, const struct policy_files *read, const struct policy_verdict *verdicts,
                      moment_t now, struct policy_files **served_r, struct policy_change *change_r, struct err *e)
{
    struct fate *fates = judge_each(u, read, verdicts, now);
    settle_names(read, fates);
    for (size_t i = 0; i < read->n; i++)
        if (fates[i].fresh == NULL && fates[i].old != NULL && is_unchanged(fates[i].old, read, i)) {
            free(fates[i].problem); /* it serves as it lies there: whoever is in its way has the problem */
            fates[i].problem = NULL;
        }
    struct policy_files *served = make_served(read, fates);
    int rc = 0;
    if (bytes_of(served) > POLICY_UNITS_BYTES_MAX) {
        rc = err_set(e, ERR_LIMIT,
                     "policies and libraries, with those of last good versions, would be larger than %d MiB",
                     POLICY_UNITS_BYTES_MAX / (1024 * 1024));
        policy_files_free(&served);
    } else {
        *change_r = (struct policy_change){0};
        count(u, read, fates, change_r);
        say_problems(read, fates, change_r);
        replace_units(u, read, fates);
        *served_r = served;
    }
    for (size_t i = 0; i < read->n; i++) {
        version_free(fates[i].fresh);
        free(fates[i].problem);
    }
    free(fates);
    return rc;
}

void policy_change_deinit(struct policy_change *c)
{
    for (size_t i = 0; i < c->n_problems; i++)
        free(c->problems[i]);
    free(c->problems);
    *c = (struct policy_change){0};
}

struct policy_units *policy_units_create(void)
{
    return xcalloc(1, sizeof(struct policy_units));
}

void policy_units_free(struct policy_units **units)
{
    struct policy_units *u = *units;
    if (u == NULL)
        return;
    for (size_t i = 0; i < u->n; i++) {
        version_free(u->v[i].good);
        free(u->v[i].file);
    }
    free(u->v);
    free(u);
    *units = NULL;
}

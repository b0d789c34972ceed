/* READY's list of policies that can be used: what each is, which libraries it included, and the hash of all that. */
#include "policy/judge_private.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)WIRE_PER_DAY_MAX <= (int)STORE_CREATIONS_MAX, "a limit that could never bind");

enum { POLICY_SHADOW = 1, POLICY_ON_RESOLVE = 2 };

static int64_t find_name(const struct policy_file *files, size_t n, struct wire_text name)
{
    for (size_t i = 0; i < n; i++)
        if (wire_text_is(name, files[i].name))
            return (int64_t)i;
    return -1;
}

int64_t judge_given_file(const struct judge *j, struct wire_text name)
{
    return find_name(j->setup.files->files, j->setup.files->n, name);
}

int64_t judge_given_lib(const struct judge *j, struct wire_text name)
{
    return find_name(j->setup.files->libs, j->setup.files->n_libs, name);
}

/* --- the list --- */

/* One word, as names of policies are. */
static int check_word(struct wire_text t, const char *what, struct err *e)
{
    if (t.len == 0)
        return err_set(e, ERR_INVALID, "an empty %s", what);
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.s[i] < 0x20 || t.s[i] == 0x7f)
            return err_set(e, ERR_INVALID, "%s with control bytes", what);
    return 0;
}

static int get_limit(struct wire_reader *r, uint32_t max, const char *what, uint32_t *v_r, struct err *e)
{
    *v_r = wire_get_u32(r);
    return *v_r <= max ? 0 : err_set(e, ERR_INVALID, "%s of %u, at most %u", what, *v_r, max);
}

static int get_limits(struct wire_reader *r, struct policy_info *p, struct err *e)
{
    uint32_t priority;
    uint8_t bits = wire_get_u8(r);
    if (bits > (POLICY_SHADOW | POLICY_ON_RESOLVE))
        return err_set(e, ERR_INVALID, "a kind of policy that there is not");
    p->shadow = bits & POLICY_SHADOW;
    p->on_resolve = bits & POLICY_ON_RESOLVE;
    if (get_limit(r, WIRE_PER_HOUR_MAX, "limits.per_hour", &p->per_hour, e) != 0 ||
        get_limit(r, WIRE_PER_DAY_MAX, "limits.per_day", &p->per_day, e) != 0 ||
        get_limit(r, WIRE_RAMP_MAX, "limits.ramp", &p->ramp, e) != 0 ||
        get_limit(r, WIRE_SLOTS_MAX, "limits.reserve.slots", &p->reserve_slots, e) != 0 ||
        get_limit(r, WIRE_PRIORITY_MAX, "limits.reserve.priority", &priority, e) != 0)
        return -1;
    p->reserve_priority = (int16_t)priority;
    p->state_version = wire_get_u32(r);
    return 0;
}

static bool may_include(const struct policy_file *f, uint32_t lib)
{
    for (size_t i = 0; i < f->n_libs; i++)
        if (f->libs[i] == lib)
            return true;
    return false;
}

/* Libraries that a policy included: of its own, each once. `libs` has room for them, or is NULL: only count and check.
 * `f` NULL: the default policy, which has none. */
static int get_libs(struct wire_reader *r, const struct policy_file *f, uint32_t *libs, size_t *n_r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > (f != NULL ? f->n_libs : 0))
        return err_set(e, ERR_INVALID, "more libraries than it was given");
    struct wire_reader first = *r;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t lib = wire_get_u32(r);
        struct wire_reader before = first;
        if (r->bad || !may_include(f, lib))
            return err_set(e, ERR_INVALID, "a library that it was not given");
        for (uint32_t k = 0; k < i; k++)
            if (wire_get_u32(&before) == lib)
                return err_set(e, ERR_INVALID, "a library twice");
        if (libs != NULL)
            libs[i] = lib;
    }
    *n_r = n;
    return 0;
}

/* Until judge_free: another worker's READY must not take away what somebody was shown. */
static const char *keep_text(struct judge *j, struct wire_text t)
{
    const char *s = texts_add(&j->texts, t.s, t.len);
    return s != NULL ? s : "";
}

/* `p` NULL: only checks. */
static int read_policy(struct judge *j, struct wire_reader *r, struct policy *p, struct err *e)
{
    struct wire_text name, file, match;
    struct policy_info info = {0};
    if (judge_get_text(r, POLICY_NAME_MAX, "policy name", &name, e) != 0 ||
        check_word(name, "policy name", e) != 0 || judge_get_text(r, 255, "file name", &file, e) != 0 ||
        judge_get_text(r, WIRE_MATCH_MAX, "match", &match, e) != 0 || get_limits(r, &info, e) != 0)
        return -1;
    int64_t number = judge_given_file(j, file);
    if (number < 0 && !wire_text_is(file, "default.lua"))
        return err_set(e, ERR_INVALID, "a policy that it was not given");
    const struct policy_file *f = number >= 0 ? &j->setup.files->files[number] : NULL;
    size_t n_libs;
    uint32_t *libs = p != NULL ? xcalloc((f != NULL ? f->n_libs : 0) + 1, sizeof *libs) : NULL;
    if (get_libs(r, f, libs, &n_libs, e) != 0) {
        free(libs);
        return -1;
    }
    if (p == NULL)
        return 0;
    info.name = keep_text(j, name);
    info.file = keep_text(j, file);
    info.match = keep_text(j, match);
    policy_libs_sort(j->setup.files, libs, n_libs);
    if (number >= 0)
        policy_unit_hash(j->setup.files, (size_t)number, libs, n_libs, info.hash);
    *p = (struct policy){info, judge_name_number(j, info.name), libs, n_libs};
    return 0;
}

int judge_read_policies(struct judge *j, struct wire_reader *r, bool take, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > j->setup.files->n + 1)
        return err_set(e, ERR_INVALID, "%u policies of %zu", n, j->setup.files->n);
    if (take)
        j->policies = xcalloc(n + 1, sizeof *j->policies);
    for (uint32_t i = 0; i < n; i++) {
        if (read_policy(j, r, take ? &j->policies[i] : NULL, e) != 0)
            return -1;
        if (take)
            j->n_policies++;
    }
    return 0;
}

void judge_index_policies(struct judge *j, const char *default_hash)
{
    struct policy_name *base = j->names[0];
    base->info = (struct policy_info){.name = base->name, .file = "default.lua", .match = "", .state_version = 1};
    base->file = j->setup.files->n;
    for (size_t i = 0; i < j->n_policies; i++) {
        struct policy *p = &j->policies[i];
        struct policy_name *name = j->names[p->name_number];
        bool bundled = judge_find_file(j, p->info.file) == j->setup.files->n;
        if (bundled)
            memcpy(p->info.hash, default_hash, sizeof p->info.hash);
        if (p->name_number == 0 ? !bundled : name->info.file[0] != '\0')
            continue; /* the first has the name */
        name->info = p->info;
        name->info.name = name->name;
        name->file = judge_find_file(j, p->info.file);
    }
    memcpy(base->info.hash, default_hash, sizeof base->info.hash);
}

void judge_free_policies(struct judge *j)
{
    for (size_t i = 0; i < j->n_names; i++)
        j->names[i]->info = (struct policy_info){.name = j->names[i]->name, .file = "", .match = ""};
    for (size_t i = 0; i < j->n_policies; i++)
        free(j->policies[i].libs);
    free(j->policies);
    j->policies = NULL;
    j->n_policies = 0;
    for (size_t i = 0; i < j->n_lints; i++) {
        free(j->lints[i].file);
        free(j->lints[i].sentence);
    }
    free(j->lints);
    j->lints = NULL;
    j->n_lints = 0;
}

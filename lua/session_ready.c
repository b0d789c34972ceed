/* What follows SETUP: policies are loaded, time zones asked for, and READY says what came of it. */
#include "session_internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { IDLE_MEMORY_MAX = 16 * 1024 * 1024 }; /* of policies' VMs that stay loaded between questions */

/* Keeps the VMs of all policies together within bounds; they load again when they are asked. */
void session_trim(struct session *s)
{
    size_t total = 0;
    for (size_t i = 0; i < s->n_policies; i++)
        total += policy_memory(&s->policies[i]);
    for (size_t i = 0; i < s->n_policies && total > IDLE_MEMORY_MAX; i++) {
        total -= policy_memory(&s->policies[i]);
        policy_unload(&s->policies[i]);
    }
}

static void load_policies(struct session *s)
{
    for (size_t i = 0; i < s->n_policies; i++) {
        struct policy *p = &s->policies[i];
        if (policy_load(p) < 0)
            continue;
        for (size_t j = 0; j < i; j++) {
            if (!s->policies[j].problem && strcmp(s->policies[j].name, p->name) == 0) {
                policy_refuse(p, xasprintf("%s: the name '%s' is taken by %s", p->file, p->name, s->policies[j].file));
                break;
            }
        }
        session_trim(s);
    }
}

/* Time zones */

static bool want_zone(struct session *s, char *name)
{
    if (strcmp(name, "UTC") == 0 || zones_find(&s->wanted, name, strlen(name)))
        return true;
    if (s->wanted.n == WIRE_ZONES_MAX)
        return false;
    s->wanted.at = xrealloc(s->wanted.at, (s->wanted.n + 1) * sizeof *s->wanted.at);
    s->wanted.at[s->wanted.n++] = (struct zone){.name = name};
    return true;
}

/* The config is not only ours: what is no name of a zone there is something else. */
static void add_config_zone(struct policy *p, struct wire_text t)
{
    if (!zone_name_legal(t.s, t.len))
        return;
    char *name = xstrndup(t.s, t.len);
    policy_add_zone(p, name);
    free(name);
}

static bool text_is(struct wire_text t, const char *s)
{
    return t.len == strlen(s) && memcmp(t.s, s, t.len) == 0;
}

/* `zone`, a text, and `zones`, a list of texts. */
static void add_config_zones(const struct policy_cycle *cycle, struct policy *p)
{
    struct wire_reader r = {cycle->config.s, cycle->config.s + cycle->config.len, false};
    if (wire_get_u8(&r) != 'm')
        return;
    for (uint32_t n = wire_get_u32(&r); n && !r.bad; n--) {
        struct wire_text key = wire_get_text(&r);
        struct wire_reader value = r;
        wire_tree_skip(&r);
        uint8_t tag = wire_get_u8(&value);
        if (tag == 's' && text_is(key, "zone"))
            add_config_zone(p, wire_get_text(&value));
        if (tag != 'l' || !text_is(key, "zones"))
            continue;
        for (uint32_t k = wire_get_u32(&value); k && !value.bad && p->zones.n < 2 * WIRE_ZONES_MAX; k--) {
            struct wire_reader item = value;
            wire_tree_skip(&value);
            if (wire_get_u8(&item) == 's')
                add_config_zone(p, wire_get_text(&item));
        }
    }
}

/* What policies name comes first: the config's must not take their places. */
static void want_zones(struct session *s)
{
    for (size_t i = 0; i < s->n_policies; i++) {
        struct policy *p = &s->policies[i];
        for (size_t k = 0; !p->problem && k < p->zones.n; k++)
            if (!want_zone(s, p->zones.at[k].name))
                policy_refuse(p, xasprintf("%s: zones: all policies together may name %d time zones", p->file,
                                           WIRE_ZONES_MAX));
    }
    for (size_t i = 0; i < s->n_policies; i++) {
        struct policy *p = &s->policies[i];
        if (p->problem)
            continue;
        p->n_own_zones = p->zones.n;
        add_config_zones(&s->cycle, p);
        for (size_t k = p->n_own_zones; k < p->zones.n; k++)
            want_zone(s, p->zones.at[k].name);
    }
}

void session_write_want(struct session *s)
{
    size_t mark = wire_begin(&s->out, WIRE_WANT);
    wire_u32(&s->out, (uint32_t)s->wanted.n);
    for (size_t i = 0; i < s->wanted.n; i++)
        wire_str(&s->out, s->wanted.at[i].name);
    wire_end(&s->out, mark);
}

static void give_zones(struct session *s, struct policy *p)
{
    for (size_t i = 0; i < p->zones.n; i++) {
        struct zone *z = &p->zones.at[i];
        const struct zone *got = zones_find(&s->wanted, z->name, strlen(z->name));
        if (got) {
            z->tzif = got->tzif;
            z->len = got->len;
        }
        if (!z->tzif && i < p->n_own_zones && strcmp(z->name, "UTC") != 0) {
            policy_refuse(p, xasprintf("%s: zones: there is no time zone '%s' here; check its name, or install tzdata "
                                       "where alertspawner runs",
                                       p->file, z->name));
            return;
        }
    }
}

int session_take_zones(struct session *s, struct wire_reader *r, struct err *e)
{
    if (wire_get_u32(r) != s->wanted.n)
        return err_set(e, ERR_INVALID, "ZONES has another number of time zones than WANT");
    for (size_t i = 0; i < s->wanted.n; i++) {
        struct wire_text name = wire_get_text(r);
        bool there = wire_get_u8(r) != 0;
        struct wire_text data = wire_get_text(r);
        if (r->bad || !text_is(name, s->wanted.at[i].name))
            return err_set(e, ERR_INVALID, "ZONES does not answer WANT");
        s->wanted.at[i].tzif = there ? data.s : NULL;
        s->wanted.at[i].len = there ? data.len : 0;
    }
    if (!wire_at_end(r))
        return err_set(e, ERR_INVALID, "ZONES is not as long as it says");
    for (size_t i = 0; i < s->n_policies; i++)
        if (!s->policies[i].problem)
            give_zones(s, &s->policies[i]);
    return 0;
}

void session_load(struct session *s)
{
    policy_load(&s->base); /* its failure is that of every alert it should judge */
    session_lint(s);
    load_policies(s);
    session_lint_included(s);
    want_zones(s);
}

/* READY */

static bool named_is_there(const struct session *s)
{
    if (s->named.len == 0 || (text_is(s->named, "default")))
        return true;
    for (size_t i = 0; i < s->n_policies; i++)
        if (!s->policies[i].problem && text_is(s->named, s->policies[i].name))
            return true;
    return false;
}

static void write_broken(struct session *s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s->n_policies; i++)
        n += s->policies[i].problem != NULL;
    wire_u32(&s->out, n);
    for (size_t i = 0; i < s->n_policies; i++) {
        if (!s->policies[i].problem)
            continue;
        wire_str(&s->out, s->policies[i].file);
        session_write_sentence(s, s->policies[i].problem, strlen(s->policies[i].problem));
    }
}

static void write_policy(struct session *s, const struct policy *p)
{
    const struct policy_terms *t = &p->terms;
    uint32_t included = 0;
    wire_str(&s->out, p->name);
    wire_str(&s->out, p->file);
    wire_str(&s->out, p->match_text);
    wire_u8(&s->out, (uint8_t)((t->shadow ? 1 : 0) | (p->written[ASK_RESOLVE] ? 2 : 0)));
    wire_u32(&s->out, t->per_hour);
    wire_u32(&s->out, t->per_day);
    wire_u32(&s->out, t->ramp);
    wire_u32(&s->out, t->reserve_slots);
    wire_u32(&s->out, t->reserve_priority);
    wire_u32(&s->out, t->state_version);
    for (size_t i = 0; i < p->n_libraries; i++)
        included += p->included[i];
    wire_u32(&s->out, included);
    for (size_t i = 0; i < p->n_libraries; i++)
        if (p->included[i])
            wire_u32(&s->out, p->libraries[i]);
}

static void write_good(struct session *s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s->n_policies; i++)
        n += !s->policies[i].problem;
    wire_u32(&s->out, n);
    for (size_t i = 0; i < s->n_policies; i++)
        if (!s->policies[i].problem)
            write_policy(s, &s->policies[i]);
}

static void write_lints(struct session *s)
{
    wire_u32(&s->out, (uint32_t)s->n_lints);
    for (size_t i = 0; i < s->n_lints; i++) {
        wire_str(&s->out, s->lints[i].file);
        wire_u32(&s->out, s->lints[i].line);
        session_write_sentence(s, s->lints[i].sentence, strlen(s->lints[i].sentence));
    }
}

static void write_templates(struct session *s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s->n_templates; i++)
        n += s->templates[i].problem != NULL;
    wire_u32(&s->out, n);
    for (size_t i = 0; i < s->n_templates; i++) {
        if (!s->templates[i].problem)
            continue;
        wire_str(&s->out, s->templates[i].which);
        session_write_sentence(s, s->templates[i].problem, strlen(s->templates[i].problem));
    }
}

static bool wants_survey(const struct session *s)
{
    for (size_t i = 0; i < s->n_policies; i++)
        if (!s->policies[i].problem && s->policies[i].uses_firing)
            return true;
    return false;
}

void session_ready(struct session *s)
{
    char hash[POLICY_HASH];
    uint32_t good = 0;
    for (size_t i = 0; i < s->n_policies; i++)
        if (!s->policies[i].problem)
            s->policies[i].number = good++;
    s->render = render_open(s->templates, s->n_templates, s->box);
    policy_default_hash(hash);
    size_t mark = wire_begin(&s->out, WIRE_READY);
    write_broken(s);
    write_good(s);
    write_lints(s);
    write_templates(s);
    wire_u8(&s->out, named_is_there(s));
    wire_u8(&s->out, wants_survey(s));
    wire_str(&s->out, hash);
    wire_end(&s->out, mark);
    s->state = SESSION_READY;
}

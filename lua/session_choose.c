/* Whose alert it is. */
#include "session_internal.h"

#include <stdio.h>
#include <string.h>

/* The alert is judged by the first file whose match fits. A broken file may have been meant for it. */
static void choose_by_match(struct session *s, const struct alert *alert, struct choice *c)
{
    for (size_t i = 0; i < s->n_policies; i++) {
        struct policy *p = &s->policies[i];
        if (p->problem) {
            c->failed = "policy.load";
            c->name = ""; /* it has none before it loads */
            snprintf(c->detail, sizeof c->detail, "%s", p->problem);
            return;
        }
        if (p->match && matcher_fits(p->match, alert, &s->rendered)) {
            c->policy = p;
            return;
        }
    }
    c->policy = &s->base;
}

static bool text_is(struct wire_text t, const char *s)
{
    return t.len == strlen(s) && memcmp(t.s, s, t.len) == 0;
}

static struct policy *find_good(struct session *s, struct wire_text name)
{
    if (text_is(name, "default"))
        return &s->base;
    for (size_t i = 0; i < s->n_policies; i++)
        if (!s->policies[i].problem && text_is(name, s->policies[i].name))
            return &s->policies[i];
    return NULL;
}

static void choose_named(struct session *s, struct choice *c)
{
    c->policy = find_good(s, s->named);
    if (c->policy)
        return;
    struct buf name = {0};
    text_clean(&name, s->named.s, s->named.len, 128);
    c->failed = "policy.missing";
    c->name = "";
    snprintf(c->detail, sizeof c->detail, "no policy is named '%s'", name.data);
    for (size_t i = 0; i < s->n_policies; i++) { /* perhaps it is one that does not load */
        const struct policy *p = &s->policies[i];
        if (p->problem &&
            (p->name ? text_is(s->named, p->name)
                     : s->named.len + 4 == strlen(p->file) && memcmp(p->file, s->named.s, s->named.len) == 0))
            snprintf(c->detail, sizeof c->detail, "the policy '%s' cannot be used: %s", name.data,
                     p->problem);
    }
    buf_free(&name);
}

static void clear(struct choice *c)
{
    c->policy = NULL;
    c->failed = NULL;
    c->name = "";
    c->detail[0] = 0;
}

/* What was chosen may be out of use. */
static void check_chosen(struct choice *c)
{
    if (!c->policy)
        return;
    c->name = c->policy->name;
    if (c->policy->problem) { /* the default policy itself, when it has no memory to load in */
        c->failed = "policy.load";
        snprintf(c->detail, sizeof c->detail, "%s", c->policy->problem);
        c->policy = NULL;
    } else if (c->policy->quarantined) {
        c->failed = "policy.quarantined";
        snprintf(c->detail, sizeof c->detail, "'%s' has killed too many workers in this cycle", c->name);
    }
}

void session_choose(struct session *s, const struct alert *alert, struct choice *c)
{
    clear(c);
    if (s->named.len)
        choose_named(s, c);
    else
        choose_by_match(s, alert, c);
    check_chosen(c);
}

void session_choose_by_name(struct session *s, struct wire_text name, struct choice *c)
{
    clear(c);
    c->policy = find_good(s, name);
    check_chosen(c);
}

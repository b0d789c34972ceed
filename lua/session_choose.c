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

/* "team is "platform"", or "team is absent": why a match does not fit. */
static void misfit_text(struct session *s, const struct policy *p, const struct alert *alert, struct buf *b)
{
    size_t term = matcher_misfit(p->match, alert, &s->rendered);
    if (term == matcher_len(p->match))
        return;
    const char *name = matcher_term(p->match, term)->name;
    struct span label = alert_label(alert, name);
    if (span_absent(label)) {
        buf_addf(b, "%s is absent", name);
        return;
    }
    buf_clear(&s->rendered);
    alert_text(alert, label, &s->rendered);
    buf_addf(b, "%s is \"", name);
    text_clean(b, s->rendered.data, s->rendered.len, 100);
    buf_adds(b, "\"");
}

static enum chain_fit fit_of(struct session *s, const struct policy *p, const struct alert *alert, const struct choice *c)
{
    if (p == c->policy || (c->policy == NULL && c->name[0] && p->name && strcmp(c->name, p->name) == 0))
        return FIT_CHOSEN;
    if (p->problem)
        return FIT_BROKEN;
    if (s->named.len)
        return FIT_OTHER;
    if (!p->match)
        return FIT_NAMELESS;
    return matcher_fits(p->match, alert, &s->rendered) ? FIT_LATER : FIT_NO;
}

static void tell_choice(struct session *s, const struct policy *p, const struct alert *alert, const struct choice *c)
{
    struct buf detail = {0};
    enum chain_fit fit = fit_of(s, p, alert, c);
    if (fit == FIT_NO)
        misfit_text(s, p, alert, &detail);
    else if (fit == FIT_BROKEN)
        buf_adds(&detail, p->problem);
    chain_maker_choice(s->maker, fit, p->name, p->file, p->match_text, detail.data);
    buf_free(&detail);
}

void session_choose_explained(struct session *s, const struct alert *alert, struct choice *c)
{
    session_choose(s, alert, c);
    for (size_t i = 0; i < s->n_policies; i++)
        tell_choice(s, &s->policies[i], alert, c);
    if (c->policy == &s->base) /* else it goes without saying that it judges what no other does */
        tell_choice(s, &s->base, alert, c);
}

void session_choose_by_name(struct session *s, struct wire_text name, struct choice *c)
{
    clear(c);
    c->policy = find_good(s, name);
    check_chosen(c);
}

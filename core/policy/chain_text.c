/* A chain for a person: see chain.h. */
#include "policy/chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HOOK_WIDTH = 10 };

static void add_quoted(struct buf *b, const char *s)
{
    buf_addc(b, '"');
    buf_add_visible(b, s);
    buf_addc(b, '"');
}

static void add_value(struct buf *b, const struct chain_link *l)
{
    switch (l->tag) {
    case 'z':
        buf_adds(b, "nil");
        break;
    case 't':
        buf_adds(b, "true");
        break;
    case 'f':
        buf_adds(b, "false");
        break;
    case 's':
        add_quoted(b, l->value);
        break;
    default:
        buf_add_visible(b, l->value);
    }
}

/* "canary: looked at by hand" */
static void add_reason(struct buf *b, const struct chain_link *l)
{
    const char *lead = "  ";
    const char *parts[] = {l->error, l->reason, l->detail};
    for (size_t i = 0; i < 3; i++)
        if (parts[i] != NULL && parts[i][0] != '\0') {
            buf_adds(b, lead);
            buf_add_visible(b, parts[i]);
            lead = ": ";
        }
}

static const char *remark(const struct chain_link *l)
{
    if (l->bits & CHAIN_FELL)
        return "  (no opinion: what lies below it is asked)";
    if (l->bits & CHAIN_PASSED_ON)
        return "  (what super() said)";
    if (l->bits & CHAIN_STAND_IN)
        return "  (the base, because the policy's own hook failed)";
    return "";
}

static void add_line(struct buf *b, const char *indent, const struct chain_link *l)
{
    buf_addf(b, "%s%*s", indent, HOOK_WIDTH + 2 * l->depth, "");
}

/* The head of a link is "<hook> <where>  <value>  <reason>"; what is inside of it is indented. */
static void add_link(struct buf *b, const char *indent, const struct chain_link *l, bool first_of_hook)
{
    buf_addf(b, "%s%-*s%*s", indent, HOOK_WIDTH, first_of_hook ? black_box_hook_name(l->hook) : "", 2 * l->depth, "");
    buf_add_visible(b, l->by[0] != '\0' ? l->by : "?");
    if (l->tag != '-') {
        buf_adds(b, "  ");
        add_value(b, l);
    }
    add_reason(b, l);
    buf_addf(b, "%s\n", remark(l));
    if (l->source[0] != '\0') {
        add_line(b, indent, l);
        buf_adds(b, "  ");
        buf_add_visible(b, l->source);
        buf_addc(b, '\n');
    }
    if (l->n_reads == 0)
        return;
    add_line(b, indent, l);
    buf_adds(b, "  read ");
    for (size_t i = 0; i < l->n_reads; i++) {
        buf_adds(b, i > 0 ? ", " : "");
        buf_add_visible(b, l->reads[i].name);
        if (l->reads[i].value == NULL) {
            buf_adds(b, " (there is none");
            if (l->reads[i].near != NULL) {
                buf_adds(b, "; did you mean ");
                buf_add_visible(b, l->reads[i].near);
                buf_addc(b, '?');
            }
            buf_addc(b, ')');
            continue;
        }
        buf_adds(b, " = ");
        add_quoted(b, l->reads[i].value);
    }
    buf_addc(b, '\n');
}

void chain_text(const struct chain *c, const char *indent, struct buf *out)
{
    for (size_t i = 0; i < c->n_links; i++) {
        const struct chain_link *l = &c->links[i];
        bool again = i > 0 && l->hook == c->links[i - 1].hook && (l->depth > 0 || (l->bits & CHAIN_STAND_IN) || (c->links[i - 1].bits & CHAIN_FELL));
        add_link(out, indent, l, !again);
    }
    if (c->more_links > 0)
        buf_addf(out, "%s... and %" PRIu32 " more\n", indent, c->more_links);
}

void chain_choices_text(const struct chain *c, const char *indent, struct buf *out)
{
    static const char *const words[FIT_COUNT] = {
        [FIT_CHOSEN] = "judges",   [FIT_LATER] = "fits, too, but an earlier file has the alert", [FIT_NO] = "does not fit",
        [FIT_BROKEN] = "cannot be used, and might have been meant for it", [FIT_NAMELESS] = "has no match: acts only when named",
        [FIT_OTHER] = "is not the one that the document names"};
    for (size_t i = 0; i < c->n_choices; i++) {
        const struct chain_choice *k = &c->choices[i];
        buf_adds(out, indent);
        buf_add_visible(out, k->file);
        if (k->match[0] != '\0') {
            buf_adds(out, "  match ");
            buf_add_visible(out, k->match);
        }
        buf_addf(out, "  %s", k->fit < FIT_COUNT ? words[k->fit] : "?");
        if (k->detail[0] != '\0') {
            buf_adds(out, ": ");
            buf_add_visible(out, k->detail);
        }
        buf_addc(out, '\n');
    }
}

void chain_steps_text(const struct chain *c, const char *indent, struct buf *out)
{
    for (size_t i = 0; i < c->n_steps; i++) {
        const struct chain_step *s = &c->steps[i];
        buf_adds(out, indent);
        buf_add_visible(out, s->place);
        buf_adds(out, "  ");
        buf_add_visible(out, s->source);
        if (s->locals[0] != '\0') {
            buf_adds(out, "    -- ");
            buf_add_visible(out, s->locals);
        }
        buf_addc(out, '\n');
    }
    if (c->more_steps > 0)
        buf_addf(out, "%s... and %" PRIu32 " more lines\n", indent, c->more_steps);
}

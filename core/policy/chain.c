/* The chain as data: see chain.h. */
#include "policy/chain.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void link_free(struct chain_link *l)
{
    char *texts[] = {l->value, l->reason, l->detail, l->error, l->by, l->source};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (size_t i = 0; i < l->n_reads; i++) {
        free(l->reads[i].name);
        free(l->reads[i].value);
        free(l->reads[i].near);
    }
    free(l->reads);
}

void chain_clear(struct chain *c)
{
    for (size_t i = 0; i < c->n_links; i++)
        link_free(&c->links[i]);
    for (size_t i = 0; i < c->n_choices; i++) {
        free(c->choices[i].policy);
        free(c->choices[i].file);
        free(c->choices[i].match);
        free(c->choices[i].detail);
    }
    for (size_t i = 0; i < c->n_steps; i++) {
        free(c->steps[i].place);
        free(c->steps[i].source);
        free(c->steps[i].locals);
    }
    free(c->links);
    free(c->choices);
    free(c->steps);
    *c = (struct chain){0};
}

static void *joined(void *to, size_t n_to, const void *from, size_t n_from, size_t size)
{
    to = xrealloc(to, (n_to + n_from) * size);
    memcpy((char *)to + n_to * size, from, n_from * size);
    return to;
}

void chain_append(struct chain *to, struct chain *from)
{
    if (from->n_links > 0)
        to->links = joined(to->links, to->n_links, from->links, from->n_links, sizeof *to->links);
    if (from->n_choices > 0)
        to->choices = joined(to->choices, to->n_choices, from->choices, from->n_choices, sizeof *to->choices);
    if (from->n_steps > 0)
        to->steps = joined(to->steps, to->n_steps, from->steps, from->n_steps, sizeof *to->steps);
    to->n_links += from->n_links;
    to->n_choices += from->n_choices;
    to->n_steps += from->n_steps;
    to->more_links += from->more_links;
    to->more_steps += from->more_steps;
    free(from->links);
    free(from->choices);
    free(from->steps);
    *from = (struct chain){0};
}

static size_t text_bytes(const char *s)
{
    return s != NULL ? strlen(s) + 1 : 0;
}

size_t chain_bytes(const struct chain *c)
{
    size_t n = c->n_links * sizeof *c->links + c->n_choices * sizeof *c->choices + c->n_steps * sizeof *c->steps;
    for (size_t i = 0; i < c->n_links; i++) {
        const struct chain_link *l = &c->links[i];
        n += text_bytes(l->value) + text_bytes(l->reason) + text_bytes(l->detail) + text_bytes(l->error) +
             text_bytes(l->by) + text_bytes(l->source) + l->n_reads * sizeof *l->reads;
        for (size_t k = 0; k < l->n_reads; k++)
            n += text_bytes(l->reads[k].name) + text_bytes(l->reads[k].value);
    }
    for (size_t i = 0; i < c->n_choices; i++)
        n += text_bytes(c->choices[i].policy) + text_bytes(c->choices[i].file) + text_bytes(c->choices[i].match) +
             text_bytes(c->choices[i].detail);
    for (size_t i = 0; i < c->n_steps; i++)
        n += text_bytes(c->steps[i].place) + text_bytes(c->steps[i].source) + text_bytes(c->steps[i].locals);
    return n;
}

static bool is_plain(const struct chain *c, size_t i)
{
    static const char base[] = "default.lua:";
    const struct chain_link *l = &c->links[i];
    bool of_text = l->hook == HOOK_KEY || l->hook == HOOK_PRIORITY || l->hook == HOOK_TITLE || l->hook == HOOK_BODY;
    bool more = i + 1 < c->n_links && c->links[i + 1].depth > 0;
    bool fell = i > 0 && c->links[i - 1].hook == l->hook && (c->links[i - 1].bits & CHAIN_FELL) != 0;
    return of_text && l->depth == 0 && !more && !fell && (l->bits & CHAIN_STAND_IN) == 0 && l->error[0] == '\0' &&
           strncmp(l->by, base, sizeof base - 1) == 0;
}

void chain_fold(struct chain *c, struct buf *names)
{
    size_t left = 0;
    uint32_t named = 0;
    for (size_t i = 0; i < c->n_links; i++) {
        if (!is_plain(c, i)) {
            if (left != i) {
                c->links[left] = c->links[i];
                c->links[i] = (struct chain_link){.by = NULL, .bits = c->links[left].bits, .hook = c->links[left].hook};
            }
            left++;
            continue;
        }
        if ((named & 1u << c->links[i].hook) == 0)
            buf_addf(names, "%s%s", named != 0 ? ", " : "", black_box_hook_name(c->links[i].hook));
        named |= 1u << c->links[i].hook;
        link_free(&c->links[i]);
        c->links[i] = (struct chain_link){.hook = c->links[i].hook};
    }
    c->n_links = left;
}

const char *chain_fit_name(uint32_t fit)
{
    static const char *const names[FIT_COUNT] = {"no", "chosen", "later", "broken", "only when named", "not the named one"};
    return fit < FIT_COUNT ? names[fit] : "?";
}

/* --- on the wire --- */

static void write_link(const struct chain_link *l, struct buf *b)
{
    wire_u8(b, (uint8_t)l->hook);
    wire_u8(b, l->depth);
    wire_u8(b, l->bits);
    wire_u8(b, (uint8_t)l->tag);
    wire_str(b, l->value);
    wire_str(b, l->reason);
    wire_str(b, l->detail);
    wire_str(b, l->error);
    wire_str(b, l->by);
    wire_str(b, l->source);
    wire_u64(b, l->us);
    wire_u64(b, l->instructions);
    wire_u64(b, l->memory);
    wire_u8(b, (uint8_t)l->n_reads);
    for (size_t i = 0; i < l->n_reads; i++) {
        wire_str(b, l->reads[i].name);
        wire_u8(b, l->reads[i].value != NULL);
        wire_str(b, l->reads[i].value);
    }
}

void chain_write(const struct chain *c, struct buf *b)
{
    wire_u32(b, (uint32_t)c->n_links);
    for (size_t i = 0; i < c->n_links; i++)
        write_link(&c->links[i], b);
    wire_u32(b, c->more_links);
    wire_u32(b, (uint32_t)c->n_choices);
    for (size_t i = 0; i < c->n_choices; i++) {
        const struct chain_choice *k = &c->choices[i];
        wire_str(b, k->policy);
        wire_str(b, k->file);
        wire_str(b, k->match);
        wire_u8(b, k->fit);
        wire_str(b, k->detail);
    }
    wire_u32(b, (uint32_t)c->n_steps);
    for (size_t i = 0; i < c->n_steps; i++) {
        wire_str(b, c->steps[i].place);
        wire_str(b, c->steps[i].source);
        wire_str(b, c->steps[i].locals);
    }
    wire_u32(b, c->more_steps);
}

/* A text without NUL, of at most `max` bytes; never NULL. */
static int get_text(struct wire_reader *r, size_t max, const char *what, char **text_r, struct err *e)
{
    struct wire_text t = wire_get_text(r);
    if (r->bad)
        return err_set(e, ERR_INVALID, "a chain that ends inside its %s", what);
    if (t.len > max || utf8_valid(t.s, t.len) != t.len || (t.len > 0 && memchr(t.s, '\0', t.len) != NULL))
        return err_set(e, ERR_INVALID, "a chain's %s that is none", what);
    *text_r = xstrndup(t.s, t.len);
    return 0;
}

/* -?digits[.digits][e[+-]digits], as JSON has it. */
static bool is_number(const char *s)
{
    static const char digits[] = "0123456789";
    s += *s == '-';
    size_t n = strspn(s, digits);
    if (n == 0 || (n > 1 && *s == '0'))
        return false;
    s += n;
    if (*s == '.') {
        n = strspn(++s, digits);
        if (n == 0)
            return false;
        s += n;
    }
    if (*s == 'e') {
        s++;
        s += *s == '-' || *s == '+';
        n = strspn(s, digits);
        if (n == 0)
            return false;
        s += n;
    }
    return *s == '\0';
}

static int read_value(struct wire_reader *r, struct chain_link *l, struct err *e)
{
    uint8_t tag = wire_get_u8(r);
    if (tag == 0 || strchr("ztfnso-", tag) == NULL)
        return err_set(e, ERR_INVALID, "a chain's value of no kind");
    l->tag = (char)tag;
    if (get_text(r, WIRE_CHAIN_VALUE_MAX, "value", &l->value, e) != 0)
        return -1;
    bool fits = tag == 'n' ? is_number(l->value) : tag == 's' || tag == 'o' || l->value[0] == '\0';
    return fits ? 0 : err_set(e, ERR_INVALID, "a chain's value that is none");
}

static int read_reads(struct wire_reader *r, struct chain_link *l, struct err *e)
{
    uint8_t n = wire_get_u8(r);
    if (n > WIRE_CHAIN_READS_MAX)
        return err_set(e, ERR_INVALID, "a chain's link that has read %u names", n);
    l->reads = xcalloc(n, sizeof *l->reads);
    for (; l->n_reads < n; l->n_reads++) {
        struct chain_read *read = &l->reads[l->n_reads];
        if (get_text(r, WIRE_CHAIN_VALUE_MAX, "name", &read->name, e) != 0)
            return -1;
        uint8_t there = wire_get_u8(r);
        char *value = NULL;
        if (there > 1 || get_text(r, WIRE_CHAIN_VALUE_MAX, "value", &value, e) != 0 || (!there && value[0] != '\0')) {
            free(read->name);
            free(value);
            return err_set(e, ERR_INVALID, "a chain's value that is neither there nor not");
        }
        if (!there) {
            free(value);
            value = NULL;
        }
        read->value = value;
    }
    return 0;
}

/* An error's code is one of the list, and what decides has no error. */
static int check_link(const struct chain_link *l, struct err *e)
{
    static const char *const errors[] = {"", "policy.error", "policy.bad_return", "policy.timeout", "policy.memory", "policy.load"};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(l->error, errors[i]) == 0)
            return 0;
    return err_set(e, ERR_INVALID, "a chain's error that there is not");
}

static int read_link(struct wire_reader *r, struct chain_link *l, struct err *e)
{
    l->hook = wire_get_u8(r);
    l->depth = wire_get_u8(r);
    l->bits = wire_get_u8(r);
    if (r->bad || l->hook >= HOOK_COUNT || l->depth > WIRE_CHAIN_DEPTH_MAX ||
        l->bits >= 2 * CHAIN_FELL)
        return err_set(e, ERR_INVALID, "a chain's link that there is not");
    if (read_value(r, l, e) != 0 || get_text(r, WIRE_TEXT_SHOWN, "reason", &l->reason, e) != 0 ||
        get_text(r, WIRE_TEXT_SHOWN, "detail", &l->detail, e) != 0 || get_text(r, 64, "error", &l->error, e) != 0 ||
        get_text(r, WIRE_CHAIN_PLACE_MAX, "place", &l->by, e) != 0 ||
        get_text(r, WIRE_CHAIN_VALUE_MAX, "line", &l->source, e) != 0)
        return -1;
    l->us = wire_get_u64(r);
    l->instructions = wire_get_u64(r);
    l->memory = wire_get_u64(r);
    return read_reads(r, l, e) != 0 ? -1 : check_link(l, e);
}

static int read_choice(struct wire_reader *r, struct chain_choice *k, struct err *e)
{
    if (get_text(r, WIRE_CHAIN_VALUE_MAX, "policy", &k->policy, e) != 0 ||
        get_text(r, WIRE_CHAIN_VALUE_MAX, "file", &k->file, e) != 0 ||
        get_text(r, WIRE_MATCH_MAX, "match", &k->match, e) != 0)
        return -1;
    k->fit = wire_get_u8(r);
    if (k->fit >= FIT_COUNT)
        return err_set(e, ERR_INVALID, "a chain's choice that there is not");
    return get_text(r, WIRE_TEXT_SHOWN, "choice", &k->detail, e);
}

static int read_step(struct wire_reader *r, struct chain_step *s, struct err *e)
{
    return get_text(r, WIRE_CHAIN_PLACE_MAX, "place", &s->place, e) != 0 ||
                   get_text(r, WIRE_CHAIN_VALUE_MAX, "line", &s->source, e) != 0 ||
                   get_text(r, WIRE_CHAIN_LOCALS_MAX, "locals", &s->locals, e) != 0
               ? -1
               : 0;
}

static int get_count(struct wire_reader *r, uint32_t max, const char *what, uint32_t *n_r, struct err *e)
{
    *n_r = wire_get_u32(r);
    return r->bad || *n_r > max ? err_set(e, ERR_INVALID, "a chain of %u %s, at most %u", *n_r, what, max) : 0;
}

static int read_chain(struct wire_reader *r, struct chain *c, struct err *e)
{
    uint32_t n;
    if (get_count(r, WIRE_CHAIN_LINKS_MAX, "links", &n, e) != 0)
        return -1;
    c->links = xcalloc(n, sizeof *c->links);
    while (c->n_links < n)
        if (read_link(r, &c->links[c->n_links++], e) != 0)
            return -1;
    c->more_links = wire_get_u32(r);
    if (get_count(r, WIRE_CHAIN_CHOICES_MAX, "choices", &n, e) != 0)
        return -1;
    c->choices = xcalloc(n, sizeof *c->choices);
    while (c->n_choices < n)
        if (read_choice(r, &c->choices[c->n_choices++], e) != 0)
            return -1;
    if (get_count(r, WIRE_CHAIN_STEPS_MAX, "lines", &n, e) != 0)
        return -1;
    c->steps = xcalloc(n, sizeof *c->steps);
    while (c->n_steps < n)
        if (read_step(r, &c->steps[c->n_steps++], e) != 0)
            return -1;
    c->more_steps = wire_get_u32(r);
    return r->bad ? err_set(e, ERR_INVALID, "a chain that is too short") : 0;
}

int chain_read(struct wire_reader *r, struct chain *c_r, struct err *e)
{
    *c_r = (struct chain){0};
    if (read_chain(r, c_r, e) == 0)
        return 0;
    chain_clear(c_r);
    return -1;
}

/* SETUP: what this cycle is about. Loads every policy and parses every template, and says in READY what is
 * wrong. */
#include "session_internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    SETUP_LISTS_MAX = 4096,             /* entries of any list in SETUP */
    IDLE_MEMORY_MAX = 16 * 1024 * 1024, /* of policies' VMs that stay loaded between questions */
};

static int too_many(struct err *e)
{
    return err_set(e, ERR_INVALID, "SETUP holds a list that is too long");
}

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

/* Templates */

static void add_template(struct session *s, struct wire_text text, const char *which, const char *label)
{
    size_t i = s->n_templates++;
    s->template_texts[2 * i] = xstrdup(which);
    s->template_texts[2 * i + 1] = xstrdup(label);
    s->templates[i] = (struct render_template){.which = s->template_texts[2 * i],
                                               .label = s->template_texts[2 * i + 1],
                                               .text = text,
                                               .is_name = i == TEMPLATE_NAME};
}

static int read_keyed(struct session *s, struct wire_reader *r, const char *kind, size_t *n_r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > SETUP_LISTS_MAX)
        return too_many(e);
    size_t room = s->n_templates + n;
    s->templates = xrealloc(s->templates, room * sizeof *s->templates);
    s->template_texts = xrealloc(s->template_texts, 2 * room * sizeof *s->template_texts);
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        struct wire_text key = wire_get_text(r), text = wire_get_text(r);
        struct buf name = {0};
        text_clean(&name, key.s, key.len, 256);
        char *which = xasprintf("%s[%s]", kind, name.data);
        char *label = xasprintf("%s %s", kind, name.data);
        add_template(s, text, which, label);
        free(which);
        free(label);
        buf_free(&name);
        ++*n_r;
    }
    return 0;
}

static int read_templates(struct session *s, struct wire_reader *r, struct err *e)
{
    static const char *const names[] = {"prompt", "branch", "name"};
    s->templates = xcalloc(3, sizeof *s->templates);
    s->template_texts = xcalloc(6, sizeof *s->template_texts);
    for (int i = 0; i < 3; i++)
        add_template(s, wire_get_text(r), names[i], names[i]);
    if (read_keyed(s, r, "label", &s->n_labels, e) < 0 ||
        read_keyed(s, r, "annotation", &s->n_annotations, e) < 0)
        return -1;
    return 0;
}

/* Reading */

static int read_policies(struct session *s, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > SETUP_LISTS_MAX)
        return too_many(e);
    s->policies = xcalloc(n ? n : 1, sizeof *s->policies);
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        struct policy *p = &s->policies[s->n_policies++];
        struct wire_text file = wire_get_text(r);
        struct buf name = {0};
        text_clean(&name, file.s, file.len, 255);
        p->file = buf_take(&name);
        p->source = wire_get_text(r);
        p->file_number = i;
        p->number = UINT32_MAX;
        p->cycle = &s->cycle;
        if (!p->source.len)
            p->problem = xasprintf("%s: is empty, or loading it has killed a worker", p->file);
    }
    return 0;
}

static int read_quarantine(struct session *s, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > SETUP_LISTS_MAX)
        return too_many(e);
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        uint32_t number = wire_get_u32(r);
        if (number == UINT32_MAX)
            s->base.quarantined = true;
        else if (number < s->n_policies)
            s->policies[number].quarantined = true;
        else
            return err_set(e, ERR_INVALID, "SETUP quarantines policy %u of %zu", number, s->n_policies);
    }
    return 0;
}

static int read_setup(struct session *s, struct wire_reader *r, struct err *e)
{
    s->cycle.now = wire_get_i64(r);
    s->cycle.spawner = wire_get_text(r);
    s->cycle.ns = wire_get_text(r);
    s->named = wire_get_text(r);

    /* the tree is kept as it is and read again by each policy's VM: only find its end here */
    const char *tree = r->p;
    if (wire_tree_skip(r) < 0)
        return err_set(e, ERR_INVALID, "SETUP holds a config that is no tree");
    s->cycle.config = (struct wire_text){tree, (size_t)(r->p - tree)};

    s->cycle.poll_interval = wire_get_i64(r);
    uint32_t n = wire_get_u32(r);
    if (n > SETUP_LISTS_MAX)
        return too_many(e);
    s->cycle.priority_labels = xcalloc(n ? n : 1, sizeof *s->cycle.priority_labels);
    s->cycle.n_priority_labels = n;
    for (uint32_t i = 0; i < n; i++)
        s->cycle.priority_labels[i] = wire_get_text(r);
    if (read_templates(s, r, e) < 0 || read_policies(s, r, e) < 0)
        return -1;
    s->cycle.limits.call_instructions = wire_get_u64(r);
    s->cycle.limits.total_instructions = wire_get_u64(r);
    s->cycle.limits.memory = wire_get_u64(r);
    s->cycle.limits.total_used = &s->total_used;
    if (read_quarantine(s, r, e) < 0)
        return -1;
    if (!wire_at_end(r))
        return err_set(e, ERR_INVALID, "SETUP is not as long as it says");
    return 0;
}

/* Loading */

static void load_policies(struct session *s)
{
    uint32_t good = 0;
    for (size_t i = 0; i < s->n_policies; i++) {
        struct policy *p = &s->policies[i];
        if (policy_load(p) < 0)
            continue;
        for (size_t j = 0; j < i; j++) {
            if (!s->policies[j].problem && strcmp(s->policies[j].name, p->name) == 0) {
                p->problem =
                    xasprintf("%s: the name '%s' is taken by %s", p->file, p->name, s->policies[j].file);
                policy_unload(p);
                break;
            }
        }
        if (!p->problem)
            p->number = good++;
        session_trim(s);
    }
}

static bool named_is_there(const struct session *s)
{
    if (s->named.len == 0 || (s->named.len == 7 && memcmp(s->named.s, "default", 7) == 0))
        return true;
    for (size_t i = 0; i < s->n_policies; i++)
        if (!s->policies[i].problem && strlen(s->policies[i].name) == s->named.len &&
            memcmp(s->policies[i].name, s->named.s, s->named.len) == 0)
            return true;
    return false;
}

static void write_ready(struct session *s)
{
    uint32_t good = 0, bad_templates = 0;
    for (size_t i = 0; i < s->n_policies; i++)
        good += !s->policies[i].problem;
    for (size_t i = 0; i < s->n_templates; i++)
        bad_templates += s->templates[i].problem != NULL;

    size_t mark = wire_begin(&s->out, WIRE_READY);
    wire_u32(&s->out, (uint32_t)s->n_policies - good);
    for (size_t i = 0; i < s->n_policies; i++) {
        if (!s->policies[i].problem)
            continue;
        wire_str(&s->out, s->policies[i].file);
        session_write_sentence(s, s->policies[i].problem, strlen(s->policies[i].problem));
    }
    wire_u32(&s->out, good);
    for (size_t i = 0; i < s->n_policies; i++) {
        if (s->policies[i].problem)
            continue;
        wire_str(&s->out, s->policies[i].name);
        wire_str(&s->out, s->policies[i].file);
        wire_str(&s->out, s->policies[i].match_text);
    }
    wire_u32(&s->out, bad_templates);
    for (size_t i = 0; i < s->n_templates; i++) {
        if (!s->templates[i].problem)
            continue;
        wire_str(&s->out, s->templates[i].which);
        session_write_sentence(s, s->templates[i].problem, strlen(s->templates[i].problem));
    }
    wire_u8(&s->out, named_is_there(s));
    wire_end(&s->out, mark);
}

int session_setup(struct session *s, struct wire_reader *r, struct err *e)
{
    buf_add(&s->setup, r->p, (size_t)(r->end - r->p));
    struct wire_reader kept = {s->setup.data, s->setup.data + s->setup.len, false};
    s->cycle.box = s->box;
    s->base = (struct policy){.cycle = &s->cycle,
                              .file = xstrdup("default.lua"),
                              .source = {"", 0},
                              .file_number = UINT32_MAX,
                              .number = UINT32_MAX};
    if (read_setup(s, &kept, e) < 0)
        return -1;
    policy_load(&s->base); /* its failure is that of every alert it should judge */
    load_policies(s);
    s->render = render_open(s->templates, s->n_templates, s->box);
    write_ready(s);
    session_flush(s, 0);
    s->ready = true;
    return 0;
}

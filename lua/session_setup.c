/* SETUP: what this cycle is about. */
#include "session_internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SETUP_LISTS_MAX = 4096 }; /* entries of any list in SETUP, but for what is remembered */

static int too_many(struct err *e)
{
    return err_set(e, ERR_INVALID, "SETUP holds a list that is too long");
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

static char *read_file_name(struct wire_reader *r)
{
    struct wire_text file = wire_get_text(r);
    struct buf name = {0};
    text_clean(&name, file.s, file.len, 255);
    return buf_take(&name);
}

static int read_libraries(struct session *s, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > SETUP_LISTS_MAX)
        return too_many(e);
    s->cycle.libraries = xcalloc(n ? n : 1, sizeof *s->cycle.libraries);
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        struct policy_library *lib = &s->cycle.libraries[s->cycle.n_libraries++];
        lib->file = read_file_name(r);
        lib->source = wire_get_text(r);
    }
    return 0;
}

/* Which libraries a policy may include. */
static int read_policy_libraries(struct session *s, struct policy *p, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > SETUP_LISTS_MAX)
        return too_many(e);
    p->libraries = xcalloc(n ? n : 1, sizeof *p->libraries);
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        uint32_t number = wire_get_u32(r);
        if (number >= s->cycle.n_libraries)
            return err_set(e, ERR_INVALID, "SETUP gives %s library %u of %zu", p->file, number, s->cycle.n_libraries);
        p->libraries[p->n_libraries++] = number;
    }
    return 0;
}

static int read_policies(struct session *s, struct wire_reader *r, struct err *e)
{
    uint32_t n = wire_get_u32(r);
    if (n > SETUP_LISTS_MAX)
        return too_many(e);
    s->policies = xcalloc(n ? n : 1, sizeof *s->policies);
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        struct policy *p = &s->policies[s->n_policies++];
        p->file = read_file_name(r);
        p->source = wire_get_text(r);
        if (read_policy_libraries(s, p, r, e) < 0)
            return -1;
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

/* SETUP's bits, and whose answers are explained. */
static int read_explained(struct session *s, struct wire_reader *r, struct err *e)
{
    enum { LINT = 1, ALL = 2, LISTED = 4, TRACED = 8, MEASURED = 16 };
    uint8_t bits = wire_get_u8(r);
    s->lint = (bits & LINT) != 0;
    s->explains = bits & ALL ? EXPLAINS_ALL : bits & LISTED ? EXPLAINS_LISTED : EXPLAINS_NOTHING;
    s->explains_how = bits & TRACED ? CHAIN_TRACED : bits & MEASURED ? CHAIN_MEASURED : CHAIN_EXPLAINED;
    if (s->explains != EXPLAINS_NOTHING)
        s->maker = chain_maker_create();
    if (!(bits & LISTED))
        return 0;
    uint32_t n = wire_get_u32(r);
    if (n > SETUP_LISTS_MAX)
        return too_many(e);
    s->explained = xcalloc(n ? n : 1, sizeof *s->explained);
    for (; s->n_explained < n; s->n_explained++) {
        s->explained[s->n_explained] = wire_get_u64(r);
        if (s->n_explained && s->explained[s->n_explained] <= s->explained[s->n_explained - 1])
            return err_set(e, ERR_INVALID, "SETUP's list of explained alerts is in no order");
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
    if (read_templates(s, r, e) < 0 || read_libraries(s, r, e) < 0 || read_policies(s, r, e) < 0)
        return -1;
    s->cycle.limits.call_instructions = wire_get_u64(r);
    s->cycle.limits.total_instructions = wire_get_u64(r);
    s->cycle.limits.memory = wire_get_u64(r);
    s->cycle.limits.total_used = &s->total_used;
    if (read_quarantine(s, r, e) < 0)
        return -1;
    if (read_explained(s, r, e) < 0)
        return -1;
    if (remembered_read(&s->memory, r, e) < 0)
        return -1;
    if (!wire_at_end(r))
        return err_set(e, ERR_INVALID, "SETUP is not as long as it says");
    return 0;
}

static void keep(struct buf *bytes, const struct wire_reader *r, struct wire_reader *kept_r)
{
    buf_add(bytes, r->p, (size_t)(r->end - r->p));
    *kept_r = (struct wire_reader){bytes->data, bytes->data + bytes->len, false};
}

int session_setup(struct session *s, struct wire_reader *r, struct err *e)
{
    struct wire_reader kept;
    keep(&s->setup, r, &kept);
    s->cycle.box = s->box;
    s->cycle.memory = &s->memory;
    s->base = (struct policy){.cycle = &s->cycle,
                              .file = xstrdup("default.lua"),
                              .source = {"", 0},
                              .file_number = UINT32_MAX,
                              .number = UINT32_MAX};
    if (read_setup(s, &kept, e) < 0)
        return -1;
    session_load(s);
    if (s->wanted.n) {
        s->state = SESSION_AWAITS_ZONES;
        session_write_want(s);
    } else {
        session_ready(s);
    }
    session_flush(s, 0);
    return 0;
}

int session_zones(struct session *s, struct wire_reader *r, struct err *e)
{
    struct wire_reader kept;
    keep(&s->zone_data, r, &kept);
    if (session_take_zones(s, &kept, e) < 0)
        return -1;
    session_ready(s);
    session_flush(s, 0);
    return 0;
}

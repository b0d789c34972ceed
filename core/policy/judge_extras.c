/* Notes and state that hooks wrote beside their answers. Few answers have any: they lie in two lists beside the
 * judgements, sorted by alert when somebody asks. */
#include "policy/judge_private.h"

#include "alerts/identity.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { EXTRA_NOTES = 1, EXTRA_STATE = 2, EXTRA_CHAIN = 4 };

/* --- reading --- */

static int get_note(struct wire_reader *r, struct wire_text *name_r, struct wire_text *value_r, struct err *e)
{
    if (judge_get_text(r, WIRE_NOTE_NAME_MAX, "note's name", name_r, e) != 0 ||
        judge_get_text(r, WIRE_NOTE_VALUE_MAX, "note", value_r, e) != 0)
        return -1;
    return name_r->len > 0 ? 0 : err_set(e, ERR_INVALID, "a note without a name");
}

static int get_notes(struct wire_reader *r, unsigned hooks, struct extras *x, struct err *e)
{
    x->n_notes = wire_get_u32(r);
    x->notes = *r;
    if (x->n_notes == 0 || x->n_notes > hooks * WIRE_NOTES_MAX)
        return err_set(e, ERR_INVALID, "%u notes of %u hooks", x->n_notes, hooks);
    for (uint32_t i = 0; i < x->n_notes; i++) {
        struct wire_text name, value, other;
        struct wire_reader before = x->notes;
        if (get_note(r, &name, &value, e) != 0)
            return -1;
        for (uint32_t k = 0; k < i; k++, wire_get_text(&before)) {
            other = wire_get_text(&before);
            if (other.len == name.len && memcmp(other.s, name.s, name.len) == 0)
                return err_set(e, ERR_INVALID, "a note twice");
        }
    }
    return 0;
}

/* The count and the pairs, which with an 'm' before them are a tree. */
static int get_changes(struct wire_reader *r, struct wire_text *changes_r, struct err *e)
{
    struct wire_reader end = *r;
    for (uint32_t n = wire_get_u32(&end); n > 0 && !end.bad; n--) {
        wire_get_text(&end);
        wire_tree_skip(&end);
    }
    if (end.bad)
        return err_set(e, ERR_INVALID, "a message that ends inside its state");
    *changes_r = (struct wire_text){r->p, (size_t)(end.p - r->p)};
    struct buf tree = {0};
    buf_addc(&tree, 'm');
    buf_add(&tree, changes_r->s, changes_r->len);
    const char *wrong = state_item_wrong(tree.data, tree.len, JUDGE_STATE_CHANGES_MAX, true);
    buf_free(&tree);
    if (wrong != NULL)
        return err_set(e, ERR_INVALID, "state that %s", wrong);
    r->p = end.p;
    return 0;
}

int judge_get_extras(struct judge *j, struct wire_reader *r, unsigned hooks, struct extras *x_r, struct err *e)
{
    *x_r = (struct extras){0};
    uint8_t bits = wire_get_u8(r);
    if (r->bad || bits > (EXTRA_NOTES | EXTRA_STATE | EXTRA_CHAIN))
        return err_set(e, ERR_INVALID, "extras that there are not");
    if ((bits & EXTRA_NOTES) && get_notes(r, hooks, x_r, e) != 0)
        return -1;
    x_r->has_state = bits & EXTRA_STATE;
    if (x_r->has_state && (judge_get_text(r, WIRE_KEY_MAX, "state's key", &x_r->key, e) != 0 ||
                           get_changes(r, &x_r->changes, e) != 0))
        return -1;
    if (!(bits & EXTRA_CHAIN))
        return 0;
    if (j->setup.explain.which == EXPLAIN_NOTHING)
        return err_set(e, ERR_INVALID, "a chain that nobody asked for");
    if (chain_read(r, &x_r->chain, e) != 0)
        return -1;
    if (judge_check_end(r, "an answer with a chain", e) == 0)
        return 0;
    chain_clear(&x_r->chain);
    return -1;
}


/* --- keeping --- */

bool judge_has_room(struct judge *j)
{
    size_t lists = j->n_noted * sizeof *j->noted + j->n_changed * (sizeof *j->changed + sizeof *j->shown);
    if (j->texts.bytes + j->chain_bytes + lists <= j->setup.limits.text_bytes)
        return true;
    judge_note_add(j, j->texts_full);
    return false;
}

static struct alert_note keep_note(struct judge *j, struct wire_reader *r)
{
    struct wire_text name = wire_get_text(r), value = wire_get_text(r);
    const char *text = texts_add(&j->texts, value.s, value.len);
    return (struct alert_note){texts_add(&j->texts, name.s, name.len), text != NULL ? text : ""};
}

static struct state_change keep_change(struct judge *j, const struct extras *x, uint64_t identity, uint32_t policy)
{
    struct buf tree = {0};
    buf_addc(&tree, 'm');
    buf_add(&tree, x->changes.s, x->changes.len);
    struct state_change c = {
        .identity = x->key.len > 0 ? identity_of_key(x->key.s, x->key.len) : identity,
        .policy = policy,
        .changes = texts_add_bytes(&j->texts, tree.data, tree.len),
        .len = tree.len,
    };
    buf_free(&tree);
    return c;
}

/* Each alert's chains one after the other; alerts mostly come in order. */
static void keep_chain(struct judge *j, struct chain *chain, size_t alert)
{
    size_t at = j->n_chains;
    while (at > 0 && j->chains[at - 1].alert > alert)
        at--;
    j->chain_bytes += chain_bytes(chain);
    if (at > 0 && j->chains[at - 1].alert == alert) {
        chain_append(&j->chains[at - 1].chain, chain);
        return;
    }
    xgrow(&j->chains, &j->cap_chains, j->n_chains + 1, sizeof *j->chains);
    memmove(&j->chains[at + 1], &j->chains[at], (j->n_chains - at) * sizeof *j->chains);
    j->chains[at] = (struct chained){(uint32_t)alert, *chain};
    j->n_chains++;
    *chain = (struct chain){0};
}

static void keep_or_drop_chain(struct judge *j, struct extras *x, size_t alert)
{
    bool any = x->chain.n_links > 0 || x->chain.n_choices > 0 || x->chain.n_steps > 0;
    if (any && judge_has_room(j))
        keep_chain(j, &x->chain, alert);
    chain_clear(&x->chain);
}

void judge_keep_extras(struct judge *j, struct extras *x, size_t alert, uint32_t policy)
{
    struct wire_reader r = x->notes;
    keep_or_drop_chain(j, x, alert);
    if ((x->n_notes == 0 && !x->has_state) || !judge_has_room(j))
        return;
    j->sorted = false;
    if (x->n_notes > 0)
        xgrow(&j->noted, &j->cap_noted, j->n_noted + x->n_notes, sizeof *j->noted);
    for (uint32_t i = 0; i < x->n_notes; i++, j->n_noted++)
        j->noted[j->n_noted] = (struct noted){(uint32_t)alert, (uint32_t)j->n_noted, keep_note(j, &r)};
    if (x->has_state) {
        xgrow(&j->changed, &j->cap_changed, j->n_changed + 1, sizeof *j->changed);
        uint64_t identity = alert_set_at(j->setup.set, alert)->fingerprint;
        j->changed[j->n_changed] =
            (struct changed){(uint32_t)alert, (uint32_t)j->n_changed, keep_change(j, x, identity, policy)};
        j->n_changed++;
    }
}

void judge_keep_resolve_extras(struct judge *j, struct extras *x, uint64_t identity, uint32_t policy,
                               struct resolve_answer *a)
{
    struct wire_reader r = x->notes;
    if (x->n_notes > 0)
        a->notes = xcalloc(x->n_notes, sizeof *a->notes);
    for (uint32_t i = 0; i < x->n_notes; i++)
        a->notes[a->n_notes++] = keep_note(j, &r);
    if (x->has_state) {
        a->state = xmalloc(sizeof *a->state);
        *a->state = keep_change(j, x, identity, policy);
    }
    if (x->chain.n_links > 0) {
        a->chain = xmalloc(sizeof *a->chain);
        *a->chain = x->chain;
        x->chain = (struct chain){0};
    }
    chain_clear(&x->chain);
}

void judge_free_extras(struct judge *j)
{
    free(j->noted);
    free(j->changed);
    free(j->shown);
    for (size_t i = 0; i < j->n_chains; i++)
        chain_clear(&j->chains[i].chain);
    free(j->chains);
}

/* --- asking --- */

static int compare_places(uint32_t alert_a, uint32_t order_a, uint32_t alert_b, uint32_t order_b)
{
    return alert_a != alert_b ? (alert_a > alert_b) - (alert_a < alert_b) : (order_a > order_b) - (order_a < order_b);
}

static int compare_noted(const void *a, const void *b)
{
    const struct noted *x = a, *y = b;
    return compare_places(x->alert, x->order, y->alert, y->order);
}

static int compare_changed(const void *a, const void *b)
{
    const struct changed *x = a, *y = b;
    return compare_places(x->alert, x->order, y->alert, y->order);
}

/* Sorted when somebody asks; nobody can tell. */
static struct judge *sorted(const struct judge *cj)
{
    struct judge *j = (struct judge *)cj;
    if (j->sorted)
        return j;
    if (j->n_noted > 1)
        qsort(j->noted, j->n_noted, sizeof *j->noted, compare_noted);
    if (j->n_changed > 1)
        qsort(j->changed, j->n_changed, sizeof *j->changed, compare_changed);
    for (size_t i = 0; i < j->n_noted; i++) /* what comes later stays behind them */
        j->noted[i].order = (uint32_t)i;
    for (size_t i = 0; i < j->n_changed; i++)
        j->changed[i].order = (uint32_t)i;
    j->shown = xrealloc(j->shown, (j->n_changed + 1) * sizeof *j->shown);
    for (size_t i = 0; i < j->n_changed; i++)
        j->shown[i] = j->changed[i].change;
    j->sorted = true;
    return j;
}

/* The first of a sorted list that is not before the alert. Both lists begin their entries with its number. */
static size_t lower_bound(const void *v, size_t n, size_t size, size_t alert)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        uint32_t at;
        memcpy(&at, (const char *)v + mid * size, sizeof at);
        if (at < alert)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct state_change *judge_state(const struct judge *cj, size_t alert, size_t *n_r)
{
    const struct judge *j = sorted(cj);
    size_t first = lower_bound(j->changed, j->n_changed, sizeof *j->changed, alert);
    *n_r = lower_bound(j->changed, j->n_changed, sizeof *j->changed, alert + 1) - first;
    return *n_r > 0 ? j->shown + first : NULL;
}

size_t judge_alert_notes(const struct judge *cj, size_t alert)
{
    const struct judge *j = sorted(cj);
    return lower_bound(j->noted, j->n_noted, sizeof *j->noted, alert + 1) -
           lower_bound(j->noted, j->n_noted, sizeof *j->noted, alert);
}

void judge_alert_note(const struct judge *cj, size_t alert, size_t i, const char **name_r, const char **value_r)
{
    const struct judge *j = sorted(cj);
    const struct noted *v = &j->noted[lower_bound(j->noted, j->n_noted, sizeof *j->noted, alert) + i];
    *name_r = v->note.name;
    *value_r = v->note.value;
}

const struct chain *judge_chain(const struct judge *j, size_t alert)
{
    size_t at = lower_bound(j->chains, j->n_chains, sizeof *j->chains, alert);
    return at < j->n_chains && j->chains[at].alert == alert ? &j->chains[at].chain : NULL;
}

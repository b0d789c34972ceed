/* ctx.state: what the hooks of this cycle wrote, applied onto what was remembered. See cycle_private.h.
 *
 * What is kept is what belongs to a decision that stands: nothing of an alert with an error, nothing of a group's other
 * members, and what goes with a creation only when that succeeds. */
#include "spawner/cycle_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define COMPARE(p, q) (((p) > (q)) - ((p) < (q)))

struct write {
    const struct state_change *change;
    uint32_t alert; /* in the set, or behind it: a key that has resolved */
    int32_t create; /* number in creates, or -1 */
};

struct writes {
    struct write *v;
    size_t n, cap;
};

enum { NOT_KEPT = -2 };

/* Number of the creation that the alert's state goes with, -1 for none, or NOT_KEPT. `create_of` is by work. */
static int32_t bound_to(const struct cycle *c, size_t alert, const int32_t *create_of)
{
    size_t i;
    if (alert_set_at(c->set, alert)->reason != REASON_NONE || judge_at(c->judge, alert)->answer == JUDGED_ERROR)
        return NOT_KEPT;
    if (cycle_item(c, alert, &i) == NULL)
        return -1; /* dropped: its filter may count such things */
    const struct decision *d = &c->plan->decisions[i];
    if (d->match == MATCH_MEMBER || d->verdict == VERDICT_ERROR)
        return NOT_KEPT;
    int32_t w = plan_work(c->plan, i);
    return w != PLAN_NO_WORK ? create_of[w] : -1;
}

static void write_add(struct writes *w, const struct state_change *change, size_t alert, int32_t create)
{
    xgrow(&w->v, &w->cap, w->n + 1, sizeof *w->v);
    w->v[w->n++] = (struct write){.change = change, .alert = (uint32_t)alert, .create = create};
}

static void writes_gather(const struct cycle *c, struct writes *w)
{
    int32_t *create_of = xcalloc(c->plan->n_work + 1, sizeof *create_of);
    for (size_t i = 0; i < c->plan->n_work; i++)
        create_of[i] = NOT_KEPT; /* what could not be composed has an error */
    for (size_t i = 0; i < c->n_creates; i++)
        create_of[c->create_work[i]] = (int32_t)i;
    for (size_t alert = 0; alert < alert_set_len(c->set); alert++) {
        size_t n;
        const struct state_change *changes = judge_state(c->judge, alert, &n);
        int32_t create = n > 0 ? bound_to(c, alert, create_of) : NOT_KEPT;
        for (size_t i = 0; i < n && create != NOT_KEPT; i++)
            write_add(w, &changes[i], alert, create);
    }
    for (size_t i = 0; i < c->n_resolve; i++)
        if (c->resolve_answers[i].answer != RESOLVE_ERROR && c->resolve_answers[i].state != NULL)
            write_add(w, c->resolve_answers[i].state, alert_set_len(c->set) + i, -1);
    free(create_of);
}

/* By policy and key; what goes with a creation last, since it may not come; then in the order of the poll. */
static int by_key(const void *a, const void *b)
{
    const struct write *x = a, *y = b;
    int r = COMPARE(x->change->policy, y->change->policy);
    if (r == 0)
        r = COMPARE(x->change->identity, y->change->identity);
    if (r == 0)
        r = COMPARE(x->create >= 0, y->create >= 0);
    if (r == 0)
        r = COMPARE(x->alert, y->alert);
    return r != 0 ? r : COMPARE(x->change, y->change);
}

static bool same_key(const struct write *x, const struct write *y)
{
    return x->change->policy == y->change->policy && x->change->identity == y->change->identity;
}

/* By bisection in the memory's (policy name, identity). */
static const struct state_fact *remembered(const struct spawner_memory *m, const char *policy, uint64_t identity)
{
    size_t low = 0, high = m->n_states;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct state_fact *f = &m->states[mid];
        int r = strcmp(m->policies[f->policy], policy);
        if (r == 0)
            r = COMPARE(f->identity, identity);
        if (r == 0)
            return f;
        if (r < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* All that one alert wrote, or nothing of it: `item` becomes the new one. */
static int alert_apply(struct buf *item, const struct write *w, size_t n, struct err *e)
{
    struct buf now = {0}, next = {0};
    if (item->len > 0)
        buf_add(&now, item->data, item->len);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&next);
        if (state_item_apply(now.data, now.len, w[i].change->changes, w[i].change->len, &next, e) != 0) {
            buf_free(&now);
            buf_free(&next);
            return -1;
        }
        struct buf swap = now;
        now = next;
        next = swap;
    }
    buf_free(&next);
    buf_free(item);
    *item = now;
    return 0;
}

static void state_add(struct cycle *c, const struct write *w, const struct policy_info *policy, const struct buf *item)
{
    char *copy = xmalloc(item->len + 1);
    if (item->len > 0)
        memcpy(copy, item->data, item->len);
    xgrow(&c->states, &c->states_cap, c->n_states + 1, sizeof *c->states);
    c->states[c->n_states++] = (struct store_state){
        .policy = judge_policy_name(c->judge, w->change->policy),
        .identity = w->change->identity,
        .version = policy->state_version,
        .item = copy,
        .len = item->len,
        .create = w->create,
    };
}

/* What could not be kept: the first sentence, and how often. */
struct refusals {
    size_t n;
    char *first;
};

/* All writes of one key: one row without condition, and one with each creation. */
static void key_make(struct cycle *c, const struct write *w, size_t n, struct refusals *refused)
{
    const char *name = judge_policy_name(c->judge, w->change->policy);
    const struct policy_info *policy = judge_policy_info(c->judge, w->change->policy);
    const struct state_fact *old = remembered(c->memory, name, w->change->identity);
    struct buf item = {0}, written = {0};
    bool current = old != NULL && old->version == policy->state_version;
    if (current) {
        buf_add(&item, old->item, old->len);
        buf_add(&written, old->item, old->len);
    }
    bool stale = old != NULL && !current; /* goes even when nothing comes in its place */
    for (size_t i = 0, end; i < n; i = end) {
        struct err e = {0};
        for (end = i + 1; end < n && w[end].alert == w[i].alert; end++)
            ;
        if (alert_apply(&item, &w[i], end - i, &e) != 0 && refused->n++ == 0)
            refused->first = xasprintf("policy %s: %s", name, e.msg);
        bool more = end < n && w[end].create == w[i].create;
        bool same = item.len == written.len && (item.len == 0 || memcmp(item.data, written.data, item.len) == 0);
        if (more || (same && !stale))
            continue;
        state_add(c, &w[i], policy, &item);
        stale = false;
        buf_clear(&written);
        if (item.len > 0)
            buf_add(&written, item.data, item.len);
    }
    buf_free(&item);
    buf_free(&written);
}

void cycle_make_states(struct cycle *c)
{
    struct writes w = {0};
    struct refusals refused = {0};
    writes_gather(c, &w);
    if (w.n > 0)
        qsort(w.v, w.n, sizeof *w.v, by_key);
    for (size_t i = 0, end; i < w.n; i = end) {
        for (end = i + 1; end < w.n && same_key(&w.v[i], &w.v[end]); end++)
            ;
        key_make(c, &w.v[i], end - i, &refused);
    }
    if (refused.n > 0)
        cycle_add_note(c, xasprintf("ctx.state of %zu alert%s is not kept: %s", refused.n, refused.n == 1 ? "" : "s",
                                    refused.first));
    free(refused.first);
    free(w.v);
}

void cycle_states_free(struct cycle *c)
{
    for (size_t i = 0; i < c->n_states; i++)
        free((char *)c->states[i].item);
    free(c->states);
}

/* What a worker is told of the past: ctx.seen, ctx.rate and ctx.state. */
#include "policy/judge_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void judge_write_seen(const struct judge *j, size_t alert, struct buf *b)
{
    const struct spawner_memory *m = j->setup.memory;
    struct alert_seen seen = {.first = MOMENT_NONE};
    if (m != NULL && m->episodes != NULL)
        episodes_seen(m->episodes, alert_set_at(j->setup.set, alert)->fingerprint, j->setup.now, &seen);
    if (seen.first == MOMENT_NONE) /* nobody remembers it: this is the first time */
        seen = (struct alert_seen){.first = j->setup.now, .polls = 1, .episode = 1};
    wire_i64(b, seen.first);
    wire_u32(b, seen.polls);
    wire_u32(b, seen.flaps);
    wire_i64(b, seen.absent_us);
    wire_u32(b, seen.episode);
}

void judge_write_creations(const struct judge *j, struct buf *b)
{
    const struct spawner_memory *m = j->setup.memory;
    size_t n_policies = m != NULL ? m->n_policies : 0;
    uint32_t *counts = xcalloc(n_policies + 1, sizeof *counts), n = 0;
    for (size_t i = 0; i < (m != NULL ? m->n_creations : 0); i++)
        if (m->creations[i].policy < n_policies)
            n += counts[m->creations[i].policy]++ == 0;
    wire_u32(b, n);
    for (size_t p = 0; p < n_policies; p++) {
        if (counts[p] == 0)
            continue;
        wire_str(b, m->policies[p]);
        wire_u32(b, counts[p]);
        for (size_t i = 0; i < m->n_creations; i++)
            if (m->creations[i].policy == p)
                wire_i64(b, m->creations[i].at);
    }
    free(counts);
}

/* --- ctx.state --- */

struct chosen {
    moment_t touched_at;
    uint32_t number;
};

static int by_last_touch(const void *a, const void *b)
{
    const struct chosen *x = a, *y = b;
    return (x->touched_at < y->touched_at) - (x->touched_at > y->touched_at);
}

static int by_number(const void *a, const void *b)
{
    const struct chosen *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* What the store holds has been through a file: what is no state is not handed on. */
static bool is_state(const struct spawner_memory *m, const struct state_fact *s)
{
    return s->policy < m->n_policies && s->len > 0 &&
           state_item_wrong(s->item, s->len, WIRE_STATE_NAMES_MAX, false) == NULL;
}

/* As many as fit, those touched last first; in the end in the store's order. */
static size_t choose_states(const struct spawner_memory *m, struct chosen *v, size_t *left_out_r)
{
    size_t n = 0, bytes = 0, total = 0;
    for (size_t i = 0; i < m->n_states; i++) {
        if (!is_state(m, &m->states[i]))
            continue;
        v[n++] = (struct chosen){m->states[i].touched_at, (uint32_t)i};
        total += m->states[i].len;
    }
    *left_out_r = 0;
    if (total <= JUDGE_STATES_BYTES_MAX)
        return n;
    qsort(v, n, sizeof *v, by_last_touch);
    size_t fit = 0;
    while (fit < n && bytes + m->states[v[fit].number].len <= JUDGE_STATES_BYTES_MAX)
        bytes += m->states[v[fit++].number].len;
    *left_out_r = n - fit;
    qsort(v, fit, sizeof *v, by_number);
    return fit;
}

void judge_write_states(struct judge *j, struct buf *b)
{
    const struct spawner_memory *m = j->setup.memory;
    if (m == NULL) {
        wire_u32(b, 0);
        return;
    }
    struct chosen *v = xcalloc(m->n_states + 1, sizeof *v);
    size_t left_out, n = choose_states(m, v, &left_out);
    wire_u32(b, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        const struct state_fact *s = &m->states[v[i].number];
        wire_str(b, m->policies[s->policy]);
        wire_u64(b, s->identity);
        wire_u32(b, s->version);
        buf_add(b, s->item, s->len);
    }
    free(v);
    if (left_out == 0)
        return;
    char *text = xasprintf("ctx.state: the policies keep more than %d MiB: %zu keys of the least recently seen are "
                           "not there in this cycle",
                           JUDGE_STATES_BYTES_MAX >> 20, left_out);
    judge_note_add(j, text);
    free(text);
}

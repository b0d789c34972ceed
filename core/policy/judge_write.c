/* The engine's words to a worker: SETUP and the batches. */
#include "policy/judge_private.h"
#include "policy/wire_json.h"

#include "base/mem.h"
#include "spawner/spawner.h"

#include <math.h>
#include <string.h>

static void write_pairs(struct buf *b, const struct template_pair *pairs, size_t n)
{
    wire_u32(b, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        wire_str(b, pairs[i].key);
        wire_str(b, pairs[i].template);
    }
}

static void write_policies(const struct judge *j, struct buf *b)
{
    const struct policy_files *f = j->setup.files;
    wire_u32(b, (uint32_t)f->n_libs);
    for (size_t i = 0; i < f->n_libs; i++) {
        wire_str(b, f->libs[i].name);
        wire_text(b, f->libs[i].source, f->libs[i].len);
    }
    wire_u32(b, (uint32_t)f->n);
    for (size_t i = 0; i < f->n; i++) {
        wire_str(b, f->files[i].name);
        wire_text(b, f->files[i].source, j->left_out[i] ? 0 : f->files[i].len);
        wire_u32(b, (uint32_t)f->files[i].n_libs);
        for (size_t k = 0; k < f->files[i].n_libs; k++)
            wire_u32(b, f->files[i].libs[k]);
    }
}

static void write_quarantined(const struct judge *j, struct buf *b)
{
    size_t n_files = j->setup.files->n;
    uint32_t n = 0;
    for (size_t i = 0; i <= n_files; i++)
        n += j->quarantined[i];
    wire_u32(b, n);
    for (size_t i = 0; i <= n_files; i++)
        if (j->quarantined[i])
            wire_u32(b, i == n_files ? POLICY_BASE : (uint32_t)i);
}

static void write_explained(const struct judge *j, struct buf *b)
{
    enum { LINT = 1, ALL = 2, LISTED = 4, TRACED = 8, MEASURED = 16 }; /* wire.h */
    const struct judge_explain *x = &j->setup.explain;
    unsigned bits = (j->setup.lint ? LINT : 0u) | (x->trace ? TRACED : 0u);
    if (x->which == EXPLAIN_ALL || x->which == MEASURE_ALL)
        bits |= ALL | (x->which == MEASURE_ALL ? MEASURED : 0u);
    else if (x->which == EXPLAIN_LISTED)
        bits |= LISTED;
    wire_u8(b, (uint8_t)bits);
    if (x->which != EXPLAIN_LISTED)
        return;
    wire_u32(b, (uint32_t)x->n);
    for (size_t i = 0; i < x->n; i++)
        wire_u64(b, x->fingerprints[i]);
}

/* Only what judging needs: a worker never hears of URLs, Secrets, credentials or the rest of the Task. */
void judge_write_setup(struct judge *j, struct buf *b)
{
    const struct spawner *s = j->setup.spawner;
    const struct judge_limits *l = &j->setup.limits;
    size_t mark = wire_begin(b, WIRE_SETUP);
    wire_i64(b, j->setup.now);
    wire_str(b, s->name);
    wire_str(b, s->ns);
    wire_str(b, s->policy);
    wire_json_write(b, s->policy_config);
    wire_i64(b, s->poll_interval_us);
    wire_u32(b, (uint32_t)s->n_priority_labels);
    for (size_t i = 0; i < s->n_priority_labels; i++)
        wire_str(b, s->priority_labels[i]);
    wire_str(b, s->prompt_template);
    wire_str(b, s->branch_template);
    wire_str(b, s->name_template);
    write_pairs(b, s->labels, s->n_labels);
    write_pairs(b, s->annotations, s->n_annotations);
    write_policies(j, b);
    wire_u64(b, l->hook_instructions);
    wire_u64(b, l->cycle_instructions);
    wire_u64(b, l->memory_bytes);
    write_quarantined(j, b);
    write_explained(j, b);
    judge_write_creations(j, b);
    judge_write_states(j, b);
    wire_end(b, mark);
}

/* --- questions --- */

int judge_write_alert(struct judge *j, size_t alert, struct buf *b, struct err *e)
{
    const struct alert_record *r = alert_set_at(j->setup.set, alert);
    struct alert a;
    if (alert_set_read(j->setup.set, alert, &j->space, &a, e) != 0)
        return -1;
    wire_text(b, a.bytes, r->bytes_len);
    wire_text(b, (const char *)a.index, r->index_len);
    return 0;
}

static void write_key(const struct judge *j, size_t alert, struct buf *b)
{
    const struct judgement *v = &j->judgements[alert];
    const char *key = v->answer == JUDGED_KEEP ? v->key : NULL;
    wire_u8(b, key != NULL);
    wire_str(b, key);
}

static void write_last(struct buf *b, const struct retrigger_question *q)
{
    static const struct retrigger_question none = {.created_at = MOMENT_NONE,
                                                   .completed_at = MOMENT_NONE,
                                                   .starts_at = MOMENT_NONE,
                                                   .trigger_at = MOMENT_NONE};
    if (q == NULL)
        q = &none;
    wire_str(b, q->task);
    wire_u8(b, (uint8_t)q->phase);
    wire_u8(b, q->gone);
    wire_i64(b, q->created_at);
    wire_i64(b, q->completed_at);
    wire_i64(b, q->starts_at);
    wire_i64(b, q->trigger_at);
    wire_u32(b, q->attempts);
}

/* A number that is known only after what it counts. */
static void put_count(struct buf *b, size_t at, size_t n)
{
    struct buf count = {0};
    wire_u32(&count, (uint32_t)n);
    memcpy(b->data + at, count.data, count.len);
    buf_free(&count);
}

static int write_members(struct judge *j, const struct compose_question *q, struct buf *b, struct err *e)
{
    size_t n = 0;
    wire_u32(b, (uint32_t)(q->members != NULL ? q->n_group : 1));
    size_t count_at = b->len;
    wire_u32(b, 0);
    for (; q->members != NULL && n < q->n_members && n < WIRE_MEMBERS_MAX; n++) {
        size_t start = b->len;
        if (judge_write_alert(j, q->members[n], b, e) != 0)
            return -1;
        if (b->len - count_at > JUDGE_MEMBERS_BYTES_MAX) { /* their number still tells how many there are */
            b->len = start;
            break;
        }
    }
    put_count(b, count_at, n);
    return 0;
}

static int write_item(struct judge *j, size_t item, struct buf *b, struct err *e)
{
    if (j->task == ASK_RESOLVE)
        return judge_write_resolve(j, item, b, e);
    size_t alert = judge_alert_of(j, item);
    wire_u32(b, (uint32_t)item);
    if (judge_write_alert(j, alert, b, e) != 0)
        return -1;
    switch (j->task) {
    case ASK_JUDGE:
        judge_write_seen(j, alert, b);
        return 0;
    case ASK_RETRIGGER:
        judge_write_seen(j, alert, b);
        write_key(j, alert, b);
        write_last(b, &j->questions[item]);
        return 0;
    default:
        write_key(j, alert, b);
        judge_write_seen(j, alert, b);
        write_last(b, j->winners[item].last);
        return write_members(j, &j->winners[item], b, e);
    }
}

static bool has_room(const struct judge *j, const struct buf *b, size_t mark)
{
    return j->n_batch < JUDGE_BATCH_ALERTS && b->len - mark < JUDGE_BATCH_BYTES;
}

int judge_write_batch(struct judge *j, struct buf *b, struct err *e)
{
    static const enum wire_type types[] = {[ASK_JUDGE] = WIRE_JUDGE,
                                           [ASK_RETRIGGER] = WIRE_RETRIGGER,
                                           [ASK_RESOLVE] = WIRE_RESOLVE,
                                           [ASK_COMPOSE] = WIRE_COMPOSE};
    size_t mark = wire_begin(b, types[j->task]);
    size_t count_at = b->len;
    wire_u32(b, 0);
    while (j->first < j->n && !judge_is_open(j, j->first))
        j->first++;
    for (size_t i = j->first; i < j->n && has_room(j, b, mark); i++) {
        if (!judge_is_open(j, i))
            continue;
        if (write_item(j, i, b, e) != 0)
            return -1;
        j->batch[j->n_batch++] = (uint32_t)i;
        if (i < j->solo_until)
            break;
    }
    put_count(b, count_at, j->n_batch);
    wire_end(b, mark);
    return 0;
}

int judge_write_survey(struct judge *j, struct buf *b, struct err *e)
{
    size_t n = j->setup.set != NULL ? alert_set_len(j->setup.set) : 0;
    size_t mark = wire_begin(b, WIRE_SURVEY), count_at = b->len, i = j->survey_first;
    wire_u32(b, 0);
    for (; i < n && has_room(j, b, mark); i++) {
        if (alert_set_at(j->setup.set, i)->reason != REASON_NONE)
            continue;
        if (judge_write_alert(j, i, b, e) != 0)
            return -1;
        j->batch[j->n_batch++] = (uint32_t)i;
    }
    j->survey_first = i;
    put_count(b, count_at, j->n_batch);
    wire_end(b, mark);
    if (j->n_batch == 0)
        b->len = mark;
    return 0;
}

/* The engine's words to a worker: SETUP and the batches. */
#include "policy/judge_private.h"

#include "base/mem.h"
#include "spawner/spawner.h"

#include <math.h>
#include <string.h>

/* cJSON to the fields of wire.h. What is deeper than the worker takes is null. */
static void write_tree(struct buf *b, const cJSON *v, int depth)
{
    if (v == NULL || depth > WIRE_TREE_DEPTH || cJSON_IsNull(v)) {
        wire_u8(b, 'z');
    } else if (cJSON_IsBool(v)) {
        wire_u8(b, cJSON_IsTrue(v) ? 't' : 'f');
    } else if (cJSON_IsNumber(v)) {
        double d = v->valuedouble;
        uint64_t bits;
        if (d == floor(d) && fabs(d) <= 9007199254740992.0) {
            wire_u8(b, 'i');
            wire_i64(b, (int64_t)d);
            return;
        }
        memcpy(&bits, &d, sizeof bits);
        wire_u8(b, 'd');
        wire_u64(b, bits);
    } else if (cJSON_IsArray(v) || cJSON_IsObject(v)) {
        const cJSON *child;
        wire_u8(b, cJSON_IsArray(v) ? 'l' : 'm');
        wire_u32(b, (uint32_t)cJSON_GetArraySize(v));
        cJSON_ArrayForEach(child, v)
        {
            if (cJSON_IsObject(v))
                wire_str(b, child->string);
            write_tree(b, child, depth + 1);
        }
    } else {
        wire_u8(b, 's');
        wire_str(b, v->valuestring);
    }
}

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
    wire_u32(b, (uint32_t)f->n);
    for (size_t i = 0; i < f->n; i++) {
        wire_str(b, f->files[i].name);
        wire_text(b, f->files[i].source, j->left_out[i] ? 0 : f->files[i].len);
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

/* Only what judging needs: a worker never hears of URLs, Secrets, credentials or the rest of the Task. */
void judge_write_setup(const struct judge *j, struct buf *b)
{
    const struct spawner *s = j->setup.spawner;
    const struct judge_limits *l = &j->setup.limits;
    size_t mark = wire_begin(b, WIRE_SETUP);
    wire_i64(b, j->setup.now);
    wire_str(b, s->name);
    wire_str(b, s->ns);
    wire_str(b, s->policy);
    write_tree(b, s->policy_config, 1);
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
    wire_end(b, mark);
}

static size_t alert_of(const struct judge *j, size_t item)
{
    return j->task == ASK_JUDGE       ? item
           : j->task == ASK_RETRIGGER ? j->questions[item].alert
                                      : j->winners[item].alert;
}

static void write_retrigger(struct buf *b, const struct retrigger_question *q)
{
    wire_str(b, q->task);
    wire_u8(b, (uint8_t)q->phase);
    wire_u8(b, q->gone);
    wire_i64(b, q->created_at);
    wire_i64(b, q->completed_at);
    wire_i64(b, q->starts_at);
    wire_i64(b, q->trigger_at);
    wire_u32(b, q->attempts);
}

static int write_item(struct judge *j, size_t item, struct buf *b, struct err *e)
{
    size_t i = alert_of(j, item);
    const struct alert_record *r = alert_set_at(j->setup.set, i);
    struct alert a;
    if (alert_set_read(j->setup.set, i, &j->space, &a, e) != 0)
        return -1;
    wire_u32(b, (uint32_t)item);
    wire_text(b, a.bytes, r->bytes_len);
    wire_text(b, (const char *)a.index, r->index_len);
    if (j->task == ASK_RETRIGGER)
        write_retrigger(b, &j->questions[item]);
    if (j->task == ASK_COMPOSE) {
        const char *key = j->judgements[i].key;
        wire_u8(b, key != NULL);
        wire_str(b, key);
    }
    return 0;
}

int judge_write_batch(struct judge *j, struct buf *b, struct err *e)
{
    static const enum wire_type types[] = {
        [ASK_JUDGE] = WIRE_JUDGE, [ASK_RETRIGGER] = WIRE_RETRIGGER, [ASK_COMPOSE] = WIRE_COMPOSE};
    size_t mark = wire_begin(b, types[j->task]);
    size_t count_at = b->len;
    wire_u32(b, 0); /* how many: known at the end */
    j->n_batch = j->n_got = 0;
    while (j->first < j->n && !judge_is_open(j, j->first))
        j->first++;
    for (size_t i = j->first;
         i < j->n && j->n_batch < JUDGE_BATCH_ALERTS && b->len - mark < JUDGE_BATCH_BYTES; i++) {
        if (!judge_is_open(j, i))
            continue;
        if (write_item(j, i, b, e) != 0)
            return -1;
        j->batch[j->n_batch++] = (uint32_t)i;
        if (i < j->solo_until)
            break;
    }
    struct buf count = {0};
    wire_u32(&count, (uint32_t)j->n_batch);
    memcpy(b->data + count_at, count.data, count.len);
    buf_free(&count);
    wire_end(b, mark);
    return 0;
}

/* Interned strings: see intern.h. Text lies in blocks that never move; a table of numbers, open addressing, finds it. */
#include "alerts/intern.h"

#include "base/mem.h"
#include "base/moment.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { BLOCK = 16 * 1024 };

struct intern {
    size_t max_bytes, bytes;
    uint64_t seed; /* so that nobody can choose alertnames that all fall into one slot */
    char **blocks;
    size_t n_blocks, cap_blocks;
    size_t used, size; /* of the last block */
    struct {
        const char *text;
        uint32_t len, hash;
    } *strings;
    size_t n, cap;
    uint32_t *slots; /* numbers; 0 is free */
    size_t n_slots;  /* a power of two, at least twice n */
};

struct intern *intern_create(size_t max_bytes)
{
    struct intern *in = xcalloc(1, sizeof *in);
    in->max_bytes = max_bytes;
    in->seed = (uint64_t)moment_now() ^ (uintptr_t)in;
    xgrow(&in->strings, &in->cap, 1, sizeof *in->strings);
    in->strings[0].text = "";
    in->strings[0].len = in->strings[0].hash = 0;
    in->n = 1;
    in->n_slots = 64;
    in->slots = xcalloc(in->n_slots, sizeof *in->slots);
    return in;
}

void intern_free(struct intern **in)
{
    if (*in == NULL)
        return;
    for (size_t i = 0; i < (*in)->n_blocks; i++)
        free((*in)->blocks[i]);
    free((*in)->blocks);
    free((*in)->strings);
    free((*in)->slots);
    free(*in);
    *in = NULL;
}

static uint32_t *slot_of(struct intern *in, const char *s, size_t len, uint32_t hash)
{
    size_t mask = in->n_slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t n = in->slots[i];
        if (n == 0 || (in->strings[n].hash == hash && in->strings[n].len == len &&
                       memcmp(in->strings[n].text, s, len) == 0))
            return &in->slots[i];
    }
}

static void grow(struct intern *in)
{
    free(in->slots);
    in->n_slots *= 2;
    in->slots = xcalloc(in->n_slots, sizeof *in->slots);
    for (size_t i = 1; i < in->n; i++)
        *slot_of(in, in->strings[i].text, in->strings[i].len, in->strings[i].hash) = (uint32_t)i;
}

static const char *keep(struct intern *in, const char *s, size_t len)
{
    if (in->n_blocks == 0 || in->size - in->used < len + 1) {
        xgrow(&in->blocks, &in->cap_blocks, in->n_blocks + 1, sizeof *in->blocks);
        in->size = len + 1 > BLOCK ? len + 1 : BLOCK;
        in->used = 0;
        in->blocks[in->n_blocks++] = xmalloc(in->size);
    }
    char *p = in->blocks[in->n_blocks - 1] + in->used;
    memcpy(p, s, len);
    p[len] = '\0';
    in->used += len + 1;
    return p;
}

int intern_add(struct intern *in, const char *s, size_t len, uint32_t *number_r)
{
    *number_r = 0;
    if (len == 0)
        return 0;
    uint32_t hash = (uint32_t)XXH3_64bits_withSeed(s, len, in->seed);
    uint32_t *slot = slot_of(in, s, len, hash);
    if (*slot == 0) {
        size_t cost = len + 1 + sizeof *in->strings + 2 * sizeof *in->slots;
        if (in->bytes + cost > in->max_bytes)
            return -1;
        in->bytes += cost;
        xgrow(&in->strings, &in->cap, in->n + 1, sizeof *in->strings);
        in->strings[in->n].text = keep(in, s, len);
        in->strings[in->n].len = (uint32_t)len;
        in->strings[in->n].hash = hash;
        *slot = (uint32_t)in->n++;
        *number_r = *slot;
        if (in->n * 2 > in->n_slots)
            grow(in);
        return 0;
    }
    *number_r = *slot;
    return 0;
}

const char *intern_text(const struct intern *in, uint32_t number)
{
    return number < in->n ? in->strings[number].text : "";
}

/* The text that a judge keeps: see judge_text.h. */
#include "policy/judge_text.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { ARENA_BLOCK = 32 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    char bytes[];
};

static char *arena_room(struct arena *a, size_t n)
{
    struct arena_block *b = a->blocks;
    if (b == NULL || b->size - b->used < n) {
        size_t size = n > ARENA_BLOCK / 4 ? n : ARENA_BLOCK;
        struct arena_block *fresh = xmalloc(sizeof *fresh + size);
        *fresh = (struct arena_block){.size = size};
        if (b != NULL && size == n) { /* a large one of its own must not end the block in use */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            a->blocks = fresh;
        }
        b = fresh;
    }
    char *p = b->bytes + b->used;
    b->used += n;
    return p;
}

const char *arena_add(struct arena *a, const char *s, size_t len)
{
    if (len == 0)
        return NULL;
    const char **slot = &a->recent[XXH3_64bits(s, len) % (sizeof a->recent / sizeof a->recent[0])];
    if (*slot != NULL && strlen(*slot) == len && memcmp(*slot, s, len) == 0)
        return *slot;
    char *p = arena_room(a, len + 1);
    memcpy(p, s, len);
    p[len] = '\0';
    *slot = p;
    return p;
}

void arena_free(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    *a = (struct arena){0};
}

void sentences_add(struct sentences *s, size_t max, const char *text)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].text, text) == 0) {
            s->v[i].times++;
            return;
        }
    if (s->n == max) {
        s->more++;
        return;
    }
    s->v = xrealloc(s->v, (s->n + 2) * sizeof *s->v); /* one behind the end, for sentences_at */
    s->v[s->n++] = (struct sentence){.text = xstrdup(text), .times = 1};
    s->v[s->n] = (struct sentence){0};
}

size_t sentences_len(const struct sentences *s)
{
    return s->n + (s->more > 0);
}

const char *sentences_at(struct sentences *s, size_t i)
{
    struct sentence *v = &s->v[i];
    if (i < s->n && v->times == 1)
        return v->text;
    free(v->shown);
    v->shown = i < s->n ? xasprintf("%s (%llu times)", v->text, (unsigned long long)v->times)
                        : xasprintf("... and %llu more", (unsigned long long)s->more);
    return v->shown;
}

void sentences_free(struct sentences *s)
{
    for (size_t i = 0; s->v != NULL && i <= s->n; i++) {
        free(s->v[i].text);
        free(s->v[i].shown);
    }
    free(s->v);
    *s = (struct sentences){0};
}

/* Strings in blocks: see arena.h. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK = 32 * 1024 };

struct block {
    struct block *next;
    size_t used, size;
    char data[];
};

struct arena {
    struct block *head;
};

struct arena *arena_create(void)
{
    return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena **a)
{
    if (*a == NULL)
        return;
    for (struct block *b = (*a)->head, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    free(*a);
    *a = NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    struct block *b = a->head;
    if (b == NULL || b->size - b->used < n + 1) {
        bool large = n + 1 > ARENA_BLOCK / 4;
        size_t size = large ? n + 1 : ARENA_BLOCK;
        struct block *fresh = xmalloc(sizeof *fresh + size);
        fresh->used = 0;
        fresh->size = size;
        if (b != NULL && large) { /* one of its own must not end the block in use */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            a->head = fresh;
        }
        b = fresh;
    }
    char *p = b->data + b->used;
    if (n > 0)
        memcpy(p, s, n);
    p[n] = '\0';
    b->used += n + 1;
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s == NULL ? NULL : arena_strndup(a, s, strlen(s));
}

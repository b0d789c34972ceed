/* Label values: see bounded.h. */
#include "metrics/bounded.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static size_t find(const struct bounded *b, const char *s)
{
    size_t i = 0;
    while (i < b->n && strcmp(b->v[i], s) != 0)
        i++;
    return i;
}

const char *bounded_add(struct bounded *b, const char *s)
{
    size_t i = find(b, s);
    if (i < b->n)
        return b->v[i];
    if (b->n == b->max)
        return NULL;
    if (b->v == NULL)
        b->v = xcalloc(b->max, sizeof *b->v);
    return b->v[b->n++] = xstrdup(s);
}

bool bounded_remove(struct bounded *b, const char *s)
{
    size_t i = find(b, s);
    if (i == b->n)
        return false;
    free(b->v[i]);
    b->v[i] = b->v[--b->n];
    return true;
}

void bounded_deinit(struct bounded *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->v[i]);
    free(b->v);
    *b = (struct bounded){.max = b->max};
}

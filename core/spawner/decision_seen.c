/* News about alerts: see decision_seen.h. For each spawner two tables with open addressing: of the last cycle and of this. */
#include "spawner/decision_seen.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { SPAWNERS_MAX = 2000 }; /* with a memory; the one that was used longest ago goes first */

struct entry {
    uint64_t alert, what; /* what 0: free */
};

struct table {
    struct entry *v;
    size_t size; /* a power of two, or 0 */
};

struct spawner_seen {
    char *key; /* "namespace/name" */
    struct table table;
    uint64_t used; /* counts up */
};

struct decision_seen {
    struct spawner_seen *v;
    size_t n, cap;
    uint64_t turn;
    struct spawner_seen *open; /* between begin and end */
    struct table next;
};

struct decision_seen *decision_seen_create(void)
{
    return xcalloc(1, sizeof(struct decision_seen));
}

static void drop(struct decision_seen *s, size_t i)
{
    free(s->v[i].key);
    free(s->v[i].table.v);
    s->v[i] = s->v[--s->n];
}

void decision_seen_clear(struct decision_seen *s)
{
    while (s->n > 0)
        drop(s, s->n - 1);
}

void decision_seen_free(struct decision_seen **sp)
{
    struct decision_seen *s = *sp;
    *sp = NULL;
    if (s == NULL)
        return;
    decision_seen_clear(s);
    free(s->next.v);
    free(s->v);
    free(s);
}

static struct entry *find(const struct table *t, uint64_t alert)
{
    size_t i = XXH3_64bits(&alert, sizeof alert) & (t->size - 1);
    while (t->v[i].what != 0 && t->v[i].alert != alert)
        i = (i + 1) & (t->size - 1);
    return &t->v[i];
}

static struct spawner_seen *spawner_of(struct decision_seen *s, const char *ns, const char *name)
{
    char *key = xasprintf("%s/%s", ns, name);
    size_t oldest = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->v[i].key, key) == 0) {
            free(key);
            return &s->v[i];
        }
        if (s->v[i].used < s->v[oldest].used)
            oldest = i;
    }
    if (s->n == SPAWNERS_MAX)
        drop(s, oldest);
    xgrow(&s->v, &s->cap, s->n + 1, sizeof *s->v);
    s->v[s->n] = (struct spawner_seen){.key = key};
    return &s->v[s->n++];
}

void decision_seen_begin(struct decision_seen *s, const char *ns, const char *name, size_t n)
{
    s->open = spawner_of(s, ns, name);
    s->open->used = ++s->turn;
    s->next.size = 16;
    while (s->next.size < 2 * n)
        s->next.size *= 2;
    s->next.v = xcalloc(s->next.size, sizeof *s->next.v);
}

bool decision_seen_is_news(struct decision_seen *s, uint64_t alert, uint64_t what)
{
    what |= 1; /* 0 is free */
    const struct entry *before = s->open->table.size > 0 ? find(&s->open->table, alert) : NULL;
    struct entry *now = find(&s->next, alert);
    bool news = before == NULL || before->what != what;
    *now = (struct entry){alert, what};
    return news;
}

void decision_seen_end(struct decision_seen *s)
{
    free(s->open->table.v);
    s->open->table = s->next;
    s->next = (struct table){0};
    s->open = NULL;
}

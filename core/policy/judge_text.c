/* The text that a judge keeps: see judge_text.h. */
#include "policy/judge_text.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

const char *texts_add(struct texts *t, const char *s, size_t len)
{
    if (len == 0)
        return NULL;
    const char **slot = &t->recent[XXH3_64bits(s, len) % (sizeof t->recent / sizeof t->recent[0])];
    if (*slot != NULL && strlen(*slot) == len && memcmp(*slot, s, len) == 0)
        return *slot;
    return *slot = texts_add_bytes(t, s, len);
}

const char *texts_add_bytes(struct texts *t, const void *bytes, size_t len)
{
    if (t->arena == NULL)
        t->arena = arena_create();
    t->bytes += len + 1;
    return arena_strndup(t->arena, bytes, len);
}

void texts_deinit(struct texts *t)
{
    arena_free(&t->arena);
    *t = (struct texts){0};
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

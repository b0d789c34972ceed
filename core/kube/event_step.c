/* The correlator of Events: see event_step.h. Three tables of the same kind: what an object has spent, which notes a
 * reason has had, which Event stands for a key. */
#include "kube/event_step.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { CHAINS = 1024 };
#define REFILL (1.0 / 300) /* one every five minutes */

struct record {
    uint64_t key;
    struct record *chain;        /* of the same hash */
    struct record *older, *newer; /* by use */
    union {
        struct bucket budget;
        struct {
            uint64_t notes[EVENT_NOTES_MAX];
            size_t n;
            moment_t last;
        } reason;
        struct {
            uint32_t count;
            char name[256];
        } event;
    };
};

struct table {
    struct record *chains[CHAINS], *oldest, *newest;
    size_t n;
};

struct event_state {
    struct table budgets, reasons, events;
};

static struct record **find(struct table *t, uint64_t key)
{
    struct record **at = &t->chains[key % CHAINS];
    while (*at != NULL && (*at)->key != key)
        at = &(*at)->chain;
    return at;
}

static void take_out(struct table *t, struct record *r)
{
    if (r->older != NULL)
        r->older->newer = r->newer;
    else
        t->oldest = r->newer;
    if (r->newer != NULL)
        r->newer->older = r->older;
    else
        t->newest = r->older;
}

static void put_newest(struct table *t, struct record *r)
{
    r->older = t->newest;
    r->newer = NULL;
    if (t->newest != NULL)
        t->newest->newer = r;
    else
        t->oldest = r;
    t->newest = r;
}

static void drop_oldest(struct table *t)
{
    struct record *r = t->oldest;
    *find(t, r->key) = r->chain;
    take_out(t, r);
    free(r);
    t->n--;
}

/* The record of a key, now the newest; *fresh_r: it has just been made. */
static struct record *use(struct table *t, uint64_t key, bool *fresh_r)
{
    struct record *r = *find(t, key);
    *fresh_r = r == NULL;
    if (r != NULL) {
        take_out(t, r);
        put_newest(t, r);
        return r;
    }
    if (t->n >= EVENT_RECORDS_MAX)
        drop_oldest(t);
    r = xcalloc(1, sizeof *r);
    r->key = key;
    r->chain = t->chains[key % CHAINS];
    t->chains[key % CHAINS] = r;
    put_newest(t, r);
    t->n++;
    return r;
}

struct event_state *event_state_create(void)
{
    return xcalloc(1, sizeof(struct event_state));
}

void event_state_free(struct event_state **s)
{
    if (*s == NULL)
        return;
    struct table *tables[] = {&(*s)->budgets, &(*s)->reasons, &(*s)->events};
    for (size_t i = 0; i < 3; i++)
        while (tables[i]->n > 0)
            drop_oldest(tables[i]);
    free(*s);
    *s = NULL;
}

size_t event_state_records(const struct event_state *s)
{
    return s->budgets.n + s->reasons.n + s->events.n;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    return XXH3_64bits_withSeed(&b, sizeof b, a);
}

/* true: too many different notes of this reason lately. */
static bool combine(struct event_state *s, uint64_t key, uint64_t note, moment_t now)
{
    bool fresh;
    struct record *r = use(&s->reasons, key, &fresh);
    if (fresh || now - r->reason.last > EVENT_WINDOW || now < r->reason.last)
        r->reason.n = 0;
    r->reason.last = now;
    for (size_t i = 0; i < r->reason.n; i++)
        if (r->reason.notes[i] == note)
            return false;
    if (r->reason.n == EVENT_NOTES_MAX)
        return true;
    r->reason.notes[r->reason.n++] = note;
    return false;
}

struct event_verdict event_step(struct event_state *s, uint64_t object, uint64_t reason, uint64_t note, moment_t now)
{
    bool fresh;
    struct event_verdict v = {.key = mix(object, reason)};
    v.combined = combine(s, v.key, note, now);
    if (!v.combined)
        v.key = mix(v.key, note);
    struct record *spent = use(&s->budgets, object, &fresh);
    if (fresh)
        spent->budget = bucket_make(REFILL, EVENT_BURST, now);
    struct record *event = use(&s->events, v.key, &fresh);
    v.count = ++event->event.count;
    v.drop = bucket_take(&spent->budget, now) > 0;
    memcpy(v.name, event->event.name, sizeof v.name);
    if (v.name[0] == '\0')
        v.count = event->event.count = 1;
    return v;
}

void event_written(struct event_state *s, uint64_t key, const char *name)
{
    struct record *r = *find(&s->events, key);
    if (r == NULL)
        return;
    snprintf(r->event.name, sizeof r->event.name, "%s", name != NULL ? name : "");
    if (name == NULL)
        r->event.count = 1; /* the one that is written anew now */
}

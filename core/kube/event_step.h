/* Which Events are written, and how: client-go's EventCorrelator. Pure; bounded by EVENT_RECORDS_MAX. event.h says the
 * rules. */
#pragma once

#include "base/moment.h"
#include "kube/bucket.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EVENT_RECORDS_MAX = 4096, /* of each kind; the least recently used go */
    EVENT_NOTES_MAX = 10,     /* different notes of one reason, until they are combined */
    EVENT_BURST = 25,         /* of one object */
};
#define EVENT_WINDOW (600 * MOMENT_SECOND) /* for those notes */
#define EVENT_COMBINED "(combined from similar events): "

struct event_state;

struct event_verdict {
    bool drop;      /* the object's budget is used up */
    bool combined;  /* the note gets EVENT_COMBINED in front */
    uint64_t key;   /* for event_written */
    uint32_t count; /* 1: a new Event; more: raise the count of `name` to this */
    char name[256]; /* of the Event to raise; "" when it is new */
};

struct event_state *event_state_create(void);
void event_state_free(struct event_state **s);
size_t event_state_records(const struct event_state *s); /* all kinds together, for tests */

/* `object`, `reason` (with its type) and `note` are hashes. `now` is wall-clock microseconds. */
struct event_verdict event_step(struct event_state *s, uint64_t object, uint64_t reason, uint64_t note, moment_t now);
/* It has been written as this Event; NULL: the Event to raise was gone (the server forgets them after an hour), and this
 * one is written as a new one. */
void event_written(struct event_state *s, uint64_t key, const char *name);

/* An informer: a list, then a watch, kept as an index of what a callback extracts of every object. One for every kind.
 *
 * What it holds is what the API server held, a moment ago: every object of the list is taken, every event of the watch
 * in its order; a watch that ends is taken up where it stopped, one that is too old is followed by a new list, and what
 * has gone meanwhile is told as deleted. Our own writes enter at once (informer_put, informer_gone): a later event that
 * is older does not undo them. Memory is that of the extracts; a list goes by in pages and a watch event by event.
 *
 * index.h holds the rules about what is newer, informer_step.h those about what to ask when: both without I/O. */
#pragma once

#include "base/err.h"
#include "base/moment.h"
#include "kube/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct informer;

struct informer_entry {
    char *ns, *name, *uid;
    char *resource_version;
    void *kept;             /* what extract returned */
};

struct informer_options {
    const struct kube_resource *resource;
    const char *ns;         /* NULL: the client's; "": all */
    struct kube_selection selection;
    size_t max_objects;     /* a ceiling of what is kept; 0: 100,000. More: the list fails with ERR_LIMIT, loudly */
    /* What is kept of an object: anything, freed by `discard`. NULL: the object is not kept at all (as if it were not
     * there). Called for objects of the list, of the watch and of informer_put. */
    void *(*extract)(void *arg, const cJSON *object);
    void (*discard)(void *arg, void *kept);
    /* `now` is NULL when it has gone, `before` when it is new. Both are valid inside the call. May be NULL. Called from
     * the loop, and from inside informer_put and informer_gone. */
    void (*on_change)(void *arg, const struct informer_entry *now, const struct informer_entry *before);
    /* The first complete list is in the index. And, after a refresh: again. May be NULL. */
    void (*on_synced)(void *arg);
    /* Something failed; it is tried again by itself. For status and log; called once per change of the sentence. NULL
     * `e`: it works again. May be NULL. */
    void (*on_trouble)(void *arg, const struct err *e);
    void *arg;
};

/* Options are copied. Starts at once. */
int informer_create(uv_loop_t *loop, struct kube_client *client, const struct informer_options *options,
                    struct informer **informer_r, struct err *e);
/* Discards what it keeps, without on_change. The loop must run on until it is empty. */
void informer_free(struct informer **informer);

/* True once a complete list has been taken, and as long as the last one asked for with informer_refresh is in. */
bool informer_synced(const struct informer *i);
/* Asks for a new list of the newest state: informer_synced is false until it is in (on_synced). For a new leader, which
 * must see all that the old one wrote. */
void informer_refresh(struct informer *i);

const struct informer_entry *informer_get(const struct informer *i, const char *ns, const char *name); /* or NULL */
size_t informer_count(const struct informer *i);
/* Every entry, in no order; nothing may be put or taken out meanwhile. */
void informer_each(const struct informer *i, void (*each)(void *arg, const struct informer_entry *entry), void *arg);

/* Our own writes: the answer of a create, update or patch; and of a delete that the server carried out at once (uid: of
 * the object that was deleted). An answer to a delete that is still the object (it has finalizers) goes to
 * informer_put. */
void informer_put(struct informer *i, const cJSON *object);
void informer_gone(struct informer *i, const char *ns, const char *name, const char *uid);

struct informer_status {
    bool synced, watching;
    moment_t last_contact;   /* the server's last byte, wall clock; MOMENT_NONE */
    size_t objects;
    uint64_t lists, watches, events, stale_events; /* since the start */
    const char *trouble;     /* "" when all is well; lives until the next turn of the loop */
};
struct informer_status informer_status(const struct informer *i);

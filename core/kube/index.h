/* The index of an informer: what is newer, what has gone. No I/O; informer.c feeds it.
 *
 * - A list is of the newest state: what it holds replaces what is here, what it does not hold has gone. Except what we
 *   wrote ourselves while it was under way and that is newer than the list (its resourceVersion says so).
 * - An event that is older than what is here is stale: it does nothing. The same version again does nothing either. Nor
 *   does one of what is not here, when list or watch have told of something as new as it: they told that it has gone.
 * - Our own write is taken unless the watch has already told of something as new as it: then what is here is right, also
 *   if that is nothing (the object has gone again before our answer came).
 * - What we deleted (by uid) does not come back by an older event. That is remembered until the watch tells of the
 *   deletion, or a list that began after it is complete. */
#pragma once

#include "kube/informer.h"

struct index;

struct index *index_create(const struct informer_options *o); /* copies what it needs: callbacks, max_objects */
void index_free(struct index **ix);                           /* without on_change */

void index_list_begin(struct index *ix); /* also: anew, when one was given up */
int index_list_item(struct index *ix, const cJSON *object, struct err *e); /* -1: ERR_LIMIT */
void index_list_end(struct index *ix, const char *version);

/* false: it was stale. */
bool index_event(struct index *ix, enum kube_event_type type, const cJSON *object);
void index_put(struct index *ix, const cJSON *object);
void index_gone(struct index *ix, const char *ns, const char *name, const char *uid);

const struct informer_entry *index_get(const struct index *ix, const char *ns, const char *name);
size_t index_count(const struct index *ix);
size_t index_graves(const struct index *ix); /* deletions of ours that the watch has not told of yet */
void index_each(const struct index *ix, void (*each)(void *arg, const struct informer_entry *entry), void *arg);

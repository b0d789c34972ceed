/* The index of an informer: see index.h. A hash table with chains; its entries carry the number of the list that saw
 * them last. */
#include "kube/index.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { FIRST_CHAINS = 64, OBJECTS_MAX = 100000 };

struct item {
    struct informer_entry entry;
    struct item *next;
    uint64_t hash;
    uint64_t seen;    /* list that held it */
    uint64_t written; /* list that was under way when we wrote it; 0: none */
};

struct grave {
    struct grave *next;
    uint64_t list; /* the last list that had begun */
    char uid[];
};

struct index {
    void *(*extract)(void *arg, const cJSON *object);
    void (*discard)(void *arg, void *kept);
    void (*on_change)(void *arg, const struct informer_entry *now, const struct informer_entry *before);
    void *arg;
    size_t max;
    struct item **chains;
    size_t n_chains, n;
    uint64_t list;   /* number of the list that began last */
    bool listing;
    char *version;   /* everything up to here has been told */
    struct grave *graves;
};

struct index *index_create(const struct informer_options *o)
{
    struct index *ix = xcalloc(1, sizeof *ix);
    ix->extract = o->extract;
    ix->discard = o->discard;
    ix->on_change = o->on_change;
    ix->arg = o->arg;
    ix->max = o->max_objects > 0 ? o->max_objects : OBJECTS_MAX;
    ix->n_chains = FIRST_CHAINS;
    ix->chains = xcalloc(ix->n_chains, sizeof(struct item *));
    ix->version = xstrdup("");
    return ix;
}

/* ---- entries ---- */

static void entry_deinit(struct index *ix, struct informer_entry *e)
{
    ix->discard(ix->arg, e->kept);
    free(e->ns);
    free(e->name);
    free(e->uid);
    free(e->resource_version);
}

static struct informer_entry entry_make(const cJSON *object, void *kept)
{
    return (struct informer_entry){xstrdup(kube_namespace(object)), xstrdup(kube_name(object)), xstrdup(kube_uid(object)),
                                   xstrdup(kube_version(object)), kept};
}

static uint64_t hash_of(const char *ns, const char *name)
{
    return XXH3_64bits_withSeed(name, strlen(name), XXH3_64bits(ns, strlen(ns)));
}

static struct item **find(const struct index *ix, const char *ns, const char *name)
{
    uint64_t hash = hash_of(ns, name);
    struct item **at = &ix->chains[hash & (ix->n_chains - 1)];
    while (*at != NULL && ((*at)->hash != hash || strcmp((*at)->entry.name, name) != 0 ||
                           strcmp((*at)->entry.ns, ns) != 0))
        at = &(*at)->next;
    return at;
}

static void grow(struct index *ix)
{
    size_t n = ix->n_chains * 2;
    struct item **chains = xcalloc(n, sizeof *chains);
    for (size_t i = 0; i < ix->n_chains; i++)
        for (struct item *it = ix->chains[i], *next; it != NULL; it = next) {
            next = it->next;
            it->next = chains[it->hash & (n - 1)];
            chains[it->hash & (n - 1)] = it;
        }
    free(ix->chains);
    ix->chains = chains;
    ix->n_chains = n;
}

static void tell(struct index *ix, const struct informer_entry *now, const struct informer_entry *before)
{
    if (ix->on_change != NULL)
        ix->on_change(ix->arg, now, before);
}

static void drop(struct index *ix, struct item **at, bool silent)
{
    struct item *it = *at;
    *at = it->next;
    ix->n--;
    if (!silent)
        tell(ix, NULL, &it->entry);
    entry_deinit(ix, &it->entry);
    free(it);
}

/* Takes what extract makes of the object, in place of what is there. NULL: nothing is kept of it. */
static struct item *take(struct index *ix, const cJSON *object)
{
    struct item **at = find(ix, kube_namespace(object), kube_name(object)), *it = *at;
    void *kept = ix->extract(ix->arg, object);
    if (kept == NULL) {
        if (it != NULL)
            drop(ix, at, false);
        return NULL;
    }
    if (it != NULL) {
        struct informer_entry before = it->entry;
        it->entry = entry_make(object, kept);
        tell(ix, &it->entry, &before);
        entry_deinit(ix, &before);
        return it;
    }
    it = xcalloc(1, sizeof *it);
    it->entry = entry_make(object, kept);
    it->hash = hash_of(it->entry.ns, it->entry.name);
    *at = it;
    if (++ix->n > ix->n_chains)
        grow(ix);
    tell(ix, &it->entry, NULL);
    return it;
}

/* ---- what we deleted ---- */

static struct grave **find_grave(struct index *ix, const char *uid)
{
    struct grave **at = &ix->graves;
    while (*at != NULL && strcmp((*at)->uid, uid) != 0)
        at = &(*at)->next;
    return at;
}

static void drop_grave(struct grave **at)
{
    struct grave *g = *at;
    if (g == NULL)
        return;
    *at = g->next;
    free(g);
}

/* ---- lists ---- */

void index_list_begin(struct index *ix)
{
    ix->list++;
    ix->listing = true;
}

int index_list_item(struct index *ix, const cJSON *object, struct err *e)
{
    struct item *it = *find(ix, kube_namespace(object), kube_name(object));
    struct grave **grave = find_grave(ix, kube_uid(object));
    if (*grave != NULL && (*grave)->list == ix->list)
        return 0; /* deleted by us since this list began */
    drop_grave(grave); /* a list that began later holds it: it is there after all */
    bool same = it != NULL && strcmp(it->entry.uid, kube_uid(object)) == 0 &&
                strcmp(it->entry.resource_version, kube_version(object)) == 0;
    bool ours = it != NULL && it->written == ix->list &&
                kube_version_compare(kube_version(object), it->entry.resource_version) < 0;
    if (!same && !ours) {
        if (it == NULL && ix->n >= ix->max)
            return err_set(e, ERR_LIMIT, "there are more than %zu objects", ix->max);
        it = take(ix, object);
    }
    if (it != NULL)
        it->seen = ix->list;
    return 0;
}

static void set_version(struct index *ix, const char *version)
{
    if (strcmp(ix->version, version) == 0)
        return;
    free(ix->version);
    ix->version = xstrdup(version);
}

void index_list_end(struct index *ix, const char *version)
{
    ix->listing = false;
    set_version(ix, version);
    for (size_t i = 0; i < ix->n_chains; i++)
        for (struct item **at = &ix->chains[i]; *at != NULL;) {
            struct item *it = *at;
            bool newer = it->written == ix->list && kube_version_compare(it->entry.resource_version, version) > 0;
            if (it->seen == ix->list || newer)
                at = &it->next;
            else
                drop(ix, at, false);
        }
    for (struct grave **at = &ix->graves; *at != NULL;)
        if ((*at)->list < ix->list)
            drop_grave(at);
        else
            at = &(*at)->next;
}

/* ---- events ---- */

bool index_event(struct index *ix, enum kube_event_type type, const cJSON *object)
{
    const char *version = kube_version(object);
    bool told = kube_version_compare(version, ix->version) <= 0; /* up to there, or further */
    if (!told)
        set_version(ix, version);
    if (type == KUBE_BOOKMARK)
        return true;
    struct item **at = find(ix, kube_namespace(object), kube_name(object));
    struct grave **grave = find_grave(ix, kube_uid(object));
    int newer = *at == NULL ? 1 : kube_version_compare(version, (*at)->entry.resource_version);
    if (type == KUBE_DELETED) {
        drop_grave(grave);
        if (newer < 0)
            return false;
        if (*at != NULL)
            drop(ix, at, false);
        return true;
    }
    if (*grave != NULL || newer < 0 || (*at == NULL && told)) /* told and not here: told that it has gone */
        return false;
    if (newer > 0) /* 0: our own write, come back */
        take(ix, object);
    return true;
}

/* ---- our own writes ---- */

void index_put(struct index *ix, const cJSON *object)
{
    const char *version = kube_version(object);
    const struct item *there = *find(ix, kube_namespace(object), kube_name(object));
    if (there != NULL && kube_version_compare(version, there->entry.resource_version) <= 0)
        return;
    if (there == NULL && !ix->listing && kube_version_compare(version, ix->version) <= 0)
        return; /* the watch was faster, and it has gone again */
    if (*find_grave(ix, kube_uid(object)) != NULL)
        return;
    struct item *it = take(ix, object);
    if (it != NULL)
        it->written = ix->listing ? ix->list : 0;
}

void index_gone(struct index *ix, const char *ns, const char *name, const char *uid)
{
    struct item **at = find(ix, ns, name);
    if (*at == NULL || strcmp((*at)->entry.uid, uid) != 0)
        return; /* the watch was faster */
    size_t n = strlen(uid) + 1;
    struct grave *g = xmalloc(sizeof *g + n);
    memcpy(g->uid, uid, n);
    g->list = ix->list;
    g->next = ix->graves;
    ix->graves = g;
    drop(ix, at, false);
}

/* ---- reading ---- */

const struct informer_entry *index_get(const struct index *ix, const char *ns, const char *name)
{
    const struct item *it = *find(ix, ns, name);
    return it == NULL ? NULL : &it->entry;
}

size_t index_count(const struct index *ix)
{
    return ix->n;
}

size_t index_graves(const struct index *ix)
{
    size_t n = 0;
    for (const struct grave *g = ix->graves; g != NULL; g = g->next)
        n++;
    return n;
}

void index_each(const struct index *ix, void (*each)(void *arg, const struct informer_entry *entry), void *arg)
{
    for (size_t i = 0; i < ix->n_chains; i++)
        for (const struct item *it = ix->chains[i]; it != NULL; it = it->next)
            each(arg, &it->entry);
}

void index_free(struct index **ixp)
{
    struct index *ix = *ixp;
    *ixp = NULL;
    if (ix == NULL)
        return;
    for (size_t i = 0; i < ix->n_chains; i++)
        while (ix->chains[i] != NULL)
            drop(ix, &ix->chains[i], true);
    while (ix->graves != NULL)
        drop_grave(&ix->graves);
    free(ix->chains);
    free(ix->version);
    free(ix);
}

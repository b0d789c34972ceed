#include "state_item.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Where `name` is, or where it belongs. */
static size_t place_of(const struct state_item *item, const char *name, size_t len, bool *found_r)
{
    size_t i = 0;
    *found_r = false;
    for (; i < item->n; i++) {
        const struct state_entry *v = &item->at[i];
        int order = memcmp(v->name, name, v->name_len < len ? v->name_len : len);
        if (order == 0 && v->name_len == len) {
            *found_r = true;
            break;
        }
        if (order > 0 || (order == 0 && v->name_len > len))
            break;
    }
    return i;
}

static struct state_entry *insert(struct state_item *item, size_t i, const char *name, size_t len)
{
    xgrow(&item->at, &item->cap, item->n + 1, sizeof *item->at);
    memmove(item->at + i + 1, item->at + i, (item->n - i) * sizeof *item->at);
    item->at[i] = (struct state_entry){.name = xstrndup(name, len), .name_len = len};
    item->n++;
    return &item->at[i];
}

static void free_entry(struct state_entry *v)
{
    free(v->name);
    buf_free(&v->gathered);
    buf_free(&v->own);
}

static void remove_at(struct state_item *item, size_t i)
{
    free_entry(&item->at[i]);
    memmove(item->at + i, item->at + i + 1, (item->n - i - 1) * sizeof *item->at);
    item->n--;
}

void state_item_open(struct state_item *item, struct wire_text committed)
{
    if (item->open)
        return;
    item->open = true;
    struct wire_reader r = {committed.s, committed.s + committed.len, false};
    if (!committed.len || wire_get_u8(&r) != 'm')
        return;
    for (uint32_t n = wire_get_u32(&r); n && !r.bad; n--) {
        struct wire_text name = wire_get_text(&r);
        const char *start = r.p;
        bool found;
        if (wire_tree_skip(&r) < 0)
            return;
        size_t i = place_of(item, name.s, name.len, &found);
        if (!found)
            insert(item, i, name.s, name.len)->committed = (struct wire_text){start, (size_t)(r.p - start)};
    }
}

static struct wire_text own_view(const struct state_entry *v)
{
    return v->own.len ? (struct wire_text){v->own.data, v->own.len} : v->committed;
}

/* What will be there when everything is committed. */
static struct wire_text final_view(const struct state_entry *v)
{
    if (v->own.len)
        return (struct wire_text){v->own.data, v->own.len};
    return v->gathered.len ? (struct wire_text){v->gathered.data, v->gathered.len} : v->committed;
}

struct wire_text state_item_get(const struct state_item *item, const char *name, size_t len)
{
    bool found;
    size_t i = place_of(item, name, len, &found);
    struct wire_text t = found ? own_view(&item->at[i]) : (struct wire_text){"", 0};
    return state_tree_is_null(t) ? (struct wire_text){"", 0} : t;
}

/* Counts the whole item as SETUP writes it, its head included. */
static int check_size(const struct state_item *item, struct err *e)
{
    size_t names = 0, bytes = 5;
    for (size_t i = 0; i < item->n; i++) {
        struct wire_text t = final_view(&item->at[i]);
        if (state_tree_is_null(t))
            continue;
        names++;
        bytes += 4 + item->at[i].name_len + t.len;
    }
    if (names > WIRE_STATE_NAMES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d names for one key", WIRE_STATE_NAMES_MAX);
    if (bytes > WIRE_STATE_ITEM_MAX)
        return err_set(e, ERR_LIMIT, "more than %d bytes for one key, names and all", WIRE_STATE_ITEM_MAX);
    return 0;
}

int state_item_set(struct state_item *item, const char *name, size_t len, struct wire_text tree, struct err *e)
{
    bool found;
    if (tree.len > 5 + WIRE_STATE_STRING_MAX)
        return err_set(e, ERR_LIMIT, "a string of more than %d bytes", WIRE_STATE_STRING_MAX);
    size_t i = place_of(item, name, len, &found);
    if (!found && state_tree_is_null(tree))
        return 0;
    struct state_entry *v = found ? &item->at[i] : insert(item, i, name, len);
    struct buf before = v->own;
    v->own = (struct buf){0};
    buf_add(&v->own, tree.s, tree.len);
    int rc = state_tree_is_null(tree) ? 0 : check_size(item, e);
    if (rc < 0) {
        buf_free(&v->own);
        v->own = before;
    } else {
        buf_free(&before);
    }
    /* nothing remains of a name that came and went */
    if (!v->committed.len && !v->gathered.len && (!v->own.len || v->own.data[0] == 'z'))
        remove_at(item, i);
    return rc;
}

void state_item_settle(struct state_item *item, bool keep)
{
    for (size_t i = item->n; i-- > 0;) {
        struct state_entry *v = &item->at[i];
        if (keep && v->own.len) {
            buf_free(&v->gathered);
            v->gathered = v->own;
            v->own = (struct buf){0};
        }
        buf_free(&v->own);
        if (!v->committed.len && !v->gathered.len)
            remove_at(item, i);
    }
}

size_t state_item_write(const struct state_item *item, struct buf *out)
{
    uint32_t n = 0;
    for (size_t i = 0; i < item->n; i++)
        n += item->at[i].gathered.len > 0;
    wire_u32(out, n);
    for (size_t i = 0; i < item->n; i++) {
        const struct state_entry *v = &item->at[i];
        if (!v->gathered.len)
            continue;
        wire_text(out, v->name, v->name_len);
        buf_add(out, v->gathered.data, v->gathered.len);
    }
    return n;
}

void state_item_close(struct state_item *item)
{
    for (size_t i = 0; i < item->n; i++)
        free_entry(&item->at[i]);
    free(item->at);
    *item = (struct state_item){0};
}

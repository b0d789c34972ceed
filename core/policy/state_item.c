/* ctx.state of one key as bytes: a wire tree 'm' of scalars. Looking whether it is one, and applying changes. */
#include "policy/judge_private.h"

#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One name and its value, in the bytes they came in. */
struct entry {
    struct wire_text name;
    struct wire_text value; /* the tree; one byte 'z' removes the name */
};

static bool is_text(struct wire_text t, size_t max)
{
    return t.len <= max && utf8_valid(t.s, t.len) == t.len && (t.len == 0 || memchr(t.s, '\0', t.len) == NULL);
}

static bool is_scalar(struct wire_reader *r, bool nulls)
{
    uint64_t bits;
    double d;
    switch (wire_get_u8(r)) {
    case 'z':
        return nulls;
    case 't':
    case 'f':
        return true;
    case 'i':
        wire_get_i64(r);
        return true;
    case 'd':
        bits = wire_get_u64(r);
        memcpy(&d, &bits, sizeof d);
        return isfinite(d);
    case 's':
        return is_text(wire_get_text(r), WIRE_STATE_STRING_MAX);
    default:
        return false;
    }
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
    int c = memcmp(x->name.s, y->name.s, n);
    return c != 0 ? c : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

/* Sorted. NULL, or what is wrong. */
static const char *read_entries(const char *tree, size_t len, size_t names_max, bool nulls, struct entry *v, size_t *n_r)
{
    struct wire_reader r = {tree, tree + len, false};
    if (wire_get_u8(&r) != 'm')
        return "is no map";
    uint32_t n = wire_get_u32(&r);
    *n_r = 0;
    if (n > names_max)
        return "holds too many names";
    for (uint32_t i = 0; i < n; i++) {
        struct entry *x = &v[i];
        x->name = wire_get_text(&r);
        x->value.s = r.p;
        if (x->name.len == 0 || !is_text(x->name, WIRE_STATE_NAME_MAX))
            return "holds a name that is none";
        if (!is_scalar(&r, nulls))
            return "holds a value that cannot be kept";
        x->value.len = (size_t)(r.p - x->value.s);
    }
    if (!wire_at_end(&r))
        return "is not as long as it says";
    if (n > 1)
        qsort(v, n, sizeof *v, by_name);
    for (uint32_t i = 1; i < n; i++)
        if (by_name(&v[i - 1], &v[i]) == 0)
            return "holds a name twice";
    *n_r = n;
    return NULL;
}

const char *state_item_wrong(const char *tree, size_t len, size_t names_max, bool nulls)
{
    struct entry v[JUDGE_STATE_CHANGES_MAX];
    size_t n;
    return read_entries(tree, len, names_max < JUDGE_STATE_CHANGES_MAX ? names_max : JUDGE_STATE_CHANGES_MAX, nulls, v,
                        &n);
}

/* Both are sorted; what `changes` says of a name holds. Returns how many remain in `out`, which has room for all. */
static size_t merge(const struct entry *item, size_t n, const struct entry *changes, size_t m, struct entry *out)
{
    size_t i = 0, k = 0, left = 0;
    while (i < n || k < m) {
        int c = i == n ? 1 : k == m ? -1 : by_name(&item[i], &changes[k]);
        struct entry x = c < 0 ? item[i] : changes[k];
        i += c <= 0;
        k += c >= 0;
        if (x.value.s[0] != 'z')
            out[left++] = x;
    }
    return left;
}

int state_item_apply(const char *item, size_t item_len, const char *changes, size_t changes_len, struct buf *out,
                     struct err *e)
{
    struct entry old[WIRE_STATE_NAMES_MAX], new[JUDGE_STATE_CHANGES_MAX];
    struct entry all[WIRE_STATE_NAMES_MAX + JUDGE_STATE_CHANGES_MAX];
    size_t n_old = 0, n_new, bytes = 5; /* the head counts too */
    if (item_len > 0 && read_entries(item, item_len, WIRE_STATE_NAMES_MAX, false, old, &n_old) != NULL)
        n_old = 0; /* the policy was not shown it either */
    const char *wrong = read_entries(changes, changes_len, JUDGE_STATE_CHANGES_MAX, true, new, &n_new);
    if (wrong != NULL)
        return err_set(e, ERR_INVALID, "ctx.state: the change %s", wrong);
    size_t n = merge(old, n_old, new, n_new, all);
    for (size_t i = 0; i < n; i++)
        bytes += 4 + all[i].name.len + all[i].value.len;
    if (n > WIRE_STATE_NAMES_MAX)
        return err_set(e, ERR_LIMIT, "ctx.state: %zu names of one key, at most %d", n, WIRE_STATE_NAMES_MAX);
    if (bytes > WIRE_STATE_ITEM_MAX)
        return err_set(e, ERR_LIMIT, "ctx.state: %zu bytes of one key, at most %d", bytes, WIRE_STATE_ITEM_MAX);
    if (n == 0)
        return 0;
    wire_u8(out, 'm');
    wire_u32(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        wire_text(out, all[i].name.s, all[i].name.len);
        buf_add(out, all[i].value.s, all[i].value.len);
    }
    return 0;
}

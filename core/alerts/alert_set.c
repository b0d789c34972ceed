/* The alerts of one poll: see alert_set.h. */
#include "alerts/alert_set.h"

#include "alerts/intern.h"
#include "alerts/selector.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Records stand in blocks: growing copies nothing, so the peak is what is there. */
enum { BLOCK = 1024, NAMES_BYTES_MAX = 4 * 1024 * 1024, DETAILS_BYTES_MAX = 512 * 1024 };

struct alert_set {
    struct alert_record **blocks;
    size_t cap_blocks, len, kept;
    struct spool *spool;
    struct intern *names, *details;
    struct buf index, text;
};

struct alert_set *alert_set_create(void)
{
    struct alert_set *set = xcalloc(1, sizeof *set);
    set->spool = spool_create();
    set->names = intern_create(NAMES_BYTES_MAX);
    set->details = intern_create(DETAILS_BYTES_MAX);
    return set;
}

void alert_set_free(struct alert_set **set)
{
    if (*set == NULL)
        return;
    struct alert_set *s = *set;
    for (size_t i = 0; i * BLOCK < s->len; i++)
        free(s->blocks[i]);
    free(s->blocks);
    spool_free(&s->spool);
    intern_free(&s->names);
    intern_free(&s->details);
    buf_free(&s->index);
    buf_free(&s->text);
    free(s);
    *set = NULL;
}

size_t alert_set_len(const struct alert_set *set)
{
    return set->len;
}

size_t alert_set_kept(const struct alert_set *set)
{
    return set->kept;
}

const struct alert_record *alert_set_at(const struct alert_set *set, size_t i)
{
    return &set->blocks[i / BLOCK][i % BLOCK];
}

static struct alert_record *add_record(struct alert_set *set)
{
    size_t i = set->len++;
    if (i % BLOCK == 0) {
        xgrow(&set->blocks, &set->cap_blocks, i / BLOCK + 1, sizeof *set->blocks);
        set->blocks[i / BLOCK] = xmalloc(BLOCK * sizeof **set->blocks);
    }
    struct alert_record *r = &set->blocks[i / BLOCK][i % BLOCK];
    memset(r, 0, sizeof *r);
    r->starts_at = MOMENT_NONE;
    return r;
}

static uint32_t keep_name(struct alert_set *set, const struct alert *a)
{
    struct span s = alert_label(a, "alertname");
    const char *text = a->bytes + s.off;
    size_t len = s.len;
    if (span_empty(s))
        return 0;
    if (s.len & SPAN_ESCAPED) {
        buf_clear(&set->text);
        alert_text(a, s, &set->text);
        text = set->text.data;
        len = set->text.len;
    }
    len = utf8_cut(text, len, ALERTNAME_SHOWN);
    uint32_t number;
    if (intern_add(set->names, text, len, &number) != 0)
        return UINT32_MAX;
    return number;
}

static uint32_t keep_detail(struct alert_set *set, size_t i, const char *what)
{
    uint32_t number;
    buf_clear(&set->text);
    buf_addf(&set->text, "element %zu: %s", i, what);
    if (intern_add(set->details, set->text.data, set->text.len, &number) != 0)
        return UINT32_MAX;
    return number;
}

_Static_assert(sizeof(struct alert_record) == 32 && ALERT_BYTES_MAX < 1 << 21, "100,000 of them are in memory");

static int keep_alert(struct alert_set *set, struct alert_record *r, const char *bytes, size_t len, struct err *e)
{
    static const char zeros[8];
    uint64_t offset = 0;
    if (spool_append(set->spool, bytes, len, &offset, e) != 0 ||
        spool_append(set->spool, zeros, -len & 7, NULL, e) != 0 ||
        spool_append(set->spool, set->index.data, set->index.len, NULL, e) != 0)
        return -1;
    if (offset >> 43 != 0)
        return err_set(e, ERR_LIMIT, "the answer is too large");
    r->offset = offset & ((UINT64_C(1) << 43) - 1);
    r->bytes_len = len & (2 * ALERT_BYTES_MAX - 1);
    r->index_len = (uint32_t)set->index.len;
    set->kept++;
    return 0;
}

int alert_set_add(struct alert_set *set, const struct selector *selector, const char *bytes, size_t len,
                  struct err *e)
{
    struct err why = {0};
    size_t i = set->len;
    if (i == ALERT_SET_MAX)
        return err_set(e, ERR_LIMIT, "the answer holds more than %d alerts", (int)ALERT_SET_MAX);
    enum alert_verdict verdict = alert_index(bytes, len, &set->index, &why);
    if (verdict == ALERT_BROKEN)
        return err_set(e, ERR_INVALID, "element %zu: %s", i, why.msg);
    struct alert a;
    alert_view(&a, bytes, set->index.data);
    struct alert_record *r = add_record(set);
    r->fingerprint = a.index->fingerprint;
    r->alertname = keep_name(set, &a);
    r->starts_at = alert_moment(&a, ALERT_STARTS_AT);
    if (verdict == ALERT_BAD) {
        r->reason = REASON_ERROR_ALERT;
        r->detail = keep_detail(set, i, why.msg);
        return 0;
    }
    r->reason = selector == NULL ? REASON_NONE : selector_judge(selector, &a);
    return r->reason == REASON_NONE ? keep_alert(set, r, bytes, len, e) : 0;
}

int alert_set_add_wanted(struct alert_set *set, bool (*wanted)(void *arg, const struct alert *a), void *arg,
                         const char *bytes, size_t len, struct err *e)
{
    struct err why = {0};
    struct alert a;
    enum alert_verdict verdict = alert_index(bytes, len, &set->index, &why);
    if (verdict == ALERT_BROKEN)
        return err_set(e, ERR_INVALID, "an element: %s", why.msg);
    if (verdict == ALERT_BAD)
        return 0;
    alert_view(&a, bytes, set->index.data);
    return wanted(arg, &a) ? alert_set_add(set, NULL, bytes, len, e) : 0;
}

const char *alert_set_alertname(const struct alert_set *set, const struct alert_record *r)
{
    return r->alertname == UINT32_MAX ? "(too many alertnames)" : intern_text(set->names, r->alertname);
}

const char *alert_set_detail(const struct alert_set *set, const struct alert_record *r)
{
    if (r->reason != REASON_ERROR_ALERT)
        return NULL;
    return r->detail == UINT32_MAX ? "no alert (too many of them to keep every sentence)"
                                   : intern_text(set->details, r->detail);
}

int alert_set_read(struct alert_set *set, size_t i, struct buf *space, struct alert *a, struct err *e)
{
    if (i >= set->len || alert_set_at(set, i)->reason != REASON_NONE)
        return err_set(e, ERR_BUG, "alert %zu was not kept", i);
    const struct alert_record *r = alert_set_at(set, i);
    size_t len = r->bytes_len, padded = (len + 7) & ~(size_t)7;
    if (spool_read(set->spool, r->offset, padded + r->index_len, space, e) != 0)
        return -1;
    if (alert_view_checked(a, space->data, len, space->data + padded, r->index_len) != 0)
        return err_set(e, ERR_IO, "alert %zu came back damaged from the temporary file", i);
    return 0;
}

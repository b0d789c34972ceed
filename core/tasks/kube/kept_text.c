/* Lines and gzip: see kept_text.h. */
#include "tasks/kube/kept_text.h"

#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { GZIP = 16 + MAX_WBITS, FLAPS = sizeof ((struct episode *)0)->flaps, FIELDS_MAX = 16 };

/* --- writing --- */

/* One field that may hold anything: '%', tabs, and what is not printable become %XX. */
static void add_text(struct buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= ' ' || c == '%' || c == 0x7f)
            buf_addf(b, "%%%02X", c);
        else
            buf_addc(b, (char)c);
    }
}

static void add_time(struct buf *b, moment_t t)
{
    if (t == MOMENT_NONE)
        buf_adds(b, "\t-");
    else
        buf_addf(b, "\t%" PRId64, t);
}

static void write_episode(struct buf *b, const struct episode *row)
{
    buf_addf(b, "episode\t%016" PRIx64 "\t%016" PRIx64 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32
                "\t%" PRIu32 "\t%" PRIu32 "\t",
             row->fingerprint, row->identity, row->first_seen, row->starts_at, row->first_poll, row->last_poll,
             row->last_seen, row->absent_s, row->flap_slot);
    for (int i = 0; i < FLAPS; i++)
        buf_addf(b, "%02x", row->flaps[i]);
    buf_addf(b, "\t%u\t%u\n", row->number, row->missed);
}

static void write_key(struct buf *b, const struct kept_key *key)
{
    buf_addf(b, "key\t%016" PRIx64 "\t", key->fact.identity);
    add_text(b, key->fact.task, strlen(key->fact.task));
    add_time(b, key->fact.created_at);
    add_time(b, key->fact.completed_at);
    buf_addf(b, "\t%d", (int)key->fact.phase);
    add_time(b, key->fact.starts_at);
    buf_addf(b, "\t%" PRIu32 "\t%" PRIu64, key->fact.attempts, key->ordinal);
    add_time(b, key->touched_at);
    buf_addc(b, '\n');
}

static void write_lines(const struct kept *k, struct buf *b)
{
    buf_addf(b, "alertspawner-memory %d\nuid\t", KEPT_TEXT_VERSION);
    add_text(b, k->uid, strlen(k->uid));
    buf_addf(b, "\ntotal\t%" PRIu64 "\npolls\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32, k->total, k->counters.polls,
             k->counters.alerts, k->counters.alerts_frozen);
    add_time(b, k->counters.polled_at);
    add_time(b, k->counters.frozen_since);
    buf_addc(b, '\n');
    for (size_t i = 0; i < k->n_policies; i++) {
        buf_adds(b, "policy\t");
        add_text(b, k->policies[i], strlen(k->policies[i]));
        buf_addc(b, '\n');
    }
    for (size_t i = 0; i < k->n_episodes; i++)
        write_episode(b, &k->episodes[i]);
    for (size_t i = 0; i < k->n_keys; i++)
        write_key(b, &k->keys[i]);
    for (size_t i = 0; i < k->n_creations; i++) {
        buf_addf(b, "creation\t%" PRIu32 "\t%" PRIu64, k->creations[i].policy, k->creations[i].ordinal);
        add_time(b, k->creations[i].at);
        buf_addc(b, '\n');
    }
    for (size_t i = 0; i < k->n_states; i++) {
        const struct state_fact *s = &k->states[i];
        buf_addf(b, "state\t%" PRIu32 "\t%016" PRIx64 "\t%" PRIu32, s->policy, s->identity, s->version);
        add_time(b, s->touched_at);
        buf_addc(b, '\t');
        add_text(b, s->item, s->len);
        buf_addc(b, '\n');
    }
    buf_adds(b, "end\n");
}

static void pack(const struct buf *text, struct buf *gzip)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* out of memory */
    buf_clear(gzip);
    buf_reserve(gzip, deflateBound(&z, text->len) + 1);
    z.next_in = (Bytef *)text->data;
    z.avail_in = (uInt)text->len;
    z.next_out = (Bytef *)gzip->data;
    z.avail_out = (uInt)(gzip->cap - 1);
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    gzip->len = z.total_out;
    gzip->data[gzip->len] = '\0';
    deflateEnd(&z);
}

/* --- what does not fit --- */

static int by_absence(const void *a, const void *b) /* the longest away first, those that are there last */
{
    const struct episode *x = a, *y = b;
    if ((x->last_poll == 0) != (y->last_poll == 0))
        return x->last_poll == 0 ? 1 : -1;
    return (x->last_seen > y->last_seen) - (x->last_seen < y->last_seen);
}

static int by_key_age(const void *a, const void *b)
{
    const struct kept_key *x = a, *y = b;
    return (x->touched_at > y->touched_at) - (x->touched_at < y->touched_at);
}

static int by_identity(const void *a, const void *b)
{
    const struct kept_key *x = a, *y = b;
    return (x->fact.identity > y->fact.identity) - (x->fact.identity < y->fact.identity);
}

static int by_state_age(const void *a, const void *b)
{
    const struct state_fact *x = a, *y = b;
    return (x->touched_at > y->touched_at) - (x->touched_at < y->touched_at);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* `from` elements of the sorted array go. */
static void drop_front(void *array, size_t *n, size_t size, size_t from)
{
    *n -= from;
    memmove(array, (char *)array + from * size, *n * size);
}

static size_t evict_episodes(struct kept *k, size_t n, bool all)
{
    size_t away = 0, gone;
    for (size_t i = 0; i < k->n_episodes; i++)
        away += all || k->episodes[i].last_poll != 0;
    gone = smaller(away, n);
    if (gone == 0)
        return 0;
    qsort(k->episodes, k->n_episodes, sizeof *k->episodes, by_absence);
    drop_front(k->episodes, &k->n_episodes, sizeof *k->episodes, gone); /* episodes_load sorts again */
    return gone;
}

static size_t evict_keys(struct kept *k, size_t n)
{
    size_t gone = smaller(k->n_keys, n);
    if (gone == 0)
        return 0;
    qsort(k->keys, k->n_keys, sizeof *k->keys, by_key_age);
    for (size_t i = 0; i < gone; i++)
        free(k->keys[i].fact.task);
    drop_front(k->keys, &k->n_keys, sizeof *k->keys, gone);
    qsort(k->keys, k->n_keys, sizeof *k->keys, by_identity);
    return gone;
}

static size_t evict_states(struct kept *k, size_t n)
{
    size_t gone = smaller(k->n_states, n);
    if (gone == 0)
        return 0;
    qsort(k->states, k->n_states, sizeof *k->states, by_state_age);
    for (size_t i = 0; i < gone; i++)
        free(k->states[i].item);
    drop_front(k->states, &k->n_states, sizeof *k->states, gone);
    return gone;
}

static size_t evict(struct kept *k, size_t n)
{
    size_t gone = evict_episodes(k, n, false);
    if (gone < n)
        gone += evict_keys(k, n - gone);
    if (gone < n)
        gone += evict_states(k, n - gone);
    if (gone < n) {
        size_t creations = smaller(k->n_creations, n - gone);
        drop_front(k->creations, &k->n_creations, sizeof *k->creations, creations);
        gone += creations;
    }
    return gone < n ? gone + evict_episodes(k, n - gone, true) : gone;
}

size_t kept_write(struct kept *k, struct buf *gzip)
{
    struct buf text = {0};
    size_t gone = 0;
    for (;;) {
        buf_clear(&text);
        write_lines(k, &text);
        pack(&text, gzip);
        if (gzip->len <= KEPT_BYTES_MAX)
            break;
        size_t all = k->n_episodes + k->n_keys + k->n_states + k->n_creations;
        /* Its share of the bytes, and a little more, so that few rounds do. */
        size_t over = (size_t)((double)all * (double)(gzip->len - KEPT_BYTES_MAX) / (double)gzip->len) + all / 50 + 1;
        size_t went = evict(k, over);
        if (went == 0)
            break; /* names of policies alone: cannot be, they are few and short */
        gone += went;
    }
    buf_free(&text);
    return gone;
}

/* --- reading --- */

static int unpack(const char *gzip, size_t len, struct buf *text, struct err *e)
{
    z_stream z = {.next_in = (Bytef *)gzip, .avail_in = (uInt)len};
    if (len > UINT32_MAX || inflateInit2(&z, GZIP) != Z_OK)
        return err_set(e, ERR_INVALID, "it is no gzip");
    int rc = Z_OK;
    while (rc == Z_OK && text->len <= KEPT_TEXT_MAX) {
        buf_reserve(text, 256 * 1024);
        z.next_out = (Bytef *)text->data + text->len;
        z.avail_out = (uInt)(text->cap - text->len - 1);
        size_t room = z.avail_out;
        rc = inflate(&z, Z_NO_FLUSH);
        text->len += room - z.avail_out;
    }
    inflateEnd(&z);
    if (rc != Z_STREAM_END || text->len > KEPT_TEXT_MAX)
        return err_set(e, ERR_INVALID, text->len > KEPT_TEXT_MAX ? "it is too large" : "its gzip is damaged");
    text->data[text->len] = '\0';
    return 0;
}

/* The fields of one line; reading past them or something that is no number makes it bad. */
struct line {
    char *fields[FIELDS_MAX];
    size_t n, at;
    bool bad;
};

static char *next(struct line *l)
{
    if (l->at == l->n) {
        l->bad = true;
        return "";
    }
    return l->fields[l->at++];
}

static uint64_t number(struct line *l, uint64_t max, int base)
{
    char *s = next(l), *end;
    errno = 0;
    uint64_t v = strtoull(s, &end, base);
    l->bad = l->bad || errno != 0 || *s == '\0' || *s == '-' || *end != '\0' || v > max;
    return v;
}

static uint32_t u32(struct line *l)
{
    return (uint32_t)number(l, UINT32_MAX, 10);
}

static moment_t when(struct line *l)
{
    char *s = next(l), *end;
    if (strcmp(s, "-") == 0)
        return MOMENT_NONE;
    errno = 0;
    int64_t v = strtoll(s, &end, 10);
    l->bad = l->bad || errno != 0 || *s == '\0' || *end != '\0';
    return v;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; the length is the result's, which may hold NUL. */
static char *words(struct line *l, size_t *len_r)
{
    char *s = next(l), *out = s;
    for (const char *p = s; *p != '\0'; p++) {
        if (*p != '%') {
            *out++ = *p;
            continue;
        }
        int high = hex_digit(p[1]), low = high < 0 ? -1 : hex_digit(p[2]);
        if (low < 0) {
            l->bad = true;
            break;
        }
        *out++ = (char)(high << 4 | low);
        p += 2;
    }
    *len_r = (size_t)(out - s);
    *out = '\0';
    return s;
}

static void read_episode(struct kept *k, struct line *l, size_t *cap)
{
    struct episode row = {.fingerprint = number(l, UINT64_MAX, 16), .identity = number(l, UINT64_MAX, 16)};
    row.first_seen = u32(l);
    row.starts_at = u32(l);
    row.first_poll = u32(l);
    row.last_poll = u32(l);
    row.last_seen = u32(l);
    row.absent_s = u32(l);
    row.flap_slot = u32(l);
    const char *flaps = next(l);
    l->bad = l->bad || strlen(flaps) != 2 * FLAPS;
    for (int i = 0; i < FLAPS && !l->bad; i++) {
        int high = hex_digit(flaps[2 * i]), low = hex_digit(flaps[2 * i + 1]);
        l->bad = l->bad || high < 0 || low < 0;
        row.flaps[i] = l->bad ? 0 : (uint8_t)(high << 4 | low);
    }
    row.number = (uint16_t)number(l, UINT16_MAX, 10);
    row.missed = (uint8_t)number(l, EPISODES_RESOLVED_POLLS, 10);
    xgrow(&k->episodes, cap, k->n_episodes + 1, sizeof *k->episodes);
    k->episodes[k->n_episodes++] = row;
}

static void read_key(struct kept *k, struct line *l)
{
    size_t len;
    struct kept_key key = {.fact = {.identity = number(l, UINT64_MAX, 16)}};
    const char *task = words(l, &len);
    key.fact.created_at = when(l);
    key.fact.completed_at = when(l);
    key.fact.phase = (enum task_phase)number(l, TASK_FAILED, 10);
    key.fact.starts_at = when(l);
    key.fact.attempts = u32(l);
    key.ordinal = number(l, UINT64_MAX, 10);
    key.touched_at = when(l);
    /* Sorted when they were written. */
    l->bad = l->bad || (k->n_keys > 0 && k->keys[k->n_keys - 1].fact.identity >= key.fact.identity);
    if (l->bad)
        return;
    key.fact.task = xstrndup(task, len);
    xgrow(&k->keys, &k->cap_keys, k->n_keys + 1, sizeof *k->keys);
    k->keys[k->n_keys++] = key;
}

static void read_creation(struct kept *k, struct line *l)
{
    struct kept_creation c = {.policy = u32(l)};
    c.ordinal = number(l, UINT64_MAX, 10);
    c.at = when(l);
    l->bad = l->bad || c.policy >= k->n_policies || (k->n_creations > 0 && k->creations[k->n_creations - 1].at > c.at);
    xgrow(&k->creations, &k->cap_creations, k->n_creations + 1, sizeof *k->creations);
    k->creations[k->n_creations++] = c;
}

static void read_state(struct kept *k, struct line *l)
{
    size_t len;
    struct state_fact s = {.policy = u32(l)};
    s.identity = number(l, UINT64_MAX, 16);
    s.version = u32(l);
    s.touched_at = when(l);
    const char *item = words(l, &len);
    l->bad = l->bad || s.policy >= k->n_policies;
    if (l->bad)
        return;
    s.item = xstrndup(item, len);
    s.len = len;
    xgrow(&k->states, &k->cap_states, k->n_states + 1, sizeof *k->states);
    k->states[k->n_states++] = s;
}

static void read_polls(struct kept *k, struct line *l)
{
    k->counters.polls = u32(l);
    k->counters.alerts = u32(l);
    k->counters.alerts_frozen = u32(l);
    k->counters.polled_at = when(l);
    k->counters.frozen_since = when(l);
}

/* True at the last line. A line that is not known is from a later alertspawner of this version: passed over. */
static bool read_line(struct kept *k, char *text, struct line *l, size_t *cap_episodes)
{
    size_t len;
    for (char *p = text, *tab; p != NULL && l->n < FIELDS_MAX; p = tab) {
        l->fields[l->n++] = p;
        tab = strchr(p, '\t');
        if (tab != NULL)
            *tab++ = '\0';
    }
    const char *what = next(l);
    if (strcmp(what, "episode") == 0) {
        read_episode(k, l, cap_episodes);
    } else if (strcmp(what, "key") == 0) {
        read_key(k, l);
    } else if (strcmp(what, "creation") == 0) {
        read_creation(k, l);
    } else if (strcmp(what, "state") == 0) {
        read_state(k, l);
    } else if (strcmp(what, "polls") == 0) {
        read_polls(k, l);
    } else if (strcmp(what, "total") == 0) {
        k->total = number(l, UINT64_MAX, 10);
    } else if (strcmp(what, "policy") == 0) {
        k->policies = xrealloc(k->policies, (k->n_policies + 1) * sizeof *k->policies);
        k->policies[k->n_policies++] = xstrdup(words(l, &len));
    } else if (strcmp(what, "uid") == 0) {
        free(k->uid);
        k->uid = xstrdup(words(l, &len));
    }
    return strcmp(what, "end") == 0;
}

static int read_lines(struct kept *k, char *text, struct err *e)
{
    size_t cap_episodes = 0, n = 1;
    int version = 0, used = 0;
    if (sscanf(text, "alertspawner-memory %d\n%n", &version, &used) != 1 || used == 0)
        return err_set(e, ERR_INVALID, "it does not begin with \"alertspawner-memory\"");
    if (version != KEPT_TEXT_VERSION)
        return err_set(e, ERR_INVALID, "it has version %d, this alertspawner knows %d", version, KEPT_TEXT_VERSION);
    for (char *p = text + used, *end; *p != '\0'; p = end) {
        struct line l = {0};
        n++;
        end = p + strcspn(p, "\n");
        if (*end != '\0')
            *end++ = '\0';
        bool last = read_line(k, p, &l, &cap_episodes);
        if (l.bad)
            return err_set(e, ERR_INVALID, "its line %zu cannot be read", n);
        if (last)
            return 0;
    }
    return err_set(e, ERR_INVALID, "it is cut short");
}

int kept_read(const char *gzip, size_t len, struct kept **k_r, struct err *e)
{
    struct buf text = {0};
    struct kept *k = kept_create();
    int rc = unpack(gzip, len, &text, e);
    if (rc == 0)
        rc = strlen(text.data) == text.len ? read_lines(k, text.data, e) : err_set(e, ERR_INVALID, "it holds a NUL");
    buf_free(&text);
    if (rc != 0)
        kept_free(&k);
    *k_r = k;
    return rc;
}

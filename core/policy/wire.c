#include "policy/wire.h"

#include <string.h>

/* Fields are written byte by byte: no alignment, no byte order of the machine. */
static void add_le(struct buf *b, uint64_t v, int bytes)
{
    char tmp[8];
    for (int i = 0; i < bytes; i++)
        tmp[i] = (char)(v >> (8 * i));
    buf_add(b, tmp, (size_t)bytes);
}

static uint64_t read_le(const char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return v;
}

size_t wire_begin(struct buf *b, enum wire_type type)
{
    size_t mark = b->len;
    add_le(b, 0, 4); /* wire_end puts the length here */
    buf_addc(b, (char)type);
    return mark;
}

void wire_end(struct buf *b, size_t mark)
{
    uint64_t n = b->len - mark - 4;
    for (int i = 0; i < 4; i++)
        b->data[mark + (size_t)i] = (char)(n >> (8 * i));
}

void wire_u8(struct buf *b, uint8_t v)
{
    buf_addc(b, (char)v);
}

void wire_u32(struct buf *b, uint32_t v)
{
    add_le(b, v, 4);
}

void wire_u64(struct buf *b, uint64_t v)
{
    add_le(b, v, 8);
}

void wire_i64(struct buf *b, int64_t v)
{
    add_le(b, (uint64_t)v, 8);
}

void wire_text(struct buf *b, const char *s, size_t len)
{
    add_le(b, (uint32_t)len, 4);
    if (len)
        buf_add(b, s, len);
}

void wire_str(struct buf *b, const char *s)
{
    wire_text(b, s ? s : "", s ? strlen(s) : 0);
}

/* Takes `n` bytes off the front; NULL and `bad` for ever when they are not there. */
static const char *take(struct wire_reader *r, size_t n)
{
    if (r->bad || (size_t)(r->end - r->p) < n) {
        r->bad = true;
        return NULL;
    }
    const char *p = r->p;
    r->p += n;
    return p;
}

static uint64_t take_le(struct wire_reader *r, int bytes)
{
    const char *p = take(r, (size_t)bytes);
    return p ? read_le(p, bytes) : 0;
}

uint8_t wire_get_u8(struct wire_reader *r)
{
    return (uint8_t)take_le(r, 1);
}

uint32_t wire_get_u32(struct wire_reader *r)
{
    return (uint32_t)take_le(r, 4);
}

uint64_t wire_get_u64(struct wire_reader *r)
{
    return take_le(r, 8);
}

int64_t wire_get_i64(struct wire_reader *r)
{
    return (int64_t)take_le(r, 8);
}

struct wire_text wire_get_text(struct wire_reader *r)
{
    size_t len = wire_get_u32(r);
    const char *p = take(r, len);
    return p ? (struct wire_text){p, len} : (struct wire_text){"", 0};
}

static void tree_skip(struct wire_reader *r, int depth)
{
    if (depth > WIRE_TREE_DEPTH)
        r->bad = true;
    uint8_t tag = wire_get_u8(r);
    uint32_t n;
    switch (tag) {
    case 'z':
    case 't':
    case 'f':
        return;
    case 'i':
    case 'd':
        take(r, 8);
        return;
    case 's':
        wire_get_text(r);
        return;
    case 'l':
    case 'm':
        n = wire_get_u32(r);
        while (n-- && !r->bad) {
            if (tag == 'm')
                wire_get_text(r);
            tree_skip(r, depth + 1);
        }
        return;
    default:
        r->bad = true;
    }
}

int wire_tree_skip(struct wire_reader *r)
{
    tree_skip(r, 0);
    return r->bad ? -1 : 0;
}

bool wire_at_end(const struct wire_reader *r)
{
    return !r->bad && r->p == r->end;
}

int wire_frame(const char *bytes, size_t len, enum wire_type *type_r, struct wire_reader *fields_r,
               size_t *used_r)
{
    if (len < 4)
        return 0;
    uint64_t n = read_le(bytes, 4);
    if (n < 1 || n > WIRE_FRAME_MAX)
        return -1;
    if (len < 5)
        return 0;
    if (!bytes[4] || !strchr("HSRJjTtCcwZVXxdPnGe", bytes[4]))
        return -1;
    if (len - 4 < n)
        return 0;
    *type_r = (enum wire_type)bytes[4];
    *fields_r = (struct wire_reader){bytes + 5, bytes + 4 + n, false};
    *used_r = 4 + (size_t)n;
    return 1;
}

const char *black_box_hook_name(uint32_t hook)
{
    static const char *const names[HOOK_COUNT] = {"none", "load",      "filter", "key",  "priority",
                                                  "name", "retrigger", "title",  "body", "template", "on_resolve"};
    return hook < HOOK_COUNT ? names[hook] : "?";
}

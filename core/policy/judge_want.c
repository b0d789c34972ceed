/* WANT and ZONES: the rules of the time zones that policies name, read from disk for a worker that cannot. */
#include "policy/judge_private.h"

#include "policy/zone_files.h"

enum { ZONE_TEXT_MAX = 255 }; /* an annotation may name any text: what is no zone's name is not there */

static void add_zone(struct wire_text name, struct buf *bytes, struct buf *b)
{
    buf_clear(bytes);
    bool there = zone_file_read(zone_files_dir(), name.s, name.len, bytes, NULL) == 0;
    wire_text(b, name.s, name.len);
    wire_u8(b, there);
    wire_text(b, bytes->data, there ? bytes->len : 0);
}

int judge_read_want(struct judge *j, struct wire_reader *r, struct buf *b, struct err *e)
{
    struct wire_reader names = *r;
    struct wire_text name;
    uint32_t n = wire_get_u32(r);
    (void)j;
    if (n > WIRE_ZONES_MAX)
        return err_set(e, ERR_INVALID, "%u time zones, at most %d", n, WIRE_ZONES_MAX);
    for (uint32_t i = 0; i < n; i++)
        if (judge_get_text(r, ZONE_TEXT_MAX, "time zone", &name, e) != 0)
            return -1;
    if (judge_check_end(r, "a WANT", e) != 0)
        return -1;
    struct buf bytes = {0};
    size_t mark = wire_begin(b, WIRE_ZONES);
    wire_u32(b, wire_get_u32(&names));
    for (uint32_t i = 0; i < n; i++)
        add_zone(wire_get_text(&names), &bytes, b);
    wire_end(b, mark);
    buf_free(&bytes);
    return 0;
}

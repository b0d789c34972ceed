/* The cutter: however the bytes are split, the same elements and the same verdict come out. The first byte picks shape
 * and split. */
#include "base/cutter.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_element(void *arg, size_t i, const char *bytes, size_t len, struct err *e)
{
    (void)e;
    if (len == 0)
        abort();
    buf_addf(arg, "%zu=", i);
    buf_add(arg, bytes, len);
    return 0;
}

static int on_member(void *arg, const char *name, size_t name_len, const char *bytes, size_t len, struct err *e)
{
    (void)e;
    if (len == 0)
        abort();
    buf_add(arg, name, name_len);
    buf_addc(arg, ':');
    buf_add(arg, bytes, len);
    return 0;
}

static int cut(unsigned pick, const char *in, size_t len, size_t piece, struct buf *out, struct err *e)
{
    struct cutter c;
    cutter_init(&c, (enum cutter_shape)(pick % 3), 256, on_element, out);
    c.member = "items";
    c.on_member = pick & 64 ? on_member : NULL;
    int rc = 0;
    for (size_t at = 0; at < len && rc == 0; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        char *copy = malloc(n);
        memcpy(copy, in + at, n);
        rc = cutter_feed(&c, copy, n, e);
        free(copy);
    }
    if (rc == 0)
        rc = cutter_end(&c, e);
    cutter_deinit(&c);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *in = (const char *)data + 1;
    struct buf whole = {0}, split = {0};
    struct err e1 = {0}, e2 = {0};
    int rc1 = cut(data[0], in, size - 1, size, &whole, &e1);
    int rc2 = cut(data[0], in, size - 1, 1 + data[0] / 3 % 20, &split, &e2);
    if (rc1 != rc2 || whole.len != split.len || (whole.len > 0 && memcmp(whole.data, split.data, whole.len) != 0) ||
        strcmp(e1.msg, e2.msg) != 0)
        abort();
    buf_free(&whole);
    buf_free(&split);
    return 0;
}

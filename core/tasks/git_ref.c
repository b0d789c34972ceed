/* Branch names: see git_ref.h. */
#include "tasks/git_ref.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static bool component_ends(const char *s, size_t len, size_t i)
{
    return i == len || s[i] == '/';
}

/* Bytes of the illegal part that starts at s[i]; 0 when what stands there is legal. */
static size_t illegal_len(const char *s, size_t len, size_t i)
{
    unsigned char c = (unsigned char)s[i];
    if (c <= ' ' || c == 0x7f || strchr("~^:?*[\\", c) != NULL)
        return 1;
    if (utf8_len(s + i, len - i) == 0) /* git takes it, JSON does not */
        return 1;
    if (c == '@')
        return i + 1 < len && s[i + 1] == '{' ? 2 : 0;
    if (c != '.' && c != '/')
        return 0;
    size_t run = 1;
    while (i + run < len && s[i + run] == (char)c)
        run++;
    if (run > 1 || i + run == len)
        return run;
    if (c == '.' && (i == 0 || s[i - 1] == '/'))
        return 1;
    if (c == '.' && len - i >= 5 && memcmp(s + i, ".lock", 5) == 0 && component_ends(s, len, i + 5))
        return 1;
    return 0;
}

char *git_ref_legalise(const char *text, size_t len, bool *changed_r)
{
    struct buf out = {0};
    buf_reserve(&out, len);
    for (size_t i = 0; i < len;) {
        size_t bad = 0, step;
        while (i + bad < len && (step = illegal_len(text, len, i + bad)) > 0)
            bad += step;
        if (bad > 0) {
            buf_addc(&out, '-');
            i += bad;
        } else {
            size_t n = utf8_len(text + i, len - i);
            buf_add(&out, text + i, n);
            i += n;
        }
    }
    size_t start = 0;
    while (start < out.len && strchr("-./", out.data[start]) != NULL)
        start++;
    size_t n = out.len - start;
    if (n == 0 || (n == 1 && out.data[start] == '@')) {
        buf_free(&out);
        *changed_r = len > 0;
        return NULL;
    }
    char *name;
    if (n > GIT_REF_MAX) {
        size_t kept = utf8_cut(out.data + start, n, GIT_REF_MAX - 9);
        name = xasprintf("%.*s-%08" PRIx32, (int)kept, out.data + start,
                         (uint32_t)(XXH3_64bits(text, len) >> 32));
    } else {
        name = xasprintf("%s%s", out.data + start, strcmp(out.data + start, "HEAD") == 0 ? "-" : "");
    }
    buf_free(&out);
    *changed_r = strlen(name) != len || memcmp(name, text, len) != 0;
    return name;
}

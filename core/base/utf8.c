/* UTF-8: see utf8.h. */
#include "base/utf8.h"

#include <stdbool.h>

size_t utf8_decode(const char *str, size_t len, uint32_t *cp_r)
{
    const unsigned char *s = (const unsigned char *)str;
    if (len == 0)
        return 0;
    uint32_t c = s[0];
    size_t n;
    uint32_t min;
    if (c < 0x80) {
        *cp_r = c;
        return 1;
    } else if (c >= 0xc2 && c < 0xe0) {
        n = 2, min = 0x80, c &= 0x1f;
    } else if (c >= 0xe0 && c < 0xf0) {
        n = 3, min = 0x800, c &= 0x0f;
    } else if (c >= 0xf0 && c < 0xf5) {
        n = 4, min = 0x10000, c &= 0x07;
    } else {
        return 0;
    }
    if (len < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (c < min || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *cp_r = c;
    return n;
}

size_t utf8_len(const char *s, size_t len)
{
    uint32_t cp;
    return utf8_decode(s, len, &cp);
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

size_t utf8_valid(const char *s, size_t len)
{
    size_t i = 0;
    while (i < len) {
        if ((unsigned char)s[i] < 0x80) {
            i++;
            continue;
        }
        size_t n = utf8_len(s + i, len - i);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

int utf8_visible(const char *s, size_t len)
{
    uint32_t cp;
    size_t n = utf8_decode(s, len, &cp);
    if (n == 0)
        return -1;
    bool hidden = cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x2028 && cp <= 0x202e) ||
                  (cp >= 0x2066 && cp <= 0x2069);
    return hidden ? -(int)n : (int)n;
}

size_t utf8_cut(const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
        max--;
    return max;
}

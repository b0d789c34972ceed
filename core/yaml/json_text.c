/* JSON for a YAML parser: see json_text.h. */
#include "yaml/json_text.h"

#include <stdint.h>
#include <string.h>

static size_t skip_space(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r'))
        i++;
    return i;
}

bool json_text_likely(const char *text, size_t len)
{
    size_t i = skip_space(text, len);
    return i < len && (text[i] == '{' || text[i] == '[');
}

/* The four hex digits at s, or -1. */
static int32_t unit(const char *s, size_t left)
{
    if (left < 6 || s[0] != '\\' || s[1] != 'u')
        return -1;
    int32_t v = 0;
    for (int i = 2; i < 6; i++) {
        char c = s[i];
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* One string from its opening quote; returns its length with both quotes, 0 when it has no end. */
static size_t take_string(const char *s, size_t len, struct buf *out)
{
    size_t saved = 0, i = 1;
    buf_addc(out, '"');
    while (i < len && s[i] != '"') {
        if (s[i] != '\\') {
            buf_addc(out, s[i++]);
            continue;
        }
        if (i + 1 >= len)
            return 0;
        int32_t high = unit(s + i, len - i);
        if (s[i + 1] == '/') {
            buf_addc(out, '/');
            saved++;
            i += 2;
        } else if (high >= 0xd800 && high <= 0xdfff) {
            int32_t low = unit(s + i + 6, len - i - 6);
            if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
                return 0;
            buf_addf(out, "\\U%08X", 0x10000u + (((uint32_t)high & 0x3ff) << 10) + ((uint32_t)low & 0x3ff));
            saved += 2;
            i += 12;
        } else {
            buf_add(out, s + i, 2);
            i += 2;
        }
    }
    if (i >= len)
        return 0;
    buf_addc(out, '"');
    for (; saved > 0; saved--)
        buf_addc(out, ' ');
    return i + 1;
}

size_t json_text_take(const char *text, size_t len, size_t *start_r, struct buf *out)
{
    size_t i = skip_space(text, len), depth = 0;
    *start_r = i;
    do {
        if (i >= len)
            return 0;
        size_t n = 1;
        if (text[i] == '"') {
            n = take_string(text + i, len - i, out);
            if (n == 0)
                return 0;
        } else {
            buf_addc(out, text[i]);
            if (text[i] == '{' || text[i] == '[')
                depth++;
            else if (text[i] == '}' || text[i] == ']')
                depth--;
            else if (depth == 0)
                return 0;
        }
        i += n;
    } while (depth > 0);
    return i;
}

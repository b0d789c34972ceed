/* What JSON is, told by somebody else: cJSON for the structure, and here the few rules it does not keep (white space,
 * control characters, hex digits, UTF-8, numbers, what follows the value). For the fuzz targets and the unit tests. */
#pragma once

#include "base/utf8.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <string.h>

static inline bool oracle_number(const char *p, size_t n)
{
    size_t i = 0, from;
    if (i < n && p[i] == '-')
        i++;
    from = i;
    while (i < n && p[i] >= '0' && p[i] <= '9')
        i++;
    if (i == from || (p[from] == '0' && i - from > 1))
        return false;
    if (i < n && p[i] == '.') {
        from = ++i;
        while (i < n && p[i] >= '0' && p[i] <= '9')
            i++;
        if (i == from)
            return false;
    }
    if (i < n && (p[i] == 'e' || p[i] == 'E')) {
        i++;
        if (i < n && (p[i] == '+' || p[i] == '-'))
            i++;
        from = i;
        while (i < n && p[i] >= '0' && p[i] <= '9')
            i++;
        if (i == from)
            return false;
    }
    return i == n;
}

static inline bool oracle_hex4(const char *p, size_t n)
{
    for (size_t i = 0; i < 4; i++)
        if (i >= n || p[i] == '\0' || strchr("0123456789abcdefABCDEF", p[i]) == NULL)
            return false;
    return true;
}

/* Rules that only tokens tell; the structure is cJSON's business. *depth_r is the deepest nesting. */
static inline bool oracle_tokens(const char *p, size_t n, int *depth_r)
{
    int depth = 0;
    *depth_r = 0;
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)p[i];
        if (c == '"') {
            for (i++; i < n && p[i] != '"'; i++) {
                if ((unsigned char)p[i] < 0x20)
                    return false;
                if (p[i] != '\\')
                    continue;
                i++; /* whatever is escaped */
                if (i < n && (p[i] == '\0' || (p[i] == 'u' && !oracle_hex4(p + i + 1, n - i - 1))))
                    return false; /* cJSON reads \u12g4 as \u0000 */
            }
            i++;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            size_t from = i;
            while (i < n && p[i] != '\0' && strchr("0123456789+-.eE", p[i]) != NULL)
                i++;
            if (!oracle_number(p + from, i - from))
                return false;
        } else {
            if (c <= 0x20 && c != ' ' && c != '\n' && c != '\r' && c != '\t')
                return false;
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
            *depth_r = depth > *depth_r ? depth : *depth_r;
            i++;
        }
    }
    return true;
}

/* The document, or NULL when the bytes are no strict JSON of at most max_depth levels. */
static inline cJSON *oracle_parse(const char *p, size_t n, int max_depth)
{
    int depth;
    const char *end = NULL;
    if (utf8_valid(p, n) != n || !oracle_tokens(p, n, &depth) || depth > max_depth ||
        (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0))
        return NULL;
    cJSON *doc = cJSON_ParseWithLengthOpts(p, n, &end, 0);
    while (doc != NULL && end < p + n) {
        if (strchr(" \n\r\t", *end) == NULL || *end == '\0') {
            cJSON_Delete(doc);
            return NULL;
        }
        end++;
    }
    return doc;
}

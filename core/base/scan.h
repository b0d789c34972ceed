/* Skipping the plain bytes of JSON strings: 16 at a time with SSE2 (every x86-64 has it), else 8 in a word. Most of an
 * alert is the inside of strings, so this is where the time of cutting and indexing goes. */
#pragma once

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SCAN_ONES  0x0101010101010101u
#define SCAN_HIGHS 0x8080808080808080u

/* Not zero when some byte of x is 0. Which one is not told, so that byte order does not matter. */
static inline uint64_t scan_has_zero(uint64_t x)
{
    return (x - SCAN_ONES) & ~x & SCAN_HIGHS;
}

/* The portable forms are always compiled, so that tests compare them with the fast ones. */
static inline const char *scan_quote_portable(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        if (scan_has_zero(x ^ (SCAN_ONES * '"')) | scan_has_zero(x ^ (SCAN_ONES * '\\')))
            break;
    }
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

static inline const char *scan_text_portable(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        if (scan_has_zero(x ^ (SCAN_ONES * '"')) | scan_has_zero(x ^ (SCAN_ONES * '\\')) |
            ((x - SCAN_ONES * 0x20) & ~x & SCAN_HIGHS) | (x & SCAN_HIGHS))
            break;
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80)
        p++;
    return p;
}

/* The first quote or backslash at or after p; `end` when there is none. */
static inline const char *scan_quote(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        int hit = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, backslash)));
        if (hit != 0)
            return p + __builtin_ctz((unsigned)hit);
    }
#endif
    return scan_quote_portable(p, end);
}

/* The first byte that a strict reader must look at: a quote, a backslash, a control character or one outside ASCII. */
static inline const char *scan_text(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* signed: bytes from 0x80 are negative, hence below the space too */
        __m128i odd = _mm_or_si128(_mm_cmplt_epi8(x, space),
                                   _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, backslash)));
        int hit = _mm_movemask_epi8(odd);
        if (hit != 0)
            return p + __builtin_ctz((unsigned)hit);
    }
#endif
    return scan_text_portable(p, end);
}

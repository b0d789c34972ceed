/* Names of Tasks: see task_name.h. */
#include "tasks/task_name.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    DIGITS = 16,   /* of an identity */
    KEPT_MAX = 37, /* 37 bytes, '-', 8 digits of the spawner, '-', 16 digits of the identity: 63 */
};

/* What one rune becomes. Outside ASCII only two code points have a lower case inside [a-z]. */
static char rune_name(uint32_t cp)
{
    if (cp >= 'A' && cp <= 'Z')
        return (char)(cp - 'A' + 'a');
    if ((cp >= 'a' && cp <= 'z') || (cp >= '0' && cp <= '9') || cp == '-' || cp == '.')
        return (char)cp;
    if (cp == 0x130) /* LATIN CAPITAL LETTER I WITH DOT ABOVE */
        return 'i';
    if (cp == 0x212a) /* KELVIN SIGN */
        return 'k';
    return '-';
}

/* At most `max` bytes, one for each rune; a byte that is no UTF-8 counts as a rune, as in Go. Returns how many. */
static size_t runes_map(const char *s, size_t len, char *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n < max;) {
        uint32_t cp;
        size_t used = utf8_decode(s + i, len - i, &cp);
        out[n++] = used > 0 ? rune_name(cp) : '-';
        i += used > 0 ? used : 1;
    }
    return n;
}

/* Splits on '.', trims '-' from each label, drops empty labels, joins again; in place, it only gets shorter. */
static size_t labels_trim(char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        size_t end = i;
        while (end < len && s[end] != '.')
            end++;
        size_t from = i, to = end;
        while (from < to && s[from] == '-')
            from++;
        while (to > from && s[to - 1] == '-')
            to--;
        if (to > from) {
            if (n > 0)
                s[n++] = '.';
            memmove(s + n, s + from, to - from);
            n += to - from;
        }
        i = end + 1;
    }
    return n;
}

void task_name_default(const char *spawner, const char *id, uint64_t identity, char out[TASK_NAME_MAX + 1])
{
    size_t spawner_len = strlen(spawner), id_len = strlen(id);
    char *s = xmalloc(spawner_len + 1 + id_len);
    size_t n = runes_map(spawner, spawner_len, s, spawner_len);
    s[n++] = '-';
    n += runes_map(id, id_len, s + n, id_len);
    n = labels_trim(s, n);
    if (n <= TASK_NAME_MAX) {
        memcpy(out, s, n);
        out[n] = '\0';
        free(s);
        return;
    }
    char digits[DIGITS + 1];
    snprintf(digits, sizeof digits, "%016" PRIx64, identity);
    /* The byte before the digits is a '-', or the '.' that trimming left of ".-": it goes either way. */
    if (memcmp(s + n - DIGITS, digits, DIGITS) == 0)
        n -= DIGITS + 1;
    if (n > KEPT_MAX)
        n = KEPT_MAX;
    while (n > 0 && (s[n - 1] == '-' || s[n - 1] == '.'))
        n--;
    snprintf(out, TASK_NAME_MAX + 1, "%.*s-%08" PRIx32 "-%s", (int)n, s,
             (uint32_t)(XXH3_64bits(spawner, spawner_len) >> 32), digits);
    free(s);
}

int task_name_sanitise(const char *rendered, size_t len, char out[TASK_NAME_MAX + 1], struct err *e)
{
    static const char hole[] = "<no value>";
    out[0] = '\0';
    /* It would become one constant name and throw every alert into one Task. */
    if (len > 0 && memmem(rendered, len, hole, sizeof hole - 1) != NULL)
        return err_set(e, ERR_INVALID, "nameTemplate rendered \"<no value>\": a variable in it is not there");
    size_t n = labels_trim(out, runes_map(rendered, len, out, TASK_NAME_MAX));
    out[n] = '\0';
    if (n == 0)
        return err_set(e, ERR_INVALID, "nameTemplate rendered no letter or digit to make a Task name of");
    return 0;
}

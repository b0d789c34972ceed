/* Times in file names: see dump_name.h. */
#include "replay/dump_name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits from p on, with what people put between the parts of a time left out: at most `max`. */
static size_t digits_at(const char *p, char out[20], size_t max)
{
    size_t n = 0;
    for (; *p != '\0' && n < max; p++) {
        if (isdigit((unsigned char)*p))
            out[n++] = *p;
        else if (n == 0 || strchr("-_:.T ", *p) == NULL || !isdigit((unsigned char)p[1]))
            break;
    }
    out[n] = '\0';
    return n;
}

static moment_t calendar(const char *d)
{
    char text[32];
    moment_t t;
    snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", d, d + 4, d + 6, d + 8, d + 10, d + 12);
    return moment_parse(text, strlen(text), &t) == 0 ? t : MOMENT_NONE;
}

moment_t dump_name_time(const char *path)
{
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    for (const char *p = name; *p != '\0'; p++) {
        if (!isdigit((unsigned char)*p) || (p > name && isdigit((unsigned char)p[-1])))
            continue;
        size_t run = strspn(p, "0123456789");
        char d[20];
        if (run == 10)
            return strtoll(p, NULL, 10) * MOMENT_SECOND;
        if (run == 13)
            return strtoll(p, NULL, 10) * 1000;
        if ((run == 4 || run == 8 || run == 14) && digits_at(p, d, 14) == 14) {
            moment_t t = calendar(d);
            if (t != MOMENT_NONE)
                return t;
        }
    }
    return MOMENT_NONE;
}

/* Talking to people: see say.h. */
#include "cli/say.h"

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void say(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    struct buf line = {0};
    buf_add_visible(&line, text);
    buf_addc(&line, '\n');
    fputs(line.data, stderr);
    buf_free(&line);
    free(text);
}

/* The log: see log.h. */
#include "base/log.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/moment.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum log_level threshold = LOG_INFO;
static const char *const names[] = {"debug", "info", "warn", "error"};

void log_set_level(enum log_level level)
{
    threshold = level;
}

int log_level_parse(const char *s, enum log_level *level_r)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(s, names[i]) == 0) {
            *level_r = (enum log_level)i;
            return 0;
        }
    return -1;
}

void log_line(enum log_level level, const char *who, const char *fmt, ...)
{
    if (level < threshold)
        return;
    struct buf b = {0};
    char when[MOMENT_TEXT];
    moment_format(moment_now() / 1000 * 1000, when); /* milliseconds are enough */
    buf_addf(&b, "%s %-5s ", when, names[level]);
    if (who != NULL)
        buf_addf(&b, "spawner=%s ", who);
    char *msg = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&msg, fmt, ap) < 0)
        msg = xstrdup("(message could not be formatted)");
    va_end(ap);
    for (const unsigned char *p = (const unsigned char *)msg; *p; p++) {
        if (*p == '\n')
            buf_adds(&b, "\\n");
        else if (*p < 0x20 || *p == 0x7f)
            buf_addf(&b, "\\x%02x", *p);
        else
            buf_addc(&b, (char)*p);
    }
    free(msg);
    buf_addc(&b, '\n');
    /* One write, so that lines of several processes on one terminal do not mix. A log that cannot be written has
     * nobody left to tell. */
    if (write(STDERR_FILENO, b.data, b.len) < 0) {
    }
    buf_free(&b);
}

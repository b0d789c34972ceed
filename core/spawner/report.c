/* The list of problems: see report.h. */
#include "spawner/report.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void report_document(struct report *r)
{
    r->here = 0;
}

void report_deinit(struct report *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->problems[i]);
    free(r->problems);
    *r = (struct report){0};
}

static void push(struct report *r, struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        if ((unsigned char)b->data[i] < 0x20 || b->data[i] == 0x7f)
            b->data[i] = '?';
    xgrow(&r->problems, &r->cap, r->n + 1, sizeof *r->problems);
    r->problems[r->n++] = buf_take(b);
}

static void place(const struct report *r, struct buf *b, int line, int column)
{
    if (line > 0 && !r->placeless)
        buf_addf(b, "%s:%d:%d: ", r->file, line, column);
    else
        buf_addf(b, "%s: ", r->file);
}

void report_add(struct report *r, int line, int column, const char *where, const char *fmt, ...)
{
    struct buf b = {0};
    if (r->here++ > REPORT_PER_DOCUMENT)
        return;
    if (r->here > REPORT_PER_DOCUMENT) {
        place(r, &b, line, column);
        buf_addf(&b, "and more: the first %d problems of this document are shown", REPORT_PER_DOCUMENT);
        push(r, &b);
        return;
    }
    place(r, &b, line, column);
    if (where)
        buf_addf(&b, "%s: ", where);
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    buf_adds(&b, text);
    free(text);
    push(r, &b);
}

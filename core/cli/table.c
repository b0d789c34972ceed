/* Tables: see table.h. */
#include "cli/table.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct table {
    size_t columns;
    char **cells; /* row by row, headers first */
    size_t rows, cap;
};

struct table *table_create(const char *const *headers, size_t n)
{
    struct table *t = xcalloc(1, sizeof *t);
    t->columns = n;
    table_add(t, headers);
    return t;
}

void table_add(struct table *t, const char *const *cells)
{
    xgrow(&t->cells, &t->cap, (t->rows + 1) * t->columns, sizeof *t->cells);
    for (size_t i = 0; i < t->columns; i++) {
        const char *s = cells[i] != NULL ? cells[i] : "";
        struct buf cell = {0};
        buf_add_visible(&cell, *s == '\0' && i + 1 < t->columns ? "-" : s);
        t->cells[t->rows * t->columns + i] = buf_take(&cell);
    }
    t->rows++;
}

/* Characters, not bytes: close enough to the width of what people name alerts. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static const char *colour_of(const char *cell)
{
    static const struct {
        const char *word, *code;
    } colours[] = {{"create", "\033[32m"},    {"retrigger", "\033[36m"}, {"error", "\033[31m"},
                   {"wait", "\033[33m"},      {"cancel", "\033[35m"},    {"Failed", "\033[31m"},
                   {"Succeeded", "\033[32m"}, {"Running", "\033[36m"},   {"skip", "\033[2m"}};
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        if (strcmp(colours[i].word, cell) == 0)
            return colours[i].code;
    return NULL;
}

void table_print(const struct table *t, const char *indent)
{
    bool colour = table_colour();
    size_t *w = xcalloc(t->columns, sizeof *w);
    for (size_t i = 0; i < t->rows * t->columns; i++)
        if (width(t->cells[i]) > w[i % t->columns])
            w[i % t->columns] = width(t->cells[i]);
    for (size_t r = 0; r < t->rows; r++) {
        fputs(indent, stdout);
        for (size_t c = 0; c < t->columns; c++) {
            const char *cell = t->cells[r * t->columns + c];
            const char *code = !colour ? NULL : r == 0 ? "\033[1m" : colour_of(cell);
            if (code != NULL)
                fputs(code, stdout);
            fputs(cell, stdout);
            if (code != NULL)
                fputs("\033[0m", stdout);
            if (c + 1 < t->columns)
                printf("%*s", (int)(w[c] - width(cell) + 3), "");
        }
        putchar('\n');
    }
    free(w);
}

void table_free(struct table **t)
{
    if (*t == NULL)
        return;
    for (size_t i = 0; i < (*t)->rows * (*t)->columns; i++)
        free((*t)->cells[i]);
    free((*t)->cells);
    free(*t);
    *t = NULL;
}

bool table_colour(void)
{
    return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
}

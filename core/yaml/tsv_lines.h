/* Oracle data of the tests beside this: the lines of a file, the fields between tabs. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TSV_FIELDS = 3 };

/* Calls back with the fields of every line (missing ones are NULL) but "# ..." comments; returns how many. */
static inline int tsv_each(const char *path, void (*on_line)(int line, char **fields))
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    char *line = NULL;
    size_t cap = 0;
    int n = 0, number = 0;
    ssize_t len;
    while ((len = getline(&line, &cap, f)) > 0) {
        number++;
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "# ", 2) == 0)
            continue;
        char *fields[TSV_FIELDS] = {0}, *rest = line;
        for (int i = 0; i < TSV_FIELDS && rest; i++)
            fields[i] = strsep(&rest, "\t");
        on_line(number, fields);
        n++;
    }
    free(line);
    fclose(f);
    return n;
}

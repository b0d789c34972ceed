/* Which files of the roots are looked at: all of a directory but what is hidden, in byte order; a file that was named is
 * taken as it is. Patterns come later, as they are Lua's: see spec_run.c. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { SPEC_FILES_MAX = 20000, SPEC_DEPTH_MAX = 40 };

struct spec_found {
    char *path;
    bool named; /* on the command line: no pattern is asked */
};

struct spec_selection {
    struct spec_found *files;
    size_t n, cap;
};

/* -1: there is no such root, or too much in it. */
int spec_select(const char *root, bool recursive, struct spec_selection *s, struct err *e);
void spec_selection_deinit(struct spec_selection *s);

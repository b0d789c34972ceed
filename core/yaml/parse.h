/* A piece of a file to trees. Only pieces.c, which cuts files into pieces, uses it. */
#pragma once

#include "yaml/node.h"

struct trees {
    struct node **docs;
    size_t n, cap;
    size_t pieces; /* read so far, empty and broken ones too */
};

struct piece {
    const char *name, *text; /* name of the file, for messages */
    size_t len;
    int line, column; /* where in the file it begins, both from 0 */
};

/* Adds every document of the piece, one YAML stream of valid UTF-8, to *out; empty ones are left out. -1: the first
 * that is wrong; those before it have been added. */
int parse_piece(const struct piece *piece, struct trees *out, struct err *e);

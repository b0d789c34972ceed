/* What is wrong with the documents, one sentence each: "FILE:LINE:COL: spec.when: ...". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { REPORT_PER_DOCUMENT = 50 }; /* after this many, one sentence says that there are more */

struct report {
    const char *file; /* what is being read; not owned */
    char **problems;
    size_t n, cap;
    bool placeless; /* lines and columns say nothing: an object of the API server */
    size_t here; /* problems of the document that is being read */
};

void report_document(struct report *r); /* a new document begins */
void report_deinit(struct report *r);

/* Adds a problem. `where` is the path of the member ("spec.when"), or NULL. Control bytes become '?': what
 * stands in a document must not forge lines. Line 0: no position. */
void report_add(struct report *r, int line, int column, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

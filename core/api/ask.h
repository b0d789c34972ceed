/* A question to a running engine, from the command line: GET over the Unix socket beside its store, or by URL. Has a loop of
 * its own and returns when the answer is complete. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

struct ask {
    const char *store_path; /* of a local store, without ".sock"; or NULL */
    const char *url;        /* "http://localhost:8080" (kubectl port-forward), when there is no store_path */
    const char *ca_file;    /* NULL: the system's */
    uint64_t max_bytes;     /* 0: 64 MiB */
    int64_t timeout_us;     /* 0: 35 s, a little more than the engine takes for any answer */
};

/* `path` begins with "/" and is encoded (ask_encode). The body is there for every status. -1: nobody answers, and the
 * sentence says what to do. ERR_NOT_FOUND: no engine has run on that store, or it has ended; ERR_UNREACHABLE. */
int ask_engine(const struct ask *a, const char *path, struct buf *body_r, long *status_r, struct err *e);
/* Adds a part of a path or the value of a query, percent-encoded. */
void ask_encode(struct buf *out, const char *text);

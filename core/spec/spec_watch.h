/* Have files changed? For `spec --watch`: looks at all below some paths, again and again; it is for a person who waits. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { WATCH_EVERY_MS = 250 };

struct spec_watch {
    char **paths;
    size_t n;
    uint64_t seen; /* of all files' names, sizes and times */
};

void spec_watch_clear(struct spec_watch *w);
void spec_watch_add(struct spec_watch *w, const char *path); /* copied; it need not be there */
/* Remembers how it looks now. */
void spec_watch_look(struct spec_watch *w);
/* Returns when it looks otherwise, and has looked so twice: somebody may be writing. */
void spec_watch_wait(struct spec_watch *w);

/* See spec_watch.h. */
#include "spec/spec_watch.h"

#include "base/mem.h"
#include "spec/spec_select.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <xxhash.h>

void spec_watch_clear(struct spec_watch *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->paths[i]);
    free(w->paths);
    *w = (struct spec_watch){0};
}

void spec_watch_add(struct spec_watch *w, const char *path)
{
    w->paths = xrealloc(w->paths, (w->n + 1) * sizeof *w->paths);
    w->paths[w->n++] = xstrdup(path);
}

static uint64_t look(const struct spec_watch *w)
{
    XXH3_state_t *x = XXH3_createState();
    XXH3_64bits_reset(x);
    for (size_t i = 0; i < w->n; i++) {
        struct spec_selection s = {0};
        struct err e;
        if (spec_select(w->paths[i], true, &s, &e) != 0)
            XXH3_64bits_update(x, e.msg, strlen(e.msg));
        for (size_t k = 0; k < s.n; k++) {
            struct stat st;
            XXH3_64bits_update(x, s.files[k].path, strlen(s.files[k].path) + 1);
            if (stat(s.files[k].path, &st) != 0)
                continue;
            XXH3_64bits_update(x, &st.st_size, sizeof st.st_size);
            XXH3_64bits_update(x, &st.st_ino, sizeof st.st_ino);
            XXH3_64bits_update(x, &st.st_mtim, sizeof st.st_mtim);
        }
        spec_selection_deinit(&s);
    }
    uint64_t seen = XXH3_64bits_digest(x);
    XXH3_freeState(x);
    return seen;
}

void spec_watch_look(struct spec_watch *w)
{
    w->seen = look(w);
}

void spec_watch_wait(struct spec_watch *w)
{
    const struct timespec pause = {.tv_nsec = WATCH_EVERY_MS * 1000000L};
    uint64_t before = w->seen;
    for (;;) {
        uint64_t now = look(w);
        if (now != w->seen && now == before)
            return;
        before = now;
        nanosleep(&pause, NULL);
    }
}

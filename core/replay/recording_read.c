/* Reading a recording: its files, merged in the order of time. See recording.h. */
#include "base/mem.h"
#include "replay/segment.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct source {
    struct segment *segment;
    struct recorded_poll poll; /* that comes next, when `open` */
    bool open, over;
};

struct recording {
    moment_t from, to;
    struct source *sources; /* by their first poll, then by path */
    size_t n, cap;
    size_t first;  /* before it all are over */
    size_t taken;  /* the source of the poll that was handed out, or n */
    char **urls;
    size_t n_urls;
    char **notes;
    size_t n_notes, cap_notes;
    uint64_t total, over_bytes;
};

static void add_note(struct recording *r, char *sentence)
{
    xgrow(&r->notes, &r->cap_notes, r->n_notes + 1, sizeof *r->notes);
    r->notes[r->n_notes++] = sentence;
}

static void add_url(struct recording *r, const char *url)
{
    for (size_t i = 0; i < r->n_urls; i++)
        if (strcmp(r->urls[i], url) == 0)
            return;
    r->urls = xrealloc(r->urls, (r->n_urls + 1) * sizeof *r->urls);
    r->urls[r->n_urls++] = xstrdup(url);
}

static int add_file(struct recording *r, const char *path, struct err *e)
{
    struct segment *s;
    if (segment_open(path, &s, e) != 0)
        return -1;
    if (s == NULL) {
        add_note(r, xasprintf("%s: holds no poll", path));
        return 0;
    }
    xgrow(&r->sources, &r->cap, r->n + 1, sizeof *r->sources);
    r->sources[r->n++] = (struct source){.segment = s};
    r->total += segment_size(s);
    for (size_t i = 0; segment_url(s, i) != NULL; i++)
        add_url(r, segment_url(s, i));
    return 0;
}

static bool ends(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n > m && strcmp(name + n - m, suffix) == 0;
}

static int is_segment(const struct dirent *d)
{
    return d->d_name[0] != '.' && strcmp(d->d_name, "pseudonyms.jsonl") != 0 &&
           (ends(d->d_name, ".jsonl.zst") || ends(d->d_name, ".jsonl") || ends(d->d_name, ".json") || ends(d->d_name, ".json.zst"));
}

static int add_path(struct recording *r, const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return add_file(r, path, e);
    struct dirent **names;
    int n = scandir(path, &names, is_segment, alphasort);
    if (n < 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    int rc = n == 0 ? err_set(e, ERR_NOT_FOUND, "%s: holds no recording (*.jsonl.zst, *.jsonl) and no dump of alerts (*.json)", path)
                    : 0;
    for (int i = 0; i < n; i++) {
        char *file = xasprintf("%s/%s", path, names[i]->d_name);
        if (rc == 0)
            rc = add_file(r, file, e);
        free(file);
        free(names[i]);
    }
    free(names);
    return rc;
}

static int by_first(const void *a, const void *b)
{
    const struct source *x = a, *y = b;
    moment_t p = segment_first(x->segment), q = segment_first(y->segment);
    return p != q ? (p > q) - (p < q) : strcmp(segment_path(x->segment), segment_path(y->segment));
}

int recording_open(const char *const *paths, size_t n, moment_t from, moment_t to, struct recording **recording_r, struct err *e)
{
    struct recording *r = xcalloc(1, sizeof *r);
    r->from = from;
    r->to = to;
    *recording_r = NULL;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_path(r, paths[i], e);
    if (rc != 0) {
        recording_close(&r);
        return -1;
    }
    if (r->n > 0)
        qsort(r->sources, r->n, sizeof *r->sources, by_first);
    r->taken = r->n;
    *recording_r = r;
    return 0;
}

void recording_close(struct recording **recording)
{
    struct recording *r = *recording;
    if (r == NULL)
        return;
    *recording = NULL;
    for (size_t i = 0; i < r->n; i++)
        segment_free(&r->sources[i].segment);
    for (size_t i = 0; i < r->n_notes; i++)
        free(r->notes[i]);
    free(r->notes);
    for (size_t i = 0; i < r->n_urls; i++)
        free(r->urls[i]);
    free(r->urls);
    free(r->sources);
    free(r);
}

/* The source's next poll that is within the bounds. */
static int source_next(struct recording *r, struct source *s, struct err *e)
{
    bool cut;
    int rc;
    s->open = true;
    do
        rc = segment_next(s->segment, &s->poll, &cut, e);
    while (rc == 1 && r->from != MOMENT_NONE && s->poll.time < r->from);
    if (rc == 1 && (r->to == MOMENT_NONE || s->poll.time < r->to))
        return 0;
    if (rc < 0)
        return -1;
    if (cut)
        add_note(r, xasprintf("%s: its last line is cut, the recorder was stopped while it wrote; all before it is used",
                              segment_path(s->segment)));
    s->over = true;
    r->over_bytes += segment_size(s->segment);
    segment_free(&s->segment);
    return 0;
}

/* Every source that may hold the next poll is open; the earliest, or -1: none is left. */
static int earliest(struct recording *r, size_t *i_r, struct err *e)
{
    size_t best = r->n;
    while (r->first < r->n && r->sources[r->first].over)
        r->first++;
    for (size_t i = r->first; i < r->n; i++) {
        struct source *s = &r->sources[i];
        if (s->over)
            continue;
        if (!s->open) {
            if (best < r->n && segment_first(s->segment) > r->sources[best].poll.time)
                break;
            if (source_next(r, s, e) != 0)
                return -1;
            if (s->over)
                continue;
        }
        if (best == r->n || s->poll.time < r->sources[best].poll.time)
            best = i;
    }
    *i_r = best;
    return 0;
}

int recording_next(struct recording *r, struct recorded_poll *poll_r, struct err *e)
{
    size_t i;
    if (r->taken < r->n && source_next(r, &r->sources[r->taken], e) != 0)
        return -1;
    r->taken = r->n;
    if (earliest(r, &i, e) != 0)
        return -1;
    if (i == r->n)
        return 0;
    r->taken = i;
    *poll_r = r->sources[i].poll;
    return 1;
}

size_t recording_urls(const struct recording *r)
{
    return r->n_urls;
}

const char *recording_url(const struct recording *r, size_t i)
{
    return r->urls[i];
}

size_t recording_notes(const struct recording *r)
{
    return r->n_notes;
}

const char *recording_note(const struct recording *r, size_t i)
{
    return r->notes[i];
}

void recording_progress(const struct recording *r, uint64_t *done_r, uint64_t *total_r)
{
    *done_r = r->over_bytes;
    *total_r = r->total;
    for (size_t i = r->first; i < r->n; i++)
        if (r->sources[i].open && !r->sources[i].over)
            *done_r += segment_done(r->sources[i].segment);
}

/* One file of a recording: see segment.h. */
#include "replay/segment.h"

#include "base/mem.h"
#include "replay/dump_name.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum {
    PIECE = 128 * 1024,
    HEAD_MAX = 16 * 1024, /* of a line, before its alerts */
};

enum shape { SHAPE_UNKNOWN, SHAPE_LINES, SHAPE_DUMP };

struct segment {
    char *path;
    moment_t first, modified;
    uint64_t size, done;
    enum shape shape;
    int fd;
    ZSTD_DCtx *zstd;  /* NULL: not compressed */
    bool known_plain; /* the first bytes have been looked at */
    bool at_end;      /* of the file */
    char *piece;      /* read, not decompressed yet */
    size_t piece_len, piece_used;
    struct buf text;  /* decompressed, from `used` on not handed out yet */
    size_t used, seen; /* seen: that far there is no line feed */
    uint64_t line;    /* number of the last one */
    char *url;        /* of the last poll */
    char **urls;      /* of the head, and of the first poll */
    size_t n_urls;
    bool dumped;
};

static int io_error(const struct segment *s, struct err *e)
{
    return err_set(e, ERR_IO, "%s: %s", s->path, strerror(errno));
}

static int file_open(struct segment *s, struct err *e)
{
    struct stat st;
    s->fd = open(s->path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        return io_error(s, e);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, "%s: not a regular file", s->path);
    s->size = (uint64_t)st.st_size;
    s->modified = (moment_t)st.st_mtim.tv_sec * MOMENT_SECOND + st.st_mtim.tv_nsec / 1000;
    s->piece = xmalloc(PIECE);
    return 0;
}

/* As before the first byte was read. */
static void file_close(struct segment *s)
{
    if (s->fd >= 0)
        close(s->fd);
    ZSTD_freeDCtx(s->zstd);
    free(s->piece);
    buf_free(&s->text);
    s->fd = -1;
    s->zstd = NULL;
    s->piece = NULL;
    s->known_plain = s->at_end = s->dumped = false;
    s->piece_len = s->piece_used = s->used = s->seen = 0;
    s->line = 0;
    s->done = 0;
}

static int piece_read(struct segment *s, struct err *e)
{
    ssize_t n;
    while ((n = read(s->fd, s->piece, PIECE)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        return io_error(s, e);
    s->piece_len = (size_t)n;
    s->piece_used = 0;
    s->done += (uint64_t)n;
    s->at_end = n == 0;
    if (!s->known_plain && n > 0) {
        static const char magic[] = {'\x28', '\xb5', '\x2f', '\xfd'};
        s->known_plain = true;
        if (memcmp(s->piece, magic, n < 4 ? (size_t)n : 4) == 0 && (s->zstd = ZSTD_createDCtx()) == NULL)
            abort(); /* out of memory, as xmalloc */
    }
    return 0;
}

/* More text, if there is any (then s->text grows). */
static int text_more(struct segment *s, struct err *e)
{
    if (s->used > 0) {
        memmove(s->text.data, s->text.data + s->used, s->text.len - s->used);
        s->text.len -= s->used;
        s->seen -= s->used;
        s->used = 0;
    }
    if (s->text.len > SEGMENT_LINE_MAX)
        return err_set(e, ERR_LIMIT, "%s: line %llu is longer than %d bytes", s->path, (unsigned long long)s->line + 1,
                       SEGMENT_LINE_MAX);
    size_t before = s->text.len;
    while (s->text.len == before && !s->at_end) {
        if (s->piece_used == s->piece_len && piece_read(s, e) != 0)
            return -1;
        if (s->zstd == NULL) {
            buf_add(&s->text, s->piece + s->piece_used, s->piece_len - s->piece_used);
            s->piece_used = s->piece_len;
            continue;
        }
        buf_reserve(&s->text, ZSTD_DStreamOutSize());
        ZSTD_inBuffer in = {s->piece, s->piece_len, s->piece_used};
        ZSTD_outBuffer out = {s->text.data, s->text.cap, s->text.len};
        size_t rc = ZSTD_decompressStream(s->zstd, &out, &in);
        s->piece_used = in.pos;
        s->text.len = out.pos;
        if (ZSTD_isError(rc))
            return err_set(e, ERR_INVALID, "%s: damaged behind line %llu (%s): take the file away, or end before it with --to",
                           s->path, (unsigned long long)s->line, ZSTD_getErrorName(rc));
    }
    return 0;
}

static int bad_line(const struct segment *s, const char *what, struct err *e)
{
    return err_set(e, ERR_INVALID, "%s:%llu: %s", s->path, (unsigned long long)s->line, what);
}

static enum err_kind kind_parse(const char *name)
{
    for (int k = ERR_NONE + 1; name != NULL && k <= ERR_BUG; k++)
        if (strcmp(err_kind_name((enum err_kind)k), name) == 0)
            return (enum err_kind)k;
    return ERR_UNREACHABLE;
}

static void url_add(struct segment *s, const char *url)
{
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    for (size_t i = 0; i < s->n_urls; i++)
        if (strncmp(s->urls[i], url, n) == 0 && s->urls[i][n] == '\0')
            return;
    s->urls = xrealloc(s->urls, (s->n_urls + 1) * sizeof *s->urls);
    s->urls[s->n_urls++] = xstrndup(url, n);
}

static const char *member(const cJSON *o, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

/* The members before `alerts`. 1: a poll; 0: the first line of a segment. */
static int head_read(struct segment *s, const cJSON *o, struct recorded_poll *p, struct err *e)
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(o, "recording");
    if (version != NULL) {
        const cJSON *url;
        cJSON_ArrayForEach(url, cJSON_GetObjectItemCaseSensitive(o, "urls"))
            if (cJSON_IsString(url))
                url_add(s, url->valuestring);
        if (cJSON_IsNumber(version) && version->valuedouble == RECORDING_VERSION)
            return 0;
        return bad_line(s, "a recording of another version of alertspawner", e);
    }
    const char *time = member(o, "time"), *url = member(o, "url"), *failed = member(o, "failed");
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(o, "status");
    if (time == NULL || moment_parse(time, strlen(time), &p->time) != 0)
        return bad_line(s, "no poll of a recording: it has no \"time\"", e);
    free(s->url);
    s->url = xstrdup(url != NULL ? url : "");
    p->url = s->url;
    p->status = cJSON_IsNumber(status) ? (long)status->valuedouble : 0;
    p->failed = failed != NULL;
    if (p->failed)
        err_set(&p->why, kind_parse(member(o, "kind")), "%s", failed);
    else if (p->body == NULL)
        return bad_line(s, "no poll of a recording: it has neither \"alerts\" nor \"failed\"", e);
    return 1;
}

static int line_read(struct segment *s, const char *line, size_t len, struct recorded_poll *p, struct err *e)
{
    static const char alerts[] = ",\"alerts\":";
    *p = (struct recorded_poll){0};
    while (len > 0 && strchr(" \r\t", line[len - 1]) != NULL)
        len--;
    if (len == 0)
        return 0;
    if (line[0] != '{' || line[len - 1] != '}')
        return bad_line(s, "no line of a recording: it is not one JSON object", e);
    size_t head = len;
    const char *at = memmem(line, len < HEAD_MAX ? len : HEAD_MAX, alerts, sizeof alerts - 1);
    if (at != NULL) {
        head = (size_t)(at - line);
        p->body = at + sizeof alerts - 1;
        p->len = (size_t)(line + len - 1 - p->body);
    }
    char *text = xasprintf("%.*s%s", (int)(head < 4 * HEAD_MAX ? head : 4 * HEAD_MAX), line, at != NULL ? "}" : "");
    cJSON *o = cJSON_Parse(text);
    free(text);
    int rc = o == NULL ? bad_line(s, "no line of a recording: it is not one JSON object", e) : head_read(s, o, p, e);
    cJSON_Delete(o);
    return rc;
}

/* A whole file that is one array: its time is its name's, or its own. */
static int dump_next(struct segment *s, struct recorded_poll *p, struct err *e)
{
    if (s->dumped)
        return 0;
    while (!s->at_end)
        if (text_more(s, e) != 0)
            return -1;
    s->dumped = true;
    *p = (struct recorded_poll){.time = dump_name_time(s->path), .url = "", .status = 200};
    p->body = s->text.data + s->used;
    p->len = s->text.len - s->used;
    if (p->time == MOMENT_NONE)
        p->time = s->modified;
    return 1;
}

static int shape_find(struct segment *s, struct err *e)
{
    for (;;) {
        while (s->used < s->text.len && strchr(" \t\r\n", s->text.data[s->used]) != NULL)
            s->used++;
        if (s->used < s->text.len || s->at_end)
            break;
        if (text_more(s, e) != 0)
            return -1;
    }
    char c = s->used < s->text.len ? s->text.data[s->used] : '{';
    if (c != '[' && c != '{')
        return err_set(e, ERR_INVALID, "%s: neither a recording nor a dump of alerts (it starts with neither { nor [)", s->path);
    s->shape = c == '[' ? SHAPE_DUMP : SHAPE_LINES;
    return 0;
}

int segment_next(struct segment *s, struct recorded_poll *p, bool *cut_r, struct err *e)
{
    *cut_r = false;
    if (s->fd < 0 && file_open(s, e) != 0)
        return -1;
    if (s->text.len == 0 && shape_find(s, e) != 0)
        return -1;
    if (s->shape == SHAPE_DUMP)
        return dump_next(s, p, e);
    for (;;) {
        if (s->seen < s->used)
            s->seen = s->used;
        const char *nl = s->seen < s->text.len ? memchr(s->text.data + s->seen, '\n', s->text.len - s->seen) : NULL;
        if (nl != NULL) {
            const char *line = s->text.data + s->used;
            s->used = s->seen = (size_t)(nl + 1 - s->text.data);
            s->line++;
            int rc = line_read(s, line, (size_t)(nl - line), p, e);
            if (rc != 0)
                return rc;
            continue;
        }
        s->seen = s->text.len;
        if (s->at_end) {
            *cut_r = s->used < s->text.len;
            return 0;
        }
        if (text_more(s, e) != 0)
            return -1;
    }
}

int segment_open(const char *path, struct segment **segment_r, struct err *e)
{
    struct segment *s = xcalloc(1, sizeof *s);
    struct recorded_poll p;
    bool cut;
    *segment_r = NULL;
    s->fd = -1;
    s->path = xstrdup(path);
    int rc = segment_next(s, &p, &cut, e);
    if (rc == 1) {
        s->first = p.time;
        url_add(s, p.url);
        file_close(s);
        *segment_r = s;
        return 0;
    }
    segment_free(&s);
    return rc;
}

void segment_free(struct segment **segment)
{
    struct segment *s = *segment;
    if (s == NULL)
        return;
    *segment = NULL;
    file_close(s);
    for (size_t i = 0; i < s->n_urls; i++)
        free(s->urls[i]);
    free(s->urls);
    free(s->url);
    free(s->path);
    free(s);
}

moment_t segment_first(const struct segment *s)
{
    return s->first;
}

uint64_t segment_size(const struct segment *s)
{
    return s->size;
}

uint64_t segment_done(const struct segment *s)
{
    return s->done;
}

const char *segment_path(const struct segment *s)
{
    return s->path;
}

const char *segment_url(const struct segment *s, size_t i)
{
    return i < s->n_urls ? s->urls[i] : NULL;
}

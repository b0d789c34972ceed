/* Writing a recording: see recording.h. */
#include "replay/recording.h"

#include "base/buf.h"
#include "base/mem.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum {
    LEVEL = 6,
    WINDOW_LOG = 24, /* 16 MiB: every reader takes that without being asked; answers up to it are seen again whole */
    NAME_TRIES = 100,
};

struct recorder {
    char *dir;
    char *head; /* members of the first line */
    int fd;     /* -1: the next poll begins a segment */
    char *path;
    moment_t began;
    ZSTD_CCtx *zstd;
    struct buf line, out;
    uint64_t bytes;
};

static void add_list(struct buf *b, const char *name, const char *const *v, size_t n)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(v[i]));
    char *text = cJSON_PrintUnformatted(list);
    buf_addf(b, ",\"%s\":%s", name, text);
    cJSON_free(text);
    cJSON_Delete(list);
}

static char *head_make(const struct recording_head *head)
{
    struct buf b = {0};
    buf_addf(&b, "\"interval\":%g", (double)head->interval_us / MOMENT_SECOND);
    add_list(&b, "urls", head->urls, head->n_urls);
    add_list(&b, "redacted", head->redacted, head->n_redacted);
    return buf_take(&b);
}

static int write_all(struct recorder *r, const char *bytes, size_t len, struct err *e)
{
    while (len > 0) {
        ssize_t n = write(r->fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, ERR_IO, "%s: %s", r->path, strerror(errno));
        bytes += n;
        len -= (size_t)n;
        r->bytes += (uint64_t)n;
    }
    return 0;
}

/* r->line, compressed and written. */
static int put(struct recorder *r, ZSTD_EndDirective how, struct err *e)
{
    ZSTD_inBuffer in = {r->line.data, r->line.len, 0};
    buf_clear(&r->out);
    for (size_t left = 1; left != 0;) {
        buf_reserve(&r->out, ZSTD_CStreamOutSize());
        ZSTD_outBuffer out = {r->out.data, r->out.cap, r->out.len};
        left = ZSTD_compressStream2(r->zstd, &out, &in, how);
        r->out.len = out.pos;
        if (ZSTD_isError(left))
            return err_set(e, ERR_BUG, "%s: compressing: %s", r->path, ZSTD_getErrorName(left));
    }
    return write_all(r, r->out.data, r->out.len, e);
}

static void segment_drop(struct recorder *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    free(r->path);
    r->path = NULL;
}

/* A file that nobody has: two starts within one millisecond get two names. */
static int segment_create(struct recorder *r, moment_t now, struct err *e)
{
    char text[MOMENT_TEXT], name[MOMENT_TEXT] = "";
    for (int i = 0; i < NAME_TRIES; i++) {
        moment_format(now + i * 1000 - now % 1000, text);
        size_t n = 0;
        for (const char *p = text; *p != '\0'; p++)
            if (*p != ':')
                name[n++] = *p;
        name[n] = '\0';
        free(r->path);
        r->path = xasprintf("%s/%s.jsonl.zst", r->dir, name);
        r->fd = open(r->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
        if (r->fd >= 0 || errno != EEXIST)
            break;
    }
    if (r->fd < 0)
        return err_set(e, ERR_IO, "%s: %s", r->path, strerror(errno));
    r->began = now;
    ZSTD_CCtx_reset(r->zstd, ZSTD_reset_session_only);
    moment_format(now, text);
    buf_clear(&r->line);
    buf_addf(&r->line, "{\"recording\":%d,\"by\":\"alertspawner %s\",\"time\":\"%s\",%s}\n", RECORDING_VERSION, AS_VERSION, text,
             r->head);
    return put(r, ZSTD_e_flush, e);
}

static int segment_end(struct recorder *r, struct err *e)
{
    if (r->fd < 0)
        return 0;
    buf_clear(&r->line);
    int rc = put(r, ZSTD_e_end, e);
    if (rc == 0 && fsync(r->fd) != 0)
        rc = err_set(e, ERR_IO, "%s: %s", r->path, strerror(errno));
    segment_drop(r);
    return rc;
}

int recorder_open(const char *dir, const struct recording_head *head, moment_t now, struct recorder **recorder_r,
                  struct err *e)
{
    *recorder_r = NULL;
    struct stat st;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return err_set(e, ERR_IO, "%s: cannot make this directory: %s", dir, strerror(errno));
    if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
        return err_set(e, ERR_INVALID, "%s: a recording is a directory, and this is a file; name another place", dir);
    struct recorder *r = xcalloc(1, sizeof *r);
    r->fd = -1;
    r->dir = xstrdup(dir);
    r->head = head_make(head);
    r->zstd = ZSTD_createCCtx();
    if (r->zstd == NULL)
        abort(); /* out of memory, as xmalloc */
    ZSTD_CCtx_setParameter(r->zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(r->zstd, ZSTD_c_windowLog, WINDOW_LOG);
    ZSTD_CCtx_setParameter(r->zstd, ZSTD_c_enableLongDistanceMatching, 1);
    if (segment_create(r, now, e) != 0) {
        recorder_close(&r, NULL);
        return -1;
    }
    *recorder_r = r;
    return 0;
}

static void add_text(struct buf *b, const char *name, const char *value)
{
    cJSON *s = cJSON_CreateString(value);
    char *text = cJSON_PrintUnformatted(s);
    buf_addf(b, ",\"%s\":%s", name, text != NULL ? text : "\"\"");
    cJSON_free(text);
    cJSON_Delete(s);
}

static void line_make(struct buf *b, const struct recorded_poll *p)
{
    char text[MOMENT_TEXT];
    moment_format(p->time, text);
    buf_clear(b);
    buf_addf(b, "{\"time\":\"%s\"", text);
    add_text(b, "url", p->url);
    buf_addf(b, ",\"status\":%ld", p->status);
    if (p->failed) {
        add_text(b, "kind", err_kind_name(p->why.kind));
        add_text(b, "failed", p->why.msg);
    } else {
        buf_adds(b, ",\"alerts\":");
        size_t from = b->len;
        buf_add(b, p->body, p->len);
        /* Inside of JSON's strings there are none: these are white space. */
        for (char *c = b->data + from; (c = memchr(c, '\n', (size_t)(b->data + b->len - c))) != NULL;)
            *c = ' ';
        while (b->len > from && strchr(" \r\t", b->data[b->len - 1]) != NULL)
            b->len--;
    }
    buf_adds(b, "}\n");
}

int recorder_add(struct recorder *r, const struct recorded_poll *poll, struct err *e)
{
    if (r->fd >= 0 && poll->time - r->began >= RECORDING_SEGMENT_US && segment_end(r, e) != 0)
        return -1;
    if (r->fd < 0 && segment_create(r, poll->time, e) != 0) {
        segment_drop(r);
        return -1;
    }
    line_make(&r->line, poll);
    if (put(r, ZSTD_e_flush, e) == 0)
        return 0;
    segment_drop(r); /* what its compressor believes to be there is not */
    return -1;
}

uint64_t recorder_bytes(const struct recorder *r)
{
    return r->bytes;
}

int recorder_close(struct recorder **recorder, struct err *e)
{
    struct recorder *r = *recorder;
    if (r == NULL)
        return 0;
    *recorder = NULL;
    int rc = segment_end(r, e);
    ZSTD_freeCCtx(r->zstd);
    buf_free(&r->line);
    buf_free(&r->out);
    free(r->head);
    free(r->dir);
    free(r);
    return rc;
}

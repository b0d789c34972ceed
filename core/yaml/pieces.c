/* A file of documents: cut into pieces, which parse.c reads (see node.h).
 *
 *   file -> chunks (at "---") -> JSON values or YAML streams -> documents -> trees
 *
 * Chunks are parsed apart so that a document that is no YAML leaves the others of the file alone. */
#include "base/buf.h"
#include "base/utf8.h"
#include "yaml/json_text.h"
#include "yaml/parse.h"

#include <string.h>

static void advance(struct piece *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool newline = at->text[i] == '\n';
        at->line += newline;
        /* columns are characters: the following bytes of one do not count */
        at->column = newline ? 0 : at->column + ((at->text[i] & 0xc0) != 0x80);
    }
    at->text += n;
    at->len -= n;
}

static bool only_space(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\n' && s[i] != '\r')
            return false;
    return true;
}

static void take_piece(const struct piece *piece, struct trees *out, size_t *broken, node_problem_cb *problem,
                       void *arg)
{
    struct err e;
    if (++out->pieces > DOCUMENTS_MAX + 1)
        return; /* has been said */
    if (out->pieces > DOCUMENTS_MAX)
        err_set(&e, ERR_LIMIT, "%s:%d: more than %d documents in one file", piece->name, piece->line + 1,
                DOCUMENTS_MAX);
    else if (parse_piece(piece, out, &e) == 0)
        return;
    ++*broken;
    problem(arg, &e);
}

/* Is the chunk nothing but JSON values? Then they are parsed one by one. -1: it is not JSON. */
static int parse_json(struct piece chunk, struct trees *out, size_t *broken, node_problem_cb *problem, void *arg)
{
    struct piece probe = chunk;
    struct buf b = {0};
    size_t start, n;
    int rc = -1;
    while (!only_space(probe.text, probe.len)) {
        buf_clear(&b);
        if ((n = json_text_take(probe.text, probe.len, &start, &b)) == 0)
            goto out;
        probe.text += n;
        probe.len -= n;
    }
    rc = 0;
    while (!only_space(chunk.text, chunk.len)) {
        buf_clear(&b);
        n = json_text_take(chunk.text, chunk.len, &start, &b);
        advance(&chunk, start);
        struct piece value = {chunk.name, b.data, b.len, chunk.line, chunk.column};
        take_piece(&value, out, broken, problem, arg);
        advance(&chunk, n - start);
    }
out:
    if (b.data)
        explicit_bzero(b.data, b.cap); /* it may hold a Secret */
    buf_free(&b);
    return rc;
}

/* Length of the chunk at the start of `text`: up to the next line that begins with "---". A chunk of nothing but
 * comments and directives belongs to the document that follows. */
static size_t chunk_len(const char *text, size_t len)
{
    bool content = false;
    size_t at = 0;
    while (at < len) {
        const char *line = text + at, *newline = memchr(line, '\n', len - at);
        size_t n = newline ? (size_t)(newline - line) + 1 : len - at;
        bool marker = n >= 3 && memcmp(line, "---", 3) == 0 && (n == 3 || strchr(" \t\r\n", line[3]));
        if (marker && content)
            return at;
        content |= marker || !(line[0] == '#' || line[0] == '%' || only_space(line, n));
        at += n;
    }
    return len;
}

/* A chunk's own "---" line goes when nothing but white space follows on it: what comes then may be JSON. */
static struct piece without_marker(struct piece chunk)
{
    const char *newline = memchr(chunk.text, '\n', chunk.len);
    if (newline && chunk.len >= 3 && memcmp(chunk.text, "---", 3) == 0 &&
        only_space(chunk.text + 3, (size_t)(newline - chunk.text) - 3))
        advance(&chunk, (size_t)(newline - chunk.text) + 1);
    return chunk;
}

size_t nodes_parse_each(const char *name, const char *text, size_t len, struct node ***docs_r, size_t *n_r,
                        node_problem_cb *problem, void *arg)
{
    struct trees out = {0};
    size_t broken = 0, valid = utf8_valid(text, len);
    struct err e;
    struct piece at = {name, text, len, 0, 0};
    *docs_r = NULL;
    *n_r = 0;
    if (len > DOCUMENT_BYTES_MAX || valid != len) {
        if (len > DOCUMENT_BYTES_MAX) {
            err_set(&e, ERR_LIMIT, "%s: larger than %d MiB", name, DOCUMENT_BYTES_MAX / 1024 / 1024);
        } else {
            advance(&at, valid);
            err_set(&e, ERR_INVALID, "%s:%d:%d: no UTF-8", name, at.line + 1, at.column + 1);
        }
        problem(arg, &e);
        return 1;
    }
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark, as some editors write it */
        at.text += 3;
        at.len -= 3;
    }
    while (at.len > 0) {
        size_t n = chunk_len(at.text, at.len);
        struct piece chunk = {name, at.text, n, at.line, at.column};
        struct piece body = without_marker(chunk);
        if (!json_text_likely(body.text, body.len) || parse_json(body, &out, &broken, problem, arg) != 0)
            take_piece(&chunk, &out, &broken, problem, arg);
        advance(&at, n);
    }
    *docs_r = out.docs;
    *n_r = out.n;
    return broken;
}

static void keep_first(void *arg, const struct err *e)
{
    struct err *first = arg;
    if (first->kind == ERR_NONE)
        *first = *e;
}

int nodes_parse(const char *name, const char *text, size_t len, struct node ***docs_r, size_t *n_r, struct err *e)
{
    struct err first = {.kind = ERR_NONE};
    if (nodes_parse_each(name, text, len, docs_r, n_r, keep_first, &first) == 0)
        return 0;
    nodes_free(docs_r, *n_r);
    *n_r = 0;
    if (e)
        *e = first;
    return -1;
}

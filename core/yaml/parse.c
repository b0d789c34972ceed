/* One piece of text to trees: libyaml's events, with the scalars, keys and merges of Kubernetes on top (see node.h). */
#include "yaml/parse.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "yaml/node_map.h"
#include "yaml/scalar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct anchor {
    char *name;
    struct node *node; /* NULL while it is being read: an alias to it would hold itself */
};

struct parser {
    yaml_parser_t yaml;
    yaml_event_t event;
    const char *name;
    int line0, column0; /* where this piece begins in the file */
    size_t nodes, text; /* what has been made so far, against the ceilings */
    struct anchor *anchors;
    size_t n_anchors, cap_anchors;
    struct node **retired;
    size_t n_retired, cap_retired;
    struct err *e;
};

static int fail_at(struct parser *p, int line, int column, const char *sentence)
{
    return err_set(p->e, ERR_INVALID, "%s:%d:%d: %s", p->name, line, column, sentence);
}

static int mark_line(const struct parser *p, yaml_mark_t m)
{
    return (int)m.line + 1 + p->line0;
}

static int mark_column(const struct parser *p, yaml_mark_t m)
{
    return (int)m.column + 1 + (m.line == 0 ? p->column0 : 0);
}

static int fail_here(struct parser *p, const char *sentence)
{
    return fail_at(p, mark_line(p, p->event.start_mark), mark_column(p, p->event.start_mark), sentence);
}

static int fail_yaml(struct parser *p, const char *text, size_t len)
{
    const yaml_parser_t *y = &p->yaml;
    yaml_mark_t m = y->problem_mark;
    if (y->error == YAML_READER_ERROR) {
        m = (yaml_mark_t){0};
        for (size_t i = 0; i < y->problem_offset && i < len; i++) {
            m.column = text[i] == '\n' ? 0 : m.column + 1;
            m.line += text[i] == '\n';
        }
    }
    const char *problem = y->problem ? y->problem : "broken";
    char sentence[400];
    size_t at = m.index < len ? m.index : len;
    if (y->error == YAML_MEMORY_ERROR)
        snprintf(sentence, sizeof sentence, "out of memory");
    else if (y->error == YAML_SCANNER_ERROR && at < len && text[at] == '\t')
        snprintf(sentence, sizeof sentence, "a tab: YAML is indented with spaces");
    else if (y->context && y->context_mark.line != m.line)
        snprintf(sentence, sizeof sentence, "no valid YAML: %s (%s that begins in line %d)", problem, y->context,
                 mark_line(p, y->context_mark));
    else
        snprintf(sentence, sizeof sentence, "no valid YAML: %s", problem);
    return fail_at(p, mark_line(p, m), mark_column(p, m), sentence);
}

/* --- ceilings ------------------------------------------------------------------------------------------------- */

static int count(struct parser *p, size_t text, int line, int column)
{
    p->nodes++;
    p->text += text;
    if (p->nodes > DOCUMENT_NODES_MAX)
        return fail_at(p, line, column, "the document has more than 200000 values (aliases counted each time)");
    if (p->text > DOCUMENT_TEXT_MAX)
        return fail_at(p, line, column, "the document has more than 16 MiB of text (aliases counted each time)");
    return 0;
}

static int check_depth(struct parser *p, int depth, int line, int column)
{
    return depth <= DOCUMENT_DEPTH_MAX ? 0 : fail_at(p, line, column, "nested more than 100 levels deep");
}

/* A value that a merge or a later key pushed out lives as long as its document: an anchor may still point at it. */
static void retire(struct parser *p, struct node *n)
{
    if (n == NULL)
        return;
    xgrow(&p->retired, &p->cap_retired, p->n_retired + 1, sizeof *p->retired);
    p->retired[p->n_retired++] = n;
}

/* For the anchor of the current event. They are searched one by one, hence the ceiling. */
static int add_anchor(struct parser *p, const char *name, struct node *n)
{
    if (p->n_anchors == DOCUMENT_ANCHORS_MAX)
        return fail_here(p, "the document has more than 1000 anchors");
    xgrow(&p->anchors, &p->cap_anchors, p->n_anchors + 1, sizeof *p->anchors);
    p->anchors[p->n_anchors++] = (struct anchor){xstrdup(name), n};
    return 0;
}

/* A later anchor of the same name hides the earlier one. */
static struct anchor *find_anchor(struct parser *p, const char *name)
{
    for (size_t i = p->n_anchors; i-- > 0;)
        if (strcmp(p->anchors[i].name, name) == 0)
            return &p->anchors[i];
    return NULL;
}

/* --- aliases and merges --------------------------------------------------------------------------------------- */

static struct node *clone(struct parser *p, const struct node *n, int depth)
{
    if (check_depth(p, depth, n->line, n->column) != 0 ||
        count(p, n->text ? strlen(n->text) : 0, n->line, n->column) != 0)
        return NULL;
    struct node *c = node_create(n->type, n->line, n->column);
    c->text = xstrdup(n->text);
    c->written = xstrdup(n->written);
    c->boolean = n->boolean;
    c->integer = n->integer;
    if (n->n == 0)
        return c;
    c->items = xcalloc(n->n, sizeof *c->items);
    if (n->type == NODE_MAP) {
        c->keys = xcalloc(n->n, sizeof *c->keys);
        c->key_lines = xcalloc(n->n, sizeof *c->key_lines);
        c->key_columns = xcalloc(n->n, sizeof *c->key_columns);
    }
    for (size_t i = 0; i < n->n; i++) {
        if ((c->items[i] = clone(p, n->items[i], depth + 1)) == NULL) {
            node_free(c);
            return NULL;
        }
        c->n++;
        if (n->type == NODE_MAP) {
            c->keys[i] = xstrdup(n->keys[i]);
            c->key_lines[i] = n->key_lines[i];
            c->key_columns[i] = n->key_columns[i];
            p->text += strlen(n->keys[i]);
        }
    }
    return c;
}

static int merge_map(struct parser *p, struct node_map *m, const struct node *from, int depth)
{
    for (size_t i = 0; i < from->n; i++) {
        struct node *c = clone(p, from->items[i], depth);
        if (c == NULL)
            return -1;
        retire(p, node_map_put(m, xstrdup(from->keys[i]), from->key_lines[i], from->key_columns[i], false, c));
    }
    return 0;
}

static int merge(struct parser *p, struct node_map *m, const struct node *from, int depth)
{
    bool good = from->type == NODE_MAP || from->type == NODE_LIST;
    for (size_t i = 0; from->type == NODE_LIST && i < from->n; i++)
        good &= from->items[i]->type == NODE_MAP;
    if (!good)
        return fail_at(p, from->line, from->column, "<< merges a map or a list of maps");
    if (from->type == NODE_MAP)
        return merge_map(p, m, from, depth);
    for (size_t i = from->n; i-- > 0;) /* backwards: the earlier ones win */
        if (merge_map(p, m, from->items[i], depth) != 0)
            return -1;
    return 0;
}

/* --- events --------------------------------------------------------------------------------------------------- */

static int next(struct parser *p)
{
    yaml_event_delete(&p->event);
    return yaml_parser_parse(&p->yaml, &p->event) ? 0 : -1; /* the caller's caller words it: fail_yaml */
}

static struct node *parse_node(struct parser *p, int depth);

/* "!!binary": the text in base64, which must be a string after all. */
static char *decode_binary(const char *in)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct buf b = {0};
    buf_adds(&b, "");
    unsigned bits = 0, n = 0, pad = 0;
    for (; *in; in++) {
        const char *d = strchr(alphabet, *in);
        if (*in == '\n' || *in == '\r')
            continue;
        if (*in == '=')
            pad++;
        else if (d == NULL || pad)
            goto bad;
        bits = bits << 6 | (*in == '=' ? 0 : (unsigned)(d - alphabet));
        if (++n % 4 == 0) {
            char out[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
            if (pad > 2)
                goto bad;
            buf_add(&b, out, 3 - pad);
        }
    }
    if (n % 4 || utf8_valid(b.data, b.len) != b.len || memchr(b.data, '\0', b.len))
        goto bad;
    return buf_take(&b);
bad:
    buf_free(&b);
    return NULL;
}

/* The scalar of the current event: its kind in *s_r, its text in *text_r (free()). */
static int read_scalar(struct parser *p, struct scalar *s_r, char **text_r)
{
    const char *value = (const char *)p->event.data.scalar.value;
    const char *tag = (const char *)p->event.data.scalar.tag;
    if (memchr(value, '\0', p->event.data.scalar.length))
        return fail_here(p, "a NUL character: no Kubernetes object can hold it");
    if (tag && strcmp(tag, "tag:yaml.org,2002:binary") == 0) {
        s_r->type = NODE_STRING;
        if ((*text_r = decode_binary(value)) == NULL)
            return fail_here(p, "!!binary must be the base64 of UTF-8 text");
        return 0;
    }
    if (tag == NULL && !p->event.data.scalar.plain_implicit) {
        s_r->type = NODE_STRING;
    } else {
        struct err why;
        if (scalar_resolve(tag, value, s_r, &why) != 0)
            return fail_here(p, why.msg);
    }
    *text_r = xstrdup(value);
    return 0;
}

static struct node *parse_scalar(struct parser *p)
{
    struct scalar s;
    char *text;
    int line = mark_line(p, p->event.start_mark), column = mark_column(p, p->event.start_mark);
    if (read_scalar(p, &s, &text) != 0)
        return NULL;
    struct node *n = node_create(s.type, line, column);
    switch (s.type) {
    case NODE_STRING:
        n->text = text;
        text = NULL;
        break;
    case NODE_INT:
    case NODE_FLOAT:
        n->text = xstrdup(s.text);
        n->integer = s.type == NODE_INT ? s.integer : 0;
        break;
    case NODE_BOOL:
        n->boolean = s.boolean;
        break;
    default:
        break;
    }
    if (s.type == NODE_BOOL || s.type == NODE_INT || s.type == NODE_FLOAT)
        n->written = xstrndup(text, strnlen(text, NODE_WRITTEN_MAX));
    free(text);
    if (count(p, n->text ? strlen(n->text) : 0, line, column) != 0) {
        node_free(n);
        return NULL;
    }
    return n;
}

static struct node *parse_alias(struct parser *p, int depth)
{
    const char *name = (const char *)p->event.data.alias.anchor;
    const struct anchor *a = find_anchor(p, name);
    char sentence[200];
    if (a == NULL || a->node == NULL) {
        snprintf(sentence, sizeof sentence, a ? "the anchor %.100s holds itself" : "no anchor %.100s above", name);
        fail_here(p, sentence);
        return NULL;
    }
    return clone(p, a->node, depth);
}

/* The key of the current event as text; *merge_r: it is <<. */
static int parse_key(struct parser *p, char **key_r, bool *merge_r)
{
    *merge_r = false;
    if (p->event.type == YAML_ALIAS_EVENT) {
        const struct anchor *a = find_anchor(p, (const char *)p->event.data.alias.anchor);
        if (a == NULL || a->node == NULL || a->node->type != NODE_STRING)
            return fail_here(p, "an alias as a key must stand for a string above");
        *key_r = xstrdup(a->node->text);
        return 0;
    }
    if (p->event.type != YAML_SCALAR_EVENT)
        return fail_here(p, "a list or map cannot be a key");
    const char *value = (const char *)p->event.data.scalar.value;
    const char *tag = (const char *)p->event.data.scalar.tag;
    if (strcmp(value, "<<") == 0 &&
        (p->event.data.scalar.plain_implicit || (tag && strcmp(tag, "tag:yaml.org,2002:merge") == 0))) {
        *merge_r = true;
        *key_r = NULL;
        return 0;
    }
    struct scalar s;
    char *text;
    if (read_scalar(p, &s, &text) != 0)
        return -1;
    *key_r = scalar_key(&s, text);
    free(text);
    return *key_r ? 0 : fail_here(p, "null or a number above 2^63 cannot be a key: quote it");
}

static int parse_entry(struct parser *p, struct node_map *m, int depth)
{
    int line = mark_line(p, p->event.start_mark), column = mark_column(p, p->event.start_mark);
    char *key;
    bool is_merge;
    if (parse_key(p, &key, &is_merge) != 0)
        return -1;
    if (key && p->event.type == YAML_SCALAR_EVENT && p->event.data.scalar.anchor) {
        struct node *k = node_create(NODE_STRING, line, column); /* aliases may repeat a key's text */
        k->text = xstrdup(key);
        retire(p, k);
        if (add_anchor(p, (const char *)p->event.data.scalar.anchor, k) != 0)
            goto failed;
    }
    if (key && count(p, strlen(key), line, column) != 0)
        goto failed;
    if (next(p) != 0)
        goto failed;
    struct node *value = parse_node(p, depth + 1);
    if (value == NULL)
        goto failed;
    if (is_merge) {
        retire(p, value);
        return merge(p, m, value, depth + 1);
    }
    size_t i = node_map_find(m, key);
    if (i != SIZE_MAX && m->own[i]) {
        char sentence[200];
        snprintf(sentence, sizeof sentence, "the key \"%.100s\" is already in line %d", key, m->map->key_lines[i]);
        fail_at(p, line, column, sentence);
        retire(p, value);
        goto failed;
    }
    retire(p, node_map_put(m, key, line, column, true, value));
    return 0;
failed:
    free(key);
    return -1;
}

/* The rest of a map or list whose first event has been read. */
static int parse_rest(struct parser *p, struct node *n, int depth)
{
    struct node_map m = {.map = n};
    size_t cap = 0;
    int rc = -1;
    for (;;) {
        if (next(p) != 0)
            break;
        if (p->event.type == YAML_MAPPING_END_EVENT || p->event.type == YAML_SEQUENCE_END_EVENT) {
            rc = 0;
            break;
        }
        if (n->type == NODE_MAP) {
            if (parse_entry(p, &m, depth) != 0)
                break;
            continue;
        }
        struct node *item = parse_node(p, depth + 1);
        if (item == NULL)
            break;
        xgrow(&n->items, &cap, n->n + 1, sizeof *n->items);
        n->items[n->n++] = item;
    }
    node_map_deinit(&m);
    return rc;
}

/* The node that begins with the current event. NULL: p->e is set, or libyaml has failed. */
static struct node *parse_node(struct parser *p, int depth)
{
    int line = mark_line(p, p->event.start_mark), column = mark_column(p, p->event.start_mark);
    if (check_depth(p, depth, line, column) != 0)
        return NULL;
    if (p->event.type == YAML_ALIAS_EVENT)
        return parse_alias(p, depth);
    if (p->event.type == YAML_SCALAR_EVENT) {
        struct node *n = parse_scalar(p);
        if (n && p->event.data.scalar.anchor &&
            add_anchor(p, (const char *)p->event.data.scalar.anchor, n) != 0) {
            node_free(n);
            return NULL;
        }
        return n;
    }
    bool is_map = p->event.type == YAML_MAPPING_START_EVENT;
    if (count(p, 0, line, column) != 0)
        return NULL;
    const yaml_char_t *anchor = is_map ? p->event.data.mapping_start.anchor : p->event.data.sequence_start.anchor;
    size_t mine = p->n_anchors;
    if (anchor && add_anchor(p, (const char *)anchor, NULL) != 0)
        return NULL;
    struct node *n = node_create(is_map ? NODE_MAP : NODE_LIST, line, column);
    if (parse_rest(p, n, depth) != 0) {
        node_free(n);
        return NULL;
    }
    if (mine < p->n_anchors && p->anchors[mine].node == NULL)
        p->anchors[mine].node = n;
    return n;
}

/* --- documents ------------------------------------------------------------------------------------------------ */

static void forget_document(struct parser *p)
{
    for (size_t i = 0; i < p->n_anchors; i++)
        free(p->anchors[i].name);
    for (size_t i = 0; i < p->n_retired; i++)
        node_free(p->retired[i]);
    p->n_anchors = p->n_retired = p->nodes = p->text = 0;
}

/* Every document of one stream. 0, or -1 at the first that is wrong (those before it have been handed out). */
static int parse_stream(struct parser *p, struct trees *out)
{
    for (;;) {
        if (next(p) != 0)
            return -1;
        if (p->event.type == YAML_STREAM_END_EVENT)
            return 0;
        if (p->event.type != YAML_DOCUMENT_START_EVENT)
            continue; /* stream start, document end */
        if (next(p) != 0)
            return -1;
        struct node *n = parse_node(p, 1);
        forget_document(p);
        if (n == NULL)
            return -1;
        if (n->type == NODE_NULL) {
            node_free(n);
            continue;
        }
        xgrow(&out->docs, &out->cap, out->n + 1, sizeof *out->docs);
        out->docs[out->n++] = n;
    }
}

int parse_piece(const struct piece *piece, struct trees *out, struct err *e)
{
    struct parser p = {.name = piece->name, .line0 = piece->line, .column0 = piece->column, .e = e};
    if (!yaml_parser_initialize(&p.yaml))
        return err_set(e, ERR_LIMIT, "%s: out of memory", piece->name);
    yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p.yaml, (const unsigned char *)piece->text, piece->len);
    e->kind = ERR_NONE;
    int rc = parse_stream(&p, out);
    if (rc != 0 && e->kind == ERR_NONE)
        fail_yaml(&p, piece->text, piece->len);
    yaml_event_delete(&p.event);
    yaml_parser_delete(&p.yaml);
    forget_document(&p);
    free(p.anchors);
    free(p.retired);
    return rc;
}

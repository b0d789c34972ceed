/* A document as a tree whose every node knows its file, line and column: YAML (libyaml) and JSON both come out as this,
 * so that every later complaint can point at the place. */
#pragma once

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum node_type { NODE_NULL, NODE_BOOL, NODE_INT, NODE_FLOAT, NODE_STRING, NODE_LIST, NODE_MAP };

struct node {
    enum node_type type;
    int line, column; /* 1-based */
    char *text;       /* NODE_STRING: value; NODE_INT and NODE_FLOAT: the number as JSON writes it; NUL-free UTF-8 */
    char *written;    /* NODE_BOOL, NODE_INT, NODE_FLOAT: as the document has it (its first bytes), for sentences */
    bool boolean;
    int64_t integer;  /* NODE_INT */
    struct node **items; /* NODE_LIST; NODE_MAP: values */
    char **keys;         /* NODE_MAP, in the document's order */
    int *key_lines, *key_columns;
    size_t n;
};

enum {
    DOCUMENT_BYTES_MAX = 4 * 1024 * 1024, /* one file */
    DOCUMENT_DEPTH_MAX = 100,
    DOCUMENT_NODES_MAX = 200000, /* after aliases are expanded: a "billion laughs" ends here */
    NODE_WRITTEN_MAX = 80,
    DOCUMENT_ANCHORS_MAX = 1000,
    DOCUMENTS_MAX = 10000, /* of one file */
    DOCUMENT_TEXT_MAX = 4 * DOCUMENT_BYTES_MAX, /* bytes of all strings together, after aliases are expanded */
};

/* Parses every document of `text` (YAML streams, or one or more JSON values). `name` is the file for messages. Scalars
 * are read as Kubernetes reads them (see scalar.h), keys that are numbers or booleans become strings, a duplicate key is
 * an error. A merge key (<<) takes effect where it stands: what follows it wins over it, as in Kubernetes. *docs_r is a
 * vector of *n_r trees; free with nodes_free. Empty documents are left out. -1: the first thing that is wrong.
 *
 * JSON is read by the same parser: it is YAML's flow style, but for surrogate pairs and the escaped slash, which
 * json_text.h rewrites beforehand without moving anything. So JSON with comments or a trailing comma is taken too. */
int nodes_parse(const char *name, const char *text, size_t len, struct node ***docs_r, size_t *n_r, struct err *e);

/* The same, but a broken document does not take the others of the file with it: each is reported through `problem` and
 * the good ones are handed out. Returns how many were broken. */
typedef void node_problem_cb(void *arg, const struct err *e);
size_t nodes_parse_each(const char *name, const char *text, size_t len, struct node ***docs_r, size_t *n_r,
                        node_problem_cb *problem, void *arg);

/* Strings are wiped: a document may be a Secret. */
void nodes_free(struct node ***docs, size_t n);

struct node *node_create(enum node_type type, int line, int column);
void node_free(struct node *n);
struct node *node_get(const struct node *map, const char *key); /* NULL if absent or not a map */
cJSON *node_to_json(const struct node *n);                      /* cJSON_Delete */
cJSON *node_number_to_json(const struct node *n);               /* what cJSON would round keeps its digits: a raw item */
const char *node_type_name(enum node_type t);                   /* "a boolean", "a list", ... for sentences */

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
    bool boolean;
    int64_t integer;  /* NODE_INT */
    struct node **items; /* NODE_LIST; NODE_MAP: values */
    char **keys;         /* NODE_MAP, in the document's order */
    int *key_lines;
    size_t n;
};

enum {
    DOCUMENT_BYTES_MAX = 4 * 1024 * 1024, /* one file */
    DOCUMENT_DEPTH_MAX = 100,
    DOCUMENT_NODES_MAX = 200000, /* after aliases are expanded: a "billion laughs" ends here */
};

/* Parses every document of `text` (YAML streams, or one or more JSON values). `name` is the file for messages. Scalars
 * are read as Kubernetes reads them (sigs.k8s.io/yaml: YAML 1.1 of go-yaml v2: true/false/yes/no/on/off, ints with
 * their prefixes, null, ~), a duplicate key is an error. *docs_r is a vector of *n_r trees; free with nodes_free. Empty
 * documents are left out. */
int nodes_parse(const char *name, const char *text, size_t len, struct node ***docs_r, size_t *n_r, struct err *e);
void nodes_free(struct node ***docs, size_t n);

struct node *node_get(const struct node *map, const char *key); /* NULL if absent or not a map */
cJSON *node_to_json(const struct node *n);                      /* cJSON_Delete */
const char *node_type_name(enum node_type t);                   /* "a boolean", "a list", ... for sentences */

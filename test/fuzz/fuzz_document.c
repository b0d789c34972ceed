/* Any text as a document: it is parsed or refused; what was parsed prints as YAML that parses to the same tree. */
#include "base/buf.h"
#include "spawner/yaml_out.h"
#include "yaml/node.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        __builtin_trap();
}

static void check_equal(const struct node *a, const struct node *b)
{
    must(a->type == b->type && a->n == b->n && a->boolean == b->boolean && a->integer == b->integer);
    must((a->text == NULL) == (b->text == NULL));
    must(a->text == NULL || strcmp(a->text, b->text) == 0 || (a->type == NODE_INT && a->integer == 0)); /* -0 */
    for (size_t i = 0; i < a->n; i++) {
        const struct node *other = a->type == NODE_MAP ? node_get(b, a->keys[i]) : b->items[i];
        must(other != NULL);
        check_equal(a->items[i], other);
    }
}

static void check_place(const struct node *n)
{
    must(n->line >= 1 && n->column >= 1);
    for (size_t i = 0; i < n->n; i++) {
        must(n->type != NODE_MAP || (n->key_lines[i] >= 1 && n->key_columns[i] >= 1));
        check_place(n->items[i]);
    }
}

static void check_printed(const struct node *n)
{
    cJSON *tree = node_to_json(n);
    struct buf b = {0};
    yaml_out(tree, &b);
    struct node **docs;
    size_t n_docs;
    if (b.len <= DOCUMENT_BYTES_MAX) {
        must(nodes_parse("printed", b.data, b.len, &docs, &n_docs, NULL) == 0 && n_docs == 1);
        check_equal(n, docs[0]);
        nodes_free(&docs, n_docs);
    }
    buf_free(&b);
    cJSON_Delete(tree);
}

static void on_problem(void *arg, const struct err *e)
{
    must(e->kind != ERR_NONE && strncmp(e->msg, "f:", 2) == 0);
    ++*(size_t *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct node **docs;
    size_t n, said = 0;
    size_t broken = nodes_parse_each("f", (const char *)data, size, &docs, &n, on_problem, &said);
    must(broken == said);
    for (size_t i = 0; i < n; i++) {
        check_place(docs[i]);
        check_printed(docs[i]);
    }
    nodes_free(&docs, n);
    return 0;
}

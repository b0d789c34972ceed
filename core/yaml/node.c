/* The tree of a document: see node.h. parse.c makes it. */
#include "yaml/node.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct node *node_create(enum node_type type, int line, int column)
{
    struct node *n = xcalloc(1, sizeof *n);
    n->type = type;
    n->line = line;
    n->column = column;
    return n;
}

void node_free(struct node *n)
{
    if (n == NULL)
        return;
    for (size_t i = 0; i < n->n; i++) {
        node_free(n->items[i]);
        if (n->keys)
            free(n->keys[i]);
    }
    if (n->text)
        explicit_bzero(n->text, strlen(n->text));
    if (n->written)
        explicit_bzero(n->written, strlen(n->written));
    free(n->text);
    free(n->written);
    free(n->items);
    free(n->keys);
    free(n->key_lines);
    free(n->key_columns);
    free(n);
}

void nodes_free(struct node ***docs, size_t n)
{
    if (*docs == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        node_free((*docs)[i]);
    free(*docs);
    *docs = NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
    if (map == NULL || map->type != NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->keys[i], key) == 0)
            return map->items[i];
    return NULL;
}

cJSON *node_number_to_json(const struct node *n)
{
    const int64_t end = INT64_C(1000000000000000); /* cJSON prints 15 digits: 1e+15, and what follows is rounded */
    if (n->type == NODE_INT && n->integer > -end && n->integer < end)
        return cJSON_CreateNumber((double)n->integer);
    return cJSON_CreateRaw(n->text);
}

cJSON *node_to_json(const struct node *n)
{
    cJSON *j;
    switch (n->type) {
    case NODE_BOOL:
        return cJSON_CreateBool(n->boolean);
    case NODE_INT:
    case NODE_FLOAT:
        return node_number_to_json(n);
    case NODE_STRING:
        return cJSON_CreateString(n->text);
    case NODE_LIST:
        j = cJSON_CreateArray();
        for (size_t i = 0; i < n->n; i++)
            cJSON_AddItemToArray(j, node_to_json(n->items[i]));
        return j;
    case NODE_MAP:
        j = cJSON_CreateObject();
        for (size_t i = 0; i < n->n; i++)
            cJSON_AddItemToObject(j, n->keys[i], node_to_json(n->items[i]));
        return j;
    case NODE_NULL:
        break;
    }
    return cJSON_CreateNull();
}

const char *node_type_name(enum node_type t)
{
    static const char *const names[] = {"null", "a boolean", "an integer", "a number", "a string", "a list", "a map"};
    return names[t];
}

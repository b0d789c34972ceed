/* A map while it is being read: node.h's NODE_MAP with an index of its keys, because maps can be large and every key is
 * looked up. Only parse.c uses it. */
#pragma once

#include "yaml/node.h"

struct node_map {
    struct node *map;
    bool *own;     /* per key: written in this map itself, not brought by a merge */
    size_t *slots; /* position + 1, or 0 */
    size_t n_slots, cap_items, cap_keys, cap_lines, cap_columns, cap_own;
};

void node_map_deinit(struct node_map *m); /* leaves `map` alone */
/* Position of a key, or SIZE_MAX. */
size_t node_map_find(const struct node_map *m, const char *key);
/* Takes key and value. Returns the value that gave way, if any: the caller's. */
struct node *node_map_put(struct node_map *m, char *key, int line, int column, bool own, struct node *value);

/* A map while it is being read: see node_map.h. */
#include "yaml/node_map.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void node_map_deinit(struct node_map *m)
{
    free(m->own);
    free(m->slots);
}

static size_t *slot_of(const struct node_map *m, const char *key)
{
    size_t i = XXH3_64bits(key, strlen(key)) & (m->n_slots - 1);
    while (m->slots[i] && strcmp(m->map->keys[m->slots[i] - 1], key) != 0)
        i = (i + 1) & (m->n_slots - 1);
    return &m->slots[i];
}

static void make_room(struct node_map *m)
{
    struct node *map = m->map;
    size_t n = map->n + 1;
    xgrow(&map->items, &m->cap_items, n, sizeof *map->items);
    xgrow(&map->keys, &m->cap_keys, n, sizeof *map->keys);
    xgrow(&map->key_lines, &m->cap_lines, n, sizeof *map->key_lines);
    xgrow(&map->key_columns, &m->cap_columns, n, sizeof *map->key_columns);
    xgrow(&m->own, &m->cap_own, n, sizeof *m->own);
    if (n * 2 < m->n_slots)
        return;
    m->n_slots = m->n_slots ? m->n_slots * 2 : 16;
    free(m->slots);
    m->slots = xcalloc(m->n_slots, sizeof *m->slots);
    for (size_t i = 0; i < map->n; i++)
        *slot_of(m, map->keys[i]) = i + 1;
}

size_t node_map_find(const struct node_map *m, const char *key)
{
    return m->n_slots ? *slot_of(m, key) - 1 : SIZE_MAX;
}

struct node *node_map_put(struct node_map *m, char *key, int line, int column, bool own, struct node *value)
{
    make_room(m);
    struct node *map = m->map, *old = NULL;
    size_t *slot = slot_of(m, key), i;
    if (*slot) {
        i = *slot - 1;
        old = map->items[i];
        own |= m->own[i];
        free(key);
    } else {
        i = map->n++;
        *slot = map->n;
        map->keys[i] = key;
    }
    map->items[i] = value;
    map->key_lines[i] = line;
    map->key_columns[i] = column;
    m->own[i] = own;
    return old;
}

/* A hash map from byte strings to pointers, open addressing. It owns neither keys nor values: a value holds its own
 * key, which `key_of` returns. One thread, or guarded by its owner. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <graftmq/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef gmq_view map_key_of(const void *value);

struct map_slot {
    uint64_t hash;
    void *value; /* NULL: never used */
};

struct map {
    struct map_slot *slots; /* NULL until the first insertion */
    size_t capacity;        /* a power of two, or 0 */
    size_t count;
    map_key_of *key_of;
};

void map_init(struct map *map, map_key_of *key_of);
void map_deinit(struct map *map); /* doesn't touch the values */

void *map_find(const struct map *map, gmq_view key);

/* The key must not be in the map yet. False when memory is out. */
bool map_insert(struct map *map, void *value) __attribute__((warn_unused_result));

/* The removed value, or NULL. Gives memory back when the map has become sparse. */
void *map_remove(struct map *map, gmq_view key);

/* Visits all values in no order: start with *position 0, until NULL. If the map changes meanwhile, some are missed
 * or visited twice. */
void *map_next(const struct map *map, size_t *position);

/* Visits the values whose home is the slot that `cursor` names, and returns the cursor of the next call: start with 0,
 * until it is 0 again. Between two calls the map may change in any way: what is in it all the time is visited, and
 * visited twice only where the map has become smaller meanwhile. A visit must not change the map. */
uint64_t map_scan(const struct map *map, uint64_t cursor, void (*visit)(void *value, void *data), void *data);

#endif

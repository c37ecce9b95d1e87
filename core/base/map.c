/* A hash map from byte strings to pointers: linear probing, and deletion by shifting back, so that there are no
 * tombstones and the length of a search depends on the present members only. */
#include "base/map.h"

#include "base/hash.h"
#include "base/memory.h"

#include <string.h>

enum {
    MAP_CAPACITY_MIN = 8,
    /* From so many bytes on, slots are pages of their own: a table that has been outgrown would leave a gap among what
     * the allocator keeps. */
    MAP_PAGES_FROM = 65536,
    MAP_PAGE = 4096,
};

void map_init(struct map *map, map_key_of *key_of)
{
    *map = (struct map){.key_of = key_of};
}

static struct map_slot *slots_new(size_t capacity)
{
    size_t size = capacity * sizeof(struct map_slot);
    if (size < MAP_PAGES_FROM)
        return mem_alloc_zero(capacity, sizeof(struct map_slot));
    struct map_slot *slots = mem_alloc_pages(MAP_PAGE, size);
    if (slots != NULL)
        memset(slots, 0, size);
    return slots;
}

static void slots_free(struct map_slot *slots, size_t capacity)
{
    size_t size = capacity * sizeof(struct map_slot);
    if (size < MAP_PAGES_FROM)
        mem_free(slots);
    else
        mem_free_pages(slots, size);
}

void map_deinit(struct map *map)
{
    slots_free(map->slots, map->capacity);
    map_init(map, map->key_of);
}

static void slots_place(struct map_slot *slots, size_t mask, struct map_slot slot)
{
    size_t index = slot.hash & mask;
    while (slots[index].value != NULL)
        index = (index + 1) & mask;
    slots[index] = slot;
}

static bool map_resize(struct map *map, size_t capacity)
{
    struct map_slot *slots = slots_new(capacity);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].value != NULL)
            slots_place(slots, capacity - 1, map->slots[i]);
    }
    slots_free(map->slots, map->capacity);
    map->slots = slots;
    map->capacity = capacity;
    return true;
}

/* The slot of the key, or NULL. */
static struct map_slot *map_locate(const struct map *map, gmq_view key)
{
    if (map->count == 0)
        return NULL;
    uint64_t hash = hash_bytes(key.data, key.length);
    size_t mask = map->capacity - 1;
    for (size_t index = hash & mask; map->slots[index].value != NULL; index = (index + 1) & mask) {
        struct map_slot *slot = &map->slots[index];
        if (slot->hash == hash && gmq_view_same(map->key_of(slot->value), key))
            return slot;
    }
    return NULL;
}

void *map_find(const struct map *map, gmq_view key)
{
    const struct map_slot *slot = map_locate(map, key);
    return slot != NULL ? slot->value : NULL;
}

bool map_insert(struct map *map, void *value)
{
    /* At most 70 % full: beyond that, searches of linear probing grow long quickly. */
    if ((map->count + 1) * 10 > map->capacity * 7) {
        size_t capacity = map->capacity != 0 ? map->capacity * 2 : MAP_CAPACITY_MIN;
        if (!map_resize(map, capacity))
            return false;
    }
    gmq_view key = map->key_of(value);
    struct map_slot slot = {hash_bytes(key.data, key.length), value};
    slots_place(map->slots, map->capacity - 1, slot);
    map->count++;
    return true;
}

/* Empties the slot, moving what follows in the same run back, but nothing to before the slot that its hash names. */
static void map_shift_back(struct map *map, size_t hole)
{
    size_t mask = map->capacity - 1;
    for (size_t index = (hole + 1) & mask; map->slots[index].value != NULL; index = (index + 1) & mask) {
        size_t distance_from_home = (index - map->slots[index].hash) & mask;
        if (distance_from_home >= ((index - hole) & mask)) {
            map->slots[hole] = map->slots[index];
            hole = index;
        }
    }
    map->slots[hole] = (struct map_slot){0};
}

void *map_remove(struct map *map, gmq_view key)
{
    struct map_slot *slot = map_locate(map, key);
    if (slot == NULL)
        return NULL;
    void *value = slot->value;
    map_shift_back(map, (size_t)(slot - map->slots));
    map->count--;
    /* Half of the size is then a quarter full: far from the next change in either direction. A failure does no harm. */
    if (map->capacity > MAP_CAPACITY_MIN && map->count < map->capacity / 8)
        (void)!map_resize(map, map->capacity / 2);
    return value;
}

void *map_next(const struct map *map, size_t *position)
{
    while (*position < map->capacity) {
        void *value = map->slots[(*position)++].value;
        if (value != NULL)
            return value;
    }
    return NULL;
}

static uint64_t bits_reversed(uint64_t bits)
{
    bits = (bits >> 1 & UINT64_C(0x5555555555555555)) | (bits & UINT64_C(0x5555555555555555)) << 1;
    bits = (bits >> 2 & UINT64_C(0x3333333333333333)) | (bits & UINT64_C(0x3333333333333333)) << 2;
    bits = (bits >> 4 & UINT64_C(0x0F0F0F0F0F0F0F0F)) | (bits & UINT64_C(0x0F0F0F0F0F0F0F0F)) << 4;
    return __builtin_bswap64(bits);
}

/* The cursor counts with its highest bit as its lowest. A home that is split by growing becomes two whose low bits are
 * its own, so that both are before the cursor, or both behind it. */
uint64_t map_scan(const struct map *map, uint64_t cursor, void (*visit)(void *value, void *data), void *data)
{
    if (map->capacity == 0)
        return 0;
    size_t mask = map->capacity - 1, home = cursor & mask;
    for (size_t index = home; map->slots[index].value != NULL; index = (index + 1) & mask) {
        if ((map->slots[index].hash & mask) == home)
            visit(map->slots[index].value, data);
    }
    return bits_reversed(bits_reversed(cursor | ~(uint64_t)mask) + 1);
}

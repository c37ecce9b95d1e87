/* A set of 16-bit identifiers: open addressing with linear probing, deletion by shifting back. */
#include "base/id_set.h"

#include "base/memory.h"

#include <assert.h>
#include <stddef.h>

enum {
    ID_SET_CAPACITY_MIN = 8,
    /* A set that has become empty keeps its memory up to here: windows fill and drain all the time. */
    ID_SET_CAPACITY_KEPT = 256,
};

/* Identifiers come one after the other. The multiplication spreads them, so that they form no long run, whose end each
 * removal would have to look for. The upper bits are the good ones. */
static inline uint32_t id_home(uint32_t capacity, uint16_t id)
{
    return (id * UINT32_C(2654435769)) >> (__builtin_clz(capacity) + 1);
}

/* The slot that holds the identifier, or the free one where it would go. */
static inline uint32_t id_locate(const struct id_set *set, uint16_t id)
{
    uint32_t index = id_home(set->capacity, id);
    while (set->slots[index] != 0 && set->slots[index] != id)
        index = (index + 1) & (set->capacity - 1);
    return index;
}

void id_set_deinit(struct id_set *set)
{
    mem_free(set->slots);
    *set = (struct id_set){0};
}

bool id_set_has(const struct id_set *set, uint16_t id)
{
    return set->count != 0 && id != 0 && set->slots[id_locate(set, id)] == id;
}

static bool id_set_grow(struct id_set *set)
{
    struct id_set larger = {.capacity = set->capacity != 0 ? set->capacity * 2 : ID_SET_CAPACITY_MIN,
                            .count = set->count};
    larger.slots = mem_alloc_zero(larger.capacity, sizeof(*larger.slots));
    if (larger.slots == NULL)
        return false;
    for (uint32_t i = 0; i < set->capacity; i++) {
        if (set->slots[i] != 0)
            larger.slots[id_locate(&larger, set->slots[i])] = set->slots[i];
    }
    mem_free(set->slots);
    *set = larger;
    return true;
}

bool id_set_add(struct id_set *set, uint16_t id)
{
    assert(id != 0);
    if (id_set_has(set, id))
        return true;
    if (set->count >= set->capacity / 4 * 3 && !id_set_grow(set))
        return false;
    set->slots[id_locate(set, id)] = id;
    set->count++;
    return true;
}

/* As in map.c: nothing moves to before its home. */
static void id_set_shift_back(struct id_set *set, uint32_t hole)
{
    uint32_t mask = set->capacity - 1;
    for (uint32_t index = (hole + 1) & mask; set->slots[index] != 0; index = (index + 1) & mask) {
        uint32_t distance_from_home = (index - id_home(set->capacity, set->slots[index])) & mask;
        if (distance_from_home >= ((index - hole) & mask)) {
            set->slots[hole] = set->slots[index];
            hole = index;
        }
    }
    set->slots[hole] = 0;
}

bool id_set_remove(struct id_set *set, uint16_t id)
{
    if (!id_set_has(set, id))
        return false;
    id_set_shift_back(set, id_locate(set, id));
    set->count--;
    if (set->count == 0 && set->capacity > ID_SET_CAPACITY_KEPT)
        id_set_deinit(set);
    return true;
}

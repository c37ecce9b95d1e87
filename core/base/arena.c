/* A bump allocator over a chain of blocks. */
#include "base/arena.h"

#include "base/memory.h"
#include "base/poison.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct arena_block {
    struct arena_block *older;
    size_t capacity; /* a multiple of ARENA_ALIGNMENT */
    alignas(max_align_t) unsigned char bytes[];
};

enum {
    ARENA_ALIGNMENT = alignof(max_align_t),
    ARENA_BLOCK_FIRST = 4096 - 2 * (int)sizeof(struct arena_block), /* with its header and malloc's: one page */
    ARENA_BLOCK_MAX = 65536, /* larger ones hold a single large object, and are not kept */
};

void arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.limit = limit};
}

static void block_free(struct arena_block *block)
{
    UNPOISON(block->bytes, block->capacity);
    mem_free(block);
}

/* Frees all blocks but `kept`, which may be NULL. */
static void arena_free_blocks(struct arena *arena, const struct arena_block *kept)
{
    struct arena_block *block = arena->block;
    while (block != NULL) {
        struct arena_block *older = block->older;
        if (block != kept)
            block_free(block);
        block = older;
    }
}

void arena_deinit(struct arena *arena)
{
    arena_free_blocks(arena, NULL);
    arena_init(arena, arena->limit);
}

/* Blocks double, so that a large user soon needs few of them, and the newest is the one worth keeping. */
static size_t arena_next_capacity(const struct arena *arena, size_t size)
{
    size_t capacity = ARENA_BLOCK_FIRST;
    if (arena->block != NULL)
        capacity = arena->block->capacity < ARENA_BLOCK_MAX / 2 ? arena->block->capacity * 2 : ARENA_BLOCK_MAX;
    return capacity < size ? size : capacity;
}

static bool arena_add_block(struct arena *arena, size_t size)
{
    size_t left = arena->total < arena->limit ? arena->limit - arena->total : 0;
    if (size > left || size > SIZE_MAX - sizeof(struct arena_block))
        return false;
    size_t capacity = arena_next_capacity(arena, size);
    if (capacity > left)
        capacity = left - left % ARENA_ALIGNMENT;
    struct arena_block *block = mem_alloc(sizeof(*block) + capacity);
    if (block == NULL)
        return false;
    block->older = arena->block;
    block->capacity = capacity;
    POISON(block->bytes, capacity);
    arena->block = block;
    arena->used = 0;
    arena->total += capacity;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - ARENA_ALIGNMENT)
        return NULL;
    /* Nothing takes one byte too, so that no two results are the same address. */
    size_t rounded = (size + (size == 0) + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if ((arena->block == NULL || arena->block->capacity - arena->used < rounded) && !arena_add_block(arena, rounded))
        return NULL;
    void *result = arena->block->bytes + arena->used;
    arena->used += rounded;
    UNPOISON(result, size);
    return result;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t length)
{
    void *copy = arena_alloc(arena, length);
    if (copy != NULL && length != 0)
        memcpy(copy, bytes, length);
    return copy;
}

/* The usual case: one block, which stays. */
static bool arena_has_one_block(const struct arena *arena)
{
    return arena->block != NULL && arena->block->older == NULL && arena->block->capacity <= ARENA_BLOCK_MAX;
}

void arena_reset(struct arena *arena)
{
    if (arena_has_one_block(arena)) {
        POISON(arena->block->bytes, arena->block->capacity);
        arena->used = 0;
        return;
    }
    struct arena_block *kept = NULL;
    for (struct arena_block *block = arena->block; block != NULL; block = block->older) {
        if (block->capacity <= ARENA_BLOCK_MAX && (kept == NULL || block->capacity > kept->capacity))
            kept = block;
    }
    arena_free_blocks(arena, kept);
    arena_init(arena, arena->limit);
    if (kept == NULL)
        return;
    POISON(kept->bytes, kept->capacity);
    kept->older = NULL;
    arena->block = kept;
    arena->total = kept->capacity;
}

void arena_move(struct arena *to, struct arena *from)
{
    if (to->block == NULL) {
        to->block = from->block;
        to->used = from->used;
    } else {
        /* Behind the oldest: `to` goes on filling its own current block. */
        struct arena_block *oldest = to->block;
        while (oldest->older != NULL)
            oldest = oldest->older;
        oldest->older = from->block;
    }
    to->total += from->total;
    arena_init(from, from->limit);
}

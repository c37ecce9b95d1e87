/* Slabs of objects of one size.
 *
 * A slab begins at a multiple of the pool's span, so that an object finds its slab by its address alone. The slabs are
 * a ring, those with a free object first: a slab that has become full goes to the end by moving the ring's head past
 * it. */
#include "base/pool.h"

#include "base/memory.h"
#include "base/poison.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

struct pool_free_object {
    struct pool_free_object *next;
};

struct pool_slab {
    struct pool_slab *next;
    struct pool_slab *previous;
    struct pool_free_object *free; /* objects that were used before */
    size_t carved;                 /* how many objects were ever handed out; memory behind them is untouched */
    size_t in_use;
    alignas(16) unsigned char objects[];
};

enum {
    POOL_SPAN = 65536,
    /* A slab is this much smaller than its span: the general allocator's own header then fits between two neighbours,
     * so that slabs lie side by side, and the request stays below the size from which each would be a mapping of its
     * own. */
    POOL_SPAN_MARGIN = 128,
    POOL_OBJECTS_MIN = 7,
};

static size_t slab_objects(size_t span, size_t object_size)
{
    return (span - POOL_SPAN_MARGIN - sizeof(struct pool_slab)) / object_size;
}

void pool_init(struct pool *pool, size_t object_size)
{
    assert(object_size != 0 && object_size < SIZE_MAX / 64);
    object_size = (object_size + 15) / 16 * 16;
    size_t span = POOL_SPAN;
    while (slab_objects(span, object_size) < POOL_OBJECTS_MIN)
        span *= 2;
    *pool = (struct pool){
        .object_size = object_size, .slab_span = span, .objects_per_slab = slab_objects(span, object_size)};
}

static void slab_link_first(struct pool *pool, struct pool_slab *slab)
{
    if (pool->slabs == NULL) {
        slab->next = slab;
        slab->previous = slab;
    } else {
        slab->next = pool->slabs;
        slab->previous = pool->slabs->previous;
        slab->previous->next = slab;
        slab->next->previous = slab;
    }
    pool->slabs = slab;
}

static void slab_unlink(struct pool *pool, struct pool_slab *slab)
{
    if (pool->slabs == slab)
        pool->slabs = slab->next != slab ? slab->next : NULL;
    slab->next->previous = slab->previous;
    slab->previous->next = slab->next;
}

static bool pool_add_slab(struct pool *pool)
{
    struct pool_slab *slab = mem_alloc_aligned(pool->slab_span, pool->slab_span - POOL_SPAN_MARGIN);
    if (slab == NULL)
        return false;
    *slab = (struct pool_slab){0};
    POISON(slab->objects, pool->objects_per_slab * pool->object_size);
    slab_link_first(pool, slab);
    pool->slab_count++;
    pool->empty_slabs++;
    return true;
}

static void pool_drop_slab(struct pool *pool, struct pool_slab *slab)
{
    slab_unlink(pool, slab);
    pool->slab_count--;
    UNPOISON(slab->objects, pool->objects_per_slab * pool->object_size);
    mem_free(slab);
}

void pool_deinit(struct pool *pool)
{
    assert(pool->in_use == 0);
    while (pool->slabs != NULL)
        pool_drop_slab(pool, pool->slabs);
    pool->empty_slabs = 0;
}

static void *slab_take(const struct pool *pool, struct pool_slab *slab)
{
    struct pool_free_object *object = slab->free;
    if (object == NULL) {
        unsigned char *fresh = slab->objects + slab->carved * pool->object_size;
        slab->carved++;
        UNPOISON(fresh, pool->object_size);
        return fresh;
    }
    UNPOISON(object, pool->object_size);
    slab->free = object->next;
    return object;
}

void *pool_alloc(struct pool *pool)
{
    struct pool_slab *slab = pool->slabs;
    if (slab == NULL || slab->in_use == pool->objects_per_slab) {
        if (!pool_add_slab(pool))
            return NULL;
        slab = pool->slabs;
    }
    if (slab->in_use == 0)
        pool->empty_slabs--;
    slab->in_use++;
    pool->in_use++;
    if (slab->in_use == pool->objects_per_slab)
        pool->slabs = slab->next;
    return slab_take(pool, slab);
}

void pool_free(struct pool *pool, void *object)
{
    /* By subtraction, so that the pointer keeps its origin for the compiler. */
    struct pool_slab *slab = (void *)((char *)object - ((uintptr_t)object & (pool->slab_span - 1)));
    struct pool_free_object *freed = object;
    freed->next = slab->free;
    slab->free = freed;
    POISON(object, pool->object_size);
    pool->in_use--;
    if (slab->in_use == pool->objects_per_slab) {
        slab_unlink(pool, slab);
        slab_link_first(pool, slab);
    }
    slab->in_use--;
    if (slab->in_use != 0)
        return;
    /* One empty slab stays, so that a pool that goes back and forth over a slab's edge doesn't allocate each time. */
    if (pool->empty_slabs == 0)
        pool->empty_slabs = 1;
    else
        pool_drop_slab(pool, slab);
}

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
    /* A slab is this much smaller than its span: where slabs come from the general allocator, its own header then fits
     * between two neighbours, so that they lie side by side. */
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
    object_size = (object_size + 7) / 8 * 8;
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

static struct pool_slab *slab_new(struct pool *pool)
{
    struct pool_slab *slab = mem_alloc_pages(pool->slab_span, pool->slab_span - POOL_SPAN_MARGIN);
    if (slab == NULL)
        return NULL;
    *slab = (struct pool_slab){0};
    POISON(slab->objects, pool->objects_per_slab * pool->object_size);
    pool->slab_count++;
    return slab;
}

/* Empty slabs are out of the ring, in a list of their own. */
static struct pool_slab *pool_take_empty(struct pool *pool)
{
    struct pool_slab *slab = pool->empty;
    if (slab == NULL)
        return NULL;
    pool->empty = slab->next;
    pool->empty_slabs--;
    if (pool->empty_slabs < pool->fewest_empty)
        pool->fewest_empty = pool->empty_slabs;
    return slab;
}

static void pool_keep_empty(struct pool *pool, struct pool_slab *slab)
{
    slab_unlink(pool, slab);
    slab->next = pool->empty;
    pool->empty = slab;
    pool->empty_slabs++;
}

static bool pool_add_slab(struct pool *pool)
{
    struct pool_slab *slab = pool_take_empty(pool);
    if (slab == NULL)
        slab = slab_new(pool);
    if (slab == NULL)
        return false;
    slab_link_first(pool, slab);
    return true;
}

static void pool_drop_empty(struct pool *pool, size_t count)
{
    while (count-- > 0) {
        struct pool_slab *slab = pool_take_empty(pool);
        pool->slab_count--;
        UNPOISON(slab->objects, pool->objects_per_slab * pool->object_size);
        mem_free_pages(slab, pool->slab_span - POOL_SPAN_MARGIN);
    }
}

void pool_trim(struct pool *pool)
{
    pool_drop_empty(pool, pool->fewest_empty);
    pool->fewest_empty = pool->empty_slabs;
}

void pool_deinit(struct pool *pool)
{
    assert(pool->in_use == 0);
    pool_drop_empty(pool, pool->empty_slabs);
    pool->fewest_empty = 0;
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
    if (slab->in_use == 0)
        pool_keep_empty(pool, slab);
}

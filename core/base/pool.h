/* Objects of one size from slabs, with a free list: no call of the general allocator in steady state. One thread.
 * Slabs whose objects are all free again are kept until pool_trim finds that they aren't needed. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool_slab;

struct pool {
    struct pool_slab *slabs; /* those with a free object first */
    size_t object_size;
    size_t slab_span; /* a power of two: slabs begin at its multiples, so an object's address tells its slab */
    size_t objects_per_slab;
    size_t in_use;
    size_t slab_count;
    struct pool_slab *empty; /* slabs without an object, apart from the others */
    size_t empty_slabs;
    size_t fewest_empty; /* since the last pool_trim: so many were not needed */
};

/* `object_size` is rounded up to a multiple of 8; objects whose size is a multiple of 16 are aligned to that. Slabs are
 * about 64 KiB (more for large objects). */
void pool_init(struct pool *pool, size_t object_size);

/* All objects must have been freed. */
void pool_deinit(struct pool *pool);

/* Gives those empty slabs back that were not needed since the last call. To be called now and then: memory that a burst
 * took goes back within two calls, and a pool whose use goes up and down in between neither maps nor unmaps. */
void pool_trim(struct pool *pool);

/* Not cleared; NULL when memory is out. */
void *pool_alloc(struct pool *pool) __attribute__((warn_unused_result));
void pool_free(struct pool *pool, void *object);

#endif

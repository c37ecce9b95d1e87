/* Small blocks of many sizes: a pool for each multiple of eight bytes, and the general allocator for what is larger.
 * Saves its header and rounding, which is half of a block of 24 bytes. One thread at a time. */
#ifndef BASE_SMALL_H
#define BASE_SMALL_H

#include "base/pool.h"

enum { SMALL_STEP = 8, SMALL_LARGEST = 192, SMALL_POOLS = SMALL_LARGEST / SMALL_STEP };

struct small {
    struct pool pools[SMALL_POOLS];
};

void small_init(struct small *small);

/* All blocks must have been freed. */
void small_deinit(struct small *small);

/* Gives back what was not needed since the last call. */
void small_trim(struct small *small);

/* Aligned for pointers, not cleared; NULL when memory is out. */
void *small_alloc(struct small *small, size_t size) __attribute__((warn_unused_result));

/* `size` is that of small_alloc. NULL is allowed. */
void small_free(struct small *small, void *block, size_t size);

#endif
